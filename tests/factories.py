"""Core values for unit tests: a tenant, an item, a conversation, messages and turns, with explicit defaults.

Every builder takes keyword overrides named after the fields. Nothing here is random, so a failing test
always shows the same values. The clock of the tests is `NOW`.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from agent.types import (
    CatalogueItem,
    Classification,
    Contact,
    ContactId,
    Conversation,
    ConversationId,
    Discount,
    Draft,
    InboundMessage,
    Instalments,
    MediaId,
    Message,
    MessageId,
    Passage,
    Price,
    Tenant,
    TenantId,
    Turn,
    TurnId,
)

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
"""A Saturday, noon in UTC."""

TENANT_ID = TenantId(UUID("00000000-0000-7000-8000-000000000001"))
CONTACT_ID = ContactId(UUID("00000000-0000-7000-8000-000000000002"))
CONVERSATION_ID = ConversationId(UUID("00000000-0000-7000-8000-000000000003"))
TURN_ID = TurnId(UUID("00000000-0000-7000-8000-000000000004"))


def message_id(number: int) -> MessageId:
    """Return the id that `make_message(seq=number)` gets."""
    return MessageId(UUID(f"00000000-0000-7000-9000-{number:012d}"))


def media_id(number: int) -> MediaId:
    """Return the id of the file `number`."""
    return MediaId(UUID(f"00000000-0000-7000-a000-{number:012d}"))


def make_item(sku: str = "EN-INT", **overrides: Any) -> CatalogueItem:
    """Return a catalogue item: a course at 399 € or 2 390 R$, six interest-free parts, 10 % with EARLY10."""
    item = CatalogueItem(
        sku=sku,
        name={"es": "Inglés intensivo", "pt": "Inglês intensivo", "en": "Intensive English"},
        description={"es": "Curso online de 12 semanas.", "en": "A 12-week online course."},
        aliases=("intensivo",),
        prices=(
            Price(amount_minor=39900, currency="EUR", unit="course"),
            Price(amount_minor=239000, currency="BRL", unit="course"),
        ),
        instalments=Instalments(max=6, interest_free=True),
        discounts=(
            Discount(
                condition={"es": "pago del curso completo", "en": "paying the full course"},
                percent=10,
                code="EARLY10",
            ),
        ),
    )
    return replace(item, **overrides)


def make_passage(id: str = "groups", **overrides: Any) -> Passage:  # noqa: A002 — the field's name
    """Return a published fact about group size."""
    passage = Passage(
        id=id,
        kind="fact",
        text={"es": "Grupos de máximo 8 alumnos.", "en": "Groups of 8 students at most."},
        questions=("¿Cuántos alumnos hay por grupo?", "How many students are in a group?"),
    )
    return replace(passage, **overrides)


def make_tenant(**overrides: Any) -> Tenant:
    """Return a school in Madrid that sells `make_item()` in es, pt and en, may write at any hour."""
    tenant = Tenant(
        id=TENANT_ID,
        slug="escuela",
        name="Escuela Ejemplo",
        country="ES",
        timezone="Europe/Madrid",
        languages=("es", "pt", "en"),
        default_language="es",
        currency="EUR",
        voice="Friendly and brief.",
        disclosure={
            "es": "Soy la asistente virtual (IA) de Escuela Ejemplo.",
            "pt": "Sou a assistente virtual (IA) da Escuela Ejemplo.",
            "en": "I am the virtual assistant (AI) of Escuela Ejemplo.",
        },
        help_text={
            "es": "Escuela Ejemplo. Escribe STOP para no recibir más mensajes.",
            "pt": "Escuela Ejemplo. Escreva STOP para não receber mais mensagens.",
            "en": "Escuela Ejemplo. Reply STOP to receive no more messages.",
        },
        links=("escuela.example",),
        catalogue=(make_item(),),
        passages=(make_passage(),),
    )
    return replace(tenant, **overrides)


def make_contact(**overrides: Any) -> Contact:
    """Return a prospect of whom nothing is known yet."""
    return replace(Contact(id=CONTACT_ID), **overrides)


def make_conversation(**overrides: Any) -> Conversation:
    """Return a simulated WhatsApp conversation with a Spanish number; the last inbound was at `NOW`."""
    conversation = Conversation(
        id=CONVERSATION_ID,
        tenant_id=TENANT_ID,
        contact=make_contact(),
        provider="simulator",
        channel="whatsapp",
        our_address="+34910555012",
        contact_address="+34600000001",
        last_inbound_at=NOW,
    )
    return replace(conversation, **overrides)


def make_message(text: str = "Hola", *, seq: int = 1, **overrides: Any) -> Message:
    """Return an inbound message of the contact; for an outbound one pass `direction` and `author`.

    Message number `seq` was created `seq` seconds after `NOW` less a minute.
    """
    message = Message(
        id=message_id(seq),
        seq=seq,
        direction="inbound",
        author="contact",
        text=text,
        created_at=NOW - timedelta(seconds=60 - seq),
        provider_id=f"SM{seq:032d}",
    )
    return replace(message, **overrides)


def make_turn(text: str | tuple[str, ...] = "Hola", **overrides: Any) -> Turn:
    """Return a turn about one inbound text, or a burst of several; `history` is empty.

    Messages of the burst are numbered after those of `history`.
    """
    texts = (text,) if isinstance(text, str) else text
    history = tuple(overrides.pop("history", ()))
    first = history[-1].seq + 1 if history else 1
    turn = Turn(
        id=TURN_ID,
        tenant=make_tenant(),
        conversation=make_conversation(),
        inbound=tuple(make_message(each, seq=first + index) for index, each in enumerate(texts)),
        history=history,
        attempt=1,
        trace_id="0123456789abcdef0123456789abcdef",
    )
    return replace(turn, **overrides)


def make_inbound(text: str = "Hola", **overrides: Any) -> InboundMessage:
    """Return a WhatsApp message as a provider's parser yields it."""
    inbound = InboundMessage(
        provider="simulator",
        channel="whatsapp",
        provider_id="SM00000000000000000000000000000001",
        sender="+34600000001",
        recipient="+34910555012",
        text=text,
    )
    return replace(inbound, **overrides)


def make_classification(**overrides: Any) -> Classification:
    """Return a confident local classification: a Spanish question about prices."""
    classification = Classification(intent="pricing", language="es", confidence=0.9, needs_human=False, source="local")
    return replace(classification, **overrides)


def make_draft(text: str = "El curso cuesta {price:EN-INT}.", **overrides: Any) -> Draft:
    """Return a confident Spanish draft of the local engine."""
    draft = Draft(text=text, language="es", confidence=0.9, needs_human=False, source="local")
    return replace(draft, **overrides)
