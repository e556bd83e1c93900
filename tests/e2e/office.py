"""An office in full swing: the demo school's inbox with prospects of all sorts, and a month behind it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from agent.staff import actions
from agent.staff.members import Member, Role
from agent.staff.notes import add_note
from agent.store.canned_replies import save_canned
from agent.store.db import Tx
from agent.store.members import find_member
from agent.store.tenants import update_published
from agent.tenant.file import parse_tenant_file
from agent.types import Classification, ConversationId, MemberId, Sources, Tenant
from jobs.figures import keep_tenant_figures
from tests.e2e.inbox import InboxSite
from tests.factories import make_classification

LUMEN = Path(__file__).parents[2] / "agent" / "example_tenants" / "lumen.yaml"
LONG_NAME = "Maximiliana Wilhelmine von Hohenfels-Oberstaufen y Ruiz de la Prada"
TURNS = 45
"""So many turns of the month before."""
WRITERS: tuple[tuple[str, str, str, str, dict[str, Any]], ...] = (
    ("+34600111001", "Lucía Fernández", "¿Seguro que apruebo el B2 en junio si hago el intensivo?",
     "Te garantizamos que apruebas el examen: son {price:EN-INT} por el curso completo.", {"intent": "pricing"}),
    ("+34600111002", "", "Quiero hablar con una persona, por favor", "", {"intent": "human_request"}),
    ("+34600111003", LONG_NAME, "Llevo tres semanas esperando el certificado y nadie contesta. Es una vergüenza.",
     "", {"intent": "complaint", "sentiment": "negative"}),
    ("+5511987654321", "João Batista", "Oi! Quanto custa o curso intensivo de inglês?",
     "São {price:EN-INT} pelo curso completo.", {"intent": "pricing"}),
    ("+447700900123", "Grace", "Hi, do you have evening groups in January? I work until 7 and could start any day.",
     "We have evening groups from Monday to Thursday.", {"intent": "scheduling"}),
    ("+34600111006", "Empresa Norte S.L.", "Necesitamos inglés para 40 personas desde enero. ¿Nos hacéis una oferta?",
     "Claro: son {price:EN-INT} por persona.", {"intent": "negotiation", "stage": "deciding"}),
    ("+34600111007", "Pau", "¿Cuántos alumnos hay por grupo?", "Somos como mucho ocho por grupo.", {}),
)  # fmt: skip
"""Who writes: their number, name, words, what a model would answer, and what it makes of them."""

MONTH = f"""
insert into contacts (id, tenant_id, name)
    select md5('k' || g)::uuid, %(tenant)s, (array['Inés Prieto', 'Marc Vila', 'Rosa Nunes', 'Tom Baker'])[1 + g %% 4]
    from generate_series(1, 12) g;
insert into contact_points (id, tenant_id, contact_id, kind, address, normalised)
    select md5('p' || g)::uuid, %(tenant)s, md5('k' || g)::uuid, 'phone', '+34611000' || (100 + g),
           '+34611000' || (100 + g) from generate_series(1, 12) g;
insert into conversations (id, tenant_id, contact_id, contact_point_id, channel_account_id, last_inbound_at, created_at)
    select md5('c' || g)::uuid, %(tenant)s, md5('k' || g)::uuid, md5('p' || g)::uuid,
           (select id from channel_accounts where tenant_id = %(tenant)s and channel = 'whatsapp'),
           now() - g * interval '50 h', now() - g * interval '55 h' from generate_series(1, 12) g;
insert into turns (id, tenant_id, conversation_id, state, first_seq, last_seq, trace_id, steps, decision, reason, error,
                   created_at, finished_at)
    select md5('t' || g)::uuid, %(tenant)s, md5('c' || (1 + g %% 12))::uuid,
           case when g %% 90 = 7 then 'failed' else 'done' end, g, g, md5('t' || g),
           jsonb_build_object('classification', jsonb_build_object(
               'intent', (array['pricing', 'greeting', 'ready_to_buy', 'support', 'complaint'])[1 + g %% 5],
               'stage', (array['new', 'exploring', 'comparing', 'deciding'])[1 + (g / 3) %% 4])),
           (array['send', 'send', 'send', 'send', 'escalate', 'nothing'])[1 + g %% 6], 'because',
           case when g %% 90 = 7 then 'ValueError: broken' end, at, at + (1 + g %% 8) * interval '0.9 s'
    from (select g, now() - (g::float / {TURNS}) * interval '29 days' as at from generate_series(1, {TURNS}) g) t;
insert into messages (id, tenant_id, conversation_id, channel_account_id, direction, author, body, turn_id, created_at)
    select md5('i' || t.id)::uuid, t.tenant_id, t.conversation_id, c.channel_account_id, 'inbound', 'contact',
           '¿Cuánto cuesta el curso intensivo?', t.id, t.created_at
    from turns t join conversations c on c.id = t.conversation_id where t.trace_id = md5('t' || t.first_seq);
insert into messages (id, tenant_id, conversation_id, channel_account_id, direction, author, body, turn_id, created_at,
                      purpose, source, state, language)
    select md5('o' || t.id)::uuid, t.tenant_id, t.conversation_id, c.channel_account_id, 'outbound', 'agent',
           'Son 399,00 € por el curso completo.', t.id, t.finished_at, 'reply', 'claude', 'delivered', 'es'
    from turns t join conversations c on c.id = t.conversation_id
    where t.trace_id = md5('t' || t.first_seq) and decision = 'send';
insert into deliveries (id, tenant_id, message_id, attempt, state, claimed_at, finished_at)
    select md5('d' || id)::uuid, tenant_id, id, 1, 'accepted', created_at, created_at + interval '0.4 s'
    from messages where direction = 'outbound' and body = 'Son 399,00 € por el curso completo.';
