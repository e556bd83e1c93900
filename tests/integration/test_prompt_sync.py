"""`prompts/` is the truth and Langfuse has copies: pushed once each, compared, and linked to generations."""

from io import StringIO

import pytest
from pydantic import SecretStr
from rich.console import Console

from agent.errors import Misconfigured
from agent.prompt_sync import diff_prompt, local_prompts, push_prompts
from agent.prompts import Prompts
from agent.settings import Settings
from agent.store.db import Database
from agent.store.prompt_links import list_links
from agent.tracing.langfuse_api import LangfuseApi, LangfuseRefused, LangfuseUnavailable
from jobs.prompt_sync import PROMPT_SETS, run_diff, run_push
from tests.doubles.langfuse import FakeLangfuse

FILES = {"draft/system.md": "Be kind.\n{% include 'shared/voice.md' %}", "shared/voice.md": "Short sentences."}
SETS = {"draft": ("draft/system.md",)}


async def push(langfuse: FakeLangfuse, files: dict[str, str], label: str = "production") -> list[tuple[int, str]]:
    async with LangfuseApi(langfuse.project) as api:
        local = local_prompts(Prompts(files), SETS)
        return [(each.number, each.how) async for each in push_prompts(local, api, label)]


async def differences(langfuse: FakeLangfuse, files: dict[str, str]) -> str:
    async with LangfuseApi(langfuse.project) as api:
        (prompt,) = local_prompts(Prompts(files), SETS)
        return await diff_prompt(prompt, api, "production")


async def test_a_prompt_is_written_once_and_a_changed_one_anew(langfuse: FakeLangfuse) -> None:
    changed = {**FILES, "shared/voice.md": "Very short sentences."}
    assert await push(langfuse, FILES) == [(1, "written")]
    assert await push(langfuse, FILES) == [(1, "unchanged")]
    assert await push(langfuse, changed) == [(2, "written")]
    assert await push(langfuse, FILES) == [(1, "labelled")], "the text is there already: only the label moves"
    assert [each["labels"].count("production") for each in langfuse.prompts["draft"]] == [1, 0]


async def test_a_prompt_carries_what_it_includes_and_our_version(langfuse: FakeLangfuse) -> None:
    await push(langfuse, FILES)
    (there,) = langfuse.prompts["draft"]
    assert "Be kind." in there["prompt"]
    assert "Short sentences." in there["prompt"]
    assert there["config"]["version"] == Prompts(FILES).version("draft/system.md")


async def test_diff_shows_what_differs_and_nothing_once_it_is_pushed(langfuse: FakeLangfuse) -> None:
    assert "+Be kind." in await differences(langfuse, FILES)
    await push(langfuse, FILES)
    assert await differences(langfuse, FILES) == ""
    changed = {**FILES, "draft/system.md": "Be brief.\n{% include 'shared/voice.md' %}"}
    shown = await differences(langfuse, changed)
    assert "-Be kind." in shown
    assert "+Be brief." in shown


@pytest.mark.parametrize(("mode", "error"), [("refuse", LangfuseUnavailable), ("error", LangfuseUnavailable)])
async def test_langfuse_being_away_is_said(langfuse: FakeLangfuse, mode: str, error: type[Exception]) -> None:
    langfuse.mode = mode  # type: ignore[assignment]  # one of the modes
    with pytest.raises(error):
        await push(langfuse, FILES)


async def test_wrong_keys_are_said(langfuse: FakeLangfuse) -> None:
    project = langfuse.project
    langfuse.secret_key = "sk-lf-another"
    async with LangfuseApi(project) as api:
        with pytest.raises(LangfuseRefused, match="401"):
            await api.find_prompt("draft", "production")


@pytest.fixture
def configured(settings: Settings, langfuse: FakeLangfuse, db: Database) -> Settings:
    project = langfuse.project
    return settings.model_copy(
        update={
            "database_url": SecretStr(db.url),
            "langfuse_public_key": project.public_key,
            "langfuse_secret_key": project.secret_key,
            "langfuse_base_url": project.base_url,
        }
    )


async def test_the_command_pushes_every_prompt_and_notes_its_number(
    configured: Settings, langfuse: FakeLangfuse, db: Database
) -> None:
    out = Console(file=StringIO())
    await run_push(configured, "", "production", out)
    async with db.system() as tx:
        links = [each for each in await list_links(tx) if each.project == langfuse.public_key]
    assert {each.name for each in links} == {*PROMPT_SETS} == {*langfuse.prompts}
    assert {each.number for each in links} == {1}
    assert not await run_diff(configured, "", "production", out)


async def test_without_a_project_the_command_says_what_to_set(settings: Settings) -> None:
    with pytest.raises(Misconfigured, match="LANGFUSE_PUBLIC_KEY"):
        await run_diff(settings, "", "production", Console(file=StringIO()))
