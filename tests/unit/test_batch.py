"""Batch tools: order, bad rows, progress, concurrency."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.batch import (
    Row,
    annotate_file,
    classification_fields,
    language_fields,
)
from agent.errors import ModelUnavailable
from agent.language import LanguageDetector
from agent.types import Classification


def _write(path: Path, *lines: str | bytes) -> Path:
    path.write_bytes(b"".join((each.encode() if isinstance(each, str) else each) + b"\n" for each in lines))
    return path


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _answer(row: Row) -> Classification:
    return Classification(intent="pricing", language="es", confidence=0.9, needs_human=False, source="local")


async def test_thousand_rows_come_out_in_order_with_language(tmp_path: Path, detector: LanguageDetector) -> None:
    source = _write(
        tmp_path / "in", *(json.dumps({"id": i, "text": "bom dia, tudo bem?", "x": "ñ"}) for i in range(1000))
    )
    seen: list[int] = []

    result = await annotate_file(source, tmp_path / "out", language_fields(detector), progress=seen.append)

    rows = _read(tmp_path / "out")
    assert result.written == 1000
    assert result.rejected == ()
    assert [row["id"] for row in rows] == list(range(1000))
    assert {(row["language"], row["x"]) for row in rows} == {("pt", "ñ")}
    assert seen == list(range(1, 1001))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param("{oops", "not JSON", id="not JSON"),
        pytest.param('["text"]', "expected an object", id="not an object"),
        pytest.param('{"id": 1}', '"text" is missing', id="no text"),
        pytest.param('{"id": 1, "text": 5}', '"text" must be a string', id="text not a string"),
        pytest.param('{"id": 1, "text": null}', '"text" must be a string', id="text null"),
        pytest.param(b'{"text": "caf\xe9"}', "not UTF-8", id="Latin-1"),
        pytest.param("[" * 100_000, "not JSON", id="nested too deep"),
        pytest.param('{"text": "a", "context": 3}', '"context" must be a string', id="context not a string"),
        pytest.param('{"text": "a", "channel": "fax"}', '"channel" must be one of', id="unknown channel"),
        pytest.param('{"text": "a", "channel": ["sms"]}', '"channel" must be one of', id="channel not a string"),
    ],
)
async def test_bad_row_is_reported_by_line_and_the_rest_goes_on(tmp_path: Path, line: str | bytes, reason: str) -> None:
    source = _write(tmp_path / "in", '{"id": "a", "text": "hola"}', "", line, '{"id": "b", "text": "oi"}')

    result = await annotate_file(source, tmp_path / "out", classification_fields(_answer))

    assert [row["id"] for row in _read(tmp_path / "out")] == ["a", "b"]
    assert [rejected.line for rejected in result.rejected] == [3]
    assert reason in result.rejected[0].reason


async def test_language_is_never_null(tmp_path: Path, detector: LanguageDetector) -> None:
    source = _write(tmp_path / "in", *(json.dumps({"text": text}) for text in ["", "👍", "ok", "Bonjour mes amis"]))

    await annotate_file(source, tmp_path / "out", language_fields(detector))

    rows = _read(tmp_path / "out")
    assert [row["language"] in {"en", "es", "pt"} for row in rows] == [True, True, True, False]
    assert rows[3]["language"] == "other"
    assert all(0 <= row["confidence"] <= 1 for row in rows)


async def test_lone_surrogate_does_not_stop_the_run(tmp_path: Path, detector: LanguageDetector) -> None:
    source = _write(tmp_path / "in", '{"text": "hola \\ud800 amigo"}')

    result = await annotate_file(source, tmp_path / "out", language_fields(detector))

    assert result.written == 1
    assert _read(tmp_path / "out")[0]["language"] == "es"


async def test_slow_engine_works_on_several_rows_at_once_and_keeps_their_order(tmp_path: Path) -> None:
    source = _write(tmp_path / "in", *(json.dumps({"id": i, "text": "hola"}) for i in range(20)))
    gate = asyncio.Barrier(4)

    async def engine(row: Row) -> Classification:
        await gate.wait()
        return _answer(row)

    await annotate_file(source, tmp_path / "out", classification_fields(engine), concurrency=4)

    assert [row["id"] for row in _read(tmp_path / "out")] == list(range(20))


async def test_engine_that_fails_on_a_row_is_reported_and_the_rest_goes_on(tmp_path: Path) -> None:
    source = _write(tmp_path / "in", '{"text": "uno"}', '{"text": "dos"}')
    answers: Iterator[bool] = iter([False, True])

    async def engine(row: Row) -> Classification:
        if not next(answers):
            raise ModelUnavailable("no model answered in time")
        return _answer(row)

    result = await annotate_file(source, tmp_path / "out", classification_fields(engine))

    assert [(rejected.line, rejected.reason) for rejected in result.rejected] == [(1, "no model answered in time")]
    assert _read(tmp_path / "out") == [
        {
            "text": "dos",
            "intent": "pricing",
            "language": "es",
            "confidence": 0.9,
            "needs_human": False,
            "source": "local",
        }
    ]


async def test_defect_in_an_engine_is_not_swallowed(tmp_path: Path) -> None:
    source = _write(tmp_path / "in", '{"text": "uno"}')

    def engine(row: Row) -> Classification:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await annotate_file(source, tmp_path / "out", classification_fields(engine))
