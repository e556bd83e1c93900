"""Replies on their way through Twilio: what is posted, sent once whatever fails, and no faster than the sender may."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agent.delivery.claiming import MAX_ATTEMPTS, RECONCILE_FOR, claim_delivery
from agent.delivery.handover import CALL_S, hand_over
from agent.store.db import Tx
from agent.turn import deliver
from agent.types import Channel
from channels.twilio_outbound import VALIDITY_S, status_callback_url
from jobs.wiring import utc_now
from jobs.worker import run_worker
from tests.conftest import FakeClock
from tests.doubles.twilio import TwilioDouble
from tests.integration.agents import Agent
from tests.integration.lines import QUESTION, Line, open_line


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


BROCHURE = "https://www.escuela.example/folleto.pdf"
TWO_PARTS = "Está a {price:EN-INT} por el curso completo."
"""With the disclosure before it: over 70 characters, one of them outside the SMS alphabet."""


class TestWhatLeaves:
    async def test_callback_names_our_message_and_a_stale_reply_dies(self, line: Line) -> None:
        sent = await line.answer("whatsapp")
        (row,) = await line.outbound()
        expected = status_callback_url(str(line.web.base_url).rstrip("/"), row["tenant_id"], row["id"])
        assert sent.params["StatusCallback"] == expected
        assert sent.params["ValidityPeriod"] == str(VALIDITY_S["reply"])
        assert row["provider_id"] == sent.sid

    @pytest.mark.parametrize(
        ("channel", "shown"),
        [
            ("whatsapp", "*Inglés intensivo*\n\nSon 399,00 €:\n- por el curso\n- completo"),
            ("sms", "Inglés intensivo\n\nSon 399,00 €:\n- por el curso\n- completo"),
        ],
    )
    async def test_markdown_leaves_in_one_bubble_as_the_channel_shows_it(
        self, line: Line, channel: Channel, shown: str
    ) -> None:
        line.agent.models.texts = ("# Inglés intensivo\n\nSon {price:EN-INT}:\n* por el curso\n* completo",)
        sent = await line.answer(channel)
        assert sent.params["Body"].endswith(shown)
        assert len(line.double.messages) == 1

    async def test_parts_of_an_sms_and_their_price_are_kept(self, line: Line) -> None:
        line.agent.models.texts = (TWO_PARTS,)
        await line.answer("sms")
        await line.publish("sms", segment_microusd=79_000)
        await line.answer("sms", sender="+34600111223")
        await line.answer("whatsapp")
        kept = [(row["segments"], row["carriage_microusd"]) for row in await line.outbound()]
        assert kept == [(2, None), (2, 158_000), (None, None)]
        counted = {name: value for (name, _), value in line.agent.deps.metrics.totals()}
        assert counted["nightshift_sms_parts_total"] == 2, "the second waits for the first"

    async def test_file_of_an_item_goes_along_on_whatsapp_and_as_a_link_by_sms(self, line: Line) -> None:
        await line.publish(file_url=BROCHURE)
        line.agent.models.texts = ("Aquí está: {file:EN-INT}",)
        attached, linked = await line.answer("whatsapp"), await line.answer("sms")
        assert (list(attached.media_urls), BROCHURE in attached.params["Body"]) == ([BROCHURE], False)
        assert (list(linked.media_urls), BROCHURE in linked.params["Body"]) == ([], True)
        kept = await line.agent.value("select media from messages where direction = 'outbound' and media <> '[]'")
        assert kept == [{"url": BROCHURE, "content_type": "application/pdf"}]

    async def test_draft_that_names_a_file_nobody_published_is_written_again(self, line: Line) -> None:
        line.agent.models.texts = ("Aquí está: {file:EN-INT}", "Cuesta {price:EN-INT}.")
        sent = await line.answer("whatsapp")
        assert "399,00" in sent.params["Body"]
        assert "no such file" in line.agent.models.objections[-1][0].reason


class TestTyping:
    async def test_whatsapp_shows_that_a_reply_is_written(self, line: Line) -> None:
        await line.ask("whatsapp")
        await line.double.wait_until(lambda double: bool(double.typing))
        heard = await line.agent.value("select provider_id from messages where direction = 'inbound'")
        assert line.double.typing == [heard]

    async def test_indicator_that_cannot_be_shown_keeps_no_reply_back(self, line: Line) -> None:
        line.double.fail_next(on="typing", status=500, code=20500)
        await line.answer("whatsapp")
        assert line.double.typing == []
        assert await line.state() == "queued"

    async def test_nothing_is_shown_where_no_reply_follows_or_the_channel_has_none(self, line: Line) -> None:
        await line.answer("sms")
        await line.ask("whatsapp", text="STOP")
        assert not [each for each in line.double.requests if "Typing" in each.path]


DOUBTS: dict[str, dict[str, Any]] = {
    "taken, connection dropped": {"accepted": True, "dropped": True},
    "not taken, connection dropped": {"dropped": True},
    "taken, 503": {"accepted": True, "status": 503, "code": 20503},
    "not taken, 500": {"status": 500, "code": 20500},
    "taken, unreadable answer": {"accepted": True, "status": 201, "body": "<html>"},
}


class TestExactlyOnce:
    @pytest.mark.parametrize("fault", DOUBTS.values(), ids=DOUBTS)
    async def test_reply_in_doubt_is_looked_for_and_there_is_one_in_the_end(
        self, line: Line, fault: dict[str, Any]
    ) -> None:
        line.double.fail_next(**fault)
        await line.ask()
        await line.agent.send_all()
        assert await line.state() == "sending"
        await line.send_lapsed()
        assert await line.state() == "queued"
        (sent,) = line.double.messages
        assert (await line.outbound())[0]["provider_id"] == sent.sid

    async def test_callback_settles_a_doubt_without_asking(self, line: Line) -> None:
        line.double.fail_next(accepted=True, dropped=True)
        await line.ask()
        await line.agent.send_all()
        await line.report(line.double.messages[0], "sent")
        await line.send_lapsed()
        assert await line.state() == "sent"
        assert [each.method for each in line.double.requests] == ["POST"]

    async def test_what_nobody_can_say_is_shown_as_unknown_and_not_sent_again(
        self, line: Line, clock: FakeClock
    ) -> None:
        line.double.fail_next(accepted=True, dropped=True)
        line.double.fail_next(on="list", times=50, status=500, code=20500)
        await line.ask()
        await line.agent.send_all()
        for _ in range(MAX_ATTEMPTS):
            clock.advance(RECONCILE_FOR.total_seconds() / 3)
            await line.send_lapsed()
        assert await line.state() == "unknown"
        assert await line.agent.value("select reason from escalations") == "Delivery outcome unknown"
        assert len(line.double.messages) == 1
        await line.report(line.double.messages[0], "delivered")
        assert await line.state() == "delivered"
        assert await line.agent.value("select state from escalations") == "resolved"

    async def test_worker_that_was_paused_makes_no_call_on_its_old_claim(self, line: Line) -> None:
        await line.ask()
        (row,) = await line.outbound()
        claimed = await claim_delivery(line.agent.tenant_id, row["id"], line.agent.deps)
        assert claimed is not None
        await line.send_lapsed()
        await hand_over(replace(claimed, claimed_at_s=claimed.claimed_at_s - CALL_S), line.agent.deps)
        assert len(line.double.messages) == 1
        assert await line.state() == "queued"

    async def test_late_answer_to_an_old_claim_changes_nothing(self, line: Line) -> None:
        await line.ask()
        (row,) = await line.outbound()
        claimed = await claim_delivery(line.agent.tenant_id, row["id"], line.agent.deps)
        assert claimed is not None
        line.double.fail_next(status=400, code=21211)
        await line.agent.change("update messages set claim_token = gen_random_uuid(), attempt = attempt + 1")
        await hand_over(claimed, line.agent.deps)
        assert await line.state() == "sending"
        assert await line.agent.value("select count(*) from escalations") == 0

    async def test_second_message_of_the_provider_for_ours_is_told_to_operators(self, line: Line, admin: Tx) -> None:
        sent = await line.answer()
        twin = replace(sent, sid=f"SM{'7' * 32}")
        for message, status in ((sent, "sent"), (twin, "sent"), (twin, "failed")):
            await line.report(message, status, 30003 if status == "failed" else None)
        assert await line.state() == "sent"
        assert await line.agent.value("select count(*) from delivery_statuses where effect = 'conflict'") == 2
        cursor = await admin.execute("select count(*) as n from system_events where kind = 'delivery.twice'")
        assert await cursor.fetchall() == [{"n": 1}]


def prospects(count: int) -> list[str]:
    """Return numbers of people."""
    return [f"+346001112{number:02d}" for number in range(count)]


class TestRate:
    async def test_long_code_sends_a_part_a_second(self, line: Line, clock: FakeClock) -> None:
        line.agent.models.texts = (TWO_PARTS,)
        for sender in prospects(2):
            await line.ask(sender=sender)
        await line.agent.send_all()
        assert len(line.double.messages) == 1
        assert [row["slot_at"] is None for row in await line.outbound()] == [True, False]
        clock.advance(1)
        await line.agent.send_all()
        assert len(line.double.messages) == 1, "the first had two parts"
        clock.advance(1)
        await line.agent.send_all()
        assert len(line.double.messages) == 2

    async def test_rate_holds_for_all_workers_together_and_nothing_is_lost(self, line: Line, clock: FakeClock) -> None:
        await line.publish("whatsapp", messages_per_second=3.0)
        for sender in prospects(8):
            await line.ask("whatsapp", sender=sender)
        begun, left_at = clock(), list[float]()
        while pending := await line.agent.rows("select id, slot_at from messages where state = 'pending'"):
            clock.now = max(clock(), min(row["slot_at"] or clock() for row in pending))
            due = [row["id"] for row in pending if row["slot_at"] is None or row["slot_at"] <= clock()]
            before = len(line.double.messages)
            await asyncio.gather(*(deliver(line.agent.tenant_id, each, line.agent.deps) for each in due))
            left_at += [(clock() - begun).total_seconds()] * (len(line.double.messages) - before)
        assert len(left_at) == 8
        soonest = [max(0, number - 2) / 3 for number in range(8)]  # a second's worth at once
        assert all(at >= ideal - 0.01 for at, ideal in zip(left_at, soonest, strict=True))
        assert left_at[-1] <= 2 * soonest[-1], "a slot may be missed where workers ask at once"

    async def test_message_that_waits_comes_back_when_the_sender_is_free(self, line: Line) -> None:
        line.agent.models.texts = (TWO_PARTS,)
        for sender in prospects(2):
            await line.ask(sender=sender)
        before = await line.agent.value("select clock_timestamp()")
        await line.agent.send_all()
        after = await line.agent.value("select clock_timestamp()")
        waiting = (await line.outbound())[1]
        due = await line.agent.value(
            "select max(scheduled_at) from jobs.procrastinate_jobs where args->>'message_id' = %s", str(waiting["id"])
        )
        two_parts = timedelta(seconds=2)
        assert before + two_parts <= due <= after + two_parts

    async def test_worker_sends_what_waits_as_soon_as_the_sender_is_free(self, line: Line) -> None:
        begun = utc_now()  # a clock that runs, from the afternoon on: at night nothing is sent
        line.agent.deps = replace(line.agent.deps, now=lambda: line.clock() + (utc_now() - begun))
        await line.publish("whatsapp", messages_per_second=4.0)
        for sender in prospects(7):
            await line.agent.hear(QUESTION, sender=sender, provider="twilio", channel="whatsapp")
        stop = asyncio.Event()
        worker = asyncio.create_task(run_worker(line.agent.deps, line.agent.queue, stop))
        await line.double.wait_until(lambda double: len(double.messages) >= 7)
        stop.set()
        await worker
        assert len(line.double.messages) == 7
        took = await line.agent.value("select extract(epoch from max(claimed_at) - min(claimed_at)) from deliveries")
        assert took >= 0.7, "four at once, three more at four a second"

    async def test_replies_go_before_what_we_start_ourselves(self, line: Line, clock: FakeClock) -> None:
        for sender in prospects(3):
            await line.ask(sender=sender)
        await line.agent.change(
            """update messages set purpose = 'follow_up'
               where direction = 'outbound' and seq = (select min(seq) from messages where direction = 'outbound')"""
        )
        follow_up, *replies = await line.outbound()
        await line.agent.change("update channel_accounts set busy_until = %s", clock())
        await line.agent.change("update messages set slot_at = %s where state = 'pending'", clock())
        await deliver(line.agent.tenant_id, follow_up["id"], line.agent.deps)
        assert line.double.messages == []
        await deliver(line.agent.tenant_id, replies[0]["id"], line.agent.deps)
        assert len(line.double.messages) == 1

    async def test_429_holds_the_sender_as_long_as_it_asks_and_keeps_the_message(
        self, line: Line, clock: FakeClock
    ) -> None:
        await line.publish("whatsapp", messages_per_second=50.0)
        for sender in prospects(2):
            await line.ask("whatsapp", sender=sender)
        line.double.fail_next(status=429, code=20429, headers={"Retry-After": "20"})
        await line.agent.send_all()
        assert len(line.double.requests) - len(line.double.typing) == 1, "the other message was held, too"
        clock.advance(19)
        await line.agent.send_all()
        assert line.double.messages == []
        clock.advance(2)
        await line.agent.send_all()
        assert len(line.double.messages) == 2
