"""What a worker does for Langfuse beside its work: scores are sent, lost traces told again, and losses counted.

None of this is waited for by a turn. Langfuse may be away for as long as it likes: scores wait in the database.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog

from agent.ports import AgentDeps
from agent.settings import LangfuseProject
from agent.store import scores, traces
from agent.store.prompt_links import list_links
from agent.store.scores import DueScore
from agent.tracing.langfuse_api import LangfuseApi, LangfuseRefused, LangfuseUnavailable
from agent.tracing.masking import hide_names, mask_text, name_parts
from agent.tracing.retelling import retell
from agent.types import TenantId

SETTLE_S = 2.0
SCORE_S = 2.0
RETELL_S = 15.0
LEARN_S = 60.0
RETRY_SCORE_S = 15.0
SCORES_AT_ONCE = 100
WAITS_FOR_TRACE = timedelta(days=2)
"""How long a score waits for a trace that has not arrived. Later it never will: see `UNTOLD_WITHIN_S`."""
UNTOLD_AFTER_S = 60.0
UNTOLD_WITHIN_S = 24 * 3600.0
"""Turns that ended longer ago are not told again: Langfuse was not configured then, or was away for a day."""
RETOLD_AT_ONCE = 50
MAX_COMMENT = 500

log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class LangfuseWork:
    """One worker's share of it."""

    deps: AgentDeps
    retry_score_s: float = RETRY_SCORE_S
    untold_after_s: float = UNTOLD_AFTER_S
    _is_well: bool = True
    _apis: dict[str, LangfuseApi] = field(default_factory=dict)

    async def settle_traces(self) -> None:
        """Note what has become of the traces this process has sent, and count what it lost."""
        fates = self.deps.tracer.fates()
        self._is_well = fates.is_well
        self.deps.metrics.lost_spans.inc(fates.lost)
        by_state: dict[traces.TraceState, list[UUID]] = defaultdict(list)
        for turn_id, state in fates.states.items():
            by_state[state].append(turn_id)
        async with self.deps.db.system() as tx:
            for state, turn_ids in by_state.items():
                await traces.mark_traces(tx, turn_ids, state)

    async def learn_prompts(self) -> None:
        """Learn which versions in Langfuse our prompts are, as `nightshift prompts push` has left it."""
        async with self.deps.db.system() as tx:
            self.deps.tracer.link_prompts(await list_links(tx))

    async def send_scores(self) -> int:
        """Send the scores that are due, and whose trace has arrived; return how many were taken."""
        if not (self.deps.settings.langfuse_project or self.deps.settings.langfuse_projects):
            return 0
        async with self.deps.db.system() as tx:
            claimed = await scores.claim_due_scores(tx, retry_s=self.retry_score_s, limit=SCORES_AT_ONCE)
        by_tenant: dict[TenantId, list[UUID]] = defaultdict(list)
        for tenant_id, score_id in claimed:
            by_tenant[tenant_id].append(score_id)
        return sum([await self._send_of(tenant_id, ids) for tenant_id, ids in by_tenant.items()])

    async def _send_of(self, tenant_id: TenantId, ids: Sequence[UUID]) -> int:
        async with self.deps.db.tenant(tenant_id) as tx:
            due = await scores.list_sendable(tx, ids)
            await scores.give_up_old_scores(tx, ids, before=self.deps.now() - WAITS_FOR_TRACE)
        project = self.deps.settings.langfuse_project_of(due[0].tenant) if due else None
        if project is None:
            return 0
        try:
            refused = await self._refused_of(due, project)
        except (LangfuseUnavailable, LangfuseRefused) as exc:
            log.warning("langfuse.scores_wait", scores=len(due), error=str(exc))
            return 0
        async with self.deps.db.tenant(tenant_id) as tx:
            for score in due:
                await scores.settle_score(tx, score, at=self.deps.now(), error=refused.get(score.id, ""))
        return len(due) - len(refused)

    async def _refused_of(self, due: Sequence[DueScore], project: LangfuseProject) -> dict[UUID, str]:
        """Hand scores over; return those that Langfuse will not have, and why.

        Raises:
            LangfuseUnavailable: it is away. LangfuseRefused: the keys are wrong.
        """
        api = self._api(project)
        wire = {score.id: self._wire(score) for score in due}
        if await api.post_scores(list(wire.values())) == len(wire):
            return {}
        refused = {}
        for score_id, each in wire.items():  # it does not say which; the same id again is the same score
            if await api.post_scores([each]) == 0:
                refused[score_id] = "Langfuse refused it"
        return refused

    def _wire(self, score: DueScore) -> dict[str, Any]:
        """Return a score as Langfuse takes it. Its SDK masks nothing of a score."""
        return {
            "id": str(score.id),
            "traceId": score.trace_id,
            "name": score.name,
            "value": mask_text(score.value, MAX_COMMENT) if isinstance(score.value, str) else score.value,
            "dataType": "CATEGORICAL" if isinstance(score.value, str) else "NUMERIC",
            "comment": hide_names(mask_text(score.comment, MAX_COMMENT), name_parts(score.contact_name)) or None,
            "environment": self.deps.settings.nightshift_environment,
            "timestamp": score.at.isoformat(),
        }

    async def retell_lost(self) -> int:
        """Tell traces again that never arrived, while Langfuse takes what it is sent; return how many."""
        if not (self.deps.settings.has_traces and self._is_well):
            return 0
        async with self.deps.db.system() as tx:
            untold = await traces.claim_untold(
                tx, after_s=self.untold_after_s, within_s=UNTOLD_WITHIN_S, limit=RETOLD_AT_ONCE
            )
        for tenant_id, turn_id in untold:
            await retell(tenant_id, turn_id, self.deps)
        if untold:
            log.info("langfuse.told_again", traces=len(untold))
        return len(untold)

    async def aclose(self) -> None:
        """Release connections."""
        for api in self._apis.values():
            await api.aclose()

    def _api(self, project: LangfuseProject) -> LangfuseApi:
        if project.public_key not in self._apis:
            self._apis[project.public_key] = LangfuseApi(project)
        return self._apis[project.public_key]
