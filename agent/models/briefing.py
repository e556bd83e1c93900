"""What the prompts are told about a tenant and a turn: plain values, bounded whatever the history (promise P8).

The tenant's part depends on the tenant and the day only, so that it can be cached. No amount is in it
(promise P5): the model gets references, and only such as `agent.prices` accepts today.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from agent.prices import PriceReferenceError, render, valid_discounts, valid_prices
from agent.render import with_disclosure
from agent.screening.unseen import attachment_status, is_decoration
from agent.types import (
    CatalogueItem,
    Channel,
    Classification,
    Discount,
    Media,
    MediaId,
    Message,
    Passage,
    Sources,
    Tenant,
    Turn,
    Unit,
)

MAX_ITEMS = 40
MAX_PASSAGES = 60
"""What a tenant has published beyond this reaches the model only when retrieval finds it."""
MAX_HISTORY = 18
"""Messages shown word for word: those that are not in the notes yet. Beyond that, they wait for the notes."""
MAX_HISTORY_CHARS = 500
MAX_SUMMARY_CHARS = 2600
MAX_NOTE_CHARS = 300
MAX_BURST = 20
MAX_BURST_CHARS = 6000
UCS2_SEGMENT = 67
"""Characters in one part of a long SMS that has letters outside GSM 03.38, as Spanish and Portuguese do."""

UNITS: Mapping[Unit, tuple[str, str]] = {
    "month": ("per month", "months"),
    "course": ("for the whole course", "courses, as for N people"),
    "session": ("per session", "sessions"),
    "one_time": ("to be paid once", "of them, as for N people"),
    "seat_month": ("per seat and month", "seats for a month"),
    "item": ("each", "of them"),
}
"""What a price is for, and what N of its units are."""
AUTHORS = {"contact": "prospect", "agent": "us", "staff": "our colleague", "system": "us"}


def tenant_briefing(tenant: Tenant, today: date) -> dict[str, object]:
    """Return the values of `reply/business.md` and `judge/business.md`. `today`: the date in the tenant's time zone."""
    return {
        "tenant": tenant,
        "items": [_item(item, tenant, today) for item in tenant.catalogue[:MAX_ITEMS]],
        "passages": [_passage(passage, tenant) for passage in tenant.passages[:MAX_PASSAGES]],
    }


def turn_briefing(turn: Turn, classification: Classification, sources: Sources, now: datetime) -> dict[str, object]:
    """Return the values of `reply/user.md`."""
    tenant, channel = turn.tenant, turn.conversation.channel
    local = now.astimezone(ZoneInfo(tenant.timezone))
    further_items = [item for item in sources.items if item not in tenant.catalogue[:MAX_ITEMS]]
    further_passages = [each for each in sources.passages if each not in tenant.passages[:MAX_PASSAGES]]
    return {
        "summary": bounded(turn.summary, MAX_SUMMARY_CHARS),
        "history": spoken(unsummarised(turn)[-MAX_HISTORY:], MAX_HISTORY_CHARS, shown_pictures(turn)),
        "burst": burst_briefing(turn),
        "understanding": _understanding(classification),
        "relevant": [
            *(f"item:{item.sku}" for item in sources.items),
            *(f"{passage.kind}:{passage.id}" for passage in sources.passages),
        ],
        "further_items": [_item(item, tenant, local.date()) for item in further_items],
        "further_passages": [_passage(passage, tenant) for passage in further_passages],
        "local_time": f"{local:%A %Y-%m-%d %H:%M}",
        "first_contact": turn.is_first_contact,
        "channel": channel,
        # Code opens the first message by saying who writes, and that counts: on SMS it is a part of its own.
        "max_chars": max_chars(channel, tenant) - len(with_disclosure("", turn, classification.language)),
        "language": classification.language,
    }


