"""Tracing against a server that takes Langfuse's real wire format (promise P9)."""

import asyncio
import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from langfuse import Langfuse

from agent.ports import Observation, ObservationType, Tracer
from agent.settings import Settings
from agent.store.prompt_links import PromptLink
from agent.tracing.observation import bounded
from agent.tracing.projects import build_tracer
from agent.tracing.traces import LangfuseTracer, SilentTracer
from agent.types import Usage
from tests.doubles.langfuse import FakeLangfuse, Mode, fake_langfuse
from tests.doubles.models import a_call

TURN_ID = "0190a5b2-7c3d-7e4f-8a1b-123456789012"


def settings(server: FakeLangfuse | None = None) -> Settings:
    if server is None:
        return Settings(_env_file=None, langfuse_public_key=None, langfuse_secret_key=None)
    return Settings.model_validate(
        {
            "nightshift_environment": "test",
            "langfuse_public_key": server.public_key,
            "langfuse_secret_key": server.secret_key,
            "langfuse_base_url": server.url,
        }
    )


@pytest.fixture
def server() -> Iterator[FakeLangfuse]:
    with fake_langfuse(f"pk-lf-{uuid4()}") as running:
        yield running


@pytest.fixture
def tracer(server: FakeLangfuse) -> Iterator[Tracer]:
    built = build_tracer(settings(server))
    yield built
    built.shutdown()


@dataclass
class Turn:
    """What opens a turn in these tests."""

    tracer: Tracer
    turn_id: str = TURN_ID
    session_id: str = "conversation-1"
    user_id: str = "contact-1"
    text: str = "¿Cuánto cuesta?"

    def __enter__(self) -> Observation:
        self.opened = self.tracer.turn(
            trace_id=self.tracer.trace_id(self.turn_id),
            session_id=self.session_id,
            user_id=self.user_id,
            tags=["lumen", "whatsapp"],
            metadata={"attempt": "1"},
            input=self.text,
        )
        return self.opened.__enter__()

    def __exit__(self, *exc: object) -> None:
        self.opened.__exit__(*exc)  # type: ignore[arg-type]  # the three parts of an exception, as given


def test_turn_becomes_one_trace_with_nested_typed_steps(tracer: Tracer, server: FakeLangfuse) -> None:
    kinds: list[ObservationType] = ["generation", "retriever", "guardrail", "tool", "chain", "evaluator"]
    with Turn(tracer) as turn:
        with tracer.step("draft", input={"intent": "pricing"}):
            for kind in kinds:
                with tracer.step(f"inner {kind}", kind):
                    pass
        turn.update(output="89 € al mes")
    tracer.shutdown()

    root, draft = server.named("turn"), server.named("draft")
    assert {span.trace_id for span in server.spans} == {tracer.trace_id(TURN_ID)}
    assert root.parent_id == ""
    assert root.kind == "agent"
    assert draft.parent_id == root.span_id
    for kind in kinds:
        inner = server.named(f"inner {kind}")
        assert (inner.kind, inner.parent_id) == (kind, draft.span_id)


def test_root_carries_input_and_output(tracer: Tracer, server: FakeLangfuse) -> None:
    with Turn(tracer) as turn:
        turn.update(output={"decision": "send"}, metadata={"route": "standard"})
    tracer.shutdown()
    root = server.named("turn")
    assert root.attributes["langfuse.observation.input"] == "¿Cuánto cuesta?"
    assert root.json("output") == {"decision": "send"}
    assert root.json("metadata.route") == "standard"


def test_every_span_carries_session_user_tags_name_and_environment(tracer: Tracer, server: FakeLangfuse) -> None:
    with Turn(tracer), tracer.step("classify"), tracer.step("claude", "generation"):
        pass
    tracer.shutdown()
    assert len(server.spans) == 3
    for span in server.spans:
        assert span.attributes["session.id"] == "conversation-1"
        assert span.attributes["user.id"] == "contact-1"
        assert span.attributes["langfuse.trace.tags"] == ["lumen", "whatsapp"]
        assert span.attributes["langfuse.trace.name"] == "turn"
        assert span.attributes["langfuse.trace.metadata.attempt"] == '"1"'
        assert span.attributes["langfuse.environment"] == "test"


