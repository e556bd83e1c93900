"""SendGrid's Inbound Parse (P1, P2): one copy for each tenant a mail was sent to, or a refusal that leaves nothing."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from agent.store.db import Tx, fetch_one
from channels.email_sendgrid import MAX_FORM_BYTES
from tests.conftest import FakeClock
from tests.doubles.sendgrid_webhooks import (
    CONTENT_TYPE,
    PATH,
    make_mail,
    multipart,
    post_form,
    raw_form,
    signature_headers,
)
from tests.integration.tenant_rows import ONE_MAIL, stores_only

LUMEN = "hola@lumen.example"
VERDESOLAR = "ventas@verdesolar.example"
STRANGER = "nobody@elsewhere.example"

pytestmark = pytest.mark.usefixtures("lumen", "verdesolar")


@pytest.fixture
def key(mail_keypair: tuple[ec.EllipticCurvePrivateKey, str]) -> ec.EllipticCurvePrivateKey:
    return mail_keypair[0]


async def test_signed_mail_is_stored_and_its_turn_deferred(
    client: httpx.AsyncClient, admin: Tx, key: ec.EllipticCurvePrivateKey, clock: FakeClock
) -> None:
    mail = make_mail("¿Cuánto cuesta?\n\n-- \nAna Ruiz", **{"Message-ID": "<1@ruiz.example>"})
    async with stores_only(admin, **ONE_MAIL):
        response = await post_form(client, key, raw_form(mail, [LUMEN]), clock())
    assert response.status_code == 200
    row = await fetch_one(
        admin,
        """select m.body, m.subject, m.provider_id, m.raw->'envelope' as envelope, p.address, k.name
           from messages m join conversations c on c.id = m.conversation_id
           join contact_points p on p.id = c.contact_point_id join contacts k on k.id = c.contact_id""",
    )
    assert row == {
        "body": "¿Cuánto cuesta?",
        "subject": "Curso",
        "provider_id": "<1@ruiz.example>",
        "envelope": {"to": [LUMEN], "from": "ana@ruiz.example"},
        "address": "ana@ruiz.example",
        "name": "Ana",
    }


@pytest.mark.parametrize(
    ("envelope_to", "copies"),
    [
        pytest.param([LUMEN, VERDESOLAR], 2, id="one_call_for_both"),
        pytest.param([], 2, id="headers_where_the_envelope_names_nobody"),
        pytest.param([LUMEN], 1, id="the_envelope_wins_over_the_headers"),
        pytest.param([LUMEN, LUMEN.title(), "HOLA@LUMEN.EXAMPLE"], 1, id="one_address_spelled_three_ways"),
    ],
)
async def test_each_tenant_that_was_written_to_gets_its_copy(
    client: httpx.AsyncClient,
    admin: Tx,
    key: ec.EllipticCurvePrivateKey,
    clock: FakeClock,
    envelope_to: list[str],
    copies: int,
) -> None:
    mail = make_mail(to=LUMEN, Cc=f"Ventas <{VERDESOLAR}>")
    async with stores_only(admin, **{table: copies * count for table, count in ONE_MAIL.items()}):
        assert (await post_form(client, key, raw_form(mail, envelope_to), clock())).status_code == 200
    row = await fetch_one(admin, "select count(distinct tenant_id) as tenants from messages")
    assert row == {"tenants": copies}
    async with stores_only(admin):
        again = await post_form(client, key, raw_form(mail, envelope_to), clock())
    assert again.status_code == 200, "a provider that calls again is told that all is well"


async def test_mail_to_a_tenant_and_a_stranger_is_taken_for_the_tenant(
    client: httpx.AsyncClient, admin: Tx, key: ec.EllipticCurvePrivateKey, clock: FakeClock
) -> None:
    async with stores_only(admin, **ONE_MAIL, system_events=1):
        response = await post_form(client, key, raw_form(make_mail(), [STRANGER, LUMEN]), clock())
    assert response.status_code == 200


async def test_mail_to_strangers_only_is_refused_and_leaves_an_event(
    client: httpx.AsyncClient, admin: Tx, key: ec.EllipticCurvePrivateKey, clock: FakeClock
) -> None:
    async with stores_only(admin, system_events=1):
        response = await post_form(client, key, raw_form(make_mail(), [STRANGER]), clock())
    assert (response.status_code, STRANGER in response.json()["error"]) == (404, True)


async def test_twenty_concurrent_deliveries_of_one_mail_store_one_message(
    client: httpx.AsyncClient, admin: Tx, key: ec.EllipticCurvePrivateKey, clock: FakeClock
) -> None:
    form = raw_form(make_mail(), [LUMEN])
    async with stores_only(admin, **ONE_MAIL):
        responses = await asyncio.gather(*(post_form(client, key, form, clock()) for _ in range(20)))
    assert {response.status_code for response in responses} == {200}


PARSED_MODE = {"text": b"Hola", "from": b"ana@ruiz.example", "envelope": b'{"to":["hola@lumen.example"],"from":"a"}'}


@pytest.mark.parametrize(
    ("form", "status", "reason"),
    [
        pytest.param(multipart(PARSED_MODE), 400, "tick “POST the raw, full MIME message”", id="parsed_mode"),
        pytest.param(multipart({"email": make_mail()}), 400, "envelope", id="no_envelope"),
        pytest.param(multipart({"email": make_mail(), "envelope": b"["}), 400, "envelope", id="broken_envelope"),
        pytest.param(raw_form(make_mail(), [LUMEN])[:-20], 400, "closing boundary", id="cut_off"),
        pytest.param(b"", 400, "closing boundary", id="empty"),
        pytest.param(b"\0" * 1000, 400, "malformed", id="nul_bytes"),
        pytest.param(raw_form(b"\xff\xfe\0", [LUMEN], ""), 400, "From", id="no_mail_at_all"),
        pytest.param(raw_form(make_mail(From="nobody"), [LUMEN], ""), 400, "From", id="no_sender"),
        pytest.param(raw_form(b"Subject: x\n\nHola", []), 400, "recipient", id="no_recipient"),
    ],
)
async def test_bad_mail_is_refused_with_a_reason_and_stores_nothing(
    client: httpx.AsyncClient,
    admin: Tx,
    key: ec.EllipticCurvePrivateKey,
    clock: FakeClock,
    form: bytes,
    status: int,
    reason: str,
) -> None:
    async with stores_only(admin):
        response = await post_form(client, key, form, clock())
    assert (response.status_code, reason in response.json()["error"]) == (status, True), response.text


async def test_mail_too_large_to_read_is_kept_whole_for_a_person(
    client: httpx.AsyncClient, admin: Tx, key: ec.EllipticCurvePrivateKey, clock: FakeClock
) -> None:
    mail = b"X: " + b"x" * 300_000 + b"\n\nhola"
    async with stores_only(admin, **ONE_MAIL):
        assert (await post_form(client, key, raw_form(mail, [LUMEN]), clock())).status_code == 200
    row = await fetch_one(
        admin, "select hold, body, content from messages m join mail_originals o on o.message_id = m.id"
    )
    assert row == {"hold": "The mail's headers exceed 262144 bytes.", "body": "", "content": mail}


Forge = Callable[[str, str], tuple[str, str]]


@pytest.mark.parametrize(
    ("forge", "age"),
    [
        pytest.param(lambda stamp, signature: ("", ""), timedelta(), id="unsigned"),
        pytest.param(lambda stamp, signature: ("1", signature), timedelta(), id="other_time"),
        pytest.param(lambda stamp, signature: (stamp, "é"), timedelta(), id="no_base64"),
        pytest.param(lambda stamp, signature: (stamp, signature), timedelta(days=4), id="four_days_old"),
        pytest.param(lambda stamp, signature: (stamp, signature), timedelta(hours=-1), id="from_the_future"),
    ],
)
async def test_mail_without_a_good_signature_is_refused(
    client: httpx.AsyncClient,
    admin: Tx,
    key: ec.EllipticCurvePrivateKey,
    clock: FakeClock,
    forge: Forge,
    age: timedelta,
) -> None:
    form = raw_form(make_mail(), [LUMEN])
    names, values = zip(*signature_headers(key, form, clock() - age).items(), strict=True)
    forged = {name.encode(): value.encode() for name, value in zip(names, forge(*values), strict=True)}
    async with stores_only(admin):
        response = await client.post(PATH, content=form, headers={b"Content-Type": CONTENT_TYPE.encode(), **forged})
    assert (response.status_code, "SENDGRID_INBOUND_PUBLIC_KEYS" in response.json()["error"]) == (403, True)


async def test_tampered_mail_is_refused(
    client: httpx.AsyncClient, admin: Tx, key: ec.EllipticCurvePrivateKey, clock: FakeClock
) -> None:
    headers = signature_headers(key, raw_form(make_mail("Hola"), [LUMEN]), clock())
    async with stores_only(admin):
        response = await client.post(
            PATH, content=raw_form(make_mail("Adiós"), [LUMEN]), headers={"Content-Type": CONTENT_TYPE, **headers}
        )
    assert response.status_code == 403


async def test_oversized_form_is_refused_before_its_signature_is_read(client: httpx.AsyncClient, admin: Tx) -> None:
    async with stores_only(admin):
        response = await client.post(PATH, content=bytes(MAX_FORM_BYTES + 1), headers={"Content-Type": CONTENT_TYPE})
    assert response.status_code == 413


async def test_other_content_type_is_refused(
    client: httpx.AsyncClient, admin: Tx, key: ec.EllipticCurvePrivateKey, clock: FakeClock
) -> None:
    headers = {"Content-Type": "application/json", **signature_headers(key, b"{}", clock())}
    async with stores_only(admin):
        response = await client.post(PATH, content=b"{}", headers=headers)
    assert response.status_code == 415


async def test_two_senders_that_use_one_message_id_are_both_heard(
    client: httpx.AsyncClient, admin: Tx, key: ec.EllipticCurvePrivateKey, clock: FakeClock
) -> None:
    """Message-IDs are the senders' words: careless programs repeat them, and nobody's may silence another's mail."""
    async with stores_only(admin, **{table: 2 * count for table, count in ONE_MAIL.items()}):
        for sender in ("ana@ruiz.example", "eva@ruiz.example"):
            mail = make_mail(From=sender, **{"Message-ID": "<1@localhost>"})
            assert (await post_form(client, key, raw_form(mail, [LUMEN], sender), clock())).status_code == 200
