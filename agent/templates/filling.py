"""Filling a template: a value for every place, from the contact, the tenant and the catalogue, and its preview.

Prices are rendered by code as in any other text (promise P5). What is left out the provider would fill with the sample
that the template was approved with, so nothing is ever left out: a template without a value for each place is refused.
Sources: Twilio, "Using Variables with Content Templates", errors 21656, 63013 and 63021.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from agent.errors import NightshiftError
from agent.media.attachments import without_files
from agent.prices import PriceReferenceError, choose_currency, find_references, local_date, render
from agent.templates.types import FilledTemplate, Template, TemplateUse, TemplateVariable
from agent.types import CatalogueItem, Contact, Draft, Tenant, Turn

SOURCES = (
    "contact.first_name",
    "contact.name",
    "tenant.name",
    "tenant.disclosure",
    "item.name",
    "item.price",
    "given",
)
"""Where a value may come from, besides a price reference such as `{price:EN-INT}`. `item` is the one that the
conversation is about; `tenant.disclosure` says that an assistant writes, which the first message to anybody must;
`given` is what the person who sends it types in."""
MAX_VALUE_UNITS = 250
"""Twilio takes 1600 UTF-16 units but advises against more than this."""
MAX_BODY_UNITS = 1024
"""WhatsApp's limit for the text of a template (error 63021)."""
MAX_NAME_CHARS = 40
OPENERS = (
    "whatsapp/card",
    "twilio/card",
    "twilio/quick-reply",
    "twilio/call-to-action",
    "twilio/media",
    "twilio/text",
)
"""Types that may open a conversation and whose text we know how to show, richest first, as WhatsApp picks them."""
TEXT_KEYS = ("header_text", "title", "subtitle", "body", "footer")

_PLACE = re.compile(r"\{\{\s*([A-Za-z0-9_]{1,16})\s*\}\}")
_NAME_WORD = re.compile(r"[^\W\d_]+(?:['’.-][^\W\d_]+)*[.]?")


class TemplateError(NightshiftError):
    """A person acts: a template cannot be filled. `template` is its name, `reason` says what is missing."""

    def __init__(self, template: str, reason: str) -> None:
        super().__init__(f"The template {template} cannot be used: {reason}.")
        self.template = template
        self.reason = reason


@dataclass(frozen=True, kw_only=True, slots=True)
class Filling:
    """What a template is filled from."""

    tenant: Tenant
    contact: Contact
    address: str
    """The contact's, which decides the currency."""
    today: date
    """In the tenant's time zone."""
    item: CatalogueItem | None = None
    """What the conversation is about, where that is clear."""
    given: Mapping[str, str] = field(default_factory=dict)
    """Values that a person has typed in, by place."""

    @classmethod
    def of_turn(cls, turn: Turn, item: CatalogueItem | None, now: datetime) -> "Filling":
        """Return what is known of a turn's contact."""
        return cls(
            tenant=turn.tenant,
            contact=turn.conversation.contact,
            address=turn.conversation.contact_address,
            today=local_date(turn.tenant, now),
            item=item,
        )


# --- what a template holds ------------------------------------------------------------------------------------


def shown_type(template: Template) -> str:
    """Return the content type that WhatsApp shows; empty if it is none that may open a conversation."""
    if template.approved_type:
        return template.approved_type if template.approved_type in {*OPENERS} & template.types.keys() else ""
    return next((kind for kind in OPENERS if kind in template.types), "")


def places(template: Template) -> tuple[str, ...]:
    """Return the names of all places to fill, in order, wherever in the content they stand."""
    content = template.types.get(shown_type(template), {})
    found = (match[1] for text in _strings(content) for match in _PLACE.finditer(text))
    return tuple(dict.fromkeys(found))


def preview(template: Template, values: Mapping[str, str]) -> str:
    """Return what the contact reads, with `values` in its places; a place without one stays as it is."""

    def fill_in(text: str) -> str:
        return _PLACE.sub(lambda match: values.get(match[1], match[0]), text)

    return "\n".join(fill_in(line) for line in _lines(template.types.get(shown_type(template), {})))