def test_model_call_is_a_generation_with_disjoint_usage_cost_and_prompt_version(
    tracer: Tracer, server: FakeLangfuse
) -> None:
    usage = Usage(input_tokens=100, output_tokens=20, cache_read_tokens=300, cache_write_tokens=5)
    with Turn(tracer), tracer.step("draft", "chain"):
        tracer.call(replace(a_call("draft"), usage=usage, cost_microusd=1_234, prompt_version="0123456789ab"))
    tracer.shutdown()
    span = server.named("draft call")
    assert span.kind == "generation"
    assert span.parent_id == server.named("draft").span_id
    assert span.attributes["session.id"] == "conversation-1"
    assert span.attributes["langfuse.observation.model.name"] == "claude-haiku-5-5"
    assert span.attributes["langfuse.version"] == "0123456789ab"
    assert span.attributes["langfuse.observation.metadata.tier"] == '"standard"'
    assert span.json("usage_details") == {
        "input": 100,
        "output": 20,
        "cache_read_input_tokens": 300,
        "cache_creation_input_tokens": 5,
        "total": 425,
    }
    assert span.json("cost_details") == {"total": 0.001234}


def test_generation_is_linked_to_the_version_of_its_prompt_in_its_own_project(
    tracer: Tracer, server: FakeLangfuse
) -> None:
    other = PromptLink(project="pk-lf-other", name="draft", version="0123456789ab", number=9)
    ours = replace(other, project=server.public_key, number=3)
    tracer.link_prompts([ours, other])
    with Turn(tracer):
        tracer.call(replace(a_call("draft"), prompt_version="0123456789ab"))
        tracer.call(replace(a_call("classify"), prompt_version="0123456789ab"))
    tracer.shutdown()
    linked, unlinked = server.named("draft call").attributes, server.named("classify call").attributes
    assert linked["langfuse.observation.prompt.name"] == "draft"
    assert linked["langfuse.observation.prompt.version"] == 3
    assert "langfuse.observation.prompt.version" not in unlinked


def test_time_in_the_queue_is_a_step_that_began_before_the_turn(tracer: Tracer, server: FakeLangfuse) -> None:
    came = datetime(2026, 11, 17, 15, 0, 0, tzinfo=UTC)
    with Turn(tracer):
        tracer.passed("queue", came, came + timedelta(seconds=3))
    tracer.shutdown()
    queue = server.named("queue")
    assert (queue.kind, queue.parent_id) == ("span", server.named("turn").span_id)
    assert queue.end_ns - queue.start_ns == 3_000_000_000


def test_free_call_reports_a_cost_of_zero_so_that_langfuse_computes_none(tracer: Tracer, server: FakeLangfuse) -> None:
    with Turn(tracer):
        tracer.call(replace(a_call(), model="gpt-4o", usage=Usage(), cost_microusd=0))
    tracer.shutdown()
    assert server.named("classify call").json("cost_details") == {"total": 0.0}
    assert server.named("classify call").json("usage_details")["total"] == 0


def test_model_call_lasts_as_long_as_it_took_and_a_failed_one_says_why(tracer: Tracer, server: FakeLangfuse) -> None:
    ended = datetime(2026, 11, 17, 15, 0, 0, 123_456, tzinfo=UTC)
    failed = replace(a_call(), latency_ms=1_500, ended_at=ended, outcome="error", error="529 overloaded_error")
    with Turn(tracer):
        tracer.call(failed)
    tracer.shutdown()
    span = server.named("classify call")
    assert (span.end_ns, span.end_ns - span.start_ns) == (int(ended.timestamp()) * 10**9 + 123_456_000, 1_500_000_000)
    assert span.attributes["langfuse.observation.level"] == "WARNING"
    assert span.attributes["langfuse.observation.status_message"] == "529 overloaded_error"


