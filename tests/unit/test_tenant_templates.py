"""The `templates:` of a tenant file: what is accepted, what is refused and how, round trips, differences."""

from copy import deepcopy
from typing import Any

import pytest
import yaml

from agent.errors import Misconfigured
from agent.templates.types import TemplateUse, TemplateVariable
from agent.tenant.diff import diff
from agent.tenant.file import dump_tenant_file, from_document, parse_tenant_file, to_document
from tests.unit.test_tenant_file import FULL

REOPEN: dict[str, Any] = {
    "name": "school_reopen",
    "purpose": "reopen",
    "language": "es",
    "variables": {
        "1": {"from": "contact.first_name", "otherwise": "¿qué tal?"},
        2: "tenant.name",
        "precio": "{price:EN-INT}",
    },
}


def with_templates(*templates: dict[str, Any], **settings: Any) -> str:
    """Return a complete file with these templates."""
    data = {**FULL, "templates": list(templates), "settings": {**FULL["settings"], **settings}}
    return yaml.safe_dump(data, allow_unicode=True, sort_keys=False)


def test_template_becomes_a_use_with_its_sources() -> None:
    tenant = parse_tenant_file(with_templates(REOPEN, send_templates=True)).tenant
    assert tenant.policy.send_templates
    assert tenant.templates == (
        TemplateUse(
            purpose="reopen",
            language="es",
            name="school_reopen",
            variables={
                "1": TemplateVariable(source="contact.first_name", otherwise="¿qué tal?"),
                "2": TemplateVariable(source="tenant.name"),
                "precio": TemplateVariable(source="{price:EN-INT}"),
            },
        ),
    )


def test_templates_are_not_sent_by_themselves_unless_the_file_says_so() -> None:
    assert not parse_tenant_file(with_templates(REOPEN)).tenant.policy.send_templates


def test_file_reads_back_as_it_was_written() -> None:
    by_sid = {"sid": "HX" + "a" * 32, "purpose": "follow_up", "language": "en"}
    file = parse_tenant_file(with_templates(REOPEN, by_sid))
    assert parse_tenant_file(dump_tenant_file(file)) == file
    assert from_document(to_document(file)) == file


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": None}, "give exactly one of `name`"),
        ({"sid": "HX" + "a" * 32}, "give exactly one of `name`"),
        ({"name": None, "sid": "HX12"}, "should match pattern"),
        ({"purpose": "spam"}, "'reopen', 'price_answer', 'follow_up' or 'appointment'"),
        ({"language": "pt"}, "expected one of `languages` (es, en)"),
        ({"variables": {"1": "contact.phone"}}, "expected one of contact.first_name, contact.name"),
        ({"variables": {"1": "{price:NOPE}"}}, "no such item 'NOPE'; the catalogue has EN-INT"),
        ({"variables": {"1": "{precio:EN-INT}"}}, "unknown kind"),
        ({"variables": {"1": "desde {price:EN-INT}"}}, "one price reference and nothing else"),
        ({"variables": {"1": {"from": "item.name", "else": "x"}}}, "unknown key; expected one of from, otherwise"),
        ({"variables": {"1": {"from": "item.name", "otherwise": "{{2}}"}}}, "braces are reserved"),
        ({"variables": {"a b": "item.name"}}, "should match pattern"),
        ({"variable": {}}, "did you mean `variables`?"),
    ],
)
def test_template_that_cannot_be_meant_is_refused_with_its_place(changes: dict[str, Any], message: str) -> None:
    entry = {key: value for key, value in {**REOPEN, **changes}.items() if value is not None}
    with pytest.raises(Misconfigured) as caught:
        parse_tenant_file(with_templates(entry))
    assert message in str(caught.value)
    assert "templates" in str(caught.value)
    assert "a problem" in str(caught.value)


def test_template_given_twice_for_one_purpose_is_refused() -> None:
    with pytest.raises(Misconfigured, match="school_reopen is given twice for reopen in es"):
        parse_tenant_file(with_templates(REOPEN, deepcopy(REOPEN)))


def test_change_of_a_template_is_named_by_it() -> None:
    old = parse_tenant_file(with_templates(REOPEN))
    new = parse_tenant_file(with_templates({**REOPEN, "variables": {"1": "contact.name"}}))
    changed = [str(change) for change in diff(old, new)]
    assert "+ templates[school_reopen reopen es].variables.1: contact.name" in changed
    assert "- templates[school_reopen reopen es].variables.2: tenant.name" in changed
