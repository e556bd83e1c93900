"""Promise P7 through the query modules: every function of `agent.store`, called by tenant A with tenant B's ids.

Each attack is first made by B on itself, to prove that it would find or change something. A new query function
fails the first test here until it has an attack, or a reason to have none.
"""

import importlib
import inspect
import pkgutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from psycopg import errors

import agent.store
from agent.addresses import ContactAddress
from agent.escalation.urgency import Urgency
from agent.ids import new_id
from agent.staff.members import Member
from agent.store import (
    accounts,
    answer_cache,
    batches,
    composing,
    consent,
    contacts,
    conversations,
    db,
    deliveries,
    desk,
    desk_changes,
    drains,
    escalations,
    evaluations,
    events,
    figures,
    inbound,
    mail,
    mail_reports,
    mailboxes,
    media,
    merges,
    messages,
    migrate,
    model_calls,
    operations,
    outbox,
    rehearsals,
    replays,
    reports,
    review,
    rollouts,
    run_details,
    runs,
    saved_views,
    search,
    senders,
    sessions,
    simulator,
    spending,
    standing,
    summaries,
    sweeps,
    templates,
    tenants,
    ticks,
    timeline,
    trust,
    turns,
    undelivered,
    uploads,
    waiting,
    work,
)
from agent.store import members as store_members
from agent.store.db import Database, Tx, set_tenant
from agent.tenant.file import TenantFile
from agent.types import (
    Candidate,
    DeliveryStatus,
    Media,
    MediaId,
    MemberId,
    MessageId,
    ModelCall,
    OutboundMessage,
    TenantId,
    TurnId,
    Usage,
)
from tests.conftest import CreateDatabase
from tests.factories import make_contact, make_conversation, make_inbound, make_message
from tests.integration.change_attacks import CHANGE_ATTACKS
from tests.integration.evaluation_attacks import EVALUATION_ATTACKS
from tests.integration.office_attacks import OFFICE_ATTACKS
from tests.integration.review_attacks import REVIEW_ATTACKS
from tests.integration.tenant_rows import AT, Rows, insert_rows, rows_of, visible_rows
from tests.integration.trace_attacks import TRACE_ATTACKS, TRACES_WITHOUT_ATTACK
from tests.integration.watch_attacks import WATCH_ATTACKS, WATCH_WITHOUT_ATTACK

Attack = Callable[[Tx, TenantId, Rows], Awaitable[Any]]
"""Calls one function with B's ids; where it also wants a tenant's id, with the one given."""

HOUR_OF_ROWS = datetime(2026, 11, 17, 14, tzinfo=UTC)
"""The hour of which the rows have figures."""
LAST = 10**12
"""Later than any message."""
CANDIDATE = Candidate(text="Hola", language="es", channel="email")
URGENT = Urgency(due_at=AT, risk=0, cause="asked")
STORED = media.StoredFile(sha256="b" * 64, size=1, content_type="image/png", filename=None, transcript="heard")
ARRIVED = make_inbound(media=(Media(url="https://api.twilio.com/x", content_type="image/png"),))
WORK = batches.BatchWork(task="classify", tier="fast", model="m", prompt_version="v")
CALL = ModelCall(
    task="draft",
    provider="anthropic",
    model="m",
    prompt_version="v",
    usage=Usage(),
    cost_microusd=1,
    latency_ms=1,
    outcome="ok",
)


def question_of(tenant: TenantId) -> answer_cache.QuestionKey:
    return answer_cache.QuestionKey(
        tenant_id=tenant,
        version="v",
        language="es",
        channel="whatsapp",
        intent="pricing",
        text="cuanto cuesta",
        content="price",
    )


def conversation_of(b: Rows) -> Any:
    return make_conversation(id=b.running, tenant_id=b.tenant, contact=make_contact(id=b.contact))


def delivered(b: Rows) -> DeliveryStatus:
    return DeliveryStatus(provider="simulator", provider_id=b.provider_id, state="delivered", message_id=b.sent)


def applicant_of(b: Rows) -> senders.Applicant:
    return senders.Applicant(message_id=b.pending, account_id=b.account, seq=9, is_proactive=False, cost_s=1)


async def clear_trouble(tx: Tx, b: Rows) -> None:
    await senders.hold_sender(tx, b.account, AT, "account")
    await senders.clear_trouble(tx, b.account)


async def withdraw_repetition(tx: Tx, b: Rows) -> bool:
    await undelivered.insert_repetition(tx, b.sent, AT, AT)
    return await undelivered.withdraw_repetition(tx, b.sent, "x")


async def clear_unusable(tx: Tx, b: Rows) -> bool:
    """Whether an address of theirs was usable again: marked beforehand, as far as that can be."""
    await undelivered.mark_unusable(tx, b.idle, "landline", AT)
    await undelivered.clear_unusable(tx, b.idle)
    cursor = await tx.execute("select 1 from contact_points where id = %s and unusable_at is null", (b.idle,))
    return await cursor.fetchone() is not None


async def accept_message(tx: Tx, tenant: TenantId, b: Rows) -> None:
    """Let the simulator take B's message; the answer is about its own log only."""
    message = OutboundMessage(
        id=b.pending, tenant_id=tenant, provider="simulator", channel="sms", sender="1", recipient="2", text="Hola"
    )
    await simulator.accept_message(tx, message, "SM-new", AT)


def outbound_of(tx: Tx, tenant: TenantId, b: Rows) -> Awaitable[None]:
    return outbox.insert_outbound(
        tx,
        message_id=MessageId(new_id()),
        tenant_id=tenant,
        conversation_id=b.idle,
        turn_id=b.done,
        candidate=CANDIDATE,
        source="local",
        draft=None,
        subject=None,
        created_at=AT,
        not_before=AT,
    )


