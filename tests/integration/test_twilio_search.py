"""Looking for a message at Twilio that may have been taken: what is it, what is not, and what cannot be said."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from agent.errors import Ambiguous, Retryable
from channels.twilio_outbound import MAX_PAGES, PAGE_SIZE, TRIAL_PREFIX, TwilioSender
from tests.doubles.twilio import TwilioDouble
from tests.doubles.twilio_messages import StoredMessage
from tests.integration.twilio_senders import SHORT, SINCE, outbound, sender_for, stored


@pytest.fixture
def double(twilio_server: TwilioDouble) -> TwilioDouble:
    twilio_server.reset()
    twilio_server.now = lambda: SINCE
    return twilio_server


@pytest.fixture
async def sender(double: TwilioDouble) -> AsyncIterator[TwilioSender]:
    running = sender_for(double.base_url, timeout=SHORT)
    yield running
    await running.aclose()


async def test_lost_answer_is_found_again(double: TwilioDouble, sender: TwilioSender) -> None:
    double.fail_next(accepted=True, dropped=True)
    with pytest.raises(Ambiguous):
        await sender.send(outbound())
    found = await sender.find_sent(outbound(), SINCE)
    assert found is not None
    assert found.provider_id == double.messages[0].sid


async def test_message_known_to_be_another_is_not_taken_for_it(double: TwilioDouble, sender: TwilioSender) -> None:
    earlier = await sender.send(outbound())
    assert await sender.find_sent(outbound(), SINCE, known={earlier.provider_id}) is None
    again = await sender.send(outbound())
    assert await sender.find_sent(outbound(), SINCE, known={earlier.provider_id}) == again


async def test_request_that_never_arrived_is_not_found(double: TwilioDouble, sender: TwilioSender) -> None:
    double.fail_next(dropped=True)
    with pytest.raises(Ambiguous):
        await sender.send(outbound())
    assert await sender.find_sent(outbound(), SINCE) is None


TEXT = outbound().text
CANDIDATES: dict[str, tuple[StoredMessage, bool]] = {
    "the same second": (stored(TEXT, SINCE), True),
    "later": (stored(TEXT, SINCE + timedelta(minutes=2)), True),
    "trial account": (stored(TRIAL_PREFIX + TEXT, SINCE), True),
    "sender not chosen yet": (stored(TEXT, SINCE, From=""), True),
    "before the attempt": (stored(TEXT, SINCE - timedelta(seconds=10)), False),
    "other text": (stored(TEXT + "!", SINCE), False),
    "other recipient": (stored(TEXT, SINCE, To="whatsapp:+34600000002"), False),
    "other channel": (stored(TEXT, SINCE, To="+34600000001"), False),
    "other sender": (stored(TEXT, SINCE, From="whatsapp:+14155550100"), False),
}


@pytest.mark.parametrize(("candidate", "is_it"), CANDIDATES.values(), ids=CANDIDATES.keys())
async def test_only_the_same_message_is_found(
    double: TwilioDouble, sender: TwilioSender, candidate: StoredMessage, is_it: bool
) -> None:
    double.messages.append(candidate)
    found = await sender.find_sent(outbound(), SINCE)
    assert (found.provider_id if found else None) == (candidate.sid if is_it else None)
    assert found is None or found.state == "sent"


async def test_inbound_message_with_the_same_text_is_not_taken_for_ours(
    double: TwilioDouble, sender: TwilioSender
) -> None:
    echo = stored(TEXT, SINCE)
    echo.direction = "inbound"
    double.messages.append(echo)
    assert await sender.find_sent(outbound(), SINCE) is None


async def test_search_goes_on_over_pages_and_stops_at_the_attempt(double: TwilioDouble, sender: TwilioSender) -> None:
    old = [stored("old", SINCE - timedelta(hours=1)) for _ in range(3 * PAGE_SIZE)]
    recent = [stored("recent", SINCE) for _ in range(PAGE_SIZE)]
    wanted = stored(TEXT, SINCE)
    double.messages.extend([*old, wanted, *recent])
    found = await sender.find_sent(outbound(), SINCE)
    assert found is not None
    assert found.provider_id == wanted.sid
    assert await sender.find_sent(outbound("never sent"), SINCE) is None
    assert len(double.requests) == 2 + 2


async def test_search_without_an_end_does_not_claim_absence(double: TwilioDouble, sender: TwilioSender) -> None:
    double.messages.extend(stored("other", SINCE) for _ in range((MAX_PAGES + 1) * PAGE_SIZE))
    with pytest.raises(Retryable, match="console"):
        await sender.find_sent(outbound(), SINCE)
    assert len(double.requests) == MAX_PAGES


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500, "code": 20500},
        {"status": 401, "code": 20003},
        {"status": 200, "body": "<html>"},
        {"status": 200, "body": "{}"},
        {"dropped": True},
        {"delay_s": 3.0},
    ],
    ids=["server error", "no permission", "no JSON", "other shape", "dropped", "too slow"],
)
async def test_search_that_fails_can_be_repeated(
    double: TwilioDouble, sender: TwilioSender, fault: dict[str, Any]
) -> None:
    double.fail_next(on="list", **fault)
    with pytest.raises(Retryable):
        await sender.find_sent(outbound(), SINCE)


async def test_rate_limited_search_keeps_the_waiting_time(double: TwilioDouble, sender: TwilioSender) -> None:
    double.fail_next(on="list", status=429, code=20429, headers={"Retry-After": "4"})
    with pytest.raises(Retryable) as caught:
        await sender.find_sent(outbound(), SINCE)
    assert caught.value.retry_after_s == 4
