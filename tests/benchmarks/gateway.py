"""What the gateway adds to a model call, over the bare SDK against the same double.

The double runs in a process of its own and answers at once, so all that is measured is work, the double's included.
The gateway streams, so it is compared with the SDK's streams, and with its simpler answers in one piece. The kinds take
turns, so that all meet the same machine. Run alone: `python -m tests.benchmarks.gateway`.
"""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from statistics import median, quantiles
from time import perf_counter
from typing import Any

import anthropic
import httpx2
from pydantic import SecretStr

from agent.models.anthropic import message_params
from agent.models.providers import build_gateway
from agent.models.request import Request
from agent.settings import Settings
from jobs.wiring import utc_now
from tests.doubles.claude import API_KEY
from tests.integration.gateways import SYSTEM, Said
from tests.processes import REPOSITORY, free_port

CALLS, WARM_UP = 400, 40
AIM_MS = 2.0
MODEL = "claude-haiku-5-5"
REQUEST = Request(
    task="classify",
    tier="fast",
    system=SYSTEM,
    user="¿Cuánto cuesta el curso intensivo de inglés?",
    output=Said,
    effort="low",
    max_tokens=700,
    prompt_version="bench",
)


@contextmanager
def double_process() -> Iterator[str]:
    """Run the double in a process of its own; yields its address."""
    command = [sys.executable, "-m", "tests.doubles.claude", "--port", str(free_port()), "--slowness", "0"]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout is None:
            raise RuntimeError("the double says nothing")
        yield process.stdout.readline().split()[0].partition("=")[2]
    finally:
        process.kill()
        process.communicate()


async def whole_call(sdk: anthropic.AsyncAnthropic, params: dict[str, Any]) -> Said:
    """Do with the SDK alone what a call needs: ask for an answer in one piece, and read it."""
    message = await sdk.messages.create(**params)
    return Said.model_validate_json("".join(block.text for block in message.content if block.type == "text"))


async def streamed_call(sdk: anthropic.AsyncAnthropic, params: dict[str, Any]) -> Said:
    """Do the same with a stream, as the gateway does."""
    async with sdk.messages.stream(**params) as stream:
        message = await stream.get_final_message()
    return Said.model_validate_json("".join(block.text for block in message.content if block.type == "text"))


async def measure(calls: Mapping[str, Callable[[], Awaitable[object]]]) -> dict[str, list[float]]:
    """Return the milliseconds of each kind of call, taken in turn."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(WARM_UP + CALLS):
        for name, call in calls.items():
            begun = perf_counter()
            await call()
            taken[name].append((perf_counter() - begun) * 1000)
    return {name: each[WARM_UP:] for name, each in taken.items()}


async def run() -> list[tuple[str, str]]:
    """Measure; return lines of a table: what, and how much."""
    params: dict[str, Any] = dict(message_params(REQUEST, MODEL))
    with double_process() as url:
        settings = Settings(_env_file=None, anthropic_api_key=SecretStr(API_KEY), anthropic_base_url=url)
        gateway = build_gateway(settings, now=utc_now)
        async with anthropic.AsyncAnthropic(
            api_key=API_KEY, base_url=url, max_retries=0, timeout=httpx2.Timeout(30, connect=3), open_telemetry=False
        ) as sdk:
            taken = await measure(
                {
                    "bare SDK, in one piece": partial(whole_call, sdk, params),
                    "bare SDK, streamed": partial(streamed_call, sdk, params),
                    "through the gateway": partial(gateway.complete, REQUEST, timeout_s=30),
                }
            )
        await gateway.aclose()
    whole, streamed, through = (median(each) for each in taken.values())
    verdict = "met" if max(through - whole, through - streamed) <= AIM_MS else "MISSED"
    added = f"{through - whole:+.2f} ms to one piece, {through - streamed:+.2f} ms to a stream"
    return [
        *(
            (f"model call, {name}", f"p50 {median(each):.2f} ms, p99 {quantiles(each, n=100)[98]:.2f} ms")
            for name, each in taken.items()
        ),
        ("what the gateway adds at p50", f"{added} (aim: {AIM_MS:.0f} ms at most, {verdict})"),
    ]


if __name__ == "__main__":
    for what, figure in asyncio.run(run()):
        print(f"{what:40} {figure}")  # noqa: T201 — its output
