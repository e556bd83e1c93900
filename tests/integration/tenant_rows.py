"""One tenant with rows in every table, in every state that a query could act on, and a way to see them all."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg import sql

from agent.ids import new_id
from agent.store.conversations import Lease
from agent.store.db import Database, Tx, fetch_one
from agent.tenant.file import tenant_id
from agent.types import ContactId, ConversationId, MemberId, MessageId, TenantId, TurnId

AT = datetime(2026, 11, 17, 15, 0, tzinfo=UTC)

INSERT_ROWS = """
insert into tenants (id, slug, name, profile) values (%(tenant)s, %(slug)s, %(slug)s, '{}');
insert into members (id, tenant_id, email, name, role)
    values (%(member)s, %(tenant)s, 'staff@' || %(slug)s || '.example', 'Staff', 'reviewer');
insert into staff_sessions (token_hash, id, tenant_id, member_id, csrf_token, expires_at)
    values (sha256(%(slug)s::bytea), %(member)s, %(tenant)s, %(member)s, 'token', '2099-01-01');
insert into signin_links (id, token_hash, tenant_id, member_id, expires_at)
    values (gen_random_uuid(), sha256(%(slug)s::bytea), %(tenant)s, %(member)s, '2099-01-01');
insert into saved_views (id, tenant_id, member_id, name, filter)
    values (gen_random_uuid(), %(tenant)s, %(member)s, 'Mine', '{}');
insert into labels (tenant_id, name) values (%(tenant)s, 'Label of ' || %(slug)s);
insert into canned_replies (id, tenant_id, shortcut, body)
    values (gen_random_uuid(), %(tenant)s, 'hello', '{"en": "Hello"}');
insert into translations (tenant_id, text_hash, language, text, model)
    values (%(tenant)s, sha256('Secret'), 'en', 'Secret of ' || %(slug)s, 'm');
insert into settings_changes (tenant_id, member_id, part) values (%(tenant)s, %(member)s, 'catalogue');
insert into erased_suppressions (tenant_id, address_hash, suppressed_at)
    values (%(tenant)s, hash_address(%(tenant)s, 'email', 'gone@ruiz.example'), %(at)s);
insert into channel_accounts (id, tenant_id, channel, address, provider)
    values (%(account)s, %(tenant)s, 'email', 'us@' || %(slug)s || '.example', 'simulator');
insert into catalogue_items (id, tenant_id, sku, position, content) values (%(item)s, %(tenant)s, 'SKU', 0, '{}');
insert into price_rules (id, tenant_id, item_id, position, amount_minor, currency, unit)
    values (gen_random_uuid(), %(tenant)s, %(item)s, 0, 39900, 'EUR', 'course');
insert into documents (id, tenant_id, name, content_hash) values (%(document)s, %(tenant)s, 'tenant file', 'hash');
insert into passages (id, tenant_id, document_id, position, key, kind, content)
    values (gen_random_uuid(), %(tenant)s, %(document)s, 0, 'groups', 'fact', '{}');

insert into contacts (id, tenant_id, name) values
    (%(contact)s, %(tenant)s, 'Prospect of ' || %(slug)s), (%(other)s, %(tenant)s, 'Other of ' || %(slug)s);
insert into contacts (id, tenant_id, merged_into) values (%(merged)s, %(tenant)s, %(contact)s);
insert into contact_merges (id, tenant_id, kept_id, merged_id, actor, moved)
    values (gen_random_uuid(), %(tenant)s, %(contact)s, %(merged)s, 'staff',
            '{"points": [], "kept_points": [], "suppressions": [], "active": [], "filled": {}}');
insert into contact_points (id, tenant_id, contact_id, kind, address, normalised)
    values (gen_random_uuid(), %(tenant)s, %(other)s, 'email', 'luis@ruiz.example', 'luis@ruiz.example');
insert into contact_points (id, tenant_id, contact_id, kind, address, normalised) values
    (%(idle)s, %(tenant)s, %(contact)s, 'phone', '+34600000001', '+34600000001'),
    (%(queued)s, %(tenant)s, %(contact)s, 'whatsapp_user', 'US.1', 'US.1'),
    (%(running)s, %(tenant)s, %(contact)s, 'email', 'Ana@ruiz.example', 'ana@ruiz.example');
