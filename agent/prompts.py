"""Load, render and version the prompts in `prompts/`: text files that people can read and diff.

What a prospect wrote enters a prompt only through the filter `data`, inside a marked block: as JSON, with `<` and
everything invisible escaped, so that no text can close its block and pass for an instruction.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Self

import jinja2
from jinja2 import meta

_ESCAPED = re.compile(
    "[<\uff1c\ufe64"  # opens a tag, in any width
    "\x7f-\x9f\u2028\u2029"  # breaks a line without being a line break
    "\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff"  # changes what is seen
    "\U000e0000-\U000e007f]"  # letters that only machines see
)


def data(value: object) -> str:
    """Return `value` as one line of JSON that cannot close the block around it, nor say more than people see.

    What JSON does not know is written as text. Lone surrogates, which no API accepts, become question marks.
    """
    text = json.dumps(value, ensure_ascii=False, default=str)
    return _ESCAPED.sub(_escape, text).encode("utf-8", "replace").decode()


def _escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))


class Prompts:
    """The prompt files, by path (`reply/system.md`), as Jinja2 templates. A missing value is an error."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = dict(files)
        self._templates = jinja2.Environment(
            loader=jinja2.DictLoader(self._files),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,  # noqa: S701 — plain text for a model; untrusted values go through `data`
        )
        self._templates.filters["data"] = data

    @classmethod
    def load(cls) -> Self:
        """Read the files that ship with the package `prompts`."""
        folders = (entry for entry in resources.files("prompts").iterdir() if entry.is_dir())
        return cls({path: text for folder in folders for path, text in _read(folder)})

    @property
    def files(self) -> Mapping[str, str]:
        """Return the text of every file, by path."""
        return self._files

    def render(self, path: str, /, **values: object) -> str:
        """Return the prompt at `path` with `values` filled in.

        Raises:
            jinja2.TemplateError: no such file, or it asks for a value that is not given.
        """
        return self._templates.get_template(path).render(values).strip()

    def version(self, *paths: str) -> str:
        """Return a short hash of these files and all they include: it changes when their text does."""
        digest = hashlib.sha256()
        for path in sorted(self.with_includes(paths)):
            digest.update(f"{path}\0{self._files[path]}\0".encode())
        return digest.hexdigest()[:12]

    def with_includes(self, paths: tuple[str, ...]) -> set[str]:
        """Return `paths` and every file they include, directly or not."""
        found: set[str] = set()
        waiting = list(paths)
        while waiting:
            path = waiting.pop()
            if path not in found:
                found.add(path)
                tree = self._templates.parse(self._files[path])
                waiting += [name for name in meta.find_referenced_templates(tree) if name]
        return found


def _read(folder: Traversable) -> list[tuple[str, str]]:
    """Return path and text of the Markdown files of one folder."""
    return [
        (f"{folder.name}/{file.name}", file.read_text("utf-8"))
        for file in folder.iterdir()
        if file.name.endswith(".md")
    ]
