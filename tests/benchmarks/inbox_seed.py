"""A database as a busy year leaves it: a million messages in 100,000 conversations of five tenants, one of them large.

Seeded by the server itself, with triggers and foreign keys off; what triggers would have written is written here.
Ids count up with time, as real ones do.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from time import perf_counter

import psycopg

from agent.store.db import Database
from agent.store.tenants import save_tenant_file
from agent.tenant.file import TenantFile, load_tenant_file, tenant_id
from agent.types import MemberId, TenantId
from tests.processes import REPOSITORY

CONVERSATIONS, MESSAGES_EACH = 100_000, 10
SHARES = (70, 15, 10, 4, 1)
"""Of a hundred conversations, how many are which tenant's."""
DAYS = 180
ONSETS = (
    "Hola, quisiera saber el precio del curso intensivo de inglés",
    "Buenos días, ¿tenéis clases por la tarde? Trabajo hasta las siete",
    "¿Me podéis llamar? Prefiero hablar con una persona antes de decidir",
    "Olá, quanto custa o curso de espanhol? Somos três pessoas na empresa",
    "Bom dia, preciso de uma fatura com o número de contribuinte, por favor",
    "Não percebi se a inscrição já inclui o material e o exame final",
    "Hi, do you have evening lessons for two children, seven and nine years old?",
    "Could you send me the dates of the next course and how to pay for it",
    "Perfecto, muchas gracias por la información, me apunto mañana mismo",
)
"""How messages begin; each goes on with words from `WORDS`, of which the first are common and the last are rare."""
WORDS = tuple(
    f"{a}{b}{c}"
    for a in ("ca", "me", "ri", "to", "lu", "pre", "san", "vi", "de", "co")
    for b in ("ra", "li", "no", "té", "sur", "mão", "ve", "ción", "des", "ga")
    for c in ("", "do", "ção", "nte", "lla", "rio", "s", "mos", "ble", "ñas")
)
NAMES = ("Ana", "João", "Lucía", "Conceição", "Noah", "Íñigo", "Beatriz", "Zoë", "Tomás", "Márcia", "Ruth", "Andrés")
SURNAMES = ("Ruiz", "Pereira", "Núñez", "Wells", "Gonçalves", "Martín", "Teixeira", "Böhm", "Sánchez", "O'Neill")

