"""Who vouches for a mail's From: verdicts of SPF, DKIM and DMARC, read from those we trust to have checked.

Two sources: an `Authentication-Results` header (RFC 8601) whose authserv-id is configured as ours (anybody can write
such a header, so others are only reported), and the fields of SendGrid's Inbound Parse, which its signature covers.
What follows from a verdict is `agent.mail.sender_trust`.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Literal

from agent.mail.sender_trust import Trust
from channels.email_mime import header_values, normalise_address

Method = Literal["spf", "dkim", "dmarc", "arc"]
_METHODS: tuple[Method, ...] = ("spf", "dkim", "dmarc", "arc")
_GOOD_FIRST = ("pass", "neutral", "none", "policy", "temperror", "permerror", "softfail", "fail")
_COMMENT = re.compile(r"\([^()]{0,500}\)")
_RESULT = re.compile(r"^\s*(?P<method>[a-z][a-z0-9-]*)(?:/\d+)?\s*=\s*(?P<verdict>[a-z]+)", re.IGNORECASE)
_PROPERTY = re.compile(r"\b(?:header|smtp|policy)\.([a-z-]+)\s*=\s*\"?([^\s\";]+)", re.IGNORECASE)
_SENDGRID_DKIM = re.compile(r"@([\w.-]+)\s*:\s*(\w+)")
_RECEIVED_SPF = re.compile(r"^\s*(pass|fail|softfail|neutral|none|temperror|permerror)\b", re.IGNORECASE)
_MAX_RESULTS = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Auth:
    """Verdicts about a mail's sender. `trusted`: somebody we rely on has given them."""

    spf: str | None = None
    dkim: str | None = None
    dmarc: str | None = None
    authserv_id: str | None = None
    trusted: bool = False
    aligned: bool = False
    """Whether what passed belongs to the domain in From."""

    @property
    def trust(self) -> Trust:
        """How far the From address is proven."""
        if not self.trusted:
            return "unknown"
        if self.dmarc == "pass" or (self.aligned and self.dmarc != "fail"):
            return "proven"
        if self.dmarc == "fail" or self.spf == "fail":
            return "failed"
        return "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Result:
    method: str
    verdict: str
    properties: Mapping[str, str]


def read_auth(mail: EmailMessage, *, sender: str, authserv_ids: Collection[str] = ()) -> Auth:
    """Read the verdicts of the mail's own headers.

    Of the headers of a trusted server the topmost counts: ours was added last. Without one, the topmost header of
    anybody is reported, untrusted.
    """
    headers = [each for value in header_values(mail, "Authentication-Results") if (each := _parse(value))]
    ours = {each.lower() for each in authserv_ids}
    for server, results in headers:
        if server in ours:
            return _auth(results, server, sender, trusted=True)
    if headers:
        return _auth(headers[0][1], headers[0][0], sender, trusted=False)
    received = next(map(_RECEIVED_SPF.match, header_values(mail, "Received-SPF")), None)
    return Auth(spf=received[1].lower() if received else None)


def sendgrid_auth(spf: str, dkim: str, *, sender: str, envelope_from: str | None) -> Auth:
    """Read what SendGrid has checked: `pass`, and `{@ruiz.example : pass}`. It does not check DMARC."""
    signatures = [(domain.lower(), verdict.lower()) for domain, verdict in _SENDGRID_DKIM.findall(dkim[:2_000])]
    spf_verdict = spf.strip().lower()[:20] or None
    domain = sender.rpartition("@")[2].lower()
    by_dkim = any(verdict == "pass" and _belongs(signer, domain) for signer, verdict in signatures)
    path = normalise_address(envelope_from or "")
    by_spf = spf_verdict == "pass" and path is not None and _belongs(path.rpartition("@")[2], domain)
    return Auth(
        spf=spf_verdict,
        dkim=_best([verdict for _, verdict in signatures]),
        authserv_id="sendgrid",
        trusted=True,
        aligned=by_dkim or by_spf,
    )


def _parse(value: str) -> tuple[str, list[_Result]] | None:
    """Split a header into the server's name and its results; None: it has neither."""
    text = _COMMENT.sub(" ", _COMMENT.sub(" ", value[:8_000]))
    first, *rest = text.split(";")[:_MAX_RESULTS]
    if _RESULT.match(first):  # some servers leave out their name
        first, rest = "", [first, *rest]
    name = first.split()
    found = [_read_result(part) for part in rest]
    results = [each for each in found if each]
    return (name[0].lower() if name else "", results) if name or results else None


def _read_result(part: str) -> _Result | None:
    match = _RESULT.match(part)
    if match is None:
        return None
    properties = {name.lower(): value.lower() for name, value in _PROPERTY.findall(part)}
    return _Result(method=match["method"].lower(), verdict=match["verdict"].lower(), properties=properties)


def _auth(results: list[_Result], server: str, sender: str, *, trusted: bool) -> Auth:
    verdicts = {method: _best([each.verdict for each in results if each.method == method]) for method in _METHODS}
    domain = sender.rpartition("@")[2].lower()
    dmarc = verdicts["dmarc"]
    about = next(
        (each.properties["from"] for each in results if each.method == "dmarc" and "from" in each.properties), ""
    )
    if dmarc == "pass" and about and not _belongs(about.rpartition("@")[2], domain):
        dmarc = "none"  # about another author than the one we read
    return Auth(
        spf=verdicts["spf"],
        dkim=verdicts["dkim"],
        dmarc=dmarc,
        authserv_id=server or None,
        trusted=trusted,
        aligned=any(_vouches(each, domain) for each in results),
    )


def _vouches(result: _Result, domain: str) -> bool:
    """Whether something passed that belongs to the author's domain."""
    if result.verdict != "pass" or result.method not in ("spf", "dkim"):
        return False
    keys = ("d", "i") if result.method == "dkim" else ("mailfrom",)
    named = [result.properties[key].rpartition("@")[2] for key in keys if key in result.properties]
    return any(_belongs(each, domain) for each in named)


def _belongs(one: str, other: str) -> bool:
    """Relaxed alignment without a list of public suffixes: the same domain, or one within the other."""
    one, other = one.strip(".>"), other.strip(".>")
    return "." in one and "." in other and (one == other or one.endswith(f".{other}") or other.endswith(f".{one}"))


def _best(verdicts: Collection[str]) -> str | None:
    """Of several signatures the best one counts; None: nothing was said."""
    known = [each for each in verdicts if each in _GOOD_FIRST]
    return min(known, key=_GOOD_FIRST.index, default=None)