async def listed_conversations(tx: Tx, b: Rows) -> list[timeline.Listed]:
    """Return those of B's conversations that the list of all shows."""
    await tx.execute("update conversations set last_inbound_at = %s where id = %s", (AT, b.idle))
    return [each for each in await timeline.list_recent(tx) if each.id in (b.idle, b.queued, b.running)]


async def reopened(tx: Tx, b: Rows) -> bool:
    await desk.resolve_escalation(tx, b.idle, "done", b.member, AT)
    return await desk.reopen_escalation(tx, b.idle, b.done)


def upload_of(b: Rows) -> uploads.Upload:
    return uploads.Upload(
        id=MediaId(new_id()),
        conversation_id=b.idle,
        filename="plan.png",
        content_type="image/png",
        size=1,
        sha256="a" * 64,
    )


async def taken_back(tx: Tx, b: Rows) -> object:
    await tx.execute("update messages set author = 'staff', undo_until = %s where id = %s", (AT, b.pending))
    return await desk.take_back_message(tx, b.pending, AT)


async def answered(tx: Tx, b: Rows) -> object:
    await desk.resolve_escalation(tx, b.idle, "answered", b.member, AT)
    await tx.execute("update messages set author = 'staff' where id = %s", (b.pending,))
    return await desk.find_answered_escalation(tx, b.pending)


async def announced(tx: Tx, tenant: TenantId, b: Rows) -> bool:
    await events.insert_event(
        tx, tenant, "conversation.taken_over", actor="staff", conversation_id=b.idle, data={"announced": True}
    )
    return await desk.was_announced(tx, b.idle) and tenant == b.tenant


STAFF_ATTACKS: dict[Callable[..., Any], Attack] = {
    **OFFICE_ATTACKS,
    composing.find_draft: lambda tx, _, b: composing.find_draft(tx, b.idle, b.member, "reply"),
    composing.save_draft: lambda tx, _, b: composing.save_draft(tx, staff_of(b), b.idle, "reply", "Secret", base=None),
    composing.replace_draft: lambda tx, _, b: composing.replace_draft(tx, staff_of(b), b.idle, "reply", "Mine"),
    composing.note_presence: lambda tx, _, b: composing.note_presence(tx, staff_of(b), b.idle, "editing"),
    composing.leave: lambda tx, _, b: composing.leave(tx, staff_of(b), b.idle),
    composing.list_present: lambda tx, _, b: sees_who_is_present(tx, b),
    composing.find_last_seen: lambda tx, _, b: composing.find_last_seen(tx, b.idle, b.member),
    composing.insert_note: lambda tx, _, b: composing.insert_note(tx, staff_of(b), b.idle, "Mine", ()),
    desk.lock_desk: lambda tx, _, b: desk.lock_desk(tx, b.idle),
    desk.find_latest_turn: lambda tx, _, b: desk.find_latest_turn(tx, b.idle),
    desk.set_owner: lambda tx, _, b: desk.set_owner(tx, b.idle, "staff"),
    desk.withdraw_agents_texts: lambda tx, _, b: desk.withdraw_agents_texts(tx, b.idle, "withdrawn"),
    desk.resolve_escalation: lambda tx, _, b: desk.resolve_escalation(tx, b.idle, "done", b.member, AT),
    desk.reopen_escalation: lambda tx, _, b: reopened(tx, b),
    desk.mark_as_staffs: lambda tx, _, b: desk.mark_as_staffs(tx, b.pending, b.member, undo_until=AT),
    desk.take_back_message: lambda tx, _, b: taken_back(tx, b),
    desk.list_seqs_after: lambda tx, _, b: desk.list_seqs_after(tx, b.idle, 0),
    desk.was_announced: announced,
    desk.find_answered_escalation: lambda tx, _, b: answered(tx, b),
    desk.has_unread: lambda tx, _, b: desk.has_unread(tx, b.queued),
    media.list_sent_files: lambda tx, _, b: media.list_sent_files(tx, b.read),
    messages.has_inbound_after: lambda tx, _, b: messages.has_inbound_after(tx, b.idle, 0),
    timeline.load_head: lambda tx, _, b: timeline.load_head(tx, b.idle),
    timeline.list_newest: lambda tx, _, b: timeline.list_newest(tx, b.idle),
    timeline.list_from: lambda tx, _, b: timeline.list_from(tx, b.idle, 0),
    timeline.list_before: lambda tx, _, b: timeline.list_before(tx, b.idle, 2**62),
    timeline.list_around: lambda tx, _, b: timeline.list_around(tx, b.idle, 0),
    timeline.list_thoughts: lambda tx, _, b: timeline.list_thoughts(tx, b.idle, 0, 2**62),
    timeline.list_happened: lambda tx, _, b: timeline.list_happened(tx, b.idle, None, None),
    timeline.list_recent: lambda tx, _, b: listed_conversations(tx, b),
    uploads.insert_upload: lambda tx, _, b: uploads.insert_upload(tx, staff_of(b), upload_of(b)),
    uploads.list_uploads: lambda tx, _, b: uploads.list_uploads(tx, b.member, [MediaId(b.done)]),
    uploads.attach_uploads: lambda tx, _, b: uploads.attach_uploads(tx, b.pending, b.member, [MediaId(b.done)]),
    **REVIEW_ATTACKS,
}
"""What staff's pages read and write of a conversation."""

