"""Finds swear words that are masked: "f**k", "p0rra", "m!erda"."""

import re
from collections.abc import Iterator

from agent.guardrails.expressions import compiled_on_use
from agent.guardrails.folded import fold_text
from agent.guardrails.sentences import Span

_WORDS = tuple(
    """
    fuck fucking fucker shit bullshit bitch cunt asshole bastard dick wanker bollocks arse mierda puta puto joder jodido
    carajo cabron pendejo pendeja chinga chingada verga culero pelotudo boludo gilipollas hostia mamon merda porra
    caralho foda foder cacete buceta cuzao arrombado viado idiota imbecil estupido estupida
    """.split()  # noqa: SIM905 — words are read more easily so
)
_READ_AS = {"a": "4@", "e": "3", "i": "1!", "o": "0", "s": "5$", "t": "7", "b": "8", "g": "9", "l": "1"}
_MASKED = compiled_on_use(
    r"(?<![\w*@/.])(?:"
    + "|".join(
        word[0] + "".join(rf"(?:{letter}|[{re.escape(_READ_AS.get(letter, letter))}]|[*#@$%])" for letter in word[1:])
        for word in sorted(_WORDS, key=len, reverse=True)
    )
    + r"|[a-z]{1,2}[*#@$%]{2,6}[a-z]{0,6}"
    + r")(?!\w|[.,]\d)"
)
_MASKING = re.compile(r"[a-z](?:[*#@$%\d]|!(?=\S))")
"""No such word ends in a letter that "!" stands for."""


def masked_swearing(text: str) -> Iterator[Span]:
    """Yield where masked swear words stand in `text`; those written in full are found elsewhere."""
    folded = fold_text(text)
    if not _MASKING.search(folded.text):
        return
    for match in _MASKED.finditer(folded.text):
        if not match[0].isalpha():
            yield folded.span(*match.span())
