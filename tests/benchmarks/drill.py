"""The fault drill: half an hour of 529s, 5xx, stalls and a total outage, over two thousand turns, in simulated time.

`python -m tests.benchmarks.drill [--html FILE]` prints what must hold and what did, and draws a timeline; with `--html`
also as a page. The stage is `tests.benchmarks.drill_run`.
"""

import argparse
import gc
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any

import psycopg
from psycopg.rows import dict_row

from agent.log import configure_logging
from agent.settings import load_settings
from agent.store import embedded
from agent.store.migrate import ensure_app_login, migrate
from tests.benchmarks.drill_plot import draw_page, draw_timeline
from tests.benchmarks.drill_run import BEGIN, WORKERS, Log, Plan, Shared, play
from tests.benchmarks.drill_world import SimulatedLoop, replace_clock
from tests.conftest import UNSAFE_BUT_FAST, in_database
from tests.stores import durable_home

RETRIES_AIM = 0.10
Line = tuple[str, str]
Row = dict[str, Any]

FOUND = {
    "turns": "select count(*) as n from turns where state = 'done'",
    "lost": """
        select count(*) as n from messages m left join turns t on t.id = m.turn_id
        where m.direction = 'inbound' and t.state is distinct from 'done'""",
    "failed": "select count(*) as n from turns where state = 'failed'",
    "unsaid": """
        select count(*) as n from turns t where t.state = 'done' and t.decision = 'send' and not exists (
            select from messages m where m.turn_id = t.id and m.direction = 'outbound' and m.state = 'queued')""",
    "answered_twice": """
        select count(*) as n from (
            select from messages m left join holding_lines h on h.message_id = m.id
            where m.direction = 'outbound' and m.state = 'queued' and h.message_id is null
            group by m.turn_id having count(*) > 1) twice""",
    "lines": "select count(*) as n from holding_lines",
    "most_lines": """
        select coalesce(max(n), 0) as n from (
            select count(*) as n from holding_lines h join messages m on m.id = h.message_id and m.state = 'queued'
            group by h.conversation_id) lines""",
    "waited": "select count(distinct turn_id) as n from events where kind = 'turn.waits'",
    "outages": "select count(*) as n from outages",
    "open_outages": "select count(*) as n from outages where ended_at is null",
}
ANSWERED = """
    select extract(epoch from min(m.created_at) - %(begin)s)::float8 as asked_s,
           extract(epoch from d.finished_at - %(begin)s)::float8 as answered_s
    from turns t join messages m on m.turn_id = t.id and m.direction = 'inbound'
    join messages o on o.turn_id = t.id and o.direction = 'outbound' and o.state = 'queued'
    join deliveries d on d.message_id = o.id and d.state = 'accepted'
    where t.state = 'done' and not exists (select from holding_lines h where h.message_id = o.id)
    group by t.id, d.finished_at"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Drilled:
    """What came of a drill."""

    plan: Plan
    log: Log
    found: dict[str, int]
    answered: list[tuple[float, float]]
    """When a turn's first message was written, and when its answer was handed over."""
    took_s: float

    @property
    def sent_twice(self) -> int:
        """How many messages the messaging provider got more than once."""
        return sum(number > 1 for number in Counter(message.id for _, message in self.log.sent).values())

    @property
    def retry_share(self) -> float:
        """Requests beyond the first of a call, over calls."""
        return len(self.log.retries) / max(len(self.log.calls), 1)

    @property
    def recovered_after_s(self) -> float:
        """How long after the last total outage of the forecast nobody waited any more."""
        ended = max((each.until_min * 60 for each in self.plan.forecast if each.name == "total outage"), default=0.0)
        waiting = [each.at_s for each in self.log.samples if each.waiting]
        return max(max(waiting, default=0.0) - ended, 0.0)


def drill(plan: Plan, home: Path, trained: Path) -> Drilled:
    """Run a drill in a database of its own; `trained` is where the local engine is kept."""
    server = embedded.start(home, extra_settings=UNSAFE_BUT_FAST)
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(b"create database drill")
    replace_clock(server, "drill")
    admin_url = in_database(server, "drill")
    migrate(admin_url)
    shared, loop = Shared.load(trained), SimulatedLoop()
    begun = time.monotonic()
    try:
        log = loop.run_until_complete(play(plan, admin_url, ensure_app_login(admin_url, home), shared, loop))
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()
    took_s = time.monotonic() - begun
    with psycopg.connect(admin_url, row_factory=dict_row) as connection:
        found = {name: int(_one(connection, query)["n"]) for name, query in FOUND.items()}
        rows = connection.execute(ANSWERED.encode(), {"begin": BEGIN}).fetchall()
    answered = sorted((row["asked_s"], row["answered_s"]) for row in rows)
    return Drilled(plan=plan, log=log, found=found, answered=answered, took_s=took_s)