ATTACKS: dict[Callable[..., Any], Attack] = {
    model_calls.list_calls: lambda tx, _, b: model_calls.list_calls(tx, b.done),
    **STAFF_ATTACKS,
    **WATCH_ATTACKS,
    **TRACE_ATTACKS,
    **CHANGE_ATTACKS,
    **EVALUATION_ATTACKS,
    consent.suppress: lambda tx, _, b: consent.suppress(tx, b.idle, reason="STOP", evidence=b.read, at=AT),
    consent.lift_suppressions: lambda tx, _, b: consent.lift_suppressions(tx, b.idle, at=AT),
    contacts.find_contact: lambda tx, _, b: contacts.find_contact(tx, str(b.contact)),
    contacts.get_contact_card: lambda tx, _, b: contacts.get_contact_card(tx, b.contact),
    contacts.suggest_merges: lambda tx, _, b: contacts.suggest_merges(tx, b.contact),
    conversations.claim: lambda tx, tenant, b: conversations.claim(tx, tenant, b.queued, new_id(), 30),
    conversations.seconds_until_due: lambda tx, _, b: seconds_until_due(tx, b),
    conversations.lock: lambda tx, _, b: conversations.lock(tx, b.lease),
    conversations.release: lambda tx, _, b: conversations.release(tx, b.running),
    conversations.requeue: lambda tx, _, b: conversations.requeue(tx, b.lease, delay_s=1),
    conversations.wake_now: lambda tx, _, b: conversations.wake_now(tx, b.idle),
    conversations.get_conversation: lambda tx, _, b: conversations.get_conversation(tx, b.idle),
    conversations.set_language: lambda tx, _, b: conversations.set_language(tx, conversation_of(b), "pt", {"pt": 1}),
    conversations.count_superseded: lambda tx, _, b: conversations.count_superseded(tx, b.idle, superseded=True),
    deliveries.insert_delivery: lambda tx, tenant, b: deliveries.insert_delivery(tx, tenant, b.pending, 1, AT),
    deliveries.close_delivery: lambda tx, _, b: deliveries.close_delivery(tx, b.sending, 1, "failed", at=AT),
    deliveries.first_claimed_at: lambda tx, _, b: deliveries.first_claimed_at(tx, b.sending),
    escalations.insert_escalation: lambda tx, tenant, b: escalations.insert_escalation(
        tx,
        escalations.Escalation(tenant_id=tenant, conversation_id=b.idle, turn_id=b.done, message_id=b.read, reason="x"),
        URGENT,
    ),
    escalations.has_open_escalation: lambda tx, _, b: escalations.has_open_escalation(tx, b.idle),
    escalations.find_open_escalation: lambda tx, _, b: escalations.find_open_escalation(tx, b.idle),
    escalations.set_urgency: lambda tx, _, b: escalations.set_urgency(tx, b.done, URGENT),
    escalations.get_circumstances: lambda tx, _, b: escalations.get_circumstances(tx, b.idle, b.done),
    events.insert_event: lambda tx, tenant, b: events.insert_event(
        tx, tenant, "x", actor="x", conversation_id=b.idle, turn_id=b.done, message_id=b.read
    ),
    mail.get_token: lambda tx, _, b: mail.get_token(tx, b.idle, "unsubscribe"),
    mail.find_thread: lambda tx, _, b: mail.find_thread(tx, [b.provider_id], b.idle, "ana@ruiz.example"),
    mail.judge_message: lambda tx, _, b: mail.judge_message(tx, b.unread, "failed", "x"),
    mail.insert_original: lambda tx, tenant, b: mail.insert_original(tx, tenant, b.unread, b"x"),
    mail.find_original: lambda tx, _, b: mail.find_original(tx, b.read),
    sweeps.list_known: lambda tx, _, b: sweeps.list_known(tx, b.account, ["<read@x>"]),
    sweeps.note_swept: lambda tx, _, b: sweeps.note_swept(tx, b.account, datetime(2099, 1, 1, tzinfo=UTC)),
    sweeps.note_problem: lambda tx, _, b: sweeps.note_problem(tx, b.account, "x"),
    media.insert_arrived: lambda tx, tenant, b: media.insert_arrived(tx, tenant, b.pending, ARRIVED),
    media.claim_media: lambda tx, _, b: media.claim_media(tx, b.unread),
    media.mark_media_stored: lambda tx, _, b: media.mark_media_stored(tx, MediaId(b.contact), STORED),
    media.mark_media_ended: lambda tx, _, b: media.mark_media_ended(tx, MediaId(b.contact), "failed", "x"),
    media.postpone_media: lambda tx, _, b: media.postpone_media(tx, MediaId(b.contact), 60),
    media.count_stored_bytes: lambda tx, _, b: media.count_stored_bytes(tx, b.read, within_s=1e9),
    media.give_up_waiting: lambda tx, _, b: media.give_up_waiting(tx, [b.unread]),
    media.count_pending_media: lambda tx, _, b: media.count_pending_media(tx, [b.unread]),
    media.list_files: lambda tx, _, b: media.list_files(tx, b.contact),
    media.forget_discarded_media: lambda tx, _, b: media.forget_discarded_media(tx, MediaId(b.idle)),
    media.find_served_media: lambda tx, _, b: media.find_served_media(tx, b.idle),
    merges.merge_contacts: lambda tx, _, b: merges.merge_contacts(tx, b.contact, b.other, actor="staff"),
    merges.unmerge_contacts: lambda tx, _, b: merges.unmerge_contacts(tx, b.merged, actor="staff"),
    merges.read_keeper: lambda tx, _, b: merges.read_keeper(tx, b.merged),
    messages.list_unread: lambda tx, _, b: messages.list_unread(tx, b.queued),
    messages.list_unread_of_contact: lambda tx, _, b: messages.list_unread_of_contact(tx, b.queued),
    mail_reports.find_sent_mail: lambda tx, _, b: mail_reports.find_sent_mail(tx, b.sent),
    mail_reports.insert_mail_event: lambda tx, tenant, b: mail_reports.insert_mail_event(
        tx,
        tenant,
        b.sent,
        {"event_id": "forged", "kind": "failed", "code": "", "reason": "", "occurred_at": AT},
        AT,
    ),
    messages.list_sent_at: lambda tx, _, b: messages.list_sent_at(tx, b.contact, AT - timedelta(days=365)),
    messages.list_history: lambda tx, _, b: messages.list_history(tx, b.idle, LAST, 10),
    messages.list_sent_at: lambda tx, _, b: messages.list_sent_at(tx, b.contact, AT),
    messages.has_newer_unread: lambda tx, _, b: messages.has_newer_unread(tx, b.queued, 0),
    messages.has_unread_beside: lambda tx, _, b: messages.has_unread_beside(tx, b.queued, ()),
    messages.mark_read: lambda tx, _, b: messages.mark_read(tx, b.done, [replace(make_message(), id=b.unread)], "es"),
    messages.mark_unread: lambda tx, _, b: messages.mark_unread(tx, b.done),
    messages.list_messages: lambda tx, _, b: messages.list_messages(tx, [b.read]),
    messages.list_latest: lambda tx, _, b: messages.list_latest(tx, b.idle),
    messages.find_passed_over: lambda tx, _, b: messages.find_passed_over(tx, b.read),
    messages.list_of_turn: lambda tx, _, b: messages.list_of_turn(tx, b.done),
    messages.list_between: lambda tx, _, b: messages.list_between(tx, b.idle, 0, LAST),
    figures.save_hours: lambda tx, tenant, b: figures.save_hours(
        tx, tenant, [figures.Counted(starts_at=HOUR_OF_ROWS, figures={"turn.send": 9})], AT
    ),
    figures.sum_hours: lambda tx, _, b: sums_of(tx, b),
    runs.list_runs: lambda tx, _, b: runs_of(tx, b),
    runs.list_work: lambda tx, _, b: work_of(tx, b),
    standing.list_senders: lambda tx, _, b: senders_of(tx, b),
    runs.lock_work: lambda tx, _, b: runs.lock_work(tx, b.idle),
    runs.cancel_unread: lambda tx, _, b: runs.cancel_unread(tx, b.queued, new_id(), "x"),
    runs.is_answered_since: lambda tx, _, b: runs.is_answered_since(tx, b.idle, 0),
    run_details.find_run: lambda tx, _, b: run_details.find_run(tx, b.done),
    replays.insert_replay: lambda tx, tenant, b: replays.insert_replay(tx, tenant, b.done, None),
    replays.find_replay: lambda tx, _, b: replays.find_replay(tx, b.done),
    replays.list_replays: lambda tx, _, b: replays.list_replays(tx, b.done),
    replays.finish_replay: lambda tx, _, b: replays.finish_replay(tx, b.done, {"x": 1}),
    outbox.withdraw_unsent_replies: lambda tx, _, b: outbox.withdraw_unsent_replies(tx, b.idle),
    outbox.insert_outbound: outbound_of,
    outbox.save_verdicts: lambda tx, _, b: outbox.save_verdicts(tx, b.pending, [{"rule": "tone"}]),
    outbox.find_conversation_of: lambda tx, _, b: outbox.find_conversation_of(tx, b.sent),
    outbox.lock_outbox_entry: lambda tx, _, b: outbox.lock_outbox_entry(tx, b.pending),
    outbox.claim_outbox_entry: lambda tx, _, b: outbox.claim_outbox_entry(tx, b.pending, new_id(), 30),
    outbox.extend_claim: lambda tx, _, b: outbox.extend_claim(tx, b.sending, b.claim, 30),
    outbox.close_outbox_entry: lambda tx, _, b: outbox.close_outbox_entry(tx, b.pending, "sent"),
    outbox.postpone_outbox_entry: lambda tx, _, b: outbox.postpone_outbox_entry(tx, b.pending, AT),
    outbox.cancel_outbox: lambda tx, _, b: outbox.cancel_outbox(tx, [b.idle], "x"),
    outbox.list_provider_ids: lambda tx, _, b: outbox.list_provider_ids(tx, b.idle),
    outbox.lock_reported: lambda tx, _, b: outbox.lock_reported(tx, b.sent, b.provider_id),
    model_calls.insert_model_calls: lambda tx, tenant, b: model_calls.insert_model_calls(
        tx, tenant, [CALL], turn_id=b.done, at=AT
    ),
    batches.insert_batch: lambda tx, tenant, b: finds_their_batch(tx, b, tenant),
    batches.claim_batch: lambda tx, _, b: batches.claim_batch(tx, b.contact, new_id(), 60),
    batches.extend_batch_claim: lambda tx, tenant, b: on_batch(tx, tenant, b, extends),
    batches.begin_round: lambda tx, tenant, b: on_batch(tx, tenant, b, batches.begin_round),
    batches.list_round: lambda tx, tenant, b: on_batch(tx, tenant, b, lists_round),
    batches.list_provider_batches: lambda tx, tenant, b: on_batch(tx, tenant, b, lists_provider_batches),
    batches.mark_submitted: lambda tx, tenant, b: on_batch(tx, tenant, b, submits),
    batches.postpone_batch: lambda tx, tenant, b: on_batch(tx, tenant, b, postpones),
    batches.fail_batch: lambda tx, tenant, b: on_batch(tx, tenant, b, fails),
    batches.settle_item: lambda tx, tenant, b: on_batch(tx, tenant, b, settles),
    batches.end_round: lambda tx, tenant, b: on_batch(tx, tenant, b, ends),
    batches.get_progress: lambda tx, _, b: batches.get_progress(tx, b.contact),
    batches.list_answers: lambda tx, tenant, b: on_batch(tx, tenant, b, lists_answers),
    spending.read_spending: lambda tx, _, b: spending.read_spending(tx, b.tenant, [spent_by(b)]),
    spending.add_spending: lambda tx, tenant, b: adds_to_theirs(tx, b, tenant),
    spending.mark_told: lambda tx, _, b: spending.mark_told(tx, b.tenant, spent_by(b), "soft"),
    spending.delete_old_spending: lambda tx, _, b: spending.delete_old_spending(tx, b.tenant, before=date(2026, 1, 1)),
    answer_cache.list_answers: lambda tx, tenant, b: answer_cache.list_answers(tx, question_of(b.tenant), AT),
    answer_cache.insert_answer: lambda tx, tenant, b: answer_cache.insert_answer(
        tx,
        question_of(tenant),
        answer_cache.KeptAnswer(question="x", vector=b"", answer={"text": "x"}, turn_id=b.done),
        now=AT,
        expires_at=AT + timedelta(days=1),
        most=10,
    ),
    summaries.find_summary: lambda tx, _, b: has_summary(tx, b),
    summaries.save_summary: lambda tx, tenant, b: summaries.save_summary(
        tx, tenant, b.idle, summaries.Summary(text="x", covers_seq=LAST), model="m", prompt_version="v"
    ),
    simulator.accept_message: accept_message,
    simulator.has_accepted: lambda tx, _, b: simulator.has_accepted(tx, b.sent),
    simulator.list_simulated_accounts: lambda tx, _, b: addresses_of(tx, b),
    simulator.find_conversation_id: lambda tx, _, b: simulator.find_conversation_id(
        tx, b.account, ContactAddress(kind="phone", address="+34600000001", normalised="+34600000001")
    ),
    simulator.fingerprint: lambda tx, _, b: simulator.fingerprint(tx, b.idle),
    simulator.load_thread: lambda tx, _, b: simulator.load_thread(tx, b.idle),
    reports.find_reported: lambda tx, _, b: reports.find_reported(tx, b.sent, b.provider_id),
    reports.get_reported: lambda tx, _, b: reports.get_reported(tx, b.sent),
    reports.insert_report: lambda tx, tenant, b: reports.insert_report(
        tx, tenant, b.sent, delivered(b), effect="moved", at=AT
    ),
    reports.move_on: lambda tx, _, b: reports.move_on(tx, b.sent, "delivered", b.provider_id, None),
    review.list_conversations: lambda tx, _, b: review.list_conversations(tx, AT, only=b.idle),
    search.find_messages: lambda tx, _, b: said_by_them(tx, b),
    search.find_labelled: lambda tx, _, b: labelled_by_them(tx, b),
    senders.take_slot: lambda tx, _, b: senders.take_slot(tx, applicant_of(b), AT),
    senders.hold_sender: lambda tx, _, b: senders.hold_sender(tx, b.account, AT, "account"),
    senders.clear_trouble: lambda tx, _, b: clear_trouble(tx, b),
    undelivered.get_undelivered: lambda tx, _, b: undelivered.get_undelivered(tx, b.sent),
    undelivered.insert_repetition: lambda tx, _, b: undelivered.insert_repetition(tx, b.sent, AT, AT),
    undelivered.withdraw_repetition: lambda tx, _, b: withdraw_repetition(tx, b),
    undelivered.mark_unusable: lambda tx, _, b: undelivered.mark_unusable(tx, b.idle, "landline", AT),
    undelivered.clear_unusable: lambda tx, _, b: clear_unusable(tx, b),
    undelivered.resolve_escalations: lambda tx, _, b: undelivered.resolve_escalations(tx, b.read, AT),
    templates.list_templates: lambda tx, _, b: templates_of(tx, b),
    templates.replace_templates: lambda tx, _, b: templates.replace_templates(tx, b.tenant, (), AT),
    templates.doubt_template: lambda tx, _, b: templates.doubt_template(tx, b.sent),
    templates.find_late_message: lambda tx, _, b: templates.find_late_message(tx, b.pending),
    templates.has_unanswered_template: lambda tx, _, b: templates.has_unanswered_template(tx, b.idle),
    templates.list_other_conversations: lambda tx, _, b: templates.list_other_conversations(tx, b.contact, b.idle),
    turns.find_running: lambda tx, _, b: turns.find_running(tx, b.running, 1, 1),
    turns.insert_turn: lambda tx, tenant, b: turns.insert_turn(
        tx,
        turns.RunningTurn(id=TurnId(new_id()), trace_id="x", steps={}),
        replace(b.lease, tenant_id=tenant, conversation_id=b.idle),
        first_seq=1,
        last_seq=1,
    ),
    turns.save_step: lambda tx, _, b: turns.save_step(tx, b.lease, b.turn, "draft", "x"),
    turns.keep_steps: lambda tx, _, b: turns.keep_steps(tx, b.turn, ()),
    turns.finish_turn: lambda tx, _, b: turns.finish_turn(tx, b.turn, "done"),
    turns.get_turn: lambda tx, _, b: turns.get_turn(tx, b.turn),
    turns.supersede_turn: lambda tx, _, b: turns.supersede_turn(tx, b.done, "x"),
    waiting.wait: lambda tx, _, b: wait(tx, b),
    waiting.end_wait: lambda tx, _, b: waiting.end_wait(tx, b.idle),
    waiting.has_holding_line: lambda tx, _, b: waiting.has_holding_line(tx, b.idle, b.idle),
    work.list_work: lambda tx, _, b: lists_their_work(tx, b),
    work.count_work: lambda tx, _, b: counts_their_work(tx, b),
    work.find_news: lambda tx, _, b: has_news(tx, b),
    work.list_present: lambda tx, _, b: work.list_present(
        tx, [b.idle], MemberId(new_id()), datetime(2020, 1, 1, tzinfo=UTC)
    ),
    work.get_home: lambda tx, _, b: is_their_home(tx, b),
    saved_views.list_views: lambda tx, _, b: saved_views.list_views(tx, staff_of(b)),
    saved_views.save_view: lambda tx, _, b: saved_views.save_view(tx, staff_of(b), "Mine", {"tab": "mine"}),
    saved_views.delete_view: lambda tx, _, b: deletes_their_view(tx, b),
    desk_changes.set_assignee: lambda tx, _, b: desk_changes.set_assignee(tx, [b.idle], b.member),
    desk_changes.add_label: lambda tx, tenant, b: desk_changes.add_label(tx, tenant, [b.idle], "x", most=9),
    desk_changes.remove_label: lambda tx, _, b: removes_their_label(tx, b),
    desk_changes.set_urgent: lambda tx, _, b: desk_changes.set_urgent(tx, [b.idle], is_urgent=True),
    desk_changes.snooze_escalations: lambda tx, _, b: desk_changes.snooze_escalations(tx, [b.idle], AT, AT),
    desk_changes.settle_escalations: lambda tx, _, b: desk_changes.settle_escalations(tx, [b.idle], b.member, AT),
    desk_changes.reopen_escalations: lambda tx, _, b: reopens_theirs(tx, b),
    desk_changes.list_labels: lambda tx, _, b: knows_their_label(tx, b),
    work.find_mail_address: lambda tx, _, b: has_their_address(tx, b),
    store_members.list_digest_readers: lambda tx, _, b: has_their_reader(tx, b),
    store_members.merge_preferences: lambda tx, _, b: store_members.merge_preferences(tx, b.member, {"sound": "bell"}),
    waiting.insert_holding_line: lambda tx, tenant, b: waiting.insert_holding_line(
        tx, replace(b.lease, tenant_id=tenant), new_id(), b.sent
    ),
}

