"""PostgreSQL stopped for a minute under 50 webhooks a second: are all acknowledged, and processed once and in order?

A real web process and a real worker, a real server, stopped and started as an operator would. Prospects go on writing
throughout and while the spool drains; the provider posts a prospect's next message when the one before is acknowledged.
A message is processed when the turn that it belongs to is done. Run alone:
`python -m tests.benchmarks.database_away`.
"""

import asyncio
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import quantiles
from time import perf_counter

import httpx

from agent.local.classifier import LocalClassifier
from agent.local.encoder import load_encoder
from agent.store import embedded
from tests.chaos.ledger import NOTHING_UNDER_WAY
from tests.doubles.twilio import TwilioDouble
from tests.doubles.twilio_webhooks import ACCOUNT_SID, AUTH_TOKEN, inbound_params, post_inbound
from tests.processes import Process, environment, free_port
from tests.stores import OUR_NUMBER, Store, create_store, durable_home

PER_SECOND = 50
PROSPECTS = 50
AWAY_S = 60.0
BEFORE_S, AFTER_S = 3.0, 3.0
DRAINED_S = 300.0
"""Longest wait for the spool to drain."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """One webhook: when it was posted and answered (seconds of the run), and with what status (0: no answer)."""

    at_s: float
    took_s: float
    status: int
    error: str = ""


@dataclass(kw_only=True, slots=True)
class Outage:
    """What happened."""

    answers: list[Answered] = field(default_factory=list)
    stopped_s: float = 0.0
    started_s: float = 0.0
    """When the server was stopped, and when it answered again."""
    drained_s: float = 0.0
    spooled: int = 0
    """Most files seen on disk."""
    stored: int = 0
    duplicates: int = 0
    overtaken: int = 0
    """Messages stored before an older one of the same prospect."""

    @property
    def acknowledged(self) -> int:
        """How many got a 2xx."""
        return sum(200 <= each.status < 300 for each in self.answers)

    @property
    def refused(self) -> str:
        """What the others got, and when."""
        return "; ".join(
            f"{each.status or each.error} at {each.at_s:.1f} s" for each in self.answers if not 200 <= each.status < 300
        )

    @property
    def while_away_ms(self) -> list[float]:
        """How long those took that were posted while the server was stopped."""
        return [each.took_s * 1000 for each in self.answers if self.stopped_s <= each.at_s < self.started_s]


@dataclass(frozen=True, kw_only=True, slots=True)
class Processed:
    """What the worker made of it."""

    took_s: float
    """From when the prospects fell silent until nothing was to be done any more."""
    messages: int
    turns: int
    out_of_order: int
    """Turns that begin before one of the same conversation that was taken earlier ends."""
    sent: int
    sent_twice: int


class Prospects:
    """They write in turn at a steady pace, whatever is answered."""

    def __init__(self, url: str, *, per_second: float) -> None:
        self._url, self._pause_s = url, 1 / per_second
        self._begun = perf_counter()
        self._one_at_a_time = [asyncio.Lock() for _ in range(PROSPECTS)]
        self.answers: list[Answered] = []
        self.stop = asyncio.Event()

    @property
    def now_s(self) -> float:
        """Seconds since the beginning."""
        return perf_counter() - self._begun

    async def write(self) -> None:
        """Post until told to stop, and wait for the last answers."""
        number = 0
        limits = httpx.Limits(max_connections=200)
        async with (
            httpx.AsyncClient(base_url=self._url, trust_env=False, timeout=15, limits=limits) as client,
            asyncio.TaskGroup() as group,
        ):
            while not self.stop.is_set():
                group.create_task(self._post(client, number))
                number += 1
                await asyncio.sleep(max(number * self._pause_s - self.now_s, 0))

    async def _post(self, client: httpx.AsyncClient, number: int) -> None:
        prospect = number % PROSPECTS
        params = inbound_params(
            f"Mensaje {number}",
            MessageSid=f"SM{number:032x}",
            From=f"whatsapp:+3460{prospect:07d}",
            To=f"whatsapp:{OUR_NUMBER}",
        )
        async with self._one_at_a_time[prospect]:
            at_s, status, error = self.now_s, 0, ""
            try:
                status = (await post_inbound(client, self._url, params)).status_code
            except httpx.TransportError as exc:
                error = repr(exc)
            self.answers.append(Answered(at_s=at_s, took_s=self.now_s - at_s, status=status, error=error))


async def suffer(
    store: Store,
    web_url: str,
    spool: Path,
    *,
    away_s: float,
    per_second: float = PER_SECOND,
    calm_s: float = BEFORE_S,
    least: int = 0,
) -> Outage:
    """Stop the server of a store for a while, under load, and see what becomes of every message.

    It stays away for longer than `away_s` if fewer than `least` webhooks wait on disk by then.
    """
    prospects = Prospects(web_url, per_second=per_second)
    writing = asyncio.create_task(prospects.write())
    outage = Outage(answers=prospects.answers)
    await asyncio.sleep(calm_s)
    outage.stopped_s = prospects.now_s
    await asyncio.to_thread(embedded.stop, store.home)
    await asyncio.sleep(away_s)
    async with asyncio.timeout(DRAINED_S):
        while _waiting(spool) < least:
            await asyncio.sleep(0.02)
    outage.spooled = _waiting(spool)
    await asyncio.to_thread(embedded.start, store.home)
    outage.started_s = prospects.now_s
    async with asyncio.timeout(DRAINED_S):
        while _waiting(spool):
            await asyncio.sleep(0.02)
    outage.drained_s = prospects.now_s - outage.started_s
    await asyncio.sleep(calm_s)
    prospects.stop.set()
    await writing
    async with asyncio.timeout(DRAINED_S):  # whatever the last requests left there
        while _waiting(spool):
            await asyncio.sleep(0.02)
    await _judge(store, outage)
    return outage


def _waiting(spool: Path) -> int:
    return sum(1 for _ in spool.glob("*.webhook"))


async def _judge(store: Store, outage: Outage) -> None:
    rows = await store.rows(
        "select conversation_id, provider_id from messages where direction = 'inbound' order by seq"
    )
    times = Counter(row["provider_id"] for row in rows)
    outage.stored = len(times)
    outage.duplicates = sum(times.values()) - len(times)
    said: dict[object, list[int]] = defaultdict(list)
    for row in rows:
        said[row["conversation_id"]].append(int(row["provider_id"][2:], 16))
    outage.overtaken = sum(later < earlier for numbers in said.values() for earlier, later in pairwise(numbers))


async def process(store: Store, twilio: TwilioDouble) -> Processed:
    """Wait until the worker has nothing to do any more, and see what it has done."""
    begun = perf_counter()
    await store.wait_until(NOTHING_UNDER_WAY, timeout_s=DRAINED_S)
    took_s = perf_counter() - begun
    rows = await store.rows(
        """select count(*) filter (where t.state = 'done') as messages, count(distinct t.id) as turns from messages m
           left join turns t on t.id = m.turn_id where m.direction = 'inbound'"""
    )
    late = await store.rows(
        """select from (
               select first_seq, lag(last_seq) over (partition by conversation_id order by created_at) as before
               from turns where state = 'done') t
           where before >= first_seq"""
    )
    sent = Counter(message.status_callback for message in twilio.messages)
    return Processed(
        took_s=took_s,
        messages=rows[0]["messages"],
        turns=rows[0]["turns"],
        out_of_order=len(late),
        sent=len(sent),
        sent_twice=sum(sent.values()) - len(sent),
    )


async def run(away_s: float = AWAY_S) -> list[tuple[str, str]]:
    """Measure; return lines of a table: what, and how much."""
    with durable_home() as home, tempfile.TemporaryDirectory() as logs, TwilioDouble() as twilio:
        store = await create_store(home, "away", quiet_s=3, max_wait_s=12)
        port, spool = free_port(), home / "home" / "spool"
        settings = environment(
            database_url=store.app_url,
            nightshift_home=home / "home",
            nightshift_port=port,
            twilio_account_sid=ACCOUNT_SID,
            twilio_auth_token=AUTH_TOKEN,
            twilio_base_url=twilio.base_url,
        )
        await asyncio.to_thread(LocalClassifier.load, home / "home", load_encoder())
        with (
            Process("web", settings, Path(logs) / "web.log") as web,
            Process("worker", settings, Path(logs) / "worker.log") as worker,
        ):
            for each in (web, worker):
                await asyncio.to_thread(each.wait_ready)
            outage = await suffer(store, f"http://127.0.0.1:{port}", spool, away_s=away_s)
            return [*_table(outage), *_processed(outage, await process(store, twilio))]


def _processed(outage: Outage, processed: Processed) -> list[tuple[str, str]]:
    order = f"in {processed.turns} turns, {processed.out_of_order} of them out of order"
    done = f"all done {processed.took_s:.1f} s after the last was stored"
    return [
        ("database away: processed", f"{processed.messages} of {len(outage.answers)} {order}; {done}"),
        ("database away: answers", f"{processed.sent} handed over, {processed.sent_twice} twice"),
    ]


def _table(outage: Outage) -> list[tuple[str, str]]:
    posted, away = len(outage.answers), outage.while_away_ms
    kept = f"{outage.spooled} were on disk at once"
    refused = f" (others: {outage.refused}; away from {outage.stopped_s:.1f} s)" if outage.refused else ""
    calm = [each.took_s * 1000 for each in outage.answers if each.at_s < outage.stopped_s]
    return [
        (
            "database away: acknowledged",
            f"{outage.acknowledged} of {posted}{refused}; {kept}",
        ),
        ("database away: acknowledgement", f"{_percentiles(away)} (before: {_percentiles(calm)})"),
        ("database away: drained", f"{outage.drained_s:.1f} s after the server was back, {PER_SECOND}/s coming in"),
        (
            "database away: stored",
            f"{outage.stored} of {posted}, {outage.duplicates} twice, {outage.overtaken} overtaken",
        ),
    ]


def _percentiles(times_ms: list[float]) -> str:
    cuts = quantiles(times_ms, n=100)
    return f"p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms, longest {max(times_ms):.0f} ms"


if __name__ == "__main__":
    for what, figure in asyncio.run(run()):
        print(f"{what:40} {figure}")  # noqa: T201 — its output
