"""All content rules together, as a business meets them: honest replies pass whole, and none that breaks a rule does."""

import tomllib
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from agent.audit import AuditedText, audit, objections
from agent.audit_tenants import load_tenants
from agent.guardrails import content_rules
from agent.guardrails.rule import Rule
from agent.language import LanguageDetector
from tests.tables import each_row

DATA = Path(__file__).parent / "data"
TENANTS = load_tenants(DATA / "whole_tenants.json", date(2026, 3, 10))
CASES = tomllib.loads((DATA / "whole_cases.toml").read_text("utf-8"))


@pytest.fixture(scope="module")
def rules(detector: LanguageDetector) -> Sequence[Rule]:
    return content_rules(detector.detect)


def rows(outcome: str) -> list[object]:
    """Return the replies of one outcome, each with its tenant, language and question."""
    return [
        pytest.param(key, *line.split(" | ", 2), id=f"{key}: {line[:60]}")
        for key, table in CASES.items()
        for line in table[outcome].strip().splitlines()
    ]


def reasons(rules: Sequence[Rule], key: str, language: str, inbound: str, draft: str) -> list[str]:
    """Return what the rules object to."""
    text = AuditedText(text=draft, language=language, channel="whatsapp", inbound=inbound)
    return [f"{each.rule}: {each.evidence}" for each in objections(audit(text, TENANTS[key], rules))]


@each_row(("key", "language", "inbound", "draft"), rows("pass"))
def test_what_a_good_seller_writes_passes_every_rule(
    rules: Sequence[Rule], key: str, language: str, inbound: str, draft: str
) -> None:
    assert reasons(rules, key, language, inbound, draft) == []


@each_row(("key", "language", "inbound", "draft"), rows("violation"))
def test_what_breaks_a_rule_is_stopped(
    rules: Sequence[Rule], key: str, language: str, inbound: str, draft: str
) -> None:
    assert reasons(rules, key, language, inbound, draft)