insert into conversations (id, tenant_id, contact_id, contact_point_id, channel_account_id, turn_state, wake_at,
                           lease_token, lease_until, superseded_in_a_row)
    values
    (%(idle)s, %(tenant)s, %(contact)s, %(idle)s, %(account)s, 'idle', null, null, null, 1),
    (%(queued)s, %(tenant)s, %(contact)s, %(queued)s, %(account)s, 'queued', '2020-01-01', null, null, 1),
    (%(running)s, %(tenant)s, %(contact)s, %(running)s, %(account)s, 'running', null, %(lease)s, '2099-01-01', 1);
insert into turns (id, tenant_id, conversation_id, state, first_seq, last_seq, trace_id, steps, finished_at) values
    (%(done)s, %(tenant)s, %(idle)s, 'done', 1, 1, 'trace', '{}', now()),
    (%(turn)s, %(tenant)s, %(running)s, 'running', 1, 1, 'trace', '{"classify": 1}', null);
insert into messages (id, tenant_id, conversation_id, channel_account_id, direction, author, provider_id, body,
                      turn_id, created_at)
    values
    (%(read)s, %(tenant)s, %(idle)s, %(account)s, 'inbound', 'contact', '<read@x>',
     'Secret of ' || %(slug)s, %(done)s, %(at)s),
    (%(unread)s, %(tenant)s, %(queued)s, %(account)s, 'inbound', 'contact', '<unread@x>',
     'Secret of ' || %(slug)s, null, %(at)s),
    (gen_random_uuid(), %(tenant)s, %(running)s, %(account)s, 'inbound', 'contact', '<third@x>',
     'Secret of ' || %(slug)s || ': luis@ruiz.example', null, %(at)s);
insert into messages (id, tenant_id, conversation_id, channel_account_id, direction, author, body, turn_id, language,
                      created_at, purpose, source, state, attempt, claim_token, claimed_until, not_before, provider_id)
    values
    (%(pending)s, %(tenant)s, %(idle)s, %(account)s, 'outbound', 'agent', 'A reply', %(done)s, 'en', %(at)s,
     'reply', 'local', 'pending', 0, null, null, %(at)s, null),
    (%(sending)s, %(tenant)s, %(idle)s, %(account)s, 'outbound', 'agent', 'A reply', %(done)s, 'en', %(at)s,
     'reply', 'local', 'sending', 1, %(claim)s, '2099-01-01', %(at)s, null),
    (%(sent)s, %(tenant)s, %(idle)s, %(account)s, 'outbound', 'agent', 'A reply', %(done)s, 'en', %(at)s,
     'reply', 'local', 'sent', 1, null, null, %(at)s, %(provider_id)s);
insert into media (id, tenant_id, message_id, position, url, state, sha256, due_at, size, finished_at) values
    (%(contact)s, %(tenant)s, %(unread)s, 0, 'https://api.twilio.com/' || %(slug)s, 'pending', null, '2020-01-01',
     null, null),
    (%(idle)s, %(tenant)s, %(read)s, 0, '', 'stored', repeat('a', 64), '2020-01-01', 1, '2026-01-01');
insert into media_discarded (media_id, tenant_id) values (%(idle)s, %(tenant)s);
insert into mail_originals (message_id, tenant_id, content) values (%(read)s, %(tenant)s, 'Secret mail');
insert into mail_tokens (token, tenant_id, conversation_id, purpose)
    values (rpad(translate(replace(%(idle)s::text, '-', ''), '0189', 'wxyz'), 26, 'a'), %(tenant)s, %(idle)s, 'reply');
insert into mail_events (event_id, tenant_id, message_id, kind, occurred_at, received_at)
    values ('event', %(tenant)s, %(sent)s, 'delivered', %(at)s, %(at)s);
insert into holding_lines (tenant_id, conversation_id, outage_id, message_id)
    values (%(tenant)s, %(idle)s, %(idle)s, %(pending)s);
insert into deliveries (id, tenant_id, message_id, attempt, state, claimed_at)
    values (gen_random_uuid(), %(tenant)s, %(sending)s, 1, 'claimed', %(at)s);
insert into delivery_statuses (id, tenant_id, message_id, state, received_at)
    values (gen_random_uuid(), %(tenant)s, %(sent)s, 'sent', %(at)s);
