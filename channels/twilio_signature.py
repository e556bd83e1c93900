"""Proof that a webhook came from Twilio, or from our simulator, which signs in the same way.

Pure functions over what the server saw. A signature proves origin, not freshness: replays are refused by the
unique provider id in the database (P2). Scheme: https://www.twilio.com/docs/usage/webhooks/webhooks-security.

The SDK computes the signature; the comparison is ours, because the SDK's `validate` raises on a missing
header and on bytes, drops repeated parameters of a dict, spoils IPv6 hosts, accepts a JSON body that nothing
covers, and takes the algorithm from the request.
"""

import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal
from urllib.parse import parse_qs, parse_qsl, urlsplit

from starlette.datastructures import ImmutableMultiDict
from twilio.request_validator import (
    SIGNATURE_HEADER,
    SIGNATURE_SETTINGS_HEADER,
    RequestValidator,
)

from agent.errors import BadRequest
from agent.settings import Settings

Params = Sequence[tuple[str, str]]
"""Decoded form or query parameters in the order received; names may repeat."""

Algorithm = Literal["HMAC_SHA1", "HMAC_SHA256"]

MAX_PARAMETERS = 500
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookSecret:
    """A key that signs webhooks, and whose messages it vouches for.

    The algorithm belongs to the key: a request cannot choose a weaker one.
    """

    value: str = field(repr=False)
    account_sid: str
    provider: Literal["twilio", "simulator"] = "twilio"
    algorithm: Algorithm = "HMAC_SHA1"
    key_id: str | None = None
    """Id of a Twilio shared key; None: an account's auth token."""

    def __post_init__(self) -> None:
        """Refuse the empty key, with which anybody could sign."""
        if not self.value:
            raise ValueError(f"the webhook secret of account {self.account_sid} is empty")


def twilio_secrets(settings: Settings) -> tuple[WebhookSecret, ...]:
    """Return the account's auth token and the previous ones still accepted (rotation); none without Twilio."""
    if settings.twilio_account_sid is None or settings.twilio_auth_token is None:
        return ()
    tokens = (settings.twilio_auth_token, *settings.twilio_previous_auth_tokens)
    return tuple(
        WebhookSecret(value=token.get_secret_value(), account_sid=settings.twilio_account_sid) for token in tokens
    )


def signed_url(public_url: str, raw_path: bytes, raw_query: bytes) -> str:
    """Return the URL Twilio called: our configured base, and path and query exactly as they came.

    Never from `Host` or `X-Forwarded-*`, which the peer chooses. Where the webhook is configured with
    connection overrides (`#rc=2`), append that fragment: `verify` tries both.
    """
    query = f"?{raw_query.decode('latin-1')}" if raw_query else ""
    return f"{public_url}{raw_path.decode('latin-1')}{query}"


def read_form(raw_body: bytes) -> Params:
    """Decode a form as it was signed: blanks kept, nothing trimmed, order and repeats preserved.

    Raises:
        BadRequest: the body is not UTF-8, or has more than `MAX_PARAMETERS` parameters.
    """
    try:
        return parse_qsl(
            raw_body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS
        )
    except UnicodeDecodeError as exc:
        raise BadRequest("The body is not a form encoded in UTF-8; send it as Twilio does.") from exc
    except ValueError as exc:
        raise BadRequest(f"The form has more than {MAX_PARAMETERS} parameters; send fewer.") from exc


def sign(url: str, params: Params, secret: WebhookSecret) -> str:
    """Return the value of `X-Twilio-Signature` for a form post to `url`."""
    form: ImmutableMultiDict[str, str] = ImmutableMultiDict(params)
    return str(RequestValidator(secret.value).compute_signature(url, form, secret.algorithm))


def verify(
    url: str,
    params: Params | None,
    raw_body: bytes,
    headers: Mapping[str, str],
    secrets: Sequence[WebhookSecret],
) -> WebhookSecret | None:
    """Return the secret that signed this request, or None: nobody we know did.

    `params` is the decoded form; None where the body is not a form, which must then be covered by
    `bodySHA256` in the URL. Several secrets may be accepted at once, so that keys can be rotated.
    """
    signature = _single_header(headers, SIGNATURE_HEADER)
    if not signature or not _is_covered(url, params, raw_body):
        return None
    key_id = _key_id(_single_header(headers, SIGNATURE_SETTINGS_HEADER) or "")
    given = signature.encode("utf-8", "replace")
    try:
        for secret in secrets:
            if secret.key_id == key_id and _signs(secret, url, params or (), given):
                return secret
    except ValueError:  # a lone surrogate or an impossible host: nothing Twilio could have signed
        return None
    return None


def _signs(secret: WebhookSecret, url: str, params: Params, given: bytes) -> bool:
    return any(hmac.compare_digest(sign(variant, params, secret).encode(), given) for variant in _variants(url))


def _variants(url: str) -> Iterator[str]:
    """Yield the ways Twilio may have written a URL, likeliest first: port or not, connection overrides or not."""
    bare, _, fragment = url.partition("#")
    parts = urlsplit(bare)
    prefix = f"{parts.scheme}://"
    rest = bare[len(prefix) + len(parts.netloc) :]
    host = re.sub(r":[0-9]+$", "", parts.netloc)
    other = host if host != parts.netloc else f"{host}:{DEFAULT_PORTS.get(parts.scheme, 443)}"
    for netloc in (parts.netloc, other):
        yield f"{prefix}{netloc}{rest}"
        if fragment:
            yield f"{prefix}{netloc}{rest}#{fragment}"


def _is_covered(url: str, params: Params | None, raw_body: bytes) -> bool:
    """Whether the signature, if right, vouches for the whole body."""
    if params or not raw_body:
        return True
    query = url.partition("#")[0].partition("?")[2]
    hashes = parse_qs(query).get("bodySHA256", [])
    digest = sha256(raw_body).hexdigest().encode()
    return len(hashes) == 1 and hmac.compare_digest(hashes[0].lower().encode("utf-8", "replace"), digest)


def _single_header(headers: Mapping[str, str], name: str) -> str | None:
    """Return a header's value; None where it is absent or was sent twice."""
    values = [value for key, value in headers.items() if key.lower() == name.lower()]
    return values[0] if len(values) == 1 else None


def _key_id(settings_header: str) -> str | None:
    """Return the shared key named in `key=<id>,algorithm=<name>`. The algorithm there is ignored on purpose."""
    for part in settings_header.split(","):
        name, _, value = part.partition("=")
        if name.strip() == "key" and value.strip():
            return value.strip()
    return None
