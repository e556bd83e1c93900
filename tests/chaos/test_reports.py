"""Status reports as providers really send them: late, twice, all at once and in any order."""

import asyncio
from random import Random

from tests.chaos.conftest import Fleet
from tests.chaos.ledger import NOTHING_UNDER_WAY
from tests.chaos.prospects import Prospects, plan_posts
from tests.doubles.twilio import TwilioDouble
from tests.doubles.twilio_messages import StoredMessage
from tests.stores import Store

REPORTS = ("queued", "sending", "sent", "delivered", "read")
SETTLES_S = 180.0


async def report(twilio: TwilioDouble, message: StoredMessage, status: str) -> None:
    """Report a message's status, again if nobody answered in time."""
    while (await twilio.send_status(message, status)).http_status is None:
        pass


async def test_reports_in_any_order_and_twice_end_in_the_furthest_state(
    store: Store, twilio: TwilioDouble, fleet: Fleet
) -> None:
    fleet.start("web", "worker-1")
    await asyncio.to_thread(fleet.wait_ready)
    await Prospects(fleet.settings["NIGHTSHIFT_PUBLIC_URL"]).write(
        plan_posts(conversations=8, messages=12, duplicates=2, over_s=1, seed=5)
    )
    await fleet.wait_stored()
    await store.wait_until(NOTHING_UNDER_WAY, timeout_s=SETTLES_S)

    dice = Random(7)
    expected = {}
    for message in twilio.messages:
        furthest = dice.choice(REPORTS[2:])
        expected[message.sid] = furthest
        reports = [*REPORTS[: REPORTS.index(furthest) + 1]] * 2
        dice.shuffle(reports)
        await asyncio.gather(*(report(twilio, message, each) for each in reports))
    await fleet.wait_stored()

    assert len(expected) >= 5
    assert {callback.http_status for callback in twilio.callbacks} - {None} == {204}
    rows = await store.rows(
        "select provider_id, state from messages where direction = 'outbound' and state <> 'superseded'"
    )
    assert {row["provider_id"]: row["state"] for row in rows} == expected
    repeated = await store.rows(
        "select from delivery_statuses group by message_id, state, error_code having count(*) > 1"
    )
    assert not repeated
