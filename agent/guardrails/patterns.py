"""Pattern lists of rules: a TOML file beside the rule, each key a list of patterns on the words of a sentence.

In a pattern `~` stands for up to 30 characters of the same clause without a denial, and `<name>` for any of the list `words.name` of
the same file. The words are those of `agent.guardrails.sentences.Sentence`.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

_GAP = r"\b(?:(?! (?:no|not|nao|never|nunca|ni|whether)\b)[^,]){0,30}? ?\b"


def load_patterns(name: str) -> dict[str, dict[str, re.Pattern[str]]]:
    """Return the patterns of `name`.toml: per table, one pattern for each of its lists.

    Raises:
        FileNotFoundError: there is no such file.
        re.error: a pattern is wrong.
    """
    read = tomllib.loads(files("agent.guardrails").joinpath(f"{name}.toml").read_text("utf-8"))
    words = {key: _any_of(list_, {}) for key, list_ in read.pop("words", {}).items()}
    return {table: _compile(lists, words) for table, lists in read.items()}


def _compile(lists: Mapping[str, Any], words: Mapping[str, str]) -> dict[str, re.Pattern[str]]:
    return {key: re.compile(rf"\b{_any_of(patterns, words)}\b") for key, patterns in lists.items()}


def _any_of(patterns: Sequence[str], words: Mapping[str, str]) -> str:
    joined = "|".join(patterns).replace("~", _GAP)
    for name, alternatives in words.items():
        joined = joined.replace(f"<{name}>", alternatives)
    return f"(?:{joined})"