insert into escalations (id, tenant_id, conversation_id, turn_id, message_id, reason)
    values (%(done)s, %(tenant)s, %(idle)s, %(done)s, %(read)s, 'asked for a person');
insert into reviews (id, tenant_id, conversation_id, turn_id, member_id, verdict, draft)
    values (gen_random_uuid(), %(tenant)s, %(idle)s, %(done)s, %(member)s, 'approved', 'Secret');
update turns set trace = 'sent' where id = %(done)s;
insert into scores (id, tenant_id, turn_id, name, word, at) values
    (%(done)s, %(tenant)s, %(done)s, 'review', 'Secret', %(at)s),
    (%(turn)s, %(tenant)s, %(turn)s, 'review', 'Secret', %(at)s);
insert into replays (id, tenant_id, turn_id, member_id)
    values (%(done)s, %(tenant)s, %(done)s, %(member)s);
insert into hourly_figures (tenant_id, starts_at, figures)
    values (%(tenant)s, '2026-11-17 14:00Z', jsonb_build_object('turn.' || %(slug)s, 1));
insert into notes (id, tenant_id, conversation_id, member_id, body)
    values (gen_random_uuid(), %(tenant)s, %(idle)s, %(member)s, 'Secret of ' || %(slug)s);
insert into staff_drafts (conversation_id, member_id, mode, tenant_id, text)
    values (%(idle)s, %(member)s, 'reply', %(tenant)s, 'Secret');
insert into uploads (id, tenant_id, conversation_id, member_id, filename, content_type, size, sha256, created_at)
    values (%(done)s, %(tenant)s, %(idle)s, %(member)s, 'Secret of ' || %(slug)s, 'image/png', 1, repeat('a', 64),
            '2020-01-01');
insert into presence (conversation_id, member_id, tenant_id, mode)
    values (%(idle)s, %(member)s, %(tenant)s, 'viewing');
insert into suppressions (id, tenant_id, contact_id, kind, normalised, reason, evidence_message_id, created_at)
    values (gen_random_uuid(), %(tenant)s, %(contact)s, 'phone', '+34600000001', 'STOP', %(read)s, %(at)s);
insert into simulated_messages (provider_id, tenant_id, message_id, body, accepted_at)
    values (%(provider_id)s, %(tenant)s, %(sent)s, 'A reply', %(at)s);

insert into model_calls (id, tenant_id, turn_id, task, provider, model, prompt_version, input_tokens, output_tokens,
                         cache_read_tokens, cache_write_tokens, cost_microusd, latency_ms, outcome)
    values (gen_random_uuid(), %(tenant)s, %(done)s, 'draft', 'anthropic', 'm', 'v', 1, 1, 0, 0, 1, 1, 'ok');
insert into events (tenant_id, kind, actor, conversation_id)
    values (%(tenant)s, 'message.received', 'contact', %(idle)s);
insert into event_seals (tenant_id, seq, event_id, salt, data_hash, hash)
    select %(tenant)s, 1, id, null, sha256('x'), sha256('x') from events where tenant_id = %(tenant)s;
insert into outcomes (id, tenant_id, source, external_id, kind, reason, occurred_at, named, contact_id,
                      conversation_id, turn_id, deal, root_id)
    values (%(done)s, %(tenant)s, 'csv', '1', 'lost', 'Secret of ' || %(slug)s, %(at)s, 'ana@ruiz.example',
            %(contact)s, %(idle)s, %(done)s, 'deal', %(done)s),
           (%(turn)s, %(tenant)s, 'csv', '2', 'booked', '', %(at)s, 'luis@ruiz.example', null, null, null, '',
            %(turn)s);
insert into outcome_secrets (id, tenant_id, sender, secret)
    values (gen_random_uuid(), %(tenant)s, 'webhook', 'The secret of ' || %(slug)s);
insert into drift_baselines (tenant_id, feature, counts, since, until)
    values (%(tenant)s, 'intent', jsonb_build_object(%(slug)s::text, 400), %(at)s, %(at)s);
insert into drift_readings (tenant_id, feature, counts, measured_at, psi, level)
    values (%(tenant)s, 'intent', jsonb_build_object(%(slug)s::text, 400), %(at)s, 0, 'steady');
