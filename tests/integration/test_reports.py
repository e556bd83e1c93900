"""What Twilio reports on replies, in any order, and what follows from each class of failure, at once or later.

The reports go over HTTP, signed, to the web app's route.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from random import Random

import pytest

from agent.delivery.failures import REACTIONS, Failure
from agent.delivery.projection import RANK
from agent.store.db import Tx
from agent.turn import deliver, take_turn
from agent.types import MessageId
from channels.twilio_errors import CODES
from channels.twilio_inbound import STATES
from tests.conftest import FakeClock
from tests.doubles.twilio import TwilioDouble
from tests.doubles.twilio_messages import StoredMessage
from tests.integration.agents import ANA, Agent
from tests.integration.lines import QUESTION, Line, open_line

REPORTS = 250
"""On one message; `tests/benchmarks/reports.py` makes it 1,000, on many. Several are on their way at any time."""
AT_ONCE = 8


@pytest.fixture(scope="module")
def server() -> Iterator[TwilioDouble]:
    with TwilioDouble() as running:
        yield running


@pytest.fixture
async def line(server: TwilioDouble, agent: Agent, clock: FakeClock) -> AsyncIterator[Line]:
    """The school on Twilio; the provider's clock is ours."""
    server.reset()
    server.now = clock
    async with open_line(agent, clock, server) as opened:
        yield opened


# --- in any order --------------------------------------------------------------------------------------------


def some_reports(dice: Random, furthest: str) -> list[tuple[str, int | None]]:
    """Return `REPORTS` statuses with their codes in disorder, none beyond `furthest`, which is among them."""
    known = [status for status in STATES if RANK[STATES[status]] <= RANK[STATES[furthest]]]
    drawn = [furthest, *dice.choices(known, k=REPORTS - 1)]
    dice.shuffle(drawn)
    return [(each, dice.choice((30003, 30008)) if STATES[each] == "failed" else None) for each in drawn]


async def report_all(line: Line, message: StoredMessage, reports: list[tuple[str, int | None]]) -> None:
    """Post reports in this order, several at a time."""
    waiting = iter(reports)

    async def post() -> None:
        for status, code in waiting:
            await line.report(message, status, code)

    await asyncio.gather(*(post() for _ in range(AT_ONCE)))


async def test_hundreds_of_reports_in_disorder_end_in_the_furthest_state(line: Line) -> None:
    sent = await line.answer()
    reports = some_reports(Random(11), "delivered")
    await report_all(line, sent, reports)
    (message, *repetitions) = await line.outbound()
    assert message["state"] == "delivered"
    logged = await line.agent.rows("select state, error_code, provider_id from delivery_statuses")
    assert len(logged) == len({(STATES[status], code) for status, code in reports})
    assert {row["provider_id"] for row in logged} == {sent.sid}
    assert [row["state"] for row in repetitions] in ([], ["superseded"]), "it arrived: nothing is sent again"
    assert await line.agent.value("select count(*) from escalations where state = 'open'") == 0


@pytest.mark.parametrize("furthest", ["read", "failed"])
async def test_reports_in_disorder_end_where_they_must_whichever_that_is(line: Line, furthest: str) -> None:
    sent = await line.answer()
    # So that there is something to take back, in whichever order the rest comes.
    await line.report(sent, "failed", 30008)
    reports = [*some_reports(Random(5), furthest)[:40], (furthest, 30008 if furthest == "failed" else None)]
    await report_all(line, sent, reports)
    message, *repetitions = await line.outbound()
    assert message["state"] == furthest
    assert [row["state"] for row in repetitions] == (["pending"] if furthest == "failed" else ["superseded"])


# --- what follows --------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Aftermath:
    """What is so after a failure."""

    state: str = "failed"
    escalation: bool = True
    suppressed: bool = False
    unusable: bool = False
    held_s: float = 0
    """How long the sender rests."""
    alerted: bool = False
    repeated: bool = False


