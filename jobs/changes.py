"""The commands about versions, rollouts and the trust dial."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from agent.errors import BadRequest, NightshiftError
from agent.rollouts.criteria import MEASURES, Criterion
from agent.rollouts.rollout import Terms, findings_of, start_rollout, stop_rollout
from agent.rollouts.versions import POLICIES, THRESHOLDS, Version, current_version, keep_version, policy_of, version_of
from agent.settings import Settings
from agent.store import rollouts, versions
from agent.store.rollouts import RolloutRow
from agent.store.tenants import get_tenant_file
from agent.store.trust import Reviewed
from agent.tenant.file import TenantFile, check_document, to_document
from agent.trust.moving import Place, list_standings, move_trust
from agent.types import ModelTier, TrustLevel
from jobs.wiring import OpenTenant, open_tenant, utc_now

ACTOR = "operator (command line)"
TIERS: tuple[ModelTier, ...] = ("fast", "standard", "expert")


@dataclass(frozen=True, kw_only=True, slots=True)
class Changed:
    """In what a new version differs from the current one, as it was typed."""

    prompts: Path | None = None
    models: tuple[str, ...] = ()
    """`TIER=NAME` each."""
    values: tuple[str, ...] = ()
    """`FIELD=VALUE` each, the value in JSON."""
    note: str = ""


# --- versions ----------------------------------------------------------------------------------------------


async def run_list_versions(settings: Settings, slug: str, out: Console, *, as_json: bool) -> None:
    """List a tenant's versions.

    Raises:
        NightshiftError: there is no such tenant.
    """
    async with open_tenant(settings, slug) as opened:
        current = await current_version(opened.tx, opened.tenant, opened.deps.release)
        found = await versions.list_versions(opened.tx, opened.tenant.id)
    if as_json:
        out.print_json(json.dumps({"current": current.digest, "versions": [asdict(v) for v in found]}, default=str))
        return
    table = Table("version", "since (UTC)", "turns", "models", "note")
    for each in found:
        name = f"{each.digest} (current)" if each.digest == current.digest else each.digest
        models = ", ".join(each.models.values()) or "local"
        table.add_row(name, f"{each.created_at:%Y-%m-%d %H:%M}", str(each.turns), models, each.note)
    out.print(f"current version: {current.digest}", markup=False)
    if found:
        out.print(table)


async def run_add_version(settings: Settings, slug: str, changed: Changed, out: Console) -> None:
    """Store a version that differs from the current one, and print its name.

    Raises:
        NightshiftError: there is no such tenant, or what is changed is unknown or not valid.
    """
    async with open_tenant(settings, slug) as opened:
        version = await _changed_version(opened, changed)
        await keep_version(opened.tx, opened.tenant.id, version, changed.note)
    out.print(version.digest, markup=False)
    out.print(f"next: nightshift evaluate --tenant {slug} --version {version.digest}", markup=False)


async def _changed_version(opened: OpenTenant, changed: Changed) -> Version:
    current = await current_version(opened.tx, opened.tenant, opened.deps.release)
    release = current.release
    if changed.prompts is not None:
        files = {
            f"{path.parent.name}/{path.name}": path.read_text("utf-8")
            for path in sorted(changed.prompts.glob("*/*.md"))
        }
        if unknown := files.keys() - release.prompts.keys():
            raise NightshiftError(f"{', '.join(sorted(unknown))}: no prompt has that name; see the folder `prompts/`.")
        release = replace(release, prompts={**release.prompts, **files})
    if changed.models:
        from agent.models.engines import check_models  # noqa: PLC0415 — imports the SDK, which takes a second

        release = replace(release, models={**release.models, **_pairs(changed.models, TIERS, "tier")})  # type: ignore[dict-item]  # _pairs knows tiers only
        check_models(release, utc_now)
    values = {name: _json(value) for name, value in _pairs(changed.values, (*THRESHOLDS, *POLICIES), "field").items()}
    file = await get_tenant_file(opened.tx, opened.tenant.id)
    wanted = replace(
        current,
        thresholds={**current.thresholds, **{name: values[name] for name in THRESHOLDS if name in values}},
        policies={**current.policies, **{name: values[name] for name in POLICIES if name in values}},
    )
    try:
        policy = policy_of(wanted, file.tenant.policy)
    except ValidationError as exc:
        raise NightshiftError(f"A value does not fit: {exc.errors()[0]['msg']}.") from exc
    checked = check_document(to_document(replace(file, tenant=replace(file.tenant, policy=policy))))
    if not isinstance(checked, TenantFile):
        raise NightshiftError(f"A value does not fit: {checked[0]}.")
    version = version_of(release, policy)
    if version.digest == current.digest:
        raise NightshiftError("That is the current version: change something.")
    return version


def _pairs(given: Sequence[str], known: Sequence[str], what: str) -> dict[str, str]:
    found = dict(each.partition("=")[::2] for each in given)
    if unknown := found.keys() - {*known}:
        raise NightshiftError(f"{', '.join(sorted(unknown))}: no such {what}; there are {', '.join(known)}.")
    return found


def _json(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError as exc:
        raise NightshiftError(f"{value!r} is not JSON: write 0.6, true, null or a list in quotes.") from exc


# --- rollouts ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """The terms of a rollout as they were typed: each criterion `MEASURE` or `MEASURE=POINTS`."""

    criteria: tuple[str, ...]
    share_percent: int
    hold_hours: int
    min_exposed: int


def read_terms(asked: Asked) -> Terms:
    """Return the terms of a rollout.

    Raises:
        BadRequest: a measure is unknown, or its points are no number.
    """
    return Terms(
        criteria=tuple(map(read_criterion, asked.criteria)),
        share_percent=asked.share_percent,
        hold_hours=asked.hold_hours,
        min_exposed=asked.min_exposed,
    )


def read_criterion(text: str) -> Criterion:
    """Return a criterion of `MEASURE` or `MEASURE=POINTS`.

    Raises:
        BadRequest: the measure is unknown, or its points are no number.
    """
    measure, _, points = text.partition("=")
    known = next((name for name in MEASURES if name == measure.strip()), None)
    if known is None:
        raise BadRequest(f"There is no measure {measure!r}; there are {', '.join(MEASURES)}.")
    try:
        return Criterion(measure=known, tolerance=float(points.replace(",", ".") or 0) / 100)
    except ValueError as exc:
        raise BadRequest(f"{text}: the points must be a number from 0 to below 100.") from exc


async def run_start_rollout(settings: Settings, slug: str, digest: str, asked: Asked, out: Console) -> None:
    """Start a rollout.

    Raises:
        RolloutRefused: it cannot be started; says why.
        NightshiftError: there is no such tenant, or a criterion is none.
    """
    terms = read_terms(asked)
    async with open_tenant(settings, slug) as opened:
        row = await start_rollout(opened.tx, opened.tenant, digest, terms, actor=ACTOR, deps=opened.deps)
    out.print(
        f"{row.version} answers {row.share_percent} % of conversations, for {row.hold_hours} hours at least; "
        f"`nightshift rollout status --tenant {slug}` shows how it does.",
        markup=False,
    )


async def run_rollout_status(settings: Settings, slug: str, out: Console, *, as_json: bool) -> None:
    """Show a tenant's rollouts.

    Raises:
        NightshiftError: there is no such tenant.
    """
    async with open_tenant(settings, slug) as opened:
        found = await rollouts.list_rollouts(opened.tx, opened.tenant.id)
    if as_json:
        out.print_json(json.dumps([asdict(each) for each in found], default=str))
        return
    if not found:
        out.print("There has been no rollout.")
    for each in found:
        exposed = each.looks[-1] if each.looks else 0
        out.print(
            f"{each.version} {each.state} · {each.share_percent} % since {each.started_at:%Y-%m-%d %H:%M} UTC · "
            f"{exposed} conversations seen{f' · {each.reason}' if each.reason else ''}",
            markup=False,
        )
    if found and found[0].findings:
        out.print(_findings(found[0]))


def _findings(row: RolloutRow) -> Table:
    table = Table("criterion", "new", "current", "difference", "interval", "broken")
    for each in findings_of(row):
        difference = each.difference
        table.add_row(
            each.criterion.measure,
            f"{each.candidate.mean:.1%}",
            f"{each.control.mean:.1%}",
            f"{difference.value:+.1%}",
            f"{difference.low:+.1%} … {difference.high:+.1%}",
            "yes" if difference.is_breach else "no",
        )
    return table


async def run_stop_rollout(settings: Settings, slug: str, reason: str, out: Console) -> None:
    """Stop the rollout under way.

    Raises:
        RolloutRefused: there is none.
        NightshiftError: there is no such tenant.
    """
    async with open_tenant(settings, slug) as opened:
        row = await stop_rollout(opened.tx, opened.tenant, ACTOR, opened.deps, reason=reason)
    out.print(f"Stopped: every conversation has version {row.base} again.", markup=False)


# --- the trust dial ----------------------------------------------------------------------------------------


async def run_show_trust(settings: Settings, slug: str, out: Console, *, as_json: bool) -> None:
    """Show where the dial stands.

    Raises:
        NightshiftError: there is no such tenant.
    """
    async with open_tenant(settings, slug) as opened:
        standings = await list_standings(opened.tx, opened.tenant, ("whatsapp", "sms", "email"), opened.deps)
    if as_json:
        out.print_json(json.dumps([asdict(each) for each in standings], default=str))
        return
    table = Table("channel", "intent", "level", "drafts reviewed", "sent", "changed")
    for each in standings:
        if not each.place.intent or each.is_own or each.reviewed.drafts:
            table.add_row(
                each.place.channel, each.place.intent or "(all others)", each.level, *_reviewed(each.reviewed)
            )
    out.print(table)


def _reviewed(reviewed: Reviewed) -> tuple[str, str, str]:
    if not reviewed.drafts:
        return "0", "", ""
    return str(reviewed.drafts), f"{reviewed.approval:.0%}", f"{reviewed.distance:.0%}"


async def run_set_trust(settings: Settings, slug: str, place: Place, level: TrustLevel, out: Console) -> None:
    """Move the dial.

    Raises:
        TrustRefused: it would give more freedom than has been earned; says what is wanting.
        NightshiftError: there is no such tenant.
    """
    async with open_tenant(settings, slug) as opened:
        before = await move_trust(opened.tx, opened.tenant, place, level, actor=ACTOR, deps=opened.deps)
    out.print(f"{place.channel}{f' {place.intent}' if place.intent else ''}: {before} → {level}", markup=False)
