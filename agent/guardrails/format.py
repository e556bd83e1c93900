"""A reply is clean plain text that fits its channel."""

import re
from collections.abc import Iterator
from datetime import datetime

from agent.guardrails.segments import count_segments
from agent.types import Candidate, Channel, Tenant, Turn, Verdict

RULE = "format"
VERSION = 1
MAX_UNITS: dict[Channel, int] = {"whatsapp": 1600, "sms": 1600, "email": 50_000}
"""Longest text a channel carries, in UTF-16 code units."""

# Each pattern is bounded, so a long text is read in linear time.
LEFTOVERS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "an unresolved reference or placeholder",
        re.compile(r"[{}]|\[\[|<<|>>|%\(|\$\{|%s\b|\bxxx+\b", re.IGNORECASE),
    ),
    (
        "a placeholder",
        re.compile(
            r"\[(?:[A-ZÁÉÍÓÚÑÇÃÕ][A-ZÁÉÍÓÚÑÇÃÕ _-]{2,30}"
            r"|(?i:your|tu|seu|su|sua|insert|nombre|nome|name|precio|preço|price|link|fecha|data|date)\b[^\]\n]{0,40})\]"
        ),
    ),
    (
        "raw Markdown",
        re.compile(
            r"\*\*|__\w|~~|```|^#{1,6} |^-{3,}$|^\|.{0,200}\|$|\[[^\]\n]{1,200}\]\([^)\s]{1,500}\)", re.MULTILINE
        ),
    ),
    (
        "raw HTML",
        re.compile(r"</?[a-z][a-z0-9]{0,15}(?:\s[^<>\n]{0,300})?/?>|&(?:nbsp|amp|lt|gt|quot|#\d{1,6});", re.IGNORECASE),
    ),
    ("raw JSON", re.compile(r"\"[\w ]{1,40}\"\s?:\s?[\"\d\[{tfn]")),
    ("an empty value", re.compile(r"\b(?:None|null|undefined|NaN)\b")),
)


def check(candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> Verdict:  # noqa: ARG001 — a Check
    """Revise a text that is empty, has leftovers of templates or markup, or is too long for its channel."""
    problem = next(_problems(candidate, tenant), None)
    if problem is None:
        return Verdict(rule=RULE, outcome="pass", version=VERSION)
    reason, evidence = problem
    return Verdict(rule=RULE, outcome="revise", reason=reason, evidence=evidence, version=VERSION)


def _problems(candidate: Candidate, tenant: Tenant) -> Iterator[tuple[str, str]]:
    """Yield (reason, evidence) of everything wrong with the text."""
    text = candidate.text
    if not text.strip():
        yield "The text is empty.", ""
        return
    units, most = len(text.encode("utf-16-le", "surrogatepass")) // 2, MAX_UNITS[candidate.channel]
    if units > most:
        yield f"The text has {units} characters; {candidate.channel} carries {most}.", text[:40]
        return
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        yield "The text contains characters that cannot be sent.", ""
    for what, pattern in LEFTOVERS:
        if found := pattern.search(text):
            yield f"The text contains {what}; write plain text.", found[0][:80]
    if candidate.channel == "sms" and (segments := count_segments(text)) > tenant.policy.max_sms_segments:
        yield f"The text needs {segments} SMS parts; at most {tenant.policy.max_sms_segments} are allowed.", text[:40]