WITHOUT_ATTACK: dict[Callable[..., Any], str] = {
    **WATCH_WITHOUT_ATTACK,
    accounts.admit_account: "finds the tenants by an account, before there is a scope: test_account_sign_in.py",
    accounts.is_member_anywhere: "likewise",
    sessions.find_session: "finds the tenant by a secret, before there is a scope: test_sign_in.py",
    sessions.use_signin_link: "finds the tenant by a secret, before there is a scope: test_sign_in.py",
    sessions.count_attempt: "belongs to no tenant",
    accounts.is_member_anywhere: "over all tenants: whether a proven address is a member's: test_account_sign_in.py",
    accounts.admit_account: "over all tenants: where a proven address is a member's: test_account_sign_in.py",
    db.set_tenant: "is the scope",
    rehearsals.open_scope: "likewise, for a transaction that is never committed",
    composing.list_canned_replies: "takes no ids: lists what the transaction sees (test_isolation.py)",
    composing.list_due_hand_backs: "likewise",
    composing.find_next_open: "likewise, but for one conversation",
    desk.list_unanswered_turns: "reads what list_seqs_after reads",
    timeline.find_undoable: "reads what list_from reads",
    uploads.delete_old_uploads: "takes no ids: forgets what the transaction sees",
    db.fetch_one: "runs what it is given: test_isolation.py",
    figures.count_hours: "takes no ids: counts what the transaction sees (test_isolation.py)",
    figures.find_last_hour: "likewise",
    figures.has_turns: "likewise",
    figures.list_unsettled_hours: "likewise",
    runs.count_work: "likewise",
    evaluations.read_evaluation_spend: "likewise",
    standing.read_standing: "likewise",
    conversations.lock_for_delivery: "returns nothing and changes nothing: has a test of its own",
    tenants.find_tenant_file: "needs a whole tenant file: has a test of its own",
    tenants.get_tenant_file: "likewise",
    tenants.TenantCache.get: "likewise",
    tenants.update_published: "likewise, and changes a tenant only with its own rights",
    tenants.save_tenant_file: "likewise; enters the scope of the file's tenant, for operators",
    inbound.store_inbound: "finds the tenant by the address, before there is a scope: test_webhooks.py",
    mail.find_account: "finds the tenant by the address, before there is a scope: test_email_mail.py",
    mail.find_token: "finds the tenant by a secret, before there is a scope: test_email_mail.py",
    mailboxes.claim_mailbox: "belongs to no tenant",
    mailboxes.record_read: "belongs to no tenant",
    mailboxes.record_fault: "belongs to no tenant",
    mailboxes.list_faults: "belongs to no tenant",
    mailboxes.release_mailbox: "belongs to no tenant",
    conversations.renew: "over all tenants: holding a token is the right to it",
    **TRACES_WITHOUT_ATTACK,
    conversations.sweep: "over all tenants: tells ids only (test_isolation_catalogue.py)",
    outbox.list_due_outbox: "over all tenants: tells ids only",
    work.has_traffic: "asks after the transaction's own tenant, whoever that is",
    tenants.list_tenants: "over all tenants: names, for operators",
    tenants.find_tenant_id: "over all tenants: a name's id",
    events.insert_system_event: "belongs to no tenant",
    ticks.connect_leader: "belongs to no tenant",
    ticks.try_lead: "belongs to no tenant",
    ticks.insert_tick: "belongs to no tenant",
    ticks.delete_old_ticks: "belongs to no tenant",
    batches.list_due_batches: "over all tenants: tells ids only",
    rollouts.list_open_rollouts: "over all tenants: tells ids only",
    trust.lock_dial: "takes a lock and touches no row",
    media.list_discarded_media: "over all tenants: tells ids only",
    db.Database.revive: "asks whether the server is there",
    drains.is_draining: "belongs to no tenant",
    sweeps.list_sweeps: "over all tenants: numbers of our own, for the clock",
    senders.list_troubled: "over all tenants: numbers of our own, for operators",
    media.list_due_media: "over all tenants: tells ids only",
    waiting.find_outage: "belongs to no tenant",
    waiting.open_outage: "belongs to no tenant",
    waiting.widen: "belongs to no tenant",
    waiting.narrow: "belongs to no tenant",
    waiting.resume_waiting: "over all tenants: tells ids only",
    waiting.resume_overdue: "over all tenants: tells ids only",
    waiting.list_waiting: "over all tenants: counts, for operators",
    operations.report_circuits: "belongs to no tenant",
    operations.list_circuits: "belongs to no tenant",
    operations.add_totals: "belongs to no tenant",
    operations.list_totals: "belongs to no tenant",
    operations.read_backlog: "over all tenants: counts, for operators",
    operations.count_workers: "belongs to no tenant",
    migrate.check_app_role: "reads the catalogue only",
}


