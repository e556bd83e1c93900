"""Promises: only what the tenant has published may be promised, in any trade and language."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.guardrails import promises
from agent.types import Candidate, Passage, Tenant, Verdict
from tests.factories import NOW, make_tenant, make_turn

DATA = Path(__file__).parent / "data"


def read_tenants() -> dict[str, Tenant]:
    raw = tomllib.loads((DATA / "promises_tenants.toml").read_text("utf-8"))
    return {name: build_tenant(each) for name, each in raw.items()}


def build_tenant(raw: dict[str, Any]) -> Tenant:
    language = raw["language"]
    facts = [Passage(id=f"fact-{n}", kind="fact", text={language: text}) for n, text in enumerate(raw["facts"])]
    policies = [Passage(id=key, kind="policy", text={language: text}) for key, text in raw["policies"].items()]
    return make_tenant(
        languages=("es", "pt", "en"),
        default_language=language,
        forbidden=tuple(raw["forbidden"]),
        passages=(*facts, *policies),
        catalogue=(),
    )


def read_cases(kind: str) -> Iterator[Any]:
    for case in tomllib.loads((DATA / "promises_cases.toml").read_text("utf-8"))["cases"]:
        for text in case.get(kind, ()):
            where = f"{case['tenant']}-{case['language']}"
            yield pytest.param(case["tenant"], case["language"], text, id=f"{where}: {text[:60]}")


TENANTS = read_tenants()


def verdict_on(text: str, tenant: Tenant, language: str, inbound: str = "Hola") -> Verdict:
    turn = make_turn(inbound, tenant=tenant)
    return promises.check(Candidate(text=text, language=language, channel="whatsapp"), turn, tenant, NOW)


@pytest.mark.parametrize(("tenant", "language", "text"), list(read_cases("breaks")))
def test_promise_beyond_what_is_published_is_revised(tenant: str, language: str, text: str) -> None:
    verdict = verdict_on(text, TENANTS[tenant], language)
    assert verdict.outcome == "revise"
    assert verdict.span is not None
    assert text[slice(*verdict.span)].startswith(verdict.evidence[:20])


@pytest.mark.parametrize(("tenant", "language", "text"), list(read_cases("keeps")))
def test_text_that_promises_nothing_more_passes(tenant: str, language: str, text: str) -> None:
    verdict = verdict_on(text, TENANTS[tenant], language)
    assert verdict.outcome == "pass", (verdict.reason, verdict.evidence)
