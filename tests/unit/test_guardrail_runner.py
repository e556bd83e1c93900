"""The runner: every rule runs, the worst wins, and what cannot be checked does not leave."""

from datetime import datetime, timedelta

import pytest

from agent.guardrails import LEGAL_RULES, build_rules, check_all, worst
from agent.guardrails.rule import Rule
from agent.types import Candidate, DetectedLanguage, Outcome, Tenant, Turn, Verdict
from tests.factories import NOW, make_message, make_turn

REPLY = Candidate(text="Hola, el intensivo cuesta 399,00 €.", language="es", channel="whatsapp")


def detect(text: str, *, languages: tuple[str, ...]) -> DetectedLanguage:
    return DetectedLanguage(language=None, confidence=0.0)


def broken(candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> Verdict:
    raise ZeroDivisionError("no such luck")


def verdict(outcome: Outcome, hours: int = 1) -> Verdict:
    until = NOW + timedelta(hours=hours) if outcome == "delay" else None
    return Verdict(rule=outcome, outcome=outcome, reason="because", until=until)


def test_rules_come_in_order_and_all_of_them_run() -> None:
    rules = build_rules(detect)
    turn = make_turn(history=(make_message("Hola", direction="outbound", author="agent"),))
    verdicts = check_all(rules, REPLY, turn, turn.tenant, NOW)
    assert [v.rule for v in verdicts] == [rule.name for rule in rules]
    assert [v.version for v in verdicts] == [rule.version for rule in rules]
    assert {v.outcome for v in verdicts} == {"pass"}


def test_legal_rules_come_first_and_are_three() -> None:
    assert [rule.name for rule in LEGAL_RULES] == ["consent", "send_window", "reply_window"]
    assert build_rules(detect)[:3] == LEGAL_RULES


def test_rule_that_raises_holds_and_the_others_still_run() -> None:
    rules = (Rule(name="odd", version=7, check=broken), *LEGAL_RULES)
    turn = make_turn()
    verdicts = check_all(rules, REPLY, turn, turn.tenant, NOW)
    assert (verdicts[0].rule, verdicts[0].outcome, verdicts[0].version) == ("odd", "hold", 7)
    assert "could not be checked" in verdicts[0].reason
    assert len(verdicts) == 4


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        (["pass", "pass"], "pass"),
        (["pass", "revise"], "revise"),
        (["revise", "delay"], "delay"),
        (["delay", "hold"], "hold"),
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
