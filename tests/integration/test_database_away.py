"""Without a database webhooks are kept on disk, acknowledged, and processed in order when it is back (P1)."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from prometheus_client.parser import text_string_to_metric_families

from agent.ports import Deps
from agent.store import drains
from agent.store.db import Database, Tx, fetch_one
from agent.store.reachability import is_away, is_busy
from channels import intake as intake_module
from channels.intake import Intake
from channels.spool import Spool, SpoolState, Webhook
from channels.web import create_app
from channels.webhooks import WebhookKeys, act, lane_of
from jobs.queue import JobQueue
from tests.conftest import FakeClock
from tests.doubles.sendgrid_webhooks import make_mail, post_form, raw_form
from tests.doubles.twilio_webhooks import inbound_params, post_inbound, post_signed

PUBLIC_URL = "https://agent.example"
TO_LUMEN = {"To": "whatsapp:+34910555012"}
STATUS_URL = f"{PUBLIC_URL}/webhooks/twilio/status?t=00000000-0000-7000-8000-000000000001"


@dataclass(kw_only=True, slots=True)
class Web:
    """A web application whose database goes and comes."""

    client: httpx.AsyncClient
    intake: Intake
    there: Database
    gone: Database

    def switch(self, database: Database) -> None:
        """Let the application see this database from now on."""
        self.intake._deps = replace(self.intake._deps, db=database, queue=JobQueue(database))

    async def write(self, text: str, **params: str) -> httpx.Response:
        """Post a prospect's message."""
        return await post_inbound(self.client, PUBLIC_URL, inbound_params(text, **{**TO_LUMEN, **params}))

    @property
    def spool(self) -> Spool:
        return self.intake.spool


