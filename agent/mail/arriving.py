"""The way of one mail from a provider to a conversation: whose is it, which thread, how far is its sender proven.

A report about one of our own mails (a bounce, a complaint) changes that mail's state and is no message.
"""

from dataclasses import dataclass, replace
from typing import Literal

from psycopg import OperationalError
from psycopg_pool import PoolTimeout

from agent.delivery.reports import apply_report
from agent.errors import UnknownRecipient
from agent.mail.failures import mail_failure
from agent.mail.sender_trust import Trust, may
from agent.ports import Deps
from agent.screening.opt_out import Wish, stop_writing
from agent.store import conversations, events, mail, outbox, reports, undelivered
from agent.store.db import Tx, set_tenant
from agent.store.inbound import Received, store_inbound
from agent.store.mail import MailAccount, Thread
from agent.types import DeliveryStatus, InboundMessage, MessageId


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounce:
    """What became of one of our mails, as a mail server or a mailbox provider tells."""

    action: Literal["failed", "delayed", "delivered", "complaint"]
    recipient: str | None = None
    status: str | None = None
    """Enhanced status code (RFC 3463), such as 5.1.1."""
    diagnostic: str = ""
    original_message_id: str | None = None
    standard: bool = True
    """Whether it was a report by the book (RFC 3464, 5965); else it was read from prose."""


@dataclass(frozen=True, kw_only=True, slots=True)
class InboundMail:
    """A mail as read, before it is known whose it is. `original` is all of it, byte for byte."""

    message: InboundMessage
    original: bytes
    token: str | None = None
    """The thread that the address it was sent to names."""
    bounce: Bounce | None = None


async def receive_mail(inbound: InboundMail, deps: Deps) -> Received:
    """Store a mail once and have its turn taken, or take note of what it reports; committed when this returns.

    Raises:
        UnknownRecipient: no tenant owns the address; an event says so.
    """
    try:
        return await _receive(inbound, deps)
    except PoolTimeout:
        raise
    except OperationalError:
        # The server was restarted and this connection is a dead one of before. Storing is idempotent: once more.
        await deps.db.revive()
        return await _receive(inbound, deps)


async def _receive(inbound: InboundMail, deps: Deps) -> Received:
    deps.reach("receive.parsed")
    async with deps.db.system() as tx:
        account = await mail.find_account(tx, inbound.message.recipient, inbound.token)
        if account is None or account.provider != inbound.message.provider:
            await _report_unroutable(tx, inbound.message)
            raise UnknownRecipient("email", inbound.message.recipient)
        if inbound.bounce and (reported := await _record_bounce(account, inbound.bounce, inbound.message, deps)):
            return Received(outcome="report", message_id=reported, tenant_id=account.tenant_id)
        async with tx.transaction():
            await set_tenant(tx, account.tenant_id)
            received = await _store(tx, inbound, account, deps)
            deps.reach("receive.storing")
        deps.reach("receive.committed")
        return received


async def _report_unroutable(tx: Tx, message: InboundMessage) -> None:
    data = {"channel": "email", "recipient": message.recipient, "provider_id": message.provider_id}
    await events.insert_system_event(tx, "message.unroutable", data)


async def _store(tx: Tx, inbound: InboundMail, account: MailAccount, deps: Deps) -> Received:
    """One transaction: the message in its conversation, what is known of its sender, and the mail itself."""
    references = () if account.is_way_out else inbound.message.references
    thread = await mail.find_thread(tx, references, account.conversation_id, inbound.message.sender)
    message = replace(inbound.message, recipient=account.address)
    trust = _trust(message.trust, thread)
    if account.is_way_out and thread:
        return await _leave(tx, replace(message, sender=thread.contact_address), inbound.original, account, deps)
    sender, hold = _place(message, thread, trust)
    received = await store_inbound(tx, replace(message, sender=sender), deps.now())
    if received.outcome == "stored":
        await _keep(tx, received, trust, hold, inbound.original)
        if received.conversation_id and not message.automatic:
            await undelivered.clear_unusable(tx, received.conversation_id)
        if thread and not thread.is_participant:
            await _note_other_sender(tx, account, received, thread)
    return received


