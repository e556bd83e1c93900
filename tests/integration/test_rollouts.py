"""Rollouts on a real database: terms, arms, the way back, the way to everybody, and what each step leaves behind."""

from dataclasses import replace
from uuid import UUID

import pytest
from psycopg.errors import CheckViolation, UniqueViolation

from agent.evaluation.holds import hold_promotion
from agent.ids import new_id
from agent.rollouts.criteria import ALPHA, Criterion
from agent.rollouts.rollout import RolloutRefused, Terms, criteria_of, findings_of, stop_rollout, watch_rollout
from agent.rollouts.versions import Version
from agent.store import evaluations
from agent.store import rollouts as store
from agent.store.rollouts import RolloutRow
from agent.types import Policy
from jobs.turns import Turns
from jobs.worker import watch_rollouts
from tests.conftest import FakeClock
from tests.integration.agents import Agent
from tests.integration.trials import TERMS, begin, candidate_of, current_of, evaluated, seed

HOUR_S = 3600.0


async def trial_of(agent: Agent, terms: Terms = TERMS) -> tuple[Version, RolloutRow]:
    version = await candidate_of(agent, min_confidence=0.6)
    await evaluated(agent, version)
    return version, await begin(agent, version, terms)


async def state_of(agent: Agent) -> tuple[str, str]:
    (row,) = await agent.rows("select state, reason from rollouts order by started_at desc limit 1")
    return row["state"], row["reason"]


async def kinds(agent: Agent) -> list[str]:
    return [row["kind"] for row in await agent.rows("select kind from events where kind like 'rollout.%%' order by id")]


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        (replace(TERMS, criteria=()), "needs criteria"),
        (replace(TERMS, criteria=(Criterion(measure="errors"), Criterion(measure="errors"))), "once"),
        (replace(TERMS, share_percent=20), "5 to 10 %"),
        (replace(TERMS, hold_hours=1), "48 to 72"),
        (replace(TERMS, min_exposed=3), "At least"),
    ],
    ids=["no criteria", "the same twice", "too many people", "too short", "too few"],
)
async def test_rollout_with_wrong_terms_is_refused(agent: Agent, terms: Terms, reason: str) -> None:
    version = await candidate_of(agent, min_confidence=0.6)
    await evaluated(agent, version)
    with pytest.raises(RolloutRefused, match=reason):
        await begin(agent, version, terms)
    assert await agent.rows("select from rollouts") == []


async def test_version_that_is_not_proven_is_refused(agent: Agent) -> None:
    version = await candidate_of(agent, min_confidence=0.6)
    with pytest.raises(RolloutRefused, match="has not been evaluated"):
        await begin(agent, version)
    await evaluated(agent, version, accuracy=0.92)
    with pytest.raises(RolloutRefused, match=r"92\.0% .* 93% are needed"):
        await begin(agent, version)
    await evaluated(agent, version, has_dropped=True)
    with pytest.raises(RolloutRefused, match="significantly worse"):
        await begin(agent, version)
    with pytest.raises(RolloutRefused, match="is the current one"):
        await begin(agent, await current_of(agent))


async def test_two_rollouts_of_a_tenant_never_overlap_whoever_writes_them(agent: Agent) -> None:
    version, row = await trial_of(agent)
    other = await candidate_of(agent, min_confidence=0.7)
    await evaluated(agent, other)
    with pytest.raises(RolloutRefused, match="under way"):
        await begin(agent, other)
    with pytest.raises(UniqueViolation):
        async with agent.deps.db.tenant(agent.tenant_id) as tx:
            await store.insert_rollout(tx, replace(row, id=new_id(), version=other.digest))
    assert version.digest == row.version


async def test_terms_cannot_be_changed_once_it_has_started(agent: Agent) -> None:
    await trial_of(agent)
    with pytest.raises(CheckViolation, match="fixed when it starts"):
        await agent.change('update rollouts set criteria = \'[{"measure": "errors", "tolerance": 0.9}]\'')


