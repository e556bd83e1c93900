"""One thing a reply says, where it stands, and what two subjects have in common."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from agent.guardrails.expressions import compiled_on_use
from agent.guardrails.grounding_reading import Mention, Reading, Topics, as_set, items_of
from agent.guardrails.grounding_statements import Clause
from agent.guardrails.grounding_windows import Window
from agent.guardrails.grounding_words import pattern

_SERVES = compiled_on_use(rf"\b{pattern('serves')}\b")
Finding = Literal["supported", "contradicted", "unsupported", "undecided"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Conversation:
    """What else decides: what the prospect wrote, who they are, the day and the places."""

    inbound: Reading
    inbound_words: frozenset[str]
    contact_words: frozenset[str]
    languages: tuple[str, ...]
    country: str
    zone: str
    contact_zone: str | None
    now: datetime
    """Aware, in UTC."""
    written: Mapping[str, frozenset[object]]
    """The values of what the prospect mentions (`written_in`)."""
    told: tuple[Mention, ...]
    """The numbers and dates of the reply: of those that say the same one, and no more than anybody writes."""
    asked: tuple[Mention, ...]
    """Those of the prospect, and their times."""
    said_numbers: frozenset[Decimal]
    """The numbers of the reply and of what the prospect wrote."""
    asked_numbers: frozenset[Decimal]
    """Those of the prospect."""
    denied_words: frozenset[str]
    """The words of names in what the reply denies."""
    language: str
    """That of the reply."""
    home: str
    """The language of what is published."""
    denied_features: frozenset[str]
    """What the reply says there is not."""

    @property
    def today(self) -> date:
        """The day where the tenant is."""
        return self.now.astimezone(ZoneInfo(self.zone)).date()


@dataclass(frozen=True, kw_only=True, slots=True)
class Sentence:
    """What holds for a whole sentence of the reply."""

    is_yes: bool
    """It answers yes."""
    text: str
    places: frozenset[str]
    tells_time: bool
    """It gives a time of day."""
    days: frozenset[int] = frozenset()
    """The days of the week it names."""
    windows: tuple[Window, ...] = ()
    """The spans of time it tells."""

    @property
    def serves(self) -> bool:
        """Whether it says that the business does, has or takes something."""
        return self.is_yes or _serves(self.text)


@lru_cache(maxsize=256)
def _serves(sentence: str) -> bool:
    return bool(_SERVES.search(sentence))


class Statement(NamedTuple):
    """A mention of the reply with what it is about and where it stands."""

    mention: Mention
    topics: Topics
    clause_text: str
    sentence: Sentence

    @property
    def serves(self) -> bool:
        """Whether its clause says, by its own words, that the business does, has or takes something."""
        return _serves(self.clause_text)


_ASKS_FOR = compiled_on_use(rf"^\W*(?:\w+ ){{0,4}}?{pattern('asks_for')} (?P<thing>[^,.;:?!]{{3,60}})")


@lru_cache(maxsize=256)
def _asked(text: str) -> re.Match[str] | None:
    return _ASKS_FOR.match(text)


def asks_for(clause: Clause) -> re.Match[str] | None:
    """Return what of a clause of the prospect asks for a `thing`, with or without a question mark."""
    return _asked(clause.plain)


# --- the same, and about the same -----------------------------------------------------------------------------


WEAK = frozenset(
    f"topics:{key}"
    for key in ("opening", "start", "departure", "average", "minimum", "customers", "experience", "certificate")
)

_GROUP_SIZE = frozenset({"topics:group_size"})
MANNER = frozenset({"features:live", "extra_topics:online"})
"""How a thing is held, which is not what it is: of "ten weeks of live online classes" it tells no item."""


def settle(equal: Sequence[Mention], others: Iterable[Mention], topics: Topics) -> Finding:
    """Return what a published value comes to: contradicted where another value is published closer to the subject."""
    if not topics:
        return "supported"
    others = tuple(others)
    if any(topics <= f.wide for f in equal):
        told_apart = not any(topics & f.subject for f in equal)
        elsewhere = told_apart and any(topics <= f.subject for f in others if f not in equal)
        return "contradicted" if elsewhere else "supported"
    nearest = max(closeness(f.wide, topics) for f in equal)
    rival = max((closeness(f.subject, topics) for f in others), default=0)
    return "contradicted" if rival >= 1 and rival > nearest else "supported"


def is_rival(equal: Sequence[Mention], others: Sequence[Mention], statement: "Statement") -> bool:
    """Say whether a published value is told of something else, of which another value is published.

    What a clause is about by its own words must be what the other value is about, and no part of what the same value
    is; a value published of no item in particular holds for every item.
    """
    about = (statement.mention.own - MANNER or (statement.topics - statement.mention.topics)) - WEAK - MANNER
    if statement.mention.unit != "units:person":
        about -= _GROUP_SIZE  # "29 por clase de 50 minutos" tells of no group
    items = items_of(about)
    named = frozenset() if items else statement.mention.subject - statement.mention.topics
    beside = (f for f in others if any(f.wide == each.wide for each in equal))
    own = items_of(statement.mention.own)
    if not any(own & (f.topics or f.wide) for f in equal) and any(own & f.topics for f in beside):
        return True  # "16 m² for the one, 27 m² for the other"
    if not about or any((about | named) & f.wide for f in equal):
        return False
    rivals = [f.subject for f in others if f not in equal]
    if any((about - items) & subject for subject in rivals):
        return True
    return all(items_of(f.wide) for f in equal) and any(items & subject for subject in rivals)


def closeness(one: Topics, other: Topics) -> float:
    """Return how much two subjects have in common; an item of the catalogue says most."""
    return sum(3 if topic.startswith("item:") else 0.5 if topic in WEAK else 1 for topic in one & other)


def written_in(inbound: Reading) -> Mapping[str, frozenset[object]]:
    """Return the values of what a text mentions, by kind; of weekdays every day, of times every minute."""
    found: dict[str, set[object]] = defaultdict(set)
    for mention in inbound.mentions:
        found[mention.kind].update(as_set(mention) if mention.kind in {"weekday", "time"} else (mention.value,))
    return {kind: frozenset(values) for kind, values in found.items()}


def is_echo(statement: Statement, talk: Conversation) -> bool:
    """Say whether it repeats what the prospect wrote, not as something the business does."""
    mention, said = statement.mention, talk.written.get(statement.mention.kind, frozenset())
    if mention.kind == "weekday":
        same = as_set(mention) <= said
    elif mention.kind == "time":
        same = not as_set(mention).isdisjoint(said)
    else:
        same = mention.value in said
    return same and not statement.sentence.serves and not statement.sentence.is_yes
