"""What changes between two versions of a tenant file, for a person to read before it is applied."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from agent.tenant.file import TenantFile, to_document

LONGEST = 120


@dataclass(frozen=True, slots=True)
class Change:
    """One value that differs; `old` is None for an addition, `new` for a removal."""

    path: str
    old: str | None
    new: str | None

    def __str__(self) -> str:
        """Return a line such as `catalogue.EN-INT.prices[EUR/course]: 399.00 → 429.00`."""
        if self.old is None:
            return f"+ {self.path}: {_shortened(self.new)}"
        if self.new is None:
            return f"- {self.path}: {_shortened(self.old)}"
        return f"{self.path}: {_shortened(self.old)} → {_shortened(self.new)}"


def diff(old: TenantFile | None, new: TenantFile) -> list[Change]:
    """Return every value that differs, in the order of the new file, removals last.

    Entries are matched by what identifies them (SKU, fact id, address …), so reordering is no change.
    """
    return diff_values(to_document(old) if old else None, to_document(new))


def diff_values(old: Any, new: Any) -> list[Change]:
    """Return every value that differs between two documents, or parts of them; None: there was, or is, nothing."""
    before, after = dict(_leaves(old)), dict(_leaves(new))
    changed = [Change(path, before.get(path), value) for path, value in after.items() if before.get(path) != value]
    return changed + [Change(path, value, None) for path, value in before.items() if path not in after]


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every value of a document with its path."""
    match value:
        case dict():
            for key, inner in value.items():
                yield from _leaves(inner, f"{path}.{key}".strip("."))
        case [dict(), *_]:
            for place, entry in enumerate(value, start=1):
                name, rest = _named(entry, place)
                yield from _leaves(rest, f"{path}{name}")
        case list():
            if value:
                yield path, ", ".join(str(each) for each in value)
        case None:
            return
        case _:
            yield path, str(value)


def _named(entry: dict[str, Any], place: int) -> tuple[str, dict[str, Any]]:
    """Return how an entry of a list is called in a path, and what it says besides."""
    match entry:
        case {"sku": name, **rest} | {"id": name, **rest}:
            return f".{name}", rest
        case {"channel": channel, "address": address, "provider": provider}:
            return f"[{channel} {address}]", {"": provider}
        case {"currency": currency, "unit": unit, "amount": amount, **rest}:
            since = f" from {rest.pop('valid_from')}" if "valid_from" in rest else ""
            return f"[{currency}/{unit}{since}]", {"": amount, **rest}
        case {"purpose": purpose, "language": language, **rest}:
            return f"[{rest.pop('name', '') or rest.pop('sid', '')} {purpose} {language}]", rest
        case {"days": days, "from": start, "to": end}:
            return f"[{days} from {start}]", {"": f"to {end}"}
        case _:
            return f"[{entry.get('code', place)}]", entry


def _shortened(text: str | None) -> str:
    """Return a text on one line, bounded."""
    line = " ".join((text or "").split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
