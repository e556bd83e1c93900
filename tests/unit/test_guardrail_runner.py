"""The runner: every rule runs, the worst wins, what cannot be checked does not leave, and who is bound by what."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from functools import partial
from typing import Any

import pytest
from structlog.testing import capture_logs

from agent.check import settle
from agent.guardrails import (
    LEGAL,
    LEGAL_RULES,
    UNCHECKED,
    build_rules,
    check_all,
    confidence,
    content_rules,
    warnings,
    worst,
)
from agent.guardrails.explain import why_held
from agent.guardrails.rule import Rule
from agent.language import LanguageDetector
from agent.screening.injection import screen_injection
from agent.types import (
    CONTENT_RULES,
    Author,
    Candidate,
    Channel,
    Decision,
    DetectedLanguage,
    Escalate,
    OpeningHours,
    Outcome,
    Policy,
    Reply,
    Send,
    Source,
    Tenant,
    Turn,
    Verdict,
)
from tests.factories import NOW, make_contact, make_conversation, make_message, make_tenant, make_turn
from tests.hostile import Unit, assert_linear, cpu_s, ordinary_s, repeat

REPLY = Candidate(text="Hola, el intensivo cuesta 399,00 €.", language="es", channel="whatsapp")
TENANT = make_tenant()
"""One for all: what it has published is read once."""
ANSWERED = make_turn(tenant=TENANT, history=(make_message("Hola", direction="outbound", author="agent"),))
MOST_WORK = 500
"""For one rule, in `ordinary_s`."""


@pytest.fixture(autouse=True)
def captured_logs() -> Iterator[None]:
    """Keep failures from being printed with all their variables: that takes longer than the rules."""
    with capture_logs():
        yield


def detect(text: str, *, languages: tuple[str, ...]) -> DetectedLanguage:
    return DetectedLanguage(language=None, confidence=0.0)


def broken(candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> Verdict:
    raise ZeroDivisionError("no such luck")


def objecting(rule: str, outcome: Outcome) -> Rule:
    """Return a rule that always answers the same."""

    def check(candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> Verdict:
        return verdict(outcome, rule=rule)

    return Rule(name=rule, version=1, check=check)


def verdict(outcome: Outcome, hours: int = 1, *, rule: str = "tone", evidence: str = "") -> Verdict:
    until = NOW + timedelta(hours=hours) if outcome == "delay" else None
    return Verdict(rule=rule, outcome=outcome, reason="because", evidence=evidence, until=until)


# --- the list --------------------------------------------------------------------------------------------------


def test_rules_come_in_order_and_all_of_them_run() -> None:
    rules = build_rules(detect)
    verdicts = check_all(rules, REPLY, ANSWERED, TENANT, NOW)
    assert [v.rule for v in verdicts] == [rule.name for rule in rules]
    assert [v.version for v in verdicts] == [rule.version for rule in rules]
    assert {v.outcome for v in verdicts} == {"pass"}


def test_legal_rules_come_first_then_the_content_rules_by_their_published_names() -> None:
    names = [rule.name for rule in build_rules(detect)]
    assert names[:4] == ["consent", "send_window", "reply_window", "frequency"] == [rule.name for rule in LEGAL_RULES]
    assert tuple(rule.name for rule in content_rules(detect)) == CONTENT_RULES
    assert len(set(names)) == len(names)
    assert set(CONTENT_RULES) < set(names)


def test_rule_that_raises_holds_and_the_others_still_run() -> None:
    rules = (Rule(name="odd", version=7, check=broken), *LEGAL_RULES)
    turn = make_turn(tenant=TENANT)
    verdicts = check_all(rules, REPLY, turn, turn.tenant, NOW)
    assert (verdicts[0].rule, verdicts[0].outcome, verdicts[0].version) == ("odd", "hold", 7)
    assert "could not be checked" in verdicts[0].reason
    assert len(verdicts) == 5


# --- the worst -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        (["pass", "pass"], "pass"),
        (["pass", "revise"], "revise"),
        (["pass", "delay"], "delay"),
        (["delay", "revise"], "revise"),
        (["revise", "hold"], "hold"),
        (["block", "hold"], "block"),
    ],
)
def test_worst_outcome_wins(outcomes: list[Outcome], expected: Outcome) -> None:
    assert worst([verdict(outcome) for outcome in outcomes]).outcome == expected


def test_of_two_delays_the_longer_wins() -> None:
    assert worst([verdict("delay", 1), verdict("delay", 5), verdict("delay", 3)]).until == NOW + timedelta(hours=5)


def test_text_that_nothing_checked_is_refused() -> None:
    with pytest.raises(ValueError, match="no rule has checked"):
        worst([])


# --- a rule that fails ---------------------------------------------------------------------------------------------


def fail_one(name: str) -> tuple[Rule, ...]:
    """Return all rules, one of them broken."""
    return tuple(replace(rule, check=broken) if rule.name == name else rule for rule in build_rules(detect))


@pytest.mark.parametrize("name", [rule.name for rule in build_rules(detect)])
@pytest.mark.parametrize("source", ["claude", "rule"])
def test_text_is_held_whichever_rule_fails(name: str, source: Source) -> None:
    verdicts = check_all(fail_one(name), REPLY, ANSWERED, TENANT, NOW)
    (held,) = (verdict for verdict in verdicts if verdict.outcome != "pass")
    assert (held.rule, held.outcome, held.evidence) == (name, "hold", f"{UNCHECKED}ZeroDivisionError")
    decision = settle(Reply(candidate=REPLY, source=source, verdicts=verdicts), "routine")
    assert isinstance(decision, Escalate)
    assert decision.draft == REPLY.text


def test_text_that_nothing_checked_is_not_sent() -> None:
    with pytest.raises(ValueError, match="no rule has checked"):
        settle(Reply(candidate=REPLY, source="claude"), "routine")


# --- who is bound --------------------------------------------------------------------------------------------------

CONTENT = [*CONTENT_RULES, "confidence"]


@pytest.mark.parametrize("outcome", ["revise", "hold", "block"])
@pytest.mark.parametrize("rule", CONTENT)
def test_rules_about_content_warn_staff_and_bind_everybody_else(rule: str, outcome: Outcome) -> None:
    verdicts = (verdict("pass", rule="consent"), verdict(outcome, rule=rule))
    decisions = {author: settle_as(author, verdicts) for author in ("agent", "system", "staff")}
    assert [isinstance(decision, Send) for decision in decisions.values()] == [False, False, True]
    assert warnings(verdicts, "staff") == verdicts[1:]
    assert warnings(verdicts, "agent") == ()


@pytest.mark.parametrize("author", ["agent", "system", "staff"])
@pytest.mark.parametrize("rule", [rule.name for rule in LEGAL_RULES])
def test_legal_rules_bind_everybody(rule: str, author: Author) -> None:
    verdicts = (verdict("hold", rule=rule), verdict("revise", rule="tone"))
    decision = settle_as(author, verdicts)
    assert isinstance(decision, Escalate)
    assert decision.verdicts == verdicts


@pytest.mark.parametrize("name", [rule.name for rule in build_rules(detect)])
def test_legal_rule_that_fails_holds_what_staff_wrote_and_another_one_warns(name: str) -> None:
    verdicts = check_all(fail_one(name), replace(REPLY, author="staff"), ANSWERED, TENANT, NOW)
    legal = name in {rule.name for rule in LEGAL_RULES}
    assert isinstance(settle_as("staff", verdicts), Escalate) == legal
    assert [each.rule for each in warnings(verdicts, "staff")] == ([] if legal else [name])


def test_staff_edit_is_read_by_every_rule() -> None:
    edit = replace(REPLY, text="No seas idiota: te lo dejo en 350 €. Míralo en bit.ly/x", author="staff")
    verdicts = check_all(build_rules(detect), edit, ANSWERED, TENANT, NOW)
    assert {"pricing", "tone", "links"} <= {each.rule for each in warnings(verdicts, "staff")}
    assert isinstance(settle_as("staff", verdicts), Send)


def settle_as(author: Author, verdicts: tuple[Verdict, ...]) -> Decision:
    """Return what becomes of a text that `author` wrote."""
    return settle(Reply(candidate=replace(REPLY, author=author), source="claude", verdicts=verdicts), "routine")


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"purpose": "reply", "confidence": 0.1}, "hold"),
        ({"purpose": "follow_up", "confidence": 0.1}, "hold"),
        ({"purpose": "follow_up", "needs_human": True}, "hold"),
        ({"purpose": "follow_up", "confidence": float("nan")}, "hold"),
        ({"purpose": "follow_up", "confidence": 0.9}, "pass"),
        ({"purpose": "help", "confidence": 0.1}, "pass"),
        ({"purpose": "reply", "confidence": 0.1, "author": "staff"}, "pass"),
    ],
)
def test_what_the_agent_wrote_needs_its_confidence(fields: dict[str, Any], outcome: Outcome) -> None:
    turn = make_turn(tenant=TENANT)
    assert confidence.check(replace(REPLY, **fields), turn, turn.tenant, NOW).outcome == outcome


# --- a text that must wait -----------------------------------------------------------------------------------------


OPEN_BY_DAY = make_tenant(
    policy=Policy(send_hours=tuple(OpeningHours(weekday=day, start=time(9), end=time(18)) for day in range(5)))
)


def waiting(hours: float, **fields: Any) -> Turn:
    """Return a turn whose contact wrote `hours` ago, with nobody to write to before 09:00 in Madrid (08:00 UTC)."""
    conversation = make_conversation(
        last_inbound_at=SATURDAY_NIGHT - timedelta(hours=hours),
        contact=make_contact(timezone="Europe/Madrid"),
        **fields,
    )
    return make_turn(tenant=OPEN_BY_DAY, conversation=conversation)


SATURDAY_NIGHT = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
SUNDAY_NIGHT = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)


def outcomes(turn: Turn, now: datetime, **fields: Any) -> dict[str, Outcome]:
    """Return what objects to a text."""
    candidate = replace(REPLY, channel=turn.conversation.channel, **fields)
    verdicts = check_all(build_rules(detect), candidate, turn, turn.tenant, now)
    return {each.rule: each.outcome for each in verdicts if each.rule in LEGAL and each.outcome != "pass"}


def test_whatsapp_reply_that_would_leave_after_its_window_is_held_at_once() -> None:
    assert outcomes(waiting(0), SATURDAY_NIGHT) == {"send_window": "delay", "reply_window": "hold"}


def test_whatsapp_reply_that_leaves_within_its_window_waits() -> None:
    turn = waiting(-24)  # Sunday evening: Monday 09:00 is half a day away
    assert outcomes(turn, SUNDAY_NIGHT) == {"send_window": "delay"}


@pytest.mark.parametrize("channel", ["sms", "email"])
def test_other_channels_wait_over_the_weekend(channel: Channel) -> None:
    assert outcomes(waiting(0, channel=channel), SATURDAY_NIGHT) == {"send_window": "delay"}


def test_held_reply_goes_to_a_person_with_the_reason() -> None:
    turn = waiting(0)
    verdicts = check_all(build_rules(detect), REPLY, turn, turn.tenant, SATURDAY_NIGHT)
    decision = settle(Reply(candidate=REPLY, source="claude", verdicts=verdicts), "routine")
    assert isinstance(decision, Escalate)
    assert "24 hours" in decision.reason
    assert why_held(verdicts, "es").startswith("WhatsApp solo admite texto libre")


def test_follow_up_whose_basis_runs_out_while_it_waits_is_held_at_once() -> None:
    turn = waiting(24 * 90 - 1, channel="sms")
    assert outcomes(turn, SATURDAY_NIGHT, purpose="follow_up") == {"send_window": "delay", "consent": "hold"}


def test_rules_about_content_are_not_asked_about_the_future() -> None:
    asked: list[datetime] = []

    def noting(candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> Verdict:
        asked.append(now)
        return verdict("pass")

    turn = waiting(0)
    check_all((*LEGAL_RULES, Rule(name="tone", version=1, check=noting)), REPLY, turn, turn.tenant, SATURDAY_NIGHT)
    assert asked == [SATURDAY_NIGHT]


def test_rule_that_always_delays_ends() -> None:
    def later(candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> Verdict:
        return Verdict(rule="send_window", outcome="delay", reason="later", until=now + timedelta(hours=1))

    turn = make_turn(tenant=TENANT)
    (found,) = check_all([Rule(name="send_window", version=1, check=later)], REPLY, turn, turn.tenant, NOW)
    assert found.until is not None
    assert found.until > NOW


# --- strictness ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "outcome", "strictness", "expected"),
    [
        pytest.param("tone", "revise", {}, "revise", id="usual"),
        pytest.param("tone", "revise", {"tone": "hold"}, "hold", id="stricter"),
        pytest.param("tone", "revise", {"pricing": "hold"}, "revise", id="another rule's"),
        pytest.param("tone", "pass", {"tone": "hold"}, "pass", id="nothing to be strict about"),
        pytest.param("tone", "hold", {"tone": "revise"}, "hold", id="never laxer"),
        pytest.param("tone", "block", {"tone": "hold"}, "block", id="never less than a block"),
        pytest.param("consent", "revise", {"consent": "hold"}, "revise", id="the law's is fixed"),
    ],
)
def test_tenant_may_only_make_a_content_rule_stricter(
    rule: str, outcome: Outcome, strictness: Any, expected: Outcome
) -> None:
    tenant = make_tenant(policy=Policy(strictness=strictness))
    (found,) = check_all([objecting(rule, outcome)], REPLY, make_turn(tenant=tenant), tenant, NOW)
    assert found.outcome == expected


# --- hostile texts ---------------------------------------------------------------------------------------------

HOSTILE: dict[str, Unit] = {
    "digits": "1",
    "dotted digits": "1.",
    "spaced digits": "1 ",
    "dots": ".",
    "spaces": " ",
    "line breaks": "\n",
    "braces": "{",
    "brackets": ("[", "]"),
    "bars": "|",
    "tags": "<a ",
    "quotes": '"',
    "zero width": "\u200b",
    "accents": ("a", "\u0301"),
    "one word": "a",
    "hyphens": "a-",
    "at signs": "a@",
    "addresses": "a.b@c.d ",
    "labels": "a.",
    "slashes": "http://",
    "amounts": "399 € ",
    "percents": "10 % ",
    "number words": "mil ",
    "sums": "399 + ",
    "dates": "31/12/2026 ",
    "times": "18:00-20:00 ",
    "names": "Ana María ",
    "not": "no ",
    "guarantees": "garantizado ",
    "full width": "３９９",
    "emoji": "👍🏽",
    "short sentences": "Sí. ",
    "backticks": "`",
    "asterisks": "*",
    "code fences": "```a",
    "apostrophes": "'",
    "commas": "a, ",
    "fillers": "se te lo va a la ",
    "questions": "¿sí? ",
    "weekdays": "lunes a viernes de 9 a 18 ",
    "long numbers": "4111111111111111 ",
    "phones": "+34 600 000 000 ",
    "homoglyphs": "а",
}


@pytest.fixture(scope="module")
def rules(detector: LanguageDetector) -> tuple[Rule, ...]:
    return build_rules(detector.detect)


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_read_in_linear_time_by_every_rule(rules: tuple[Rule, ...], unit: Unit) -> None:
    for rule in rules:
        assert_linear(partial(check_both_ways, rule), unit)


def check_both_ways(rule: Rule, text: str) -> None:
    """Check a text that answers itself."""
    turn = make_turn(text, tenant=TENANT)
    (found,) = check_all([rule], replace(REPLY, text=text, channel="email"), turn, TENANT, NOW)
    assert not found.evidence.startswith(UNCHECKED)


def test_longer_text_than_any_rule_reads_is_judged_in_bounded_time_by_every_rule(rules: tuple[Rule, ...]) -> None:
    text = "".join(repeat(unit, 1_000) for unit in HOSTILE.values()) * 3
    for rule in rules:
        taken = cpu_s(partial(check_both_ways, rule), text) / ordinary_s()
        assert taken < MOST_WORK, f"{rule.name} took {taken:.0f} times as long as ordinary work"


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_hostile_inbound_is_screened_in_linear_time(unit: Unit) -> None:
    assert_linear(screen_injection, unit)