FAILED = Aftermath()
WAITS = Aftermath(state="pending", escalation=False)
AT_ONCE_REFUSED: dict[Failure, Aftermath] = {
    "opt_out": Aftermath(suppressed=True),
    "blocked": Aftermath(unusable=True),
    "bad_address": Aftermath(unusable=True),
    "policy_defer": FAILED,
    "content": FAILED,
    "permission": Aftermath(alerted=True),
    "template": Aftermath(alerted=True),
    "config": replace(WAITS, held_s=300, alerted=True),
    "account": replace(WAITS, held_s=300, alerted=True),
    "rate": replace(WAITS, held_s=2),
    "loop": replace(WAITS, held_s=30, alerted=True),
    "transient": WAITS,
    "expired": FAILED,
    "unknown": FAILED,
}
"""After a refusal: what the sender is to blame for waits, the rest has failed."""
REPORTED_LATER: dict[Failure, Aftermath] = {
    **AT_ONCE_REFUSED,
    "config": Aftermath(held_s=300, alerted=True),
    "account": Aftermath(held_s=300, alerted=True),
    "rate": Aftermath(escalation=False, held_s=2, repeated=True),
    "loop": Aftermath(held_s=30, alerted=True),
    "transient": Aftermath(escalation=False, repeated=True),
}
"""After a report: Twilio had taken it, so it has failed, and some are worth one more try."""
CODE: dict[Failure, int] = {failure: min(codes) for failure, codes in CODES.items()} | {"unknown": 99999}


PROSPECTS: dict[Failure, str] = {failure: f"+3460011120{place:02d}" for place, failure in enumerate(AT_ONCE_REFUSED)}
"""One for each class, so that what follows stays apart."""


async def aftermath(line: Line, admin: Tx, failure: Failure) -> Aftermath:
    """Return what has followed for the prospect of a class, and let the sender go on."""
    (row,) = await line.agent.rows(
        """select m.state, p.unusable_at is not null as unusable,
                  exists (select from escalations where conversation_id = c.id and state = 'open') as escalation,
                  exists (select from suppressions where contact_id = c.contact_id and lifted_at is null) as suppressed,
                  exists (select from messages where retry_of = m.id) as repeated,
                  greatest(0, coalesce(round(extract(epoch from a.busy_until - %s)), 0))::float as held_s
           from messages m join conversations c on c.id = m.conversation_id
           join contact_points p on p.id = c.contact_point_id join channel_accounts a on a.id = c.channel_account_id
           where p.address = %s and m.direction = 'outbound' and m.retry_of is null""",
        line.clock(),
        PROSPECTS[failure],
    )
    alerts = await admin.execute("select 1 from system_events where kind = %s", (f"delivery.{failure}",))
    await line.agent.change("update channel_accounts set busy_until = null")
    return Aftermath(**row, alerted=bool(await alerts.fetchall()))


def test_all_classes_are_in_the_tables() -> None:
    assert {*AT_ONCE_REFUSED, "window"} == {*REPORTED_LATER, "window"} == set(REACTIONS)


async def test_refusal_has_the_consequences_of_its_class(line: Line, admin: Tx) -> None:
    found = {}
    for failure, prospect in PROSPECTS.items():
        line.double.fail_next(status=400, code=CODE[failure])
        await line.ask("whatsapp", sender=prospect)
        await deliver(line.agent.tenant_id, (await line.outbound())[-1]["id"], line.agent.deps)
        found[failure] = await aftermath(line, admin, failure)
    assert found == AT_ONCE_REFUSED
    assert line.double.messages == []


async def test_reported_failure_has_the_consequences_of_its_class_once(line: Line, admin: Tx) -> None:
    found = {}
    for failure, prospect in PROSPECTS.items():
        await line.ask("whatsapp", sender=prospect)
        await deliver(line.agent.tenant_id, (await line.outbound())[-1]["id"], line.agent.deps)
        for status, code in (("undelivered", CODE[failure]), ("undelivered", CODE[failure]), ("sent", None)):
            await line.report(line.double.messages[-1], status, code)
        found[failure] = await aftermath(line, admin, failure)
    assert found == REPORTED_LATER
    asked = await line.agent.value("select count(*) from escalations")
    assert asked == sum(each.escalation for each in REPORTED_LATER.values())


async def test_opt_out_reported_by_the_provider_keeps_its_proof(line: Line) -> None:
    sent = await line.answer()
    await line.report(sent, "failed", 21610)
    (row,) = await line.agent.rows("select proof, evidence_message_id from suppressions")
    assert row == {"proof": {"code": "21610"}, "evidence_message_id": (await line.outbound())[0]["id"]}


