"""Files that a reply takes along: a draft names an item's file, `{file:SKU}`; like a price, it never types the address.

WhatsApp shows the file itself; where a channel carries none, or no more, its link stands in the text instead.
"""

import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from agent.prices import PriceReferenceError
from agent.types import Channel, Tenant

MAX_FILES: Mapping[Channel, int] = {"whatsapp": 1, "sms": 0, "email": 0}
"""How many files a reply carries. SMS carries them in few countries and dearly; a mail's reader has a browser."""
_REFERENCE = re.compile(r"\{file:([^{}]*)\}")
_SPACES = re.compile(r"[ \t]+(?=\n|$)|(?<=[ \t])[ \t]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class WithFiles:
    """A text without references to files, and the addresses of the files that go with it."""

    text: str
    urls: tuple[str, ...] = ()


def take_files(text: str, tenant: Tenant, channel: Channel) -> WithFiles:
    """Take the files out of a draft's text that are named in it.

    Raises:
        PriceReferenceError: an item has no file, or there is no such item.
    """
    urls: list[str] = []

    def place(found: re.Match[str]) -> str:
        url = _url(found, tenant)
        if url in urls:
            return ""
        if len(urls) == MAX_FILES[channel]:
            return url
        urls.append(url)
        return ""

    placed = _REFERENCE.sub(place, text)
    return WithFiles(text=_SPACES.sub("", placed) if placed != text else text, urls=tuple(urls))


def without_files(text: str) -> str:
    """Return a draft's text with nothing in the place of references to files."""
    return _REFERENCE.sub("", text)


def media_of(url: str) -> dict[str, str]:
    """Return a file of ours as the messages table keeps it: where the provider fetches it, and its type by its name."""
    content_type, _ = mimetypes.guess_type(urlsplit(url).path)
    return {"url": url, "content_type": content_type or "application/octet-stream"}


def _url(found: re.Match[str], tenant: Tenant) -> str:
    files = {item.sku: item.file_url for item in tenant.catalogue if item.file_url}
    url = files.get(found[1].strip())
    if url is None:
        raise PriceReferenceError(found[0], f"no such file; there are {', '.join(files) or 'none'}.")
    return url
