"""Every model is down while prospects write and workers are killed: nobody is lost, told twice or answered twice."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.chaos.conftest import Fleet
from tests.chaos.ledger import (
    HANDED_OVER,
    NOTHING_UNDER_WAY,
    assert_answered_once,
    assert_in_one_turn,
    assert_sent_once,
    assert_stored_once,
    read_ledger,
)
from tests.chaos.prospects import Post, Prospects
from tests.doubles.claude import API_KEY, ClaudeDouble
from tests.doubles.claude_traffic import ORDINARY, OVERLOADED
from tests.doubles.twilio import TwilioDouble
from tests.processes import environment
from tests.stores import Store

WAITING = 24
TEXTS = ("¿Cuánto cuesta el curso intensivo de inglés?", "Quiero inscribirme en el curso intensivo, ¿cómo lo hago?")
EVERYBODY_WAITS = f"(select count(*) from conversations where turn_state = 'waiting') = {WAITING}"
EVERYBODY_TOLD = f"""
    (select count(*) from holding_lines h join messages m on m.id = h.message_id
     where m.state in ('queued', 'sent', 'delivered', 'read')) = {WAITING}"""


@pytest.fixture
def claude(fleet: Fleet) -> Iterator[ClaudeDouble]:
    """The models, for the processes of the fleet."""
    with ClaudeDouble() as double:
        fleet.settings |= environment(
            anthropic_api_key=API_KEY, anthropic_base_url=double.base_url, nightshift_model_timeout_s=5
        )
        yield double


def post(number: int, text: str) -> Post:
    return Post(at_s=number * 0.05, sender=f"+346{number:08d}", message_id=f"SM{number:032x}", text=text)


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_outage_with_killed_workers_loses_nobody_tells_once_and_answers_once(
    store: Store, twilio: TwilioDouble, fleet: Fleet, claude: ClaudeDouble
) -> None:
    claude.always = OVERLOADED
    fleet.start("web", "worker-1", "worker-2", "worker-3")
    await asyncio.to_thread(fleet.wait_ready)
    prospects = Prospects(fleet.settings["NIGHTSHIFT_PUBLIC_URL"])
    await prospects.write([post(number, TEXTS[number % 2]) for number in range(WAITING)])
    await prospects.write([post(WAITING, "STOP"), post(WAITING + 1, "quiero hablar con una persona")])
    await store.wait_until(EVERYBODY_WAITS, timeout_s=150)
    await store.wait_until("select exists (select from suppressions)", timeout_s=150)  # an opt-out needs no model
    await store.wait_until("select exists (select from escalations)", timeout_s=150)  # nor does the wish for a person
    await asyncio.to_thread(fleet.kill, "worker-1", "worker-2")
    await store.wait_until(EVERYBODY_TOLD, timeout_s=150)
    status = await _status(fleet)
    assert status["waiting"]["turns"] == WAITING
    assert status["outage"]["recovering_at"] is None
    assert {circuit["state"] for circuit in status["providers"]["anthropic"]} & {"open", "half_open"}

    fleet.start("worker-1", "worker-2")
    claude.always = ORDINARY
    await store.wait_until(
        "exists (select from conversations where is_resumed and turn_state = 'running')", timeout_s=150
    )
    await asyncio.to_thread(fleet.kill, "worker-3")
    await fleet.wait_stored()
    await store.wait_until(NOTHING_UNDER_WAY, timeout_s=150)
    await store.wait_until("not exists (select from outages where ended_at is null)", timeout_s=150)
    codes = await asyncio.to_thread(fleet.stop)

    ledger = await read_ledger(store, twilio.messages)
    lines = {row["message_id"] for row in await store.rows("select message_id from holding_lines")}
    answers = replace(ledger, outbound=[message for message in ledger.outbound if message["id"] not in lines])
    assert_stored_once(ledger, prospects.acknowledged)
    assert_in_one_turn(ledger)
    assert_sent_once(ledger)
    assert_answered_once(answers)
    told = Counter(message["conversation_id"] for message in ledger.outbound if message["id"] in lines)
    assert sorted(told.values()) == [1] * WAITING
    left = Counter(message["conversation_id"] for message in answers.outbound if message["state"] in HANDED_OVER)
    assert sorted(left.values()) == [1] * (WAITING + 2)
    assert len(await store.rows("select from outages")) == 1
    assert codes == dict.fromkeys(codes, 0)
    await _report(store)


async def _status(fleet: Fleet) -> dict[str, dict[str, Any]]:
    async with httpx.AsyncClient(base_url=fleet.settings["NIGHTSHIFT_PUBLIC_URL"], trust_env=False) as client:
        status: dict[str, dict[str, Any]] = (await client.get("/status")).json()
        return status


async def _report(store: Store) -> None:
    (row,) = await store.rows(
        """select extract(epoch from o.ended_at - o.started_at)::float8 as lasted_s,
                  extract(epoch from o.ended_at - o.recovering_at)::float8 as ramp_s,
                  (select max(attempts) from turns) as attempts from outages o"""
    )
    print(  # noqa: T201 — figures for people, shown by `pytest -s`
        f"\nAn outage of {row['lasted_s']:.0f} s: {WAITING} turns waited, resumed within {row['ramp_s']:.1f} s of the "
        f"probe that succeeded; a turn was taken {row['attempts']} times at most"
    )
