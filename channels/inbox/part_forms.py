"""Forms about one part of what a tenant has published: shown, saved, refused without losing what was typed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.store.tenants import get_tenant_file
from agent.tenant.diff import Change, diff_values
from agent.tenant.file import TenantFile, to_document
from agent.tenant.parts import fingerprint, read_part
from agent.tenant.publishing import Outcome, Overtaken, Publisher, Refused, publish_part
from channels.inbox.visit import Visit

CONTROLS = ("csrf", "seen", "action", "kind", "key", "blank")
"""Fields that are not the part's own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PartForm:
    """What a form shows of a part."""

    part: str
    value: Mapping[str, Any]
    """As typed, or else as it is."""
    seen: str
    """Fingerprint of what the member has seen: what they save replaces this and nothing else."""
    errors: Mapping[str, str] = field(default_factory=dict)
    theirs: Sequence[Change] = ()
    """Somebody else was faster: what saving what is typed would change of theirs."""
    is_overtaken: bool = False
    is_saved: bool = False


async def load_file(visit: Visit) -> TenantFile:
    """Return what the member's tenant has published."""
    async with visit.tx() as tx:
        return await get_tenant_file(tx, visit.member.tenant_id)


def show_part(visit: Visit, file: TenantFile, part: str, empty: Mapping[str, Any] | None = None) -> PartForm | None:
    """Return the form of a part as it is, or an empty one; None: there is no such part."""
    value = read_part(to_document(file), part)
    if value is None and empty is None:
        return None
    return PartForm(
        part=part,
        value=empty or {} if value is None else value,
        seen=fingerprint(value),
        is_saved=visit.query("saved") == "1",
    )


async def save_part(visit: Visit, part: str, value: Mapping[str, Any] | None) -> Outcome:
    """Publish what was typed; None removes the part."""
    async with visit.tx() as tx:
        return await publish_part(tx, publisher(visit), part, value, seen=visit.field("seen", longest=64))


def publisher(visit: Visit) -> Publisher:
    """Return the member as who changes what is published."""
    return Publisher(tenant_id=visit.member.tenant_id, actor=visit.member.actor, member_id=visit.member.id)


def after(outcome: Outcome, visit: Visit, part: str, typed: Mapping[str, Any]) -> PartForm | None:
    """Return the form to show again after an attempt to save; None: it is saved."""
    match outcome:
        case Refused():
            return PartForm(
                part=part, value=typed, seen=visit.field("seen", longest=64), errors=_bounded(outcome.problems)
            )
        case Overtaken():
            return PartForm(
                part=part,
                value=typed,
                seen=fingerprint(outcome.now),
                theirs=diff_values(outcome.now, typed),
                is_overtaken=True,
            )
        case _:
            return None


def _bounded(problems: Mapping[str, str]) -> dict[str, str]:
    return dict(list(problems.items())[:40])
