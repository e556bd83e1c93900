"""An observation of a trace as the agent uses it: masked and bounded, and never the cause of an error in a turn."""

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Protocol, Self

from agent.ports import Level
from agent.tracing.masking import hide_names, mask, mask_text

MAX_BYTES = 10_000
"""Largest input, output or metadata value that is sent."""
MAX_METADATA_KEYS = 32
MAX_ATTRIBUTE_CHARS = 200
"""Langfuse drops longer ids, tags and trace metadata instead of cutting them; metadata is counted as JSON."""

known_names: ContextVar[tuple[str, ...]] = ContextVar("known_names", default=())
"""The words of the names of the person whose trace is open: they stay here."""


class SilentObservation:
    """An observation that nobody sees."""

    def update(self, **_values: Any) -> None:
        """Do nothing."""


class SdkObservation(Protocol):
    """The part of the SDK's observations that is used here."""

    def update(self, **values: Any) -> object:
        """Set what is given and not None."""
        ...


class OpenObservation:
    """An observation of Langfuse, open while its `with` block runs."""

    def __init__(
        self,
        start: Callable[[ExitStack], SdkObservation],
        contained: Callable[[str], AbstractContextManager[None]],
    ) -> None:
        self._start = start
        self._contained = contained
        self._open = ExitStack()
        self._sdk: SdkObservation | None = None

    def __enter__(self) -> Self:
        """Start it."""
        with self._contained("start"):
            self._sdk = self._start(self._open)
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        """End it. An exception goes on unchanged; only the name of its type is reported.

        The SDK never sees the exception: it would send its message and stack trace, unmasked.
        """
        if kind is not None:
            self.update(level="ERROR", status_message=kind.__name__)
        with self._contained("end"):
            self._open.close()

    def update(
        self,
        *,
        output: Any = None,
        metadata: Mapping[str, Any] | None = None,
        level: Level | None = None,
        status_message: str | None = None,
    ) -> None:
        """Add what is known by now."""
        if self._sdk is None:
            return
        with self._contained("update"):
            values = {
                "output": bounded(output),
                "metadata": bounded_metadata(metadata),
                "level": level,
                "status_message": None if status_message is None else hidden(mask_text(status_message, 500)),
            }
            self._sdk.update(**values)


def hidden(value: Any) -> Any:
    """Return masked data without the names of the person whose trace is open."""
    return hide_names(value, known_names.get())


def bounded(value: Any) -> Any:
    """Mask a value and bring it under 10 kB: what is larger becomes the start of its JSON text."""
    clean = hidden(mask(value))
    data = (clean if isinstance(clean, str) else json.dumps(clean)).encode()
    if len(data) <= MAX_BYTES:
        return clean
    return data[:MAX_BYTES].decode(errors="ignore") + "…"


def bounded_metadata(metadata: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Mask metadata and keep its first 32 keys, each value under 10 kB."""
    if not metadata:
        return None
    clean = hidden(mask(dict(metadata)))
    return {key: bounded(clean[key]) for key in list(clean)[:MAX_METADATA_KEYS]}


def short_attribute(text: str) -> str:
    """Mask a trace attribute and cut it so that its JSON text fits into Langfuse's 200 characters."""
    clean = mask_text(text)[: MAX_ATTRIBUTE_CHARS - 2]
    excess = len(json.dumps(clean, ensure_ascii=False)) - MAX_ATTRIBUTE_CHARS
    return clean[: len(clean) - max(0, excess)]
