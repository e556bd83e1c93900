"""Word lists of rules: a TOML file beside the rule, each key a text of words parted by white space."""

import tomllib
from importlib.resources import files
from typing import Any


def load_tables(name: str) -> dict[str, Any]:
    """Return the tables of `name`.toml and of the files that go on with it, `name`_*.toml, in order.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a table stands in two of them.
    """
    folder = files("agent.guardrails")
    more = sorted(
        each.name for each in folder.iterdir() if each.name.startswith(f"{name}_") and each.name.endswith(".toml")
    )
    tables: dict[str, Any] = {}
    for file in (f"{name}.toml", *more):
        read = tomllib.loads(folder.joinpath(file).read_text("utf-8"))
        if twice := tables.keys() & read.keys():
            raise ValueError(f"{file}: {', '.join(sorted(twice))} stands in another file of {name}, too")
        tables |= read
    return tables


def load_words(name: str) -> dict[str, frozenset[str]]:
    """Return the lists of `name`.toml, each as a set of words.

    Raises:
        FileNotFoundError: there is no such file.
    """
    read = tomllib.loads(files("agent.guardrails").joinpath(f"{name}.toml").read_text("utf-8"))
    return {key: frozenset(text.split()) for key, text in read.items()}


def any_of(words: frozenset[str]) -> str:
    """Return a pattern that matches any of `words`; they may hold patterns, with `_` for a space."""
    return "(?:" + "|".join(sorted(words, key=len, reverse=True)).replace("_", " ") + ")"
