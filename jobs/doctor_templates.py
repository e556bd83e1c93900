"""What `nightshift doctor` says of message templates: those that tenants list and that could not be sent now."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from agent.ports import Deps
from agent.store.db import Tx
from agent.store.templates import list_templates
from agent.store.tenants import list_tenants
from jobs.finding import Finding
from jobs.templates import Listed, list_uses

MISSED_SYNCS = 3
"""So many left out mean that nobody asks."""


async def check_templates(deps: Deps, connection: Tx) -> list[Finding]:
    """Look at every tenant's templates as they were when last asked for."""
    findings: list[Finding] = []
    patience = timedelta(minutes=deps.settings.nightshift_templates_sync_min * MISSED_SYNCS)
    for each in await list_tenants(connection):
        async with deps.db.tenant(each.id) as tx:
            tenant = await deps.tenants.get(tx, each.id)
            listed = list(list_uses(tenant, await list_templates(tx)))
        findings += say_of_templates(each.slug, listed, oldest_fresh=deps.now() - patience)
    return findings


def say_of_templates(slug: str, listed: Sequence[Listed], *, oldest_fresh: datetime) -> Iterator[Finding]:
    """Yield what is wrong with a tenant's templates, or that nothing is; nothing where it lists none."""
    subject = f"templates of {slug}"
    if not listed:
        return
    for each in listed:
        if each.problems:
            fix = "Mend it in Twilio's console or in the tenant file, then run `nightshift templates sync`."
            text = f"{each.use.label} ({each.use.language}) is not sent: {'; '.join(each.problems)}"
            yield Finding(level="note", subject=subject, text=text, fix=fix)
    asked = [each.template.synced_at for each in listed if each.template and each.template.synced_at]
    if asked and min(asked) < oldest_fresh:
        text = f"Twilio was last asked for them at {min(asked):%Y-%m-%d %H:%M} UTC"
        yield Finding(level="bad", subject=subject, text=text, fix="Is `nightshift clock` running? See its log.")
    elif not any(each.problems for each in listed):
        yield Finding(level="ok", subject=subject, text=f"{len(listed)}, all approved")