HELPERS = """
create function pg_temp.id(kind text, n bigint) returns uuid language sql immutable
    return (kind || '000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid;
create function pg_temp.tenant(n bigint) returns uuid language sql stable
    return (select tenant from seeded where n % 100 between first and last);
create function pg_temp.account(n bigint) returns uuid language sql stable
    return (select accounts[1 + (n / 7) % cardinality(accounts)] from seeded where n % 100 between first and last);
create temporary table said (place int primary key, text text, words text[])
"""
TEXTS = """
insert into said select n, text, fold_words(text) from (
    select n, onsets[1 + n % cardinality(onsets)] || ', ' || n || ' ' || (
        select string_agg(words[1 + floor(cardinality(words) * power(random(), 3))::int + 0 * (n + w)], ' ')
        from generate_series(1, 12) w) as text
    from generate_series(0, 19999) n, samples) texts
"""
ROWS = f"""
set session_replication_role = replica;
insert into contacts (id, tenant_id, name, language, created_at)
    select pg_temp.id('c0', n), pg_temp.tenant(n),
           names[1 + n % cardinality(names)] || ' '
               || surnames[1 + (n / 12) % cardinality(surnames)] || ' ' || n,
           (array['es', 'pt', 'en'])[1 + n % 3], now()
    from generate_series(1, {CONVERSATIONS}) n, samples;
insert into contact_points (id, tenant_id, contact_id, kind, address, normalised)
    select pg_temp.id('b0', n), pg_temp.tenant(n), pg_temp.id('c0', n), kind, address, address from (
        select n, case when n % 3 = 0 then 'email' else 'phone' end as kind,
               case when n % 3 = 0 then 'prospect' || n || '@mail.example' else '+346' || lpad(n::text, 8, '0') end
                   as address
        from generate_series(1, {CONVERSATIONS}) n) points;
insert into conversations (id, tenant_id, contact_id, contact_point_id, channel_account_id, language, assignee_id,
                           owner, last_inbound_at, labels, created_at)
    select pg_temp.id('a0', n), pg_temp.tenant(n), pg_temp.id('c0', n), pg_temp.id('b0', n), pg_temp.account(n),
           (array['es', 'pt', 'en'])[1 + n % 3],
           case when n % 11 = 0 then (select member from seeded where n % 100 between first and last) end,
           case when n % 13 = 0 then 'staff' else 'agent' end,
           now() - ({CONVERSATIONS} - n) * interval '{DAYS} days' / {CONVERSATIONS},
           case when n % 40 = 0 then array['empresa'] when n % 200 = 1 then array['beca', 'diciembre'] else '{{}}' end,
           now()
    from generate_series(1, {CONVERSATIONS}) n;
insert into turns (id, tenant_id, conversation_id, state, first_seq, last_seq, trace_id, steps, decision, reason,
                   created_at, finished_at)
    select pg_temp.id('d0', c.n * 4 + k), c.tenant_id, c.id,
           case when (c.n + k) % 500 = 0 then 'failed' else 'done' end,
           ((c.n - 1) * {MESSAGES_EACH} + k * 2), ((c.n - 1) * {MESSAGES_EACH} + k * 2), md5(c.n || '-' || k),
           jsonb_build_object('classification', jsonb_build_object(
               'language', 'es', 'intent', (array['pricing', 'greeting', 'ready_to_buy', 'support'])[1 + c.n % 4],
               'stage', (array['new', 'exploring', 'comparing', 'deciding'])[1 + c.n % 4], 'confidence', 0.8)),
           case when k = 4 and c.n % 20 = 0 then 'escalate' else 'send' end, 'because',
           at, at + interval '4 s'
    from (select *, ('x' || right(id::text, 12))::bit(48)::bigint as n from conversations) c, generate_series(1, 4) k,
         lateral (select last_inbound_at - (5 - k) * interval '9 min') as times (at);
insert into messages (id, seq, tenant_id, conversation_id, channel_account_id, direction, author, body, language,
                      turn_id, created_at, purpose, source, state, provider_id)
    overriding system value
    select pg_temp.id('e0', m.seq), m.seq, c.tenant_id, c.id, c.channel_account_id,
           case when k in (3, 5, 7, 9) then 'outbound' else 'inbound' end,
           case when k in (3, 5, 7) then 'agent' when k = 9 then 'staff' else 'contact' end,
           said.text, c.language, case when k between 2 and 9 then pg_temp.id('d0', c.n * 4 + k / 2) end,
           c.last_inbound_at - ({MESSAGES_EACH} - k) * interval '5 min',
           case when k in (3, 5, 7, 9) then 'reply' end,
           case when k in (3, 5, 7) then 'claude' when k = 9 then 'staff' end,
           case when k in (3, 5, 7, 9) then 'delivered' end, md5(m.seq::text)
    from (select *, ('x' || right(id::text, 12))::bit(48)::bigint as n from conversations) c
    cross join generate_series(1, {MESSAGES_EACH}) k
    cross join lateral (select (c.n - 1) * {MESSAGES_EACH} + k as seq) m
    join said on said.place = (m.seq * 7919) % 20000;
select setval(pg_get_serial_sequence('messages', 'seq'), {CONVERSATIONS * MESSAGES_EACH} + 1);
insert into message_words (message_id, tenant_id, seq, at, words)
    select m.id, m.tenant_id, m.seq, m.created_at, array_to_tsvector(
               said.words || array['TENANT ' || m.tenant_id, 'BY ' || m.author, 'ON ' || a.channel])
    from messages m join channel_accounts a on a.id = m.channel_account_id
    join said on said.place = (m.seq * 7919) % 20000;
insert into escalations (id, tenant_id, conversation_id, turn_id, reason, cause, draft, state, resolution, due_at, risk,
                         created_at, waiting_since, resolved_at, resolved_by, verdicts, snoozed_until, snoozed_at)
    select pg_temp.id('f0', n), tenant_id, id, pg_temp.id('d0', n * 4 + 4), 'asked for a person',
           (array['asked', 'deal', 'complaint', 'payment', 'unsure'])[1 + n % 5], 'Hola, te llamamos mañana.',
           case when n % 60 = 0 then 'open' else 'resolved' end, case when n % 60 = 0 then null else 'answered' end,
           last_inbound_at + interval '1 hour', n % 10, last_inbound_at, last_inbound_at,
           case when n % 60 = 0 then null else last_inbound_at + interval '20 min' end, assignee_id,
           jsonb_build_array(jsonb_build_object('rule', 'pricing', 'outcome', 'hold', 'reason', repeat('x', 300))),
           case when n % 600 = 0 then now() + interval '1 day' end, case when n % 600 = 0 then now() end
    from (select *, ('x' || right(id::text, 12))::bit(48)::bigint as n from conversations) c where n % 20 = 0;
insert into model_calls (id, tenant_id, turn_id, task, provider, model, prompt_version, input_tokens, output_tokens,
                         cache_read_tokens, cache_write_tokens, cost_microusd, latency_ms, outcome, tier, created_at)
    select gen_random_uuid(), t.tenant_id, t.id, x.task, 'anthropic', 'm', 'v', 1000, 100, 0, 0, 700, 900, 'ok', x.tier,
           t.created_at
    from turns t, (values ('classify', 'fast'), ('draft', 'standard')) x (task, tier)
    where t.created_at > now() - interval '31 days';
insert into events (tenant_id, kind, actor, conversation_id, message_id, at)
    select tenant_id, 'message.received', 'contact', conversation_id, id, created_at from messages where seq % 5 = 0;
insert into events (tenant_id, kind, actor, conversation_id, at)
    select tenant_id, 'conversation.assigned', 'member:' || assignee_id, id, last_inbound_at from conversations
    where assignee_id is not null;
insert into labels (tenant_id, name)
    select tenant, label from seeded, unnest(array['empresa', 'beca', 'diciembre']) label;
set session_replication_role = origin;
update contacts set name = name;
vacuum analyze
"""


