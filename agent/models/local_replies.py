"""What the local engine answers to each intent, from what is published and nothing else (promise P6).

Every writer is a pure function from a scene to sentences. Where the published text has no answer, or an act of ours
is needed (book, enrol, agree to a price), the reply says that a person follows and asks for one.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal, TypeVar

from babel.dates import get_day_names

from agent.folding import words_of
from agent.models.local_quotes import (
    discount_list,
    discount_sentences,
    instalments_sentence,
    price_list,
    price_sentence,
)
from agent.models.local_scene import ANSWERS, SURE, Scene, Sentence, Written
from agent.types import CatalogueItem, Intent, Passage

CERTAIN = 0.95
"""Confidence of a text that cannot be wrong about anything, and the most any reply claims."""
GOOD = 0.85
"""Confidence of a price or an answer to what was surely asked."""
FAIR = 0.7
"""Confidence of a reply that is true but may not be what was meant: a list, a description, a question back."""

_FACTUAL: frozenset[Intent] = frozenset({"pricing", "product_question", "payment"})
_MAX_OFFERED = 5

_PROMOTION = re.compile(r"\b(?:promo|ofertas?\b|descuent|descont|discount|deals?\b|rebaja)")
_BRIEF_WORDS = 6

T = TypeVar("T")


def write_reply(scene: Scene) -> Written:
    """Write the reply to a turn. Where the intent is doubtful, ask, unless what was asked is plain all the same."""
    classification = scene.classification
    if classification.confidence < scene.tenant.policy.min_confidence:
        plain = classification.intent in _FACTUAL and scene.passages(SURE)
        return _answer(scene, scene.passages(SURE)) if plain else _ask_topic(scene)
    written = _WRITERS[classification.intent](scene)
    return replace(written, confidence=round(min(written.confidence, classification.confidence), 2))


# --- about prices and payment ------------------------------------------------------------------------------------


def _pricing(scene: Scene) -> Written:
    items = scene.named_items
    if _PROMOTION.search(words_of(scene.turn.text)) and (
        discounts := discount_list(items or scene.tenant.catalogue, scene)
    ):
        return Written(
            sentences=(scene.say("published_discounts"), *discounts, *scene.ask("what_else")), confidence=FAIR
        )
    if len(items) == 1:
        return _price_of_one(items[0], scene)
    lines = price_list(items or _likeliest_first(scene), scene)
    if not lines:
        return _answer_or_check(scene)
    asked = () if items else scene.passages(SURE)[:1]  # "what does the price include?"
    return Written(
        sentences=(
            *(scene.quote(passage) for passage in asked),
            scene.say("prices", weight=8),
            *lines,
            *scene.ask("what_else" if items else "which"),
        ),
        confidence=GOOD if items or asked else FAIR,
    )


def _price_of_one(item: CatalogueItem, scene: Scene) -> Written:
    price = price_sentence(item, scene)
    if price is None:
        sentence = scene.say("no_price", item=scene.name(item))
        return Written(sentences=(sentence,), confidence=FAIR, human_reason=f"no published price for {item.sku}")
    also_asked = scene.passages()[:1] if "product_question" in scene.classification.secondary else ()
    sentences = (
        price,
        *_some(instalments_sentence(item, scene, weight=4)),
        *discount_sentences(item, scene, weight=5),
        *(scene.quote(passage, weight=6) for passage in also_asked),
        *scene.ask("what_else"),
    )
    return Written(sentences=sentences, confidence=GOOD)


def _likeliest_first(scene: Scene) -> tuple[CatalogueItem, ...]:
    """Return the catalogue, what retrieval found in front."""
    return (*scene.sources.items, *(item for item in scene.tenant.catalogue if item not in scene.sources.items))


def _payment(scene: Scene) -> Written:
    """Quote how to pay, with the price and the instalments of the item in question."""
    passages = scene.passages()[:1] or _some(scene.published("payment"))
    items = scene.named_items
    parts = instalments_sentence(items[0], scene, weight=4) if len(items) == 1 else None
    price = price_sentence(items[0], scene) if parts else None
    if not passages and not price:
        sentence = scene.say("will_tell_payment")
        return Written(sentences=(sentence,), confidence=FAIR, human_reason="ways to pay are not published")
    quoted = (scene.quote(passage, weight=5 if price else 0) for passage in passages)
    return Written(
        sentences=(*quoted, *_some(price), *_some(parts), *scene.ask("what_else")),
        confidence=_confidence(scene, passages[0]) if passages else FAIR,
    )


def _negotiation(scene: Scene) -> Written:
    """Tell the published discounts; without any, a person decides. Nothing is ever conceded here."""
    lines = discount_list(scene.named_items or scene.tenant.catalogue, scene)
    if not lines or lines[0].text in (scene.turn.context or ""):
        sentence = scene.say("no_discount")
        return Written(sentences=(sentence,), confidence=FAIR, human_reason="asks for a price we have not published")
    closing = scene.say("no_other_discount", own_line=True, weight=6)
    return Written(
        sentences=(scene.say("published_discounts", weight=8), *lines, closing, *scene.ask("what_else")),
        confidence=FAIR,
    )


# --- about what is offered ---------------------------------------------------------------------------------------


def _answer_or_check(scene: Scene) -> Written:
    """Quote the passage that answers; describe an item that is all they ask about; else leave it to a person."""
    if passages := scene.passages():
        return _answer(scene, passages)
    items = scene.named_items
    is_brief = len(scene.turn.text.split()) <= _BRIEF_WORDS and not scene.is_recalled
    if len(items) == 1 and is_brief and (described := _description(items[0], scene)):
        return Written(sentences=(described, *scene.ask("answered")), confidence=FAIR)
    sentence = scene.say("will_check")
    return Written(sentences=(sentence,), confidence=FAIR, human_reason="the answer is not in what is published")


def _answer(scene: Scene, passages: tuple[Passage, ...]) -> Written:
    """Quote the best passage, and a second one that is as surely meant."""
    first, *others = passages
    more = (scene.quote(each, weight=5) for each in others[:1] if scene.similarity(each) >= SURE)
    return Written(sentences=(scene.quote(first), *more, *scene.ask("what_else")), confidence=_confidence(scene, first))


def _description(item: CatalogueItem, scene: Scene) -> Sentence | None:
    """Return what an item is, unless it is not published in this language or we have just said it."""
    text = item.description.get(scene.language)
    if text is None or text in (scene.turn.context or ""):
        return None
    return Sentence(text=f"{scene.name(item)}: {text}", source=f"item:{item.sku}")


def _greeting(scene: Scene) -> Written:
    if not scene.turn.is_first_contact:
        return Written(sentences=(scene.say("hello"), scene.say("how_help")), confidence=CERTAIN)
    offered = scene.tenant.catalogue[:_MAX_OFFERED]
    names = ", ".join(scene.name(item) for item in offered)
    offer = [scene.say("offer", items=names, source=f"item:{offered[0].sku}", weight=5)] if offered else []
    return Written(sentences=(scene.say("welcome"), *offer, scene.say("how_help")), confidence=CERTAIN)


def _objection(scene: Scene) -> Written:
    """Understand, say one published thing that helps, ask what it hangs on."""
    helps = scene.passages(SURE)[:1] or _some(scene.published("trial") or scene.published("instalments"))
    quoted = (scene.quote(passage, weight=3) for passage in helps)
    return Written(sentences=(scene.say("objection"), *quoted, scene.say("what_holds")), confidence=FAIR)


# --- where a person acts -----------------------------------------------------------------------------------------


def _scheduling(scene: Scene) -> Written:
    """Say what is published about it and ask for a time; once a time is named, a person books."""
    passages = scene.passages()[:1]
    if passages and not _names_a_time(scene):
        sentences = (scene.quote(passages[0]), *scene.ask("when"))
        return Written(sentences=sentences, confidence=_confidence(scene, passages[0]))
    return Written(
        sentences=(scene.say("gladly"), scene.say("will_book")), confidence=FAIR, human_reason="a person must book"
    )


def _ready_to_buy(scene: Scene) -> Written:
    """Say what is published about the next step and offer a person; without such a text a person follows at once."""
    if passages := scene.passages(SURE)[:1]:
        sentences = (scene.say("decided"), scene.quote(passages[0]), scene.say("shall_ask"))
        return Written(sentences=sentences, confidence=_confidence(scene, passages[0]))
    items = scene.named_items
    price = price_sentence(items[0], scene) if len(items) == 1 else None
    return Written(
        sentences=(scene.say("decided"), *_some(price), scene.say("will_enrol")),
        confidence=GOOD,
        human_reason="wants to buy: a person must complete it",
    )


def _person(name: str, reason: str) -> Callable[[Scene], Written]:
    """Return the writer of a fixed text that a person follows up."""

    def write(scene: Scene) -> Written:
        return Written(sentences=(scene.say(name),), confidence=GOOD, human_reason=reason)

    return write


# --- what asks for nothing, or is unclear ------------------------------------------------------------------------


def _fixed(*names: str) -> Callable[[Scene], Written]:
    """Return the writer of fixed sentences."""

    def write(scene: Scene) -> Written:
        return Written(sentences=tuple(scene.say(each, tenant=scene.tenant.name) for each in names), confidence=GOOD)

    return write


def _ask_topic(scene: Scene) -> Written:
    """Ask which of the two likeliest topics is meant."""
    likely: tuple[Intent | Literal["other"], ...] = (
        scene.classification.intent,
        *scene.classification.secondary,
        "other",
        "product_question",
    )
    topics = (scene.texts.topic(each, scene.language) for each in likely)
    first, second, *_ = dict.fromkeys(topic for topic in topics if topic)
    return Written(sentences=(scene.say("which_topic", first=first, second=second),), confidence=FAIR)


_WRITERS: Mapping[Intent, Callable[[Scene], Written]] = {
    "opt_out": _person("will_help", "may want no more messages"),
    "complaint": _person("sorry", "complains"),
    "human_request": _person("person", "asks for a person"),
    "ready_to_buy": _ready_to_buy,
    "negotiation": _negotiation,
    "payment": _payment,
    "scheduling": _scheduling,
    "support": _person("will_help", "needs help with what they have bought"),
    "objection": _objection,
    "not_interested": _fixed("farewell"),
    "pricing": _pricing,
    "product_question": _answer_or_check,
    "acknowledgement": _fixed("thanks"),
    "greeting": _greeting,
    "off_topic": _fixed("off_topic", "how_help"),
}


def _confidence(scene: Scene, passage: Passage) -> float:
    """Return how sure a quoted passage is to answer: from even odds at the threshold to certain."""
    closeness = scene.similarity(passage)
    if not closeness:  # found by a question of ours
        return GOOD
    share = (closeness - ANSWERS) / (SURE - ANSWERS)
    return round(min(CERTAIN, 0.6 + share * (GOOD - 0.6)), 2)


def _names_a_time(scene: Scene) -> bool:
    """Say whether the prospect proposes a day or an hour."""
    words = set(words_of(scene.turn.text).split())
    days = {words_of(name).split()[0] for name in get_day_names(locale=scene.language).values()}
    return bool(words & days) or any(character.isdigit() for word in words for character in word)


def _some(value: T | None) -> tuple[T, ...]:
    """Return a tuple of one, or of none."""
    return () if value is None else (value,)
