"""What to do about a text that is too late for its reply window: a template, another channel, or a person.

A pure decision with its reasons. Nothing is sent from here.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from agent.guardrails import reply_window
from agent.guardrails.consent import INQUIRY
from agent.prices import country_of
from agent.reply_window import reply_window_of
from agent.templates.filling import Filling, TemplateError, fill, names_prices, preview, problems_of
from agent.templates.types import FilledTemplate, Proposal, Template, TemplatePurpose, TemplateUse
from agent.types import Candidate, Channel, ConversationId, Draft, Verdict

NO_MARKETING = frozenset({"US"})
"""Where WhatsApp delivers no marketing templates (Meta, since 2025-04-01)."""
TRUSTED = frozenset({"proven", "replying"})
"""How proven a sender's address must be before we write to it by ourselves."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Elsewhere:
    """A conversation with the same contact on another of the tenant's channel accounts."""

    conversation_id: ConversationId
    channel: Channel
    last_inbound_at: datetime | None
    trust: str
    """How far the address of their last message was proven."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Closed:
    """A text that may not leave as it is, and all that bears on what to do instead."""

    text: str
    language: str
    wanted: TemplatePurpose
    filling: Filling
    is_suppressed: bool = False
    has_unanswered_template: bool = False
    """A template has gone out, or is about to, since the contact wrote last."""
    elsewhere: tuple[Elsewhere, ...] = ()
    objection: Callable[[str, FilledTemplate], str] = lambda *_: ""
    """What stands against a filled template, such as that it does not say who writes; empty: nothing."""


def is_only_too_late(verdicts: Sequence[Verdict]) -> bool:
    """Say whether nothing but the closed reply window stands against a text (delays aside)."""
    objecting = {verdict.rule for verdict in verdicts if verdict.outcome not in {"pass", "delay"}}
    return objecting == {reply_window.RULE}


def purpose_for(candidate: Candidate, draft: Draft | None) -> TemplatePurpose:
    """Return what kind of template could stand for a text."""
    if candidate.purpose == "follow_up":
        return "follow_up"
    return "price_answer" if names_prices(draft) else "reopen"


def propose(closed: Closed, templates: Sequence[Template], now: datetime) -> Proposal:
    """Return the best way to reach a contact whose reply window has closed.

    In order: an approved template in the contact's language, for the purpose or to resume the conversation, filled
    and priced; a channel on which they have written to us lately; a person.
    """
    if closed.is_suppressed:
        return _ask(closed, "The contact asked us not to write")
    if closed.has_unanswered_template:
        return _ask(closed, "A template has already gone out since the contact wrote last")
    passed_over: list[str] = []
    for use in _candidates(closed):
        found = _try(use, closed, templates)
        if isinstance(found, Proposal):
            return replace(found, passed_over=tuple(passed_over))
        passed_over.append(f"{use.label} ({use.language}): {found}")
    if not closed.filling.tenant.templates:
        passed_over.append("the tenant file lists no templates")
    for place in closed.elsewhere:
        if problem := _unreachable(place, now):
            passed_over.append(f"{place.channel}: {problem}")
            continue
        return Proposal(
            kind="channel",
            reason=f"The reply window has closed; the contact has also written by {place.channel}",
            text=closed.text,
            channel=place.channel,
            conversation_id=place.conversation_id,
            passed_over=tuple(passed_over),
        )
    return _ask(closed, "The reply window has closed, and there is no other way to write", passed_over)


def _ask(closed: Closed, reason: str, passed_over: Sequence[str] = ()) -> Proposal:
    return Proposal(kind="person", reason=reason, text=closed.text, passed_over=tuple(passed_over))


def _candidates(closed: Closed) -> Iterator[TemplateUse]:
    """Yield the tenant's templates for the purpose, then those that resume a conversation, in the file's order."""
    uses = closed.filling.tenant.templates
    for purpose in dict.fromkeys((closed.wanted, "reopen")):
        yield from (use for use in uses if use.purpose == purpose)


def _try(use: TemplateUse, closed: Closed, templates: Sequence[Template]) -> Proposal | str:
    """Fill a template; or say why it will not do."""
    if use.language != closed.language:
        return f"the contact's language is {closed.language}"
    template = find_template(use, templates)
    problems = problems_of(use, template)
    if template is None or problems:
        return "; ".join(problems)
    country = country_of(closed.filling.address)
    if template.category == "marketing" and country in NO_MARKETING:
        return f"WhatsApp delivers no marketing templates to {country}"
    try:
        filled = fill(template, use, closed.filling)
    except TemplateError as exc:
        return exc.reason
    text = preview(template, filled.variables)
    reason = f"The reply window has closed; {use.label} is approved for this ({use.purpose})"
    return closed.objection(text, filled) or Proposal(kind="template", reason=reason, text=text, template=filled)


def find_template(use: TemplateUse, templates: Sequence[Template]) -> Template | None:
    """Return the template that a tenant file means: by its sid, or by name and, among several, language."""
    named = [each for each in templates if (each.sid == use.sid if use.sid else each.name == use.name)]
    right = [each for each in named if each.language.replace("-", "_").split("_")[0].lower() == use.language]
    approved = [each for each in right if each.approval == "approved"]
    return next(iter((*approved, *right, *named)), None)


def why_not_now(filled: FilledTemplate, text: str, templates: Sequence[Template]) -> str:
    """Return why a template that was filled earlier, and then read as `text`, may not be sent; empty: it may."""
    template = next((each for each in templates if each.sid == filled.sid), None)
    if template is None:
        return f"The provider's account no longer has the template {filled.name}, or the tenant file does not list it."
    if template.approval != "approved":
        why = f" ({template.rejection_reason})" if template.rejection_reason else ""
        return f"WhatsApp's word on the template {filled.name} is now: {template.approval}{why}."
    if preview(template, filled.variables) != text:
        return f"The template {filled.name} no longer says what was checked."
    return ""


def _unreachable(place: Elsewhere, now: datetime) -> str:
    """Return why we may not write there; empty: we may."""
    if place.last_inbound_at is None or now - place.last_inbound_at > INQUIRY:
        return f"the contact has not written there within {INQUIRY.days} days, so there is no consent on record"
    if place.trust not in TRUSTED:
        return "it is not proven that the address is theirs"
    window = reply_window_of(place.channel, place.last_inbound_at, now)
    if window is not None and not window.is_open:
        return "its reply window has closed, too"
    return ""
