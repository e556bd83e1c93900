"""Reads MIME with the standard library, whatever its defects. Nothing here raises but `BadRequest`.

The modern policy is right for good mail and has bugs on bad mail: where its header parser gives up, the
header is kept as plain text. Sizes are bounded, because anybody can mail us anything.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import MessageError
from email.message import EmailMessage
from email.policy import EmailPolicy
from functools import lru_cache
from typing import Any

from agent.errors import BadRequest

MAX_MIME_BYTES = 30 * 1024 * 1024
"""What SendGrid's Inbound Parse delivers at most."""
MAX_BOUNDARY_LINES = 5_000
MAX_LINE_VISITS = 20_000_000
"""Every line is looked at once, and again for each multipart around it: 2 s at this limit."""
MAX_HEADER_BYTES = 256 * 1024
MAX_HEADER_CHARS = 8_000
MAX_PARTS = 500
MAX_REPEATED = 20

PARSER_FAULTS = (LookupError, ValueError, TypeError, AttributeError, RecursionError, MessageError)
"""What the `email` package raises on malformed input (its header parser has no error class of its own)."""

_SURROGATE = re.compile(r"[\ud800-\udfff]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_MESSAGE_ID = re.compile(r"<[^<>\s\ufffd]{1,250}>")
_LOCAL = r"[^\s@<>\"'(),:;\[\]\\\ufffd]{1,64}"
_DOMAIN = r"\w(?:[\w-]*\w)?(?:\.\w(?:[\w-]*\w)?)+"
_ADDRESS = re.compile(rf"({_LOCAL})@({_DOMAIN})")


@dataclass(frozen=True, kw_only=True, slots=True)
class Mailbox:
    """An e-mail address with the name its owner chose. Both are claims of the sender."""

    address: str
    name: str | None = None


class _TolerantPolicy(EmailPolicy):
    """The default policy, except that a header it cannot parse is returned as plain text."""

    def header_fetch_parse(self, name: str, value: str) -> Any:
        """Parse a header on access; see `email.policy.EmailPolicy`."""
        if hasattr(value, "name"):  # already parsed
            return value
        return _parse_header(name, mend_header(value))


_TOLERANT = _TolerantPolicy()


@lru_cache(maxsize=256)
def _parse_header(name: str, text: str) -> Any:
    """Parse a header's text. Remembered, because the library would parse a header at every look at it."""
    try:
        return EmailPolicy().header_fetch_parse(name, text)
    except PARSER_FAULTS:
        return text


def clean_text(text: str) -> str:
    """Return `text` fit for PostgreSQL and JSON: line feeds only, no control characters, no lone surrogates."""
    unix = text.replace("\r\n", "\n").replace("\r", "\n")
    return _SURROGATE.sub("\ufffd", _CONTROL.sub("", unix))


def mend_header(value: str) -> str:
    """Unfold a raw header; undeclared 8-bit bytes are taken as UTF-8 or, failing that, Windows-1252."""
    raw = value[:MAX_HEADER_CHARS].encode("utf-8", "surrogateescape")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", "replace")
    return " ".join(clean_text(text).split("\n"))


def read_mime(raw: bytes) -> EmailMessage:
    """Parse a whole mail.

    Raises:
        BadRequest: larger than `MAX_MIME_BYTES`, too many parts, or nested too deeply.
    """
    if len(raw) > MAX_MIME_BYTES:
        raise BadRequest(f"The mail has {len(raw)} bytes; the limit is {MAX_MIME_BYTES}.", status=413)
    if raw.count(b"\n--") > MAX_BOUNDARY_LINES:
        raise BadRequest(f"The mail has more than {MAX_BOUNDARY_LINES} boundary lines.", status=413)
    if raw.count(b"\n") * (1 + raw.lower().count(b"multipart/")) > MAX_LINE_VISITS:
        raise BadRequest("The mail has too many lines, or too many parts within parts.", status=413)
    if len(_header_block(raw)) > MAX_HEADER_BYTES:
        raise BadRequest(f"The mail's headers exceed {MAX_HEADER_BYTES} bytes.", status=413)
    return _parse(raw)


def read_headers(raw: bytes) -> EmailMessage:
    """Parse only the top headers: cheap, whatever the size of the mail."""
    return _parse(_header_block(raw)[:MAX_HEADER_BYTES])


def without_preamble(raw: bytes) -> bytes:
    """Without the empty lines and the byte order mark that saving a mail may have put before it."""
    return raw.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n")


def _header_block(raw: bytes) -> bytes:
    """Everything before the first empty line."""
    raw = without_preamble(raw)
    end = re.search(rb"\r?\n\r?\n", raw)
    return raw[: end.start()] if end else raw


def _parse(raw: bytes) -> EmailMessage:
    try:
        return message_from_bytes(without_preamble(raw), policy=_TOLERANT)  # type: ignore[arg-type]  # typeshed
    except PARSER_FAULTS as exc:
        raise BadRequest("The mail cannot be read as MIME: its parts are nested too deeply.") from exc


def parse_part(raw: bytes) -> EmailMessage | None:
    """Parse a mail, or its headers, found within another; None: it cannot be read."""
    try:
        return _parse(raw)
    except BadRequest:
        return None


def leaves(mail: EmailMessage) -> Iterator[EmailMessage]:
    """Yield the parts that hold content, in order; an attached mail counts as one part."""
    stack: list[EmailMessage] = [mail]
    for _ in range(MAX_PARTS):
        if not stack:
            return
        part = stack.pop()
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            children: Any = part.get_payload()
            stack.extend(reversed(children))
        else:
            yield part


def payload(part: EmailMessage) -> bytes:
    """Return a part's content with its transfer encoding undone."""
    try:
        content: Any = part.get_payload(decode=True)
        if content is None and part.is_multipart():  # message/rfc822 holds a parsed mail
            attached: Any = part.get_payload(0)
            content = attached.as_bytes()
    except PARSER_FAULTS:
        return b""
    return content if isinstance(content, bytes) else b""


def header(mail: EmailMessage, name: str) -> str:
    """Return a header's decoded text on one line, or an empty string."""
    try:
        value = str(mail.get(name, ""))
    except PARSER_FAULTS:
        value = ""
    return " ".join(clean_text(value).split())


def header_values(mail: EmailMessage, name: str) -> list[str]:
    """Return the text of every header of that name, at most `MAX_REPEATED`: a second one may contradict the first."""
    try:
        values = [str(value) for value in mail.get_all(name, [])[:MAX_REPEATED]]
    except PARSER_FAULTS:
        return [header(mail, name)] if name in mail else []
    return [" ".join(clean_text(value).split()) for value in values]


def raw_headers(mail: EmailMessage, limit: int) -> list[list[str]]:
    """Return the first `limit` headers as received, as JSON-safe [name, value] pairs."""
    pairs = list(mail.raw_items())[:limit]
    return [[mend_header(name)[:200], mend_header(str(value))[:2_000].strip()] for name, value in pairs]


def mailboxes(mail: EmailMessage, name: str) -> list[Mailbox]:
    """Return the usable addresses of a header, in order, however badly it is written."""
    value: Any = mail.get(name, "")
    try:
        pairs = [(each.display_name, each.addr_spec) for each in value.addresses]
    except PARSER_FAULTS:
        pairs = []
    found = [
        Mailbox(address=address, name=" ".join(clean_text(label).split())[:200] or None)
        for label, spec in pairs
        if (address := normalise_address(spec))
    ]
    return found or [Mailbox(address=address) for address in _addresses_as_written(mail, name)]


def _addresses_as_written(mail: EmailMessage, name: str) -> list[str]:
    """Whatever looks like an address in the raw header, which no parser understood."""
    written = next((str(value) for key, value in mail.raw_items() if key.lower() == name.lower()), "")
    return distinct([match.group() for match in _ADDRESS.finditer(mend_header(written))])


def normalise_address(text: str) -> str | None:
    """Return the address with its domain in lower case, or None if it is not one (RFC 5321 lengths)."""
    match = _ADDRESS.fullmatch(text.strip().strip("<>"))
    if match is None or len(match.group()) > 254:
        return None
    return f"{match.group(1)}@{match.group(2).lower()}"


def message_ids(text: str) -> list[str]:
    """Return the message ids in a header's text, in order, without repetition."""
    return list(dict.fromkeys(_MESSAGE_ID.findall(text)))


def distinct(addresses: Sequence[str]) -> list[str]:
    """Normalise addresses and drop what is unusable or repeated; order is kept."""
    return list(dict.fromkeys(address for each in addresses if (address := normalise_address(each))))


def has_header(mail: EmailMessage, names: Sequence[str]) -> bool:
    """Whether any of the headers is present."""
    return any(name in mail for name in names)
