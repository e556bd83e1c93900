"""The stand-in for Twilio, seen through Twilio's own SDK."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from twilio.base.exceptions import (
    TwilioRestException,
    TwilioServiceException,
)
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from channels.twilio_outbound import TwilioHttpClient
from tests.doubles.twilio import TwilioDouble
from tests.doubles.twilio_webhooks import ACCOUNT_SID, AUTH_TOKEN, inbound_params, post_inbound

API = json.loads((Path(__file__).parents[1] / "unit" / "data" / "twilio_messages_api.json").read_text())
TO = "+14155550101"
FROM = "+14155550199"


@pytest.fixture
def double(twilio_server: TwilioDouble) -> TwilioDouble:
    twilio_server.reset()
    return twilio_server


@pytest.fixture
async def http(double: TwilioDouble) -> Any:
    client = TwilioHttpClient(base_url=double.base_url)
    yield client
    await client.aclose()


@pytest.fixture
def messages(http: TwilioHttpClient) -> Any:
    return Client(ACCOUNT_SID, AUTH_TOKEN, http_client=http).messages


async def test_created_message_is_fetched_and_has_the_fields_of_the_api(double: TwilioDouble, messages: Any) -> None:
    created = await messages.create_async(to=TO, from_=FROM, body="¿Qué tal? 👍")
    fetched = await messages(created.sid).fetch_async()
    assert (fetched.body, fetched.status, fetched.direction) == ("¿Qué tal? 👍", "queued", "outbound-api")
    assert fetched.date_created.tzinfo == UTC
    assert set(double.messages[0].as_json(ACCOUNT_SID)) == set(API["message"])


async def test_message_through_a_service_is_accepted(messages: Any) -> None:
    created = await messages.create_async(to=TO, messaging_service_sid="MG" + "2" * 32, body="Hola")
    assert (created.status, created.from_, created.num_segments) == ("accepted", None, "0")


async def test_list_is_filtered_paged_and_newest_first(messages: Any) -> None:
    for number in range(5):
        await messages.create_async(to=TO, from_=FROM, body=str(number))
    await messages.create_async(to="+14155550102", from_=FROM, body="other")
    listed = await messages.list_async(to=TO, page_size=2)
    assert [message.body for message in listed] == ["4", "3", "2", "1", "0"]
    assert await messages.list_async(from_="+14155550100") == []


async def test_date_filter_misses_what_is_not_sent_yet(double: TwilioDouble, messages: Any) -> None:
    await messages.create_async(to=TO, from_=FROM, body="sent", status_callback="http://127.0.0.1:9/")
    await messages.create_async(to=TO, from_=FROM, body="queued")
    await double.send_status(double.messages[0], "sent")
    before = datetime.now(UTC) - timedelta(minutes=1)
    assert [m.body for m in await messages.list_async(to=TO, date_sent_after=before)] == ["sent"]
    assert await messages.list_async(to=TO, date_sent_after=before + timedelta(hours=1)) == []


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"to": "", "from_": FROM, "body": "x"}, 21604),
        ({"to": "whatsapp:+US.1", "from_": f"whatsapp:{FROM}", "body": "x"}, 21211),
        ({"to": TO, "body": "x"}, 21603),
        ({"to": TO, "from_": "me", "body": "x"}, 21212),
        ({"to": TO, "from_": f"whatsapp:{FROM}", "body": "x"}, 21910),
        ({"to": TO, "from_": FROM}, 21602),
        ({"to": TO, "from_": FROM, "body": "👍" * 801}, 21617),
        ({"to": TO, "from_": FROM, "body": "x", "status_callback": "https://a_b.example/"}, 21609),
        ({"to": "+14155550666", "from_": FROM, "body": "x"}, 21610),
        ({"to": TO, "from_": FROM, "media_url": ["ftp://x.example/a.png"]}, 21620),
        ({"to": f"whatsapp:{TO}", "from_": f"whatsapp:{FROM}", "media_url": ["https://x.example/a.png"] * 2}, 21623),
    ],
)
async def test_bad_request_is_refused_with_twilios_code(
    double: TwilioDouble, messages: Any, parameters: dict[str, Any], code: int
) -> None:
    double.opted_out.add("+14155550666")
    with pytest.raises(TwilioRestException) as caught:
        await messages.create_async(**parameters)
    assert (caught.value.status, caught.value.code) == (400, code)
    assert double.messages == []


async def test_wrong_token_is_refused(http: TwilioHttpClient) -> None:
    with pytest.raises(TwilioRestException) as caught:
        await Client(ACCOUNT_SID, "wrong", http_client=http).messages.create_async(to=TO, from_=FROM, body="x")
    assert (caught.value.status, caught.value.code) == (401, 20003)


async def test_unknown_message_is_not_found(messages: Any) -> None:
    with pytest.raises(TwilioRestException) as caught:
        await messages("SM" + "9" * 32).fetch_async()
    assert (caught.value.status, caught.value.code) == (404, 20404)


async def test_problem_details_are_raised_as_the_sibling_exception(double: TwilioDouble, messages: Any) -> None:
    double.fail_next(status=400, code=21211, problem=True)
    with pytest.raises(TwilioServiceException) as caught:
        await messages.create_async(to=TO, from_=FROM, body="x")
    assert caught.value.code == 21211


async def test_statuses_are_reported_signed_in_the_scripted_order(messages: Any, double: TwilioDouble) -> None:
    double.script = ("sent", "delivered", "delivered", "read")
    callback = f"{double.base_url}/reports?t=1&m=2"  # nobody is there, but something answers
    created = await messages.create_async(to=TO, from_=FROM, body="x", status_callback=callback)
    await double.wait_until(lambda twilio: len(twilio.callbacks) == 4)
    assert [found.params["MessageStatus"] for found in double.callbacks] == list(double.script)
    assert {found.params["MessageSid"] for found in double.callbacks} == {created.sid}
    assert {found.http_status for found in double.callbacks} == {404}


async def test_reports_come_in_any_scripted_order_and_the_message_has_the_last_one(
    messages: Any, double: TwilioDouble
) -> None:
    double.script = ("delivered", "queued", "failed:30008", "sent")
    callback = f"{double.base_url}/reports"
    created = await messages.create_async(to=TO, from_=FROM, body="x", status_callback=callback)
    await double.wait_until(lambda twilio: len(twilio.callbacks) == 4)
    told = [(each.params["MessageStatus"], each.params.get("ErrorCode")) for each in double.callbacks]
    assert told == [("delivered", None), ("queued", None), ("failed", "30008"), ("sent", None)]
    assert (await messages(created.sid).fetch_async()).status == "sent"


async def test_message_goes_through_the_states_of_the_queue(messages: Any, double: TwilioDouble) -> None:
    created = await messages.create_async(to=TO, from_=FROM, body="x", status_callback="http://127.0.0.1:9/")
    seen = [created.status]
    for status, code in (("sending", None), ("sent", None), ("undelivered", 30003)):
        await double.send_status(double.messages[0], status, code)
        found = await messages(created.sid).fetch_async()
        seen.append(found.status)
    assert seen == ["queued", "sending", "sent", "undelivered"]
    assert (found.error_code, found.date_sent is None) == (30003, False)


async def test_attachments_are_counted(messages: Any) -> None:
    files = [f"https://x.example/{number}.png" for number in range(3)]
    created = await messages.create_async(to=TO, from_=FROM, media_url=files)
    assert (created.num_media, created.body) == ("3", "")


async def test_typing_is_shown_for_a_message_of_whatsapp(double: TwilioDouble, http: TwilioHttpClient) -> None:
    indicator = Client(ACCOUNT_SID, AUTH_TOKEN, http_client=http).messaging.v2.typing_indicator
    shown = await indicator.create_async(channel="whatsapp", message_id=f"SM{'1' * 32}")
    assert (shown.success, double.typing) == (True, [f"SM{'1' * 32}"])
    for channel, message_id in (("sms", f"SM{'1' * 32}"), ("whatsapp", "me")):
        with pytest.raises(TwilioRestException):
            await indicator.create_async(channel=channel, message_id=message_id)


async def test_posts_are_signed_over_the_public_url() -> None:
    app, public_url = FastAPI(), "https://agent.example"

    @app.post("/webhooks/twilio/messages")
    async def receive(request: Request) -> bool:
        validator = RequestValidator(AUTH_TOKEN)
        signature = request.headers["X-Twilio-Signature"]
        return bool(validator.validate(f"{public_url}{request.url.path}", await request.form(), signature))

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        assert (await post_inbound(client, public_url, inbound_params("¡Hola! &=+"))).json() is True
        assert (await post_inbound(client, public_url, inbound_params(), "wrong")).json() is False
        repeated = [("Body", "b"), ("Body", "a"), ("Body", "a"), ("Empty", "")]
        assert (await post_inbound(client, public_url, repeated)).json() is True
