"""The runner: every rule runs, the worst wins, what cannot be checked does not leave, and strictness only goes up."""

import time
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from agent.guardrails import LEGAL_RULES, UNCHECKED, build_rules, check_all, content_rules, worst
from agent.guardrails.explain import LANGUAGES, why_held
from agent.guardrails.rule import Rule
from agent.language import LanguageDetector
from agent.types import CONTENT_RULES, Candidate, DetectedLanguage, Outcome, Policy, Tenant, Turn, Verdict
from tests.factories import NOW, make_message, make_tenant, make_turn

REPLY = Candidate(text="Hola, el intensivo cuesta 399,00 €.", language="es", channel="whatsapp")
HOSTILE_CHARS = 100_000
MOST_CPU_S = 3.0
"""Of processor time for one rule on a hostile text: what is quadratic takes minutes."""


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
    turn = make_turn(history=(make_message("Hola", direction="outbound", author="agent"),))
    verdicts = check_all(rules, REPLY, turn, turn.tenant, NOW)
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
    turn = make_turn()
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


# --- the explanation -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("rule", [rule.name for rule in build_rules(detect)])
@pytest.mark.parametrize("evidence", ["", "medio kilo de gloria"])
def test_every_rule_is_explained_in_every_language(rule: str, language: str, evidence: str) -> None:
    sentence = why_held([verdict("hold", rule=rule, evidence=evidence)], language)
    generic = why_held([verdict("hold", rule="unheard_of")], language)
    assert sentence.endswith(".")
    assert sentence != generic
    assert "{" not in sentence
    assert "«»" not in sentence
    assert "“”" not in sentence


def test_explanations_differ_between_languages() -> None:
    held = [verdict("hold", rule="tone", evidence="tonto")]
    assert why_held(held, "es") == "El tono puede ofender o presionar: «tonto»."
    assert why_held(held, "en") == "The tone may offend or put pressure: “tonto”."
    assert len({why_held(held, language) for language in LANGUAGES}) == 3
    assert why_held(held, "de") == why_held(held, "en")


def test_worst_verdict_is_the_one_explained_and_a_pass_has_no_explanation() -> None:
    held = [verdict("revise", rule="tone"), verdict("block", rule="consent"), verdict("hold", rule="pricing")]
    assert why_held(held, "en") == "We have no permission to write to this person."
    assert why_held([verdict("pass")], "es") == ""


def test_rule_that_failed_is_explained_as_such() -> None:
    failed = verdict("hold", rule="pricing", evidence=f"{UNCHECKED}ZeroDivisionError")
    assert why_held([failed], "en") == "It could not be checked completely, so please take a look."


def test_long_evidence_is_cut_and_braces_in_it_mean_nothing() -> None:
    sentence = why_held([verdict("hold", evidence="{evidence} {0}\n" + "a" * 500)], "en")
    assert "{evidence} {0} aaa" in sentence
    assert len(sentence) < 180


# --- hostile texts ---------------------------------------------------------------------------------------------

HOSTILE = {
    "digits": "1" * HOSTILE_CHARS,
    "dotted digits": "1." * (HOSTILE_CHARS // 2),
    "spaced digits": "1 " * (HOSTILE_CHARS // 2),
    "dots": "." * HOSTILE_CHARS,
    "spaces": " " * HOSTILE_CHARS,
    "line breaks": "\n" * HOSTILE_CHARS,
    "braces": "{" * HOSTILE_CHARS,
    "brackets": "[" * (HOSTILE_CHARS // 2) + "]" * (HOSTILE_CHARS // 2),
    "bars": "|" * HOSTILE_CHARS,
    "tags": "<a " * (HOSTILE_CHARS // 3),
    "quotes": '"' * HOSTILE_CHARS,
    "zero width": "\u200b" * HOSTILE_CHARS,
    "accents": "a" + "\u0301" * HOSTILE_CHARS,
    "one word": "a" * HOSTILE_CHARS,
    "hyphens": "a-" * (HOSTILE_CHARS // 2),
    "at signs": "a@" * (HOSTILE_CHARS // 2),
    "addresses": "a.b@c.d " * (HOSTILE_CHARS // 8),
    "labels": "a." * (HOSTILE_CHARS // 2),
    "slashes": "http://" * (HOSTILE_CHARS // 7),
    "amounts": "399 € " * (HOSTILE_CHARS // 6),
    "percents": "10 % " * (HOSTILE_CHARS // 5),
    "number words": "mil " * (HOSTILE_CHARS // 4),
    "sums": "399 + " * (HOSTILE_CHARS // 6),
    "dates": "31/12/2026 " * (HOSTILE_CHARS // 11),
    "times": "18:00-20:00 " * (HOSTILE_CHARS // 12),
    "names": "Ana María " * (HOSTILE_CHARS // 10),
    "not": "no " * (HOSTILE_CHARS // 3),
    "guarantees": "garantizado " * (HOSTILE_CHARS // 12),
    "full width": "３９９" * (HOSTILE_CHARS // 3),
    "emoji": "👍🏽" * (HOSTILE_CHARS // 2),
}


@pytest.fixture(scope="module")
def rules() -> tuple[Rule, ...]:
    return build_rules(LanguageDetector.load().detect)


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in HOSTILE.items()])
def test_hostile_text_is_read_in_bounded_time_by_every_rule(rules: tuple[Rule, ...], text: str) -> None:
    turn = make_turn(text)
    candidate = replace(REPLY, text=text, channel="email")
    for rule in rules:
        began = time.process_time()
        (found,) = check_all([rule], candidate, turn, turn.tenant, NOW)
        taken = time.process_time() - began
        assert not found.evidence.startswith(UNCHECKED)
        assert taken < MOST_CPU_S, f"{rule.name} took {taken:.1f} s"
