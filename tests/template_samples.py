"""Templates as a school would have them, and the tenant's use of each."""

from dataclasses import replace
from typing import Any

from agent.templates.filling import Filling
from agent.templates.types import Template, TemplateUse, TemplateVariable
from agent.types import Tenant
from tests.factories import NOW, make_contact, make_item, make_tenant

REOPEN = "Hola, {{1}}. Nos escribiste hace unos días a {{2}} y queremos responderte. ¿Seguimos por aquí?"
PRICE = "Hola, {{1}}. {{4}} El precio de {{2}} es de {{3}} por el curso completo. ¿Quieres que te contemos más?"


def sid(number: int) -> str:
    """Return the sid of template number `number`."""
    return f"HX{number:032x}"


def make_template(body: str = REOPEN, *, number: int = 1, **overrides: Any) -> Template:
    """Return an approved Spanish utility template with one text."""
    template = Template(
        sid=sid(number),
        name="school_reopen",
        language="es",
        category="utility",
        types={"twilio/text": {"body": body}},
        variables={"1": "Ana", "2": "Escuela"},
        approval="approved",
        approved_type="twilio/text",
        synced_at=NOW,
    )
    return replace(template, **overrides)


def sources(**named: str) -> dict[str, TemplateVariable]:
    """Return variables from `_1="contact.first_name"`; `source|fallback` gives a fallback."""
    parts = {name.removeprefix("_"): source.partition("|") for name, source in named.items()}
    return {
        name: TemplateVariable(source=source, otherwise=otherwise) for name, (source, _, otherwise) in parts.items()
    }


def make_use(**overrides: Any) -> TemplateUse:
    """Return the use of `make_template()`: to resume a conversation in Spanish."""
    use = TemplateUse(
        purpose="reopen",
        language="es",
        name="school_reopen",
        variables=sources(_1="contact.first_name|¿qué tal?", _2="tenant.name"),
    )
    return replace(use, **overrides)


PRICE_TEMPLATE = make_template(PRICE, number=2, name="school_price")
PRICE_USE = make_use(
    name="school_price",
    purpose="price_answer",
    variables=sources(_1="contact.first_name|amiga o amigo", _2="item.name", _3="item.price", _4="tenant.disclosure"),
)


def make_filling(tenant: Tenant | None = None, **overrides: Any) -> Filling:
    """Return what is known of Ana in Spain, who asked about the intensive course."""
    filling = Filling(
        tenant=tenant or make_tenant(),
        contact=make_contact(name="Ana Ruiz"),
        address="+34600000001",
        today=NOW.date(),
        item=make_item(),
    )
    return replace(filling, **overrides)