insert into delivery_statuses (id, tenant_id, message_id, state, received_at)
    select md5('s' || id)::uuid, tenant_id, id, 'delivered', created_at + interval '2 s'
    from messages where direction = 'outbound' and body = 'Son 399,00 € por el curso completo.';
insert into model_calls (id, tenant_id, turn_id, task, provider, model, prompt_version, input_tokens, output_tokens,
                         cache_read_tokens, cache_write_tokens, cost_microusd, latency_ms, outcome, tier, created_at)
    select md5('m' || t.id || x.tier)::uuid, t.tenant_id, t.id, x.task, 'anthropic', 'claude-haiku-5-5', 'v', 1000, 100,
           0, 0, x.cost * (1 + t.first_seq %% 5), 900, 'ok', x.tier, t.created_at
    from turns t, (values ('classify', 'fast', 40000), ('draft', 'standard', 200000), ('revise', 'expert', 90000))
        x (task, tier, cost) where t.trace_id = md5('t' || t.first_seq);
insert into escalations (id, tenant_id, conversation_id, turn_id, reason, cause, state, resolved_at, created_at)
    select md5('e' || id)::uuid, tenant_id, conversation_id, id, 'r',
           (array['complaint', 'asked', 'price', 'unsure', 'deal'])[1 + first_seq %% 5], 'resolved', finished_at,
           created_at
    from turns where decision = 'escalate' and trace_id = md5('t' || first_seq);
insert into reviews (id, tenant_id, conversation_id, turn_id, member_id, verdict, draft, created_at)
    select md5('v' || id)::uuid, tenant_id, conversation_id, id, %(member)s,
           (array['approved', 'approved', 'edited', 'rejected'])[1 + first_seq %% 4], 'Borrador', created_at
    from turns where decision = 'escalate' and trace_id = md5('t' || first_seq);
insert into eval_runs (id, tenant_id, version, state, set_name, figures, started_at)
    values (gen_random_uuid(), %(tenant)s, '0123456789ab', 'done', 'held-out', '{{}}', clock_timestamp());
insert into eval_items (id, tenant_id, kind, key, state, input, expected, origin)
    values (gen_random_uuid(), %(tenant)s, 'reply', 'one', 'proposed', '{{"said": ["¿Cuánto?"]}}', '{{}}', 'edited')
"""


class FindsAll:
    """Finds the beginning of what the school has published, whatever is asked."""

    def retrieve(self, tenant: Tenant, text: str, context: str | None) -> Sources:
        """Return it."""
        return Sources(items=tenant.catalogue[:3], passages=tenant.passages[:3])


async def fill_office(site: InboxSite) -> Member:
    """Have a busy morning after a busy month; return the manager."""
    agent, clock = site.agent, site.clock
    agent.deps = replace(agent.deps, retriever=FindsAll())
    agent.models.draft_fields = {"model": "claude-sonnet-5"}
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        await update_published(tx, parse_tenant_file(_read_school()))
    staff = {name: await site.hire(name, role) for name, role in STAFF.items()}
    clock.now = await agent.value("select clock_timestamp()")
    talks = [await _write(site, *writer) for writer in WRITERS]
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        manager = await find_member(tx, staff["Ana Belén Ortiz"])
        if manager is None:
            raise LookupError("the manager may not sign in")
        await _work(tx, manager, staff, talks)
        for statement in MONTH.split(";\n"):
            await tx.execute(statement.encode(), {"tenant": agent.tenant_id, "member": manager.id})
    clock.now = await agent.value("select clock_timestamp()")
    await keep_tenant_figures(agent.tenant_id, agent.deps)
    return manager


STAFF: dict[str, Role] = {
    "Ana Belén Ortiz": "manager",
    "Luis": "reviewer",
    LONG_NAME: "reviewer",
    "Eva": "viewer",
}


def _read_school() -> str:
    """Return the demo school's file for the tests' tenant, which answers at once."""
    at_once = {"slug: lumen": "slug: escuela", "quiet_s: 3": "quiet_s: 0", "max_wait_s: 12": "max_wait_s: 0"}
    at_once |= {'mon-fri, from: "09:00", to: "20:00"': 'mon-sun, from: "00:00", to: "23:59"'}
    text = LUMEN.read_text()
    for ours, theirs in at_once.items():
        text = text.replace(ours, theirs)
    return text


async def _write(
    site: InboxSite, number: str, name: str, said: str, answer: str, fields: dict[str, Any]
) -> ConversationId:
    models, understood = site.agent.models, {"confidence": 0.95, **fields}
    needs_human = understood.get("intent") in {"human_request", "complaint"}
    models.classification = replace(_understood(), **understood, needs_human=needs_human)
    models.texts = (answer or "¡Hola!",)
    models.drafted.clear()
    conversation_id = await site.agent.hear(said, sender=number, sender_name=name or None)
    await site.agent.answer(conversation_id)
    return conversation_id


def _understood() -> Classification:
    return make_classification(source="claude")


async def _work(tx: Tx, manager: Member, staff: dict[str, MemberId], talks: list[ConversationId]) -> None:
    """Have staff do what they do."""
    await save_canned(tx, manager.tenant_id, "horario", {"es": "Abrimos de 9 a 20.", "en": "We open from 9 to 8 pm."})
    await add_note(tx, talks[5], "Pide factura. @Luis, ¿le llamas tú?", manager)
    await actions.label(tx, talks[5:6], "empresa", manager)
    await actions.assign(tx, talks[2:3], staff[LONG_NAME], manager)
