"""1,000 status callbacks on each of several messages, in random order and with repeats: where do they end?

The web process runs on its own, on a PostgreSQL with fsync on; the reports go to its route over HTTP, signed as Twilio
signs them, 16 at a time, those of all messages mixed. Run alone: `python -m tests.benchmarks.reports`.
"""

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any
from urllib.parse import urlencode

from agent.delivery.projection import RANK
from channels.twilio_inbound import STATES
from tests.benchmarks.webhook import encode, post_all
from tests.doubles.twilio_webhooks import ACCOUNT_SID, AUTH_TOKEN, signature
from tests.processes import Process, environment, free_port
from tests.stores import Store, create_store, durable_home

MESSAGES = 8
REPORTS = 1000
"""On each message."""
CLIENTS = 16
SEED = 20261122
Report = tuple[int, str, str]
"""Number of the message, status, error code or empty."""
FURTHEST = ("sent", "failed", "delivered", "read")
"""How far messages get, in turn."""


def plan(dice: Random) -> list[Report]:
    """Return what is reported, in which order."""
    reports = []
    for number in range(MESSAGES):
        furthest = FURTHEST[number % len(FURTHEST)]
        known = [status for status in STATES if RANK[STATES[status]] <= RANK[STATES[furthest]]]
        drawn = [furthest, *dice.choices(known, k=REPORTS - 1)]
        reports += [(number, each, dice.choice(_codes(each))) for each in drawn]
    dice.shuffle(reports)
    return reports


def _codes(status: str) -> tuple[str, ...]:
    return ("30003", "30008", "63016") if STATES[status] == "failed" else ("",)


TAKEN = """
with one as materialized (
    select number, gen_random_uuid() as person, gen_random_uuid() as point, gen_random_uuid() as conversation,
           gen_random_uuid() as message, '+346002' || lpad(number::text, 5, '0') as address,
           a.tenant_id, a.id as account
    from generate_series(0, %s - 1) number, channel_accounts a),
people as (insert into contacts (id, tenant_id) select person, tenant_id from one),
points as (insert into contact_points (id, tenant_id, contact_id, kind, address, normalised)
           select point, tenant_id, person, 'phone', address, address from one),
talks as (insert into conversations (id, tenant_id, contact_id, contact_point_id, channel_account_id)
          select conversation, tenant_id, person, point, account from one),
replies as (insert into messages (id, tenant_id, conversation_id, channel_account_id, direction, author, body, language,
                                  created_at, purpose, source, state, not_before, provider_id)
            select message, tenant_id, conversation, account, 'outbound', 'agent', 'Hola', 'es',
                   now(), 'reply', 'local', 'queued', now(), 'SM' || replace(message::text, '-', '') from one)
select message, tenant_id from one order by number"""
"""Messages that Twilio has just taken, one to each of several prospects."""


def request(port: int, row: Mapping[str, Any], status: str, code: str) -> bytes:
    """Return a report as Twilio posts it."""
    path = f"/webhooks/twilio/status?t={row['tenant_id']}&m={row['message']}"
    params = {
        "AccountSid": ACCOUNT_SID,
        "MessageSid": f"SM{row['message'].hex}",
        "MessageStatus": status,
        **({"ErrorCode": code} if code else {}),
    }
    signed = signature(f"http://127.0.0.1:{port}{path}", params)
    return encode(port, path, urlencode(params).encode(), **{"X-Twilio-Signature": signed})


async def count_wrong(store: Store, reports: list[Report], rows: Sequence[Mapping[str, Any]]) -> int:
    """Count messages whose state is not the furthest reported, or whose log is not one line for each report."""
    found = await store.rows(
        """select m.id, m.state, count(*) as lines from messages m join delivery_statuses s on s.message_id = m.id
           where m.retry_of is null group by m.id"""
    )
    expected = []
    for number, row in enumerate(rows):
        mine = {(STATES[status], code) for where, status, code in reports if where == number}
        furthest = max((state for state, _ in mine), key=lambda state: RANK[state])
        expected.append((row["message"], furthest, len(mine)))
    return len(set(expected) ^ {(row["id"], row["state"], row["lines"]) for row in found})


async def run() -> list[tuple[str, str]]:
    """Measure; return lines of a table: what, and how much."""
    with durable_home() as home, tempfile.TemporaryDirectory() as logs:
        store = await create_store(home, "reports", quiet_s=3, max_wait_s=12)
        port, reports = free_port(), plan(Random(SEED))
        settings = environment(
            database_url=store.app_url,
            nightshift_home=home / "home",
            nightshift_port=port,
            twilio_account_sid=ACCOUNT_SID,
            twilio_auth_token=AUTH_TOKEN,
        )
        with Process("web", settings, Path(logs) / "web.log") as web:
            await asyncio.to_thread(web.wait_ready)
            rows = await store.rows(TAKEN, MESSAGES)
            posts = [request(port, rows[number], status, code) for number, status, code in reports]
            begun = perf_counter()
            await post_all(port, [posts[client::CLIENTS] for client in range(CLIENTS)])
            rate = len(posts) / (perf_counter() - begun)
            wrong = await count_wrong(store, reports, rows)
    what = f"status callbacks: {REPORTS:,} on each of {MESSAGES} messages, in disorder"
    return [(what, f"{wrong} final states or logs wrong; {rate:.0f} callbacks/s")]


if __name__ == "__main__":
    for what, figure in asyncio.run(run()):
        print(f"{what:40} {figure}")  # noqa: T201 — its output
