"""The school of the README's pictures: invented prospects who write what prospects write, staff, and a month behind it.

Everything of today is said through the agent itself, with scripted models; then it is moved back in time. The month
before is `school_month.sql`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from agent.local.encoder import load_encoder
from agent.ports import Translated
from agent.retrieve import TenantRetriever
from agent.staff import actions
from agent.staff.members import Member, Role
from agent.store.composing import note_presence
from agent.store.members import find_member
from agent.store.tenants import save_tenant_file
from agent.tenant.file import parse_tenant_file
from agent.types import Channel, Claim, ConversationId, MemberId, ModelTier, Tenant
from jobs.figures import keep_tenant_figures
from tests.e2e.inbox import InboxSite
from tests.factories import make_classification

LUMEN = Path(__file__).parents[2] / "agent" / "example_tenants" / "lumen.yaml"
MONTH = Path(__file__).with_name("school_month.sql")
STAFF: Mapping[str, Role] = {"Sofía Almeida": "manager", "Ana Ruiz": "reviewer", "Diego Santos": "reviewer"}
RECIPIENTS: Mapping[Channel, str] = {
    "whatsapp": "+34910555012",
    "sms": "+12025550112",
    "email": "hola@lumen.example",
}
CHANGED = {
    "slug: lumen": "slug: escuela",
    "quiet_s: 3": "quiet_s: 0",
    "max_wait_s: 12": "max_wait_s: 0",
    'mon-fri, from: "09:00", to: "20:00"': 'mon-sun, from: "00:00", to: "23:59"',
    'tenant_day: { soft: "20.00", hard: "50.00" }': 'tenant_day: { soft: "3.00", hard: "5.00" }',
}
"""What the pictures' school has otherwise: it answers at once, at any hour, and spends little."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchange:
    """What a prospect says, what a model makes of it and answers, and how many minutes pass until the next one."""

    said: str
    answer: str = ""
    claims: tuple[Claim, ...] = ()
    understood: Mapping[str, Any] = field(default_factory=dict)
    confidence: float = 0.93
    then_min: float = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Talk:
    """A conversation; the last was said `ago_min` minutes ago."""

    name: str
    address: str
    channel: Channel = "whatsapp"
    subject: str | None = None
    exchanges: tuple[Exchange, ...]
    ago_min: float


