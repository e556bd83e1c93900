"""The labelled messages that ship with the package: `training/messages.jsonl` and our own `extra.jsonl`.

Both follow `training/LABELLING.md`. An empty line in a file is skipped.
"""

import hashlib
import json
from dataclasses import dataclass
from importlib import resources
from typing import Any

from agent.types import Intent

_FILES = ("messages.jsonl", "extra.jsonl")
_TRUST = {"messages.jsonl": 1.0, "extra.jsonl": 0.5}
"""Collected messages count fully; phrasings written to cover a meaning count half."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """A message and what it means. `trust` is its weight in training; only those of 1.0 calibrate."""

    text: str
    language: str
    intent: Intent
    needs_human: bool
    context: str = ""
    trust: float = 1.0


def load_examples() -> tuple[Example, ...]:
    """Read the shipped examples, in file order."""
    return tuple(
        _example(json.loads(line), _TRUST[name])
        for name in _FILES
        for line in _read(name).decode().splitlines()
        if line.strip()
    )


def examples_digest() -> str:
    """Return a hash that changes whenever an example does."""
    return hashlib.sha256(b"\0".join(_read(name) for name in _FILES)).hexdigest()


def _example(row: dict[str, Any], trust: float) -> Example:
    return Example(
        text=row["text"],
        language=row["language"],
        intent=row["intent"],
        needs_human=row["needs_human"],
        context=row.get("context", ""),
        trust=trust,
    )


def _read(name: str) -> bytes:
    return resources.files("agent.local").joinpath("training", name).read_bytes()
