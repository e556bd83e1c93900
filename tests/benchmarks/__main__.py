"""All measurements in one run: `make bench`. Each also runs alone, `python -m tests.benchmarks.NAME`.

Accuracy is measured on labelled data that is no part of the repository; without it, that part is left out.
"""

import asyncio
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from agent.audit_tenants import load_tenants
from agent.guardrails import content_rules
from agent.language import LanguageDetector
from tests.benchmarks import (
    answer_cache,
    cascade,
    context,
    cost,
    database_away,
    drill,
    event_chain,
    gateway,
    guardrails,
    local_classifier,
    reports,
    rollouts,
    simulation,
    traces,
    turns,
    webhook,
)

LABELLED = Path(__file__).resolve().parents[3] / "shared" / "data"

Line = tuple[str, str]


def lines() -> Iterator[Line]:
    """Yield lines of a table, what and how much, as they are measured."""
    yield from asyncio.run(webhook.run())
    yield from asyncio.run(reports.run())
    yield from asyncio.run(event_chain.run())
    yield from asyncio.run(database_away.run())
    yield from asyncio.run(turns.run())
    yield from asyncio.run(gateway.run())
    yield from asyncio.run(context.run())
    yield from answer_cache.run()
    yield from drill.run()
    yield from traces.run()
    yield from rollouts.run()
    yield from asyncio.run(simulation.run())
    yield from _cost(LABELLED / "messages.dev.jsonl")
    yield from _understanding(LABELLED / "messages.dev.jsonl")
    yield from _guardrails(LABELLED / "guardrail-tenants.dev.json", LABELLED / "guardrails.dev.jsonl")


def _cost(messages: Path) -> Iterator[Line]:
    if not messages.exists():
        yield "cost", f"left out: no {messages.name}"
        return
    yield from cost.run(messages)


def _understanding(messages: Path) -> Iterator[Line]:
    if not messages.exists():
        yield "local engine", f"left out: no {messages.name}"
        return
    for figure in local_classifier.report(messages):
        yield "local engine", figure
    for figure in cascade.report(messages):
        yield "local engine alone", figure


def _guardrails(tenants_file: Path, rows_file: Path) -> Iterator[Line]:
    if not rows_file.exists():
        yield "guardrails", f"left out: no {rows_file.name}"
        return
    rules = content_rules(LanguageDetector.load().detect)
    tenants = load_tenants(tenants_file, date.today())  # noqa: DTZ011 — only for tenants that state no day
    rows = guardrails.read_rows(rows_file)
    judged, timing = guardrails.judge_rows(rows, tenants, rules), guardrails.time_rules(rows, tenants, rules)
    for figure in guardrails.report(judged, timing):
        yield "guardrails", figure


if __name__ == "__main__":
    for what, figure in lines():
        print(f"{what:40} {figure}", flush=True)  # noqa: T201 — its output
