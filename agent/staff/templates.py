"""Templates that staff choose themselves: when a reply window has closed, only these may leave.

A template is filled by code and bound by all rules, whoever sends it (P4, P5); like every text of staff it is sent for
the thread as its writer saw it, and can be taken back for a few seconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from agent.gather import load_answered_turn
from agent.guardrails import check_all
from agent.ports import StaffDeps
from agent.staff.members import Member
from agent.staff.sending import Checked, Moved, NotReadable, Objected, Outcome, StaffText, commit, lock_as_seen
from agent.store import templates
from agent.templates.closed_window import RULES, as_candidate, why_template_may_not_leave
from agent.templates.filling import Filling, TemplateError, fill, places, preview, problems_of
from agent.templates.reopening import find_template
from agent.templates.types import FilledTemplate, Template, TemplateUse
from agent.types import ConversationId, Turn


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateChoice:
    """A template that could be sent, or why it cannot."""

    sid: str
    label: str
    language: str
    text: str
    """What they would read; … where a value is missing."""
    asked: tuple[str, ...]
    """Places whose values the sender types in."""
    problem: str
    """Empty: it can be sent, once `asked` is filled."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StaffTemplate:
    """A template that a member wants to send."""

    conversation_id: ConversationId
    sid: str
    seen_seq: int
    given: Mapping[str, str] = field(default_factory=dict)
    """Values typed in, by place."""
    sku: str = ""
    """The item it is about; empty: none."""


def list_choices(
    turn: Turn, known: Sequence[Template], sku: str, given: Mapping[str, str], deps: StaffDeps
) -> Sequence[TemplateChoice]:
    """Return the templates that the tenant's file lists, those in the conversation's language first."""
    filling = _filling(turn, sku, given, deps)
    choices = [_choice(use, find_template(use, known), filling) for use in turn.tenant.templates]
    spoken = turn.conversation.language or turn.tenant.default_language
    return sorted(choices, key=lambda each: (each.language != spoken, bool(each.problem)))


async def send_template(wanted: StaffTemplate, member: Member, deps: StaffDeps) -> Outcome:
    """Send a template in a member's name, unless the thread has moved or a rule objects.

    Raises:
        LookupError: this tenant has no such conversation, or the agent has not read it yet.
    """
    async with deps.db.member(member.tenant_id, member.id) as tx:
        turn_id = await lock_as_seen(tx, wanted.conversation_id, wanted.seen_seq)
        if isinstance(turn_id, Moved):
            return turn_id
        turn = await load_answered_turn(tx, turn_id, deps, is_waiting=True, up_to_now=True)
        known = await templates.list_templates(tx)
        filled = _fill(wanted, turn, known, deps)
        if isinstance(filled, NotReadable):
            return filled
        if await templates.has_unanswered_template(tx, wanted.conversation_id):
            return NotReadable(problem="A template has already gone out since they wrote last; they have to answer it.")
        text = preview(next(each for each in known if each.sid == filled.sid), filled.variables)
        candidate = as_candidate(text, filled, turn.conversation.channel)
        if why := await why_template_may_not_leave(tx, candidate):
            return NotReadable(problem=why)
        verdicts = check_all(RULES, candidate, turn, turn.tenant, deps.now())
        stopping = tuple(each for each in verdicts if each.outcome not in ("pass", "delay"))
        if stopping:
            return Objected(binding=stopping, warnings=(), text=text)
        checked = Checked(turn=turn, candidate=replace(candidate, author="staff"), verdicts=verdicts)
        text_wanted = StaffText(conversation_id=wanted.conversation_id, text=text, seen_seq=wanted.seen_seq)
        return await commit(tx, text_wanted, checked, member, deps)


def _fill(
    wanted: StaffTemplate, turn: Turn, known: Sequence[Template], deps: StaffDeps
) -> FilledTemplate | NotReadable:
    for use in turn.tenant.templates:
        template = find_template(use, known)
        if template is None or template.sid != wanted.sid:
            continue
        if problems := problems_of(use, template):
            return NotReadable(problem=f"{use.label}: {'; '.join(problems)}.")
        try:
            return fill(template, use, _filling(turn, wanted.sku, wanted.given, deps))
        except TemplateError as exc:
            return NotReadable(problem=str(exc))
    return NotReadable(problem="There is no such template any more. Choose another.")


def _filling(turn: Turn, sku: str, given: Mapping[str, str], deps: StaffDeps) -> Filling:
    item = next((each for each in turn.tenant.catalogue if each.sku == sku), None)
    return replace(Filling.of_turn(turn, item, deps.now()), given=given)


def _choice(use: TemplateUse, template: Template | None, filling: Filling) -> TemplateChoice:
    asked = tuple(place for place, variable in use.variables.items() if variable.source == "given")
    choice = TemplateChoice(
        sid=template.sid if template else "", label=use.label, language=use.language, text="", asked=asked, problem=""
    )
    problems = problems_of(use, template)
    if template is None or problems:
        return replace(choice, problem="; ".join(problems))
    given = {**dict.fromkeys(asked, "…"), **filling.given}
    try:
        return replace(choice, text=preview(template, fill(template, use, replace(filling, given=given)).variables))
    except TemplateError as exc:
        return replace(choice, text=preview(template, dict.fromkeys(places(template), "…")), problem=exc.reason)
