"""Evaluations in Langfuse: dataset, items, run and scores, over HTTP to a stand-in; and nothing lost without it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from agent.evaluation.cases import ClassificationCase, label
from agent.evaluation.run import Order, evaluate
from agent.rollouts.versions import current_version
from agent.store import evaluations
from jobs.langfuse_experiments import publish_run
from tests.integration.agents import Agent
from tests.serving import serving


@dataclass
class Taken:
    """What Langfuse was sent, by address."""

    url: str = ""
    status: int = 200
    bodies: dict[str, list[Any]] = field(default_factory=dict)

    async def take(self, request: Request) -> Response:
        self.bodies.setdefault(request.url.path, []).append(await request.json())
        return JSONResponse({}, status_code=self.status)


@pytest.fixture
async def langfuse() -> AsyncIterator[Taken]:
    taken = Taken()

    def build(_url: str) -> FastAPI:
        app = FastAPI()
        app.add_route("/{path:path}", taken.take, methods=["POST"])
        return app

    async with serving(build) as url:
        taken.url = url
        yield taken


async def published(agent: Agent, langfuse: Taken) -> bool:
    """Measure two messages and show the run."""
    settings = agent.deps.settings.model_copy(
        update={
            "langfuse_public_key": "pk-lf-test",
            "langfuse_secret_key": SecretStr("sk"),
            "langfuse_base_url": langfuse.url,
        }
    )
    deps = replace(agent.deps, settings=settings)
    cases = [
        label(ClassificationCase(text="¿precio? mi correo es ana@ruiz.example", intent="pricing", language="es")),
        label(ClassificationCase(text="no funciona", intent="support", language="es")),
    ]
    async with deps.db.tenant(agent.tenant_id) as tx:
        tenant = await deps.tenants.get(tx, agent.tenant_id)
        version = await current_version(tx, tenant, deps.release)
        run_id = await evaluations.insert_run(
            tx, tenant.id, version=version.digest, cause="command", set_name="held-out", at=deps.now()
        )
    order = Order(tenant=tenant, version=version, cases=cases, set_name="held-out")
    assert await evaluate(run_id, order, agent.deps) is not None
    return await publish_run(run_id, tenant, cases, deps)


async def test_run_is_an_experiment_on_a_dataset_with_a_score_for_each_trace(agent: Agent, langfuse: Taken) -> None:
    assert await published(agent, langfuse)
    assert langfuse.bodies["/api/public/v2/datasets"] == [{"name": "escuela/held-out"}]
    items, links = langfuse.bodies["/api/public/dataset-items"], langfuse.bodies["/api/public/dataset-run-items"]
    assert {each["expectedOutput"] for each in items} == {"pricing", "support"}
    assert "ana@ruiz.example" not in str(items)
    assert {each["datasetItemId"] for each in links} == {each["id"] for each in items}
    (scores,) = langfuse.bodies["/api/public/scores"]
    assert sorted(each["value"] for each in scores) == [0.0, 1.0]
    assert {each["traceId"] for each in scores} == {each["traceId"] for each in links}


async def test_refusal_costs_nothing_but_the_experiment(agent: Agent, langfuse: Taken) -> None:
    langfuse.status = 500
    assert not await published(agent, langfuse)
    assert await agent.value("select state from eval_runs") == "done"
