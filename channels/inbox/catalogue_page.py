"""The catalogue and what we know: seen by all staff, changed by managers, with the checks of a tenant file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, get_args

from starlette.responses import Response

from agent.errors import BadRequest
from agent.price_preview import PreviewLine, preview_prices
from agent.prices import local_date
from agent.tenant.file import TenantFile, check_document, to_document
from agent.tenant.parts import fingerprint, place_problems, write_part
from agent.tenant.publishing import Overtaken
from agent.tenant.schema import currencies_by_country
from agent.types import CatalogueItem, Passage, Tenant, Unit
from channels.inbox.fields import nest, shaped
from channels.inbox.navigation import N_
from channels.inbox.part_forms import CONTROLS, PartForm, after, load_file, save_part, show_part
from channels.inbox.visit import Visit

UNITS = {
    "month": N_("a month"),
    "course": N_("a course"),
    "session": N_("a session"),
    "one_time": N_("once"),
    "seat_month": N_("a seat and month"),
    "item": N_("a piece"),
}
KINDS = {"policies": N_("Policy"), "facts": N_("Fact")}
ITEM = {
    "sku": str,
    "name": dict,
    "description": dict,
    "aliases": list,
    "file": str,
    "prices": list,
    "discounts": list,
    "instalments": dict,
}
"""The fields of an item's form."""
NEW = "new"
"""Stands in addresses for what has no name yet; nothing can be called so."""
MOST_BLANK = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class CatalogueView:
    """What is sold and what is known."""

    items: Sequence[tuple[CatalogueItem, Sequence[PreviewLine]]]
    policies: Sequence[Passage]
    facts: Sequence[Passage]
    language: str
    """In which texts are shown: the reader's if the tenant writes it, else the tenant's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemView:
    """The form of an item."""

    form: PartForm
    is_new: bool
    tenant: Tenant
    preview: Sequence[PreviewLine]
    currencies: Sequence[str]
    blank: int = 1
    """Empty rows for further prices and discounts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PassageView:
    """The form of a policy or a fact."""

    form: PartForm
    kind: str
    is_new: bool
    tenant: Tenant


async def show(visit: Visit) -> Response:
    """Show all that is published."""
    tenant = (await load_file(visit)).tenant
    today = local_date(tenant, visit.deps.now())
    view = CatalogueView(
        items=[(item, preview_prices(item, tenant, today)) for item in tenant.catalogue],
        policies=[each for each in tenant.passages if each.kind == "policy"],
        facts=[each for each in tenant.passages if each.kind == "fact"],
        language=visit.reader.language if visit.reader.language in tenant.languages else tenant.default_language,
    )
    return visit.page("catalogue.html", view=view, saved=visit.query("saved") == "1")


# --- items ----------------------------------------------------------------------------------------------------------


async def show_item(visit: Visit) -> Response:
    """Show an item, for managers as a form."""
    file, sku = await load_file(visit), visit.request.path_params["sku"]
    form = show_part(visit, file, f"catalogue/{sku}", {"sku": ""} if sku == NEW else None)
    if form is None:
        raise BadRequest(visit.say(N_("There is no such item; it may have been removed.")), status=404)
    return _item_page(visit, file, form)


async def save_item(visit: Visit) -> Response:
    """Save an item, remove it, or show its form with another empty row."""
    sku = visit.request.path_params["sku"]
    typed = item_of(nest(visit.form, without=CONTROLS), sku)
    part, action = f"catalogue/{typed['sku']}", visit.field("action")
    if action == "more":
        form = PartForm(part=part, value=typed, seen=visit.field("seen", longest=64))
        return _item_page(visit, await load_file(visit), form)
    if sku == NEW and typed["sku"] in {"", NEW}:
        form = PartForm(part=part, value=typed, seen=fingerprint(None), errors={"sku": visit.say(N_("is required"))})
        return _item_page(visit, await load_file(visit), form, status=422)
    outcome = await save_part(visit, part, None if action == "remove" else typed)
    form_again = after(outcome, visit, part, typed)
    if form_again is None:
        return visit.go(
            "/inbox/catalogue?saved=1" if action == "remove" else f"/inbox/catalogue/items/{typed['sku']}?saved=1"
        )
    return _item_page(visit, await load_file(visit), form_again, status=_status(outcome))


async def preview_item(visit: Visit) -> Response:
    """Show how the prices that are typed would read; nothing is saved."""
    typed = item_of(nest(visit.form, without=CONTROLS), visit.request.path_params["sku"])
    file = await load_file(visit)
    preview, errors = _preview(file, typed, local_date(file.tenant, visit.deps.now()))
    return visit.page("_price_preview.html", preview=preview, errors=errors)


