"""Builds what the inbox needs beside the database: guardrails, and models and traces where they are configured."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from agent.audit import AuditedText, audit
from agent.audit_tenants import AuditedTenant
from agent.errors import Misconfigured
from agent.guardrails.rule import Rule
from agent.ports import Deps, StaffDeps, Tracer
from agent.settings import Settings
from agent.tenant.file import load_tenant_file
from jobs.wiring import build_staff_deps, example_tenants, utc_now

if TYPE_CHECKING:
    from agent.models.desk import ClaudeDesk

log = structlog.get_logger(__name__)


@asynccontextmanager
async def open_desk(deps: Deps) -> AsyncIterator[StaffDeps]:
    """Open what the inbox needs. Without a model, staff are told what they cannot have."""
    desk = await asyncio.to_thread(_load_desk, deps.settings)
    tracer = await asyncio.to_thread(_load_tracer, deps.settings)
    staff = build_staff_deps(deps, desk=desk, tracer=tracer)
    preparing = asyncio.create_task(asyncio.to_thread(_compile_patterns, staff.rules))
    try:
        yield staff
    finally:
        await preparing
        if desk is not None:
            await desk.aclose()
        if tracer is not None:
            await asyncio.to_thread(tracer.shutdown)


def _compile_patterns(rules: Sequence[Rule]) -> None:
    """Check a text in each language: patterns compile when first needed, for which no reviewer should have to wait."""
    tenant = load_tenant_file(example_tenants() / "lumen.yaml").tenant
    audited = AuditedTenant(tenant=tenant, as_of=utc_now().date())
    for language in tenant.languages:
        audit(AuditedText(text="Hola, 399 € · 9:30", language=language, channel="email"), audited, rules)


def _load_desk(settings: Settings) -> "ClaudeDesk | None":
    """Return Claude at the service of staff; None where it is not configured, or wrongly.

    Webhooks are answered by the same process: they must not be lost because a model's name is wrong.
    """
    if not settings.has_models:
        return None
    # The SDK takes seconds to import, which nobody without a model need wait for.
    from agent.models.desk import ClaudeDesk  # noqa: PLC0415
    from agent.models.providers import build_gateway  # noqa: PLC0415
    from agent.prompts import Prompts  # noqa: PLC0415

    try:
        gateway = build_gateway(settings, now=utc_now)
    except Misconfigured as exc:
        log.warning("inbox.no_models", problem=exc.problem, fix=exc.fix)
        return None
    timeout_s = settings.nightshift_model_timeout_s
    return ClaudeDesk(gateway, prompts=Prompts.load(), now=utc_now, timeout_s=timeout_s)


def _load_tracer(settings: Settings) -> Tracer | None:
    """Return the tracer of the configured Langfuse projects; None where there is none."""
    if not settings.has_traces:
        return None
    from agent.tracing.projects import build_tracer  # noqa: PLC0415 — as above

    return build_tracer(settings)