def burst_briefing(turn: Turn) -> list[dict[str, object]]:
    """Return the newest messages of the burst, sharing a bounded number of characters."""
    burst = turn.inbound[-MAX_BURST:]
    return spoken(burst, MAX_BURST_CHARS // len(burst), shown_pictures(turn))


def shown_pictures(turn: Turn) -> dict[MediaId, int]:
    """Return the numbers by which a request calls the pictures in it."""
    return {image.media_id: number for number, image in enumerate(turn.images, start=1)}


def burst_text(turn: Turn) -> str:
    """Return the same as one text; files and what a message answers stand beside words only where there are any."""
    return "\n".join(_plain(message) for message in burst_briefing(turn))


def _plain(message: Mapping[str, object]) -> str:
    """Return what a message says, and what it shows or comes from if it says little."""
    parts = (message["text"], message.get("attachments"), message.get("ad"))
    return " ".join(str(part) for part in parts if part)


def spoken(
    messages: Iterable[Message], limit: int, shown: Mapping[MediaId, int] | None = None
) -> list[dict[str, object]]:
    """Return messages as a prompt shows them: who, what, and what came with it. `shown`: pictures in the request."""
    return [
        {"from": AUTHORS[message.author], "text": bounded(message.text, limit)} | _circumstances(message, shown or {})
        for message in messages
    ]


def _circumstances(message: Message, shown: Mapping[MediaId, int]) -> dict[str, object]:
    """Return what came with a message, and of its files above all what has not been seen."""
    details = message.details
    told: dict[str, object] = {}
    if details.reply_to:
        told["answers"] = bounded(details.quoted, MAX_HISTORY_CHARS) or "an earlier message that we no longer have"
    if ad := details.referral:
        told["ad"] = {"headline": bounded(ad.headline, MAX_NOTE_CHARS), "body": bounded(ad.body, MAX_NOTE_CHARS)}
    if details.forwarded:
        told["forwarded"] = details.forwarded
    if message.kind == "edited":
        told["edited"] = "corrects what this person wrote before"
    if details.form and not details.wordless:  # without words, the text says it
        told["form"] = bounded(details.form, MAX_HISTORY_CHARS)
    if (place := details.location) and not details.wordless:
        told["location"] = bounded(", ".join(filter(None, (place.label, place.address))), MAX_NOTE_CHARS) or "a place"
    if details.transcribed:
        told["spoken"] = "a machine wrote down what was said"
    if message.direction == "outbound":
        return told | ({"attachments": "a published file of ours went with it"} if message.media else {})
    if files := [each for each in message.media if not is_decoration(each)]:
        told["attachments"] = [_attachment(each, shown) for each in files]
    return told


def _attachment(media: Media, shown: Mapping[MediaId, int]) -> dict[str, str]:
    name = {"name": bounded(media.filename, 80)} if media.filename else {}
    return {"type": bounded(media.content_type, 80), **name, "status": attachment_status(media, shown)}


def unsummarised(turn: Turn) -> tuple[Message, ...]:
    """Return the messages of the history that are not in the notes yet."""
    return tuple(message for message in turn.history if message.seq > turn.summarised_seq)


def bounded(text: str, limit: int) -> str:
    """Return the first `limit` characters of a text, marked if something is missing."""
    return text if len(text) <= limit else f"{text[:limit]} […]"


def max_chars(channel: Channel, tenant: Tenant) -> int:
    """Return how long a reply should be at most: what people read on that channel, not what it can carry."""
    match channel:
        case "sms":
            return UCS2_SEGMENT * tenant.policy.max_sms_segments
        case "whatsapp":
            return 600
        case "email":
            return 1500


def _understanding(classification: Classification) -> dict[str, object]:
    """Return what the classification says to the writer."""
    return {
        "intent": classification.intent,
        "also": list(classification.secondary),
        "sentiment": classification.sentiment,
        "entities": dict(classification.entities),
    }


def _passage(passage: Passage, tenant: Tenant) -> dict[str, str]:
    """Return a fact or policy, in the tenant's own language so that one cached prompt serves all."""
    return {"source": f"{passage.kind}:{passage.id}", "text": _own(passage.text, tenant)}


def _item(item: CatalogueItem, tenant: Tenant, today: date) -> dict[str, object]:
    """Return a catalogue item with the references that hold today, and without amounts."""
    names = " · ".join(f"{language} {name}" for language, name in item.name.items())
    also = f" (also: {', '.join(item.aliases)})" if item.aliases else ""
    notes = []
    if item.instalments and not item.instalments.interest_free:
        notes.append(f"It can be paid in up to {item.instalments.max} parts with interest; a colleague states them.")
    if item.file_url:
        notes.append(f"{{file:{item.sku}}} sends its published file along; write it once, if they ask to see it.")
    return {
        "sku": item.sku,
        "names": names + also,
        "description": _own(item.description, tenant),
        "references": references(item, tenant, today),
        "currencies": sorted({price.currency for price in valid_prices(item, today)}),
        "notes": notes,
    }


def references(item: CatalogueItem, tenant: Tenant, today: date) -> list[dict[str, str]]:
    """Return every price reference to an item that renders today, with what it means. `N` is left open."""
    candidates = [
        reference
        for tail, unit in _targets(item, tenant, today)
        for reference in _candidates(item, tenant, today, tail, unit)
    ]
    return [
        {"text": text, "meaning": meaning}
        for text, meaning in candidates
        if _renders(text.replace(":N", ":2"), tenant, today)
    ]


def _targets(item: CatalogueItem, tenant: Tenant, today: date) -> Sequence[tuple[str, Unit]]:
    """Return the endings that name one price each: none where the unit is clear and our currency has a price."""
    prices = valid_prices(item, today)
    units = {price.unit for price in prices}
    if len(units) == 1 and any(price.currency == tenant.currency for price in prices):
        return [("", next(iter(units)))]
    return [(f":{price.currency}:{price.unit}", price.unit) for price in prices]


def _candidates(item: CatalogueItem, tenant: Tenant, today: date, tail: str, unit: Unit) -> Iterable[tuple[str, str]]:
    """Yield references to one price, and their meaning; some may not hold today."""
    sku, where = item.sku, f" in {tail[1:4]}" if tail else ""
    each, several = UNITS[unit]
    yield f"{{price:{sku}{tail}}}", f"the price {each}{where}"
    yield f"{{total:{sku}:N{tail}}}", f"the price of N {several}{where}"
    if item.instalments:
        parts = f"N equal interest-free parts{where}, N from 2 to {item.instalments.max}"
        yield f"{{instalments:{sku}:N{tail}}}", f"the price in {parts}"
    for place, discount in enumerate(item.discounts, start=1):
        if discount in valid_discounts(item, today):
            # A discount that is an amount exists in the tenant's currency only.
            ending = tail or (f":{tenant.currency}" if discount.percent is None else "")
            text = f"{{discounted:{sku}:{discount.code or place}{ending}}}"
            yield text, f"the price {each}{where} less {_discount(discount, tenant)}"


def _discount(discount: Discount, tenant: Tenant) -> str:
    """Return what a discount is called and when it holds, without amounts."""
    name = f"{discount.percent} %" if discount.percent is not None else "the published discount"
    code = f" (code {discount.code})" if discount.code else ""
    until = f", until {discount.valid_to.isoformat()}" if discount.valid_to else ""
    return f"{name}{code}; condition: {_own(discount.condition, tenant)}{until}"


def _renders(reference: str, tenant: Tenant, today: date) -> bool:
    """Say whether code would put an amount in the place of a reference."""
    try:
        render(reference, tenant, language=tenant.default_language, currency=tenant.currency, today=today)
    except PriceReferenceError:
        return False
    return True


def _own(texts: Mapping[str, str], tenant: Tenant) -> str:
    """Return the text in the tenant's default language, else in any; empty if there is none."""
    return texts.get(tenant.default_language) or next(iter(texts.values()), "")
