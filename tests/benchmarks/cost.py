"""What 1,000 turns cost, against the same turns with every call on one model and nothing cached.

The calls are those of `tests.benchmarks.cost_replay`; here they are priced, again and again, with one lever more each
time. Tokens are the same throughout: the double's, and as many of an answer whichever model writes it; only Opus, which
cannot be kept from thinking, pays for its thoughts on top. Alone: `python -m tests.benchmarks.cost [messages.jsonl]`.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.log import configure_logging
from agent.models.pricing import ModelPrices, Tokens
from agent.settings import load_settings
from tests.benchmarks.cost_answers import STILL_UNSURE, UNSURE, Row
from tests.benchmarks.cost_replay import CLEAR, MEAN_MESSAGES, MIDNIGHT, MODELS, SLUGS, Call, Replayed, replay
from tests.doubles.claude_rules import OPUS, SONNET
from tests.doubles.claude_tokens import PromptCache
from tests.stores import create_store, durable_home

DEFAULT = Path(__file__).resolve().parents[3] / "shared/data/messages.dev.jsonl"
AIM = 0.85
THOUGHTS = 400
"""Tokens that Opus thinks before it answers, at medium effort and on average (assumed)."""
SPREADS = (1, 2, 4, 8)
"""Days over which the same messages may come in: the fewer an hour, the more often a cached prompt has lapsed."""

Line = tuple[str, str]
Model = Callable[[Call], str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Setup:
    """Which calls are made, of which models, with the prompt cache or without."""

    name: str
    model: Model
    makes: Callable[[Call], bool]
    cached: bool = True


def routed(call: Call) -> str:
    """Return the model of the tier that routing chose."""
    return MODELS[call.tier]


def _all_on(model: str) -> Setup:
    """Every turn is labelled and drafted by one model, which needs no second opinion of its own."""
    return Setup(name=model, model=lambda _: model, makes=lambda call: not call.is_second_opinion, cached=False)


SONNET_ALONE, OPUS_ALONE = _all_on(SONNET), _all_on(OPUS)
SAME_CALLS = Setup(
    name="the calls made",
    model=lambda _: SONNET,
    makes=lambda call: call.why == "made" and not call.is_second_opinion,
    cached=False,
)
MADE = Setup(name="", model=routed, makes=lambda call: call.why == "made")
ALL_DRAFTED = Setup(name="every turn drafted", model=routed, makes=lambda _: True)
LEVERS = (
    Setup(name="each task on its tier", model=routed, makes=lambda _: True, cached=False),
    Setup(name="no draft where none is needed", model=routed, makes=lambda c: c.why != "no draft needed", cached=False),
    Setup(name="prompt cache, 1 h", model=routed, makes=lambda c: c.why != "no draft needed"),
    Setup(name="answer cache", model=routed, makes=lambda c: c.why == "made"),
)


def count(calls: Iterable[Call], setup: Setup, *, days: int = 1) -> Iterator[tuple[Call, str, Tokens]]:
    """Yield every call that is made, by which model, and what it takes, when the messages come over some days."""
    clock = [0.0]
    cache = PromptCache(clock=lambda: clock[0])
    for call in sorted(filter(setup.makes, calls), key=lambda each: each.begun_s * days + each.later_s):
        clock[0] = call.begun_s * days + call.later_s
        model = setup.model(call)
        usage = cache.count({**(call.body if setup.cached else _unmarked(call.body)), "model": model})
        written = usage["cache_creation"]
        yield (
            call,
            model,
            Tokens(
                input=usage["input_tokens"],
                output=call.output + (THOUGHTS if model == OPUS else 0),
                cache_write_5m=written["ephemeral_5m_input_tokens"],
                cache_write_1h=written["ephemeral_1h_input_tokens"],
                cache_read=usage["cache_read_input_tokens"],
            ),
        )


def _unmarked(body: Mapping[str, Any]) -> dict[str, Any]:
    return {**body, "system": "".join(block["text"] for block in body["system"])}


def cost_usd(replayed: Replayed, setup: Setup, *, days: int = 1) -> float:
    """Return what 1,000 turns cost, in dollars."""
    return sum(nano for _, _, _, nano in priced(replayed, setup, days=days)) / 1e6 / replayed.turns


def priced(replayed: Replayed, setup: Setup, *, days: int = 1) -> Iterator[tuple[Call, str, Tokens, int]]:
    """Yield calls with their cost in nano-dollars."""
    prices = ModelPrices.load()
    for call, model, tokens in count(replayed.calls, setup, days=days):
        price = prices.get_price(model, prompt_tokens=tokens.prompt, on=MIDNIGHT.date())
        yield call, model, tokens, price.cost_nanousd(tokens)


# --- the table ------------------------------------------------------------------------------------------------------


def report(replayed: Replayed) -> Iterator[Line]:
    """Yield lines of a table: what, and how much."""
    yield from _about_levers(replayed)
    yield from _about_what_is_left(replayed)
    yield from _about_quiet_days(replayed)
    figure = (
        f"{UNSURE:.0%} of messages unsure on the fast tier, {UNSURE * STILL_UNSURE:.0%} on the next; {THOUGHTS} tokens "
        f"of Opus's thoughts; {MEAN_MESSAGES:.0f} messages a conversation; the hours of the day; 3.1 bytes a token; "
        "replies that quote what is published, which no judge need read; each intent as often as it is labelled"
    )
    yield "assumed", figure


def _about_levers(replayed: Replayed) -> Iterator[Line]:
    a, b = cost_usd(replayed, SONNET_ALONE), cost_usd(replayed, OPUS_ALONE)
    outcomes = sorted(replayed.outcomes.items(), key=lambda each: -each[1])
    yield "turns", f"{replayed.turns}: {', '.join(f'{name} {number}' for name, number in outcomes)}"
    yield "(b) everything on Opus, uncached", f"{b:7.3f} $ per 1,000 turns"
    yield "(a) everything on Sonnet, uncached", f"{a:7.3f} $"
    before = a
    for lever in LEVERS:
        now = cost_usd(replayed, lever)
        yield f"  + {lever.name}", f"{now:7.3f} $  {(before - now) / a:+7.1%} of (a)"
        before = now
    yield "as shipped", _verdict(before, a, b)
    same = cost_usd(replayed, SAME_CALLS)
    yield "  against only the calls that are made", f"{same:7.3f} $ on Sonnet, uncached: {1 - before / same:.1%} below"
    drafted = cost_usd(replayed, ALL_DRAFTED)
    yield "  were every turn to be answered by a model", f"{drafted:7.3f} $, {1 - drafted / a:.1%} below (a)"
    cascade = _with_cascade(replayed, before)
    asked, alone, right = replayed.clear
    figure = (
        f"{cascade:7.3f} $  {(before - cascade) / a:+7.1%} of (a): above {CLEAR} it decides {alone / asked:.0%} alone, "
        f"{right / max(alone, 1):.1%} of these rightly"
    )
    yield "  + local cascade (a tenant's choice)", figure
    yield "  + batches", _about_batches(replayed)


def _verdict(cost: float, a: float, b: float) -> str:
    verdict = "met" if 1 - cost / a >= AIM else "MISSED"
    return f"{cost:7.3f} $, {1 - cost / a:.1%} below (a) (aim: {AIM:.0%}, {verdict}), {1 - cost / b:.1%} below (b)"


def _with_cascade(replayed: Replayed, cost: float) -> float:
    """Return the cost with the local engine deciding as many messages as it does of those it has never seen."""
    asked, alone, _ = replayed.clear
    first = sum(nano for call, *_, nano in priced(replayed, MADE) if call.task == "classify" and call.tier == "fast")
    return cost - first / 1e6 / replayed.turns * alone / asked


def _about_batches(replayed: Replayed) -> str:
    labels = [nano for call, *_, nano in priced(replayed, MADE) if call.task == "classify" and call.tier == "fast"]
    each = sum(labels) / len(labels) / 1e6
    return f"  0.000 $ of a turn: none may wait; labels of 1,000 messages cost {each / 2:.3f} $ instead of {each:.3f}"


def _about_what_is_left(replayed: Replayed) -> Iterator[Line]:
    """Yield which calls the cost is made of."""
    groups: dict[tuple[str, str], list[tuple[Tokens, int]]] = {}
    for call, model, tokens, nano in priced(replayed, MADE):
        groups.setdefault((call.task, model.split("-")[1]), []).append((tokens, nano))
    for (task, model), each in sorted(groups.items(), key=lambda entry: -sum(nano for _, nano in entry[1])):
        cost = sum(nano for _, nano in each) / 1e6 / replayed.turns
        prompt = sum(tokens.prompt for tokens, _ in each)
        shares = {
            "read": sum(tokens.cache_read for tokens, _ in each) / prompt,
            "written": sum(tokens.cache_write_1h for tokens, _ in each) / prompt,
        }
        said = ", ".join(f"{share:.0%} {name}" for name, share in shares.items())
        output = sum(tokens.output for tokens, _ in each) / len(each)
        yield (
            f"  of it: {task} on {model}",
            f"{cost:7.3f} $  {len(each)} calls of {prompt / len(each):,.0f} tokens ({said}), answers of {output:.0f}",
        )


def _about_quiet_days(replayed: Replayed) -> Iterator[Line]:
    a = cost_usd(replayed, SONNET_ALONE)
    for days in SPREADS[1:]:
        cost = cost_usd(replayed, MADE, days=days)
        turns = replayed.turns / days / len(SLUGS)
        figure = f"{cost:7.3f} $, {1 - cost / a:.1%} below (a), with {turns:.0f} turns a tenant a day"
        yield f"the same over {days} days", figure


async def measure(rows: Sequence[Row]) -> Replayed:
    """Replay labelled messages."""
    configure_logging("error", json=False)
    with durable_home() as home:
        store = await create_store(home, "cost", quiet_s=0, max_wait_s=0)
        return await replay(store.app_url, load_settings().nightshift_home, rows)


def run(messages: Path) -> list[Line]:
    """Measure; return lines of a table: what, and how much."""
    rows = [json.loads(line) for line in messages.read_text("utf-8").splitlines()]
    return [(f"cost: {what}", figure) for what, figure in report(asyncio.run(measure(rows)))]


if __name__ == "__main__":
    for what, figure in run(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT):
        print(f"{what:48} {figure}", flush=True)  # noqa: T201 — its output
