"""Long regular expressions of rules, kept as text: a TOML file beside the rule, one expression a key.

One alternative stands on each line; an indented line goes on with the one above. `{name}` stands for an earlier
expression of the same file.
"""

import re
import tomllib
from importlib.resources import files


def load_expressions(name: str) -> dict[str, re.Pattern[str]]:
    """Return the expressions of `name`.toml, compiled.

    Raises:
        FileNotFoundError: there is no such file.
        re.error: an expression is wrong.
    """
    read: dict[str, str] = tomllib.loads(files("agent.guardrails").joinpath(f"{name}.toml").read_text("utf-8"))
    whole: dict[str, str] = {}
    for key, text in read.items():
        expression = _join(text.strip("\n").replace("\n  ", "").split("\n"))
        for earlier, meaning in whole.items():
            expression = expression.replace(f"{{{earlier}}}", meaning)
        whole[key] = f"(?:{expression})"
    return {key: re.compile(expression) for key, expression in whole.items()}


def _join(alternatives: list[str]) -> str:
    """Return one alternation. What begins at a word is tried only there: several times as fast."""
    at_words = [each.removeprefix(r"\b") for each in alternatives if each.startswith(r"\b")]
    rest = [each for each in alternatives if not each.startswith(r"\b")]
    return "|".join([*([rf"\b(?=\w)(?:{'|'.join(at_words)})"] if at_words else []), *rest])
