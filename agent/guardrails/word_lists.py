"""Word lists of rules: a TOML file beside the rule, each key a text of words parted by white space."""

import tomllib
from importlib.resources import files


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
