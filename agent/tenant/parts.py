"""The parts of a tenant's document that people change one by one, by name: `catalogue/EN-INT`, `facts/place`, `hours`.

A part is the unit of history, and of the question whether somebody else has changed it meanwhile.
"""

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from agent.tenant.yaml import Path, Problem

SECTIONS: Mapping[str, tuple[str, ...]] = {
    "hours": ("hours",),
    "settings": ("settings",),
    # Languages stand with the texts that each of them must have: neither could be changed without the other.
    "business": (
        *("name", "country", "timezone", "currency", "languages", "default_language"),
        *("voice", "disclosure", "help", "holding", "mail_signature", "links", "forbidden"),
    ),
    "templates": ("templates",),
}
"""Parts that there is one of each, and what of the document they are."""
LISTS: Mapping[str, str] = {"catalogue": "sku", "facts": "id"}
"""Lists of parts, and what an entry is called by."""
Document = Mapping[str, Any]


def list_parts(document: Document) -> list[str]:
    """Return the names of all parts of a document."""
    entries = [f"{kind}/{each[key]}" for kind, key in LISTS.items() for each in document[kind]]
    return [*SECTIONS, *entries, *(f"policies/{key}" for key in document["policies"])]


def read_part(document: Document, part: str) -> Any:
    """Return a part of a document; None: it has no such part."""
    kind, _, name = part.partition("/")
    if kind in SECTIONS:
        return {key: document[key] for key in SECTIONS[kind]}
    if kind in LISTS:
        return next((each for each in document[kind] if each[LISTS[kind]] == name), None)
    return document["policies"].get(name)


def write_part(document: Document, part: str, value: Any) -> dict[str, Any]:
    """Return a document with another value of a part, in the same place or at the end; None: without it."""
    kind, _, name = part.partition("/")
    if kind in SECTIONS:
        return {**document, **{key: value[key] for key in SECTIONS[kind] if key in value}}
    if kind in LISTS:
        return {**document, kind: _with_entry(document[kind], LISTS[kind], name, value)}
    policies = {**document["policies"], name: value}
    return {**document, "policies": {key: each for key, each in policies.items() if each is not None}}


def _with_entry(entries: Iterable[Mapping[str, Any]], key: str, name: str, value: Any) -> list[Any]:
    entries = list(entries)
    if not any(each[key] == name for each in entries):
        entries.append({key: name})
    changed = [value if each[key] == name else each for each in entries]
    return [each for each in changed if each is not None]


def fingerprint(value: Any) -> str:
    """Return what stands for a value in a form: equal for equal values."""
    return sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:24]


def place_problems(document: Document, part: str, problems: Iterable[Problem]) -> dict[str, str]:
    """Return problems by the field of the part they are in (`prices.0.amount`); those elsewhere by their whole path."""
    place = _path_of(document, part)
    placed: dict[str, str] = {}
    for problem in problems:
        path = problem.path[len(place) :] if problem.path[: len(place)] == place else problem.path
        placed.setdefault(".".join(map(str, path)), problem.message)
    return placed


def _path_of(document: Document, part: str) -> Path:
    kind, _, name = part.partition("/")
    if kind in LISTS:
        entries = document[kind]
        return kind, next((i for i, each in enumerate(entries) if each[LISTS[kind]] == name), len(entries))
    return (kind, name) if kind == "policies" else ()
