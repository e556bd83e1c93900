"""Forms with structure: `prices.0.amount` names a field of the first price. What was typed is never lost.

A name may say how its value is to be read: `aliases:lines` is a list with an entry a line, `intents:list` has as many
values as it was sent. Empty fields are left out, entries of lists with nothing in them too.
"""

from collections.abc import Mapping, Sequence
from typing import Any

LONGEST = 4000
"""Characters of a field; a longer one is refused by what checks the value."""
DEEPEST = 5


def nest(form: Mapping[str, Sequence[str]], *, without: Sequence[str] = ("csrf",)) -> dict[str, Any]:
    """Return a form's fields as nested values: text, lists and dictionaries. Of equal names the last value counts."""
    root: dict[str, Any] = {}
    for field, values in form.items():
        name, _, how = field.partition(":")
        if name in without:
            continue
        path = name.split(".")[:DEEPEST]
        place = root
        for part in path[:-1]:
            inner = place.setdefault(part, {})
            place = inner if isinstance(inner, dict) else place
        place[path[-1]] = _read([each.replace("\r\n", "\n").strip() for each in values], how)
    compact = _compact(root)
    return compact if isinstance(compact, dict) else {}


def shaped(nested: Mapping[str, Any], shape: Mapping[str, type]) -> dict[str, Any]:
    """Return the values named in `shape`, each of its type; one that was not sent, or is another, as an empty one."""
    return {name: nested[name] if isinstance(nested.get(name), kind) else kind() for name, kind in shape.items()}


def _read(values: Sequence[str], how: str) -> Any:
    match how:
        case "lines":
            return [line.strip() for line in values[-1].split("\n") if line.strip()]
        case "list":
            return [each for each in values if each]
        case _:
            return values[-1]


def _compact(value: Any) -> Any:
    """Return a value without what is empty; numbered entries become a list."""
    if not isinstance(value, dict):
        return value
    kept = {name: inner for name, each in value.items() if (inner := _compact(each)) not in ("", {}, None)}
    if value and all(name.isdecimal() for name in value):
        return [kept[name] for name in sorted(kept, key=int)]
    return kept
