"""A reply links only to where the tenant allows: its domains and their subdomains.

Read are URLs, and bare domains that a phone would make clickable, also behind the usual tricks: user information
before an @, look-alike letters, punycode, "dot" in words or brackets. E-mail addresses are no links.
"""

import re
import unicodedata
from collections.abc import Iterator
from datetime import datetime
from difflib import SequenceMatcher
from functools import lru_cache
from urllib.parse import unquote

from agent.guardrails.folded import MAX_CHARS, fold_text
from agent.guardrails.publications import publications_of
from agent.guardrails.rule import passed
from agent.guardrails.word_lists import load_words
from agent.types import Candidate, Tenant, Turn, Verdict

RULE = "links"
VERSION = 1
MAX_EVIDENCE = 120
ALIKE = 0.84
"""From this similarity on, a name in an unknown top-level domain passes itself off as an allowed one."""

_WORDS = load_words("links")

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[a-z]{2,24}(?![\w@])")
_URL = re.compile(r"(?<![a-z])(?:h(?:tt|xx)ps?|ftps?|wss?)\s?:\s?[/\\]{1,3}[^\s<>\"']{1,2000}")
_MAY_BE_URL = re.compile(r":\s?[/\\]|:text/|script:")
"""Without one of these there is no URL."""
_SCRIPT = re.compile(r"(?<![a-z])(?:javascript:|vbscript:|data:text/|file://)\S{1,200}")
_DOT = (
    r"(?:\.|\s?[\[({]\s?(?:\.|dot|punto|ponto)\s?[\])}]\s?"
    r"|\s(?:\.\s?|(?:dot|punto|ponto)\s)(?=(?:com|net|org|io|app)\b)|\s\.\s?(?=ly\b))"
)
_HOST = re.compile(rf"(?<![\w@.+-])[\w-]{{1,63}}(?:{_DOT}[\w-]{{1,63}}){{1,10}}(?![\w@])(?:(?::\d{{2,5}})?/\w)?")
_ANY_DOT = re.compile(_DOT)
_MAY_BE_HOST = re.compile(r"\.[\w-]|\s\.|[\[({]\s?\.|dot|punto|ponto")
"""Without one of these there is no host."""
_IP = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}$")
_END_OF_URL = ".,;:!?)]}*_'\"»”"


def check(candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> Verdict:  # noqa: ARG001 — a Check
    """Revise a text that links, or seems to link, outside the tenant's allowed domains."""
    found = next(_foreign_links(candidate.text[:MAX_CHARS], tenant), None)
    if found is None:
        return passed(RULE, VERSION)
    evidence = candidate.text[found[0] : found[1]][:MAX_EVIDENCE]
    return Verdict(
        rule=RULE,
        outcome="revise",
        reason=f"The text links outside the domains you allow ({', '.join(tenant.links) or 'none'}).",
        evidence=evidence,
        span=(found[0], found[1]),
        version=VERSION,
    )


def _foreign_links(text: str, tenant: Tenant) -> Iterator[tuple[int, int]]:
    """Yield where each link outside the allow-list is."""
    folded = fold_text(text)
    allowed = frozenset(link.casefold().removeprefix("www.") for link in tenant.links)
    rest = folded.text
    for pattern in (_SCRIPT, _URL) if _MAY_BE_URL.search(rest) else ():
        for match in pattern.finditer(rest):
            start, end = folded.span(match.start(), match.start() + len(match[0].rstrip(_END_OF_URL)))
            if pattern is _SCRIPT or not _is_allowed(_host_of_url(text[start:end]), allowed):
                yield start, end
        rest = pattern.sub(lambda match: " " * len(match[0]), rest)
    if "@" in rest:
        rest = _EMAIL.sub(lambda match: " " * len(match[0]), rest)
    for match in _HOST.finditer(rest) if _MAY_BE_HOST.search(rest) else ():
        start, end = folded.span(*match.span())
        host, written = (_ANY_DOT.sub(".", each.partition("/")[0]) for each in (match[0], text[start:end]))
        if not _is_allowed(written.casefold(), allowed) and _is_link(host, text[start:end], allowed, tenant):
            yield start, end


def _host_of_url(url: str) -> str:
    """Return the host that a browser would open."""
    rest = unquote(unicodedata.normalize("NFKC", url).partition(":")[2]).lstrip("/\\ ")
    authority = re.split(r"[/\\?#]", rest, maxsplit=1)[0]
    return authority.rpartition("@")[2].partition(":")[0].casefold()


def _is_allowed(host: str, allowed: frozenset[str]) -> bool:
    return any(host == domain or host.endswith("." + domain) for domain in allowed)


def _is_link(host: str, written: str, allowed: frozenset[str], tenant: Tenant) -> bool:
    """Say whether a dotted name is a link: by its top-level domain, a path, or its likeness to an allowed one."""
    has_path = "/" in written
    if _IP.match(host) or host.startswith("www.") or "xn--" in host:
        return has_path or not _IP.match(host)
    *labels, top = host.partition(":")[0].split(".")
    if _is_no_host(labels[-1], top, has_path=has_path) or _is_next_sentence(written):
        return False
    if host in _WORDS["names_of_things"] or publications_of(tenant).names_domain(written):
        return False
    if top in _WORDS["top_level"]:
        return has_path or top not in _WORDS["only_with_path"]
    return any(bracket in written for bracket in "([{") or any(_looks_like(host, domain) for domain in allowed)


def _is_no_host(label: str, top: str, *, has_path: bool) -> bool:
    """Say whether a word before a dot is an article or an initial: "S.A.", "el punto com"."""
    return label in _WORDS["no_host"] or (len(label) == 1 and not has_path and top != "com")


def _is_next_sentence(written: str) -> bool:
    """Say whether a space was forgotten after a full stop: "curso.El" has a capital after the dot only."""
    before, _, after = written.rpartition(".")
    return after[:1].isupper() and not after.isupper() and bool(before) and before[-1].islower()


@lru_cache(maxsize=256)
def _looks_like(host: str, domain: str) -> bool:
    """Say whether a name passes itself off as an allowed domain."""
    mine, theirs = _skeleton(domain), _skeleton(host)
    return SequenceMatcher(None, mine, theirs).ratio() >= ALIKE or mine in theirs


def _skeleton(host: str) -> str:
    """Return a name with the signs that look alike made the same."""
    alike = host.replace("rn", "m").replace("vv", "w").replace("-", "")
    return alike.translate(str.maketrans("013579i", "olesyql"))
