"""Attacks on the query functions of reviewing, for the tests of isolation."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from agent.store import review_cards, reviews, translations
from agent.store.db import Tx, fetch_one
from agent.types import TenantId
from tests.integration.tenant_rows import AT, Rows

Attack = Callable[[Tx, TenantId, Rows], Awaitable[object]]


async def next_of(tx: Tx, b: Rows) -> bool:
    return await review_cards.find_next_request(tx, AT, member_id=b.member) == b.done


async def previous_of(tx: Tx, b: Rows) -> object:
    """What is more urgent than B's request, once B has another."""
    await tx.execute(
        """insert into escalations (id, tenant_id, conversation_id, reason, due_at)
           select gen_random_uuid(), e.tenant_id, c.id, 'x', e.due_at - interval '1 day' from escalations e
           join conversations c on c.tenant_id = e.tenant_id and c.id <> e.conversation_id where e.id = %s limit 1""",
        (b.done,),
    )
    return await review_cards.find_previous_request(tx, AT, before=b.done, member_id=b.member)


async def waiting_of(tx: Tx, b: Rows) -> bool:
    """Whether B's requests are counted, once there are no others."""
    await tx.execute("update escalations set state = 'resolved' where id <> %s", (b.done,))
    return await review_cards.count_waiting(tx, AT) > 0


async def discarded(tx: Tx, b: Rows) -> bool:
    await tx.execute("update escalations set draft = 'Secret' where id = %s", (b.done,))
    await review_cards.discard_draft(tx, b.done)
    row = await fetch_one(tx, "select draft from escalations where id = %s", (b.done,))
    return row is not None and row["draft"] is None


async def translated(tx: Tx, b: Rows) -> list[str]:
    found = await translations.find_translations(tx, ["Secret"], "en")
    return [text for text in found.values() if b.slug in text]


def review_of(tenant: TenantId, b: Rows) -> reviews.Review:
    return reviews.Review(
        tenant_id=tenant,
        conversation_id=b.idle,
        escalation_id=b.done,
        turn_id=b.done,
        message_id=b.sent,
        member_id=b.member,
        verdict="approved",
        reason="",
        draft="Secret",
        sent="Secret",
        distance=0,
    )


async def reviewed(tx: Tx, b: Rows) -> reviews.Review | None:
    await tx.execute("update reviews set message_id = %s where conversation_id = %s", (b.sent, b.idle))
    return await reviews.find_review_of(tx, b.sent)


REVIEW_ATTACKS: Mapping[Callable[..., Any], Attack] = {
    review_cards.find_request: lambda tx, _, b: review_cards.find_request(tx, b.done),
    review_cards.find_open_request: lambda tx, _, b: review_cards.find_open_request(tx, b.idle),
    review_cards.lock_request: lambda tx, _, b: review_cards.lock_request(tx, b.done),
    review_cards.find_next_request: lambda tx, _, b: next_of(tx, b),
    review_cards.find_last_request: lambda tx, _, b: review_cards.find_last_request(tx, b.idle),
    review_cards.find_previous_request: lambda tx, _, b: previous_of(tx, b),
    review_cards.count_waiting: lambda tx, _, b: waiting_of(tx, b),
    review_cards.load_turn_facts: lambda tx, _, b: review_cards.load_turn_facts(tx, b.done),
    review_cards.discard_draft: lambda tx, _, b: discarded(tx, b),
    review_cards.replace_draft: lambda tx, _, b: review_cards.replace_draft(
        tx, b.done, instead_of=None, draft="Mine", verdicts=[], redraft={}
    ),
    translations.find_translations: lambda tx, _, b: translated(tx, b),
    translations.keep_translations: lambda tx, tenant, _: translations.keep_translations(
        tx, tenant, {"New": "Nuevo"}, "es", "m"
    ),
    reviews.insert_review: lambda tx, tenant, b: reviews.insert_review(tx, review_of(tenant, b)),
    reviews.find_review_of: lambda tx, _, b: reviewed(tx, b),
}
