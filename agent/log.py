"""Logging: one line per record on standard error, as JSON or for people.

Correlation ids come from `structlog.contextvars` (`bound_contextvars(tenant=…, turn=…)` around a piece of work) and
follow asyncio tasks. What a prospect wrote is never logged: values are masked and bounded, and keys that hold texts or
credentials lose their value. Of an exception, its kind and where it came from: what it says may quote a message, so
only `debug` has it, masked.
"""

import logging
import re
import sys
import traceback
from typing import Literal

import structlog
from structlog.processors import ExceptionRenderer
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from agent.tracing.masking import CREDENTIALS, mask

LogLevel = Literal["debug", "info", "warning", "error"]

MAX_CHARS = 2_000
MAX_EXCEPTION_CHARS = 10_000
MAX_CAUSES = 5
NEVER_LOGGED = CREDENTIALS | {"text", "body"}

QUIET = (
    "anthropic",
    "apscheduler",
    "httpcore",
    "httpx",
    "httpx2",
    "langfuse",
    "opentelemetry",
    "procrastinate",
    "twilio",
    "urllib3",
    "uvicorn",
)
"""Libraries whose lower levels log requests, prompts or whole messages, or each of their own steps."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_CONTROL_BUT_NEWLINE = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def configure_logging(level: LogLevel, json: bool) -> None:
    """Send every record of structlog and of the standard library to standard error, from `level` up.

    Called once by an entry point; calling it again replaces the set-up.
    """
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *before,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info if level == "debug" else ExceptionRenderer(_without_words),
                withhold,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                _renderer(json),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name in QUIET:
        _route_through_root(logging.getLogger(name))


def _route_through_root(library: logging.Logger) -> None:
    """A library that brought its own handler (uvicorn does) would write past `withhold`."""
    library.handlers.clear()
    library.propagate = True
    library.setLevel(max(logging.WARNING, logging.getLogger().level))


def withhold(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Mask and bound every value; keys in `NEVER_LOGGED` lose theirs; no value can forge a second line."""
    exception = event.pop("exception", None)
    safe: EventDict = _one_line(mask(event, limit=MAX_CHARS, hidden=NEVER_LOGGED))
    if exception is not None:
        # The end of a stack trace says what happened.
        text = mask(str(exception)[-MAX_EXCEPTION_CHARS:], limit=MAX_EXCEPTION_CHARS)
        safe["exception"] = _CONTROL_BUT_NEWLINE.sub(" ", text)
    return safe


def _without_words(exc_info: ExcInfo) -> str:
    """Write an exception and what led to it, the first cause first, without what any of them says."""
    blocks: list[str] = []
    exc: BaseException | None = exc_info[1]
    while exc is not None and len(blocks) < MAX_CAUSES:
        kind = f"{type(exc).__module__}.{type(exc).__qualname__}".removeprefix("builtins.")
        frames = "".join(traceback.format_tb(exc.__traceback__))
        blocks.append(f"Traceback (most recent call last):\n{frames}{kind}")
        inner = exc.exceptions[0] if isinstance(exc, BaseExceptionGroup) else exc.__cause__
        exc = inner or (None if exc.__suppress_context__ else exc.__context__)
    return "\n\n".join(reversed(blocks))


def _one_line(event: EventDict) -> EventDict:
    return {
        _CONTROL.sub(" ", key): _CONTROL.sub(" ", value) if isinstance(value, str) else value
        for key, value in event.items()
    }


def _renderer(json: bool) -> Processor:
    if json:
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
