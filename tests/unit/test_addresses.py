"""How two spellings of one address are recognised."""

import pytest

from agent.addresses import contact_address, normalise_phone
from agent.types import Channel


@pytest.mark.parametrize(
    ("received", "dialled"),
    [
        pytest.param("+5215512345678", "+525512345678", id="Mexico's old mobile 1"),
        pytest.param("+525512345678", "+525512345678", id="Mexico as dialled"),
        pytest.param("+5491123456789", "+541123456789", id="Argentina's mobile 9"),
        pytest.param("+551187654321", "+5511987654321", id="Brazil without the ninth digit"),
        pytest.param("+5511987654321", "+5511987654321", id="Brazil with it"),
        pytest.param("+551132654321", "+551132654321", id="Brazilian landlines have none"),
        pytest.param("+34600111222", "+34600111222", id="elsewhere nothing is changed"),
    ],
)
def test_phone_is_normalised_for_matching(received: str, dialled: str) -> None:
    assert normalise_phone(received) == dialled
    assert normalise_phone(dialled) == dialled


@pytest.mark.parametrize(
    ("channel", "sender", "kind", "normalised"),
    [
        ("whatsapp", "+5215512345678", "phone", "+525512345678"),
        ("sms", "+34600111222", "phone", "+34600111222"),
        ("whatsapp", "ES.1349120865530274", "whatsapp_user", "ES.1349120865530274"),
        ("email", "Ana@Example.COM", "email", "ana@example.com"),
    ],
)
def test_address_keeps_what_was_received(channel: Channel, sender: str, kind: str, normalised: str) -> None:
    address = contact_address(channel, sender)
    assert (address.kind, address.address, address.normalised) == (kind, sender, normalised)