async def seconds_until_due(tx: Tx, b: Rows) -> bool:
    """Whether anything is told at all: 0 seconds is an answer, too."""
    return await conversations.seconds_until_due(tx, b.queued) is not None


def staff_of(b: Rows) -> Member:
    return Member(id=b.member, tenant_id=b.tenant, name="Staff", email="staff@x.example", role="manager")


async def lists_their_work(tx: Tx, b: Rows) -> bool:
    found = await work.list_work(tx, work.WorkFilter(), b.member, AT, limit=9)
    return b.idle in {each.conversation_id for each in found}


async def counts_their_work(tx: Tx, b: Rows) -> int:
    await desk_changes.set_assignee(tx, [b.idle], b.member)
    return (await work.count_work(tx, b.member, AT)).mine


async def has_news(tx: Tx, b: Rows) -> bool:
    return (
        await work.find_news(tx, b.member, datetime(2020, 1, 1, tzinfo=UTC), AT)
    ).contact_name == f"Prospect of {b.slug}"


async def is_their_home(tx: Tx, b: Rows) -> bool:
    return (await work.get_home(tx)).slug == b.slug


async def sees_who_is_present(tx: Tx, b: Rows) -> object:
    await tx.execute("update presence set seen_at = clock_timestamp()")  # half a minute after it, nobody is
    return await composing.list_present(tx, b.idle)


