"""What operators watch by: the metrics that alerts rest on exist, and a log that tells everything but what was said."""

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import structlog

from agent.errors import Permanent, Retryable
from agent.log import QUIET, configure_logging
from agent.turn import deliver, record_status
from agent.types import DeliveryStatus, Sources, Tenant
from jobs.turns import Turns
from tests.conftest import FakeClock
from tests.integration.agents import Agent
from tests.unit.test_prometheus_rules import METRIC, rules

TEXT = "zanahoria"
NAME = "Quisquilla"
PHONE = "+34600111222"
ADDRESS = "ana.zanahoria@ruiz.example"


class FailingRetrieval:
    """Fails, and says everything it was asked."""

    def retrieve(self, tenant: Tenant, text: str, context: str | None) -> Sources:
        raise ValueError(f"cannot read {text!r} of {PHONE}")


@pytest.fixture
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.NOTSET)
    structlog.reset_defaults()


async def test_every_metric_of_an_alert_is_shown(client: httpx.AsyncClient) -> None:
    shown = (await client.get("/metrics")).text
    families = set(re.findall(r"^# TYPE (\S+)", shown, re.MULTILINE))
    families |= {f"{name}_bucket" for name in re.findall(r"^# TYPE (\S+) histogram", shown, re.MULTILINE)}
    for rule in rules():
        assert set(METRIC.findall(rule["expr"])) <= families, rule["alert"]
    assert "nightshift_broken_event_chains_total 0.0" in shown


async def test_a_whole_turn_is_logged_with_its_ids_and_without_a_word_of_anybody(
    agent: Agent, clock: FakeClock, restored_logging: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Answered, refused by the provider, failed with the text in the error: nothing of it is in the log."""
    configure_logging("info", json=True)
    agent.models.texts = (f"Hola {NAME}, {TEXT}: {{price:EN-INT}}", f"Claro, {TEXT}")
    said = f"Soy {NAME}, escríbeme a {ADDRESS} o al {PHONE}. ¿Cuánto cuesta {TEXT}?"
    conversation_id = await agent.hear(said, sender=PHONE, sender_name=NAME)
    turns = Turns(agent.deps)
    await turns.run(agent.tenant_id, conversation_id)
    (turn,) = await agent.rows("select id, trace_id from turns")
    (message,) = await agent.rows("select id from messages where direction = 'outbound'")
    agent.sender.failures = [Retryable(f"busy with {PHONE}")]
    for _ in range(2):
        await deliver(agent.tenant_id, message["id"], agent.deps)
        clock.advance(600)
    status = DeliveryStatus(provider="simulator", provider_id=f"SM{message['id'].hex}", state="delivered")
    assert await record_status(agent.tenant_id, status, agent.deps)
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]

    ids = {"tenant": str(agent.tenant_id), "conversation": str(conversation_id)}
    of_turn = {**ids, "turn": str(turn["id"]), "trace": turn["trace_id"]}
    wanted: dict[str, dict[str, Any]] = {
        "message.received": ids,
        "turn.taken": {**of_turn, "decision": "send"},
        "delivery.tried": {**of_turn, "message": str(message["id"])},
    }
    for name, fields in wanted.items():
        lines = [line for line in told if line["event"] == name]
        assert lines, name
        assert all(line.items() >= fields.items() for line in lines), (name, lines)

    agent.sender.failures = [Permanent(f"{PHONE} is no number: {TEXT}", code="21211")]
    await agent.answer(await agent.hear(f"¿Y {TEXT}?", sender=PHONE))
    await agent.hear(f"Otra {TEXT}", sender=PHONE)
    await Turns(replace(agent.deps, retriever=FailingRetrieval())).run(agent.tenant_id, conversation_id)
    later = capsys.readouterr().err
    assert "turn.failed" in later
    assert "ValueError" in later

    for secret in (TEXT, NAME, PHONE, PHONE[3:], ADDRESS):
        assert secret not in json.dumps(told, ensure_ascii=False), secret
        assert secret not in later, secret
