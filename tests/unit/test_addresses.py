"""How two spellings of one address are recognised, and two addresses kept apart."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.addresses import (
    contact_address,
    mentioned_addresses,
    normalise_email,
    normalise_phone,
    sender_addresses,
)
from agent.types import Channel, InboundMessage

E164 = phonenumbers.PhoneNumberFormat.E164


@pytest.mark.parametrize(
    ("received", "dialled"),
    [
        pytest.param("+5215512345678", "+525512345678", id="Mexico's old mobile 1"),
        pytest.param("+525512345678", "+525512345678", id="Mexico as dialled"),
        pytest.param("+5491123456789", "+541123456789", id="Argentina's mobile 9"),
        pytest.param("+54111523456789", "+541123456789", id="Argentina's mobile 15"),
        pytest.param("+549111523456789", "+541123456789", id="Argentina's mobile 9 and 15"),
        pytest.param("+54296615456789", "+542966456789", id="Argentina's mobile 15 after a long area code"),
        pytest.param("+54", "+54", id="no number at all"),
        pytest.param("+551187654321", "+5511987654321", id="Brazil without the ninth digit"),
        pytest.param("+5511987654321", "+5511987654321", id="Brazil with it"),
        pytest.param("+551132654321", "+551132654321", id="Brazilian landlines have none"),
        pytest.param("+34600111222", "+34600111222", id="elsewhere nothing is changed"),
    ],
)
def test_phone_is_normalised_for_matching(received: str, dialled: str) -> None:
    assert normalise_phone(received) == dialled
    assert normalise_phone(dialled) == dialled


def _spellings(region: str, national: str) -> list[str]:
    """Return every way in which a valid mobile number may reach us."""
    match region:
        case "MX":
            return [f"+52{national}", f"+521{national}"]
        case "AR":  # 9 + area code + subscriber
            area = phonenumbers.length_of_national_destination_code(phonenumbers.parse(f"+54{national}")) - 1
            rest = national[1:]
            return [f"+54{national}", f"+54{rest}", f"+54{rest[:area]}15{rest[area:]}"]
        case "BR":  # area code + 9 + subscriber
            return [f"+55{national}", f"+55{national[:2]}{national[3:]}"]
    return [f"+{phonenumbers.country_code_for_region(region)}{national}"]


def _is_mobile(region: str, national: str) -> bool:
    number = phonenumbers.parse(f"+{phonenumbers.country_code_for_region(region)}{national}")
    return phonenumbers.is_valid_number_for_region(number, region) and phonenumbers.number_type(number) in (
        phonenumbers.PhoneNumberType.MOBILE,
        phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE,
    )


@st.composite
def mobiles(draw: st.DrawFn) -> tuple[str, str]:
    """Draw a valid mobile number: the region's example with its last six digits drawn anew."""
    region = draw(st.sampled_from(["MX", "AR", "BR", "ES", "PT", "CO", "US", "GB", "IT", "CL"]))
    example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    assert example is not None
    national = phonenumbers.national_significant_number(example)
    if region == "BR":
        national = (
            draw(st.sampled_from(["11", "21", "47", "85", "92"])) + "9" + draw(st.sampled_from("6789")) + "0000000"
        )
    if region == "AR":
        national = draw(st.sampled_from(["91123456789", "93515456789", "92966456789", "92235123456"]))
    drawn = national[:-6] + "".join(draw(st.lists(st.sampled_from("0123456789"), min_size=6, max_size=6)))
    return (region, drawn) if _is_mobile(region, drawn) else (region, national)


@given(mobiles())
def test_every_spelling_of_a_mobile_number_is_one_number(mobile: tuple[str, str]) -> None:
    spelt = _spellings(*mobile)
    assert len({normalise_phone(each) for each in spelt}) == 1, spelt
    assert normalise_phone(normalise_phone(spelt[-1])) == normalise_phone(spelt[0])


@given(mobiles(), mobiles())
def test_two_mobile_numbers_are_never_taken_for_one(one: tuple[str, str], other: tuple[str, str]) -> None:
    ours, theirs = _spellings(*one), _spellings(*other)
    assert (normalise_phone(ours[0]) == normalise_phone(theirs[0])) == (one == other)


@given(st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS - {"MX", "AR", "BR"})), st.data())
def test_numbers_of_other_countries_are_left_alone(region: str, data: st.DataObject) -> None:
    example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    if example is None:
        example = phonenumbers.example_number(region)
    assert example is not None
    number = phonenumbers.format_number(example, E164)
    drawn = number[:-3] + data.draw(st.from_regex(r"[0-9]{3}", fullmatch=True))
    assert normalise_phone(drawn) == drawn


@given(st.text(alphabet="+0123456789", max_size=20))
def test_normalising_anything_twice_changes_nothing_more(text: str) -> None:
    assert normalise_phone(normalise_phone(text)) == normalise_phone(text)


@pytest.mark.parametrize(
    ("received", "normalised"),
    [
        pytest.param("Ana@Example.COM", "ana@example.com", id="case"),
        pytest.param("a.n.a+shop@gmail.com", "a.n.a+shop@gmail.com", id="dots and plus are the mailbox's affair"),
        pytest.param("ana@MÜLLER.example", "ana@xn--mller-kva.example", id="a domain in other letters"),
        pytest.param("ana@xn--mller-kva.example", "ana@xn--mller-kva.example", id="the same, as DNS has it"),
        pytest.param("ana@..example", "ana@..example", id="no domain at all"),
        pytest.param("ana", "@ana", id="no address at all"),
    ],
)
def test_email_is_normalised_for_matching(received: str, normalised: str) -> None:
    assert normalise_email(received) == normalised


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


def test_sender_has_each_address_once_and_the_one_they_wrote_from_first() -> None:
    message = InboundMessage(
        provider="twilio",
        channel="whatsapp",
        provider_id="SM1",
        sender="+5215512345678",
        recipient="+34910555012",
        text="hola",
        also_known_as=("MX.1", "+525512345678", "MX.1", "MX.ENT.2"),
    )
    assert [each.address for each in sender_addresses(message)] == ["+5215512345678", "MX.1", "MX.ENT.2"]


def test_addresses_in_a_text_are_found_as_they_are_matched() -> None:
    text = "Soy Ana (ana.ruiz@Example.com). Mi móvil: 600 11 12 22, y el de México +52 55 1234 5678. Son 350 euros."
    found = {(each.kind, each.normalised) for each in mentioned_addresses(text, "ES")}
    assert found == {("email", "ana.ruiz@example.com"), ("phone", "+34600111222"), ("phone", "+525512345678")}
    assert mentioned_addresses("600 11 12 22") == ()