LUCIA = Talk(
    name="Lucía Herrera",
    address="+34612408377",
    ago_min=11,
    exchanges=(
        Exchange(
            said="¡Hola! He visto que tenéis un intensivo de inglés. ¿Cuánto cuesta?",
            answer="¡Hola, Lucía! Soy Luma, la asistente virtual (IA) de Lumen Idiomas. El curso intensivo cuesta "
            "{price:EN-INT}: son 12 semanas online en directo, de lunes a jueves de 19:00 a 20:30. ¿Qué nivel tienes?",
            claims=(
                Claim(text="12 semanas online en directo", source="item:EN-INT"),
                Claim(text="de lunes a jueves de 19:00 a 20:30", source="fact:intensive-schedule"),
            ),
            understood={"intent": "pricing", "stage": "exploring"},
            then_min=6,
        ),
        Exchange(
            said="Un B1 más o menos. ¿Se puede pagar a plazos?",
            answer="Sí, hasta en seis plazos sin intereses: {instalments:EN-INT:6}. El próximo curso empieza el 18 de "
            "enero de 2027. ¿Te cuento cómo es la prueba de nivel?",
            claims=(
                Claim(text="hasta en seis plazos sin intereses", source="item:EN-INT"),
                Claim(text="empieza el 18 de enero de 2027", source="fact:intensive-start"),
            ),
            understood={"intent": "payment", "stage": "comparing"},
            then_min=9,
        ),
        Exchange(
            said="Vale, me interesa mucho. Si lo pago entero esta semana, ¿me hacéis un 20 %?",
            answer="¡Claro que sí! Si pagas el curso completo esta semana te hacemos un 20 % y la matrícula te sale "
            "gratis. Te garantizamos que apruebas el B2. ¿Te envío el enlace de pago?",
            claims=(Claim(text="la matrícula te sale gratis", source="item:FEE"),),
            understood={"intent": "pricing", "stage": "deciding", "sentiment": "positive"},
            confidence=0.71,
        ),
    ),
)
TALKS: Sequence[Talk] = (
    Talk(
        name="Grace Whitfield",
        address="grace.whitfield@fernhill.example",
        channel="email",
        subject="DELE B2 in March",
        ago_min=47,
        exchanges=(
            Exchange(
                said="Hello, I work shifts and can only make every other Friday. Would you move the DELE B2 group to "
                "Thursdays for me? I could enrol today.",
                answer="Hello Grace, of course: we can move the DELE B2 group to Thursdays for you. Shall I enrol you?",
                understood={"intent": "scheduling", "stage": "deciding"},
                confidence=0.41,
            ),
        ),
    ),
    Talk(
        name="João Batista",
        address="+5511986420175",
        ago_min=52,
        exchanges=(
            Exchange(
                said="Paguei na sexta e até agora ninguém mandou o link das aulas. Já é a terceira mensagem!",
                understood={"intent": "complaint", "sentiment": "negative", "needs_human": True},
            ),
        ),
    ),
    Talk(
        name="Beatriz Nogueira",
        address="+351912764308",
        ago_min=24,
        exchanges=(
            Exchange(
                said="Bom dia! Somos uma clínica e queríamos inglês para 12 pessoas, às terças. Que preço nos fazem?",
                understood={
                    "intent": "negotiation",
                    "stage": "deciding",
                    "entities": {"quantity": "12 pessoas"},
                    "needs_human": True,
                },
            ),
        ),
    ),
    Talk(
        name="Carlos Mendoza",
        address="+525531187204",
        ago_min=8,
        exchanges=(
            Exchange(
                said="Prefiero hablar con una persona, ¿me pueden llamar por la tarde?",
                understood={"intent": "human_request", "needs_human": True},
            ),
        ),
    ),
    Talk(
        name="Emily Carter",
        address="+12029183346",
        channel="sms",
        ago_min=3,
        exchanges=(
            Exchange(
                said="Hi, my son is 9 and shy. Is the kids' course right for him? How big are the groups?",
                answer="I am Luma, the virtual assistant (AI) of Lumen Idiomas. It is for ages 7 to 12 and groups "
                "have 8 students at most. We will look after him personally.",
                claims=(Claim(text="groups have 8 students at most", source="fact:group-size"),),
                understood={"intent": "product_question", "stage": "exploring"},
                confidence=0.48,
            ),
        ),
    ),
    Talk(
        name="Thiago Ramos",
        address="+5521997035518",
        ago_min=23 * 60 + 22,
        exchanges=(
            Exchange(
                said="Vocês dão certificado de proficiência? Preciso dele para o visto.",
                answer="Sou a Luma, a assistente virtual (IA) da Lumen Idiomas. Sim, o nosso certificado é oficial e "
                "serve para o visto.",
                understood={"intent": "product_question", "stage": "comparing"},
                confidence=0.66,
            ),
        ),
    ),
)


class SchoolTranslator:
    """Knows what Lucía's last words and the answer to them are in English."""

    async def translate(
        self, texts: Sequence[str], language: str, tenant: Tenant, *, tier: ModelTier = "fast"
    ) -> Translated:
        """Return what is known; other texts as they are."""
        return Translated(texts=tuple(IN_ENGLISH.get(text, text) for text in texts), model="claude-haiku-5-5")


IN_ENGLISH: Mapping[str, str] = {
    LUCIA.exchanges[-1].said: "OK, I'm very interested. If I pay for all of it this week, will you give me 20 % off?",
    LUCIA.exchanges[-1].answer: "Of course! If you pay for the whole course this week, we will give you 20 % off and "
    "the enrolment is free. We guarantee that you will pass B2. Shall I send you the payment link?",
}
WORKERS = (
    """insert into jobs.procrastinate_workers (last_heartbeat)
       select now() + interval '9 min' from generate_series(1, 6)""",
    """insert into model_health (worker, provider, model, state, since, error, updated_at)
       select worker, 'anthropic', model, 'closed', now() - interval '6 days', '', now() + interval '10 min'
       from unnest(array['worker-1', 'worker-2']) worker,
            unnest(array['claude-haiku-5-5', 'claude-sonnet-5-5', 'claude-opus-5-5']) model""",
)
"""Two workers, alive for as long as the pictures take."""


