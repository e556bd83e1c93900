"""What a turn tells the models: how long prompts are whatever the history, and how much of them the cache serves.

The replay: a day of a busy business and a day of thirty quiet ones, with labelled messages, through the real gateway
to the double for Claude, which counts tokens and keeps a prompt cache by the vendor's rules, on a simulated clock. The
same requests are then counted with other cache marks. `python -m tests.benchmarks.context`.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from agent.history import DUE_ABOVE, KEPT
from agent.models.briefing import MAX_SUMMARY_CHARS, tenant_briefing, turn_briefing
from agent.models.claude import ClaudeModels
from agent.models.pricing import ModelPrices, Tokens
from agent.models.providers import build_gateway
from agent.models.summaries import ClaudeSummariser
from agent.prompts import Prompts
from agent.settings import Settings
from agent.tenant.file import load_tenant_file
from agent.types import ContactId, Message, Route, Sources, Tenant, TenantId, Turn
from tests.doubles.claude import API_KEY, ClaudeDouble
from tests.doubles.claude_tokens import PromptCache, count_tokens
from tests.factories import make_classification, make_conversation, make_message, make_turn

REPOSITORY = Path(__file__).parents[2]
MESSAGES = REPOSITORY / "agent/local/training/messages.jsonl"
MORNING = datetime(2026, 11, 18, 8, tzinfo=UTC)
HOURS = 10
SEEN = 30
"""Messages of the history that a turn is given."""
BUSY, QUIET = (1, 70), (30, 3)
"""Businesses, and conversations of each."""
LINES = "</conversation_history>"

Body = dict[str, Any]
Figures = list[tuple[str, str]]


# --- a day ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class Chat:
    """A conversation as it goes on."""

    tenant: Tenant
    history: list[Message] = field(default_factory=list)
    summary: str = ""
    covers: int = 0

    def say(self, text: str, **fields: Any) -> None:
        """Add a message."""
        self.history.append(make_message(text, seq=len(self.history) + 1, **fields))

    def turn(self, text: str, user: int) -> Turn:
        """Return the turn in which the prospect writes `text`."""
        contact = replace(make_conversation().contact, id=ContactId(UUID(int=user)))
        return make_turn(
            text,
            tenant=self.tenant,
            conversation=make_conversation(tenant_id=self.tenant.id, contact=contact),
            history=self.history[-SEEN:],
            summary=self.summary,
            summarised_seq=self.covers,
        )


@dataclass(frozen=True, slots=True)
class Sent:
    """A request to the double: when (s), what for, and how many tokens came back."""

    at_s: float
    task: str
    body: Body
    output: int


@dataclass(slots=True, kw_only=True)
class Day:
    """Replays the messages of a day, one after the other, and keeps what was sent."""

    double: ClaudeDouble
    models: ClaudeModels
    summariser: ClaudeSummariser
    clock: list[float]
    sent: list[Sent] = field(default_factory=list)

    async def take(self, chat: Chat, text: str, at_s: float, user: int) -> None:
        """Take a turn: classify, draft, and bring the notes up to date where that is due."""
        self.clock[0] = at_s
        turn = chat.turn(text, user)
        classified = await self._counted("classify", self.models.classify(turn, "es"))
        drafted = await self._counted(
            "draft",
            self.models.draft(turn, classified.classification, Sources(), Route(tier="standard", reason="replay")),
        )
        chat.say(text)
        chat.say(drafted.draft.text, direction="outbound", author="agent")
        unnoted = [message for message in chat.history if message.seq > chat.covers]
        if len(unnoted) > DUE_ABOVE:
            noted = await self._counted("summarise", self.summariser.summarise(turn, unnoted[:-KEPT]))
            chat.summary, chat.covers = noted.text, unnoted[-KEPT - 1].seq

    async def _counted(self, task: str, asked: Any) -> Any:
        result = await asked
        request = self.double.requests[-1]
        output = sum(call.usage.output_tokens for call in result.calls)
        self.sent.append(Sent(self.clock[0], task, deepcopy(dict(request.body)), output))
        return result


def written(tenants: Sequence[Tenant], conversations: int, random: Random) -> Iterator[tuple[float, int, Chat, str]]:
    """Yield a day's messages in order: when, whose, in which conversation, and the text."""
    rows = [json.loads(line) for line in MESSAGES.read_text("utf-8").splitlines()]
    texts = [row["text"] for row in rows if row["intent"] not in {"off_topic", "acknowledgement", "opt_out"}]
    plan = []
    for number in range(len(tenants) * conversations):
        chat, at_s = Chat(tenant=tenants[number % len(tenants)]), random.uniform(0, HOURS * 3600)
        for _ in range(min(40, 1 + int(random.expovariate(1 / 4)))):
            plan.append((at_s, number, chat, random.choice(texts)))
            at_s += random.lognormvariate(5.0, 1.0)  # two and a half minutes in the middle, often ten
    yield from sorted(plan, key=lambda each: each[:2])


