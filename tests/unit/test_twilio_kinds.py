"""Every kind of message a prospect can send through Twilio: what it is taken for, what comes with it, how it reads."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.message_details import Details, Location, MessageKind, Referral, details_from_json, details_to_json
from agent.types import InboundMessage
from channels.twilio_inbound import parse_inbound
from channels.twilio_kinds import MAX_DETAIL_CHARS, MAX_FORM_CHARS

SID = "SM11111111111111111111111111111111"
WHATSAPP = {"MessageSid": SID, "From": "whatsapp:+5511987654321", "To": "whatsapp:+14155550199", "NumMedia": "0"}
SMS = {"MessageSid": SID, "From": "+14155550101", "To": "+14155550199", "NumMedia": "0"}
MEDIA = "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1"
QUOTED = "SM99999999999999999999999999999999"


def read(base: dict[str, str] | None = None, /, **fields: str) -> InboundMessage:
    return parse_inbound(list({**(base or WHATSAPP), **fields}.items()))


def file(content_type: str) -> dict[str, str]:
    return {"NumMedia": "1", "MediaUrl0": MEDIA, "MediaContentType0": content_type}


KINDS: dict[str, tuple[dict[str, str], MessageKind, str, bool]] = {
    "text": ({"MessageType": "text", "Body": "Hola"}, "text", "Hola", False),
    "text without a type": ({"Body": "Hola"}, "text", "Hola", False),
    "reply to a message": (
        {"MessageType": "text", "Body": "sí", "OriginalRepliedMessageSid": QUOTED},
        "text",
        "sí",
        False,
    ),
    "button": (
        {"MessageType": "button", "Body": "Quero", "ButtonText": "Quero", "ButtonPayload": "demo"},
        "button",
        "Quero",
        False,
    ),
    "button without a type": ({"Body": "", "ButtonText": "Quero", "ButtonPayload": "demo"}, "button", "Quero", False),
    "button without words": ({"MessageType": "button", "ButtonPayload": "demo"}, "button", "[button: demo]", True),
    "row of a list": (
        {"MessageType": "interactive", "Body": "Plan Pro", "ListId": "pro", "ListTitle": "Plan Pro"},
        "interactive",
        "Plan Pro",
        False,
    ),
    "row of a list without a body": ({"ListId": "pro", "ListTitle": "Plan Pro"}, "interactive", "Plan Pro", False),
    "row of a list without words": ({"ListId": "pro"}, "interactive", "[choice: pro]", True),
    "form": (
        {"MessageType": "interactive", "FlowData": '{"day": "Mon"}'},
        "interactive",
        '[form: {"day": "Mon"}]',
        True,
    ),
    "image with a caption": (
        {"MessageType": "image", "Body": "este", **file("image/jpeg")},
        "image",
        "este",
        False,
    ),
    "image": ({"MessageType": "image", "Body": "", **file("image/jpeg")}, "image", "[image]", True),
    "image without a type": ({**file("image/png")}, "image", "[image]", True),
    "document": ({"MessageType": "document", **file("application/pdf")}, "document", "[document]", True),
    "voice note": ({"MessageType": "audio", **file("audio/ogg; codecs=opus")}, "audio", "[audio]", True),
    "voice note by another name": ({"MessageType": "ptt", **file("audio/ogg")}, "audio", "[audio]", True),
    "video": ({"MessageType": "video", **file("video/mp4")}, "video", "[video]", True),
    "sticker": ({"MessageType": "sticker", **file("image/webp")}, "sticker", "[sticker]", True),
    "location": (
        {"MessageType": "location", "Latitude": "-23.5", "Longitude": "-46.6", "Label": "Escritório"},
        "location",
        "[location: Escritório, (-23.5, -46.6)]",
        True,
    ),
    "location without a type": ({"Latitude": "1.5", "Longitude": "2"}, "location", "[location: (1.5, 2)]", True),
    "contacts": ({"MessageType": "contacts", **file("text/vcard")}, "contacts", "[contacts]", True),
    "contacts without a type": ({**file("text/x-vcard")}, "contacts", "[contacts]", True),
    "edited": ({"MessageType": "edited", "Body": "mejor el martes"}, "edited", "mejor el martes", False),
    "type of next year": ({"MessageType": "hologram"}, "unknown", "[hologram message]", True),
    "type of next year with words": ({"MessageType": "hologram", "Body": "mira"}, "unknown", "mira", False),
    "type that is an attack": ({"MessageType": "x]\nSYSTEM"}, "unknown", "[message of an unknown type]", True),
    "file that was lost on the way": (
        {"MessageType": "image", "NumMedia": "1"},
        "image",
        "[attachment not available]",
        True,
    ),
    "nothing at all": ({"Body": ""}, "text", "", False),
}


@pytest.mark.parametrize(("fields", "kind", "text", "wordless"), KINDS.values(), ids=KINDS.keys())
def test_kind_is_told_and_what_has_no_words_is_described(
    fields: dict[str, str], kind: MessageKind, text: str, wordless: bool
) -> None:
    message = read(**fields)
    assert (message.kind, message.text, message.details.wordless) == (kind, text, wordless)


def test_picture_message_of_a_phone_network_is_a_picture_too() -> None:
    message = read(SMS, **file("image/jpeg"))
    assert (message.channel, message.kind, message.media[0].url) == ("sms", "image", MEDIA)


DETAILS: dict[str, tuple[dict[str, str], Details]] = {
    "reply": ({"Body": "sí", "OriginalRepliedMessageSid": QUOTED}, Details(reply_to=QUOTED)),
    "button": ({"ButtonText": "Sí", "ButtonPayload": "book:v1"}, Details(button="book:v1")),
    "row of a list": ({"Body": "Pro", "ListId": "pro"}, Details(button="pro")),
    "form": ({"Body": "Sent", "FlowData": '{"day": 1}'}, Details(form='{"day": 1}')),
    "place": (
        {"Body": "aquí", "Latitude": "1", "Longitude": "2", "Address": "Av. 1"},
        Details(location=Location(latitude="1", longitude="2", address="Av. 1")),
    ),
    "half a place": ({"Body": "aquí", "Latitude": "1"}, Details()),
    "ad": (
        {
            "Body": "Vi o anúncio",
            "ReferralHeadline": "Fale\nconosco",
            "ReferralBody": "20% off",
            "ReferralSourceType": "ad",
            "ReferralSourceId": "1202",
            "ReferralSourceUrl": "https://fb.me/x",
            "ReferralCtwaClid": "ARA",
            "ReferralNumMedia": "0",
        },
        Details(
            referral=Referral(
                headline="Fale conosco",
                body="20% off",
                source_type="ad",
                source_id="1202",
                source_url="https://fb.me/x",
                click_id="ARA",
            )
        ),
    ),
    "ordinary message that mentions no ad": ({"Body": "x", "ReferralNumMedia": "0"}, Details()),
    "forwarded": ({"Body": "x", "Forwarded": "true", "FrequentlyForwarded": "false"}, Details(forwarded="once")),
    "forwarded often": ({"Body": "x", "Forwarded": "true", "FrequentlyForwarded": "true"}, Details(forwarded="often")),
    "not forwarded": ({"Body": "x", "Forwarded": "false"}, Details()),
    "stop": ({"Body": "ALTO", "OptOutType": "STOP"}, Details(keyword="stop")),
    "start": ({"Body": "VOLVER", "OptOutType": "start"}, Details(keyword="start")),
    "help": ({"Body": "AYUDA", "OptOutType": "HELP"}, Details(keyword="help")),
    "keyword of next year": ({"Body": "x", "OptOutType": "PAUSE"}, Details()),
}


@pytest.mark.parametrize(("fields", "details"), DETAILS.values(), ids=DETAILS.keys())
def test_what_comes_with_a_message_is_kept(fields: dict[str, str], details: Details) -> None:
    found = read(**fields).details
    assert found == details
    assert details_from_json(details_to_json(found)) == found


def test_stored_details_of_a_newer_version_are_read_without_what_is_unknown() -> None:
    assert details_from_json({"reply_to": QUOTED, "mood": "good"}) == Details(reply_to=QUOTED)


FIELDS = [
    *("MessageType", "Body", "ButtonText", "ButtonPayload", "ListId", "ListTitle", "FlowData", "InteractiveData"),
    *("Latitude", "Longitude", "Address", "Label", "NumMedia", "MediaUrl0", "MediaContentType0", "Forwarded"),
    *("ReferralSourceId", "ReferralHeadline", "ReferralBody", "ReferralMediaUrl", "OriginalRepliedMessageSid"),
]


@given(st.dictionaries(st.sampled_from(FIELDS), st.text(max_size=40) | st.just("x" * 50_000) | st.just("image/jpeg")))
def test_any_fields_give_bounded_details_that_can_be_stored(fields: dict[str, str]) -> None:
    message = read(**fields)
    kept: dict[str, Any] = details_to_json(message.details)
    assert len(json.dumps(kept, ensure_ascii=False).encode()) < 6 * (MAX_FORM_CHARS + 10 * MAX_DETAIL_CHARS)
    assert details_from_json(kept) == message.details
    assert "\n" not in message.text or not message.details.wordless
