"""SendGrid's webhooks as the stand-in posts them, read by SendGrid's own SDK."""

from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sendgrid.helpers.eventwebhook import EventWebhook, EventWebhookHeader
from sendgrid.helpers.inbound.config import Config
from sendgrid.helpers.inbound.parse import Parse
from starlette.datastructures import FormData
from starlette.requests import Request

from tests.conftest import FakeClock
from tests.doubles.sendgrid import SendGridDouble
from tests.doubles.sendgrid_webhooks import CONTENT_TYPE, generate_keypair, make_mail, raw_form, signature_headers


async def read_form(body: bytes) -> FormData:
    """Read a posted form as a web framework does."""

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", CONTENT_TYPE.encode())]}
    return await Request(scope, receive).form()


async def test_inbound_parse_has_the_fields_that_the_sdk_reads() -> None:
    mail = make_mail("¿Cuánto cuesta?", Subject="Curso")
    form = await read_form(raw_form(mail, ["hola@lumen.example"]))
    posted = SimpleNamespace(form=form, data=b"", files={}, get_data=lambda **_: b"")
    parsed = Parse(Config(), posted)
    raw = parsed.get_raw_email()
    assert (raw["Subject"], raw["From"]) == ("Curso", "Ana <ana@ruiz.example>")
    values = parsed.key_values()
    assert {"from", "to", "subject", "dkim", "SPF", "envelope", "charsets", "spam_score", "sender_ip"} <= values.keys()
    assert {"text", "html", "headers", "attachments"} & values.keys() == set(), "raw mode has none"


@pytest.mark.parametrize("altered", [False, True], ids=["as posted", "altered"])
def test_the_sdk_verifies_what_the_stand_in_signs(altered: bool, clock: FakeClock) -> None:
    private_key, public_key = generate_keypair()
    assert isinstance(private_key, ec.EllipticCurvePrivateKey)
    event = SendGridDouble(base_url="").take({"personalizations": [{"to": [{"email": "c@d.example"}]}]})
    body = f'[{{"sg_message_id": "{event.id}"}}]'
    headers = signature_headers(private_key, body.encode(), clock())
    webhook = EventWebhook(public_key)
    said = webhook.verify_signature(
        body + " " * altered, headers[EventWebhookHeader.SIGNATURE], headers[EventWebhookHeader.TIMESTAMP]
    )
    assert said is not altered