async def replay(tenants: Sequence[Tenant], conversations: int, seed: int) -> list[Sent]:
    """Replay a day; return the requests it took."""
    clock = [0.0]
    with ClaudeDouble(clock=lambda: clock[0]) as double:
        settings = Settings(_env_file=None, anthropic_api_key=SecretStr(API_KEY), anthropic_base_url=double.base_url)
        gateway = build_gateway(settings, now=lambda: MORNING + timedelta(seconds=clock[0]))
        prompts = Prompts.load()
        models = ClaudeModels(gateway, prompts=prompts, now=lambda: MORNING + timedelta(seconds=clock[0]), timeout_s=30)
        summariser = ClaudeSummariser(gateway, prompts=prompts, timeout_s=30)
        day = Day(double=double, models=models, summariser=summariser, clock=clock)
        for at_s, number, chat, text in written(tenants, conversations, Random(seed)):
            await day.take(chat, text, at_s, number)
        await models.aclose()
    return day.sent


# --- the same day with other cache marks ----------------------------------------------------------------------------


def unmarked(body: Body) -> Body:
    """Nothing cached."""
    return body | {"system": _system(body)}


def five_minutes(body: Body) -> Body:
    """The system prompt cached for five minutes instead of an hour."""
    return body | {"system": [_marked(block["text"], "5m") for block in body["system"]]}


def one_mark(body: Body) -> Body:
    """The rules that all businesses share and what one has published cached as one."""
    return body | {"system": [_marked(_system(body), "1h")]}


def as_sent(body: Body) -> Body:
    """What all businesses share and what one has published, each cached for an hour: as the product does."""
    return body


def mark_history(body: Body) -> Body:
    """A second mark, behind the history: the next turn within five minutes reads it."""
    (message,) = body["messages"]
    text = message["content"] if isinstance(message["content"], str) else message["content"][0]["text"]
    head, found, rest = text.partition(LINES)
    if not found:
        return body
    # One block a line: the API finds what was written up to an earlier line.
    lines = [_marked(f"{line}\n", "5m") for line in head.splitlines()]
    return body | {"messages": [{"role": "user", "content": [*lines, {"type": "text", "text": found + rest}]}]}


def _system(body: Body) -> str:
    return "".join(block["text"] for block in body["system"])


def _marked(text: str, ttl: str) -> Body:
    return {"type": "text", "text": text, "cache_control": {"type": "ephemeral", "ttl": ttl}}


MARKS: Mapping[str, Callable[[Body], Body]] = {
    "no cache": unmarked,
    "one mark, 1 h": one_mark,
    "two marks, 5 min": five_minutes,
    "two marks, 1 h (as it is)": as_sent,
    "a third behind the history, 5 min": mark_history,
}


