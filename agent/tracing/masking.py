"""What may leave for traces and logs: plain data without personal data or credentials, bounded in size.

A prospect's e-mail address, telephone and card numbers never leave (GDPR art. 5 (1) c, data minimisation).
In doubt a number is hidden: a price of eight digits lost from a trace costs less than a telephone number shown.
"""

import re
from collections.abc import Mapping, Set
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any

CREDENTIALS = frozenset({"authorization", "password", "secret", "token", "api_key", "cookie", "signature"})
MAX_CHARS = 10_000
MAX_ITEMS = 100
MAX_DEPTH = 8

HIDDEN = "[hidden]"
EMAIL = "[email]"
NUMBER = "[number]"

MIN_DIGITS = 8

# Text is cut after masking. This much more is masked and then dropped, so that nothing is half seen at the cut.
_LOOKAHEAD = 512

_AT_SIGNS = ("@", "＠", "%40")
_WORD = r"[^\s<>\"',;:()@＠\[\]%]"
# The look-behind lets a match start only where a word starts: linear time on any input.
_EMAIL = re.compile(rf"(?<!{_WORD}){_WORD}++(?:{'|'.join(_AT_SIGNS)})[^\s<>\"',;()]++")
_SEPARATOR = r"[ \u00a0\u2007-\u200b\u202f().\-\u2010-\u2015/]"
_NUMBER = re.compile(rf"[+\d](?:{_SEPARATOR}{{0,3}}\d){{{MIN_DIGITS - 1},}}")
_DATE = re.compile(
    r"""
    (?<!\d) (?:
        (?:19|20)\d\d (?P<iso>[-./]) (?:0?[1-9]|1[0-2]) (?P=iso) (?:0?[1-9]|[12]\d|3[01])
      | (?:0?[1-9]|[12]\d|3[01]) (?P<day>[-./]) (?:0?[1-9]|1[0-2]) (?P=day) (?:19|20)\d\d
      | (?:19|20)\d\d [-/\u2013] (?:19|20)\d\d
    ) (?!\d)
    """,
    re.VERBOSE,
)
_ID = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[A-Z]{0,2}[0-9a-f]{32})(?![0-9A-Za-z])"
)
_ID_LENGTH = 36


def mask_text(text: str, limit: int = MAX_CHARS) -> str:
    """Hide e-mail addresses and long numbers (telephone, card, account) and cut to about `limit` characters.

    Dates, UUIDs and 32-digit hexadecimal ids stay. Lone surrogates become `?`, so the result encodes.
    """
    masked = text[: limit + _LOOKAHEAD].encode("utf-8", "replace").decode()
    if any(sign in masked for sign in _AT_SIGNS):
        masked = _EMAIL.sub(EMAIL, masked)
    masked = _NUMBER.sub(_hide_number, masked)
    return masked if len(text) <= limit else f"{masked[:-_LOOKAHEAD][:limit]}…"


def _hide_number(match: re.Match[str]) -> str:
    start, end = match.span()
    ids = _ID.finditer(match.string, max(0, start - _ID_LENGTH), end + _ID_LENGTH)
    if any(found.start() <= start and end <= found.end() for found in ids):
        return match[0]
    beside_dates = sum(character.isdigit() for character in _DATE.sub("", match[0]))
    return match[0] if beside_dates < MIN_DIGITS and match[0][0] != "+" else NUMBER


def mask(value: Any, *, limit: int = MAX_CHARS, hidden: Set[str] = CREDENTIALS) -> Any:
    """Return `value` as JSON-ready data with every text masked and cut to `limit`.

    Values under a key that is in `hidden`, or ends in `_` and a word of it, are left out. Collections keep their first
    100 entries; what is nested deeper than 8 levels, and any other object, becomes text.
    """
    return _mask(value, limit, hidden, MAX_DEPTH)


def _mask(value: Any, limit: int, hidden: Set[str], depth: int) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if depth and isinstance(value, Mapping):
        return {
            mask_text(str(key), 200): HIDDEN if _is_hidden(str(key), hidden) else _mask(item, limit, hidden, depth - 1)
            for key, item in islice(value.items(), MAX_ITEMS)
        }
    if depth and isinstance(value, list | tuple | Set):
        return [_mask(item, limit, hidden, depth - 1) for item in islice(value, MAX_ITEMS)]
    return mask_text(str(value), limit)


def _is_hidden(key: str, hidden: Set[str]) -> bool:
    name = key.lower().replace("-", "_")
    return name in hidden or any(name.endswith(f"_{word}") for word in hidden)


MIN_NAME = 3
NAME = "[name]"


def name_parts(*names: str | None) -> tuple[str, ...]:
    """Return the words of somebody's names that are long enough to be told from other words."""
    words = (word for name in names if name for word in re.findall(r"\w+", name))
    return tuple(sorted({word.casefold() for word in words if len(word) >= MIN_NAME and not word.isdigit()}))


@lru_cache(maxsize=1024)
def _names(parts: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, parts))})\b", re.IGNORECASE)


def hide_names(value: Any, parts: tuple[str, ...]) -> Any:
    """Return JSON-ready data with the known names of a person hidden in its texts and keys."""
    if not parts:
        return value
    if isinstance(value, str):
        return _names(parts).sub(NAME, value)
    if isinstance(value, dict):
        return {hide_names(key, parts): hide_names(item, parts) for key, item in value.items()}
    if isinstance(value, list):
        return [hide_names(item, parts) for item in value]
    return value