async def _keep(tx: Tx, received: Received, trust: Trust, hold: str, original: bytes) -> None:
    if received.tenant_id is not None:
        await mail.judge_message(tx, received.message_id, trust, hold)
        await mail.insert_original(tx, received.tenant_id, received.message_id, original)


async def _leave(tx: Tx, message: InboundMessage, original: bytes, account: MailAccount, deps: Deps) -> Received:
    """A mail to the address in List-Unsubscribe: an opt-out, whoever sent it and whatever it says (RFC 2369).

    Mail programs send it at a click, so nobody waits for a confirmation, and some mark it as automatic.
    """
    asked = replace(
        message, automatic=False, provider_handled_opt_out=True, details=replace(message.details, keyword="stop")
    )
    received = await store_inbound(tx, asked, deps.now())
    if received.outcome == "stored" and received.conversation_id:
        await _keep(tx, received, message.trust, "", original)
        wish = Wish(reason="wrote to the address that ends our mails", actor="contact", evidence=received.message_id)
        await stop_writing(tx, account.tenant_id, received.conversation_id, wish, deps.now())
    return received


def _trust(proven: Trust, thread: Thread | None) -> Trust:
    """Whoever names a mail of ours to the address it was sent to has read it there."""
    return "replying" if proven == "unknown" and thread and thread.is_same_address else proven


def _place(message: InboundMessage, thread: Thread | None, trust: Trust) -> tuple[str, str]:
    """Return the address whose conversation the mail joins, and why a person must read it (empty: none must)."""
    if message.hold or thread is None or thread.is_same_address:
        return message.sender, message.hold
    if not thread.is_participant:
        return message.sender, (
            f"The mail answers our thread with {thread.contact_address}, but comes from another address. "
            "If it is the same matter, join the two contacts."
        )
    if may("join_thread", trust):
        return thread.contact_address, ""
    return message.sender, (
        f"The mail answers our thread with {thread.contact_address} from another address of theirs, "
        "and nothing proves that they sent it."
    )


async def _note_other_sender(tx: Tx, account: MailAccount, received: Received, thread: Thread) -> None:
    await events.insert_event(
        tx,
        account.tenant_id,
        "mail.other_sender",
        actor="contact",
        conversation_id=received.conversation_id,
        message_id=received.message_id,
        data={"thread": str(thread.conversation_id)},
    )


async def _record_bounce(account: MailAccount, bounce: Bounce, report: InboundMessage, deps: Deps) -> MessageId | None:
    """Let one of our mails know its fate; None: the report is about none of ours."""
    if bounce.original_message_id is None:
        return None
    known = mail.own_id(bounce.original_message_id)
    async with deps.db.tenant(account.tenant_id) as tx:
        conversation_id = await reports.find_reported(tx, known, bounce.original_message_id)
        if conversation_id is None:
            return None
        await conversations.lock_for_delivery(tx, conversation_id)
        ours = await outbox.lock_reported(tx, known, bounce.original_message_id)
        if ours is None:
            return None
        if bounce.action == "complaint":
            proof = {"told_by": report.sender[:254], "report": report.provider_id}
            wish = Wish(
                reason="complained about our mail", actor="email", evidence=ours, is_complaint=True, proof=proof
            )
            await stop_writing(tx, account.tenant_id, conversation_id, wish, deps.now())
        await events.insert_event(
            tx,
            account.tenant_id,
            f"mail.{bounce.action}",
            actor="email",
            message_id=ours,
            data={"status": bounce.status, "diagnostic": bounce.diagnostic, "report": report.provider_id},
        )
        if status := _status_of(account, bounce, report, ours):
            await apply_report(tx, account.tenant_id, status, deps)
    return ours


def _status_of(account: MailAccount, bounce: Bounce, report: InboundMessage, ours: MessageId) -> DeliveryStatus | None:
    """Return what a report means for our mail's state; None: it has not reached its end."""
    if bounce.action not in ("failed", "delivered"):
        return None
    failed = bounce.action == "failed"
    return DeliveryStatus(
        provider=account.provider,
        provider_id=bounce.original_message_id or "",
        state="failed" if failed else "delivered",
        message_id=ours,
        error_code=bounce.status if failed else None,
        failure=mail_failure(bounce.status) if failed else None,
        raw={"recipient": bounce.recipient, "diagnostic": bounce.diagnostic, "report": report.provider_id},
    )
