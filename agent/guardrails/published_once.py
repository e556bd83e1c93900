"""What is read from a tenant's published data, kept as long as the tenant stays the same object."""

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

MAX_KEPT = 128
"""So many tenants (or catalogues) are remembered at once."""


def once_for(read: Callable[[T], R]) -> Callable[[T], R]:
    """Return `read` with its results kept. Only for what cannot change: tuples and frozen dataclasses."""
    kept: dict[int, tuple[T, R]] = {}
    """By identity, each object with its result: held, so that its identity cannot pass to another."""

    def read_once(it: T) -> R:
        found = kept.get(id(it))
        if found is None:
            if len(kept) >= MAX_KEPT:
                kept.pop(next(iter(kept)), None)  # the oldest
            found = kept[id(it)] = it, read(it)
        return found[1]

    return read_once
