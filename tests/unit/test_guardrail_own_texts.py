"""What the example tenants publish, and what we say in their name, passes the rules about texts."""

from pathlib import Path

import pytest

from agent.guardrails import disclosure, leakage, links, pii
from agent.guardrails import format as format_rule
from agent.guardrails.language import make_language_rule
from agent.handoff import handoff_text
from agent.language import LanguageDetector
from agent.screen_texts import help_text, opt_in_text, opt_out_text
from agent.tenants import load_tenant_file
from agent.types import Candidate, Tenant
from tests.factories import NOW
from tests.trades import later_turn

EXAMPLES = sorted((Path(__file__).parents[2] / "agent/example_tenants").glob("*.yaml"))


def own_texts(tenant: Tenant, language: str) -> list[str]:
    """Return what a reply in `language` may say word for word."""
    passages = [passage.text[language] for passage in tenant.passages if language in passage.text]
    items = [item.description[language] for item in tenant.catalogue if language in item.description]
    said = [handoff_text(tenant, language), help_text(tenant, language), tenant.disclosure.get(language, "")]
    return [
        *passages,
        *items,
        *(text for text in said if text),
        opt_out_text(tenant, language),
        opt_in_text(tenant, language),
    ]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
@pytest.mark.parametrize("language", ["es", "pt", "en"])
def test_own_texts_pass(path: Path, language: str) -> None:
    tenant = load_tenant_file(path).tenant
    checks = [rule.check for rule in (pii, leakage, links, format_rule, disclosure)]
    checks.append(make_language_rule(LanguageDetector.load().detect).check)
    turn = later_turn("¿y eso?", tenant)
    for text in own_texts(tenant, language):
        candidate = Candidate(text=text, language=language, channel="whatsapp")
        objections = [v for check in checks if (v := check(candidate, turn, tenant, NOW)).outcome != "pass"]
        assert objections == [], text
