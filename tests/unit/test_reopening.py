"""What is proposed when a reply window has closed: the right template, another channel, or a person; and why."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from agent.templates.filling import fill, preview
from agent.templates.reopening import (
    Closed,
    Elsewhere,
    find_template,
    is_only_too_late,
    propose,
    purpose_for,
    why_not_now,
)
from agent.templates.types import FilledTemplate, Template, TemplateUse
from agent.types import Candidate, Channel, ConversationId, Outcome, Purpose, Verdict
from tests.factories import NOW, make_draft, make_tenant
from tests.template_samples import PRICE_TEMPLATE, PRICE_USE, make_filling, make_template, make_use, sid, sources

MAIL = ConversationId(UUID("00000000-0000-7000-8000-0000000000e1"))
PT_USE = make_use(language="pt", name="school_reopen_pt")
PT_TEMPLATE = make_template(
    "Olá, {{1}}. Você escreveu para {{2}}. Continuamos?", number=3, name="school_reopen_pt", language="pt_BR"
)
FOLLOW_UP_USE = make_use(purpose="follow_up", name="school_follow_up")
FOLLOW_UP = make_template(number=4, name="school_follow_up", category="marketing")
ALL_USES = (make_use(), PRICE_USE, PT_USE, FOLLOW_UP_USE)
ALL = (make_template(), PRICE_TEMPLATE, PT_TEMPLATE, FOLLOW_UP)


def closed(uses: tuple[TemplateUse, ...] = ALL_USES, **overrides: Any) -> Closed:
    filling = make_filling(make_tenant(templates=uses))
    known = {name: overrides.pop(name) for name in ("address", "item") if name in overrides}
    late = Closed(text="Son 399,00 €.", language="es", wanted="reopen", filling=replace(filling, **known))
    return replace(late, **overrides)


def elsewhere(channel: Channel = "email", *, days: float = 3, trust: str = "proven") -> Elsewhere:
    return Elsewhere(conversation_id=MAIL, channel=channel, last_inbound_at=NOW - timedelta(days=days), trust=trust)


@pytest.mark.parametrize(
    ("late", "name"),
    [
        (closed(), "school_reopen"),
        (closed(wanted="price_answer"), "school_price"),
        (closed(wanted="price_answer", item=None), "school_reopen"),
        (closed(wanted="follow_up"), "school_follow_up"),
        (closed(wanted="follow_up", address="+12025550112"), "school_reopen"),
        (closed(wanted="follow_up", address="US.1349120865530274"), "school_reopen"),
        (closed(wanted="appointment"), "school_reopen"),
        (closed(language="pt"), "school_reopen_pt"),
        (closed(wanted="price_answer", language="pt"), "school_reopen_pt"),
        (closed(elsewhere=(elsewhere(),)), "school_reopen"),
    ],
    ids=[
        "to resume",
        "a price",
        "a price of nothing known",
        "a follow-up",
        "no marketing to a US number",
        "no marketing to a US user without a number",
        "nothing for the purpose",
        "their language",
        "their language before the purpose",
        "a template before another channel",
    ],
)
def test_right_template_is_proposed(late: Closed, name: str) -> None:
    proposal = propose(late, ALL, NOW)
    assert proposal.template is not None
    assert (proposal.kind, proposal.template.name) == ("template", name)
    assert "{{" not in proposal.text


def test_price_template_is_filled_and_priced() -> None:
    proposal = propose(closed(wanted="price_answer"), ALL, NOW)
    assert "Inglés intensivo es de 399,00 €" in proposal.text
    assert proposal.template is not None
    assert proposal.template.variables["3"] == "399,00 €"


@pytest.mark.parametrize(
    ("late", "templates", "passed_over"),
    [
        (closed(()), ALL, "the tenant file lists no templates"),
        (closed(), (), "school_reopen (es): the provider's account has no such template"),
        (closed((make_use(),)), (make_template(approval="paused"),), "school_reopen (es): WhatsApp has not approved"),
        (closed((PT_USE,)), ALL, "school_reopen_pt (pt): the contact's language is es"),
        (closed((make_use(variables=sources(_1="given")),)), ALL, "school_reopen (es): the tenant file has no value"),
        (
            closed((make_use(variables=sources(_1="item.name", _2="tenant.name")),), item=None),
            ALL,
            "school_reopen (es): there is no item.name for {{1}}",
        ),
    ],
    ids=["none listed", "none known", "paused", "wrong language", "a place without a source", "nothing to fill in"],
)
def test_without_a_template_another_channel_is_proposed_or_a_person(
    late: Closed, templates: tuple[Template, ...], passed_over: str
) -> None:
    alone = propose(late, templates, NOW)
    assert (alone.kind, alone.text, alone.template) == ("person", "Son 399,00 €.", None)
    assert any(reason.startswith(passed_over) for reason in alone.passed_over)
    reachable = propose(replace(late, elsewhere=(elsewhere("email"), elsewhere("sms"))), templates, NOW)
    assert (reachable.kind, reachable.channel, reachable.conversation_id) == ("channel", "email", MAIL)
    assert reachable.text == "Son 399,00 €."


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (elsewhere(days=91), "email: the contact has not written there within 90 days"),
        (replace(elsewhere(), last_inbound_at=None), "email: the contact has not written there"),
        (elsewhere(trust="unknown"), "email: it is not proven that the address is theirs"),
        (elsewhere(trust="failed"), "email: it is not proven"),
        (elsewhere("whatsapp", days=1), "whatsapp: its reply window has closed, too"),
    ],
)
def test_channel_without_a_basis_is_not_proposed(place: Elsewhere, reason: str) -> None:
    proposal = propose(closed((), elsewhere=(place,)), (), NOW)
    assert proposal.kind == "person"
    assert proposal.passed_over[-1].startswith(reason)


@pytest.mark.parametrize(
    ("place", "channel"),
    [
        (elsewhere(trust="replying"), "email"),
        (elsewhere("sms", days=89), "sms"),
        (elsewhere("whatsapp", days=0.9), "whatsapp"),
    ],
)
def test_channel_they_have_lately_written_on_is_proposed(place: Elsewhere, channel: str) -> None:
    proposal = propose(closed((), elsewhere=(elsewhere(trust="failed"), place)), (), NOW)
    assert (proposal.kind, proposal.channel) == ("channel", channel)


def test_template_that_something_stands_against_is_passed_over() -> None:
    def objection(text: str, _: FilledTemplate) -> str:
        return "it names no price" if "399" not in text else ""

    assert propose(closed((make_use(), PRICE_USE), objection=objection), ALL, NOW).kind == "person"
    proposal = propose(closed(wanted="price_answer", objection=objection), ALL, NOW)
    assert proposal.template is not None
    assert proposal.template.name == "school_price"


def test_whoever_asked_us_not_to_write_is_only_shown_to_a_person() -> None:
    proposal = propose(closed(is_suppressed=True, elsewhere=(elsewhere(),)), ALL, NOW)
    assert (proposal.kind, proposal.reason) == ("person", "The contact asked us not to write")


def test_second_template_without_an_answer_is_left_to_a_person() -> None:
    proposal = propose(closed(has_unanswered_template=True, elsewhere=(elsewhere(),)), ALL, NOW)
    assert (proposal.kind, proposal.template) == ("person", None)


@pytest.mark.parametrize(
    ("use", "found"),
    [
        (make_use(), sid(1)),
        (make_use(name="", sid=sid(2)), sid(2)),
        (make_use(name="", sid=sid(99)), None),
        (make_use(name="shared", language="pt"), sid(12)),
        (make_use(name="shared", language="en"), sid(13)),
        (make_use(name="shared", language="es"), sid(10)),
    ],
)
def test_template_is_found_by_sid_or_by_name_and_language(use: TemplateUse, found: str | None) -> None:
    shared = [
        make_template(number=10, name="shared"),
        make_template(number=11, name="shared", language="pt_PT", approval="rejected"),
        make_template(number=12, name="shared", language="pt_BR"),
        make_template(number=13, name="shared", language="en_US", approval="pending"),
    ]
    template = find_template(use, (*ALL, *shared))
    assert (template.sid if template else None) == found


def verdict(rule: str, outcome: Outcome) -> Verdict:
    return Verdict(
        rule=rule, outcome=outcome, reason="" if outcome == "pass" else "x", until=NOW if outcome == "delay" else None
    )


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ({"reply_window": "hold"}, True),
        ({"consent": "pass", "send_window": "delay", "reply_window": "hold"}, True),
        ({"reply_window": "pass"}, False),
        ({"reply_window": "hold", "consent": "block"}, False),
        ({"reply_window": "hold", "pricing": "revise"}, False),
        ({"tone": "hold"}, False),
        ({}, False),
    ],
)
def test_only_the_window_objects(outcomes: dict[str, Outcome], *, expected: bool) -> None:
    assert is_only_too_late([verdict(rule, outcome) for rule, outcome in outcomes.items()]) is expected


@pytest.mark.parametrize(
    ("purpose", "draft", "wanted"),
    [
        ("reply", "Son {price:EN-INT}.", "price_answer"),
        ("reply", "Empieza el lunes.", "reopen"),
        ("reply", None, "reopen"),
        ("follow_up", "Son {price:EN-INT}.", "follow_up"),
    ],
)
def test_purpose_follows_from_what_was_to_be_said(purpose: Purpose, draft: str | None, wanted: str) -> None:
    candidate = Candidate(text="x", language="es", channel="whatsapp", purpose=purpose)
    assert purpose_for(candidate, make_draft(draft) if draft else None) == wanted


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (make_template(), ""),
        (make_template(approval="paused"), "is now: paused"),
        (make_template(approval="disabled"), "is now: disabled"),
        (make_template(approval="pending"), "is now: pending"),
        (make_template(approval="rejected", rejection_reason="TAG"), r"is now: rejected \(TAG\)"),
        (make_template("Hola, {{1}}. Oferta de {{2}}: todo gratis. ¿Seguimos?"), "no longer says what was checked"),
        (make_template(number=9), "no longer has the template school_reopen"),
    ],
    ids=["approved", "paused", "disabled", "asked again", "rejected", "rewritten", "another"],
)
def test_template_is_looked_at_again_when_it_leaves(now: Template, why: str) -> None:
    filled = fill(make_template(), make_use(), make_filling())
    text = preview(make_template(), filled.variables)
    assert re.search(why, why_not_now(filled, text, (now,)))
    assert bool(why_not_now(filled, text, (now,))) is bool(why)
