"""Erasing a contact: no marker of theirs is left in any table, who opted out stays so; an export tells all of it."""

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from psycopg.errors import InsufficientPrivilege
from pydantic import SecretStr
from rich.console import Console

from agent.erasure import CannotErase, erase_contact
from agent.errors import NightshiftError
from agent.ports import Deps
from agent.settings import Settings
from agent.store.consent import lift_suppressions, suppress
from agent.store.contact_export import OF_CONTACT, OF_CONVERSATION, OF_MESSAGE, export_contact
from agent.store.contacts import find_contact
from agent.store.db import Database, Tx, fetch_one
from agent.store.events import insert_event
from agent.tenant.file import TenantFile
from agent.turn import receive
from agent.types import ContactId, ConversationId, InboundMessage
from jobs.contacts import run_erase, run_export
from tests.conftest import DatabaseUrls
from tests.factories import make_inbound
from tests.integration.tenant_rows import AT, Rows, list_tables, rows_of

MARKER = "zanahoria"
UNTOLD_TABLES = {
    "presence": "who looks at a conversation at the moment",
    "mail_tokens": "secrets",
    "message_words": "the words of `messages`, by which they are found",
    "saved_views": "a member's own",
    "answer_cache": "found by turn: drafts of which the turn has the same",
    "model_calls": "costs and names of models, no text",
    "simulated_messages": "the simulator's own log of what `messages` has",
}


MARKS = """
update contacts set name = 'zanahoria' where id = %(contact)s;
update contact_points set address = 'zanahoria@x.example', normalised = 'zanahoria@x.example' where id = %(running)s;
update conversations set contact_address = 'zanahoria@x.example', labels = '{zanahoria}' where id = %(idle)s;
update messages set body = 'zanahoria', subject = 'zanahoria', raw = '{"x": "zanahoria"}'
    where conversation_id in (%(idle)s, %(queued)s, %(running)s);
update turns set steps = '{"draft": "zanahoria"}', error = 'zanahoria' where conversation_id = %(idle)s;
update outcomes set reason = 'zanahoria' where contact_id = %(contact)s;
update escalations set reason = 'zanahoria', draft = 'zanahoria' where conversation_id = %(idle)s;
update notes set body = 'zanahoria' where conversation_id = %(idle)s;
update reviews set draft = 'zanahoria', sent = 'zanahoria' where conversation_id = %(idle)s;
update staff_drafts set text = 'zanahoria' where conversation_id = %(idle)s;
update media set filename = 'zanahoria.png', transcript = 'zanahoria' where message_id = %(read)s;
update uploads set filename = 'zanahoria.png' where conversation_id = %(idle)s;
update mail_originals set content = 'zanahoria' where message_id = %(read)s;
update conversation_summaries set text = 'zanahoria' where conversation_id = %(idle)s;
update answer_cache set question = 'zanahoria', answer = '{"x": "zanahoria"}' where turn_id = %(done)s;
update translations set text = 'zanahoria' where tenant_id = %(tenant)s;
update simulated_messages set body = 'zanahoria' where message_id = %(sent)s;
update deliveries set error = 'zanahoria' where message_id = %(sending)s;
update delivery_statuses set raw = '{"x": "zanahoria"}' where message_id = %(sent)s;
update mail_events set reason = 'zanahoria' where message_id = %(sent)s;
insert into events (tenant_id, kind, actor, conversation_id, data)
    values (%(tenant)s, 'x', 'x', %(idle)s, '{"diagnostic": "zanahoria"}');
update suppressions set normalised = 'zanahoria@x.example', kind = 'email', proof = '{"x": "zanahoria"}'
    where contact_id = %(contact)s
"""


async def mark(admin: Tx, rows: Rows) -> None:
    """Write the marker wherever something of `rows.contact` could stand."""
    names = ("contact", "idle", "queued", "running", "read", "done", "sent", "sending", "tenant")
    for statement in MARKS.split(";\n"):
        cursor = await admin.execute(statement.encode(), {name: getattr(rows, name) for name in names})
        assert cursor.rowcount > 0, statement


async def marked_tables(admin: Tx) -> set[str]:
    """Return every table in which the marker stands, whoever's row it is."""
    found = set()
    for table in await list_tables(admin):
        query = f"""select 1 from {table} t where to_jsonb(t)::text ilike '%%' || %s || '%%'
                    or to_jsonb(t)::text ilike '%%' || %s || '%%' limit 1"""
        if await fetch_one(admin, query.encode(), (MARKER, MARKER.encode().hex())):
            found.add(table)
    return found


async def erase(db: Database, rows: Rows, contact_id: ContactId) -> None:
    async with db.tenant(rows.tenant) as tx:
        await erase_contact(tx, rows.tenant, contact_id, actor="test")


async def conversation_after(message: InboundMessage, deps: Deps) -> ConversationId:
    """Return the conversation of a message just received."""
    found = (await receive(message, deps)).conversation_id
    assert found
    return ConversationId(found)


async def test_no_table_holds_a_word_of_an_erased_contact(db: Database, admin: Tx, a: Rows) -> None:
    await mark(admin, a)
    before = await marked_tables(admin)
    assert len(before) >= 19, before
    await erase(db, a, a.contact)
    assert await marked_tables(admin) == set()