async def test_conversation_keeps_its_arm_and_is_answered_by_its_version(agent: Agent) -> None:
    version, row = await trial_of(agent)
    conversation = await agent.hear("¿Cuánto cuesta?")
    await agent.change(
        "insert into rollout_arms (rollout_id, conversation_id, tenant_id, arm) values (%s, %s, %s, 'candidate')",
        row.id, conversation, agent.tenant_id,
    )  # fmt: skip
    await agent.answer(conversation)
    other = await agent.hear("¿Cuánto cuesta?", sender="+34600111333")
    await agent.change(
        "insert into rollout_arms (rollout_id, conversation_id, tenant_id, arm) values (%s, %s, %s, 'control')",
        row.id, other, agent.tenant_id,
    )  # fmt: skip
    await agent.answer(other)
    answered = {r["conversation_id"]: r["version"] for r in await agent.rows("select * from turns")}
    assert answered == {conversation: version.digest, other: row.base}
    assert {turn.tenant.policy.min_confidence for turn in agent.models.turns} == {0.6, Policy().min_confidence}


async def test_arms_are_drawn_once_in_about_the_share(agent: Agent) -> None:
    _, row = await trial_of(agent)
    for number in range(12):
        await agent.answer(await agent.hear("¿Cuánto cuesta?", sender=f"+3460011{number:04}"))
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        arms = await store.count_arms(tx, row.id)
        assert sum(arms.values()) == 12
        (first, *_) = await agent.rows("select conversation_id, arm from rollout_arms")
        for drawn in ("candidate", "control"):
            assert await store.assign_arm(tx, row, first["conversation_id"], drawn) == first["arm"]


async def test_breach_is_rolled_back_by_any_worker_and_told(agent: Agent) -> None:
    version, row = await trial_of(agent)
    await seed(agent, row.id, "candidate", 20, failed=12)
    await seed(agent, row.id, "control", 180, failed=4)
    assert await watch_rollouts(agent.deps) == 1
    state, reason = await state_of(agent)
    assert state == "rolled_back"
    assert "errors: 60.0% instead of 2.2% over 20 conversations" in reason
    assert await kinds(agent) == ["rollout.started", "rollout.looked", "rollout.rolled_back"]
    assert await watch_rollouts(agent.deps) == 0
    conversation = await agent.hear("¿Cuánto cuesta?")
    await agent.answer(conversation)
    (turn,) = await agent.rows("select version from turns where conversation_id = %s", conversation)
    assert turn["version"] == row.base != version.digest


async def test_turn_of_the_trial_itself_sets_off_the_look(agent: Agent) -> None:
    _, row = await trial_of(agent)
    await seed(agent, row.id, "candidate", 19, failed=12)
    await seed(agent, row.id, "control", 180)
    conversation = await agent.hear("¿Cuánto cuesta?")
    await agent.change(
        "insert into rollout_arms (rollout_id, conversation_id, tenant_id, arm) values (%s, %s, %s, 'candidate')",
        row.id, conversation, agent.tenant_id,
    )  # fmt: skip
    await Turns(agent.deps).run(agent.tenant_id, conversation)
    assert (await state_of(agent))[0] == "rolled_back"


async def test_equal_version_stays_until_it_has_held_then_everybody_has_it(agent: Agent, clock: FakeClock) -> None:
    version, row = await trial_of(agent)
    await seed(agent, row.id, "candidate", 60, failed=1)
    await seed(agent, row.id, "control", 540, failed=9)
    assert await watch_rollout(agent.tenant_id, row.id, agent.deps) == "canary"
    clock.advance(49 * HOUR_S)
    assert await watch_rollout(agent.tenant_id, row.id, agent.deps) == "expanded"
    assert (await current_of(agent)).digest == version.digest
    assert await kinds(agent) == ["rollout.started", "rollout.looked", "rollout.expanded"]
    assert await agent.value("select profile #>> '{settings,min_confidence}' from tenants") == "0.6"
    assert await agent.value("select count(*) from settings_changes where part = 'settings'") == 1
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        (kept,) = await store.list_rollouts(tx, agent.tenant_id)
    assert kept.looks == [60]
    assert [each.criterion.measure for each in findings_of(kept)] == ["errors", "escalation"]


