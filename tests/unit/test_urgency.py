"""How urgent a request for a person is: the promise in open hours, the reply window, the stakes; and its label."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.delivery.failures import REACTIONS
from agent.escalation.urgency import MAX_VALUE_CHARS, Case, judge_urgency, value_of
from agent.escalation.why import CAUSES, LABELS, MAX_CHARS, cause_of, shorten_reason, why
from agent.reply_window import OPEN_FOR
from agent.types import OpeningHours, Policy
from channels.inbox.words import load_translations

MADRID = ZoneInfo("Europe/Madrid")
NOW = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)
"""A Wednesday, 11:00 in Madrid."""
ALWAYS = Policy()
SCHOOL = Policy(send_hours=tuple(OpeningHours(weekday=day, start=time(9), end=time(20)) for day in range(5)))
USUAL = Case(
    reason="What you have published does not say this.", asked_at=NOW, channel="email", objecting=("grounding",)
)

DEADLINES = {
    "an hour, as promised": ({}, ALWAYS, "2026-11-18 11:00"),
    "in open hours": ({}, SCHOOL, "2026-11-18 11:00"),
    "what the evening leaves over is counted next morning": (
        {"asked_at": datetime(2026, 11, 18, 18, 30, tzinfo=UTC)},
        SCHOOL,
        "2026-11-19 08:30",
    ),
    "not over the weekend": ({"asked_at": datetime(2026, 11, 20, 19, 0, tzinfo=UTC)}, SCHOOL, "2026-11-23 09:00"),
    "the gravest is due in a quarter": (
        {"reason": "complaint: a person answers these", "intent": "complaint"},
        ALWAYS,
        "2026-11-18 10:15",
    ),
    "a deal is due in a half": (
        {"reason": "negotiation: a person answers these", "intent": "negotiation"},
        ALWAYS,
        "2026-11-18 10:30",
    ),
    "what staff flagged is due at once": ({"is_urgent": True}, ALWAYS, "2026-11-18 10:00"),
    "a window that closes first": (
        {"channel": "whatsapp", "last_inbound_at": NOW - OPEN_FOR + timedelta(minutes=7)},
        ALWAYS,
        "2026-11-18 10:07",
    ),
    "a window that stays open longer": (
        {"channel": "whatsapp", "last_inbound_at": NOW},
        ALWAYS,
        "2026-11-18 11:00",
    ),
    "a window that has closed": (
        {"channel": "whatsapp", "last_inbound_at": NOW - timedelta(days=2)},
        ALWAYS,
        "2026-11-18 11:00",
    ),
    "mail has no window": (
        {"last_inbound_at": NOW - OPEN_FOR + timedelta(minutes=7)},
        ALWAYS,
        "2026-11-18 11:00",
    ),
    "the tenant promises more time": ({}, replace(ALWAYS, sla_minutes=240), "2026-11-18 14:00"),
}
RISKS = {
    "the law": ({"reason": "Opt-out that needs a person"}, 0),
    "a threat": ({"reason": "threat in the message: a person decides"}, 0),
    "a claim without a source": ({}, 5),
    "an angry prospect": ({"sentiment": "negative"}, 4),
    "about to decide": ({"stage": "deciding"}, 4),
    "a budget is named": ({"entities": {"budget": "2000 €", "product": "English"}}, 4),
    "angry, and about to decide": ({"sentiment": "negative", "stage": "deciding"}, 3),
    "a machine at the other end": ({"reason": "5 mails to this contact within an hour: a loop?"}, 8),
    "flagged": ({"reason": "5 mails to this contact within an hour: a loop?", "is_urgent": True}, 0),
}
CAUSES_OF_REASONS = [
    ("asked for a person", (), None, "asked"),
    ("threat in the message: a person decides", (), None, "threat"),
    ("extraction in the message: a person decides", (), None, "sensitive"),
    ("complaint: a person answers these", (), "complaint", "complaint"),
    ("negotiation: a person answers these", (), "negotiation", "deal"),
    ("support: an automatic reply could do harm", (), "support", "sensitive"),
    ("perhaps an opt-out (not_interested, 0.41): a person decides", (), None, "opt_out"),
    ("not understood (pricing, 0.31)", (), "pricing", "unclear"),
    ("the budget is spent: a person answers", (), None, "budget"),
    ("The models were down for too long", (), None, "models"),
    ("Wrote again to staff", (), None, "wrote_again"),
    ("Could not be processed", (), None, "failed"),
    ("The reply window has closed", ("reply_window",), None, "window"),
    ("The agent is 31% sure of this reply; you ask for 55%.", ("confidence",), None, "unsure"),
    ("The agent asks for a person to answer this.", ("confidence",), None, "agent_asks"),
    ("The text links outside the domains you allow (none).", ("links",), None, "link"),
    ("Another message that only a person can see or hear.", (), None, "unseen"),
    ("The domain in From disowns this mail: it may be forged. Nothing was answered.", (), None, "forged"),
    ("Something nobody has thought of", ("a_rule_to_come",), None, "other"),
]


@pytest.mark.parametrize(("change", "policy", "due"), DEADLINES.values(), ids=DEADLINES)
def test_a_request_is_due_when_it_was_promised_or_the_window_closes(
    change: dict[str, Any], policy: Policy, due: str
) -> None:
    urgency = judge_urgency(replace(USUAL, **change), policy, MADRID)
    assert f"{urgency.due_at.astimezone(UTC):%Y-%m-%d %H:%M}" == due


@pytest.mark.parametrize(("change", "risk"), RISKS.values(), ids=RISKS)
def test_what_is_at_stake_is_weighed(change: dict[str, Any], risk: int) -> None:
    assert judge_urgency(replace(USUAL, **change), ALWAYS, MADRID).risk == risk


@given(
    minutes=st.integers(0, 7 * 24 * 60),
    sla=st.integers(5, 10_080),
    policy=st.sampled_from([ALWAYS, SCHOOL, replace(SCHOOL, send_hours=SCHOOL.send_hours[:1])]),
)
def test_nobody_is_due_before_they_ask_nor_later_for_asking_sooner(minutes: int, sla: int, policy: Policy) -> None:
    promise = replace(policy, sla_minutes=sla)
    asked = replace(USUAL, asked_at=NOW + timedelta(minutes=minutes))
    later = replace(asked, asked_at=asked.asked_at + timedelta(minutes=30))
    first, second = (judge_urgency(each, promise, MADRID).due_at for each in (asked, later))
    assert asked.asked_at < first <= second


@pytest.mark.parametrize(("reason", "objecting", "intent", "cause"), CAUSES_OF_REASONS, ids=lambda each: str(each)[:30])
def test_a_reason_has_a_class(reason: str, objecting: tuple[str, ...], intent: Any, cause: str) -> None:
    assert cause_of(reason, objecting, intent) == cause


def test_every_failed_delivery_has_a_class() -> None:
    assert all(cause_of(each.escalate) != "other" for each in REACTIONS.values() if each.escalate)


@pytest.mark.parametrize("language", ["en", "es", "pt"])
def test_every_label_has_under_six_words_in_every_language(language: Any) -> None:
    translations = load_translations(language)
    labels = [translations.gettext(LABELS[cause]) for cause in CAUSES]
    assert [each for each in labels if not 1 <= len(each.split()) < 6] == []
    assert len(set(labels)) == len(CAUSES)
    assert language == "en" or all(translations.gettext(each) != each for each in LABELS.values())


@given(reason=st.text(max_size=300))
def test_an_unknown_reason_is_shortened(reason: str) -> None:
    short = why("other", reason)
    assert 1 <= len(short.split()) < 6
    assert len(short) <= MAX_CHARS


@pytest.mark.parametrize(
    ("reason", "short"),
    [
        ("The text links outside the domains you allow", "The text links outside the"),
        ("One, two.", "One, two"),
        ("x" * 99, "x" * MAX_CHARS),
        ("", ""),
    ],
    ids=["sentence", "short", "one long word", "nothing"],
)
def test_whole_words_are_kept(reason: str, short: str) -> None:
    assert shorten_reason(reason) == short


@given(entities=st.dictionaries(st.sampled_from(["budget", "quantity", "date"]), st.text(max_size=200)))
def test_the_value_is_one_bounded_line(entities: dict[str, str]) -> None:
    assert len(value_of(entities)) <= MAX_VALUE_CHARS
    assert "\n" not in value_of(entities)
