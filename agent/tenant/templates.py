"""The `templates:` of a tenant file: what only the whole file can show of them, and their way in and out."""

from collections.abc import Iterator
from typing import Any

from agent.prices import find_references
from agent.templates.types import TemplateUse, TemplateVariable
from agent.tenant.schema import TemplateEntry, TenantEntry
from agent.tenant.yaml import Problem


def check_templates(entry: TenantEntry) -> Iterator[Problem]:
    """Yield what is wrong with the templates of a well-formed file."""
    skus = {item.sku for item in entry.catalogue}
    seen: set[tuple[str, ...]] = set()
    for place, each in enumerate(entry.templates):
        if each.language not in entry.languages:
            yield Problem(
                ("templates", place, "language"), f"expected one of `languages` ({', '.join(entry.languages)})"
            )
        key = (each.name or each.sid or "", each.purpose, each.language)
        if key in seen:
            yield Problem(("templates", place), f"{key[0]} is given twice for {each.purpose} in {each.language}")
        seen.add(key)
        for name, variable in each.variables.items():
            for reference in find_references(variable.source):
                if reference.sku not in skus:
                    known = ", ".join(sorted(skus)) or "nothing"
                    message = f"no such item {reference.sku!r}; the catalogue has {known}"
                    yield Problem(("templates", place, "variables", name), message)


def to_use(entry: TemplateEntry) -> TemplateUse:
    """Return an entry as the tenant keeps it."""
    return TemplateUse(
        purpose=entry.purpose,
        language=entry.language,
        name=entry.name or "",
        sid=entry.sid or "",
        variables={
            name: TemplateVariable(source=each.source, otherwise=each.otherwise)
            for name, each in entry.variables.items()
        },
    )


def to_entry(use: TemplateUse) -> dict[str, Any]:
    """Return a template in the shape of the file."""
    stated = {"name": use.name} if use.name else {"sid": use.sid}
    return {
        **stated,
        "purpose": use.purpose,
        "language": use.language,
        "variables": {
            name: {"from": each.source, "otherwise": each.otherwise} if each.otherwise else each.source
            for name, each in use.variables.items()
        },
    }
