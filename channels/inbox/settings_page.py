"""A tenant's settings: sending hours, how the agent behaves, what it says of the business. For managers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

from starlette.responses import Response

from agent.spending.budgets import SCOPES
from agent.tenant.file import TenantFile, to_document
from agent.tenant.parts import read_part
from agent.tenant.publishing import Overtaken
from agent.types import CONTENT_RULES, Intent
from channels.inbox import hours_form
from channels.inbox.fields import nest, shaped
from channels.inbox.navigation import N_
from channels.inbox.part_forms import CONTROLS, PartForm, after, load_file, save_part, show_part
from channels.inbox.visit import Visit

SECTIONS = (
    ("/inbox/settings", N_("Sending hours")),
    ("/inbox/settings/behaviour", N_("Behaviour")),
    ("/inbox/settings/trust", N_("Trust")),
    ("/inbox/settings/business", N_("Business")),
    ("/inbox/settings/canned", N_("Canned replies")),
    ("/inbox/settings/members", N_("Members")),
    ("/inbox/settings/audit", N_("Audit log")),
    ("/inbox/changes", N_("History")),
)
"""Where settings are, and what to call it."""
INTENTS = {
    "opt_out": N_("No more messages"),
    "complaint": N_("Complaint"),
    "human_request": N_("Wants a person"),
    "ready_to_buy": N_("Ready to buy"),
    "negotiation": N_("Negotiation"),
    "payment": N_("Payment"),
    "scheduling": N_("Appointments"),
    "support": N_("Support"),
    "objection": N_("Objection"),
    "not_interested": N_("Not interested"),
    "pricing": N_("Prices"),
    "product_question": N_("About what is sold"),
    "acknowledgement": N_("Thanks, all right"),
    "greeting": N_("Greeting"),
    "off_topic": N_("Something else"),
}
RULES = {
    "pricing": N_("Prices"),
    "promises": N_("Promises"),
    "grounding": N_("Claims without a source"),
    "pii": N_("Personal data"),
    "leakage": N_("Internals"),
    "links": N_("Links"),
    "language": N_("Language"),
    "tone": N_("Tone"),
    "disclosure": N_("Says it is automated"),
    "format": N_("Fits the channel"),
}
BUDGETS = {
    "message": N_("One reply"),
    "contact_day": N_("One contact a day"),
    "tenant_day": N_("All a day"),
    "tenant_month": N_("All a month"),
}
BUSINESS = {
    **dict.fromkeys(("name", "country", "timezone", "currency", "default_language", "voice"), str),
    **dict.fromkeys(("languages", "links", "forbidden"), list),
    **dict.fromkeys(("disclosure", "help", "holding", "mail_signature"), dict),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class SettingsView:
    """A form of the settings."""

    form: PartForm
    days: tuple[hours_form.Day, ...] = ()
    languages: tuple[str, ...] = ()
    """In which texts are written, also those just typed."""


async def show_hours(visit: Visit) -> Response:
    """Show when messages may leave."""
    file = await load_file(visit)
    return _hours_page(visit, _shown(visit, file, "hours"), hours_form.week_of(to_document(file)["hours"]))


async def save_hours(visit: Visit) -> Response:
    """Save when messages may leave, or show Monday's times for the other working days too."""
    week = hours_form.typed_week(nest(visit.form, without=CONTROLS))
    typed = {"hours": hours_form.hours_of(week)}
    if visit.field("action") == "copy":
        form = PartForm(part="hours", value=typed, seen=visit.field("seen", longest=64))
        return _hours_page(visit, form, hours_form.like_monday(week))
    outcome = await save_part(visit, "hours", typed)
    form_again = after(outcome, visit, "hours", typed)
    if form_again is None:
        return visit.go("/inbox/settings?saved=1")
    form_again = replace(form_again, errors=hours_form.place_errors(week, form_again.errors))
    return _hours_page(visit, form_again, week, status=_status(outcome))


def _hours_page(visit: Visit, form: PartForm, week: Mapping[str, Any], *, status: int = 200) -> Response:
    view = SettingsView(form=form, days=tuple(hours_form.show_week(week, visit.reader.language)))
    return visit.page("settings_hours.html", view=view, sections=SECTIONS, status=status)


async def show_behaviour(visit: Visit) -> Response:
    """Show how the agent behaves."""
    return _behaviour_page(visit, _shown(visit, await load_file(visit), "settings"))


async def save_behaviour(visit: Visit) -> Response:
    """Save how the agent behaves."""
    current = read_part(to_document(await load_file(visit)), "settings")["settings"]
    typed = {"settings": behaviour_of(nest(visit.form, without=CONTROLS), current)}
    outcome = await save_part(visit, "settings", typed)
    form_again = after(outcome, visit, "settings", typed)
    if form_again is None:
        return visit.go("/inbox/settings/behaviour?saved=1")
    return _behaviour_page(visit, form_again, status=_status(outcome))


def behaviour_of(nested: Mapping[str, Any], current: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as a tenant file has them. What the form does not show stays as it is; no budget is no limit."""
    typed = shaped(nested, {"settings": dict})["settings"]
    groups = shaped(typed, {"human_intents": list, "strictness": dict, "budgets": dict})
    budgets = {scope: groups["budgets"].get(scope) for scope in SCOPES}
    return {**typed, **groups, "budgets": budgets, "tiers": current["tiers"]}


def _behaviour_page(visit: Visit, form: PartForm, *, status: int = 200) -> Response:
    return visit.page(
        "settings_behaviour.html",
        view=SettingsView(form=form),
        sections=SECTIONS,
        intents=[(each, visit.say(INTENTS.get(each, each))) for each in get_args(Intent)],
        rules=[(each, visit.say(RULES.get(each, each))) for each in CONTENT_RULES],
        budgets=[(each, visit.say(BUDGETS[each])) for each in SCOPES],
        status=status,
    )


async def show_business(visit: Visit) -> Response:
    """Show what is said of the business, by language."""
    return _business_page(visit, _shown(visit, await load_file(visit), "business"))


async def save_business(visit: Visit) -> Response:
    """Save what is said of the business."""
    typed = shaped(nest(visit.form, without=CONTROLS), BUSINESS)
    outcome = await save_part(visit, "business", typed)
    form_again = after(outcome, visit, "business", typed)
    if form_again is None:
        return visit.go("/inbox/settings/business?saved=1")
    return _business_page(visit, form_again, status=_status(outcome))


def _business_page(visit: Visit, form: PartForm, *, status: int = 200) -> Response:
    languages = tuple(str(each) for each in form.value["languages"])
    view = SettingsView(form=form, languages=languages)
    return visit.page("settings_business.html", view=view, sections=SECTIONS, status=status)


def _shown(visit: Visit, file: TenantFile, part: str) -> PartForm:
    form = show_part(visit, file, part)
    if form is None:
        raise LookupError(f"a tenant's document has no part {part}")
    return form


def _status(outcome: object) -> int:
    return 409 if isinstance(outcome, Overtaken) else 422
