"""Batch tools: JSON Lines in, the same rows out with added fields, in the same order.

A row that cannot be used is reported with its line number and left out; the rest goes on. Rows are written as
they are done, so a run of any length needs little memory, and may be cut short without losing what is done.
"""

import asyncio
import inspect
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from agent.audit import AuditedText, audit, audit_judged, objections
from agent.audit_tenants import AuditedTenant
from agent.errors import NightshiftError
from agent.guardrails.rule import Rule
from agent.language import LanguageDetector
from agent.local.classifier import LocalClassifier
from agent.ports import Judge
from agent.types import Channel, Classification, Verdict

Row = dict[str, Any]
Annotate = Callable[[Row], Row | Awaitable[Row]]
"""Returns the fields to add to a row. Raises `BadRow` (or any `NightshiftError`) where it cannot."""
ClassifyRow = Callable[[Row], Classification | Awaitable[Classification]]
CHANNELS = get_args(Channel)
LANGUAGES = ("en", "es", "pt")


class BadRow(NightshiftError):  # noqa: N818 — names what is wrong, as our errors do
    """A row cannot be used; the message says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejected:
    """A row that was left out: its line number in the input (from 1) and why."""

    line: int
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchResult:
    """What a run did: how many rows were written, and which were not."""

    written: int
    rejected: tuple[Rejected, ...]


Progress = Callable[[int], None]
"""Called with the number of rows dealt with so far."""


async def annotate_file(
    source: Path,
    target: Path,
    annotate: Annotate,
    *,
    concurrency: int = 1,
    progress: Progress = lambda _done: None,
) -> BatchResult:
    """Write each row of `source` to `target` with what `annotate` adds; up to `concurrency` at a time.

    An empty line is skipped. An added field replaces one of the same name.

    Raises:
        OSError: a file cannot be read or written.
    """
    rejected: list[Rejected] = []
    written = done = 0
    with source.open("rb") as lines, target.open("w", encoding="utf-8", newline="\n") as out:
        async for line, outcome in _in_order(_numbered(lines), annotate, concurrency):
            done += 1
            if isinstance(outcome, BadRow):
                rejected.append(Rejected(line=line, reason=str(outcome)))
            else:
                out.write(json.dumps(outcome, ensure_ascii=False).encode("utf-8", "replace").decode() + "\n")
                written += 1
            progress(done)
    return BatchResult(written=written, rejected=tuple(rejected))


def read_messages(source: Path) -> Iterator[Row]:
    """Yield the rows {id, channel?, text, context?} of a file that can be used; `annotate_file` reports the others."""
    with source.open("rb") as lines:
        for _, raw in _numbered(lines):
            try:
                row = _parse(raw)
                _check_message(row)
            except BadRow:
                continue
            yield row


def language_fields(detector: LanguageDetector, languages: Sequence[str] = LANGUAGES) -> Annotate:
    """Return what adds `language` and `confidence` to a row {id, text}.

    Each row is judged by itself and always answered: with the best guess of `languages`, or `other`.
    """

    def annotate(row: Row) -> Row:
        found = detector.best_guess(_text_of(row), languages=languages)
        return {"language": found.language, "confidence": round(found.confidence, 4)}

    return annotate


def classification_fields(classify_row: ClassifyRow) -> Annotate:
    """Return what adds `intent`, `language`, `confidence`, `needs_human` and `source` to {id, channel, text, context?}.

    `classify_row` gets rows that were checked; it may be a plain or an async function.
    """

    async def annotate(row: Row) -> Row:
        _check_message(row)
        answer = classify_row(row)
        found = await answer if inspect.isawaitable(answer) else answer
        return {
            "intent": found.intent,
            "language": found.language,
            "confidence": round(found.confidence, 4),
            "needs_human": found.needs_human,
            "source": found.source,
        }

    return annotate


def local_classify_row(
    classifier: LocalClassifier, detector: LanguageDetector, languages: Sequence[str] = LANGUAGES
) -> ClassifyRow:
    """Return the local engine for `classification_fields`."""

    def classify(row: Row) -> Classification:
        language = detector.best_guess(row["text"], languages=languages).language or languages[0]
        return classifier.classify(
            row["text"], language=language, context=row.get("context"), channel=row.get("channel")
        )

    return classify


def check_fields(tenants: Mapping[str, AuditedTenant], rules: Sequence[Rule], judge: Judge | None = None) -> Annotate:
    """Return what adds `outcome`, `rules` and `verdicts` to a row {tenant, channel, language, inbound?, draft}.

    `outcome` is `pass` or `violation`, `rules` are the broken ones, main one first, and `verdicts` say what is wrong.
    With a `judge`, statements that code cannot decide are judged too.
    """

    async def annotate(row: Row) -> Row:
        text, tenant = _audited_text(row), _tenant_of(row, tenants)
        verdicts = await audit_judged(text, tenant, rules, judge) if judge else audit(text, tenant, rules)
        broken = objections(verdicts)
        return {
            "outcome": "violation" if broken else "pass",
            "rules": [verdict.rule for verdict in broken],
            "verdicts": [_verdict_fields(verdict) for verdict in broken],
        }

    return annotate


def _audited_text(row: Row) -> AuditedText:
    """Return the text of a row that can be judged."""
    _require_texts(row, "draft", "language")
    _require_channel(row)
    if not isinstance(row.get("inbound"), str | None):
        raise BadRow('"inbound" must be a string')
    return AuditedText(
        text=row["draft"],
        language=row["language"],
        channel=row.get("channel") or "whatsapp",
        inbound=row.get("inbound") or "",
    )


def _tenant_of(row: Row, tenants: Mapping[str, AuditedTenant]) -> AuditedTenant:
    _require_texts(row, "tenant")
    if row["tenant"] not in tenants:
        raise BadRow(f"the tenant {row['tenant'][:80]!r} is not in the tenants' file")
    return tenants[row["tenant"]]


def _verdict_fields(verdict: Verdict) -> Row:
    return {
        "rule": verdict.rule,
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "evidence": verdict.evidence,
        "span": verdict.span,
        "version": verdict.version,
    }


async def _in_order(
    rows: Iterator[tuple[int, bytes]], annotate: Annotate, concurrency: int
) -> AsyncIterator[tuple[int, Row | BadRow]]:
    """Yield line numbers and outcomes in input order, with up to `concurrency` rows being worked on."""
    pending: deque[tuple[int, asyncio.Task[Row | BadRow]]] = deque()
    try:
        for line, raw in rows:
            pending.append((line, asyncio.create_task(_outcome(raw, annotate))))
            if len(pending) >= concurrency:
                first, task = pending.popleft()
                yield first, await task
        while pending:
            first, task = pending.popleft()
            yield first, await task
    finally:
        for _, task in pending:
            task.cancel()


async def _outcome(raw: bytes, annotate: Annotate) -> Row | BadRow:
    """Return the finished row, or why there is none."""
    try:
        row = _parse(raw)
        added = annotate(row)
        return row | (await added if inspect.isawaitable(added) else added)
    except BadRow as exc:
        return exc
    except NightshiftError as exc:
        return BadRow(str(exc))


def _numbered(lines: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    return ((number, line) for number, line in enumerate(lines, start=1) if line.strip())


def _parse(raw: bytes) -> Row:
    try:
        row = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as exc:
        raise BadRow(f"not UTF-8 (byte {exc.start + 1}): save the file as UTF-8") from exc
    except (ValueError, RecursionError) as exc:
        raise BadRow(f"not JSON: {exc}") from exc
    if not isinstance(row, dict):
        raise BadRow(f'expected an object such as {{"id": …, "text": …}}, found {type(row).__name__}')
    return row


def _text_of(row: Row) -> str:
    _require_texts(row, "text")
    text: str = row["text"]
    return text


def _check_message(row: Row) -> None:
    _require_texts(row, "text")
    if not isinstance(row.get("context"), str | None):
        raise BadRow('"context" must be a string')
    _require_channel(row)


def _require_texts(row: Row, *names: str) -> None:
    for name in names:
        if not isinstance(row.get(name), str):
            raise BadRow(f'"{name}" must be a string' if name in row else f'"{name}" is missing')


def _require_channel(row: Row) -> None:
    if row.get("channel") not in (None, *CHANNELS):  # a tuple: what JSON holds may not be hashable
        raise BadRow(f'"channel" must be one of {", ".join(CHANNELS)}')
