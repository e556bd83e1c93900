"""Where traces go: a tenant's own Langfuse project, the one for all, and a second OTLP endpoint."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from agent.ports import Tracer
from agent.settings import Settings
from agent.tracing.projects import build_tracer
from agent.tracing.traced import TraceAttributes
from tests.doubles.langfuse import FakeLangfuse, fake_langfuse
from tests.doubles.models import a_call


@dataclass
class Servers:
    shared: FakeLangfuse
    own: FakeLangfuse
    second: FakeLangfuse


@pytest.fixture
def servers() -> Iterator[Servers]:
    with ExitStack() as stack:
        shared, own, second = (stack.enter_context(fake_langfuse(f"pk-lf-{uuid4()}")) for _ in range(3))
        yield Servers(shared=shared, own=own, second=second)


def settings(**values: Any) -> Settings:
    return Settings.model_validate({"nightshift_environment": "test", "nightshift_release": "1.2.3", **values})


def shared_keys(server: FakeLangfuse) -> dict[str, Any]:
    return {
        "langfuse_public_key": server.public_key,
        "langfuse_secret_key": server.secret_key,
        "langfuse_base_url": server.url,
    }


def take_turn(tracer: Tracer, tenant: str) -> None:
    turn_id = str(uuid4())
    attributes = TraceAttributes(
        trace_id=tracer.trace_id(turn_id),
        session_id="conversation",
        user_id="contact",
        tags=[tenant],
        metadata={"tenant": tenant, "turn": turn_id},
        version="abc123",
    )
    with tracer.turn(**attributes, input=f"hola {tenant}"), tracer.step("draft"):
        tracer.call(a_call("draft"))
    with tracer.continued("deliver", **attributes), tracer.step("send", "tool"):
        pass


def names(server: FakeLangfuse) -> list[str]:
    return sorted(span.name for span in server.spans)


WHOLE = ["deliver", "draft", "draft call", "send", "turn"]


def test_a_tenant_with_a_project_of_its_own_is_traced_there_and_nowhere_else(servers: Servers) -> None:
    own = servers.own.project.model_dump() | {"secret_key": servers.own.secret_key}
    tracer = build_tracer(settings(**shared_keys(servers.shared), langfuse_projects={"lumen": own}))
    take_turn(tracer, "lumen")
    take_turn(tracer, "verdesolar")
    tracer.shutdown()
    assert names(servers.own) == names(servers.shared) == WHOLE
    assert "hola verdesolar" not in servers.own.everything
    assert "hola lumen" not in servers.shared.everything
    assert sorted(tracer.fates().states.values()) == ["sent", "sent"]


def test_a_tenant_without_any_project_is_not_traced(servers: Servers) -> None:
    own = servers.own.project.model_dump() | {"secret_key": servers.own.secret_key}
    tracer = build_tracer(settings(langfuse_projects={"lumen": own}))
    take_turn(tracer, "verdesolar")
    tracer.shutdown()
    assert servers.own.spans == []


def test_every_span_names_release_version_and_environment(servers: Servers) -> None:
    tracer = build_tracer(settings(**shared_keys(servers.shared)))
    take_turn(tracer, "lumen")
    tracer.shutdown()
    for span in servers.shared.spans:
        assert span.attributes["langfuse.release"] == "1.2.3"
        assert span.attributes["langfuse.environment"] == "test"
    assert servers.shared.named("draft").attributes["langfuse.version"] == "abc123"
    assert servers.shared.named("turn").attributes["langfuse.version"] == "abc123"


def second_endpoint(server: FakeLangfuse) -> dict[str, Any]:
    return {
        "nightshift_otlp": {
            "url": f"{server.url}/api/public/otel/v1/traces",
            "headers": {"authorization": f"Basic {server.credentials}"},
        }
    }


def test_a_second_endpoint_gets_the_same_spans(servers: Servers) -> None:
    tracer = build_tracer(settings(**shared_keys(servers.shared), **second_endpoint(servers.second)))
    take_turn(tracer, "lumen")
    tracer.shutdown()
    assert names(servers.shared) == names(servers.second) == WHOLE


def test_a_second_endpoint_that_is_away_takes_nothing_from_langfuse(servers: Servers) -> None:
    servers.second.mode = "refuse"
    tracer = build_tracer(settings(**shared_keys(servers.shared), **second_endpoint(servers.second)))
    take_turn(tracer, "lumen")
    tracer.shutdown()
    fates = tracer.fates()
    assert names(servers.shared) == WHOLE
    assert (fates.lost, [*fates.states.values()], fates.is_well) == (5, ["sent"], True)


def test_an_endpoint_alone_is_traced_to_without_langfuse(servers: Servers) -> None:
    tracer = build_tracer(settings(**second_endpoint(servers.second)))
    take_turn(tracer, "lumen")
    tracer.shutdown()
    assert names(servers.second) == WHOLE
