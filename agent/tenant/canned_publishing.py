"""Changing canned replies: checked so that each can be sent as it is, compared with what was seen, recorded."""

import re
from collections.abc import Mapping

from agent.prices import PriceReferenceError, find_references
from agent.staff.canned import VARIABLES, VariableError, fill
from agent.store.canned_replies import delete_canned, find_canned_body, save_canned
from agent.store.db import Tx
from agent.store.settings_changes import lock_published
from agent.tenant.parts import fingerprint
from agent.tenant.publishing import Outcome, Overtaken, Published, Publisher, Refused, record_change
from agent.types import Tenant

PART = "canned"
LONGEST = 4000
_SHORTCUT = re.compile(r"[a-z0-9_-]{1,40}")
_SAMPLE = dict.fromkeys(VARIABLES, "x")


async def publish_canned(
    tx: Tx, by: Publisher, shortcut: str, body: Mapping[str, str] | None, *, seen: str, tenant: Tenant
) -> Outcome:
    """Make a canned reply what is given; None removes it. `seen`: fingerprint of its texts as they saw them."""
    await lock_published(tx, by.tenant_id)
    before = await find_canned_body(tx, shortcut)
    if fingerprint(before) != seen:
        return Overtaken(now=before)
    if body is not None and (problems := check_canned(shortcut, body, tenant)):
        return Refused(problems=problems)
    if body == before:
        return Published(changed=False)
    if body is None:
        await delete_canned(tx, shortcut)
    else:
        await save_canned(tx, by.tenant_id, shortcut, body)
    await record_change(tx, by, f"{PART}/{shortcut}", before, body)
    return Published(changed=True)


def check_canned(shortcut: str, body: Mapping[str, str], tenant: Tenant) -> dict[str, str]:
    """Return what is wrong with a canned reply, by field."""
    problems = {}
    if not _SHORTCUT.fullmatch(shortcut):
        problems["shortcut"] = "expected up to 40 of a-z, 0-9, - and _"
    if not body:
        problems[f"body.{tenant.default_language}"] = "is required"
    for language, text in body.items():
        if problem := _problem_of(text, language, tenant):
            problems[f"body.{language}"] = problem
    return problems


def _problem_of(text: str, language: str, tenant: Tenant) -> str:
    if language not in tenant.languages:
        return f"expected one of {', '.join(tenant.languages)}"
    if len(text) > LONGEST:
        return f"has {len(text)} characters; at most {LONGEST} fit"
    try:
        references = find_references(fill(text, _SAMPLE))
    except (VariableError, PriceReferenceError) as exc:
        return str(exc)
    skus = {item.sku for item in tenant.catalogue}
    unknown = [each.raw for each in references if each.sku not in skus]
    return f"{unknown[0]}: there is no such item" if unknown else ""
