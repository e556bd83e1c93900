"""Pattern lists of rules: a TOML file beside the rule, each key a list of patterns on the words of a sentence.

One pattern a line; a line that begins with `|` goes on with the one before, one that begins with `#` is a comment.
In a pattern `~` stands for up to 30 characters of the same clause without a denial, and `<name>` for any of the list
`words.name` of the same file. The words are those of `agent.guardrails.sentences.Sentence`.
"""

import re
import tomllib
from collections.abc import Mapping
from importlib.resources import files

_GAP = r"\b(?:(?! (?:no|not|nao|never|nunca|ni|whether)\b)[^,]){0,30}? ?\b"
_BOUNDED = {r"\w+": r"\w{1,30}", r"\w*": r"\w{0,30}", r"\d+": r"\d{1,9}", ")*": "){0,6}"}
"""Nobody writes longer words or more fillers. Without an end, a text of one endless word is read again and again."""
_COMMENT = re.compile(r"^#.*\n?", re.MULTILINE)
_GOES_ON = re.compile(r"\n(?=\|)")


def load_patterns(name: str) -> dict[str, dict[str, re.Pattern[str]]]:
    """Return the patterns of `name`.toml: per table, one pattern for each of its lists.

    Raises:
        FileNotFoundError: there is no such file.
        re.error: a pattern is wrong.
    """
    tables = tomllib.loads(files("agent.guardrails").joinpath(f"{name}.toml").read_text("utf-8"))
    words: dict[str, str] = {}
    for key, lines in tables.pop("words", {}).items():
        words[key] = _any_of(lines, words)
    return {
        table: {key: re.compile(rf"\b{_any_of(lines, words)}\b") for key, lines in lists.items()}
        for table, lists in tables.items()
    }


def _any_of(lines: str, words: Mapping[str, str]) -> str:
    """Return one pattern for all lines, with gaps and named lists filled in."""
    joined = _GOES_ON.sub("", _COMMENT.sub("", lines)).strip().replace("\n", "|").replace("~", _GAP)
    for unbounded, bounded in _BOUNDED.items():
        joined = joined.replace(unbounded, bounded)
    for name, alternatives in words.items():
        joined = joined.replace(f"<{name}>", alternatives)
    return f"(?:{joined})"