async def fill_school(site: InboxSite, admin_url: str) -> dict[str, Member]:
    """Have a month and a morning go by; return who works there."""
    agent = site.agent
    agent.deps = replace(agent.deps, retriever=TenantRetriever(load_encoder()))
    text = LUMEN.read_text(encoding="utf-8")
    for ours, theirs in CHANGED.items():
        text = text.replace(ours, theirs)
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        await save_tenant_file(tx, parse_tenant_file(text))
    staff = {name: await _hire(site, name, role) for name, role in STAFF.items()}
    async with await psycopg.AsyncConnection.connect(admin_url, autocommit=True) as admin:
        await admin.execute("set session_replication_role = replica")  # as history came to be long ago
        for statement in MONTH.read_text(encoding="utf-8").split(";\n"):
            await admin.execute(statement.encode(), {"tenant": agent.tenant_id, "member": staff["Ana Ruiz"].id})
        for statement in WORKERS:
            await admin.execute(statement.encode())
        talks = {talk.name: await _talk(site, admin, talk) for talk in (LUCIA, *TALKS)}
    await _work(site, staff, talks)
    site.clock.now = datetime.now(UTC)
    await keep_tenant_figures(agent.tenant_id, agent.deps)
    return staff


async def _hire(site: InboxSite, name: str, role: Role) -> Member:
    member_id = await site.hire(name, role)
    async with site.agent.deps.db.tenant(site.agent.tenant_id) as tx:
        member = await find_member(tx, MemberId(member_id))
    if member is None:
        raise LookupError(f"{name} may not sign in")
    return member


async def _talk(site: InboxSite, admin: "psycopg.AsyncConnection[Any]", talk: Talk) -> ConversationId:
    """Hold a conversation with the agent, each exchange moved back in time before the next."""
    models = site.agent.models
    for exchange in talk.exchanges:
        site.clock.now = datetime.now(UTC)
        understood = {"source": "claude", "model": "claude-haiku-5-5", "confidence": 0.96, **exchange.understood}
        models.classification = make_classification(**understood)
        models.texts = (exchange.answer or "¡Hola!",)
        models.drafted.clear()
        models.draft_fields = {
            "model": "claude-sonnet-5-5",
            "claims": exchange.claims,
            "confidence": exchange.confidence,
        }
        conversation_id = await site.agent.hear(
            exchange.said,
            sender=talk.address,
            sender_name=talk.name,
            channel=talk.channel,
            recipient=RECIPIENTS[talk.channel],
            subject=talk.subject,
        )
        await site.agent.answer(conversation_id)
        await _age(admin, conversation_id, exchange.then_min)
    await _age(admin, conversation_id, talk.ago_min)
    return conversation_id


OF_CONVERSATION: Mapping[str, str] = {
    "conversations": "id = %(id)s",
    "messages": "conversation_id = %(id)s",
    "turns": "conversation_id = %(id)s",
    "escalations": "conversation_id = %(id)s",
    "events": "conversation_id = %(id)s",
    "deliveries": "message_id in (select id from messages where conversation_id = %(id)s)",
    "model_calls": "turn_id in (select id from turns where conversation_id = %(id)s)",
}
"""Whose times are a conversation's."""


async def _age(admin: "psycopg.AsyncConnection[Any]", conversation_id: ConversationId, minutes: float) -> None:
    """Move all that is known of a conversation back in time; what has been sent has been read meanwhile."""
    values = {"id": conversation_id, "by": minutes}
    for table, condition in OF_CONVERSATION.items():
        cursor = await admin.execute(
            "select column_name from information_schema.columns where table_schema = 'public' and table_name = %s "
            "and data_type = 'timestamp with time zone' and is_generated = 'NEVER'",
            (table,),
        )
        moved = ", ".join(f"{name} = {name} - %(by)s * interval '1 min'" for (name,) in await cursor.fetchall())
        await admin.execute(f"update {table} set {moved} where {condition}".encode(), values)
    await admin.execute(
        "update messages set state = 'read' where conversation_id = %(id)s and direction = 'outbound'", values
    )
    await admin.execute(
        """update model_calls set cost_microusd = case task when 'classify' then 830 else 9400 end
           where turn_id in (select id from turns where conversation_id = %(id)s)""",
        values,
    )


async def _work(site: InboxSite, staff: Mapping[str, Member], talks: Mapping[str, ConversationId]) -> None:
    """Have staff begin with it."""
    ana, diego, sofia = staff["Ana Ruiz"], staff["Diego Santos"], staff["Sofía Almeida"]
    async with site.agent.deps.db.tenant(site.agent.tenant_id) as tx:
        await actions.assign(tx, [talks["Beatriz Nogueira"]], diego.id, sofia)
        await actions.assign(tx, [talks[LUCIA.name]], ana.id, ana)
        await actions.label(tx, [talks["Beatriz Nogueira"]], "empresa", sofia)
        await actions.flag(tx, [talks["João Batista"]], sofia, site.agent.deps, is_urgent=True)
        await note_presence(tx, diego, talks["Beatriz Nogueira"], "editing")
