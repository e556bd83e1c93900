"""What operators see: an outage from its first turn to its end, in JSON and for Prometheus, and nothing of a tenant."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from agent.store.db import Tx
from channels.web import create_app
from channels.webhooks import WebhookKeys
from jobs import recovery
from jobs.recovery import Report
from tests.conftest import FakeClock
from tests.integration.agents import ANA, Agent
from tests.integration.conftest import PUBLIC_URL
from tests.integration.outages import Outages, build_outages


@pytest.fixture
def outages(agent: Agent, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Outages:
    """An agent whose models can be unplugged, with a worker that probes at every look."""
    monkeypatch.setattr(recovery, "PROBE_S", 0.0)
    return build_outages(agent, clock)


@pytest.fixture
async def web(outages: Outages) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the web process."""
    transport = httpx.ASGITransport(create_app(outages.agent.deps, WebhookKeys(twilio=(), email=())))
    async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as client:
        yield client


async def samples(web: httpx.AsyncClient) -> dict[str, float]:
    """Return all samples of `/metrics` as Prometheus would name them."""
    response = await web.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=")
    return {
        sample.name + json.dumps(sample.labels, sort_keys=True): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


class TestStatus:
    async def test_outage_is_shown_until_nothing_waits_any_more(self, web: httpx.AsyncClient, outages: Outages) -> None:
        assert (await web.get("/status")).json()["outage"] is None
        outages.unplug()
        outages.health.state = "open"
        await outages.ask()
        await Report(outages.agent.deps, worker="host:1").send()
        await Report(outages.agent.deps, worker="host:2").send()
        status = (await web.get("/status")).json()
        assert status["outage"]["reason"] == "every provider is down"
        assert status["outage"]["recovering_at"] is None
        assert (status["waiting"]["turns"], status["waiting"]["by_priority"]) == (1, {"5": 1})
        assert status["waiting"]["oldest_since"]
        ((circuit,),) = status["providers"].values()
        assert (circuit["state"], circuit["error"], circuit["workers"]) == ("open", "529 overloaded", 2)
        outages.plug_in()
        await outages.recover()
        assert (await web.get("/status")).json()["outage"] is None

    async def test_circuit_is_shown_at_its_worst(self, web: httpx.AsyncClient, outages: Outages) -> None:
        await Report(outages.agent.deps, worker="host:1").send()
        outages.health.state = "capped"
        await Report(outages.agent.deps, worker="host:2").send()
        ((circuit,),) = (await web.get("/status")).json()["providers"].values()
        assert circuit["state"] == "capped"

    async def test_worker_that_no_longer_reports_is_left_out(
        self, web: httpx.AsyncClient, outages: Outages, admin: Tx
    ) -> None:
        await Report(outages.agent.deps, worker="host:1").send()
        await admin.execute("update model_health set updated_at = now() - interval '1 minute'")
        assert (await web.get("/status")).json()["providers"] == {}

    async def test_process_is_alive_and_ready(self, web: httpx.AsyncClient) -> None:
        assert (await web.get("/healthz")).json() == {"status": "alive"}
        ready = (await web.get("/readyz")).json()
        assert (ready["status"], ready["workers"], ready["spool"]["files"]) == ("ready", 0, 0)

    async def test_queue_that_cannot_be_read_is_not_ready(
        self, web: httpx.AsyncClient, outages: Outages, admin: Tx
    ) -> None:
        await admin.execute("revoke usage on schema jobs from nightshift_app")
        response = await web.get("/readyz")
        assert response.status_code == 503
        assert "nightshift migrate" in response.json()["error"]
        assert (await web.get("/healthz")).status_code == 200


class TestMetrics:
    async def test_what_workers_counted_is_added_up_over_all_of_them(
        self, web: httpx.AsyncClient, outages: Outages
    ) -> None:
        await outages.ask()
        await outages.agent.send_all()
        first = Report(outages.agent.deps, worker="host:1")
        await first.send()
        await first.send()
        await Report(replace(outages.agent.deps), worker="host:2").send()
        seen = await samples(web)
        labels = json.dumps({"provider": "anthropic", "tier": "standard"})
        assert seen['nightshift_turns_total{"decision": "send"}'] == 2
        assert seen['nightshift_deliveries_total{"outcome": "accepted", "provider": "simulator"}'] == 2
        assert seen[f"nightshift_model_cost_microusd_total{labels}"] == 480
        assert seen[f"nightshift_model_call_seconds_count{labels}"] == 4
        assert (
            seen['nightshift_model_call_seconds_bucket{"le": "0.25", "provider": "anthropic", "tier": "standard"}'] == 4
        )
        calls = 'nightshift_model_calls_total{"outcome": "ok", "provider": "anthropic", "tier": "standard"}'
        assert seen[calls] == 4

    async def test_outage_backlog_and_circuits_are_gauges(self, web: httpx.AsyncClient, outages: Outages) -> None:
        outages.unplug()
        outages.health.state = "open"
        await outages.ask()
        await outages.agent.hear("¿cuánto cuesta?", sender="+34600000001")
        await Report(outages.agent.deps).send()
        await outages.agent.change("update conversations set waiting_since = %s", outages.clock())
        outages.clock.advance(90)
        seen = await samples(web)
        model = {"model": "claude-sonnet-5-5", "provider": "anthropic"}
        assert seen["nightshift_outage{}"] == 1
        assert seen['nightshift_waiting{"priority": "5"}'] == 1
        assert seen["nightshift_oldest_waiting_seconds{}"] == 90
        assert seen['nightshift_backlog{"state": "queued"}'] == 1
        assert seen["nightshift_holding_lines_total{}"] == 1
        assert seen[f"nightshift_circuit{json.dumps({**model, 'state': 'open'})}"] == 1
        assert seen[f"nightshift_circuit{json.dumps({**model, 'state': 'closed'})}"] == 0

    async def test_nothing_of_a_tenant_or_a_prospect_is_told(self, web: httpx.AsyncClient, outages: Outages) -> None:
        outages.unplug()
        await outages.ask()
        await Report(outages.agent.deps).send()
        for path in ("/status", "/metrics"):
            text = (await web.get(path)).text
            for secret in (str(outages.agent.tenant_id), "escuela", ANA, "intensivo"):
                assert secret not in text, path
