"""What is read from a tenant's published data, kept as long as the tenant stays the same object."""

from collections.abc import Callable
from functools import lru_cache
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

MAX_KEPT = 128
"""So many tenants (or catalogues) are remembered at once."""


class _Same(Generic[T]):
    """A frozen object as a key: equal only to itself. It is held, so that its identity cannot pass to another."""

    __slots__ = ("it",)

    def __init__(self, it: T) -> None:
        self.it = it

    def __hash__(self) -> int:
        return id(self.it)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.it is other.it


def once_for(read: Callable[[T], R]) -> Callable[[T], R]:
    """Return `read` with its results kept. Only for what cannot change: tuples and frozen dataclasses."""

    @lru_cache(maxsize=MAX_KEPT)
    def kept(key: _Same[T]) -> R:
        return read(key.it)

    return lambda it: kept(_Same(it))
