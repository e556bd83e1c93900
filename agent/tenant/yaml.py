"""Reads YAML written by people, remembering the line of every value.

A safe subset of YAML 1.2: mappings, lists and scalars. `yes`, `NO`, `20:00` and dates stay text, because
YAML 1.1 would turn a country into `False` and an opening hour into 1200. Tags, anchors and aliases are
refused, and size and depth are bounded, so that a file can neither run code nor grow in memory.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml import events

MAX_BYTES = 1_000_000
MAX_DEPTH = 12

Path = tuple[str | int, ...]

_NULL = {"", "~", "null"}
_BOOLEAN = {"true": True, "false": False}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at a place in the file; `line` counts from 1 and is None where there is no text."""

    path: Path
    message: str
    line: int | None = None

    def __str__(self) -> str:
        """Return `line 12, catalogue[0].sku: message`, as far as the place is known."""
        where = [f"line {self.line}"] if self.line else []
        where += [dotted(self.path)] if self.path else []
        return f"{', '.join(where)}: {self.message}" if where else self.message


def dotted(path: Path) -> str:
    """Write a path as people do: `catalogue[0].prices[1].amount`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


@dataclass(slots=True)
class Document:
    """A YAML text as plain values, with the line of each path and what was wrong on the way."""

    data: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def line_of(self, path: Path) -> int | None:
        """Return the line of a path, or of the nearest enclosing value that is in the text."""
        return next((self.lines[path[:n]] for n in range(len(path), -1, -1) if path[:n] in self.lines), None)


class _RefusedError(Exception):
    """The text cannot be read any further."""

    def __init__(self, path: Path, event: events.Event | None, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(path, message, _line(event) if event else None)


def read_yaml(text: str) -> Document:
    """Read one YAML document. Whatever is wrong is in `problems`; then `data` may be incomplete."""
    document = Document()
    try:
        _read(text, document)
    except _RefusedError as exc:
        document.problems.append(exc.problem)
    except yaml.MarkedYAMLError as exc:
        line = exc.problem_mark.line + 1 if exc.problem_mark else None
        document.problems.append(Problem((), f"not valid YAML: {exc.problem}", line))
    except yaml.YAMLError as exc:
        document.problems.append(Problem((), f"not valid YAML: {exc}".splitlines()[0]))
    return document


def _read(text: str, document: Document) -> None:
    """Fill a document from its text."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise _RefusedError((), None, f"the file is larger than {MAX_BYTES:,} bytes")
    stream = (event for event in yaml.parse(text, Loader=yaml.SafeLoader) if not _is_frame(event))
    if first := next(stream, None):
        document.data = _value(first, stream, (), document)
    if extra := next(stream, None):
        raise _RefusedError((), extra, "a second document begins here; one file is one tenant")


def _line(event: events.Event) -> int:
    """Return the line an event starts on, from 1."""
    return event.start_mark.line + 1 if event.start_mark else 1


def _is_frame(event: events.Event) -> bool:
    """Say whether an event only opens or closes the stream or a document."""
    return isinstance(
        event,
        events.StreamStartEvent | events.StreamEndEvent | events.DocumentStartEvent | events.DocumentEndEvent,
    )


def _value(event: events.Event, stream: Iterator[events.Event], path: Path, document: Document) -> Any:
    """Build the value that begins with `event`."""
    if isinstance(event, events.AliasEvent):
        raise _RefusedError(path, event, "aliases (*name) are not supported; write the value out")
    if len(path) > MAX_DEPTH:
        raise _RefusedError(path, event, f"nested deeper than {MAX_DEPTH} levels")
    if getattr(event, "tag", None) or getattr(event, "anchor", None):
        raise _RefusedError(path, event, "tags (!name) and anchors (&name) are not supported")
    document.lines.setdefault(path, _line(event))
    match event:
        case events.ScalarEvent():
            return _scalar(event)
        case events.SequenceStartEvent():
            return _sequence(stream, path, document)
        case _:
            return _mapping(stream, path, document)


def _sequence(stream: Iterator[events.Event], path: Path, document: Document) -> list[Any]:
    """Build a list from the events up to its end."""
    values: list[Any] = []
    while not isinstance(event := next(stream), events.SequenceEndEvent):
        values.append(_value(event, stream, (*path, len(values)), document))
    return values


def _mapping(stream: Iterator[events.Event], path: Path, document: Document) -> dict[str, Any]:
    """Build a mapping from the events up to its end; of a key that comes twice the first value stays."""
    values: dict[str, Any] = {}
    while not isinstance(event := next(stream), events.MappingEndEvent):
        if not isinstance(event, events.ScalarEvent):
            raise _RefusedError(path, event, "a key must be plain text")
        key, line = event.value[:200], _line(event)
        value = _value(next(stream), stream, (*path, key), document)
        if key in values:
            document.problems.append(Problem((*path, key), "this key is already given above", line))
        else:
            document.lines[(*path, key)] = line
            values[key] = value
    return values


def _scalar(event: events.ScalarEvent) -> str | int | float | bool | None:
    """Resolve a scalar; only an unquoted one can be anything but text."""
    text = event.value
    if event.style is not None:
        return text
    if text in _NULL:
        return None
    if text in _BOOLEAN:
        return _BOOLEAN[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
