"""Attacks on the query functions of evaluation, for the tests of isolation."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from agent.store import eval_cases, evaluations, rehearsals, replays
from agent.store.db import Tx
from agent.types import TenantId
from tests.integration.tenant_rows import AT, Rows

Attack = Callable[[Tx, TenantId, Rows], Awaitable[object]]

EVER = datetime(2020, 1, 1, tzinfo=UTC)
CASE = eval_cases.NewCase(kind="reply", key="stolen", language="es", input={}, expected={}, origin="file")


async def result_of(tx: Tx, tenant: TenantId, b: Rows) -> None:
    await evaluations.insert_result(tx, tenant, b.done, key="other", kind="reply", result={}, cost_microusd=1)


async def sets_hold(tx: Tx, b: Rows) -> bool:
    await evaluations.lift_hold(tx, b.tenant, "x")
    return await evaluations.insert_hold(tx, b.tenant, b.done, "x")


async def knows_case(tx: Tx, b: Rows) -> bool:
    return f"Secret of {b.slug}" in str(await eval_cases.list_cases(tx, "proposed"))


async def knows_run(tx: Tx, b: Rows) -> bool:
    return b.done in {each.id for each in await evaluations.list_runs(tx)}


async def knows_objection(tx: Tx, b: Rows) -> bool:
    await tx.execute("update reviews set verdict = 'rejected'")
    await tx.execute("update eval_items set key = 'other'")
    return f"Secret of {b.slug}" in str(await eval_cases.list_objections(tx, EVER))


async def knows_verdict(tx: Tx, b: Rows) -> bool:
    return b.done in {each.turn_id for each in await eval_cases.list_human_verdicts(tx, limit=9)}


async def knows_count(tx: Tx, b: Rows) -> bool:
    """Whether B's kind of case is counted, once the transaction's tenant has none."""
    await tx.execute("update eval_items set kind = 'guardrail' where id <> %s", (b.done,))
    return ("reply", "proposed") in await eval_cases.count_cases(tx)


async def knows_replay(tx: Tx, b: Rows) -> object:
    await tx.execute("update replays set turn_id = null, conversation_id = %s where id = %s", (b.idle, b.done))
    return await replays.list_conversation_replays(tx, b.idle)


EVALUATION_ATTACKS: Mapping[Callable[..., Any], Attack] = {
    eval_cases.insert_cases: lambda tx, _, b: eval_cases.insert_cases(tx, b.tenant, [CASE]),
    eval_cases.list_cases: lambda tx, _, b: knows_case(tx, b),
    eval_cases.count_cases: lambda tx, _, b: knows_count(tx, b),
    eval_cases.decide_case: lambda tx, _, b: eval_cases.decide_case(tx, b.done, "accepted", b.member),
    eval_cases.find_case: lambda tx, _, b: eval_cases.find_case(tx, b.done),
    eval_cases.list_objections: lambda tx, _, b: knows_objection(tx, b),
    eval_cases.list_human_verdicts: lambda tx, _, b: knows_verdict(tx, b),
    rehearsals.read_standing: lambda tx, _, b: rehearsals.read_standing(tx, b.idle),
    rehearsals.list_pending: lambda tx, _, b: rehearsals.list_pending(tx, b.idle),
    rehearsals.list_model_calls: lambda tx, _, b: rehearsals.list_model_calls(tx, b.tenant),
    replays.list_conversation_replays: lambda tx, _, b: knows_replay(tx, b),
    replays.list_replayable: lambda tx, _, b: replays.list_replayable(tx, b.idle),
    evaluations.insert_run: lambda tx, _, b: evaluations.insert_run(
        tx, b.tenant, version="v", cause="command", set_name="x", at=AT
    ),
    evaluations.begin_run: lambda tx, _, b: evaluations.begin_run(tx, b.idle, "v"),
    evaluations.insert_result: result_of,
    evaluations.add_cost: lambda tx, _, b: evaluations.add_cost(tx, b.done, 1),
    evaluations.finish_run: lambda tx, _, b: evaluations.finish_run(tx, b.done, "failed", at=AT),
    evaluations.find_run: lambda tx, _, b: evaluations.find_run(tx, b.done),
    evaluations.list_runs: lambda tx, _, b: knows_run(tx, b),
    evaluations.find_latest_run: lambda tx, _, b: evaluations.find_latest_run(tx, f"version of {b.slug}"),
    evaluations.find_reference: lambda tx, _, b: evaluations.find_reference(
        tx, b.idle, "held-out", version=f"version of {b.slug}"
    ),
    evaluations.list_results: lambda tx, _, b: evaluations.list_results(tx, b.done),
    evaluations.find_hold: lambda tx, _, b: evaluations.find_hold(tx, b.tenant),
    evaluations.insert_hold: lambda tx, _, b: sets_hold(tx, b),
    evaluations.lift_hold: lambda tx, _, b: evaluations.lift_hold(tx, b.tenant, "x"),
}
