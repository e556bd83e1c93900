"""Measurements of versions, what came of each case, what they cost, and the hold that stops promotion (P10)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from psycopg.types.json import Jsonb

from agent.ids import new_id
from agent.store.db import Tx, fetch_one
from agent.types import TenantId

RunState = Literal["pending", "running", "done", "failed", "skipped"]
Cause = Literal["command", "night", "staff", "rollout"]
RunKind = Literal["labelled", "simulated"]
MOST_SHOWN = 100

_RUN = """id, version, state, kind, cause, set_name, figures, cost_microusd, reference_id, has_dropped, error,
          started_at, finished_at"""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRow:
    """One measurement of one version."""

    id: UUID
    version: str
    state: RunState
    kind: RunKind
    cause: Cause
    set_name: str
    figures: Mapping[str, Any]
    cost_microusd: int
    reference_id: UUID | None
    has_dropped: bool
    error: str
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    """Why no version and no channel of a tenant may be moved up."""

    id: UUID
    run_id: UUID | None
    reason: str
    created_at: datetime


async def insert_run(
    tx: Tx,
    tenant_id: TenantId,
    *,
    version: str,
    cause: Cause,
    set_name: str,
    at: datetime,
    kind: RunKind = "labelled",
) -> UUID:
    """Ask for a run, or begin one; returns its id."""
    run_id = new_id()
    await tx.execute(
        """insert into eval_runs (id, tenant_id, version, state, kind, cause, set_name, figures, started_at)
           values (%s, %s, %s, 'pending', %s, %s, %s, '{}', %s)""",
        (run_id, tenant_id, version, kind, cause, set_name, at),
    )
    return run_id


async def begin_run(tx: Tx, run_id: UUID, version: str) -> bool:
    """Begin a run that was asked for, or one whose worker has died; False: it has ended, or there is none.

    That nobody else works on it is the queue's promise: a job is one worker's, until that one is gone.
    """
    cursor = await tx.execute(
        "update eval_runs set state = 'running', version = %s where id = %s and state in ('pending', 'running')",
        (version, run_id),
    )
    return cursor.rowcount == 1


async def insert_result(
    tx: Tx, tenant_id: TenantId, run_id: UUID, *, key: str, kind: str, result: Mapping[str, Any], cost_microusd: int
) -> None:
    """Keep what came of a case, and count what it cost; a case that is there already is replaced."""
    await tx.execute(
        """insert into eval_results (run_id, case_key, tenant_id, kind, result) values (%s, %s, %s, %s, %s)
           on conflict (run_id, case_key) do update set result = excluded.result""",
        (run_id, key, tenant_id, kind, Jsonb(dict(result))),
    )
    await add_cost(tx, run_id, cost_microusd)


async def add_cost(tx: Tx, run_id: UUID, cost_microusd: int) -> None:
    """Count what a run has cost."""
    if cost_microusd:
        await tx.execute(
            "update eval_runs set cost_microusd = cost_microusd + %s where id = %s", (cost_microusd, run_id)
        )


async def finish_run(
    tx: Tx,
    run_id: UUID,
    state: Literal["done", "failed", "skipped"],
    *,
    at: datetime,
    figures: Mapping[str, Any] | None = None,
    reference_id: UUID | None = None,
    has_dropped: bool = False,
    error: str = "",
) -> None:
    """End a run."""
    await tx.execute(
        """update eval_runs set state = %s, figures = %s, reference_id = %s, has_dropped = %s, error = %s,
               finished_at = %s where id = %s""",
        (state, Jsonb(dict(figures or {})), reference_id, has_dropped, error, at, run_id),
    )


async def find_run(tx: Tx, run_id: UUID) -> RunRow | None:
    """Return a run; None: this tenant has none such."""
    row = await fetch_one(tx, f"select {_RUN} from eval_runs where id = %s", (run_id,))  # noqa: S608 — a constant
    return None if row is None else RunRow(**row)


async def list_runs(tx: Tx, *, limit: int = MOST_SHOWN) -> list[RunRow]:
    """Return runs, newest first."""
    cursor = await tx.execute(
        f"select {_RUN} from eval_runs order by started_at desc, id desc limit %s",  # noqa: S608 — a constant
        (limit,),
    )
    return [RunRow(**row) for row in await cursor.fetchall()]


async def find_latest_run(tx: Tx, version: str, *, set_name: str = "held-out") -> RunRow | None:
    """Return the newest finished measurement of a version on a whole set: what a promotion is judged by."""
    row = await fetch_one(
        tx,
        f"""select {_RUN} from eval_runs where version = %s and set_name = %s and kind = 'labelled' and state = 'done'
              and coalesce((figures ->> 'left_out')::int, 0) = 0
            order by started_at desc, id desc limit 1""",  # noqa: S608 — a constant
        (version, set_name),
    )
    return None if row is None else RunRow(**row)


async def find_reference(tx: Tx, run_id: UUID, set_name: str, *, version: str = "") -> RunRow | None:
    """Return the newest finished run on a set, but this one, that was not significantly worse than its own reference.

    `version`: only of this one.
    """
    row = await fetch_one(
        tx,
        f"""select {_RUN} from eval_runs where set_name = %s and kind = 'labelled' and state = 'done'
              and not has_dropped and id <> %s and (%s = '' or version = %s)
            order by started_at desc, id desc limit 1""",  # noqa: S608 — a constant
        (set_name, run_id, version, version),
    )
    return None if row is None else RunRow(**row)


async def list_results(tx: Tx, run_id: UUID) -> list[Mapping[str, Any]]:
    """Return what came of each case of a run, as it was kept."""
    cursor = await tx.execute("select result from eval_results where run_id = %s order by case_key", (run_id,))
    return [row["result"] for row in await cursor.fetchall()]


# --- spend ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationSpend:
    """What models have cost a tenant since a day, and how much of it evaluation did. Micro-dollars."""

    models_microusd: int
    evaluation_microusd: int


async def read_evaluation_spend(tx: Tx, since: datetime) -> EvaluationSpend:
    """Return what models have cost since then. Evaluation's own calls are among those of the models."""
    row = await fetch_one(
        tx,
        """select (select coalesce(sum(cost_microusd), 0)::bigint from model_calls where created_at >= %(since)s)
                      as models_microusd,
                  (select coalesce(sum(cost_microusd), 0)::bigint from eval_runs where started_at >= %(since)s)
                      as evaluation_microusd""",
        {"since": since},
    )
    if row is None:
        raise RuntimeError("a sum returned no row")
    return EvaluationSpend(**row)


# --- the hold ------------------------------------------------------------------------------------------------


async def find_hold(tx: Tx, tenant_id: TenantId) -> Hold | None:
    """Return the tenant's open hold; None: its versions may be moved up."""
    row = await fetch_one(
        tx,
        "select id, run_id, reason, created_at from promotion_holds where tenant_id = %s and lifted_at is null",
        (tenant_id,),
    )
    return None if row is None else Hold(**row)


async def insert_hold(tx: Tx, tenant_id: TenantId, run_id: UUID, reason: str) -> bool:
    """Set a hold; False: there is one already."""
    cursor = await tx.execute(
        """insert into promotion_holds (id, tenant_id, run_id, reason) values (%s, %s, %s, %s)
           on conflict (tenant_id) where lifted_at is null do nothing""",
        (new_id(), tenant_id, run_id, reason),
    )
    return cursor.rowcount == 1


async def lift_hold(tx: Tx, tenant_id: TenantId, actor: str) -> bool:
    """Lift the tenant's hold; False: there was none."""
    cursor = await tx.execute(
        """update promotion_holds set lifted_at = clock_timestamp(), lifted_by = %s
           where tenant_id = %s and lifted_at is null""",
        (actor, tenant_id),
    )
    return cursor.rowcount == 1
