"""A contact's addresses: what kind they are and how two spellings are recognised as one.

The received form is kept for sending; the normalised copy is only for matching. Twilio spells some numbers with
digits that their holders do not dial: Mexico +521…, Argentina +549…, and Brazilian mobiles with or without the
ninth digit. Argentinians themselves write a 15 after the area code instead of the 9.

A person on WhatsApp may show a user id instead of a number, or both; a new number means a new id.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import phonenumbers

from agent.types import Channel, InboundMessage

AddressKind = Literal["phone", "whatsapp_user", "email"]

_EMAIL = re.compile(r"[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,5}[^\W\d_]{2,24}")
_MEXICO_ONE = re.compile(r"^\+521(\d{10})$")
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
        return ContactAddress(kind="email", address=sender, normalised=normalise_email(sender))
    if not sender.startswith("+"):
        return ContactAddress(kind="whatsapp_user", address=sender, normalised=sender)
    return ContactAddress(kind="phone", address=sender, normalised=normalise_phone(sender))


def sender_addresses(message: InboundMessage) -> tuple[ContactAddress, ...]:
    """Return every address of a message's sender that the provider names: first the one it came from, each once."""
    found: dict[tuple[AddressKind, str], ContactAddress] = {}
    for sender in (message.sender, *message.also_known_as):
        address = contact_address(message.channel, sender)
        found.setdefault((address.kind, address.normalised), address)
    return tuple(found.values())


def normalise_phone(number: str) -> str:
    """Return an E.164 number without the digits that providers add or leave out."""
    if number.startswith("+54"):
        return _normalise_argentina(number)
    number = _MEXICO_ONE.sub(r"+52\1", number)
    return _BRAZIL_WITHOUT_NINE.sub(r"+55\g<1>9\2", number)


def _normalise_argentina(number: str) -> str:
    """Drop the mobile mark: the 9 before the area code, or the 15 after it. No area code begins with 9."""
    try:
        parsed = phonenumbers.parse(f"+54{number[3:].removeprefix('9')}")  # turns a 15 into a leading 9
    except phonenumbers.NumberParseException:
        return number
    return f"+54{str(parsed.national_number).removeprefix('9')}"


def normalise_email(address: str) -> str:
    """Return an address in lower case, its domain as DNS has it.

    By RFC 5321 a mailbox may tell cases apart; none in use does, and an opt-out must not depend on it. Dots and what
    follows a plus sign stay: what they mean is the mailbox provider's affair.
    """
    local, _, domain = address.rpartition("@")
    domain = domain.lower()
    with suppress(UnicodeError):  # no domain that DNS could have: still an address to be told from others
        domain = domain.encode("idna").decode("ascii")
    return f"{local.lower()}@{domain}"


def mentioned_addresses(text: str, country: str | None = None) -> tuple[ContactAddress, ...]:
    """Return the numbers and e-mail addresses that a text contains; `country` is where national numbers are dialled.

    What somebody writes is no proof that it is theirs.
    """
    numbers = (
        phonenumbers.format_number(match.number, phonenumbers.PhoneNumberFormat.E164)
        for match in phonenumbers.PhoneNumberMatcher(text, country)
    )
    found = [contact_address("sms", number) for number in numbers]
    found += [contact_address("email", address) for address in _EMAIL.findall(text)]
    return tuple(dict.fromkeys(found))
