"""All that a tenant has published, as one folded text: what a reply may repeat, whatever else a rule would say."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.folding import fold, words_of
from agent.guardrails.published_once import once_for
from agent.types import Tenant

_DIGIT_RUNS = re.compile(r"\d(?:[ .()/-]{0,3}\d)*")
_NOT_DIGIT = re.compile(r"\D")


@dataclass(frozen=True, slots=True)
class Publications:
    """What a tenant has said in public."""

    text: str
    """Folded (`agent.folding.fold`), one text a line."""
    words: frozenset[str]
    """Its words, letters only."""
    word_lines: str
    """The same as `agent.folding.words_of` gives it, one space at both ends of each text."""
    numbers: frozenset[str]
    """Its long numbers, digits only: telephones, accounts, tax numbers."""

    def says(self, phrase: str) -> bool:
        """Whether the tenant's texts contain a folded phrase, as whole words."""
        return phrase in self.text and re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", self.text) is not None

    def names_domain(self, host: str) -> bool:
        """Whether the tenant's texts contain exactly this domain, outside an e-mail address."""
        name = host.casefold()
        return name in self.text and re.search(rf"(?<![\w.@-]){re.escape(name)}(?!\.?[\w-])", self.text) is not None


@once_for
def publications_of(tenant: Tenant) -> Publications:
    """Return what `tenant` has published: its name, disclosure, help, catalogue and passages."""
    return _read(list(_texts(tenant)))


@once_for
def own_words(tenant: Tenant) -> frozenset[str]:
    """Return the words with which the assistant of a tenant says who it is."""
    return frozenset(word for said in tenant.disclosure.values() for word in words_of(said).split())


def _texts(tenant: Tenant) -> Iterator[str]:
    yield tenant.name
    yield from tenant.disclosure.values()
    yield from tenant.help_text.values()
    for item in tenant.catalogue:
        yield from item.name.values()
        yield from item.description.values()
        yield from item.aliases
    for passage in tenant.passages:
        yield from passage.text.values()
        yield from passage.questions


def _read(texts: Sequence[str]) -> Publications:
    folded = [fold(text) for text in texts]
    numbers = {_NOT_DIGIT.sub("", run) for text in folded for run in _DIGIT_RUNS.findall(text)}
    together = "\n".join(folded)
    word_lines = "\n".join(f" {words_of(text)} " for text in texts)
    words = frozenset(re.findall(r"[^\W\d_]+", together))
    return Publications(together, words, word_lines, frozenset(number for number in numbers if len(number) >= 6))
