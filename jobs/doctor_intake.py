"""What `nightshift doctor` says of messages on their way in: kept on this host's disk, or missed and asked for."""

import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from agent.errors import Misconfigured
from agent.settings import Settings
from agent.store.sweeps import SweptAccount
from channels.spool import Spool, SpoolState
from jobs.finding import Finding

SOON = timedelta(minutes=1)
"""What waits on disk for longer is not being drained."""
FULL = 0.9
MISSED_SWEEPS, PATIENCE = 3, timedelta(minutes=5)
"""So many sweeps left out, and what a sweep leaves to webhooks, mean that nobody sweeps."""


def check_spool(settings: Settings, now: datetime) -> list[Finding]:
    """Look at the directory where webhooks are kept while PostgreSQL is away."""
    try:
        spool = Spool.from_settings(settings)
        state, reasons = spool.measure(), spool.reasons()
    except Misconfigured as exc:
        return [Finding(level="bad", subject="spool", text=exc.problem, fix=exc.fix)]
    said = [*_waiting(state, now), *_set_aside(settings, state, reasons), *_room(settings, state)]
    return said or [Finding(level="ok", subject="spool", text=f"nothing waits in {settings.spool_directory}")]


def _waiting(state: SpoolState, now: datetime) -> Iterator[Finding]:
    if state.oldest_at is not None:
        late = now - state.oldest_at > SOON
        yield Finding(
            level="bad" if late else "note",
            subject="spool",
            text=f"{state.files} webhooks ({_mb(state.bytes)}) wait on disk, the oldest since {_utc(state.oldest_at)}",
            fix="They are processed when PostgreSQL answers and `nightshift web` runs here; see its log.",
        )


def _set_aside(settings: Settings, state: SpoolState, reasons: dict[str, str]) -> Iterator[Finding]:
    if state.set_aside:
        example = next(iter(reasons.values()), "no reason was written down")
        yield Finding(
            level="bad",
            subject="spool",
            text=f"{state.set_aside} acknowledged webhooks could not be processed, for example: {example[:200]}",
            fix=f"Look into {settings.spool_directory / 'aside'}: mend the cause and move a file up one directory to "
            "have it tried again, or delete it with its reason.",
        )


def _room(settings: Settings, state: SpoolState) -> Iterator[Finding]:
    most = settings.nightshift_spool_max_mb * 2**20
    used = max((state.files + state.set_aside) / settings.nightshift_spool_max_files,
               (state.bytes + state.aside_bytes) / most)  # fmt: skip
    if used >= FULL:
        yield Finding(
            level="bad",
            subject="spool",
            text=f"it is {used:.0%} full; beyond that, webhooks are refused while PostgreSQL is away",
            fix="Empty its directory `aside`, or raise NIGHTSHIFT_SPOOL_MAX_MB and NIGHTSHIFT_SPOOL_MAX_FILES.",
        )
    free = shutil.disk_usage(settings.spool_directory).free
    if free < most - state.bytes - state.aside_bytes:
        yield Finding(
            level="note",
            subject="spool",
            text=f"its disk has {_mb(free)} left, less than it may take",
            fix="Make room, set NIGHTSHIFT_SPOOL to another disk, or lower NIGHTSHIFT_SPOOL_MAX_MB.",
        )


def check_sweeps(settings: Settings, accounts: Sequence[SweptAccount], now: datetime) -> Iterator[Finding]:
    """Look whether the provider is asked for messages whose webhook failed."""
    if not accounts or not (settings.twilio_account_sid and settings.twilio_auth_token):
        return
    for each in accounts:
        if each.problem:
            yield Finding(
                level="bad",
                subject="missed messages",
                text=f"{each.channel} {each.address} cannot be asked for: {each.problem}",
                fix="Until it can, messages whose webhook failed stay unseen. Mend it and run `nightshift sweep`.",
            )
    oldest = min(each.swept_until for each in accounts)
    if now - oldest > MISSED_SWEEPS * timedelta(minutes=settings.nightshift_sweep_min) + PATIENCE:
        yield Finding(
            level="bad",
            subject="missed messages",
            text=f"Twilio has not been asked for messages whose webhook failed since {_utc(oldest)}",
            fix="Start `nightshift clock`, or run `nightshift sweep` now.",
        )
    elif not any(each.problem for each in accounts):
        yield Finding(level="ok", subject="missed messages", text=f"asked for, up to {_utc(oldest)}")


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _mb(size: int) -> str:
    return f"{size / 2**20:.1f} MB"