async def deletes_their_view(tx: Tx, b: Rows) -> bool:
    views = await saved_views.list_views(tx, staff_of(b))
    return await saved_views.delete_view(tx, staff_of(b), views[0].id if views else b.idle)


async def removes_their_label(tx: Tx, b: Rows) -> object:
    await desk_changes.add_label(tx, b.tenant, [b.idle], "x", most=9)
    return await desk_changes.remove_label(tx, [b.idle], "x")


async def reopens_theirs(tx: Tx, b: Rows) -> object:
    await desk_changes.settle_escalations(tx, [b.idle], b.member, AT)
    return await desk_changes.reopen_escalations(tx, [b.idle])


async def has_their_address(tx: Tx, b: Rows) -> bool:
    await tx.execute("update channel_accounts set provider = 'email' where id = %s", (b.account,))
    return await work.find_mail_address(tx) == f"us@{b.slug}.example"


async def has_their_reader(tx: Tx, b: Rows) -> bool:
    await store_members.merge_preferences(tx, b.member, {"digest": True})
    return b.member in {each.id for each in await store_members.list_digest_readers(tx)}


async def knows_their_label(tx: Tx, b: Rows) -> bool:
    return f"Label of {b.slug}" in await desk_changes.list_labels(tx)


async def said_by_them(tx: Tx, b: Rows) -> list[MessageId]:
    """Return those of B's messages that a search finds."""
    found = await search.find_messages(tx, f"secret {b.slug}", search.MessageFilter())
    return [each.id for each in found if each.id in (b.read, b.unread)]


