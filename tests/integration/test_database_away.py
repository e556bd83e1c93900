"""Without a database nothing is acknowledged: the provider is told to try again, and why."""

import socket
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from agent.ports import Deps
from agent.store.db import Database, Tx, fetch_one
from channels.web import create_app
from channels.webhooks import WebhookKeys
from jobs.queue import JobQueue
from tests.conftest import FakeClock
from tests.doubles.sendgrid_webhooks import make_mail, post_form, raw_form
from tests.doubles.twilio_webhooks import inbound_params, post_inbound, post_signed

PUBLIC_URL = "https://agent.example"
TO_LUMEN = {"To": "whatsapp:+34910555012"}


@pytest.fixture
async def away(deps: Deps, webhook_keys: WebhookKeys) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a web application whose database does not answer."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        database = Database(f"postgresql://nightshift_app@127.0.0.1:{unused.getsockname()[1]}/nightshift")
        database.pool.timeout = 0.3
        await database.pool.open()
        queue = JobQueue(database)
        app = create_app(replace(deps, db=database, queue=queue), webhook_keys)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as client:
            yield client
        await database.pool.close()


def assert_told_to_try_again(response: httpx.Response) -> None:
    assert response.status_code == 503
    assert "nothing was stored" in response.json()["error"]
    assert int(response.headers["retry-after"]) > 0


async def test_messages_reports_and_mail_are_not_acknowledged(
    away: httpx.AsyncClient, mail_keypair: tuple[ec.EllipticCurvePrivateKey, str], clock: FakeClock
) -> None:
    assert_told_to_try_again(await post_inbound(away, PUBLIC_URL, inbound_params(**TO_LUMEN)))
    report = {**inbound_params(), "MessageStatus": "sent"}
    status_url = f"{PUBLIC_URL}/webhooks/twilio/status?t=00000000-0000-7000-8000-000000000001"
    assert_told_to_try_again(await post_signed(away, status_url, report))
    form = raw_form(make_mail(), ["hola@lumen.example"])
    assert_told_to_try_again(await post_form(away, mail_keypair[0], form, clock()))


async def test_the_process_is_alive_but_not_ready(away: httpx.AsyncClient) -> None:
    assert (await away.get("/healthz")).status_code == 200
    assert_told_to_try_again(await away.get("/readyz"))
    assert_told_to_try_again(await away.get("/status"))


async def test_bad_webhooks_are_still_refused_for_what_they_are(away: httpx.AsyncClient) -> None:
    assert (await post_inbound(away, PUBLIC_URL, inbound_params(**TO_LUMEN), token="guessed")).status_code == 403


@pytest.mark.usefixtures("lumen")
async def test_message_that_meets_a_cut_connection_is_stored_all_the_same(client: httpx.AsyncClient, admin: Tx) -> None:
    params = inbound_params(**TO_LUMEN)
    cut = await fetch_one(
        admin,
        """select count(pg_terminate_backend(pid)) as n from pg_stat_activity
           where usename = 'nightshift_app' and datname = current_database()""",
    )
    assert cut is not None
    assert cut["n"] > 0
    assert (await post_inbound(client, PUBLIC_URL, params)).status_code == 200
    assert await fetch_one(admin, "select count(*) as n from messages") == {"n": 1}
