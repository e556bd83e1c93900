"""All measurements in one run: `make bench`. Each also runs alone, `python -m tests.benchmarks.NAME`.

Accuracy is measured on labelled data that is no part of the repository; without it, that part is left out.
"""

import asyncio
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from tests.benchmarks import guardrails, local_classifier, turns, webhook

LABELLED = Path(__file__).resolve().parents[3] / "shared" / "data"

Line = tuple[str, str]


def lines() -> Iterator[Line]:
    """Yield lines of a table, what and how much, as they are measured."""
    yield from asyncio.run(webhook.run())
    yield from asyncio.run(turns.run())
    yield from _understanding(LABELLED / "messages.dev.jsonl")
    yield from _guardrails(LABELLED / "guardrail-tenants.dev.json", LABELLED / "guardrails.dev.jsonl")


def _understanding(messages: Path) -> Iterator[Line]:
    if not messages.exists():
        yield "local engine", f"left out: no {messages.name}"
        return
    for figure in local_classifier.report(messages):
        yield "local engine", figure


def _guardrails(tenants_file: Path, rows_file: Path) -> Iterator[Line]:
    if not rows_file.exists():
        yield "guardrails", f"left out: no {rows_file.name}"
        return
    raw = json.loads(tenants_file.read_text(encoding="utf-8"))
    tenants = {key: guardrails.read_tenant(value) for key, value in raw.items()}
    as_of = date.fromisoformat(next(iter(raw.values()))["as_of"])
    rows = [json.loads(line) for line in rows_file.read_text(encoding="utf-8").splitlines() if line.strip()]
    for figure in guardrails.report(rows, tenants, as_of, ""):
        yield "guardrails", figure


if __name__ == "__main__":
    for what, figure in lines():
        print(f"{what:40} {figure}", flush=True)  # noqa: T201 — its output