async def test_erasing_leaves_everybody_else_alone(db: Database, a: Rows, b: Rows) -> None:
    before = await rows_of(db, b)
    await erase(db, a, a.contact)
    assert await rows_of(db, b) == before
    async with db.tenant(a.tenant) as tx:
        assert await find_contact(tx, str(a.other)) == a.other


async def test_files_of_an_erased_contact_are_discarded(db: Database, admin: Tx, a: Rows) -> None:
    await admin.execute("delete from media_discarded")
    await erase(db, a, a.contact)
    cursor = await admin.execute("select media_id from media_discarded where tenant_id = %s", (a.tenant,))
    assert {row["media_id"] for row in await cursor.fetchall()} >= {a.contact, a.idle}


async def test_the_event_of_an_erasure_counts_and_names_nobody(db: Database, admin: Tx, a: Rows) -> None:
    await erase(db, a, a.contact)
    row = await fetch_one(admin, "select data from events where kind = 'contact.erased'")
    assert row
    assert row["data"] == {
        "contact": str(a.contact),
        "conversations": 3,
        "messages": 6,
        "files": 2,
        "opt_outs_kept": 3,
        "threads": sorted(str(each) for each in (a.idle, a.queued, a.running)),
    }


async def test_events_can_only_be_made_to_forget(db: Database, a: Rows) -> None:
    async with db.tenant(a.tenant) as tx:
        with pytest.raises(InsufficientPrivilege, match="append-only"):
            await tx.execute('update events set data = \'{"decision": "another"}\'')


async def test_a_contact_that_is_part_of_another_is_not_erased_alone(db: Database, a: Rows) -> None:
    with pytest.raises(CannotErase, match=str(a.contact)):
        await erase(db, a, a.merged)


async def test_who_opted_out_and_was_erased_is_not_written_to_when_met_again(
    deps: Deps, lumen: TenantFile, admin: Tx
) -> None:
    tenant = lumen.tenant.id
    inbound = make_inbound()
    first = await conversation_after(inbound, deps)
    async with deps.db.tenant(tenant) as tx:
        await suppress(tx, first, reason="STOP", evidence=None, at=AT)
        row = await fetch_one(tx, "select contact_id from conversations where id = %s", (first,))
        assert row
        await erase_contact(tx, tenant, row["contact_id"], actor="test")
    kept = await fetch_one(admin, "select to_jsonb(e)::text as row from erased_suppressions e")
    assert kept
    assert inbound.sender not in kept["row"]
    again = await conversation_after(make_inbound(provider_id="another"), deps)
    async with deps.db.tenant(tenant) as tx:
        standing = await fetch_one(
            tx,
            """select s.created_at from suppressions s join conversations c on c.contact_id = s.contact_id
               where c.id = %s and s.lifted_at is null""",
            (again,),
        )
        assert standing
        assert standing["created_at"] == AT
        assert await lift_suppressions(tx, again, at=AT + timedelta(days=1)) == 1  # they ask to come back
        row = await fetch_one(tx, "select contact_id from conversations where id = %s", (again,))
        assert row
        await erase_contact(tx, tenant, row["contact_id"], actor="test")
        assert await fetch_one(tx, "select from erased_suppressions") is None


async def test_an_export_has_what_every_table_holds_of_the_contact(db: Database, admin: Tx, a: Rows) -> None:
    await mark(admin, a)
    async with db.tenant(a.tenant) as tx:
        await insert_event(tx, a.tenant, "message.received", actor="contact", conversation_id=a.idle)
        held = await export_contact(tx, a.contact)
    missing = await marked_tables(admin) - {table for table, rows in held.items() if MARKER in json.dumps(rows)}
    assert missing - UNTOLD_TABLES.keys() == {"translations", "mail_originals"}
    assert held["mail_originals"] == [{"message_id": str(a.read)}]
    assert "lease_token" not in held["conversations"][0]


async def test_every_table_that_hangs_on_a_contact_is_exported_or_has_a_reason_not_to_be(admin: Tx) -> None:
    cursor = await admin.execute(
        """select distinct table_name from information_schema.columns where table_schema = 'public'
             and column_name in ('contact_id', 'conversation_id', 'message_id')"""
    )
    hanging = {row["table_name"] for row in await cursor.fetchall()}
    exported = {*OF_CONTACT, *OF_CONVERSATION, *OF_MESSAGE}
    assert hanging - exported == hanging & UNTOLD_TABLES.keys()


async def test_the_command_line_exports_and_erases(
    settings: Settings, deps: Deps, lumen: TenantFile, database_urls: DatabaseUrls, tmp_path: Path
) -> None:
    by_url = settings.model_copy(update={"database_url": SecretStr(database_urls.app_url)})
    await conversation_after(make_inbound(f"Quiero una {MARKER}"), deps)
    out = Console(file=StringIO(), width=200)
    file = tmp_path / "contact.json"
    await run_export(by_url, "lumen", "+34600000001", file, out)
    assert MARKER in file.read_text(encoding="utf-8")
    asked: list[str] = []
    await run_erase(by_url, "lumen", "+34600000001", out, asked.append, as_json=False)
    assert "1 messages" in asked[0]
    with pytest.raises(NightshiftError, match="no contact"):
        await run_export(by_url, "lumen", "+34600000001", file, out)
