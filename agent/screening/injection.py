"""Signs of manipulation, abuse and threats in what a prospect wrote: data for routing and traces, never trust.

Nothing depends on finding them: prompts mark what prospects wrote as data, and guardrails check every text that leaves.
"""

import re
import tomllib
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

from agent.folding import words_of

MAX_CHARS = 10_000
"""Of one text, this much is read."""
LONGEST_EVIDENCE = 120

SignalKind = Literal["override", "role_play", "extraction", "markup", "encoded", "abuse", "threat"]
Severity = Literal["low", "high"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Signal:
    """One sign. `high`: a person should take the turn. `evidence` is a few words of the prospect's: untrusted."""

    kind: SignalKind
    severity: Severity
    evidence: str


@dataclass(frozen=True, kw_only=True, slots=True)
class _Table:
    kind: SignalKind
    severity: Severity
    patterns: tuple[re.Pattern[str], ...]


_TABLES: tuple[_Table, ...] = tuple(
    _Table(kind=each["kind"], severity=each["severity"], patterns=tuple(map(re.compile, each["patterns"])))
    for each in tomllib.loads(files("agent.screening").joinpath("injection.toml").read_text("utf-8"))["signal"]
)
_MARKUP = re.compile(
    r"<\|?/?(?:system|im_start|im_end|assistant|instructions?)\b|^\s{0,3}(?:###? ?)?(?:system|assistant)\s?:"
    r"|\[/?(?:INST|SYSTEM)\]|</?prospect_message>",
    re.IGNORECASE | re.MULTILINE,
)
"""Markup of chats and prompts, as no prospect writes it."""
_BLOB = re.compile(r"[A-Za-z0-9+/]{40,4000}={0,2}")


def screen_injection(text: str) -> tuple[Signal, ...]:
    """Return the signs found in a text, at most one of each kind, those of high severity first."""
    read = text[:MAX_CHARS]
    found = {signal.kind: signal for signal in _signals(read, words_of(read))}
    return tuple(sorted(found.values(), key=lambda signal: signal.severity != "high"))


def _signals(text: str, words: str) -> Iterator[Signal]:
    for table in _TABLES:
        match = next((found for pattern in table.patterns if (found := pattern.search(words))), None)
        if match:
            yield Signal(kind=table.kind, severity=table.severity, evidence=match[0][:LONGEST_EVIDENCE])
    if markup := _MARKUP.search(text):
        yield Signal(kind="markup", severity="low", evidence=markup[0][:LONGEST_EVIDENCE])
    if hidden := next(_hidden_texts(text), None):
        yield Signal(kind="encoded", severity="low", evidence=hidden[:LONGEST_EVIDENCE])


def _hidden_texts(text: str) -> Iterator[str]:
    """Yield what a base64 passage says, where it says something readable."""
    for blob in _BLOB.finditer(text):
        try:
            said = b64decode(blob[0], validate=True).decode("ascii")
        except (Base64Error, UnicodeDecodeError):
            continue
        if said.isprintable():
            yield said
