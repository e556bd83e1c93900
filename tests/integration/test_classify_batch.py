"""`nightshift classify --batch`: a file labelled at half price, and an interrupted run that pays nothing twice."""

import asyncio
import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from rich.console import Console
from typer.testing import CliRunner

from agent.errors import Misconfigured, NightshiftError
from agent.settings import Settings
from agent.store.db import Tx
from agent.tenant.file import TenantFile
from jobs import classify_batch, cli
from jobs.classify_batch import run_classify_batch
from tests.conftest import DatabaseUrls
from tests.doubles.claude import API_KEY, ClaudeDouble
from tests.integration.gateways import settings_for, vertex_settings

ROWS = [
    {"id": 1, "channel": "whatsapp", "text": "¿cuánto cuesta el curso?"},
    {"id": 2, "channel": "sms", "text": "hola"},
    {"id": 3, "text": 7},
    {"id": 4, "text": "gracias", "context": "Te esperamos el lunes."},
    {"id": 5, "channel": "sms", "text": "hola"},
]


@pytest.fixture
def double() -> Iterator[ClaudeDouble]:
    with ClaudeDouble() as running:
        yield running


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return source, tmp_path / "out.jsonl"


@pytest.fixture
def settings(double: ClaudeDouble, database_urls: DatabaseUrls, tmp_path: Path, lumen: TenantFile) -> Settings:
    return settings_for(double, database_url=SecretStr(database_urls.app_url), nightshift_home=tmp_path)


def read(target: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in target.read_text("utf-8").splitlines()]


async def run(settings: Settings, files: tuple[Path, Path], slug: str = "lumen") -> tuple[int, str]:
    said = StringIO()
    code = await run_classify_batch(settings, slug, *files, Console(file=said, width=200), poll_s=0)
    return code, said.getvalue()


async def test_rows_are_labelled_in_order_and_bad_ones_reported(
    settings: Settings, files: tuple[Path, Path], double: ClaudeDouble
) -> None:
    code, said = await run(settings, files)
    assert code == 0
    assert "line 3" in said
    labelled = read(files[1])
    assert [(row["id"], row["intent"], row["source"]) for row in labelled] == [
        (1, "pricing", "claude"),
        (2, "greeting", "claude"),
        (4, "acknowledgement", "claude"),
        (5, "greeting", "claude"),
    ]
    (held,) = double.batches.held
    assert len(held.requests) == 3, "the same message is asked once"
    assert double.requests == [], "nothing went at the full price"


async def test_run_again_on_the_same_file_asks_and_pays_nothing(
    settings: Settings, files: tuple[Path, Path], double: ClaudeDouble, admin: Tx
) -> None:
    await run(settings, files)
    first = files[1].read_bytes()
    await run(settings, files)
    assert files[1].read_bytes() == first
    assert len(double.batches.held) == 1
    cursor = await admin.execute("select count(*) as calls, bool_and(batch) as batch from model_calls")
    assert await cursor.fetchall() == [{"calls": 3, "batch": True}]


async def test_interrupted_run_is_taken_up_where_it_was(
    settings: Settings, files: tuple[Path, Path], double: ClaudeDouble, admin: Tx
) -> None:
    double.batches.end_at_once = False
    interrupted = asyncio.create_task(run(settings, files))
    async with asyncio.timeout(60):
        while not double.batches.held:
            await asyncio.sleep(0.02)
    interrupted.cancel()
    with pytest.raises(asyncio.CancelledError):
        await interrupted
    (row,) = await (await admin.execute("select claimed_until, due_at from model_batches")).fetchall()
    assert row["claimed_until"] is None, "nobody is kept from going on"
    await admin.execute("update model_batches set due_at = now()")
    for held in double.batches.held:
        double.batches.end(held)
    code, _ = await run(settings, files)
    assert code == 0
    assert len(double.batches.held) == 1
    assert len(read(files[1])) == 4


async def test_message_without_an_answer_is_reported_with_its_line(
    settings: Settings, files: tuple[Path, Path], double: ClaudeDouble
) -> None:
    double.batches.fates = {"gracias": ["canceled"]}
    code, said = await run(settings, files)
    assert code == 0
    assert "line 4: no answer: canceled" in said
    assert [row["id"] for row in read(files[1])] == [1, 2, 5]


async def test_long_file_goes_in_several_batches(
    settings: Settings, files: tuple[Path, Path], double: ClaudeDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classify_batch, "AT_ONCE", 2)
    code, _ = await run(settings, files)
    assert code == 0
    assert sorted(len(held.requests) for held in double.batches.held) == [1, 2]
    assert len(read(files[1])) == 4


async def test_what_cannot_begin_says_why(
    settings: Settings, files: tuple[Path, Path], double: ClaudeDouble, database_urls: DatabaseUrls
) -> None:
    with pytest.raises(NightshiftError, match="There is no tenant 'nobody'"):
        await run(settings, files, slug="nobody")
    without = vertex_settings(double, database_url=SecretStr(database_urls.app_url))
    with pytest.raises(Misconfigured, match="None of the model providers has batches"):
        await run(without, files)


def test_command_line_hands_the_tenant_on(
    settings: Settings,
    files: tuple[Path, Path],
    double: ClaudeDouble,
    database_urls: DatabaseUrls,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_urls.app_url)
    monkeypatch.setenv("ANTHROPIC_API_KEY", API_KEY)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", double.base_url)
    source, target = files
    result = CliRunner().invoke(cli.app, ["classify", "--in", str(source), "--out", str(target), "--batch", "nobody"])
    assert result.exit_code == 1
    assert "There is no tenant 'nobody'" in result.output
