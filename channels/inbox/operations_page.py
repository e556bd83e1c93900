"""Operations: how the agent is doing, now and over time.

All numbers are the member's tenant's, read under their claims. What belongs to the installation (models, workers, the
spool) is shown to managers, without secrets and without any other tenant's data.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from starlette.responses import Response

from agent.store import operations, runs, standing, waiting
from agent.store.db import Tx
from agent.store.operations import Backlog, ReportedCircuit
from agent.store.runs import WorkCount, WorkState
from agent.store.standing import SenderStanding, Standing
from agent.store.waiting import Outage
from agent.tracing.masking import mask_text
from channels.inbox.drift_view import load_drift
from channels.inbox.navigation import N_
from channels.inbox.operations_figures import RANGE_LABELS, load_figures
from channels.inbox.pages import Page
from channels.inbox.visit import Visit
from channels.spool import Spool, SpoolState

CIRCUITS: Mapping[str, str] = {
    "closed": N_("answers"),
    "half_open": N_("is being tried"),
    "open": N_("does not answer"),
    "capped": N_("its spending limit is reached"),
}
WORK: Mapping[WorkState, str] = {
    "queued": N_("To be taken"),
    "running": N_("Being worked on"),
    "waiting": N_("Waiting for a model"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Installation:
    """What all tenants share."""

    workers: int
    backlog: Backlog
    outage: Outage | None
    waiting: int
    circuits: Sequence[ReportedCircuit]
    spool: SpoolState
    """Of this host."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NowView:
    """How things stand."""

    work: Sequence[WorkCount]
    standing: Standing
    senders: Sequence[SenderStanding]
    installation: Installation | None
    """None: not for this member."""

    @property
    def counted(self) -> Sequence[tuple[str, str, WorkCount | None]]:
        """Each state of a turn that has not ended, its label, and how many there are; None: none."""
        found = {each.state: each for each in self.work}
        return [(state, label, found.get(state)) for state, label in WORK.items()]

    @property
    def troubled(self) -> Sequence[SenderStanding]:
        """The numbers with which something is wrong."""
        return [each for each in self.senders if each.trouble or each.sweep_problem]


async def show(visit: Visit) -> Response:
    """Show the page."""
    async with visit.tx() as tx:
        figures = await load_figures(tx, visit)
        now = await _load_now(tx, visit)
        drift = await load_drift(tx, visit)
    return visit.page("operations.html", figures=figures, now=now, drift=drift, ranges=RANGE_LABELS, circuits=CIRCUITS)


async def show_now(visit: Visit) -> Response:
    """Show how things stand: the part that follows what happens."""
    async with visit.tx() as tx:
        now = await _load_now(tx, visit)
    return visit.page("_operations_now.html", now=now, circuits=CIRCUITS)


async def _load_now(tx: Tx, visit: Visit) -> NowView:
    return NowView(
        work=await runs.count_work(tx),
        standing=await standing.read_standing(tx, visit.deps.now()),
        senders=await standing.list_senders(tx),
        installation=await _load_installation(visit) if visit.member.may("manager") else None,
    )


async def _load_installation(visit: Visit) -> Installation:
    async with visit.deps.db.system() as connection:
        outage = await waiting.find_outage(connection)
        return Installation(
            workers=await operations.count_workers(connection),
            backlog=await operations.read_backlog(connection),
            outage=replace(outage, reason=mask_text(outage.reason)) if outage else None,
            waiting=sum(each.turns for each in await waiting.list_waiting(connection)),
            circuits=[
                replace(each, error=mask_text(each.error)) for each in await operations.list_circuits(connection)
            ],
            spool=await asyncio.to_thread(Spool.from_settings(visit.deps.settings).measure),
        )


PAGES = (
    Page(method="GET", path="/inbox/operations", answer=show),
    Page(method="GET", path="/inbox/operations/now", answer=show_now),
)
"""Its addresses."""