def _lines(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield the texts of a content as they stand under each other, buttons last."""
    yield from (text for key in TEXT_KEYS if (text := content.get(key)) and isinstance(text, str))
    actions = content.get("actions")
    for action in actions if isinstance(actions, list) else ():
        if isinstance(action, Mapping):
            shown = (action.get("title"), action.get("url"), action.get("phone"))
            yield " ".join(text for text in shown if isinstance(text, str) and text)


def _strings(content: Any) -> Iterator[str]:
    match content:
        case str():
            yield content
        case Mapping():
            ordered = [content[key] for key in TEXT_KEYS if key in content]
            for inner in (*ordered, *(each for key, each in content.items() if key not in TEXT_KEYS)):
                yield from _strings(inner)
        case list() | tuple():
            for inner in content:
                yield from _strings(inner)


def problems_of(use: TemplateUse, template: Template | None) -> tuple[str, ...]:
    """Return why a template may not be used as the tenant file says, whoever it would go to; empty: it may."""
    if template is None:
        return ("the provider's account has no such template",)
    return tuple(_problems(use, template))


def _problems(use: TemplateUse, template: Template) -> Iterator[str]:
    if template.approval != "approved":
        why = f": {template.rejection_reason}" if template.rejection_reason else ""
        yield f"WhatsApp has not approved it ({template.approval}{why})"
    if template.category == "authentication":
        yield "it is for one-time codes only"
    if template.language.replace("-", "_").split("_")[0].lower() != use.language:
        yield f"it is in {template.language}, the tenant file says {use.language}"
    if not shown_type(template):
        kinds = ", ".join(sorted(template.types)) or "nothing"
        yield f"its content ({template.approved_type or kinds}) cannot open a conversation"
    if unmapped := [place for place in places(template) if place not in use.variables]:
        yield f"the tenant file has no value for {', '.join(f'{{{{{place}}}}}' for place in unmapped)}"


# --- filling --------------------------------------------------------------------------------------------------


def fill(template: Template, use: TemplateUse, filling: Filling) -> FilledTemplate:
    """Return the template with a clean value for each of its places.

    Raises:
        TemplateError: a place has no value or too long a one, or the text as a whole is too long.
    """
    values = {place: _value(place, use, filling) for place in places(template)}
    units = _units(preview(template, values))
    if not units:
        raise TemplateError(use.label, "it has no text that we could check")
    if units > MAX_BODY_UNITS:
        raise TemplateError(use.label, f"filled in it has {units} characters, and WhatsApp takes {MAX_BODY_UNITS}")
    return FilledTemplate(
        sid=template.sid,
        name=template.name,
        language=use.language,
        category=template.category,
        purpose=use.purpose,
        variables=values,
    )


def clean(value: str) -> str:
    """Return a value on one line as WhatsApp demands: no line breaks, tabs, runs of spaces, control characters.

    Braces go, too, so that no value can look like a place.
    """
    kept = (_as_allowed(character) for character in unicodedata.normalize("NFC", value))
    return " ".join("".join(kept).split())


def _as_allowed(character: str) -> str:
    category = unicodedata.category(character)
    if character in "{}" or category in {"Cf", "Cs", "Co", "Cn"}:
        return ""
    return " " if category[0] == "Z" or category == "Cc" else character


def _value(place: str, use: TemplateUse, filling: Filling) -> str:
    variable = use.variables.get(place)
    if variable is None:
        raise TemplateError(use.label, f"the tenant file has no value for {{{{{place}}}}}")
    value = clean(_sourced(place, variable, use, filling)) or clean(variable.otherwise)
    if not value:
        raise TemplateError(use.label, f"there is no {variable.source} for {{{{{place}}}}}")
    if (units := _units(value)) > MAX_VALUE_UNITS:
        raise TemplateError(use.label, f"{{{{{place}}}}} would have {units} characters; {MAX_VALUE_UNITS} are allowed")
    return value


def _sourced(place: str, variable: TemplateVariable, use: TemplateUse, filling: Filling) -> str:
    """Return what a source holds; empty if nothing."""
    item, tenant, name = filling.item, filling.tenant, person_name(filling.contact.name or "")
    known = {
        "contact.first_name": name.partition(" ")[0],
        "contact.name": name,
        "tenant.name": tenant.name,
        "tenant.disclosure": tenant.disclosure.get(use.language, ""),
        "item.name": item.name.get(use.language, item.name[tenant.default_language]) if item else "",
        "given": filling.given.get(place, ""),
    }
    if variable.source in known:
        return known[variable.source]
    if variable.source == "item.price":
        return _price(f"{{price:{item.sku}}}", use, filling) if item else ""
    return _price(variable.source, use, filling)


def _price(reference: str, use: TemplateUse, filling: Filling) -> str:
    """Render a price reference as it is rendered in drafts."""
    try:
        return render(
            reference,
            filling.tenant,
            language=use.language,
            currency=choose_currency(filling.tenant, filling.address),
            today=filling.today,
        )
    except PriceReferenceError as exc:
        raise TemplateError(use.label, exc.reason.rstrip(".")) from exc


def person_name(name: str) -> str:
    """Return a name as a greeting may use it; empty if it is none.

    People choose the name their phone shows: only words of letters are taken, no links, numbers or sentences.
    """
    words = clean(name).split()
    if not 1 <= len(words) <= 5 or len(" ".join(words)) > MAX_NAME_CHARS:
        return ""
    return " ".join(words) if all(_NAME_WORD.fullmatch(word) for word in words) else ""


def subject_of(draft: Draft | None, tenant: Tenant) -> CatalogueItem | None:
    """Return the item that a draft is about: the only one it prices or, without prices, takes its claims from."""
    if draft is None:
        return None
    priced = {reference.sku for reference in _references(draft.text)}
    claimed = {claim.source.removeprefix("item:") for claim in draft.claims if claim.source.startswith("item:")}
    skus = priced or claimed
    return next((item for item in tenant.catalogue if skus == {item.sku}), None)


def names_prices(draft: Draft | None) -> bool:
    """Say whether a draft quotes any price."""
    return draft is not None and bool(_references(draft.text))


def _references(text: str) -> tuple[Any, ...]:
    try:
        return find_references(without_files(text))
    except PriceReferenceError:
        return ()


def _units(text: str) -> int:
    """Count UTF-16 units, as the provider does."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
