"""Gets the files of WhatsApp and SMS messages from Twilio, and nothing from anywhere else.

Whoever can sign a webhook names the address, and a redirect may lead on, so every hop is checked: https, a host of the
list, and an address of the public internet, which is then connected to (a name cannot point elsewhere in between). The
account's credentials go to Twilio's API only, never on after a redirect. Proxies are not used: they would resolve the
name themselves.
"""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Self
from urllib.parse import SplitResult, urljoin, urlsplit

import httpx

from agent.errors import MediaRefused, Permanent, Retryable
from agent.media.types import MAX_MEDIA_BYTES
from agent.ports import Fetched
from agent.settings import Settings

API_HOST = re.compile(r"api(\.[a-z0-9-]+){0,2}\.twilio\.com")
"""Twilio's API, also of an edge and region: the only hosts that get the credentials."""
STORAGE_HOSTS = ("twilio.com", "twiliocdn.com", "amazonaws.com")
"""Domains to which the API redirects for the file itself."""
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""Where IPv6-only networks see the IPv4 internet (RFC 6052)."""
MAX_REDIRECTS = 4
TIMEOUT = httpx.Timeout(connect=5, read=10, write=5, pool=5)
TOTAL_TIMEOUT_S = 20.0
MAX_FILENAME_CHARS = 200

Resolve = Callable[[str, int], Awaitable[Collection[str]]]
"""Returns the addresses of a host."""


async def resolve_host(host: str, port: int) -> Collection[str]:
    """Return the addresses of a host, as this machine's resolver tells them.

    Raises:
        OSError: it tells none.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(each[4][0]) for each in found]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Hop:
    """One request on the way to a file: where to connect, and how that place is called."""

    url: str
    host: str
    address: str | None = None
    """The checked address to connect to; None: the trusted stand-in of the tests."""
    is_api: bool = False


class TwilioMediaFetcher:
    """Implements `agent.ports.MediaFetcher` for Twilio.

    `base_url` stands in for Twilio's API, `trusted_origins` for its storage: for stand-ins on this machine only
    (`Settings` refuses any other). `hosts` are further domains that may store files.
    """

    def __init__(
        self,
        *,
        account_sid: str,
        auth_token: str,
        base_url: str | None = None,
        trusted_origins: Collection[str] = (),
        hosts: Collection[str] = (),
        max_bytes: int = MAX_MEDIA_BYTES,
        timeout: httpx.Timeout = TIMEOUT,
        total_timeout_s: float = TOTAL_TIMEOUT_S,
        resolve: Resolve = resolve_host,
    ) -> None:
        self._auth = httpx.BasicAuth(account_sid, auth_token)
        self._base = base_url.rstrip("/") if base_url else None
        self._trusted = {*trusted_origins, *([self._base] if self._base else ())}
        self._hosts = (*STORAGE_HOSTS, *hosts)
        self._max_bytes, self._total_timeout_s, self._resolve = max_bytes, total_timeout_s, resolve
        # A kept connection is known by its address alone, which two hosts may share: each hop has its own.
        limits = httpx.Limits(max_connections=20, max_keepalive_connections=0)
        self._http = httpx.AsyncClient(timeout=timeout, limits=limits, follow_redirects=False, trust_env=False)

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Build the fetcher of the configured account; without one it gets only what needs no credentials."""
        token = settings.twilio_auth_token
        return cls(
            account_sid=settings.twilio_account_sid or "",
            auth_token=token.get_secret_value() if token else "",
            base_url=settings.twilio_base_url,
            hosts=settings.nightshift_media_hosts,
        )

    async def fetch(self, url: str) -> Fetched:
        """Get a file; see `agent.ports.MediaFetcher`."""
        try:
            async with asyncio.timeout(self._total_timeout_s):
                return await self._follow(url)
        except TimeoutError as exc:
            raise Retryable(f"the file did not come within {self._total_timeout_s:g} s") from exc
        except httpx.InvalidURL as exc:
            raise MediaRefused("the file's address is malformed") from exc
        except httpx.RequestError as exc:
            raise Retryable(f"the file could not be fetched: {type(exc).__name__}") from exc

    async def aclose(self) -> None:
        """Release connections."""
        await self._http.aclose()

    async def _follow(self, url: str) -> Fetched:
        hop = await self._checked(self._at_base(url))
        for _ in range(MAX_REDIRECTS + 1):
            answer = await self._http.send(_request(hop), auth=self._auth if hop.is_api else None, stream=True)
            try:
                if not answer.is_redirect:
                    _require_success(answer)
                    return Fetched(content=await self._read(answer), filename=_filename(answer))
                location = urljoin(hop.url, answer.headers.get("location", ""))
            finally:
                await answer.aclose()
            hop = await self._checked(location, after_redirect=True)
        raise MediaRefused(f"the file is behind more than {MAX_REDIRECTS} redirects")

    def _at_base(self, url: str) -> str:
        """Return where an address of the API is: at the stand-in, where there is one."""
        parts = urlsplit(url)
        if self._base is None or API_HOST.fullmatch(parts.hostname or "") is None:
            return url
        return f"{self._base}{parts.path}{f'?{parts.query}' if parts.query else ''}"

    async def _checked(self, url: str, *, after_redirect: bool = False) -> _Hop:
        """Return an address as a hop that may be taken.

        Raises:
            MediaRefused: it may not.
            Retryable: its name cannot be resolved now.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port or 443
        except ValueError as exc:
            raise MediaRefused("the file's address is malformed") from exc
        if _origin(parts) in self._trusted:
            return _Hop(url=url, host=host, is_api=_origin(parts) == self._base and not after_redirect)
        is_api = API_HOST.fullmatch(host) is not None
        if parts.scheme != "https" or port != 443 or parts.username is not None:
            raise MediaRefused("the file's address is not plain https")
        if not is_api and not any(host == each or host.endswith(f".{each}") for each in self._hosts):
            raise MediaRefused(f"{host[:100]!r} is no host of the provider's files (NIGHTSHIFT_MEDIA_HOSTS)")
        return _Hop(url=url, host=host, address=await self._public_address(host), is_api=is_api and not after_redirect)

    async def _public_address(self, host: str) -> str:
        try:
            found = await self._resolve(host, 443)
        except UnicodeError as exc:
            raise MediaRefused("the file's address names no possible host") from exc
        except OSError as exc:
            raise Retryable(f"the host {host} cannot be found") from exc
        if not found or not all(_is_public(each) for each in found):
            raise MediaRefused(f"{host} is not on the public internet")
        return next(iter(found))

    async def _read(self, answer: httpx.Response) -> bytes:
        """Read the body as it is sent, no further than the limit."""
        if answer.headers.get("content-encoding", "identity") != "identity":
            raise Permanent("the file came in an encoding that was not asked for")
        if int(answer.headers.get("content-length", "0") or 0) > self._max_bytes:
            raise MediaRefused(f"the file is larger than {self._max_bytes} bytes")
        content = bytearray()
        async for chunk in answer.aiter_raw():
            content += chunk
            if len(content) > self._max_bytes:
                raise MediaRefused(f"the file is larger than {self._max_bytes} bytes")
        return bytes(content)


