"""What the rule `pii` finds, and what a reply may repeat: published by the tenant or given by the prospect."""

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from agent.folding import fold, words_of
from agent.guardrails.expressions import compiled_on_use
from agent.guardrails.publications import Publications, publications_of
from agent.types import Tenant, Turn

MAX_GIVEN_CHARS = 10_000
"""Of what the prospect wrote, the newest this much is read."""
MAX_ASKED_CHARS = 1_000

_DIGITS = {
    word: digit
    for digit, words in enumerate(
        (
            "cero zero oh",
            "uno um one",
            "dos dois two",
            "tres three",
            "cuatro quatro four",
            "cinco five",
            "seis six meia",
            "siete sete seven",
            "ocho oito eight",
            "nueve nove nine",
        )
    )
    for word in words.split()
}
_DIGIT_WORD = re.compile(r"[a-z]+")
_SPELLED = compiled_on_use(rf"(?<!\w)(?:{'|'.join(_DIGITS)})(?:[ ,.-]{{1,3}}(?:{'|'.join(_DIGITS)})){{6,20}}(?!\w)")


@dataclass(frozen=True, slots=True)
class Finding:
    """Personal data in a text: what it is, without saying it, and where."""

    what: str
    span: tuple[int, int]


Place = tuple[str, int, int]
"""What was found, and from where to where in the folded text."""


@dataclass(frozen=True, slots=True)
class Known:
    """What may be repeated."""

    published: Publications
    given: str
    """All that the prospect wrote, and both addresses of the conversation, folded."""
    given_digits: str
    """Its digits, runs parted by a space."""
    words: frozenset[str]
    """The words of both."""
    asked: str = ""
    """The last thing the prospect wrote, folded."""

    def has_number(self, digits: str) -> bool:
        """Whether a telephone number was published or given, with or without its country code."""
        runs = (*self.published.numbers, *self.given_digits.split())
        return any(digits in run or (run in digits and len(run) >= 7) for run in runs)

    def has_text(self, folded: str) -> bool:
        """Whether a folded text, such as an e-mail address, was published or given."""
        return folded in self.published.text or folded in self.given

    def has_words(self, words: str) -> bool:
        """Whether these words of `words_of`, in this order, were published or given."""
        return f" {words} " in self.published.word_lines or words in self.given


def known_to(turn: Turn, tenant: Tenant) -> Known:
    """Return what a reply in `turn` may repeat."""
    written = [m.text for m in (*turn.history, *turn.inbound) if m.direction == "inbound" or m.author == "staff"]
    where = turn.conversation
    known = _known(
        "\n".join([*written, where.contact.name or "", where.contact_address, where.our_address])[-MAX_GIVEN_CHARS:],
        publications_of(tenant),
    )
    return replace(known, asked=fold(turn.text[:MAX_ASKED_CHARS]))


@lru_cache(maxsize=32)
def _known(given: str, published: Publications) -> Known:
    folded = fold(given)
    runs = [re.sub(r"\D", "", run) for run in re.findall(r"\d(?:[ .()/-]{0,3}\d)*", folded)]
    runs += [digits for digits, _, _ in spelled_digits(folded)]
    words = published.words | frozenset(re.findall(r"[^\W\d_]+", folded))
    return Known(published, f"{folded}\n{words_of(given)}", " ".join(run for run in runs if len(run) >= 6), words)


@lru_cache(maxsize=32)
def spelled_digits(folded: str) -> tuple[Place, ...]:
    """Return each number told digit by digit in words, as digits, with where it stands. The last texts are kept."""
    return tuple(
        ("".join(str(_DIGITS[word]) for word in _DIGIT_WORD.findall(match[0])), match.start(), match.end())
        for match in _SPELLED.finditer(folded)
    )
