"""Messages that did not come the usual way: their webhook failed, and the fallback URL or the sweeper brought them.

Either is a sign that something in front of us is wrong, so each is an event and counts in `/metrics`.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from agent.metrics import Sample
from agent.ports import Deps
from agent.store import events, operations
from agent.store.inbound import Received
from agent.turn import receive
from agent.types import InboundMessage

LATE = timedelta(hours=1)
"""A message found so long after it was written is no longer answered as if it had just come: a person looks first."""


async def receive_missed(message: InboundMessage, deps: Deps) -> Received:
    """Store a message that the provider had and we had not; `deps.now` is when it was written, our clock's or not.

    Raises:
        UnknownRecipient: no tenant owns the address.
    """
    received = await receive(message, deps)
    if received.outcome == "stored":
        await _report(received, "message.missed", {}, ("nightshift_missed_messages_total", ()), deps)
    return received


def hold_if_late(message: InboundMessage, age: timedelta) -> InboundMessage:
    """Have a person read a message that is older than `LATE`: what it asks for may be settled, or its moment past."""
    if age <= LATE:
        return message
    hours = age / timedelta(hours=1)
    return replace(
        message,
        hold=f"The message reached us {hours:.0f} h after it was written, because its webhook failed. "
        "Look whether an answer still fits.",
    )


async def report_fallback(received: Received, code: str, deps: Deps) -> None:
    """Tell operators that the provider could not deliver to the first URL, with its error code."""
    counted = ("nightshift_fallback_webhooks_total", (("code", code),))
    await _report(received, "webhook.failed", {"code": code, "outcome": received.outcome}, counted, deps)


async def _report(received: Received, kind: str, data: Mapping[str, Any], counted: Sample, deps: Deps) -> None:
    if received.tenant_id is None:
        raise ValueError(f"a message that was {received.outcome} has no tenant")
    async with deps.db.tenant(received.tenant_id) as tx:
        await events.insert_event(
            tx,
            received.tenant_id,
            kind,
            actor="provider",
            conversation_id=received.conversation_id,
            message_id=received.message_id if received.outcome == "stored" else None,
            data=data,
        )
        await operations.add_totals(tx, {counted: 1})
