"""What follows from a tenant's catalogue and facts passes all rules, in every language it speaks."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import pytest

from agent.audit import AuditedText, audit, objections
from agent.audit_tenants import AuditedTenant, load_tenants
from agent.guardrails import content_rules
from agent.guardrails.rule import Rule
from agent.language import LanguageDetector
from tests.honest import honest_replies

DATA = Path(__file__).parent / "data"
TODAY = date(2026, 3, 10)
TENANTS: Mapping[str, AuditedTenant] = {
    key: tenant
    for name in ("pricing", "whole")
    for key, tenant in load_tenants(DATA / f"{name}_tenants.json", TODAY).items()
}


@pytest.fixture(scope="module")
def rules(detector: LanguageDetector) -> Sequence[Rule]:
    return content_rules(detector.detect)


@pytest.mark.parametrize("key", TENANTS)
def test_replies_composed_from_what_is_published_pass_every_rule(rules: Sequence[Rule], key: str) -> None:
    tenant = TENANTS[key]
    replies = list(honest_replies(tenant.tenant, tenant.as_of))
    stopped = [
        f"{each.kind}: {each.reply} ({verdicts[0].rule}: {verdicts[0].evidence})"
        for each in replies
        if (verdicts := objections(audit(_text(each.asked, each.reply, each.language), tenant, rules)))
    ]
    assert len(replies) > 50
    assert stopped == []


def _text(asked: str, reply: str, language: str) -> AuditedText:
    return AuditedText(text=reply, language=language, channel="whatsapp", inbound=asked)