async def labelled_by_them(tx: Tx, b: Rows) -> bool:
    await tx.execute("update conversations set labels = array['Label of ' || %s::text] where id = %s", (b.slug, b.idle))
    return b.idle in {each.id for each in await search.find_labelled(tx, "label", limit=9)}


async def has_summary(tx: Tx, b: Rows) -> bool:
    return bool((await summaries.find_summary(tx, b.idle)).text)


async def finds_their_batch(tx: Tx, b: Rows, tenant: TenantId) -> bool:
    """Whether the same work of another tenant counts as begun."""
    return await batches.insert_batch(tx, tenant, WORK, key=f"key of {b.slug}", params={}, items=[]) == b.contact


async def on_batch(
    tx: Tx, tenant: TenantId, b: Rows, attack: Callable[[Tx, batches.Batch], Awaitable[object]]
) -> object:
    """Attack B's batch, claimed where it can be, or else as if it were."""
    claimed = await batches.claim_batch(tx, b.contact, new_id(), 60)
    fake = batches.Batch(
        id=b.contact,
        tenant_id=tenant,
        token=new_id(),
        work=WORK,
        params={},
        state="pending",
        round=0,
        provider_batch_id=None,
        submitting_since=None,
    )
    return await attack(tx, claimed or fake)


async def extends(tx: Tx, batch: batches.Batch) -> bool:
    return await batches.extend_batch_claim(tx, batch, 60)


async def lists_round(tx: Tx, batch: batches.Batch) -> list[batches.BatchItem]:
    return await batches.list_round(tx, batch.id, await batches.begin_round(tx, batch) or 0)


async def submits(tx: Tx, batch: batches.Batch) -> bool:
    await batches.begin_round(tx, batch)
    return await batches.mark_submitted(tx, batch, "msgbatch_1", poll_in_s=1)


async def lists_provider_batches(tx: Tx, batch: batches.Batch) -> list[str]:
    await submits(tx, batch)
    return await batches.list_provider_batches(tx, batch.tenant_id)


async def postpones(tx: Tx, batch: batches.Batch) -> None:
    await batches.postpone_batch(tx, batch.id, batch.token, delay_s=60, reason="x")


async def fails(tx: Tx, batch: batches.Batch) -> None:
    await batches.fail_batch(tx, batch, "x")


async def settles(tx: Tx, batch: batches.Batch) -> bool:
    number = await batches.begin_round(tx, batch) or 0
    return await batches.settle_item(tx, replace(batch, round=number), 0, answer={}, error="", again=False)


async def ends(tx: Tx, batch: batches.Batch) -> object:
    await batches.begin_round(tx, batch)
    return await batches.end_round(tx, batch, again=False)