def count(sent: Sequence[Sent], marks: Callable[[Body], Body]) -> tuple[dict[str, Tokens], int]:
    """Return the tokens of every task, and what they cost in nano-dollars, with these cache marks."""
    clock = [0.0]
    cache, prices = PromptCache(clock=lambda: clock[0]), ModelPrices.load()
    tokens: dict[str, list[Tokens]] = defaultdict(list)
    cost = 0
    for each in sent:
        clock[0] = each.at_s
        usage = cache.count(marks(each.body))
        used = Tokens(
            input=usage["input_tokens"],
            output=each.output,
            cache_write_5m=usage["cache_creation"]["ephemeral_5m_input_tokens"],
            cache_write_1h=usage["cache_creation"]["ephemeral_1h_input_tokens"],
            cache_read=usage["cache_read_input_tokens"],
        )
        tokens[each.task].append(used)
        price = prices.get_price(each.body["model"], prompt_tokens=used.prompt, on=MORNING.date())
        cost += price.cost_nanousd(used)
    return {task: _sum(used) for task, used in tokens.items()}, cost


def _sum(used: Sequence[Tokens]) -> Tokens:
    fields = ("input", "output", "cache_write_5m", "cache_write_1h", "cache_read")
    return Tokens(**{name: sum(getattr(each, name) for each in used) for name in fields})


def about_caching(name: str, sent: Sequence[Sent]) -> Iterator[tuple[str, str]]:
    """Yield the share of the prompts that was read from the cache, and what other marks would have cost."""
    turns = sum(each.task == "draft" for each in sent)
    tokens, _ = count(sent, as_sent)
    together = _sum(list(tokens.values()))
    by_task = ", ".join(f"{task} {used.cache_read / used.prompt:.0%}" for task, used in tokens.items())
    yield f"context: {name}, read from the cache", f"{together.cache_read / together.prompt:.1%} ({by_task})"
    costs = {marks: count(sent, how)[1] for marks, how in MARKS.items()}
    for marks, cost in costs.items():
        saved = 1 - cost / costs["no cache"]
        yield f"context: {name}, {marks}", f"{cost / turns / 1e6:.3f} $ per 1,000 turns, {saved:.0%} below no cache"


# --- the length of a prompt -----------------------------------------------------------------------------------------


def prompt_tokens(messages: int, *, noted: bool) -> int:
    """Return the tokens of a draft's prompt after a number of messages; `noted`: with notes as long as they get."""
    tenant = load_example("lumen")
    rows = MESSAGES.read_text("utf-8").splitlines()
    texts = [json.loads(rows[number % len(rows)])["text"] for number in range(messages)]
    history = tuple(make_message(text, seq=number) for number, text in enumerate(texts, start=1))
    is_long = noted and messages > DUE_ABOVE
    turn = make_turn(
        "¿cuánto cuesta el intensivo?",
        tenant=tenant,
        history=history[-SEEN:],
        summary="Wants English. " * (MAX_SUMMARY_CHARS // 15) if is_long else "",
        summarised_seq=messages - KEPT if is_long else 0,
    )
    prompts = Prompts.load()
    system = prompts.render("reply/system.md") + prompts.render(
        "reply/business.md", **tenant_briefing(tenant, MORNING.date())
    )
    user = prompts.render("reply/user.md", **turn_briefing(turn, make_classification(), Sources(), MORNING))
    return count_tokens(system) + count_tokens(user)


def about_length() -> Iterator[tuple[str, str]]:
    """Yield how long prompts are."""
    for noted, what in ((True, "with notes"), (False, "models down, no notes")):
        sizes = ", ".join(f"{n:,} messages {prompt_tokens(n, noted=noted):,}" for n in (10, 100, 1000))
        yield f"context: tokens of a draft's prompt, {what}", sizes


def load_example(slug: str) -> Tenant:
    """Return a tenant that ships with the product."""
    return load_tenant_file(REPOSITORY / f"agent/example_tenants/{slug}.yaml").tenant


async def run() -> Figures:
    """Measure; return lines of a table."""
    lumen = load_example("lumen")
    quiet = [
        replace(load_example("verdesolar"), id=TenantId(UUID(int=number)), name=f"Business {number}")
        for number in range(QUIET[0])
    ]
    lines = list(about_length())
    lines += about_caching("a busy business", await replay([lumen], BUSY[1], seed=1))
    lines += about_caching("thirty quiet ones", await replay(quiet, QUIET[1], seed=2))
    return lines


if __name__ == "__main__":
    for what, figure in asyncio.run(run()):
        print(f"{what:70} {figure}")  # noqa: T201 — its output
