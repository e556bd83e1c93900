"""Versions where turns are taken: recorded, pinned, chosen, and two of them in one process."""

from dataclasses import dataclass, field, replace

import pytest
from psycopg.errors import InsufficientPrivilege

from agent.ports import Engine
from agent.rollouts.versions import Release, current_version, find_version, get_version, keep_version, version_of
from agent.store import versions as store
from agent.types import Policy
from tests.doubles.models import ScriptedModels
from tests.factories import make_classification
from tests.integration.agents import Agent


@dataclass(slots=True)
class EnginesByModel:
    """An engine of its own for each fast model."""

    models: dict[str, ScriptedModels] = field(default_factory=dict)

    def engine(self, release: Release) -> Engine:
        return Engine(models=self.models[release.models.get("fast", "")])


async def test_turn_records_the_version_that_answered(agent: Agent) -> None:
    conversation = await agent.hear("¿Cuánto cuesta?")
    await agent.answer(conversation)
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        tenant = await agent.deps.tenants.get(tx, agent.tenant_id)
        current = await current_version(tx, tenant, agent.deps.release)
        assert await find_version(tx, agent.tenant_id, current.digest) == current
        (listed,) = await store.list_versions(tx, agent.tenant_id)
    assert await agent.value("select version from turns") == current.digest
    assert (listed.digest, listed.turns) == (current.digest, 1)


async def test_pinned_version_answers_with_its_own_models_until_it_is_unpinned(agent: Agent) -> None:
    other = ScriptedModels(classification=make_classification(intent="pricing", confidence=0.95))
    agent.deps = replace(agent.deps, engines=EnginesByModel({"": agent.models, "claude-haiku-5-5": other}))
    pinned = version_of(Release(prompts={}, models={"fast": "claude-haiku-5-5"}), Policy(quiet_s=0, max_wait_s=0))
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        await keep_version(tx, agent.tenant_id, pinned)
        await store.pin_version(tx, agent.tenant_id, pinned.digest)
    await agent.answer(await agent.hear("¿Cuánto cuesta?"))
    assert (len(other.drafted), agent.models.drafted) == (1, [])
    assert await agent.value("select version from turns") == pinned.digest
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        assert await store.unpin_version(tx, agent.tenant_id)
        assert not await store.unpin_version(tx, agent.tenant_id)
    await agent.answer(await agent.hear("¿Y el otro?", sender="+34600111333"))
    assert len(agent.models.drafted) == 1


async def test_attempt_of_another_version_is_not_resumed(agent: Agent) -> None:
    conversation = await agent.hear("¿Cuánto cuesta?")
    gathered = await agent.claim(conversation)
    await agent.change("update turns set steps = '{\"classify\": 1}', version = null")
    await agent.lapse_claims()
    await agent.change(
        """update conversations set turn_state = 'queued', wake_at = '2020-01-01', lease_token = null,
                                   lease_until = null"""
    )
    again = await agent.claim(conversation)
    assert (again.turn.id, again.saved) == (gathered.turn.id, {})


async def test_stored_version_cannot_be_changed(agent: Agent) -> None:
    version = version_of(Release(prompts={}, models={}), Policy())
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        await keep_version(tx, agent.tenant_id, version, "first")
        await keep_version(tx, agent.tenant_id, version, "second")
        (row,) = await store.list_versions(tx, agent.tenant_id)
    assert row.note == "first"
    with pytest.raises(InsufficientPrivilege):
        await agent.change("update versions set note = 'x'")
    with pytest.raises(LookupError):
        async with agent.deps.db.tenant(agent.tenant_id) as tx:
            await get_version(tx, agent.tenant_id, "0" * 12)