insert into event_checkpoints (tenant_id, seq, hash, removed, last_at)
    values (%(tenant)s, 1, sha256('x'), 1, %(at)s);
insert into answer_cache (id, tenant_id, version, language, channel, intent, question, content_key, vector, answer,
                          turn_id, created_at, expires_at)
    values (gen_random_uuid(), %(tenant)s, 'v', 'es', 'whatsapp', 'pricing', 'cuanto cuesta', 'price', '', '{}',
            %(done)s, %(at)s, '2099-01-01');
insert into conversation_summaries (conversation_id, tenant_id, covers_seq, text, model, prompt_version)
    values (%(idle)s, %(tenant)s, 1, 'Wants a course.', 'm', 'v');
insert into spending (subject, scope, starts_on, tenant_id, cost_microusd)
    values (%(tenant)s, 'tenant_day', '2026-11-17', %(tenant)s, 5),
           (%(contact)s, 'contact_day', '2020-01-01', %(tenant)s, 5);
insert into model_batches (id, tenant_id, key, task, tier, model, prompt_version, params, due_at)
    values (%(contact)s, %(tenant)s, 'key of ' || %(slug)s, 'classify', 'fast', 'm', 'v', '{}', '2020-01-01');
insert into model_batch_items (batch_id, place, tenant_id, prompt)
    values (%(contact)s, 0, %(tenant)s, 'Secret of ' || %(slug)s);
insert into templates (tenant_id, sid, name, language, types, variables, approval, synced_at)
    values (%(tenant)s, 'HX00000000000000000000000000000001', 'Template of ' || %(slug)s, 'es', '{}', '{}', 'approved',
            %(at)s);
update messages set template = '{"sid": "HX00000000000000000000000000000001"}' where id = %(sent)s;
insert into eval_items (id, tenant_id, kind, key, state, turn_id, input, expected, origin)
    values (%(done)s, %(tenant)s, 'reply', 'turn:' || %(done)s, 'proposed', %(done)s,
            jsonb_build_object('said', jsonb_build_array('Secret of ' || %(slug)s)), '{}', 'edited');
insert into eval_runs (id, tenant_id, version, state, figures, started_at) values
    (%(done)s, %(tenant)s, 'version of ' || %(slug)s, 'done', '{}', %(at)s),
    (%(idle)s, %(tenant)s, 'version of ' || %(slug)s, 'pending', '{}', %(at)s);
insert into eval_results (run_id, case_key, tenant_id, kind, result)
    values (%(done)s, 'turn', %(tenant)s, 'reply', '{"right": true}');
insert into promotion_holds (id, tenant_id, run_id, reason) values (%(done)s, %(tenant)s, %(done)s, 'fell');
insert into versions (tenant_id, digest, prompts, models, thresholds, policies)
    values (%(tenant)s, '0123456789ab', jsonb_build_object('a.md', 'Secret of ' || %(slug)s), '{}', '{}', '{}');
insert into pinned_versions (tenant_id, digest) values (%(tenant)s, '0123456789ab');
insert into versions (tenant_id, digest, prompts, models, thresholds, policies)
    values (%(tenant)s, '123456789abc', '{}', '{}', '{}', '{}');
insert into rollouts (id, tenant_id, base, version, share_percent, hold_hours, min_exposed, criteria, actor, started_at)
    values (%(done)s, %(tenant)s, '123456789abc', '0123456789ab', 5, 48, 200, '[{"measure": "errors"}]',
            'Staff of ' || %(slug)s, %(at)s);
insert into trust_levels (tenant_id, channel, level, actor) values (%(tenant)s, 'email', 'autonomous', %(slug)s);
insert into rollout_arms (rollout_id, conversation_id, tenant_id, arm)
    values (%(done)s, %(idle)s, %(tenant)s, 'candidate');
