"""What kind of message a Twilio webhook brings, what comes with it, and how it reads where nobody wrote words.

Fields are those of the messaging webhook, cleaned; some are WhatsApp's, some no table of Twilio's lists. Everything is
bounded here: the values are strangers'.
"""

import re
from collections.abc import Mapping
from typing import Literal

from agent.message_details import Details, Location, MessageKind, Referral
from agent.types import Media

MAX_DETAIL_CHARS = 1_000
MAX_FORM_CHARS = 4_000
MAX_URL_CHARS = 2_000
MAX_ID_CHARS = 100
_MESSAGE_TYPE = re.compile(r"[a-z_]{1,40}")

_KINDS: Mapping[str, MessageKind] = {
    "text": "text",
    "button": "button",
    "interactive": "interactive",
    "image": "image",
    "document": "document",
    "audio": "audio",
    "voice": "audio",
    "ptt": "audio",
    "video": "video",
    "sticker": "sticker",
    "location": "location",
    "contacts": "contacts",
    "edit": "edited",
    "edited": "edited",
}
"""Twilio's `MessageType`, as ours; it may be missing, and what it says beyond these is `unknown`."""

_CHOSEN = {"FlowData": "form", "InteractiveData": "form", "ButtonPayload": "button", "ListId": "choice"}
"""What may stand where words are missing, and what to call it."""

Fields = Mapping[str, str]


def read_kind(fields: Fields, media: tuple[Media, ...]) -> MessageKind:
    """Return what a message consists of: as Twilio names it, else by what is in it."""
    stated = fields.get("MessageType", "").strip().lower()
    kind = _KINDS.get(stated, "unknown") if stated else "text"
    return kind if kind not in ("text", "interactive") else _kind_by_content(fields, media, kind)


def _kind_by_content(fields: Fields, media: tuple[Media, ...], stated: MessageKind) -> MessageKind:
    if any(fields.get(name) for name in ("FlowData", "InteractiveData", "ListId")):
        return "interactive"
    if fields.get("ButtonPayload") or fields.get("ButtonText"):
        return "button"
    if fields.get("Latitude") and fields.get("Longitude"):
        return "location"
    return kind_of_type(media[0].content_type) if media else stated


def kind_of_type(content_type: str) -> MessageKind:
    """Return the kind of message that a file of this type makes."""
    main, _, sub = content_type.lower().partition("/")
    if main == "text" and "vcard" in sub:
        return "contacts"
    return _KINDS.get(main, "document") if main in ("image", "audio", "video") else "document"


def read_details(fields: Fields) -> Details:
    """Return what comes with a message: what it quotes, a button, a form, a place, an ad, that it was forwarded."""
    often, once = (fields.get(name, "").lower() == "true" for name in ("FrequentlyForwarded", "Forwarded"))
    return Details(
        reply_to=one_line(fields.get("OriginalRepliedMessageSid", ""), MAX_ID_CHARS),
        button=one_line(fields.get("ButtonPayload", "") or fields.get("ListId", ""), MAX_DETAIL_CHARS),
        form=one_line(fields.get("FlowData", "") or fields.get("InteractiveData", ""), MAX_FORM_CHARS),
        location=_location(fields),
        referral=_referral(fields),
        forwarded="often" if often else "once" if once else "",
        keyword=_keyword(fields),
    )


def _keyword(fields: Fields) -> Literal["", "stop", "start", "help"]:
    """Return what Advanced Opt-Out took the message for, in whichever words and language it is set up."""
    match fields.get("OptOutType", "").strip().upper():
        case "STOP":
            return "stop"
        case "START":
            return "start"
        case "HELP":
            return "help"
    return ""


def _location(fields: Fields) -> Location | None:
    latitude, longitude = (one_line(fields.get(name, ""), 40) for name in ("Latitude", "Longitude"))
    label, address = (one_line(fields.get(name, ""), MAX_DETAIL_CHARS) for name in ("Label", "Address"))
    if not (latitude and longitude) and not address:
        return None
    return Location(latitude=latitude, longitude=longitude, label=label, address=address)


def _referral(fields: Fields) -> Referral | None:
    """Return the ad; ordinary messages carry `ReferralNumMedia`, too, so only its ids prove one."""
    source_id, click_id = (fields.get(f"Referral{name}", "") for name in ("SourceId", "CtwaClid"))
    if not source_id and not click_id:
        return None
    return Referral(
        headline=one_line(fields.get("ReferralHeadline", ""), MAX_DETAIL_CHARS),
        body=one_line(fields.get("ReferralBody", ""), MAX_DETAIL_CHARS),
        source_type=one_line(fields.get("ReferralSourceType", ""), MAX_ID_CHARS),
        source_id=one_line(source_id, MAX_ID_CHARS),
        source_url=one_line(fields.get("ReferralSourceUrl", ""), MAX_URL_CHARS),
        click_id=one_line(click_id, MAX_DETAIL_CHARS),
        media_url=one_line(fields.get("ReferralMediaUrl", ""), MAX_URL_CHARS),
    )


# --- text for messages without words -------------------------------------------------------------------------


def describe(fields: Fields, media: tuple[Media, ...], kind: MessageKind) -> str:
    """Return a description in brackets of a message without words; empty if there is nothing in it at all."""
    return (
        _described_location(fields)
        or _described_form(fields)
        or _described_attachments(fields, media, kind)
        or _described_type(fields)
    )


def _described_location(fields: Fields) -> str:
    place = _location(fields)
    if place is None:
        return ""
    coordinates = f"({place.latitude}, {place.longitude})" if place.latitude and place.longitude else ""
    return f"[location: {', '.join(part for part in (place.label, place.address, coordinates) if part)}]"


def _described_form(fields: Fields) -> str:
    """Describe the answers of a WhatsApp form, or an unlabelled button or row, by their content."""
    for key, word in _CHOSEN.items():
        if content := one_line(fields.get(key, ""), MAX_DETAIL_CHARS):
            return f"[{word}: {content}]"
    return ""


def _described_attachments(fields: Fields, media: tuple[Media, ...], kind: MessageKind) -> str:
    if kind in {"contacts", "sticker"}:
        return f"[{kind}]"
    if media:
        return f"[{', '.join(_described_file(item) for item in media)}]"
    return "[attachment not available]" if fields.get("NumMedia", "").strip("0 ") else ""


def _described_file(media: Media) -> str:
    kind = kind_of_type(media.content_type)
    return "contact card" if kind == "contacts" else f"document: {media.filename}" if media.filename else kind


def _described_type(fields: Fields) -> str:
    kind = fields.get("MessageType", "")
    if kind in ("", "text"):
        return ""
    return f"[{kind} message]" if _MESSAGE_TYPE.fullmatch(kind) else "[message of an unknown type]"


def one_line(text: str, max_chars: int) -> str:
    """Return a text on one line, of at most so many characters."""
    return " ".join(text.split())[:max_chars].rstrip()