def _one(connection: "psycopg.Connection[Row]", query: str) -> Row:
    row = connection.execute(query.encode()).fetchone()
    if row is None:
        raise RuntimeError("a count has no row")
    return row


# --- the report -----------------------------------------------------------------------------------------------------


def report(drilled: Drilled) -> Iterator[Line]:
    """Yield lines of a table: what, and how much."""
    log, found = drilled.log, drilled.found
    ended = f"all done after {log.ended_s / 60:.1f} min; {WORKERS} workers, two providers; took {drilled.took_s:.0f} s"
    yield "simulated", f"{drilled.plan.minutes:.0f} min of messages, {ended}"
    waited = f"{found['waited']} waited in {found['outages']} outage(s)"
    yield "turns", f"{found['turns']} for {len(log.written)} messages; {waited}"
    yield "messages lost", _held(found["lost"] + found["unsaid"] + found["failed"], most=0)
    yield "answered twice", _held(found["answered_twice"] + drilled.sent_twice, most=0)
    yield "holding lines", f"{found['lines']}; in a conversation {_held(found['most_lines'], most=1)}"
    yield "retries", _about_retries(drilled)
    after = f"nobody waits {drilled.recovered_after_s:.0f} s after the total outage"
    yield "recovered", f"{after}; outages still open: {_held(found['open_outages'], most=0)}"
    for name, share in _delays(drilled):
        yield f"answered, {name}", share


def _held(number: int, *, most: int) -> str:
    return f"{number} (aim: {most}, {'met' if number <= most else 'MISSED'})"


def _about_retries(drilled: Drilled) -> str:
    log, share = drilled.log, drilled.retry_share
    verdict = "met" if share <= RETRIES_AIM else "MISSED"
    worst = f"worst minute {_worst_minute(log)}; {len(log.probes)} probes"
    return f"{len(log.retries)} over {len(log.calls)} calls: {share:.1%} (aim: {RETRIES_AIM:.0%}, {verdict}); {worst}"


def _worst_minute(log: Log) -> str:
    calls, retries = (Counter(int(at // 60) for at in times) for times in (log.calls, log.retries))
    worst = max(retries, key=lambda minute: retries[minute] / max(calls[minute], 1), default=0)
    return f"{retries[worst]} over {calls[worst]}"


def _delays(drilled: Drilled) -> Iterator[Line]:
    """Yield how long prospects waited for an answer, by the weather they wrote in."""
    begun = 0.0
    for weather in drilled.plan.forecast:
        ended = weather.until_min * 60
        waits = [answered - asked for asked, answered in drilled.answered if begun <= asked < ended]
        if len(waits) > 1:
            cuts = quantiles(waits, n=20)
            figure = f"{len(waits)} after p50 {cuts[9]:.0f} s, p95 {cuts[18]:.0f} s, at most {max(waits):.0f} s"
            yield f"minute {begun / 60:.0f} to {weather.until_min:.0f}, {weather.name}", figure
        begun = ended


def measure(plan: Plan, trained: Path | None = None) -> Drilled:
    """Run a drill with a server of its own."""
    configure_logging("error", json=False)
    gc.freeze()  # what is loaded stays: not to be looked through again and again
    with durable_home() as home:
        return drill(plan, home, trained or load_settings().nightshift_home)


def run(html: Path | None = None) -> Sequence[Line]:
    """Measure; return lines of a table: what, and how much, and a timeline."""
    drilled = measure(Plan())
    if html is not None:
        html.write_text(draw_page(drilled.plan, drilled.log, drilled.answered, list(report(drilled))), "utf-8")
    lines = [(f"fault drill: {what}", figure) for what, figure in report(drilled)]
    return [*lines, *(("fault drill", line) for line in draw_timeline(drilled.plan, drilled.log, drilled.answered))]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--html", type=Path, help="also draw the timeline into this page")
    for what, figure in run(parser.parse_args().html):
        print(f"{what:48} {figure}", flush=True)  # noqa: T201 — its output
