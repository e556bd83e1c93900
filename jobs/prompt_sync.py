"""`nightshift prompts …`: copies our prompts to Langfuse, or shows how its copies differ."""

from collections.abc import Mapping

from rich.console import Console
from rich.markup import escape

from agent.errors import Misconfigured
from agent.models.claude import CLASSIFY, JUDGE, REPLY, REVISE
from agent.models.desk import REDRAFT, TRANSLATE
from agent.models.summaries import SUMMARISE
from agent.prompt_sync import LocalPrompt, diff_prompt, local_prompts, push_prompts
from agent.prompts import Prompts
from agent.settings import LangfuseProject, Settings
from agent.store.prompt_links import PromptLink, save_link
from agent.tracing.langfuse_api import LangfuseApi
from jobs.wiring import open_store

PROMPT_SETS: Mapping[str, tuple[str, ...]] = {
    "classify": CLASSIFY,
    "draft": REPLY,
    "revise": REVISE,
    "judge": JUDGE,
    "summarise": SUMMARISE,
    "redraft": REDRAFT,
    "translate": TRANSLATE,
}
"""What a model is told, by what it is asked for: the names of prompts in Langfuse."""


async def run_push(settings: Settings, tenant: str, label: str, out: Console) -> None:
    """Write what Langfuse lacks, and note its versions' numbers for the workers.

    Raises:
        Misconfigured: there is no such project. LangfuseUnavailable, LangfuseRefused: it would not.
    """
    project = _project(settings, tenant)
    async with LangfuseApi(project) as api, open_store(settings, connections=2) as (deps, _):
        async for pushed in push_prompts(_local(), api, label):
            name, version = pushed.prompt.name, pushed.prompt.version
            link = PromptLink(project=project.public_key, name=name, version=version, number=pushed.number)
            async with deps.db.system() as tx:
                await save_link(tx, link)
            out.print(f"{name:10} {version}  version {pushed.number}, {pushed.how}")


async def run_diff(settings: Settings, tenant: str, label: str, out: Console) -> bool:
    """Print how Langfuse's copies differ; say whether any does.

    Raises:
        Misconfigured: there is no such project. LangfuseUnavailable, LangfuseRefused: nobody knows.
    """
    differs = False
    async with LangfuseApi(_project(settings, tenant)) as api:
        for prompt in _local():
            diff = await diff_prompt(prompt, api, label)
            differs = differs or bool(diff)
            out.print(escape(diff) if diff else f"{prompt.name}: the same", end="" if diff else "\n")
    return differs


def _local() -> list[LocalPrompt]:
    return local_prompts(Prompts.load(), PROMPT_SETS)


def _project(settings: Settings, tenant: str) -> LangfuseProject:
    project = settings.langfuse_project_of(tenant)
    if project is None:
        raise Misconfigured(
            "There is no Langfuse project to copy prompts to.",
            "Set LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY, or name a tenant of LANGFUSE_PROJECTS with --tenant.",
        )
    return project
