"""A draft written anew as a member asks: by the model that writes replies, checked like any draft, kept with the wish.

What comes of it takes the draft's place in the request; nothing is sent. A member's instruction changes no rule: prices
are references, and every guardrail reads the result.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from agent.check import dump_verdicts, render_and_check
from agent.errors import NightshiftError
from agent.gather import load_answered_turn
from agent.ports import Drafted, StaffDeps, Wish
from agent.saved_steps import saved_draft
from agent.spending.accounting import occasion_of
from agent.staff.members import Member
from agent.staff.models import ask_for_staff
from agent.store import events, review_cards
from agent.store.review_cards import ReviewRequest
from agent.tracing.traced import attributes_of
from agent.types import Classification, Draft, Turn, Verdict

_CLASSIFICATION = TypeAdapter(Classification)
_DRAFT = TypeAdapter(Draft)
_VERDICTS = TypeAdapter(tuple[Verdict, ...])


class NotRedrafted(NightshiftError):  # noqa: N818 — says what is so
    """The draft stays as it was. The message is one of the constants below: pages translate it."""


NO_MODEL = "Writing a draft anew needs a model, and none is configured. Edit the draft instead."
SETTLED = "Somebody has settled this already, or changed its draft. Reload to see how it stands."
NO_TURN = "The agent has not read this conversation yet, so it cannot write for it."


@dataclass(frozen=True, kw_only=True, slots=True)
class _Task:
    """What is to be written anew."""

    request: ReviewRequest
    turn: Turn
    wish: Wish


async def redraft(
    escalation_id: UUID, instruction: str, member: Member, deps: StaffDeps, *, on_text: Callable[[str], None]
) -> None:
    """Have a request's draft written anew as `instruction` says; `on_text` hears the text as it is written.

    Raises:
        NotRedrafted: there is no model, or the request is settled or has changed meanwhile.
        ModelUnavailable, ModelRefused, Misconfigured: no usable answer. `BudgetReached`: none was asked for.
    """
    if deps.redrafter is None:
        raise NotRedrafted(NO_MODEL)
    task = await _load(escalation_id, instruction, member, deps)
    work = partial(deps.redrafter.redraft, task.turn, task.wish, on_text=on_text)
    drafted = await ask_for_staff(work, occasion_of(task.turn), deps)
    _report(task, drafted, deps)
    await _keep(task, drafted, member, deps)


async def _load(escalation_id: UUID, instruction: str, member: Member, deps: StaffDeps) -> _Task:
    async with deps.db.member(member.tenant_id, member.id) as tx:
        request = await review_cards.find_request(tx, escalation_id)
        if request is None or request.state != "open":
            raise NotRedrafted(SETTLED)
        facts = await review_cards.load_turn_facts(tx, request.turn_id) if request.turn_id else None
        if request.turn_id is None or facts is None:
            raise NotRedrafted(NO_TURN)
        turn = await load_answered_turn(tx, request.turn_id, deps, is_waiting=True, up_to_now=True)
    wish = Wish(
        instruction=instruction,
        previous=last_written(request, facts.steps),
        classification=classification_of(facts.steps, turn),
        objections=[each for each in _VERDICTS.validate_python(request.verdicts) if each.outcome != "pass"],
    )
    return _Task(request=request, turn=turn, wish=wish)


def last_draft(steps: Mapping[str, Any], redraft: Mapping[str, Any] | None = None) -> Draft | None:
    """Return the draft as the model wrote it last, with its references and claims; None: none was written."""
    if redraft:
        return _DRAFT.validate_python(redraft["draft"])
    written = saved_draft(steps)
    return _DRAFT.validate_python(written) if written else None


def last_written(request: ReviewRequest, steps: Mapping[str, Any]) -> str:
    """Return the text of the draft as it stands, with references rather than amounts where it is the model's own."""
    draft = last_draft(steps, request.redraft)
    return draft.text if draft and request.draft else request.draft or ""


def classification_of(steps: Mapping[str, Any], turn: Turn) -> Classification:
    """Return what the turn was found to be about; for one that no model has read, that a person is wanted."""
    if stored := steps.get("classification"):
        return _CLASSIFICATION.validate_python(stored)
    return Classification(
        intent="human_request",
        language=turn.conversation.language or turn.tenant.default_language,
        confidence=1.0,
        needs_human=True,
        source="rule",
    )


async def _keep(task: _Task, drafted: Drafted, member: Member, deps: StaffDeps) -> None:
    """Check the new draft and put it in the old one's place.

    Raises:
        NotRedrafted: somebody was faster; what was written is not kept.
    """
    candidate, verdicts = render_and_check(drafted.draft, task.turn, deps.rules, deps.now(), unknown="hold")
    async with deps.db.member(member.tenant_id, member.id) as tx:
        is_kept = await review_cards.replace_draft(
            tx,
            task.request.id,
            instead_of=task.request.draft,
            draft=candidate.text,
            verdicts=dump_verdicts(verdicts),
            redraft={
                "instruction": task.wish.instruction,
                "member": member.name,
                "draft": _DRAFT.dump_python(drafted.draft, mode="json"),
            },
        )
        if not is_kept:
            raise NotRedrafted(SETTLED)
        await events.insert_event(
            tx,
            member.tenant_id,
            "draft.redrafted",
            actor=member.actor,
            conversation_id=task.request.conversation_id,
            turn_id=task.turn.id,
            data={"model": drafted.draft.model, "objections": [each.rule for each in verdicts if each.reason]},
        )


def _report(task: _Task, drafted: Drafted, deps: StaffDeps) -> None:
    """Show what was written, and what it cost, under the turn's trace."""
    turn = task.turn
    if deps.tracer is None:
        return
    with deps.tracer.continued("redraft", **attributes_of(turn)) as observation:
        observation.update(output=drafted.draft.text, metadata={"model": drafted.draft.model})
        for call in drafted.calls:
            deps.tracer.call(call)