def test_model_call_outside_of_a_turn_is_not_reported(tracer: Tracer, server: FakeLangfuse) -> None:
    tracer.call(a_call())
    tracer.shutdown()
    assert server.spans == []


def test_level_and_status_message_arrive_masked(tracer: Tracer, server: FakeLangfuse) -> None:
    with Turn(tracer), tracer.step("price", "guardrail") as check:
        check.update(level="WARNING", status_message="blocked: states +34 612 345 678")
    tracer.shutdown()
    attributes = server.named("price").attributes
    assert attributes["langfuse.observation.level"] == "WARNING"
    assert attributes["langfuse.observation.status_message"] == "blocked: states [number]"


def test_requests_are_gzipped_protobuf_for_the_realtime_ingestion(tracer: Tracer, server: FakeLangfuse) -> None:
    with Turn(tracer):
        pass
    tracer.shutdown()
    [headers] = server.headers
    assert headers["content-encoding"] == "gzip"
    assert headers["content-type"] == "application/x-protobuf"
    assert headers["x-langfuse-ingestion-version"] == "4"


class LostError(Exception):
    """Raised by a step in these tests."""


@pytest.mark.parametrize("exception", [LostError("ana@example.com"), StopIteration(), asyncio.CancelledError()])
def test_exception_leaves_unchanged_and_marks_only_its_step_and_the_steps_it_left(
    tracer: Tracer, server: FakeLangfuse, exception: BaseException
) -> None:
    with Turn(tracer):
        with pytest.raises(type(exception)) as caught, tracer.step("outer"), tracer.step("inner"):
            raise exception
        with tracer.step("after"):
            pass
    tracer.shutdown()
    assert caught.value is exception
    assert exception.__cause__ is None
    assert exception.__context__ is None
    for name in ("outer", "inner"):
        span = server.named(name)
        assert span.attributes["langfuse.observation.level"] == "ERROR"
        assert span.attributes["langfuse.observation.status_message"] == type(exception).__name__
    for name in ("after", "turn"):
        assert "langfuse.observation.level" not in server.named(name).attributes


def raise_after(observation: Observation, personal: str) -> None:
    observation.update(output=personal)
    raise LostError(f"could not write to {personal} because of zebras")


def test_nothing_personal_and_no_exception_text_in_any_byte_sent(tracer: Tracer, server: FakeLangfuse) -> None:
    personal = "ana.perez@example.com +34 612 345 678 4111 1111 1111 1111"
    with Turn(tracer, text=personal) as turn:
        turn.update(output=[personal], metadata={"raw": {"from": personal, "auth_token": "hunter2"}})
        step = tracer.step("step", input={"ñ": personal}, metadata={personal: personal})
        with pytest.raises(LostError), step as observation:
            raise_after(observation, personal)
    with Turn(tracer, session_id=personal, user_id=personal):
        pass
    tracer.shutdown()
    assert len(server.spans) == 3
    for secret in ("ana", "example.com", "612", "345", "4111", "1111", "hunter2", "zebras", "Traceback"):
        assert secret not in server.everything
    assert all(span.events == 0 for span in server.spans)
    assert server.named("step").status == "LostError"


@pytest.mark.parametrize(
    "text",
    [
        "data:image/png;base64,iVBORw0KGgo=",
        '{"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}',
    ],
)
def test_text_that_looks_like_an_attachment_is_not_uploaded(tracer: Tracer, server: FakeLangfuse, text: str) -> None:
    with Turn(tracer, text=text):
        pass
    tracer.shutdown()
    assert server.named("turn").attributes["langfuse.observation.input"] == text
    assert server.requests == 1


def test_hostile_text_reaches_langfuse_as_text(tracer: Tracer, server: FakeLangfuse) -> None:
    with Turn(tracer, text="a\x00b \ud800 👍", session_id="\"'\\\n" * 100, user_id="é" * 500) as turn:
        turn.update(output=object())
    tracer.shutdown()
    root = server.named("turn")
    assert root.attributes["langfuse.observation.input"] == "a\x00b ? 👍"
    assert root.attributes["user.id"].startswith("é" * 100)
    assert root.attributes["session.id"]


