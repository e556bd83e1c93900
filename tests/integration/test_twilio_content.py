"""Templates of a Twilio account: the stand-in as its SDK sees it, and our reader of it."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from agent.errors import Misconfigured, NightshiftError, Permanent, Retryable
from agent.settings import Settings
from agent.templates.filling import places
from agent.templates.types import Template
from channels import twilio_content
from channels.twilio_content import PAGE_SIZE, TwilioContent
from channels.twilio_outbound import TwilioHttpClient
from tests.doubles.twilio import TwilioDouble
from tests.doubles.twilio_content import StoredContent
from tests.doubles.twilio_webhooks import ACCOUNT_SID, AUTH_TOKEN

TEXT = {"twilio/text": {"body": "Hola {{1}}, el curso cuesta {{2}}."}}
TO, FROM = "whatsapp:+34600000001", "whatsapp:+14155550199"


@pytest.fixture
def double(twilio_server: TwilioDouble) -> TwilioDouble:
    twilio_server.reset()
    return twilio_server


@pytest.fixture
async def client(double: TwilioDouble) -> AsyncIterator[Any]:
    http = TwilioHttpClient(base_url=double.base_url)
    yield Client(ACCOUNT_SID, AUTH_TOKEN, http_client=http)
    await http.aclose()


@pytest.fixture
async def content(double: TwilioDouble) -> AsyncIterator[TwilioContent]:
    reader = TwilioContent(
        account_sid=ACCOUNT_SID, auth_token=AUTH_TOKEN, base_url=double.base_url, timeout=httpx.Timeout(20, read=2)
    )
    yield reader
    await reader.aclose()


def add(double: TwilioDouble, **fields: Any) -> StoredContent:
    known = {"friendly_name": "reopen", "types": TEXT, "variables": {"1": "Name", "2": "99 €"}, **fields}
    double.contents.append(StoredContent(**known))
    return double.contents[-1]


# --- the stand-in, through the SDK ----------------------------------------------------------------------------


async def test_contents_are_listed_in_pages_with_their_approval(double: TwilioDouble, client: Any) -> None:
    for number in range(5):
        add(double, friendly_name=f"template {number}")
    listed = await client.content.v1.content_and_approvals.list_async(page_size=2)
    assert [each.friendly_name for each in listed] == [f"template {number}" for number in range(5)]
    assert listed[0].approval_requests["status"] == "approved"
    assert [request.path for request in double.requests] == ["/v1/ContentAndApprovals"] * 3
    plain = await client.content.v1.contents.list_async(page_size=4)
    assert [each.sid for each in plain] == [each.sid for each in listed]


async def test_content_and_approval_are_fetched(double: TwilioDouble, client: Any) -> None:
    stored = add(double, status="rejected", rejection_reason="INVALID_FORMAT")
    fetched = await client.content.v1.contents(stored.sid).fetch_async()
    assert (fetched.friendly_name, fetched.types, fetched.variables) == ("reopen", TEXT, stored.variables)
    approval = await client.content.v1.contents(stored.sid).approval_fetch().fetch_async()
    assert (approval.whatsapp["status"], approval.whatsapp["rejection_reason"]) == ("rejected", "INVALID_FORMAT")


async def test_unknown_content_is_not_found(client: Any) -> None:
    with pytest.raises(TwilioRestException) as caught:
        await client.content.v1.contents("HX" + "9" * 32).fetch_async()
    assert (caught.value.status, caught.value.code) == (404, 20404)


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ('{"1": "Ana", "2": "399,00 €"}', None),
        (None, None),
        ('{"1": "Ana"}', None),
        ("{'1': 'Ana'}", 21656),
        ('{"1": "O\'Neill"}', 21656),
        ('{"1": "O\\u0027Neill"}', None),
        ('["Ana"]', 21656),
        ('{"1": ""}', 21656),
        ('{"1": null}', 21656),
        ('{"1": "a\\nb"}', 21656),
        ('{"1": "a     b"}', 21656),
    ],
)
async def test_bad_values_are_refused(double: TwilioDouble, client: Any, variables: str | None, code: int) -> None:
    given = {} if variables is None else {"content_variables": variables}
    sid = add(double).sid
    if code is None:
        created = await client.messages.create_async(to=TO, from_=FROM, content_sid=sid, **given)
        assert created.body.startswith("Hola ")
        return
    with pytest.raises(TwilioRestException) as caught:
        await client.messages.create_async(to=TO, from_=FROM, content_sid=sid, **given)
    assert (caught.value.status, caught.value.code) == (400, code)
    assert double.messages == []


async def test_what_is_left_out_is_said_with_the_samples(double: TwilioDouble, client: Any) -> None:
    sid = add(double).sid
    created = await client.messages.create_async(to=TO, from_=FROM, content_sid=sid, content_variables='{"1": "Ana"}')
    assert created.body == "Hola Ana, el curso cuesta 99 €."


@pytest.mark.parametrize(
    ("parameters", "code"),
    [({"content_sid": "HX" + "9" * 32}, 21655), ({"body": "x", "content_variables": '{"1": "x"}'}, 21654)],
)
async def test_bad_sid_is_refused(client: Any, parameters: dict[str, str], code: int) -> None:
    with pytest.raises(TwilioRestException) as caught:
        await client.messages.create_async(to=TO, from_=FROM, **parameters)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("fields", "heard", "to", "reported"),
    [
        ({}, False, TO, ("sent", None)),
        ({"status": "pending"}, False, TO, ("failed", "63016")),
        ({"status": "pending"}, True, TO, ("sent", None)),
        ({"status": "paused"}, True, TO, ("failed", "63041")),
        ({"status": "disabled"}, True, TO, ("failed", "63042")),
        ({"variables": {}}, True, TO, ("failed", "63005")),
        ({"category": "MARKETING"}, True, TO, ("sent", None)),
        ({"category": "MARKETING"}, True, "whatsapp:+12025550112", ("failed", "63049")),
        (None, False, TO, ("failed", "63016")),
        (None, True, TO, ("sent", None)),
    ],
    ids=[
        "approved",
        "pending, outside the window",
        "pending, inside it",
        "paused",
        "disabled",
        "a place left open",
        "marketing",
        "marketing to the United States",
        "free text outside the window",
        "free text inside it",
    ],
)
async def test_whatsapp_fails_later_and_says_why(
    double: TwilioDouble,
    client: Any,
    fields: dict[str, Any] | None,
    to: str,
    reported: tuple[str, str | None],
    *,
    heard: bool,
) -> None:
    double.script = ("sent",)
    double.heard = {to: double.now()} if heard else {}
    said = {"body": "Hola"} if fields is None else {"content_sid": add(double, **fields).sid}
    callback = f"{double.base_url}/reports"
    created = await client.messages.create_async(to=to, from_=FROM, status_callback=callback, **said)
    assert created.sid == double.messages[0].sid
    await double.wait_until(lambda twilio: len(twilio.callbacks) == 1)
    params = double.callbacks[0].params
    assert (params["MessageStatus"], params.get("ErrorCode")) == reported


# --- our reader -----------------------------------------------------------------------------------------------


async def test_every_template_is_read_whatever_the_number_of_pages(
    double: TwilioDouble, content: TwilioContent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(twilio_content, "PAGE_SIZE", 2)
    for number in range(5):
        add(double, friendly_name=f"template {number}")
    found = await content.list_templates()
    assert [each.name for each in found] == [f"template {number}" for number in range(5)]
    assert len(double.requests) == 3


async def test_template_has_all_that_twilio_says(double: TwilioDouble, content: TwilioContent) -> None:
    stored = add(double, status="rejected", rejection_reason="TAG", category="MARKETING", language="pt_BR")
    (listed,) = await content.list_templates()
    assert listed == Template(
        sid=stored.sid,
        name="reopen",
        language="pt_BR",
        category="marketing",
        types=TEXT,
        variables={"1": "Name", "2": "99 €"},
        approval="rejected",
        approved_type="twilio/text",
        rejection_reason="TAG",
    )
    assert places(listed) == ("1", "2")
    assert await content.fetch(stored.sid) == listed


async def test_account_without_templates_has_none(content: TwilioContent) -> None:
    assert await content.list_templates() == ()
    assert await content.fetch("HX" + "9" * 32) is None


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"status": "unsubmitted"}, {"approval": "unsubmitted", "category": ""}),
        ({"status": "limbo"}, {"approval": "unknown"}),
        ({"category": "TRANSPORTATION_UPDATE"}, {"category": ""}),
        ({"types": None}, {"types": {}, "approved_type": ""}),
        ({"types": {"twilio/text": "odd"}}, {"types": {"twilio/text": {}}}),
        ({"variables": {"1": 5}}, {"variables": {"1": "5"}}),
        ({"language": None}, {"language": ""}),
    ],
)
async def test_odd_record_becomes_a_template_that_cannot_be_used(
    double: TwilioDouble,
    content: TwilioContent,
    monkeypatch: pytest.MonkeyPatch,
    fields: dict[str, Any],
    expected: dict[str, Any],
) -> None:
    monkeypatch.setattr(StoredContent, "content_type", "" if fields.get("types", 1) is None else "twilio/text")
    add(double, **fields)
    (found,) = await content.list_templates()
    assert {name: getattr(found, name) for name in expected} == expected


FAULTS: dict[str, tuple[dict[str, Any], type[NightshiftError]]] = {
    "too many requests": ({"status": 429, "code": 20429}, Retryable),
    "server error": ({"status": 500, "code": 20500}, Retryable),
    "unavailable": ({"status": 503, "code": 20503}, Retryable),
    "dropped": ({"dropped": True}, Retryable),
    "too slow": ({"delay_s": 3.0}, Retryable),
    "no JSON": ({"status": 200, "body": "<html>"}, Retryable),
    "wrong token": ({"status": 401, "code": 20003}, Misconfigured),
    "forbidden": ({"status": 403, "code": 20008}, Misconfigured),
    "refused": ({"status": 400, "code": 20001}, Permanent),
    "refused as problem details": ({"status": 400, "code": 20001, "problem": True}, Permanent),
}


@pytest.mark.parametrize(("fault", "kind"), FAULTS.values(), ids=FAULTS.keys())
async def test_failure_says_who_acts(
    double: TwilioDouble, content: TwilioContent, fault: dict[str, Any], kind: type[NightshiftError]
) -> None:
    double.fail_next(on="content", times=2, **fault)
    with pytest.raises(kind) as listed:
        await content.list_templates()
    assert type(listed.value) is kind
    with pytest.raises(kind):
        await content.fetch("HX" + "9" * 32)


async def test_failure_on_a_later_page_is_no_shorter_list(double: TwilioDouble, content: TwilioContent) -> None:
    for _ in range(PAGE_SIZE + 1):
        add(double)
    double.fail_next(on="content", delay_s=0)
    double.fail_next(on="content", status=500, code=20500)
    with pytest.raises(Retryable):
        await content.list_templates()


async def test_too_many_requests_say_when_to_come_back(double: TwilioDouble, content: TwilioContent) -> None:
    double.fail_next(on="content", status=429, code=20429, headers={"Retry-After": "9"})
    with pytest.raises(Retryable) as caught:
        await content.list_templates()
    assert caught.value.retry_after_s == 9


def test_settings_without_credentials_say_what_to_set() -> None:
    with pytest.raises(Misconfigured, match="TWILIO_AUTH_TOKEN"):
        TwilioContent.from_settings(Settings(_env_file=None, twilio_account_sid=None, twilio_auth_token=None))
