"""Templates: kept in step with the provider by the clock, and shown to operators."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol
from uuid import UUID

import structlog
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from agent.alerts import alert
from agent.errors import NightshiftError
from agent.ports import Deps
from agent.prices import local_date
from agent.settings import Settings
from agent.store import events
from agent.store.db import Tx
from agent.store.templates import list_templates, replace_templates
from agent.store.tenants import list_tenants
from agent.templates.filling import Filling, fill, preview, problems_of
from agent.templates.reopening import find_template
from agent.templates.types import Approval, Template, TemplateUse
from agent.types import Contact, ContactId, Tenant
from channels.twilio_content import TwilioContent
from jobs.wiring import OpenTenant, open_store, open_tenant

NOBODY = ContactId(UUID(int=0))

log = structlog.get_logger(__name__)


class TemplateSource(Protocol):
    """Where templates are asked for."""

    async def list_templates(self) -> tuple[Template, ...]:
        """Return all of the account, or raise."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """A template that a tenant's file lists, with what is wrong with it."""

    use: TemplateUse
    template: Template | None
    problems: tuple[str, ...]

    def as_row(self) -> dict[str, Any]:
        """Return it as JSON-safe data."""
        template = self.template
        return {
            "name": self.use.label,
            "purpose": self.use.purpose,
            "language": self.use.language,
            "sid": template.sid if template else None,
            "category": template.category if template else None,
            "approval": template.approval if template else None,
            "rejection_reason": template.rejection_reason if template else None,
            "text": preview(template, {}) if template else None,
            "samples": dict(template.variables) if template else {},
            "synced_at": template.synced_at.isoformat() if template and template.synced_at else None,
            "problems": list(self.problems),
        }


def list_uses(tenant: Tenant, templates: Sequence[Template]) -> Iterator[Listed]:
    """Yield what a tenant's file lists, in its order, with what the provider knows of each."""
    for use in tenant.templates:
        template = find_template(use, templates)
        yield Listed(use=use, template=template, problems=problems_of(use, template))


async def sync_templates(deps: Deps, source: TemplateSource) -> int:
    """Ask for the account's templates once, and give each tenant those that its file lists; return how many.

    A change of approval becomes an event of its tenant; of one that can no longer be sent, operators hear. When the
    provider cannot be asked, nothing changes.

    Raises:
        Retryable, Misconfigured, Permanent: as `TwilioContent.list_templates`.
    """
    known = await source.list_templates()
    async with deps.db.system() as connection:
        tenants = await list_tenants(connection)
    count = 0
    for each in tenants:
        async with deps.db.tenant(each.id) as tx:
            count += await _sync_tenant(tx, await deps.tenants.get(tx, each.id), known, deps)
    return count


async def _sync_tenant(tx: Tx, tenant: Tenant, known: Sequence[Template], deps: Deps) -> int:
    names, sids = {use.name for use in tenant.templates if use.name}, {use.sid for use in tenant.templates}
    theirs = [template for template in known if template.name in names or template.sid in sids]
    before = {template.sid: template.approval for template in await list_templates(tx)}
    await replace_templates(tx, tenant.id, theirs, deps.now())
    for template in theirs:
        if before.get(template.sid) != template.approval:
            await _report_change(tx, tenant, template, before.get(template.sid))
    return len(theirs)


async def _report_change(tx: Tx, tenant: Tenant, template: Template, was: Approval | None) -> None:
    change = {"template": template.name, "language": template.language, "from": was, "to": template.approval}
    await events.insert_event(tx, tenant.id, "template.approval", actor="twilio", data=change)
    if was in ("approved", "unknown") and template.approval != "approved":
        fix = (
            f"see `nightshift templates list --tenant {tenant.slug}`; another template of the purpose is used meanwhile"
        )
        await alert(tx, "template.lost", {"tenant": tenant.slug, **change}, fix=fix)


async def sync_quietly(deps: Deps) -> None:
    """Do a tick's work: the clock goes on whatever the provider says."""
    source = TwilioContent.from_settings(deps.settings)
    try:
        log.info("templates.synced", templates=await sync_templates(deps, source))
    except NightshiftError as exc:
        log.warning("templates.not_synced", error=str(exc))
    finally:
        await source.aclose()