async def publish_tenants(db: Database) -> Sequence[TenantId]:
    """Publish the five tenants: the demo school under five names, with numbers of their own."""
    school = load_tenant_file(REPOSITORY / "agent" / "example_tenants" / "lumen.yaml")
    ids = []
    for place in range(len(SHARES)):
        file = _renamed(school, place)
        ids.append(file.tenant.id)
        async with db.tenant(file.tenant.id) as tx:
            await save_tenant_file(tx, file)
    return ids


def _renamed(school: TenantFile, place: int) -> TenantFile:
    slug = f"school-{place}"
    tenant = replace(school.tenant, slug=slug, id=tenant_id(slug), name=f"School {place}")
    channels = tuple(
        replace(each, address=f"{place}.{each.address}" if each.channel == "email" else f"{each.address[:-1]}{place}")
        for each in school.channels
    )
    return replace(school, tenant=tenant, channels=channels)


def seed(admin_url: str, tenants: Sequence[TenantId], members: Sequence[MemberId]) -> Iterator[str]:
    """Fill a database whose tenants are published, each with a member; yields what was done and how long it took."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(
            "create temporary table samples (onsets text[], words text[], names text[], surnames text[])"
        )
        samples = (list(ONSETS), list(WORDS), list(NAMES), list(SURNAMES))
        connection.execute("insert into samples values (%s, %s, %s, %s)", samples)
        connection.execute(
            "create temporary table seeded (tenant uuid, member uuid, first int, last int, accounts uuid[])"
        )
        for place, (tenant, member) in enumerate(zip(tenants, members, strict=True)):
            first = sum(SHARES[:place])
            connection.execute(
                """insert into seeded select %s, %s, %s, %s, (
                       select array_agg(id order by id) from channel_accounts where tenant_id = %s)""",
                (tenant, member, first, first + SHARES[place] - 1, tenant),
            )
        for statement in f"{HELPERS};\n{TEXTS};\n{ROWS}".split(";\n"):
            began = perf_counter()
            connection.execute(statement.encode())
            yield f"{perf_counter() - began:5.1f} s  {' '.join(statement.split())[:50]}"