@pytest.mark.parametrize("value", ["é" * 100_000, ["long"] * 99, {"a": "b" * 9_000, "c": "d" * 9_000}, "x"])
def test_values_are_bounded(value: object) -> None:
    result = bounded(value)
    encoded = result if isinstance(result, str) else json.dumps(result)
    assert len(encoded.encode()) <= 10_003


async def test_concurrent_turns_and_gathered_steps_never_mix(tracer: Tracer, server: FakeLangfuse) -> None:
    async def guard(turn: int, rule: int) -> None:
        with tracer.step(f"rule {turn}.{rule}", "guardrail"):
            await asyncio.sleep(0)
            with tracer.step(f"model {turn}.{rule}", "generation"):
                await asyncio.sleep(0)

    async def take(turn: int) -> None:
        with Turn(tracer, turn_id=str(turn), session_id=f"session {turn}"), tracer.step(f"check {turn}"):
            await asyncio.gather(*(guard(turn, rule) for rule in range(5)))

    await asyncio.gather(*(take(turn) for turn in range(10)))
    await asyncio.to_thread(tracer.shutdown)

    assert len(server.spans) == 10 * 12
    for turn in range(10):
        spans = [span for span in server.spans if span.trace_id == tracer.trace_id(str(turn))]
        assert {span.attributes["session.id"] for span in spans} == {f"session {turn}"}
        assert len(spans) == 12
        for rule in range(5):
            guarded = server.named(f"rule {turn}.{rule}")
            assert guarded.parent_id == server.named(f"check {turn}").span_id
            assert server.named(f"model {turn}.{rule}").parent_id == guarded.span_id


async def test_turn_opened_inside_another_turn_is_a_root_of_its_own(tracer: Tracer, server: FakeLangfuse) -> None:
    with Turn(tracer, turn_id="outer"), tracer.step("step"), Turn(tracer, turn_id="inner", user_id="other"):
        pass
    await asyncio.to_thread(tracer.shutdown)
    [inner] = [span for span in server.spans if span.trace_id == tracer.trace_id("inner")]
    assert inner.parent_id == ""
    assert inner.attributes["user.id"] == "other"


def test_step_outside_a_turn_is_not_reported(tracer: Tracer, server: FakeLangfuse) -> None:
    with tracer.step("lonely") as step:
        step.update(output="nothing")
    tracer.shutdown()
    assert server.spans == []


RETRY = """
import sys
from agent.settings import LangfuseProject
from agent.tracing.traces import LangfuseTracer
project = LangfuseProject(public_key=sys.argv[1], secret_key=sys.argv[2], base_url=sys.argv[3])
tracer = LangfuseTracer(project, environment="test")
with tracer.turn(trace_id=tracer.trace_id(sys.argv[4]), session_id="s", user_id="u", tags=[], metadata={}, input="2"):
    pass
tracer.shutdown()
"""


def test_retry_in_another_process_lands_on_the_same_trace(tracer: Tracer, server: FakeLangfuse) -> None:
    with Turn(tracer):
        pass
    tracer.shutdown()
    arguments = [server.public_key, server.secret_key, server.url, TURN_ID]
    subprocess.run([sys.executable, "-c", RETRY, *arguments], check=True, timeout=60)
    first, second = server.spans
    assert first.trace_id == second.trace_id == Langfuse.create_trace_id(seed=TURN_ID)
    assert first.span_id == second.span_id, "Langfuse keeps one root, as the last attempt left it"
    assert (first.parent_id, second.parent_id) == ("", "")