@pytest.fixture
async def gone() -> AsyncIterator[Database]:
    """A database behind a port where nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        database = Database(f"postgresql://nightshift_app@127.0.0.1:{unused.getsockname()[1]}/nightshift")
        database.pool.timeout = 0.3
        await database.pool.open()
        yield database
        await database.pool.close()


@pytest.fixture
async def web(deps: Deps, webhook_keys: WebhookKeys, gone: Database) -> AsyncIterator[Web]:
    """The application while its database is away."""
    away = replace(deps, db=gone, queue=JobQueue(gone))
    intake = Intake(act, lane_of, away, Spool(deps.settings.spool_directory, max_bytes=10**6, max_files=100))
    transport = httpx.ASGITransport(create_app(away, webhook_keys, intake=intake), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as client:
        yield Web(client=client, intake=intake, there=deps.db, gone=gone)


async def bodies(admin: Tx) -> list[str]:
    rows = await (await admin.execute("select body from messages order by seq")).fetchall()
    return [row["body"] for row in rows]


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await condition():
            await asyncio.sleep(0.01)


# --- acknowledged and kept -------------------------------------------------------------------------------------


async def test_messages_reports_and_mail_are_acknowledged_and_kept(
    web: Web, mail_keypair: tuple[ec.EllipticCurvePrivateKey, str], clock: FakeClock
) -> None:
    assert (await web.write("Hola")).status_code == 200
    clock.advance(1)
    report = {**inbound_params(), "MessageStatus": "sent"}
    assert (await post_signed(web.client, STATUS_URL, report)).status_code == 204
    clock.advance(1)
    form = raw_form(make_mail(), ["hola@lumen.example"])
    assert (await post_form(web.client, mail_keypair[0], form, clock())).status_code == 200
    kept = [web.spool.read(name) for name in web.spool.names()]
    assert [each.kind for each in kept] == ["twilio_message", "twilio_status", "sendgrid_mail"]
    assert kept[1].query == STATUS_URL.partition("?")[2].encode()
    assert kept[2].body == form


async def test_the_process_is_alive_but_not_ready_and_tells_what_it_keeps(web: Web, clock: FakeClock) -> None:
    await web.write("Hola")
    clock.advance(90)
    assert (await web.client.get("/healthz")).status_code == 200
    ready = await web.client.get("/readyz")
    assert (ready.status_code, ready.json()["spool"]["files"]) == (503, 1)
    status = await web.client.get("/status")
    assert (status.status_code, status.json()["database"]) == (503, "away")
    metrics = {
        sample.name: sample.value
        for family in text_string_to_metric_families((await web.client.get("/metrics")).text)
        for sample in family.samples
    }
    assert metrics["nightshift_database_up"] == 0
    assert (metrics["nightshift_spool_files"], metrics["nightshift_spool_oldest_seconds"]) == (1, 90)
    assert metrics["nightshift_spool_bytes"] > 300


async def test_only_the_first_request_waits_to_find_out(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Webhook] = []

    async def watched(webhook: Webhook, deps: Deps) -> None:
        asked.append(webhook)
        await act(webhook, deps)

    monkeypatch.setattr(web.intake, "_act", watched)
    for number in range(5):
        assert (await web.write(str(number))).status_code == 200
    assert len(asked) == 1


async def test_database_that_does_not_answer_is_not_waited_for(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(_webhook: Webhook, _deps: Deps) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(web.intake, "_act", hang)
    monkeypatch.setattr(intake_module, "ACKNOWLEDGE_S", 0.05)
    assert (await web.write("Hola")).status_code == 200
    assert len(web.spool.names()) == 1


async def test_full_spool_is_a_503_so_that_the_provider_tries_again(web: Web) -> None:
    web.intake.spool = Spool(web.spool.directory, max_bytes=10**6, max_files=1)
    assert (await web.write("Hola")).status_code == 200
    refused = await web.write("¿Hola?")
    assert (refused.status_code, int(refused.headers["retry-after"]) > 0) == (503, True)
    assert "nothing was stored" in refused.json()["error"]


async def test_bad_webhooks_are_still_refused_for_what_they_are(web: Web) -> None:
    params = inbound_params(**TO_LUMEN)
    assert (await post_inbound(web.client, PUBLIC_URL, params, token="guessed")).status_code == 403
    assert web.spool.is_empty()


# --- processed -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("lumen")
async def test_what_waits_is_stored_in_order_as_of_when_it_was_received(web: Web, admin: Tx, clock: FakeClock) -> None:
    begun = clock()
    for number in range(5):
        await web.write(f"Mensaje {number}")
        clock.advance(60)
    assert not await web.intake.drain()
    web.switch(web.there)
    assert await web.intake.drain()
    rows = await (await admin.execute("select body, created_at from messages order by seq")).fetchall()
    assert rows == [
        {"body": f"Mensaje {number}", "created_at": begun + timedelta(minutes=number)} for number in range(5)
    ]
    assert web.spool.is_empty()


@pytest.mark.usefixtures("lumen")
async def test_mail_and_reports_that_wait_are_processed_too(
    web: Web, admin: Tx, clock: FakeClock, mail_keypair: tuple[ec.EllipticCurvePrivateKey, str]
) -> None:
    form = raw_form(make_mail("Por correo"), ["hola@lumen.example"])
    assert (await post_form(web.client, mail_keypair[0], form, clock())).status_code == 200
    clock.advance(1)
    assert (await post_signed(web.client, STATUS_URL, {**inbound_params(), "MessageStatus": "sent"})).status_code == 204
    web.switch(web.there)
    assert await web.intake.drain()
    assert await bodies(admin) == ["Por correo"]
    assert web.spool.measure() == SpoolState()  # a report on a message that nobody knows is no fault


@pytest.mark.usefixtures("lumen")
async def test_new_message_waits_behind_an_older_one_on_disk(web: Web, admin: Tx, clock: FakeClock) -> None:
    await web.write("older")
    clock.advance(1)
    web.switch(web.there)
    await web.write("newer")
    assert await bodies(admin) == []
    await web.intake.drain()
    await web.write("newest")
    assert await bodies(admin) == ["older", "newer", "newest"]


@pytest.mark.usefixtures("lumen")
async def test_task_drains_when_the_database_is_back_without_being_asked(web: Web, admin: Tx) -> None:
    async with web.intake.draining():
        await web.write("Hola")
        web.switch(web.there)

        async def stored() -> bool:
            return await bodies(admin) == ["Hola"] and web.spool.is_empty()

        await until(stored)
    assert (await web.client.get("/readyz")).json()["spool"]["files"] == 0


@pytest.mark.usefixtures("lumen")
async def test_process_that_died_after_storing_and_before_removing_changes_nothing(web: Web, admin: Tx) -> None:
    await web.write("Hola")
    (name,) = web.spool.names()
    content = (web.spool.directory / name).read_bytes()
    web.switch(web.there)
    await web.intake.drain()
    (web.spool.directory / name).write_bytes(content)
    assert await web.intake.drain()
    assert await bodies(admin) == ["Hola"]
    assert web.spool.measure() == SpoolState()


@pytest.mark.usefixtures("lumen")
async def test_poison_goes_aside_with_its_reason_and_the_rest_goes_on(web: Web, admin: Tx, clock: FakeClock) -> None:
    for text, params in (("first", {}), ("nobody's", {"To": "whatsapp:+34999999999"}), ("bad", {"From": "x"})):
        await web.write(text, **params)
        clock.advance(1)
    torn = web.spool.append(Webhook(kind="twilio_message", provider="simulator", body=b"x", received_at=clock()))
    (web.spool.directory / torn).write_bytes(b"x")
    clock.advance(1)
    await web.write("last")
    web.switch(web.there)
    assert await web.intake.drain()
    assert await bodies(admin) == ["first", "last"]
    reasons = list(web.spool.reasons().values())
    assert len(reasons) == 3
    for reason, expected in zip(reasons, ("No tenant has", "From is missing", "checksum"), strict=True):
        assert expected in reason
    assert await fetch_one(admin, "select count(*) as n from system_events where kind = 'webhook.set_aside'") == {
        "n": 3
    }
    assert (await web.client.get("/metrics")).text.count("nightshift_spool_set_aside 3.0") == 1


@pytest.mark.usefixtures("lumen")
async def test_fault_of_ours_is_a_500_and_the_message_is_kept_for_when_it_is_mended(web: Web, admin: Tx) -> None:
    web.switch(web.there)
    await admin.execute("alter table contacts rename to contacts_")
    for _ in range(2):  # a provider that repeats it adds nothing
        assert (await web.write("Hola", MessageSid="SM" + "1" * 32)).status_code == 500
    assert (web.spool.is_empty(), web.spool.measure().set_aside) == (True, 1)
    ((name, reason),) = web.spool.reasons().items()
    assert reason.startswith("UndefinedTable")
    await admin.execute("alter table contacts_ rename to contacts")
    (web.spool.directory / "aside" / name).rename(web.spool.directory / name)
    assert await web.intake.drain()
    assert await bodies(admin) == ["Hola"]


@pytest.mark.usefixtures("lumen")
async def test_what_the_database_refuses_waits_a_while_and_then_goes_aside(
    web: Web, admin: Tx, monkeypatch: pytest.MonkeyPatch
) -> None:
    await web.write("Hola")
    web.switch(web.there)
    await admin.execute("alter table contacts rename to contacts_")
    assert not await web.intake.drain()
    assert len(web.spool.names()) == 1
    monkeypatch.setattr(intake_module, "REFUSED_S", 0.0)
    assert await web.intake.drain()
    assert next(iter(web.spool.reasons().values())).startswith("UndefinedTable")


@pytest.mark.usefixtures("lumen")
async def test_others_can_tell_that_a_spool_is_being_drained(web: Web, db: Database, admin: Tx) -> None:
    seen: list[bool] = []

    async def watched(webhook: Webhook, deps: Deps) -> None:
        async with db.system() as connection:
            seen.append(await drains.is_draining(connection))
        await act(webhook, deps)

    await web.write("Hola")
    web.switch(web.there)
    web.intake._act = watched
    await web.intake.drain()
    async with db.system() as connection:
        assert (seen, await drains.is_draining(connection)) == ([True], False)


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


@pytest.mark.usefixtures("lumen")
async def test_server_that_only_reads_counts_as_away(web: Web, admin: Tx) -> None:
    """As the old primary does after a failover."""
    await web.write("Hola")
    web.switch(web.there)
    name = (await fetch_one(admin, "select current_database() as name") or {})["name"]
    await admin.execute(f"alter database {name} set default_transaction_read_only = on".encode())
    assert not await web.intake.drain()
    await admin.execute(f"alter database {name} reset default_transaction_read_only".encode())
    assert await web.intake.drain()
    assert await bodies(admin) == ["Hola"]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        *((code, "away") for code in ("08006", "57P01", "57P02", "57P03", "53300", "53100", "25006", "58030")),
        *((code, "busy") for code in ("40001", "40P01", "55P03", "57014")),
        *((code, "fault") for code in ("42P01", "42501", "22001", "23503", "54000", "XX000")),
    ],
)
def test_errors_of_the_server_are_told_from_faults_of_ours(code: str, expected: str) -> None:
    exc: Any = psycopg.errors.lookup(code)("said")
    found = "away" if is_away(exc) else "busy" if is_busy(exc) else "fault"
    assert found == expected


def test_a_lost_connection_is_away_and_a_bug_is_not() -> None:
    assert is_away(psycopg.OperationalError("server closed the connection unexpectedly"))
    assert not is_away(psycopg.ProgrammingError("the query has 2 placeholders"))
    assert not is_away(ValueError("x"))