def _request(hop: _Hop) -> httpx.Request:
    """Return how to ask for a hop: at its checked address, by its own name."""
    headers = {"accept": "*/*", "accept-encoding": "identity"}
    if hop.address is None:
        return httpx.Request("GET", hop.url, headers=headers)
    url = httpx.URL(hop.url).copy_with(host=hop.address)
    return httpx.Request("GET", url, headers={**headers, "host": hop.host}, extensions={"sni_hostname": hop.host})


def _require_success(answer: httpx.Response) -> None:
    """Say what a refusal means.

    Raises:
        Retryable: also for 404, since a file may come after the message that announces it.
        Permanent: it is not ours to have.
    """
    status = answer.status_code
    if status in (401, 403):
        raise Permanent(f"the provider does not give us the file ({status}); check TWILIO_AUTH_TOKEN")
    if status == 410:
        raise Permanent("the provider has deleted the file (410)")
    if not answer.is_success:
        raise Retryable(f"the provider answered {status}")


def _origin(parts: SplitResult) -> str:
    return f"{parts.scheme}://{parts.netloc}"


def _is_public(address: str) -> bool:
    """Say whether an address is of the public internet; an IPv6 one that leads to an IPv4 address, whether that is."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        within = found.ipv4_mapped or found.sixtofour
        if found in NAT64:
            within = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        found = within or found
    return found.is_global and not found.is_multicast


def _filename(answer: httpx.Response) -> str | None:
    """Return the name in Content-Disposition, without any folder."""
    header = EmailMessage()
    try:
        header["Content-Disposition"] = answer.headers.get("content-disposition", "")
        name = header.get_filename() or ""
    except (ValueError, IndexError, LookupError, TypeError):
        return None
    name = re.split(r"[/\\]", name)[-1]
    return "".join(each for each in name if each.isprintable()).strip(" .")[:MAX_FILENAME_CHARS] or None