async def lists_answers(tx: Tx, batch: batches.Batch) -> object:
    await settles(tx, batch)
    return await batches.list_answers(tx, batch.id)


def spent_by(b: Rows) -> spending.Account:
    return spending.Account(scope="tenant_day", subject=b.tenant, starts_on=date(2026, 11, 17))


async def adds_to_theirs(tx: Tx, b: Rows, tenant: TenantId) -> bool:
    """Whether B's own sum is told, or grows."""
    (spent,) = await spending.add_spending(tx, tenant, [spent_by(b)], 1)
    return spent.cost_microusd > 1


async def wait(tx: Tx, b: Rows) -> bool:
    """Whether the turn was made to wait: without newer messages no delay is told."""
    await waiting.wait(tx, b.lease, priority=1, limit_s=60)
    return True


async def addresses_of(tx: Tx, b: Rows) -> list[str]:
    accounts = await simulator.list_simulated_accounts(tx)
    return [account.address for account in accounts if b.slug in account.address]


async def sums_of(tx: Tx, b: Rows) -> bool:
    buckets = await figures.sum_hours(tx, [], since=HOUR_OF_ROWS, timezone="UTC", unit="day")
    return any(f"turn.{b.slug}" in each.figures for each in buckets)


async def runs_of(tx: Tx, b: Rows) -> bool:
    page = await runs.list_runs(tx, runs.RunFilter())
    return any(each.id == b.done for each in page.runs)


async def senders_of(tx: Tx, b: Rows) -> bool:
    return any(b.slug in each.address for each in await standing.list_senders(tx))


async def work_of(tx: Tx, b: Rows) -> bool:
    return any(each.conversation_id == b.queued for each in await runs.list_work(tx, runs.RunFilter()))


async def templates_of(tx: Tx, b: Rows) -> list[str]:
    return [each.name for each in await templates.list_templates(tx) if b.slug in each.name]


def public_functions() -> Iterator[Callable[..., Any]]:
    """Yield every public coroutine function and method of the query modules."""
    for module in pkgutil.iter_modules(agent.store.__path__, "agent.store."):
        members = vars(importlib.import_module(module.name))
        own = [each for each in members.values() if getattr(each, "__module__", None) == module.name]
        methods = [method for each in own if inspect.isclass(each) for method in vars(each).values()]
        for function in (*own, *methods):
            if inspect.iscoroutinefunction(function) and not function.__name__.startswith("_"):
                yield function


def test_every_query_function_has_an_attack_or_a_reason_to_have_none() -> None:
    assert {*ATTACKS} & {*WITHOUT_ATTACK} == set()
    assert {*public_functions()} == {*ATTACKS, *WITHOUT_ATTACK}


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """Two tenants of one database, which no attack changes for good: it is rolled back."""

    db: Database
    a: Rows
    b: Rows
    rows: dict[str, list[dict[str, Any]]]
    """B's rows, as B sees them."""


@pytest.fixture(scope="module")
async def neighbours(create_database: CreateDatabase) -> AsyncIterator[Neighbours]:
    """Tenant A, who attacks, and tenant B, with rows in every table."""
    with create_database() as urls:
        async with Database(urls.app_url, max_size=1) as opened:
            rows = []
            for slug in ("attacker", "victim"):
                async with opened.system() as tx, tx.transaction():
                    rows.append(await insert_rows(tx, slug))
            a, b = rows
            yield Neighbours(db=opened, a=a, b=b, rows=await rows_of(opened, b))


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=[f"{f.__module__}.{f.__name__}" for f in ATTACKS])
async def test_a_query_finds_and_changes_nothing_of_another_tenant(neighbours: Neighbours, attack: Attack) -> None:
    db, a, b = neighbours.db, neighbours.a, neighbours.b
    async with db.tenant(b.tenant) as tx, tx.transaction(force_rollback=True):
        found = await attack(tx, b.tenant, b)
        assert found or await visible_rows(tx) != neighbours.rows, "the attack would find nothing anyway"
    for claimed in (a.tenant, b.tenant):
        async with db.tenant(a.tenant) as tx, tx.transaction(force_rollback=True):
            try:
                async with tx.transaction():
                    assert not await attack(tx, claimed, b)
                    await tx.execute("set constraints all immediate")
            except (LookupError, errors.InsufficientPrivilege, errors.ForeignKeyViolation):
                pass  # refused
            await set_tenant(tx, b.tenant)
            assert await visible_rows(tx) == neighbours.rows


async def test_a_lock_taken_with_another_tenants_id_holds_nobody_up(db: Database, a: Rows, b: Rows) -> None:
    async with db.tenant(a.tenant) as ours, db.tenant(b.tenant) as theirs:
        await conversations.lock_for_delivery(ours, b.idle)
        await theirs.execute("select from conversations where id = %s for update nowait", (b.idle,))
    async with db.tenant(b.tenant) as first, db.tenant(b.tenant) as second:
        await conversations.lock_for_delivery(first, b.idle)
        with pytest.raises(errors.LockNotAvailable):
            await second.execute("select from conversations where id = %s for update nowait", (b.idle,))


async def test_a_published_tenant_cannot_be_read_under_another_even_from_a_warm_cache(
    db: Database, lumen: TenantFile, verdesolar: TenantFile
) -> None:
    cache = tenants.TenantCache()
    theirs = verdesolar.tenant.id
    async with db.tenant(theirs) as tx:
        assert (await cache.get(tx, theirs)).slug == "verdesolar"
    async with db.tenant(lumen.tenant.id) as tx:
        assert await tenants.find_tenant_file(tx, theirs) is None
        with pytest.raises(LookupError):
            await tenants.get_tenant_file(tx, theirs)
        with pytest.raises(LookupError):
            await cache.get(tx, theirs)
        assert (await cache.get(tx, lumen.tenant.id)).slug == "lumen"