async def test_what_waits_for_a_sender_leaves_when_the_operator_has_mended_it(line: Line, clock: FakeClock) -> None:
    line.double.fail_next(status=401, code=20003)
    await line.ask("whatsapp")
    await line.ask("whatsapp", sender="+34600111223")
    await line.agent.send_all()
    told = (await line.web.get("/status")).json()["refused_senders"]
    assert told == {"numbers": 1, "messages": 2, "why": ["config 20003"]}
    clock.advance(301)
    await line.agent.send_all()
    assert len(line.double.messages) == 2
    assert (await line.web.get("/status")).json()["refused_senders"]["numbers"] == 0


async def test_message_is_repeated_once_and_then_a_person_is_asked(line: Line, clock: FakeClock) -> None:
    sent = await line.answer()
    await line.report(sent, "undelivered", 30003)
    await line.agent.send_all()
    assert len(line.double.messages) == 1, "a minute later"
    clock.advance(61)
    await line.agent.send_all()
    again = line.double.messages[1]
    assert (again.params["Body"], again.params["To"]) == (sent.params["Body"], sent.params["To"])
    await line.report(again, "undelivered", 30003)
    await line.agent.send_all()
    assert len(line.double.messages) == 2
    assert await line.agent.value("select reason from escalations") == "Could not be delivered"


async def test_repetition_is_withdrawn_when_the_first_has_arrived_or_the_prospect_goes_on(
    line: Line, clock: FakeClock
) -> None:
    sent = await line.answer()
    await line.report(sent, "undelivered", 30008)
    await line.report(sent, "delivered")
    clock.advance(2)
    other = await line.answer(sender="+34600111223")
    await line.report(other, "undelivered", 30008)
    await line.agent.hear("¿hola?", sender="+34600111223", provider="twilio", channel="sms")
    clock.advance(61)
    await line.agent.send_all()
    assert len(line.double.messages) == 2
    states = await line.agent.rows("select state from messages where retry_of is not null order by seq")
    assert [row["state"] for row in states] == ["superseded", "superseded"]


async def test_repetition_does_not_come_after_the_answer_to_what_they_wrote_since(line: Line, clock: FakeClock) -> None:
    sent = await line.answer()
    await line.report(sent, "undelivered", 30008)
    clock.advance(30)
    conversation = await line.agent.hear("¿hola?", provider="twilio", channel="sms", sender=ANA)
    await take_turn(await line.agent.claim(conversation), line.agent.deps)
    clock.advance(31)
    await line.agent.send_all()
    assert [row["state"] for row in await line.outbound()] == ["failed", "superseded", "queued"]
    assert line.agent.models.drafted[-1] == f"{QUESTION}\n¿hola?", "and it answers both"


async def test_address_that_cannot_be_reached_is_used_again_when_they_write(line: Line, clock: FakeClock) -> None:
    conversation = await line.ask()
    line.double.fail_next(status=400, code=21614)
    await line.agent.send_all()
    await line.agent.change("update messages set state = 'pending' where direction = 'outbound'")
    clock.advance(60)
    await line.agent.send_all()
    assert line.double.messages == [], "nothing is tried at an address known to be dead"
    await line.agent.hear("¿me lees?", provider="twilio", channel="sms", sender=ANA)
    await line.agent.answer(conversation)
    assert len(line.double.messages) == 1


async def test_failure_of_a_withdrawn_message_troubles_nobody(line: Line) -> None:
    sent = await line.answer()
    await line.agent.change("update messages set state = 'superseded' where direction = 'outbound'")
    await line.report(sent, "failed", 30003)
    assert await line.agent.value("select count(*) from escalations") == 0
    assert len(await line.outbound()) == 1


async def test_report_before_our_own_record_is_not_undone_by_it(line: Line) -> None:
    line.double.fail_next(accepted=True, dropped=True)
    await line.ask()
    await line.agent.send_all()
    await line.report(line.double.messages[0], "undelivered", 30003)
    (message, again) = await line.outbound()
    assert (message["state"], again["state"]) == ("failed", "pending")
    await deliver(line.agent.tenant_id, MessageId(message["id"]), line.agent.deps)
    assert len(line.double.messages) == 1
