"""Prompts in Langfuse: copies of those in `prompts/`, which are the truth, for people to read beside their traces.

A prompt there is all that a model is told for one task: its files and what they include. Each version carries our hash
of it as a label, so that the same text is written once, whoever pushes it.
"""

import difflib
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from agent.prompts import Prompts
from agent.tracing.langfuse_api import LangfuseApi, RemotePrompt


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalPrompt:
    """All that a model is told for one task."""

    name: str
    version: str
    text: str
    files: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Pushed:
    """A prompt in Langfuse after a push: `written` as a new version, `labelled` as one it had, or as it was."""

    prompt: LocalPrompt
    number: int
    how: Literal["written", "labelled", "unchanged"]


def local_prompts(prompts: Prompts, sets: Mapping[str, tuple[str, ...]]) -> list[LocalPrompt]:
    """Return a prompt for each task and the files it is made of."""
    return [
        LocalPrompt(name=name, version=prompts.version(*files), text=_text(prompts, files), files=files)
        for name, files in sorted(sets.items())
    ]


def _text(prompts: Prompts, files: tuple[str, ...]) -> str:
    """Return the files of a prompt as one text, with what they include after them."""
    included = sorted(prompts.with_includes(files) - set(files))
    return "\n\n".join(f"=== {path} ===\n{prompts.files[path].strip()}" for path in (*files, *included))


async def push_prompts(local: Iterable[LocalPrompt], api: LangfuseApi, label: str) -> AsyncIterator[Pushed]:
    """Bring Langfuse's copies up to date, one after the other; `label` marks what is in use.

    Raises:
        LangfuseUnavailable, LangfuseRefused: those yielded so far are there.
    """
    for prompt in local:
        there = await api.find_prompt(prompt.name, prompt.version)
        if there is None:
            there = await _write(prompt, api, label)
            yield Pushed(prompt=prompt, number=there.version, how="written")
            continue
        labelled = await api.find_prompt(prompt.name, label)
        if labelled is not None and labelled.version == there.version:
            yield Pushed(prompt=prompt, number=there.version, how="unchanged")
            continue
        await api.label_prompt(there, label)
        yield Pushed(prompt=prompt, number=there.version, how="labelled")


async def _write(prompt: LocalPrompt, api: LangfuseApi, label: str) -> RemotePrompt:
    return await api.create_prompt(
        prompt.name,
        prompt.text,
        labels=[label, prompt.version],
        config={"version": prompt.version, "files": list(prompt.files)},
        message=f"nightshift prompts push: {prompt.version}",
    )


async def diff_prompt(prompt: LocalPrompt, api: LangfuseApi, label: str) -> str:
    """Return how a prompt differs from Langfuse's copy with a label, as a unified diff; empty: it does not.

    Raises:
        LangfuseUnavailable, LangfuseRefused: nobody knows.
    """
    there = await api.find_prompt(prompt.name, label)
    before = [] if there is None else there.text.splitlines(keepends=True)
    source = f"langfuse:{prompt.name}" + (" (not there)" if there is None else f" (version {there.version})")
    lines = difflib.unified_diff(
        before, prompt.text.splitlines(keepends=True), source, f"prompts/{prompt.name} ({prompt.version})"
    )
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)
