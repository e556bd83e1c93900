"""Why a text was held: one sentence for the seller, for every rule, outcome and language."""

from datetime import timedelta

import pytest

from agent.guardrails import UNCHECKED
from agent.guardrails.explain import LANGUAGES, explain, why_held
from agent.types import CONTENT_RULES, Outcome, Verdict
from tests.factories import NOW
from tests.tables import each_row

OUTCOMES: dict[str, tuple[Outcome, ...]] = {
    "consent": ("hold", "block"),
    "send_window": ("delay", "hold"),
    "reply_window": ("hold",),
    "frequency": ("delay", "hold"),
    **dict.fromkeys(CONTENT_RULES, ("revise", "hold")),
    "confidence": ("hold",),
}
"""What each rule answers beside a pass; every one of them may also fail, which holds."""
CASES = [(rule, outcome) for rule, possible in OUTCOMES.items() for outcome in possible]
ENGLISH = {
    ("consent", "hold"): "This person has not written to us in the last 90 days: decide whether we have permission to "
    "write first.",
    ("consent", "block"): "This person asked us not to write to them.",
    ("send_window", "delay"): "It is not a time to write to this person: it leaves when the sending hours begin.",
    ("send_window", "hold"): "There is no hour at which we may write to this person in all the places they may be in.",
    ("reply_window", "hold"): "WhatsApp takes free text only until 24 hours after their last message: this needs an "
    "approved template.",
    ("frequency", "delay"): "This person has been sent as many messages as are allowed for now: it leaves as soon as "
    "another may.",
    ("frequency", "hold"): "This person has been sent too many messages, or seems to be a machine: decide whether to "
    "send another.",
    ("pricing", "revise"): "It speaks of money that your catalogue does not support: “abc”.",
    ("promises", "revise"): "It promises something your policies do not say: “abc”.",
    ("grounding", "revise"): "It states something that is not in what you have published: “abc”.",
    ("pii", "revise"): "It contains personal data that we must not send.",
    ("leakage", "revise"): "It gives away something internal: “abc”.",
    ("links", "revise"): "It has a link that is not one of yours: “abc”.",
    ("language", "revise"): "It is not in the person's language.",
    ("tone", "revise"): "The tone may offend or put pressure: “abc”.",
    ("disclosure", "revise"): "It does not make clear that an automated assistant is writing.",
    ("format", "revise"): "The text is not clean, or does not fit this channel: “abc”.",
    ("confidence", "hold"): "The assistant is not sure of this reply, or asks for a person to answer.",
}


def verdict(outcome: Outcome, rule: str = "tone", evidence: str = "abc") -> Verdict:
    until = NOW + timedelta(hours=1) if outcome == "delay" else None
    return Verdict(rule=rule, outcome=outcome, reason="because", evidence=evidence, until=until)


@each_row(("rule", "outcome"), CASES)
def test_sentence_in_english(rule: str, outcome: Outcome) -> None:
    expected = ENGLISH.get((rule, outcome)) or ENGLISH[rule, "revise"]
    assert explain(verdict(outcome, rule), "en") == expected
    assert explain(verdict(outcome, rule), "de") == expected


@each_row("language", LANGUAGES)
@each_row(("rule", "outcome"), CASES)
@each_row("evidence", ["", "medio kilo de gloria"])
def test_every_rule_and_outcome_has_a_sentence_of_its_own(
    rule: str, outcome: Outcome, language: str, evidence: str
) -> None:
    sentence = explain(verdict(outcome, rule, evidence), language)
    others = {explain(verdict(o, r, evidence), language) for r, o in CASES if (r, o) != (rule, outcome) and r != rule}
    assert sentence not in others
    assert sentence != explain(verdict("hold", "unheard_of"), language)
    assert sentence.endswith(".")
    assert sentence.count(".") == 1
    assert sentence[0].isupper()
    assert len(sentence) < 150
    for leftover in ("{", "«»", "“”", "_"):
        assert leftover not in sentence


@each_row(("rule", "outcome"), CASES)
def test_sentence_differs_between_languages(rule: str, outcome: Outcome) -> None:
    assert len({explain(verdict(outcome, rule), language) for language in LANGUAGES}) == len(LANGUAGES)


@pytest.mark.parametrize("rule", ["consent", "send_window", "frequency"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_outcomes_that_mean_different_things_are_told_apart(rule: str, language: str) -> None:
    one, other = (explain(verdict(outcome, rule), language) for outcome in OUTCOMES[rule])
    assert one != other


@each_row("rule", [*OUTCOMES, "unheard_of"])
@each_row(
    ("language", "sentence"),
    [
        ("es", "No se pudo revisar del todo, así que conviene que lo mires."),
        ("pt", "Não foi possível revisar por completo, então vale a pena você olhar."),
        ("en", "It could not be checked completely, so please take a look."),
    ],
)
def test_rule_that_failed_is_explained_as_such(rule: str, language: str, sentence: str) -> None:
    failed = verdict("hold", rule, f"{UNCHECKED}ZeroDivisionError")
    assert explain(failed, language) == sentence


def test_quotes_are_those_of_the_language() -> None:
    assert explain(verdict("hold", "tone", "tonto"), "es") == "El tono puede ofender o presionar: «tonto»."
    assert explain(verdict("hold", "tone", "tonto"), "pt") == "O tom pode ofender ou pressionar: “tonto”."


def test_worst_verdict_is_the_one_explained_and_a_pass_has_no_explanation() -> None:
    held = [verdict("revise", "tone"), verdict("block", "consent"), verdict("hold", "pricing")]
    assert why_held(held, "en") == ENGLISH["consent", "block"]
    assert why_held([verdict("pass")], "es") == ""


def test_what_only_delays_does_not_hide_what_was_wrong() -> None:
    held = [verdict("delay", "send_window"), verdict("revise", "pricing")]
    assert why_held(held, "en") == ENGLISH["pricing", "revise"]


def test_staff_are_told_what_binds_them() -> None:
    held = [verdict("hold", "reply_window"), verdict("block", "tone")]
    assert why_held(held, "en", author="staff") == ENGLISH["reply_window", "hold"]


def test_long_evidence_is_cut_and_braces_in_it_mean_nothing() -> None:
    sentence = explain(verdict("hold", evidence="{evidence} {0}\n" + "a" * 500), "en")
    assert "{evidence} {0} aaa" in sentence
    assert len(sentence) < 180
