"""What the inbox's pages about contacts, catalogue, settings and members read and write, tried as another tenant."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from agent.staff.members import Member
from agent.store import (
    audit_log,
    canned_replies,
    contact_export,
    contact_list,
    erasure,
    event_feed,
    members,
    sessions,
    settings_changes,
)
from agent.store.db import Tx
from agent.types import TenantId
from tests.integration.tenant_rows import AT, Rows


def member_of(tenant: TenantId, b: Rows) -> Member:
    """Return B's member as if they were of a tenant."""
    return Member(id=b.member, tenant_id=tenant, name="Staff", email=f"staff@{b.slug}.example", role="manager")


async def listed_of(tx: Tx, b: Rows) -> list[str | None]:
    """Return B's contacts in the list."""
    return [each.name for each in await contact_list.list_contacts(tx, b.slug)]


async def holds(tx: Tx, b: Rows) -> bool:
    """Whether anything is counted of B's contact."""
    return (await erasure.read_holdings(tx, b.contact)).conversations > 0


async def kinds_of(tx: Tx, b: Rows) -> bool:
    """Whether a kind is told that only B has."""
    await tx.execute(
        "insert into events (tenant_id, kind, actor) select tenant_id, 'only.theirs', 'x' from members where id = %s",
        (b.member,),
    )
    return "only.theirs" in await audit_log.list_kinds(tx)


async def finds_canned(tx: Tx, b: Rows) -> bool:
    """Whether a reply is found that has B's text."""
    await tx.execute('update canned_replies set body = \'{"en": "theirs"}\' where tenant_id = %s', (b.tenant,))
    return await canned_replies.find_canned_body(tx, "hello") == {"en": "theirs"}


async def deletes_canned(tx: Tx, b: Rows) -> bool:
    """Whether B's reply can be removed."""
    is_theirs = await finds_canned(tx, b)
    if is_theirs:
        await canned_replies.delete_canned(tx, "hello")
    return is_theirs


async def locks(tx: Tx, b: Rows) -> bool:
    """Whether B's row can be locked."""
    await settings_changes.lock_published(tx, b.tenant)
    return True


async def changed_by_them(tx: Tx, b: Rows) -> bool:
    """Whether the history has a change of B's."""
    cursor = await tx.execute("select id from settings_changes where tenant_id = %s", (b.tenant,))
    theirs = {row["id"] for row in await cursor.fetchall()}
    return any(each.id in theirs for each in await settings_changes.list_changes(tx))


async def finds_change(tx: Tx, b: Rows) -> bool:
    """Whether any change is found that is B's."""
    found = [await settings_changes.find_change(tx, number) for number in range(1, 9)]
    return any(each and each.part == "catalogue" for each in found) and await changed_by_them(tx, b)


async def lists_theirs(tx: Tx, b: Rows) -> list[str]:
    """Return B's members among those listed."""
    emails = [each.email for each in await members.list_members(tx)]
    emails += [each.email for each in await members.list_all_members(tx)]
    return [each for each in emails if b.slug in each]


async def enables(tx: Tx, b: Rows) -> bool:
    """Whether B's member, locked out before, is let in."""
    await members.disable_member(tx, b.member, AT)
    await members.enable_member(tx, b.member)
    return await members.find_member(tx, b.member) is not None


async def hears(tx: Tx, b: Rows) -> bool:
    """Whether an event of B's conversation is told."""
    return any(each.conversation_id == b.idle for each in await event_feed.list_events_after(tx, 0, limit=1000))


async def ends_session(tx: Tx, b: Rows) -> bool:
    """Whether B's session, which has the member's id, can be ended."""
    await sessions.end_session(tx, b.member)
    return False


async def newest(tx: Tx, b: Rows) -> bool:
    """Whether the newest event is B's."""
    cursor = await tx.execute("select id from events where tenant_id = %s", (b.tenant,))
    return await event_feed.last_event_id(tx) in {row["id"] for row in await cursor.fetchall()}


OFFICE_ATTACKS: dict[Callable[..., Any], Callable[[Tx, TenantId, Rows], Awaitable[Any]]] = {
    audit_log.list_audited: lambda tx, _, b: audit_log.list_audited(
        tx, audit_log.AuditFilter(kinds=("message.received",), conversation_id=b.idle)
    ),
    audit_log.list_kinds: lambda tx, _, b: kinds_of(tx, b),
    canned_replies.find_canned_body: lambda tx, _, b: finds_canned(tx, b),
    canned_replies.delete_canned: lambda tx, _, b: deletes_canned(tx, b),
    canned_replies.save_canned: lambda tx, tenant, b: canned_replies.save_canned(tx, b.tenant, "mine", {"en": "x"}),
    contact_list.list_contacts: lambda tx, _, b: listed_of(tx, b),
    contact_list.list_timeline: lambda tx, _, b: contact_list.list_timeline(tx, b.contact),
    contact_export.export_contact: lambda tx, _, b: contact_export.export_contact(tx, b.contact),
    erasure.lock_contact: lambda tx, _, b: erasure.lock_contact(tx, b.merged),
    erasure.read_holdings: lambda tx, _, b: holds(tx, b),
    erasure.keep_opt_outs: lambda tx, _, b: erasure.keep_opt_outs(tx, b.contact),
    erasure.delete_contact: lambda tx, _, b: erasure.delete_contact(tx, b.contact),
    event_feed.last_event_id: lambda tx, _, b: newest(tx, b),
    event_feed.list_events_after: lambda tx, _, b: hears(tx, b),
    members.find_member: lambda tx, _, b: members.find_member(tx, b.member),
    members.find_member_by_email: lambda tx, _, b: members.find_member_by_email(tx, f"staff@{b.slug}.example"),
    members.list_members: lambda tx, _, b: lists_theirs(tx, b),
    members.list_all_members: lambda tx, _, b: lists_theirs(tx, b),
    members.insert_member: lambda tx, _, b: members.insert_member(
        tx, b.tenant, email="x@x.example", name="X", role="manager"
    ),
    members.set_role: lambda tx, _, b: members.set_role(tx, b.member, "manager"),
    members.disable_member: lambda tx, _, b: members.disable_member(tx, b.member, AT),
    members.enable_member: lambda tx, _, b: enables(tx, b),
    members.update_profile: lambda tx, _, b: members.update_profile(
        tx, b.member, name="X", language="pt", timezone="UTC", preferences={}
    ),
    sessions.insert_signin_link: lambda tx, tenant, b: sessions.insert_signin_link(tx, tenant, b.member, AT),
    sessions.insert_session: lambda tx, tenant, b: sessions.insert_session(tx, member_of(tenant, b), "x", AT),
    sessions.list_sessions: lambda tx, _, b: sessions.list_sessions(tx, b.member, AT - timedelta(days=999)),
    sessions.end_session: lambda tx, _, b: ends_session(tx, b),
    sessions.end_session_of: lambda tx, _, b: sessions.end_session_of(tx, b.member, b.member),
    sessions.end_sessions: lambda tx, _, b: sessions.end_sessions(tx, b.member),
    settings_changes.lock_published: lambda tx, _, b: locks(tx, b),
    settings_changes.insert_change: lambda tx, tenant, b: settings_changes.insert_change(
        tx, tenant, "hours", None, {"hours": []}, member_id=b.member
    ),
    settings_changes.list_changes: lambda tx, _, b: changed_by_them(tx, b),
    settings_changes.find_change: lambda tx, _, b: finds_change(tx, b),
}
"""Calls each function with B's ids; where it also wants a tenant's id, with the one given."""