# --- commands -------------------------------------------------------------------------------------------------


async def run_sync(settings: Settings, slug: str, out: Console, *, as_json: bool) -> None:
    """Ask the provider for all tenants' templates, then list those of one, or of none.

    Raises:
        NightshiftError: the provider could not be asked, or there is no such tenant.
    """
    source = TwilioContent.from_settings(settings)
    try:
        async with open_store(settings, connections=2) as (deps, _):
            count = await sync_templates(deps, source)
    finally:
        await source.aclose()
    if slug:
        await run_list(settings, slug, out, as_json=as_json)
    elif as_json:
        out.print_json(json.dumps({"templates": count}))
    else:
        out.print(f"{count} templates of the account belong to tenants.")


async def run_list(settings: Settings, slug: str, out: Console, *, as_json: bool) -> None:
    """List a tenant's templates as they were when last asked for.

    Raises:
        NightshiftError: there is no such tenant.
    """
    async with open_tenant(settings, slug) as opened:
        listed = await _listed(opened)
    _show(listed, out, as_json=as_json)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """Who a preview is for."""

    name: str = ""
    address: str = ""
    sku: str = ""
    given: tuple[str, ...] = ()
    """`PLACE=VALUE`, as a person would type them in."""


async def run_preview(
    settings: Settings, slug: str, name: str, sample: Sample, out: Console, *, language: str, as_json: bool
) -> None:
    """Fill a template as it would be for a contact, and print what they would read.

    Raises:
        NightshiftError: there is no such tenant, template or item, or it cannot be filled.
    """
    async with open_tenant(settings, slug) as opened:
        listed = await _listed(opened)
        filling = _filling(opened.tenant, sample, opened.deps)
    named = [each for each in listed if name in (each.use.name, each.use.sid)]
    one = next((each for each in named if language in ("", each.use.language)), None)
    if one is None or one.template is None:
        raise NightshiftError(
            f"{slug} has no template {name!r}; `nightshift templates list --tenant {slug}` shows all."
        )
    filled = fill(one.template, one.use, filling)
    text = preview(one.template, filled.variables)
    if as_json:
        out.print_json(json.dumps({**asdict(filled), "text": text, "problems": one.problems}))
        return
    out.print(text, markup=False)
    for problem in one.problems:
        out.print(f"[yellow]It would not be sent:[/yellow] {escape(problem)}")


def _filling(tenant: Tenant, sample: Sample, deps: Deps) -> Filling:
    item = next((each for each in tenant.catalogue if each.sku == sample.sku), None)
    if sample.sku and item is None:
        raise NightshiftError(f"The catalogue of {tenant.slug} has no {sample.sku!r}.")
    pairs = [pair.partition("=") for pair in sample.given]
    return Filling(
        tenant=tenant,
        contact=Contact(id=NOBODY, name=sample.name or None),
        address=sample.address,
        today=local_date(tenant, deps.now()),
        item=item,
        given={place.strip(): value for place, _, value in pairs},
    )


async def _listed(opened: OpenTenant) -> list[Listed]:
    return list(list_uses(opened.tenant, await list_templates(opened.tx)))


def _show(listed: Sequence[Listed], out: Console, *, as_json: bool) -> None:
    if as_json:
        out.print_json(json.dumps([each.as_row() for each in listed]))
        return
    if not listed:
        out.print("The tenant file lists no templates; `templates:` in the example tenant lumen shows how.")
        return
    table = Table("template", "language", "purpose", "category", "state", "asked", "problems")
    for each in listed:
        template = each.template
        table.add_row(
            escape(each.use.label),
            each.use.language,
            each.use.purpose,
            template.category if template else "",
            template.approval if template else "[red]unknown[/red]",
            f"{template.synced_at:%Y-%m-%d %H:%M}" if template and template.synced_at else "",
            escape("; ".join(each.problems)) or "[green]none[/green]",
        )
    out.print(table)
