"""The batch commands: load an engine, run a file through `agent.batch` with a progress bar, report bad rows."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

from agent.audit_tenants import load_tenants
from agent.batch import (
    Annotate,
    BatchResult,
    ClassifyRow,
    Row,
    annotate_file,
    check_fields,
    classification_fields,
    language_fields,
    local_classify_row,
)
from agent.errors import Misconfigured
from agent.guardrails import content_rules
from agent.guardrails.judge import RememberingJudge
from agent.language import LanguageDetector
from agent.local.classifier import LocalClassifier
from agent.local.encoder import load_encoder
from agent.settings import Settings
from agent.types import Classification
from jobs.agent_wiring import load_claude
from jobs.wiring import utc_now

CLAUDE_CONCURRENCY = 8


def run_training(settings: Settings, console: Console) -> None:
    """Have the trained model ready, so that the first worker need not wait for it."""
    classifier = LocalClassifier.load(settings.nightshift_home, load_encoder())
    console.print(f"The local classifier is ready (version {classifier.name}).")


async def run_language(source: Path, target: Path, console: Console) -> int:
    """Detect the language of each row; return the exit code."""
    return await run_annotation(source, target, language_fields(LanguageDetector.load()), console)


async def run_classify(settings: Settings, source: Path, target: Path, engine: str, console: Console) -> int:
    """Classify each row; return the exit code.

    Raises:
        Misconfigured: engine `claude` without a key.
    """
    async with _classify_row(settings, engine) as classify_row:
        concurrency = CLAUDE_CONCURRENCY if engine == "claude" else 1
        return await run_annotation(source, target, classification_fields(classify_row), console, concurrency)


async def run_check(
    settings: Settings, tenants: Path, source: Path, target: Path, console: Console, *, judged: bool, today: date
) -> int:
    """Check each row against what its tenant has published; return the exit code.

    Raises:
        Misconfigured: the tenants' file is wrong, or `judged` without a key.
    """
    require_own_file(target, source, tenants)
    published = load_tenants(tenants, today)
    rules = content_rules(LanguageDetector.load().detect)
    if not judged:
        return await run_annotation(source, target, check_fields(published, rules), console)
    claude = load_claude(settings)
    try:
        annotate = check_fields(published, rules, RememberingJudge(claude, now=utc_now))
        return await run_annotation(source, target, annotate, console, CLAUDE_CONCURRENCY)
    finally:
        await claude.aclose()


@asynccontextmanager
async def _classify_row(settings: Settings, engine: str) -> AsyncIterator[ClassifyRow]:
    if engine == "local":
        classifier = LocalClassifier.load(settings.nightshift_home, load_encoder())
        yield local_classify_row(classifier, LanguageDetector.load())
        return
    models = load_claude(settings)

    async def classify(row: Row) -> Classification:
        answer = await models.classify_text(
            row["text"], context=row.get("context"), channel=row.get("channel") or "whatsapp"
        )
        return answer.classification

    try:
        yield classify
    finally:
        await models.aclose()


async def run_annotation(source: Path, target: Path, annotate: Annotate, console: Console, concurrency: int = 1) -> int:
    """Write each row with what `annotate` adds, showing progress; return the exit code."""
    require_own_file(target, source)
    total = _count_lines(source)
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(source.name, total=total)
        try:
            result = await annotate_file(
                source,
                target,
                annotate,
                concurrency=concurrency,
                progress=lambda done: progress.update(task, completed=done),
            )
        except OSError as exc:
            raise Misconfigured(
                f"Cannot write {target}: {exc.strerror}.", "Free some space, or give --out another path."
            ) from exc
    return _report(result, target, console)


def require_own_file(target: Path, *sources: Path) -> None:
    """Refuse, before anything is opened, a target that is an input or cannot be written.

    Raises:
        Misconfigured: says what to do.
    """
    if target.is_dir():
        raise Misconfigured(f"{target} is a directory.", "Give --out the name of a file.")
    if target.exists() and any(target.samefile(source) for source in sources):
        raise Misconfigured(f"{target} would overwrite its own input.", "Give --out another name.")
    if not target.parent.is_dir():
        raise Misconfigured(f"The directory of {target} does not exist.", "Create it, or give --out another path.")


def _count_lines(source: Path) -> int:
    with source.open("rb") as lines:
        return sum(1 for _ in lines)


def _report(result: BatchResult, target: Path, console: Console) -> int:
    """Say what was done. Exit code 1 when not one row could be used though there were some."""
    for bad in result.rejected:
        console.print(f"[yellow]line {bad.line}:[/yellow] {escape(bad.reason)}")
    left_out = f", {len(result.rejected)} left out" if result.rejected else ""
    console.print(f"{result.written} rows written to {escape(str(target))}{left_out}.")
    return 1 if result.rejected and not result.written else 0
