"""Log lines: one per record, with correlation ids, without what people wrote."""

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from agent.log import QUIET, configure_logging


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.NOTSET)
    structlog.reset_defaults()


def written(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def fail(message: str) -> None:
    raise ValueError(message)


def test_json_line_has_level_logger_time_and_fields(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", json=True)
    structlog.get_logger("agent.turn").info("Turn taken.", outcome="sent", steps=7)
    [line] = written(capsys)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "Turn taken.",
        "level": "info",
        "logger": "agent.turn",
        "outcome": "sent",
        "steps": 7,
    }


def test_standard_library_records_look_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", json=True)
    logging.getLogger("uvicorn").warning("Port %s is taken by %s", 8000, "ana@example.com")
    [line] = written(capsys)
    assert (line["event"], line["level"], line["logger"]) == (
        "Port 8000 is taken by [email]",
        "warning",
        "uvicorn",
    )


def test_library_with_a_handler_of_its_own_is_masked_too(capsys: pytest.CaptureFixture[str]) -> None:
    library = logging.getLogger("uvicorn")
    library.addHandler(logging.StreamHandler())
    library.propagate = False
    configure_logging("info", json=True)
    library.warning("Refused %s", "ana@example.com")
    assert [line["event"] for line in written(capsys)] == ["Refused [email]"]


@pytest.mark.parametrize(("level", "events"), [("debug", ["d", "i", "e"]), ("info", ["i", "e"]), ("error", ["e"])])
def test_level_decides_what_is_written(level: Any, events: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(level, json=True)
    log = structlog.get_logger()
    log.debug("d")
    log.info("i")
    logging.getLogger("x").error("e")
    assert [line["event"] for line in written(capsys)] == events


@pytest.mark.parametrize("name", QUIET)
def test_libraries_that_log_requests_stay_quiet_even_at_debug(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("debug", json=True)
    logging.getLogger(f"{name}.client").info("POST body=…")
    assert written(capsys) == []


async def test_correlation_ids_follow_their_task_and_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", json=True)

    async def work(turn: int) -> None:
        with structlog.contextvars.bound_contextvars(turn=turn):
            await asyncio.sleep(0)
            logging.getLogger("step").info("step %s", turn)

    await asyncio.gather(*(work(turn) for turn in range(5)))
    structlog.get_logger().info("after")
    *said, after = written(capsys)
    steps = [line for line in said if line["logger"] == "step"]  # what earlier tests have left running may speak, too
    assert all(line["event"] == f"step {line['turn']}" for line in steps)
    assert len(steps) == 5
    assert "turn" not in after


@pytest.mark.parametrize("key", ["text", "body", "token", "authorization", "password", "auth_token", "message_text"])
def test_texts_and_credentials_are_never_written(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", json=True)
    structlog.get_logger().info("received", **{key: "quiero bailar", "inner": [{key: "quiero bailar"}]})
    logging.getLogger("x").info("received", extra={key: "quiero bailar"})
    output = capsys.readouterr().err
    assert "bailar" not in output
    assert output.count("[hidden]") == 3


def test_values_are_bounded_and_personal_data_masked(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", json=True)
    structlog.get_logger().info("x" * 5_000, sender="+34 612 345 678", reason="y" * 1_000_000)
    [line] = written(capsys)
    assert line["sender"] == "[number]"
    assert len(line["event"]) == len(line["reason"]) == 2_001


@pytest.mark.parametrize("as_json", [True, False])
def test_exception_is_written_with_its_trace_masked_and_without_local_variables(
    as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("debug", json=as_json)
    message_of_the_prospect = "bailar"
    try:
        fail(f"{len(message_of_the_prospect)} from ana@example.com\x1b[31m")
    except ValueError:
        structlog.get_logger().exception("Turn failed.")
    output = capsys.readouterr().err
    assert "Turn failed." in output
    assert "Traceback (most recent call last)" in output
    assert "ValueError: 6 from [email]" in output
    assert "bailar" not in output
    assert "\x1b[31m" not in output


@pytest.mark.parametrize("as_json", [True, False])
def test_what_an_exception_says_is_not_written_by_default_nor_what_its_causes_say(
    as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("info", json=as_json)
    said = "bailar"
    try:
        try:
            fail(said)
        except ValueError as exc:
            raise ExceptionGroup(said, [KeyError(said)]) from exc
    except ExceptionGroup:
        structlog.get_logger().exception("Turn failed.")
    output = capsys.readouterr().err
    assert "ExceptionGroup" in output
    assert "test_log.py" in output
    assert said not in output


def test_long_exception_keeps_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("debug", json=True)
    try:
        fail("z" * 50_000 + " the end")
    except ValueError:
        structlog.get_logger().exception("Turn failed.")
    [line] = written(capsys)
    assert line["exception"].endswith("the end")
    assert len(line["exception"]) == 10_000


@pytest.mark.parametrize("as_json", [True, False])
def test_untrusted_value_cannot_forge_a_line(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", json=as_json)
    logging.getLogger("x").info("subject %s", "hi\n2026 [error] forged\r\u2028more")
    structlog.get_logger().info("a\nb", **{"k\ney": "c\nd", "nested": ["e\nf"]})
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_configuring_again_replaces_the_first_set_up(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("info", json=False)
    configure_logging("info", json=True)
    structlog.get_logger().info("once")
    assert [line["event"] for line in written(capsys)] == ["once"]
