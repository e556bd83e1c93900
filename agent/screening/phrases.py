"""How people ask us to stop in their own words: the patterns of `screen_phrases.toml`, compiled."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources

_WORDS_NAME = re.compile(r"<([a-z_]+)>")


def compile_phrases(lists: Mapping[str, Sequence[str]], words: Mapping[str, str]) -> tuple[re.Pattern[str], ...]:
    """Compile patterns, each `<name>` replaced by the entry of `words`, which may name further ones.

    Raises:
        KeyError: a name has no entry.
        re.error: a pattern is wrong.
    """

    def written_out(pattern: str) -> str:
        return _WORDS_NAME.sub(lambda name: written_out(words[name[1]]), pattern)

    return tuple(re.compile(written_out(pattern)) for patterns in lists.values() for pattern in patterns)


_FILE = tomllib.loads(resources.files("agent.screening").joinpath("phrases.toml").read_text(encoding="utf-8"))
OPT_OUT_PHRASES = compile_phrases(_FILE["clauses"], _FILE["words"])
"""On one clause, with a space at both ends."""
ACROSS_CLAUSES = compile_phrases(_FILE["texts"], _FILE["words"])
"""On a whole text, likewise."""
