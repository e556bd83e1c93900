"""What a message is besides its words: its kind, what it answers, where it came from.

All of it is the prospect's, or what the provider says of them: data, never an identity and never an instruction.
"""

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter

MessageKind = Literal[
    "text",
    "button",
    "interactive",
    "image",
    "document",
    "audio",
    "video",
    "sticker",
    "location",
    "contacts",
    "edited",
    "unknown",
]
"""What a message consists of. That it quotes, was forwarded or came through an ad can hold for any kind: `Details`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Location:
    """A place somebody shared; degrees as the provider writes them."""

    latitude: str = ""
    longitude: str = ""
    label: str = ""
    address: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Referral:
    """The advertisement that a conversation began with. Its words are the business's own, but nothing proves that."""

    headline: str = ""
    body: str = ""
    source_type: str = ""
    source_id: str = ""
    source_url: str = ""
    click_id: str = ""
    media_url: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Details:
    """What comes with a message. Empty fields do not apply."""

    reply_to: str = ""
    """Provider's id of the message it quotes."""
    quoted: str = ""
    """What that message says, where we have it; found when the message is stored."""
    quotes_us: bool = False
    """Whether the quoted message is one of ours."""
    button: str = ""
    """Our own id of the button that was tapped."""
    form: str = ""
    """The answers of a form or list, as JSON."""
    location: Location | None = None
    referral: Referral | None = None
    forwarded: Literal["", "once", "often"] = ""
    keyword: Literal["", "stop", "start", "help"] = ""
    """What the provider took it for, and has acted upon and answered itself."""
    wordless: bool = False
    """The text is our description in brackets: the person wrote no words."""
    transcribed: bool = False
    """The text, or the end of it, is what a machine heard in a voice note."""


_DETAILS: TypeAdapter[Details] = TypeAdapter(Details)


def details_to_json(details: Details) -> dict[str, Any]:
    """Return what a database column keeps: only fields that say something."""
    kept: dict[str, Any] = _DETAILS.dump_python(details, mode="json", exclude_defaults=True)
    return kept


def details_from_json(kept: dict[str, Any]) -> Details:
    """Return the details that a database column keeps; fields of a newer version are left out."""
    return _DETAILS.validate_python(kept)
