"""How fast a number may send, where the tenant file does not say.

Source: Twilio, "Understanding Twilio rate limits and message queues" (messages a second and sender; in the United
States segments), WhatsApp Business Platform (80 messages a second and number). Read on 21 November 2026.
"""

import phonenumbers

from agent.types import Channel, Provider

WHATSAPP_PER_S = 80.0
SHORT_CODE_PER_S = 100.0
TOLL_FREE_PER_S = 3.0
LONG_CODE_PER_S = 1.0
MAX_SHORT_CODE_DIGITS = 8


def usual_rate(provider: Provider, channel: Channel, address: str) -> float | None:
    """Return messages (of SMS: segments) a second; None: the provider sets no limit that we must keep."""
    if provider != "twilio" or channel == "email":
        return None
    if channel == "whatsapp":
        return WHATSAPP_PER_S
    digits = address.removeprefix("+")
    if digits == address and digits.isdigit() and len(digits) <= MAX_SHORT_CODE_DIGITS:
        return SHORT_CODE_PER_S
    return TOLL_FREE_PER_S if _is_toll_free(address) else LONG_CODE_PER_S


def _is_toll_free(address: str) -> bool:
    try:
        number = phonenumbers.parse(address)
    except phonenumbers.NumberParseException:
        return False
    return bool(phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.TOLL_FREE)
