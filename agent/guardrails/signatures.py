"""Who signs a text: the name of a person under it makes the text that person's."""

import re
from collections.abc import Iterator
from itertools import pairwise

from agent.folding import fold, words_of
from agent.guardrails.expressions import compiled_on_use, load_expressions
from agent.guardrails.publications import publications_of
from agent.guardrails.word_lists import load_words
from agent.types import Tenant

MAX_LINES = 4
"""A signature has at most so many lines, the closing formula among them."""

MAX_NAME = 3
"""Words in the name of a person of whom nothing else is known."""

MAX_DASHED = 100
"""In the last so many characters a dash may stand before a name."""

_SAYS = load_expressions("signatures")
_FIRST_NAMES = load_words("pii")["first_names"]
_LINE = re.compile(r"[^\n]+")
_NAME = r"[A-ZÁÉÍÓÚÂÊÔÃÕÇ][\w'’-]{1,20}(?: (?:(?:de|del|da|do|dos|la) )?[A-ZÁÉÍÓÚÂÊÔÃÕÇ][\w'’.-]{0,20}){0,3}"
_SIGNED = compiled_on_use(
    rf"\W{{0,5}}(?P<title>(?:Dra?|Lic|Ing|Prof|Sra?|Mr|Ms|Mrs|Eng|Arq|Enf)\.? )?(?P<name>{_NAME})(?P<rest>\W.*|)$"
)
_NAMED_FIRST = compiled_on_use(rf"\W{{0,3}}(?P<name>{_NAME})(?=[,.!]? (?:from|de|da|do|del|here|aqu[ií])\b)")
_DASHED = compiled_on_use(rf"\s[-–—~] ?(?P<name>{_NAME})\W{{0,5}}$")


def find_signatures(text: str, tenant: Tenant) -> Iterator[tuple[int, int]]:
    """Yield where a text is signed with a person's name that is not the assistant's."""
    lines = [match for match in _LINE.finditer(text) if match[0].strip()]
    last = lines[-MAX_LINES:]
    for before, line in pairwise(last):
        closes = _SAYS["closing"].fullmatch(fold(before[0]).strip())
        signed = _SIGNED.match(line[0]) if closes or _begins_last_block(text, line.start(), len(lines)) else None
        if signed is None or _SAYS["virtual"].search(fold(text[line.start() :])):
            continue
        if _ends_there(signed["rest"]) and _is_person(signed["name"], tenant, sure=bool(signed["title"] or closes)):
            yield line.start() + signed.start("name"), line.start() + signed.end("name")
    dashed = _DASHED.search(text, max(0, len(text) - MAX_DASHED))
    if dashed and _is_person(dashed["name"], tenant, sure=False):
        yield dashed.span("name")


def names_at_start(text: str, tenant: Tenant) -> Iterator[tuple[int, int]]:
    """Yield the person's name with which a text begins: "Denise, from sales"."""
    named = _NAMED_FIRST.match(text)
    if named and _is_person(named["name"], tenant, sure=True):
        yield named.span("name")


def _begins_last_block(text: str, start: int, lines: int) -> bool:
    """Say whether an empty line parts what begins at `start` from all that is said before."""
    return lines > MAX_LINES - 2 and text[:start].endswith("\n\n") and not text[:start].rstrip().endswith(":")


def _ends_there(rest: str) -> bool:
    """Say whether behind a name stands nothing, or only what its bearer is."""
    return not rest.strip(" ,.!-–—") or bool(_SAYS["title_or_role"].match(fold(rest)))


def _is_person(name: str, tenant: Tenant, *, sure: bool) -> bool:
    """Say whether a name is a person's, and neither the assistant's nor the business's. `sure`: it is a signature."""
    words = fold(name).replace("-", " ").split()
    own = {word for disclosure in (*tenant.disclosure.values(), tenant.name) for word in words_of(disclosure).split()}
    if words[-1] in own or words[0] in own:
        return False
    known = (sure or len(words) > 1) and publications_of(tenant).says(" ".join(words))
    return (
        known or words[0] in _FIRST_NAMES or (sure and len(words) <= MAX_NAME and not _SAYS["team"].search(fold(name)))
    )