def item_of(nested: Mapping[str, Any], sku: str) -> dict[str, Any]:
    """Return an item as a tenant file would have it, of the fields of its form."""
    item = shaped(nested, ITEM)
    prices = [each for each in item["prices"] if isinstance(each, dict)]
    return {
        **item,
        "sku": item["sku"] if sku == NEW else sku,
        "prices": [each for each in prices if each.keys() - {"currency", "unit"}],
        "discounts": [each for each in item["discounts"] if isinstance(each, dict)],
        "instalments": item["instalments"] if item["instalments"].keys() - {"interest_free"} else None,
        "file": item["file"] or None,
    }


def _preview(file: TenantFile, typed: Mapping[str, Any], today: date) -> tuple[Sequence[PreviewLine], dict[str, str]]:
    part = f"catalogue/{typed['sku']}"
    document = write_part(to_document(file), part, typed)
    checked = check_document(document)
    if not isinstance(checked, TenantFile):
        return (), place_problems(document, part, checked)
    item = next(each for each in checked.tenant.catalogue if each.sku == typed["sku"])
    return preview_prices(item, checked.tenant, today), {}


def _item_page(visit: Visit, file: TenantFile, form: PartForm, *, status: int = 200) -> Response:
    tenant = file.tenant
    in_use = {price.currency for item in tenant.catalogue for price in item.prices}
    blank = visit.field("blank", longest=4)
    preview, _ = _preview(file, form.value, local_date(tenant, visit.deps.now())) if form.value.get("sku") else ((), {})
    view = ItemView(
        form=form,
        is_new=visit.request.path_params["sku"] == NEW,
        tenant=tenant,
        preview=preview,
        currencies=list(dict.fromkeys([tenant.currency, *sorted(in_use), *sorted(_currencies())])),
        blank=min(int(blank) + 1, MOST_BLANK) if blank.isdecimal() and visit.field("action") == "more" else 1,
    )
    return visit.page(
        "catalogue_item.html",
        view=view,
        unit_options=[(unit, visit.say(UNITS[unit])) for unit in get_args(Unit)],
        currency_options=[(each, each) for each in view.currencies],
        status=status,
    )


def _currencies() -> set[str]:
    return {currency for used in currencies_by_country().values() for currency in used}


def _status(outcome: object) -> int:
    return 409 if isinstance(outcome, Overtaken) else 422


# --- policies and facts ---------------------------------------------------------------------------------------------


async def show_passage(visit: Visit) -> Response:
    """Show a policy or a fact, for managers as a form."""
    kind, key = _passage_of(visit)
    file = await load_file(visit)
    form = show_part(visit, file, f"{kind}/{key}", {} if key == NEW else None)
    if form is None:
        raise BadRequest(visit.say(N_("There is no such text; it may have been removed.")), status=404)
    return _passage_page(visit, file, form)


async def save_passage(visit: Visit) -> Response:
    """Save a policy or a fact, or remove it."""
    kind, key = _passage_of(visit)
    nested = nest(visit.form, without=CONTROLS)
    name = str(nested.get("id", "")) if key == NEW else key
    typed = shaped(nested, {"text": dict, "questions": list})
    if kind == "facts":
        typed["id"] = name
    part = f"{kind}/{name}"
    if name in {"", NEW}:
        form = PartForm(part=part, value=typed, seen=fingerprint(None), errors={"id": visit.say(N_("is required"))})
        return _passage_page(visit, await load_file(visit), form, status=422)
    is_removed = visit.field("action") == "remove"
    outcome = await save_part(visit, part, None if is_removed else typed)
    form_again = after(outcome, visit, part, typed)
    if form_again is None:
        return visit.go("/inbox/catalogue?saved=1" if is_removed else f"/inbox/catalogue/{kind}/{name}?saved=1")
    return _passage_page(visit, await load_file(visit), form_again, status=_status(outcome))


def _passage_of(visit: Visit) -> tuple[str, str]:
    kind, key = visit.request.path_params["kind"], visit.request.path_params["key"]
    if kind not in KINDS:
        raise BadRequest(visit.say(N_("There is no such text; it may have been removed.")), status=404)
    return kind, key


def _passage_page(visit: Visit, file: TenantFile, form: PartForm, *, status: int = 200) -> Response:
    kind, key = _passage_of(visit)
    view = PassageView(form=form, kind=kind, is_new=key == NEW, tenant=file.tenant)
    return visit.page("catalogue_passage.html", view=view, kinds=KINDS, status=status)
