"""Tone: kind in every language, and no false alarm on a kind no."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.guardrails import tone
from agent.types import Candidate, Tenant, Verdict
from tests.factories import NOW, make_tenant, make_turn

DATA = Path(__file__).parent / "data"


def read_cases(kind: str) -> Iterator[Any]:
    for case in tomllib.loads((DATA / "tone_cases.toml").read_text("utf-8"))["cases"]:
        for text in case.get(kind, ()):
            yield pytest.param(case["language"], text, id=f"{case['language']}: {text[:60]}")


def verdict_on(text: str, language: str, tenant: Tenant | None = None) -> Verdict:
    turn = make_turn("Hola", tenant=tenant or make_tenant())
    return tone.check(Candidate(text=text, language=language, channel="whatsapp"), turn, turn.tenant, NOW)


@pytest.mark.parametrize(("language", "text"), list(read_cases("rude")))
def test_unkind_text_is_revised(language: str, text: str) -> None:
    verdict = verdict_on(text, language)
    assert verdict.outcome == "revise"
    assert verdict.span is not None
    assert text[slice(*verdict.span)].startswith(verdict.evidence[:20])


@pytest.mark.parametrize(("language", "text"), list(read_cases("kind")))
def test_kind_text_passes(language: str, text: str) -> None:
    verdict = verdict_on(text, language)
    assert verdict.outcome == "pass", (verdict.reason, verdict.evidence)
