"""The judge: what it remembers and for whom, and what its judgements amount to."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from agent.guardrails import UNCHECKED
from agent.guardrails.explain import explain
from agent.guardrails.judge import RememberingJudge, judged_verdict, unjudged_verdict
from agent.ports import Finding, Judged, Judgement
from agent.tenant.file import tenant_id
from agent.types import Turn
from tests.factories import NOW, make_passage, make_tenant, make_turn

OPEN = ("Tenemos piscina.", "Hay aparcamiento.")


class RecordingJudge:
    """Answers everything alike, and remembers what it was asked."""

    def __init__(self, finding: Finding = "supported", source: str = "fact:pool") -> None:
        self.finding: Finding = finding
        self.source = source
        self.asked: list[tuple[str, ...]] = []

    async def judge(self, claims: Sequence[str], turn: Turn) -> Judged:
        self.asked.append(tuple(claims))
        return Judged(
            judgements=tuple(Judgement(claim=each, finding=self.finding, source=self.source) for each in claims)
        )


def now() -> datetime:
    return NOW


async def test_known_statement_is_not_asked_again_and_order_is_kept() -> None:
    inner = RecordingJudge()
    judge = RememberingJudge(inner, now=now)
    await judge.judge(OPEN[:1], make_turn())
    judged = await judge.judge(OPEN[::-1], make_turn())
    assert inner.asked == [OPEN[:1], OPEN[1:]]
    assert [each.claim for each in judged.judgements] == list(OPEN[::-1])
    assert len((await judge.judge(OPEN, make_turn())).judgements) == 2
    assert len(inner.asked) == 2


@pytest.mark.parametrize(
    "turn",
    [
        pytest.param(make_turn(tenant=make_tenant(id=tenant_id("other"))), id="another tenant"),
        pytest.param(make_turn(tenant=make_tenant(passages=(make_passage("new"),))), id="something else published"),
    ],
)
async def test_knowledge_holds_for_one_tenant_and_what_it_has_published(turn: Turn) -> None:
    inner = RecordingJudge()
    judge = RememberingJudge(inner, now=now)
    await judge.judge(OPEN, make_turn())
    await judge.judge(OPEN, turn)
    assert inner.asked == [OPEN, OPEN]


async def test_knowledge_ends_with_the_day() -> None:
    days = iter([NOW, NOW + timedelta(days=1)])
    inner = RecordingJudge()
    judge = RememberingJudge(inner, now=lambda: next(days))
    await judge.judge(OPEN, make_turn())
    await judge.judge(OPEN, make_turn())
    assert len(inner.asked) == 2


@pytest.mark.parametrize(
    ("finding", "source", "times"),
    [
        ("supported", "fact:pool", 1),
        ("contradicted", "fact:pool", 1),
        ("unsupported", "", 2),
        ("supported", "conversation", 2),
    ],
)
async def test_only_what_holds_in_every_conversation_is_remembered(finding: Finding, source: str, times: int) -> None:
    inner = RecordingJudge(finding, source)
    judge = RememberingJudge(inner, now=now)
    for _ in range(2):
        judged = await judge.judge(OPEN, make_turn())
        assert {each.finding for each in judged.judgements} == {finding}
    assert len(inner.asked) == times


async def test_oldest_is_forgotten_first() -> None:
    inner = RecordingJudge()
    judge = RememberingJudge(inner, now=now, most=2)
    for claim in ("a", "b", "c", "b", "a"):
        await judge.judge([claim], make_turn())
    assert inner.asked == [("a",), ("b",), ("c",), ("a",)]


async def test_statement_made_twice_is_asked_once() -> None:
    inner = RecordingJudge()
    await RememberingJudge(inner, now=now).judge(("a", "a"), make_turn())
    assert inner.asked == [("a",)]


@pytest.mark.parametrize(
    ("findings", "outcome"),
    [
        ([], "pass"),
        (["supported", "supported"], "pass"),
        (["supported", "unsupported"], "revise"),
        (["contradicted", "supported"], "revise"),
    ],
)
def test_one_statement_that_does_not_stand_asks_for_a_revision(findings: list[Finding], outcome: str) -> None:
    judgements = [Judgement(claim=f"Statement {n}.", finding=each) for n, each in enumerate(findings)]
    verdict = judged_verdict(judgements)
    assert (verdict.rule, verdict.outcome) == ("grounding", outcome)
    wrong = [each.claim for each in judgements if each.finding != "supported"]
    assert verdict.evidence == (wrong[0] if wrong else "")


def test_contradiction_names_what_says_otherwise() -> None:
    wrong = Judgement(claim="Abrimos los domingos.", finding="contradicted", source="fact:hours")
    assert "fact:hours says otherwise" in judged_verdict([wrong]).reason
    assert "otherwise" not in judged_verdict([replace(wrong, finding="unsupported")]).reason


def test_statement_nobody_could_judge_is_held() -> None:
    verdict = unjudged_verdict(OPEN)
    assert (verdict.outcome, verdict.evidence) == ("hold", f"{UNCHECKED}{OPEN[0]}")
    assert explain(verdict, "en") == "It could not be checked completely, so please take a look."
