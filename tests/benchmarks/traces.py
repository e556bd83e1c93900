"""What Langfuse knows of 500 turns of every kind, and what tracing costs while Langfuse is away.

Run alone: `python -m tests.benchmarks.traces`.
"""

import asyncio
import gc
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from statistics import median
from uuid import uuid4

import psycopg

from agent.language import LanguageDetector
from agent.local.encoder import load_encoder
from agent.log import configure_logging
from agent.ports import Tracer
from agent.settings import LangfuseProject
from agent.store import embedded
from agent.store.db import Database
from agent.store.migrate import ensure_app_login, migrate
from agent.tracing.traces import LangfuseTracer, SilentTracer
from tests.conftest import FakeClock, in_database
from tests.doubles.langfuse import FakeLangfuse, Mode, fake_langfuse
from tests.doubles.models import a_call
from tests.factories import NOW
from tests.integration.agents import Agent, build_agent
from tests.stores import durable_home
from tests.trace_kinds import kinds_of_scores, open_world, prove

ROUNDS = 56
"""Of nine turns each: 504."""
ASKED = 40
"""Turns with each tracer."""
ENDURED = 20_000
WARM = 1_000
STEPS = 10
"""Observations in a turn."""
AWAY: dict[Mode, str] = {"hang": "hanging", "refuse": "refusing", "error": "answering 500"}
MB = 1024 * 1024


def run(rounds: int = ROUNDS, endured: int = ENDURED) -> Iterator[tuple[str, str]]:
    """Yield what was measured, line by line."""
    configure_logging("error", json=True)
    with durable_home() as home:
        yield from asyncio.run(_complete(_database(home, "complete"), rounds))
        yield from asyncio.run(_compare(_database(home, "compare")))
    for mode, words in AWAY.items():
        yield f"traces, Langfuse {words}", _endure(mode, endured)


def _database(home: Path, name: str) -> str:
    """Create a migrated database; return the application's URL of it."""
    server = embedded.start(home)
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"create database {name}".encode())
    migrate(in_database(server, name))
    return in_database(ensure_app_login(in_database(server, name), home), name)


async def _complete(url: str, rounds: int) -> list[tuple[str, str]]:
    """Play turns of every kind and hold what has arrived against the database."""
    detector, encoder = LanguageDetector.load(), load_encoder()
    with fake_langfuse(f"pk-lf-{uuid4()}") as langfuse:
        async with (
            Database(url, max_size=8) as db,
            open_world(db, FakeClock(NOW), detector, encoder, langfuse) as world,
        ):
            for _ in range(rounds):
                for play in world.kinds.values():
                    await play()
            await world.days_later()
            await world.arrive()
            proof = await prove(world)
        scores = ", ".join(f"{name} {number}" for name, number in sorted(kinds_of_scores(langfuse).items()))
    return [
        ("traces, every kind", f"{proof.turns} turns, {proof.spans} observations, {proof.cost_microusd} micro-dollars"),
        ("traces, scores", f"{proof.scores}: {scores}"),
        ("traces, what is wrong", str(proof.problems or "nothing")),
    ]


async def _compare(url: str) -> list[tuple[str, str]]:
    """Take turns with every tracer in turn, in one run: a busy machine is equally busy for all."""
    detector = LanguageDetector.load()
    with ExitStack() as stack:
        tracers: dict[str, Tracer] = {"silent": SilentTracer(), "healthy": _tracer(stack, "healthy")}
        tracers |= {words: _tracer(stack, mode) for mode, words in AWAY.items()}
        async with Database(url, max_size=8) as db:
            agent = await build_agent(db, FakeClock(NOW), detector)
            taken: dict[str, list[float]] = {name: [] for name in tracers}
            for number in range(ASKED * len(tracers)):
                name = list(tracers)[number % len(tracers)]
                taken[name].append(await _take(replace(agent, deps=replace(agent.deps, tracer=tracers[name])), number))
        for tracer in tracers.values():
            await asyncio.to_thread(tracer.shutdown)
    usual = median(taken["healthy"])
    figures = [f"{name} {median(times) / usual:.2f}" for name, times in taken.items()]
    return [("turn latency, to a healthy Langfuse", f"{', '.join(figures)} (median of {ASKED}, {usual * 1000:.0f} ms)")]


def _tracer(stack: ExitStack, mode: Mode) -> LangfuseTracer:
    server: FakeLangfuse = stack.enter_context(fake_langfuse(f"pk-lf-{uuid4()}"))
    server.mode = mode
    return LangfuseTracer(server.project, environment="test")


async def _take(agent: Agent, number: int) -> float:
    conversation_id = await agent.hear("¿cuánto cuesta el intensivo?", sender=f"+34600{number:06d}")
    started = time.perf_counter()
    await agent.answer(conversation_id)
    return time.perf_counter() - started


def _endure(mode: Mode, turns: int) -> str:
    """Make turns' worth of observations in a process of its own; return how it grew and how fast it ended."""
    with fake_langfuse(f"pk-lf-{uuid4()}") as server:
        server.mode = mode
        command = [sys.executable, "-m", "tests.benchmarks.traces", server.url, server.public_key, server.secret_key]
        process = subprocess.Popen([*command, str(turns)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        grown = process.stdout.readline().strip()
        stopped = time.monotonic()
        process.wait()
    return f"{grown}, exit {time.monotonic() - stopped:.1f} s"


def _make_turns(url: str, public_key: str, secret_key: str, turns: int) -> None:
    """Report turns with distinct texts to a Langfuse that does not take them, print how memory grew, and end."""
    project = LangfuseProject.model_validate({"base_url": url, "public_key": public_key, "secret_key": secret_key})
    tracer = LangfuseTracer(project, environment="test")
    lost, before = 0, 0
    for number in range(turns + WARM):
        if number == WARM:
            gc.collect()
            before = _resident()
        _make_turn(tracer, str(uuid4()), f"{number} ¿Cuánto cuesta? " * 50)
        lost += tracer.fates().lost if number % 100 == 0 else 0
    gc.collect()
    grown = (_resident() - before) / MB
    print(f"{turns} turns of {STEPS} observations: {grown:+.1f} MB, {lost} lost and counted", flush=True)  # noqa: T201
    tracer.shutdown()


def _make_turn(tracer: Tracer, turn_id: str, text: str) -> None:
    trace_id = tracer.trace_id(turn_id)
    metadata = {"tenant": "lumen", "turn": turn_id}
    with tracer.turn(
        trace_id=trace_id, session_id=turn_id, user_id=turn_id, tags=["lumen"], metadata=metadata, input=text
    ) as root:
        for step in range(STEPS - 2):
            with tracer.step(f"step {step}", "guardrail", input=text) as observation:
                observation.update(output=text)
        tracer.call(a_call())
        root.update(output=text)


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _make_turns(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        for what, figure in run():
            print(f"{what:40} {figure}", flush=True)  # noqa: T201 — its output