def test_delivery_hangs_under_the_root_of_its_turn(tracer: Tracer, server: FakeLangfuse) -> None:
    with Turn(tracer):
        pass
    with (
        tracer.continued(
            "deliver",
            trace_id=tracer.trace_id(TURN_ID),
            session_id="conversation-1",
            user_id="contact-1",
            tags=["whatsapp"],
            metadata={"attempt": "1"},
        ) as delivery,
        tracer.step("send", "tool"),
    ):
        delivery.update(output="queued")
    tracer.shutdown()
    root, deliver, send = server.named("turn"), server.named("deliver"), server.named("send")
    assert {span.trace_id for span in server.spans} == {tracer.trace_id(TURN_ID)}
    assert deliver.parent_id == root.span_id
    assert send.parent_id == deliver.span_id
    assert deliver.attributes["session.id"] == "conversation-1"


def test_without_keys_nothing_is_sent_logged_or_started(caplog: pytest.LogCaptureFixture) -> None:
    threads = threading.active_count()
    with caplog.at_level(logging.DEBUG):
        silent = build_tracer(settings())
        with Turn(silent) as turn, silent.step("step", "generation", input="x", metadata={"a": 1}) as step:
            turn.update(output="y", level="ERROR")
            step.update(output="z")
            silent.call(a_call())
        silent.shutdown()
    assert isinstance(silent, SilentTracer)
    assert silent.trace_id(TURN_ID) == Langfuse.create_trace_id(seed=TURN_ID)
    assert threading.active_count() == threads
    assert caplog.records == []


@pytest.mark.parametrize("missing", ["langfuse_public_key", "langfuse_secret_key"])
def test_one_key_alone_is_silent(server: FakeLangfuse, missing: str) -> None:
    assert isinstance(build_tracer(settings(server).model_copy(update={missing: None})), SilentTracer)


@pytest.mark.parametrize("mode", ["hang", "refuse", "error"])
def test_broken_server_neither_blocks_steps_nor_stops_the_process(
    tracer: Tracer, server: FakeLangfuse, mode: Mode
) -> None:
    server.mode = mode
    for number in range(20):
        with Turn(tracer, turn_id=str(number)):
            for _ in range(50):
                with tracer.step("step", input="x" * 5_000) as step:
                    step.update(output="y" * 5_000)
    assert server.wait_for_requests(1)  # while spans were still made, the server was already failing
    started = time.monotonic()
    tracer.shutdown()
    assert time.monotonic() - started < 6
    assert server.spans == []


def test_wrong_keys_change_nothing_for_the_turn(server: FakeLangfuse) -> None:
    wrong = settings(server).model_copy(update={"langfuse_base_url": server.url + "/"})
    server.secret_key = "sk-lf-another"
    tracer = build_tracer(wrong)
    with Turn(tracer) as turn:
        turn.update(output="sent")
    tracer.shutdown()
    assert server.refused == 1
    assert server.spans == []


class Unprintable:
    def __str__(self) -> str:
        raise ValueError("cannot be shown")


def test_error_inside_the_sdk_boundary_is_counted_and_logged_once(
    server: FakeLangfuse, caplog: pytest.LogCaptureFixture
) -> None:
    tracer = build_tracer(settings(server))
    assert isinstance(tracer, LangfuseTracer)
    done = False
    with caplog.at_level(logging.DEBUG, logger="agent.tracing.traces"), Turn(tracer) as turn:
        turn.update(output=Unprintable())
        with tracer.step("step", input=Unprintable()) as step:
            step.update(output="x")
            done = True
    tracer.shutdown()
    assert done
    assert tracer.failures == 2
    assert [record.levelname for record in caplog.records] == ["DEBUG"]
    assert "cannot be shown" not in caplog.text


def test_malformed_trace_id_silences_the_trace_and_not_the_turn(tracer: Tracer, server: FakeLangfuse) -> None:
    with (
        tracer.turn(trace_id="not hex", session_id="s", user_id="u", tags=[], metadata={}, input="x") as turn,
        tracer.step("step"),
    ):
        turn.update(output="y")
    tracer.shutdown()
    assert server.spans == []


def test_shutdown_twice_and_steps_after_it_are_harmless(tracer: Tracer, server: FakeLangfuse) -> None:
    tracer.shutdown()
    tracer.shutdown()
    with Turn(tracer), tracer.step("late"):
        pass
    assert server.spans == []