async def test_version_that_too_few_had_is_not_given_to_everybody(agent: Agent, clock: FakeClock) -> None:
    _, row = await trial_of(agent)
    await seed(agent, row.id, "candidate", 30)
    await seed(agent, row.id, "control", 270)
    clock.advance(72 * HOUR_S)
    assert await watch_rollout(agent.tenant_id, row.id, agent.deps) == "canary"
    clock.advance(12 * 24 * HOUR_S)
    assert await watch_rollout(agent.tenant_id, row.id, agent.deps) == "rolled_back"
    assert (await state_of(agent))[1] == "only 30 conversations in 14 days"


async def test_hold_on_promotions_keeps_a_version_from_everybody(agent: Agent, clock: FakeClock) -> None:
    version, row = await trial_of(agent)
    await seed(agent, row.id, "candidate", 60)
    await seed(agent, row.id, "control", 540)
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        run = await evaluations.find_latest_run(tx, version.digest)
        assert run is not None
        await hold_promotion(tx, await agent.deps.tenants.get(tx, agent.tenant_id), run, "accuracy fell")
    clock.advance(49 * HOUR_S)
    assert await watch_rollout(agent.tenant_id, row.id, agent.deps) == "rolled_back"
    assert "on hold: accuracy fell" in (await state_of(agent))[1]


async def test_change_of_what_it_is_compared_with_ends_it(agent: Agent) -> None:
    _, row = await trial_of(agent)
    await agent.change(
        """update tenants set profile = jsonb_set(profile, '{settings,sure_above}', '0.9'),
                              updated_at = clock_timestamp() + interval '1 s'"""
    )
    await agent.answer(await agent.hear("¿Cuánto cuesta?"))
    assert await agent.value("select version from turns") == (await current_of(agent)).digest
    assert await watch_rollout(agent.tenant_id, row.id, agent.deps) == "rolled_back"
    assert "no longer the current version" in (await state_of(agent))[1]


async def test_person_stops_it_once(agent: Agent) -> None:
    await trial_of(agent)
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        tenant = await agent.deps.tenants.get(tx, agent.tenant_id)
        await stop_rollout(tx, tenant, "staff", agent.deps)
        with pytest.raises(RolloutRefused, match="No rollout"):
            await stop_rollout(tx, tenant, "staff", agent.deps)
    assert await state_of(agent) == ("stopped", "stopped by a person")


async def test_measures_are_read_by_conversation(agent: Agent) -> None:
    _, row = await trial_of(agent)
    await seed(agent, row.id, "candidate", 2, failed=1)
    (first, second) = await agent.rows("select id, conversation_id, state from turns order by state desc")
    await score(agent, first["id"], "review", word="rejected")
    await score(agent, second["id"], "won", number=1.0)
    await score(agent, second["id"], "opt_out", number=1.0)
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        arms = await store.read_arms(tx, row.id, {"latency": 10.0, "cost": 100.0})
    means = {measure: round(candidate.mean, 1) for measure, (candidate, _) in arms.items()}
    assert means == {
        "errors": 0.5,
        "latency": 0.1,
        "cost": 0.0,
        "escalation": 0.5,
        "disapproval": 0.5,
        "complaints": 0.5,
        "no_conversion": 0.5,
    }
    assert {control.n for _, control in arms.values()} == {0}


async def test_what_was_usual_before_the_start_decides_how_surely_each_criterion_must_speak(agent: Agent) -> None:
    _, first = await trial_of(agent)
    assert [each.alpha for each in criteria_of(first)] == [None, None]
    await seed(agent, first.id, "control", 150)
    await seed(agent, first.id, "control", 100, failed=60)
    await agent.change("update turns set state = 'done'")
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        tenant = await agent.deps.tenants.get(tx, agent.tenant_id)
        await stop_rollout(tx, tenant, "staff", agent.deps)
    _, second = await trial_of(agent)
    parts = {each.measure: each.alpha or 0 for each in criteria_of(second)}
    assert sum(parts.values()) == pytest.approx(ALPHA)
    assert parts["escalation"] > 0.8 * ALPHA  # 60 of 250; no turn failed


async def score(agent: Agent, turn: UUID, name: str, *, number: float | None = None, word: str | None = None) -> None:
    await agent.change(
        """insert into scores (id, tenant_id, turn_id, name, number, word, at)
           values (gen_random_uuid(), %s, %s, %s, %s, %s, now())""",
        *(agent.tenant_id, turn, name, number, word),
    )