"""

ONE_MESSAGE = {
    "contacts": 1,
    "contact_points": 1,
    "conversations": 1,
    "messages": 1,
    "message_words": 1,
    "events": 1,
    "procrastinate_jobs": 1,
}
"""The rows of a new contact's first message."""
ONE_MAIL = {**ONE_MESSAGE, "mail_originals": 1}
"""The rows of a new contact's first mail."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """Ids of one tenant's rows. Contact points have the ids of their conversations."""

    tenant: TenantId
    slug: str
    account: UUID
    contact: ContactId
    other: ContactId
    """Somebody else, whose address `contact` has mentioned."""
    merged: ContactId
    """A contact that is part of `contact` now."""
    member: MemberId
    """A reviewer."""
    idle: ConversationId
    queued: ConversationId
    running: ConversationId
    lease: Lease
    """Of `running`."""
    done: TurnId
    """A finished turn of `idle`, which read the message `read` and wrote the outbound ones."""
    turn: TurnId
    """The turn under way in `running`."""
    read: MessageId
    unread: MessageId
    pending: MessageId
    sending: MessageId
    claim: UUID
    """Token of `sending`."""
    sent: MessageId
    provider_id: str
    """Of `sent`."""


async def insert_rows(tx: Tx, slug: str) -> Rows:
    """Insert a tenant with rows in every table, in a transaction of the application role."""
    names = [
        *("tenant", "account", "item", "document", "contact", "idle", "queued", "running", "lease", "done", "turn"),
        *("other", "merged", "member"),
    ]
    ids: dict[str, Any] = {name: new_id() for name in (*names, "read", "unread", "pending", "sending", "sent", "claim")}
    ids["tenant"] = tenant_id(slug)  # so that a tenant file can be applied to it
    values = {**ids, "slug": slug, "at": AT, "provider_id": f"SM-{slug}"}
    await tx.execute("select set_config('nightshift.tenant_id', %s, true)", (str(ids["tenant"]),))
    for statement in INSERT_ROWS.split(";\n"):
        if statement.strip():
            await tx.execute(statement.encode(), values)
    lease = Lease(tenant_id=ids["tenant"], conversation_id=ids["running"], token=ids["lease"], attempt=0)
    kept = {name: ids[name] for name in ids.keys() - {"item", "document", "lease"}}
    return Rows(**kept, slug=slug, lease=lease, provider_id=f"SM-{slug}")


async def list_tables(tx: Tx) -> list[str]:
    """Return every table of the application's schema."""
    cursor = await tx.execute(
        "select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') order by 1"
    )
    return [row["relname"] for row in await cursor.fetchall()]


async def list_tenant_tables(tx: Tx) -> dict[str, str]:
    """Return every table that holds tenants' rows, with the column that says whose a row is."""
    cursor = await tx.execute(
        """select c.relname, a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid
           where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
             and a.attname = case relname when 'tenants' then 'id' else 'tenant_id' end order by 1"""
    )
    return {row["relname"]: row["attname"] for row in await cursor.fetchall()}


async def visible_rows(tx: Tx) -> dict[str, list[dict[str, Any]]]:
    """Return all that a transaction sees of tenants' rows, by table: to compare before and after."""
    of_each = sql.SQL(
        "select {} as name, coalesce(jsonb_agg(to_jsonb(t) order by to_jsonb(t)::text), '[]') as rows from {} t"
    )
    tables = await list_tenant_tables(tx)
    query = sql.SQL(" union all ").join(of_each.format(name, sql.Identifier(name)) for name in tables)
    cursor = await tx.execute(query)
    return {row["name"]: row["rows"] for row in await cursor.fetchall()}


async def rows_of(db: Database, tenant: Rows) -> dict[str, list[dict[str, Any]]]:
    """Return all rows of a tenant, as it sees them."""
    async with db.tenant(tenant.tenant) as tx:
        return await visible_rows(tx)


async def count_rows(tx: Tx) -> dict[str, int]:
    """Count the rows of every table and of the queue, whoever they belong to: for an administrator's connection.

    Not of `unsealed_events`: until they are sealed, it has a line for each of the events.
    """
    counts = {}
    for table in (*[each for each in await list_tables(tx) if each != "unsealed_events"], "procrastinate_jobs"):
        name = sql.Identifier("jobs" if table == "procrastinate_jobs" else "public", table)
        row = await fetch_one(tx, sql.SQL("select count(*) as n from {}").format(name))
        counts[table] = row["n"] if row else 0
    return counts


@asynccontextmanager
async def stores_only(admin: Tx, **expected: int) -> AsyncIterator[None]:
    """Assert how many rows of which tables the block adds; by default none of any."""
    before = await count_rows(admin)
    yield
    after = await count_rows(admin)
    added = {table: after[table] - before[table] for table in after if after[table] != before[table]}
    assert added == expected, added
