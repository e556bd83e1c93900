"""A contact's addresses: what kind they are and how two spellings are recognised as one.

The received form is kept for sending; the normalised copy is only for matching. Twilio spells some numbers with
digits that their holders do not dial: Mexico +521…, Argentina +549…, and Brazilian mobiles with or without the
ninth digit (`reference/channels.md` §1).
"""

import re
from dataclasses import dataclass
from typing import Literal

from agent.types import Channel

AddressKind = Literal["phone", "whatsapp_user", "email"]

_MEXICO_ONE = re.compile(r"^\+521(\d{10})$")
_ARGENTINA_NINE = re.compile(r"^\+549(\d{10})$")
_BRAZIL_WITHOUT_NINE = re.compile(r"^\+55(\d{2})([6-9]\d{7})$")


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactAddress:
    """An address of a prospect, as received and as matched."""

    kind: AddressKind
    address: str
    normalised: str


def contact_address(channel: Channel, sender: str) -> ContactAddress:
    """Return the kind and the normalised form of a sender's address."""
    if channel == "email":
        return ContactAddress(kind="email", address=sender, normalised=sender.casefold())
    if not sender.startswith("+"):
        return ContactAddress(kind="whatsapp_user", address=sender, normalised=sender)
    return ContactAddress(kind="phone", address=sender, normalised=normalise_phone(sender))


def normalise_phone(number: str) -> str:
    """Return an E.164 number without the digits that providers add or leave out."""
    number = _MEXICO_ONE.sub(r"+52\1", number)
    number = _ARGENTINA_NINE.sub(r"+54\1", number)
    return _BRAZIL_WITHOUT_NINE.sub(r"+55\g<1>9\2", number)
