"""Twilio's webhooks (P1, P2): a signed one is stored and its turn deferred in one commit, a bad one leaves nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import httpx
import pytest

from agent.store.db import Tx, fetch_one
from agent.tenant.file import TenantFile
from channels.twilio_outbound import status_callback_url
from tests.doubles.twilio_webhooks import ACCOUNT_SID, inbound_params, post_signed, signature
from tests.integration.tenant_rows import ONE_MESSAGE, Rows, stores_only

PUBLIC_URL = "https://agent.example"
MESSAGES = f"{PUBLIC_URL}/webhooks/twilio/messages"
FORM = "application/x-www-form-urlencoded"
LUMEN = {"whatsapp": "whatsapp:+34910555012", "sms": "+12025550112"}
SID = "SM" + "0" * 31 + "1"

pytestmark = pytest.mark.usefixtures("lumen")


def to_lumen(text: str = "Hola", **overrides: str) -> dict[str, str]:
    """Return a WhatsApp message to the language school."""
    return inbound_params(text, **{"To": LUMEN["whatsapp"], **overrides})


async def post_raw(client: httpx.AsyncClient, body: bytes, **headers: str) -> httpx.Response:
    """Post any bytes to the webhook for messages; without headers, unsigned."""
    named = {"Content-Type": FORM, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return await client.post("/webhooks/twilio/messages", content=body, headers=named)


# --- what is stored --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channel", ["whatsapp", "sms"])
async def test_signed_message_is_stored_and_its_turn_deferred(
    client: httpx.AsyncClient, admin: Tx, lumen: TenantFile, channel: str
) -> None:
    sender = {"whatsapp": "whatsapp:+34600000001", "sms": "+34600000001"}[channel]
    params = inbound_params("¿Cuánto cuesta el B2? 👍", From=sender, To=LUMEN[channel])
    async with stores_only(admin, **ONE_MESSAGE):
        response = await post_signed(client, MESSAGES, params)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/xml")
    assert response.text.endswith("<Response/>")
    row = await fetch_one(
        admin,
        """select m.body, m.provider_id, m.raw, m.turn_id, p.address, a.channel, c.turn_state, c.tenant_id, c.id
           from messages m join conversations c on c.id = m.conversation_id
           join contact_points p on p.id = c.contact_point_id join channel_accounts a on a.id = c.channel_account_id""",
    )
    assert row == {
        "body": "¿Cuánto cuesta el B2? 👍",
        "provider_id": params["MessageSid"],
        "raw": params,
        "turn_id": None,
        "address": "+34600000001",
        "channel": channel,
        "turn_state": "queued",
        "tenant_id": lumen.tenant.id,
        "id": row and row["id"],
    }
    job = await fetch_one(
        admin,
        """select task_name, args, status, extract(epoch from scheduled_at - clock_timestamp())::float8 as due_in_s
           from jobs.procrastinate_jobs""",
    )
    assert job is not None
    assert (job["task_name"], job["status"]) == ("turn", "todo")
    assert job["args"] == {"tenant_id": str(lumen.tenant.id), "conversation_id": str(row["id"])}, "ids, and no words"
    assert 0 < job["due_in_s"] <= lumen.tenant.policy.quiet_s


async def test_duplicate_changes_nothing(client: httpx.AsyncClient, admin: Tx) -> None:
    params = to_lumen()
    await post_signed(client, MESSAGES, params)
    before = await fetch_one(admin, "select to_jsonb(c) as c from conversations c")
    async with stores_only(admin):
        response = await post_signed(client, MESSAGES, {**params, "Body": "Something else"})
    assert response.status_code == 200
    assert await fetch_one(admin, "select to_jsonb(c) as c from conversations c") == before


async def test_twenty_concurrent_duplicates_store_one_message(client: httpx.AsyncClient, admin: Tx) -> None:
    params = to_lumen()
    async with stores_only(admin, **ONE_MESSAGE):
        responses = await asyncio.gather(*(post_signed(client, MESSAGES, params) for _ in range(20)))
    assert {response.status_code for response in responses} == {200}


async def test_concurrent_first_messages_make_one_contact_and_one_conversation(
    client: httpx.AsyncClient, admin: Tx
) -> None:
    async with stores_only(admin, **{**ONE_MESSAGE, "messages": 20, "message_words": 20, "events": 20}):
        responses = await asyncio.gather(*(post_signed(client, MESSAGES, to_lumen(str(n))) for n in range(20)))
    assert {response.status_code for response in responses} == {200}


async def test_one_number_on_two_channels_is_one_contact_with_two_conversations(
    client: httpx.AsyncClient, admin: Tx
) -> None:
    texts = [inbound_params(From="+34600000001", To=LUMEN["sms"]) for _ in range(10)]
    chats = [to_lumen() for _ in range(10)]
    two = {"conversations": 2, "procrastinate_jobs": 2}
    async with stores_only(admin, **{**ONE_MESSAGE, **two, "messages": 20, "message_words": 20, "events": 20}):
        responses = await asyncio.gather(*(post_signed(client, MESSAGES, each) for each in (*texts, *chats)))
    assert {response.status_code for response in responses} == {200}


async def test_the_same_prospect_is_another_contact_for_each_tenant(
    client: httpx.AsyncClient, admin: Tx, verdesolar: TenantFile
) -> None:
    async with stores_only(admin, **{table: 2 * count for table, count in ONE_MESSAGE.items()}):
        await post_signed(client, MESSAGES, to_lumen())
        await post_signed(client, MESSAGES, to_lumen(To="whatsapp:+525555500134"))
    row = await fetch_one(admin, "select count(distinct tenant_id) as tenants from messages")
    assert row == {"tenants": 2}


def with_media(count: int) -> dict[str, str]:
    media = {f"MediaUrl{n}": f"https://api.twilio.com/{n}" for n in range(count)}
    return to_lumen("", NumMedia=str(count), **media)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        pytest.param(to_lumen("a\0b\0"), {"body": "ab"}, id="nul_bytes"),
        pytest.param(to_lumen("\0", ProfileName="A\0na"), {"body": ""}, id="nothing_but_nul"),
        pytest.param(to_lumen(""), {"body": ""}, id="empty"),
        pytest.param(to_lumen("👩‍👩‍👧 ñ \ufffe\U0010ffff"), {"body": "👩‍👩‍👧 ñ \ufffe\U0010ffff"}, id="beyond_the_bmp"),
        pytest.param(to_lumen("x" * 60_000), {"body": "x" * 20_000}, id="longer_than_any_message"),
        pytest.param(with_media(10), {"media": 10}, id="ten_media"),
        pytest.param(with_media(12), {"media": 10}, id="twelve_media"),
        pytest.param(
            to_lumen(From="whatsapp:US.13491208655302741918", WaId="", ProfileUsername="ana.ruiz"),
            {"kind": "whatsapp_user", "normalised": "US.13491208655302741918", "name": "Ana"},
            id="username_without_number",
        ),
        pytest.param(
            to_lumen(From="whatsapp:+5215512345678"),
            {"address": "+5215512345678", "normalised": "+525512345678"},
            id="mexican_one",
        ),
        pytest.param(
            to_lumen(Body="Hola", Unknown="x" * 1000, **{"": "unnamed"}), {"body": "Hola"}, id="unknown_fields"
        ),
    ],
)
async def test_odd_but_signed_message_is_stored(
    client: httpx.AsyncClient, admin: Tx, params: dict[str, str], expected: dict[str, Any]
) -> None:
    files = expected.get("media", 0)  # each has a row, and one job fetches them all
    rows = {**ONE_MESSAGE, "media": files, "procrastinate_jobs": 1 + bool(files)}
    async with stores_only(admin, **{table: count for table, count in rows.items() if count}):
        response = await post_signed(client, MESSAGES, params)
    assert response.status_code == 200, response.text
    row = await fetch_one(
        admin,
        """select m.body, jsonb_array_length(m.media) as media, p.kind, p.address, p.normalised, k.name
           from messages m join conversations c on c.id = m.conversation_id
           join contact_points p on p.id = c.contact_point_id join contacts k on k.id = c.contact_id""",
    )
    assert row is not None
    assert {name: row[name] for name in expected} == expected


# --- what is refused -------------------------------------------------------------------------------------------

Post = Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]
GOOD = to_lumen()


def signed(params: dict[str, str] | list[tuple[str, str]], url: str = MESSAGES, token: str | None = None) -> Post:
    return lambda client: post_signed(client, url, params, *([token] if token else []))


def raw(body: bytes, **headers: str) -> Post:
    return lambda client: post_raw(client, body, **headers)


def signed_for(url: str) -> Post:
    return raw(urlencode(GOOD).encode(), X_Twilio_Signature=signature(url, GOOD))


@pytest.mark.parametrize(
    ("post", "status", "reason"),
    [
        pytest.param(raw(urlencode(GOOD).encode()), 403, "signature is missing or wrong", id="unsigned"),
        pytest.param(signed(GOOD, token="guessed"), 403, "TWILIO_AUTH_TOKEN", id="wrong_token"),
        pytest.param(signed_for(MESSAGES.replace("https", "http")), 403, "NIGHTSHIFT_PUBLIC_URL", id="other_url"),
        pytest.param(signed_for(f"{MESSAGES}?x=1"), 403, "signature", id="other_query"),
        pytest.param(raw(b""), 403, "signature", id="empty_unsigned"),
        pytest.param(signed({}), 403, "AccountSid", id="empty_signed"),
        pytest.param(signed({**GOOD, "AccountSid": "AC" + "9" * 32}), 403, "TWILIO_ACCOUNT_SID", id="other_account"),
        pytest.param(
            signed([("AccountSid", "AC" + "9" * 32), *GOOD.items()]), 403, "AccountSid", id="account_given_twice"
        ),
        pytest.param(raw(b"Body=" + b"x" * 1_000_000), 413, "larger than", id="one_megabyte"),
        pytest.param(signed({**GOOD, "Body": "x" * 300_000}), 413, "larger than", id="large_and_signed"),
        pytest.param(raw(b"Body=Espa%F1a"), 400, "UTF-8", id="latin_1_escaped"),
        pytest.param("Body=España".encode("latin-1"), 400, "UTF-8", id="latin_1_bytes"),
        pytest.param(raw(b"Body=%ED%A0%80"), 400, "UTF-8", id="lone_surrogate"),
        pytest.param(raw(b"&".join(b"a%d=1" % n for n in range(600))), 400, "parameters", id="too_many_parameters"),
        pytest.param(raw(b"{}", Content_Type="application/json"), 415, FORM, id="json"),
        pytest.param(raw(b"Body=Hola", Content_Type=""), 415, FORM, id="no_content_type"),
        pytest.param(signed({**GOOD, "MessageSid": "SM1"}), 400, "MessageSid", id="malformed_sid"),
        pytest.param(signed({**GOOD, "From": ""}), 400, "From", id="no_sender"),
        pytest.param(signed({**GOOD, "From": "whatsapp:ana"}), 400, "From", id="malformed_sender"),
        pytest.param(signed({**GOOD, "From": "whatsapp:+346\0"}), 400, "From", id="nul_in_sender"),
        pytest.param(signed({**GOOD, "To": LUMEN["sms"]}), 400, "different channels", id="two_channels"),
    ],
)
async def test_bad_webhook_is_refused_with_a_reason_and_stores_nothing(
    client: httpx.AsyncClient, admin: Tx, post: Post | bytes, status: int, reason: str
) -> None:
    async with stores_only(admin):
        response = await (raw(post) if isinstance(post, bytes) else post)(client)
    assert (response.status_code, reason in response.json()["error"]) == (status, True), response.text


async def test_message_to_an_unknown_number_is_refused_and_leaves_an_event(
    client: httpx.AsyncClient, admin: Tx
) -> None:
    async with stores_only(admin, system_events=1):
        response = await post_signed(client, MESSAGES, to_lumen(To="whatsapp:+14155559999"))
    assert response.status_code == 404
    assert "'+14155559999'" in response.json()["error"]
    assert "nightshift tenant apply" in response.json()["error"]
    event = await fetch_one(admin, "select kind, data->>'recipient' as recipient from system_events")
    assert event == {"kind": "message.unroutable", "recipient": "+14155559999"}


async def test_key_of_one_provider_does_not_reach_an_account_of_another(client: httpx.AsyncClient, admin: Tx) -> None:
    await admin.execute("update channel_accounts set provider = 'twilio' where channel = 'whatsapp'")
    async with stores_only(admin, system_events=1):
        response = await post_signed(client, MESSAGES, to_lumen())
    assert response.status_code == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_only_posts_are_taken(client: httpx.AsyncClient, method: str) -> None:
    assert (await client.request(method, "/webhooks/twilio/messages")).status_code == 405


# --- status callbacks ------------------------------------------------------------------------------------------


def report(status: str, **fields: str) -> dict[str, str]:
    return {"AccountSid": ACCOUNT_SID, "MessageSid": SID, "MessageStatus": status, **fields}


async def state_of(admin: Tx, rows: Rows) -> object:
    row = await fetch_one(admin, "select state from messages where id = %s", (rows.sent,))
    return row and row["state"]


async def test_reports_move_a_message_forward_and_never_back(client: httpx.AsyncClient, admin: Tx, a: Rows) -> None:
    url = status_callback_url(PUBLIC_URL, a.tenant, a.sent)
    for status, state, added in (
        ("delivered", "delivered", {"delivery_statuses": 1, "events": 1, "scores": 1}),
        ("delivered", "delivered", {}),
        ("queued", "delivered", {"delivery_statuses": 1, "events": 1}),
        ("undelivered", "delivered", {"delivery_statuses": 1, "events": 1}),
        ("read", "read", {"delivery_statuses": 1, "events": 1}),
    ):
        async with stores_only(admin, **added):
            assert (await post_signed(client, url, report(status))).status_code == 204
        assert await state_of(admin, a) == state


async def test_report_on_another_tenants_message_changes_nothing(
    client: httpx.AsyncClient, admin: Tx, a: Rows, b: Rows
) -> None:
    async with stores_only(admin):
        for tenant, message in ((a.tenant, b.sent), (uuid4(), b.sent), (b.tenant, uuid4())):
            url = f"{PUBLIC_URL}/webhooks/twilio/status?t={tenant}&m={message}"
            assert (await post_signed(client, url, report("read"))).status_code == 204
    assert await state_of(admin, b) == "sent"


@pytest.mark.parametrize(
    ("query", "fields", "status", "reason"),
    [
        pytest.param("", report("read"), 400, "parameter `t`", id="no_tenant"),
        pytest.param("?t=x", report("read"), 400, "parameter t", id="malformed_tenant"),
        pytest.param(f"?t={uuid4()}&m=x", report("read"), 400, "parameter m", id="malformed_message"),
        pytest.param(f"?t={uuid4()}", report("exploded"), 400, "MessageStatus", id="unknown_status"),
        pytest.param(f"?t={uuid4()}", {**report("read"), "AccountSid": "AC"}, 403, "AccountSid", id="other_account"),
    ],
)
async def test_bad_report_is_refused_with_a_reason(
    client: httpx.AsyncClient, admin: Tx, query: str, fields: dict[str, str], status: int, reason: str
) -> None:
    async with stores_only(admin):
        response = await post_signed(client, f"{PUBLIC_URL}/webhooks/twilio/status{query}", fields)
    assert (response.status_code, reason in response.json()["error"]) == (status, True), response.text


async def test_unsigned_report_is_refused(client: httpx.AsyncClient, admin: Tx, a: Rows) -> None:
    path = status_callback_url("", a.tenant, a.sent)
    response = await client.post(path, content=urlencode(report("read")), headers={"Content-Type": FORM})
    assert response.status_code == 403
    assert await state_of(admin, a) == "sent"
