"""Sentences about prices. They hold references, never amounts, and only such as render today (promise P5)."""

from collections.abc import Iterator, Sequence

from agent.folding import words_of
from agent.models.local_scene import Scene, Sentence
from agent.prices import PriceReferenceError, item_currency, render, valid_discounts, valid_price, valid_prices
from agent.types import CatalogueItem, Discount, Price

MAX_LISTED = 5
MAX_DISCOUNTS = 3


def price_of(item: CatalogueItem, scene: Scene) -> str | None:
    """Return references to an item's prices with what they are for, or None if none is published today."""
    prices = _prices(item, scene)
    quoted = [f"{_reference('price', item, price, scene)} {_unit(item, price, scene)}".strip() for price in prices]
    return " / ".join(quoted) or None


def price_sentence(item: CatalogueItem, scene: Scene) -> Sentence | None:
    """Return the sentence that says what an item costs."""
    price = price_of(item, scene)
    return scene.say("price", source=f"item:{item.sku}", item=scene.name(item), price=price) if price else None


def price_list(items: Sequence[CatalogueItem], scene: Scene) -> tuple[Sentence, ...]:
    """Return a line per item that has a price, the first few of them; the later ones may be dropped."""
    priced = [(item, price) for item in items if (price := price_of(item, scene))]
    return tuple(
        scene.say("listed", source=f"item:{item.sku}", weight=place, own_line=True, item=scene.name(item), price=price)
        for place, (item, price) in enumerate(priced[:MAX_LISTED])
    )


def instalments_sentence(item: CatalogueItem, scene: Scene, *, weight: int) -> Sentence | None:
    """Return how an item's price can be split without interest, in as many parts as are published."""
    prices = _prices(item, scene)
    if item.instalments is None or len(prices) != 1:
        return None
    reference = _reference("instalments", item, prices[0], scene, argument=str(item.instalments.max))
    if not _renders(reference, scene):
        return None
    return scene.say("instalments", source=f"item:{item.sku}", weight=weight, price=reference)


def discount_sentences(item: CatalogueItem, scene: Scene, *, weight: int) -> Iterator[Sentence]:
    """Yield the published discounts of an item that its price has been named before, with their conditions."""
    for place, discount in enumerate(item.discounts, start=1):
        if discount not in valid_discounts(item, scene.today):
            continue
        source, condition = f"item:{item.sku}", _condition(discount, scene)
        reference = _discounted(item, discount, place, scene)
        if discount.percent == 100:
            yield scene.say("waiver", source=source, weight=weight, condition=condition)
        elif reference:
            yield scene.say(
                "reduced" if discount.percent is None else "discount",
                source=source,
                weight=weight,
                percent=discount.percent,
                condition=condition,
                price=reference,
            )


def discount_list(items: Sequence[CatalogueItem], scene: Scene) -> tuple[Sentence, ...]:
    """Return a line per published discount of `items`, the first few of them."""
    valid = [(item, each) for item in items for each in valid_discounts(item, scene.today)]
    return tuple(
        scene.say(
            _discount_kind(discount),
            source=f"item:{item.sku}",
            weight=place and 6 + place,
            own_line=True,
            item=scene.name(item),
            percent=discount.percent,
            condition=_condition(discount, scene),
        )
        for place, (item, discount) in enumerate(valid[:MAX_DISCOUNTS])
    )


def _discount_kind(discount: Discount) -> str:
    """Return the name of the sentence that lists a discount."""
    match discount.percent:
        case None:
            return "reduced_of"
        case 100:
            return "waived_of"
        case _:
            return "discount_of"


def _prices(item: CatalogueItem, scene: Scene) -> tuple[Price, ...]:
    """Return the prices to quote: those in the conversation's currency, the tenant's, or what there is."""
    currency = item_currency(item, scene.tenant, scene.currency, scene.today)
    return valid_prices(item, scene.today, currency) or valid_prices(item, scene.today)


def _reference(kind: str, item: CatalogueItem, price: Price, scene: Scene, *, argument: str = "") -> str:
    """Return a reference to one price, in its short form where that finds the same price."""
    currency = item_currency(item, scene.tenant, scene.currency, scene.today)
    is_found = valid_price(item, currency, None, scene.today) == price
    parts = [kind, item.sku, *([argument] if argument else [])]
    return "{" + ":".join(parts if is_found else [*parts, price.currency, price.unit]) + "}"


def _discounted(item: CatalogueItem, discount: Discount, place: int, scene: Scene) -> str | None:
    """Return a reference to the price less a discount, or None where there is no one such price."""
    prices = _prices(item, scene)
    if len(prices) != 1:
        return None
    reference = _reference("discounted", item, prices[0], scene, argument=discount.code or str(place))
    return reference if _renders(reference, scene) else None


def _condition(discount: Discount, scene: Scene) -> str:
    """Return what must hold for a discount, with its code."""
    condition = scene.in_language(discount.condition)
    if discount.code is None:
        return condition
    return scene.texts.say("code", scene.language, code=discount.code, condition=condition)


def _unit(item: CatalogueItem, price: Price, scene: Scene) -> str:
    """Return what a price is for; a session is called what the item calls it."""
    if price.unit == "session":
        own = words_of(f"{scene.name(item)} {scene.in_language(item.description)}").split()
        for word in scene.texts.session_words(scene.language):
            if word in own:
                return scene.texts.say("per", scene.language, word=word)
    return scene.texts.unit(price.unit, scene.language)


def _renders(reference: str, scene: Scene) -> bool:
    """Say whether code would put an amount in the place of a reference."""
    try:
        render(reference, scene.tenant, language=scene.language, currency=scene.currency, today=scene.today)
    except PriceReferenceError:
        return False
    return True
