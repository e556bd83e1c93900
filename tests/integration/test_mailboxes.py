"""Mailboxes over IMAP: every mail once, whatever is lost, renumbered, or dies (P1, P2)."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest

from agent.errors import Misconfigured
from agent.language import LanguageDetector
from agent.store.db import Database, Tx, fetch_one
from agent.store.mailboxes import claim_mailbox
from channels.email_imap import IMAP_FAULTS, ImapConnection, parse_imap_url
from channels.email_mime import MAX_MIME_BYTES
from jobs import mailboxes
from jobs.mailboxes import read_mailboxes
from tests.conftest import FakeClock
from tests.doubles.imap import ImapDouble
from tests.doubles.sendgrid_webhooks import make_mail
from tests.integration.agents import Agent
from tests.integration.mail_agents import build_mail_agent


@pytest.fixture
async def school(db: Database, clock: FakeClock, detector: LanguageDetector) -> Agent:
    return await build_mail_agent(db, clock, detector)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailboxes, "STAND_BY_S", 0.1)
    monkeypatch.setattr(mailboxes, "MAX_BACKOFF_S", 0.1)


@pytest.fixture(params=[True, False], ids=["idle", "poll"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[ImapDouble]:
    async with ImapDouble(idle=request.param) as opened:
        yield opened


@asynccontextmanager
async def reading(server: ImapDouble, agent: Agent, count: int = 1) -> AsyncIterator[None]:
    """Let `count` processes read the mailbox, and stop them cleanly."""
    stop = asyncio.Event()
    known = [parse_imap_url(server.url)]
    tasks = [asyncio.create_task(read_mailboxes(known, agent.deps, stop, wait_s=0.3)) for _ in range(count)]
    try:
        await eventually(lambda: mailbox_is_known(agent))
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)


async def eventually(holds: Callable[[], Awaitable[Any]], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not await holds():
            await asyncio.sleep(0.02)


async def mailbox_is_known(agent: Agent) -> bool:
    async with agent.deps.db.system() as tx:
        row = await fetch_one(tx, "select uid_validity from mailboxes")
        return row is not None and row["uid_validity"] > 0


async def texts(agent: Agent) -> list[str]:
    return [row["body"] for row in await agent.rows("select body from messages order by seq")]


def waits_for(agent: Agent, *expected: str) -> Callable[[], Awaitable[bool]]:
    async def holds() -> bool:
        return await texts(agent) == list(expected)

    return holds


async def test_mails_are_read_as_they_come_and_once(server: ImapDouble, school: Agent) -> None:
    server.deliver(make_mail("antes de que nos conocieran"))
    async with reading(server, school):
        for text in ("uno", "dos"):
            server.deliver(make_mail(text))
            await eventually(lambda: asyncio.sleep(0, server.log.fetched[-1:] == [server.next_uid - 1]))
        await eventually(waits_for(school, "uno", "dos"))
    assert server.log.fetched == [2, 3]
    assert server.log.marked == []


async def test_mail_that_came_while_nobody_read_is_read_later(server: ImapDouble, school: Agent) -> None:
    async with reading(server, school):
        pass
    server.deliver(make_mail("uno"))
    server.deliver(make_mail("dos"))
    async with reading(server, school):
        await eventually(waits_for(school, "uno", "dos"))


async def test_lost_connections_lose_and_double_nothing(school: Agent) -> None:
    async with ImapDouble() as server, reading(server, school):
        for n in range(6):
            server.drop_after = 1
            server.deliver(make_mail(f"carta {n}"))
            if n % 2:
                server.drop()
        await eventually(waits_for(school, *(f"carta {n}" for n in range(6))))


async def test_server_that_goes_away_is_read_when_it_is_back(school: Agent, admin: Tx) -> None:
    async with ImapDouble() as server, reading(server, school):
        port = await server.stop_listening()

        async def reported() -> bool:
            row = await fetch_one(admin, "select error from mailboxes")
            return row is not None and row["error"] is not None

        await eventually(reported)
        server.deliver(make_mail("mientras tanto"))
        await server.listen_again(port)
        await eventually(waits_for(school, "mientras tanto"))
        row = await fetch_one(admin, "select error from mailboxes")
        assert row == {"error": None}


async def test_mail_without_message_id_is_known_by_its_content_after_renumbering(school: Agent) -> None:
    async with ImapDouble() as server:
        async with reading(server, school):
            server.deliver(b"From: ana@ruiz.example\nTo: hola@lumen.example\n\nuno")
            server.deliver(make_mail("dos"))
            await eventually(waits_for(school, "uno", "dos"))
        server.renumber()
        server.deliver(make_mail("hace mucho"), arrived=date(2020, 1, 1))
        server.deliver(make_mail("tres"))
        async with reading(server, school):
            await eventually(waits_for(school, "uno", "dos", "tres"))


async def test_mail_that_is_there_twice_counts_once(server: ImapDouble, school: Agent) -> None:
    async with reading(server, school):
        mail = make_mail("uno", **{"Message-ID": "<same@ruiz.example>"})
        copy = mail.replace(b"Subject:", b"X-Forwarded-By: a rule of the server\nSubject:")
        for content in (mail, mail, copy, make_mail("dos")):
            server.deliver(content)
        await eventually(waits_for(school, "uno", "dos"))
    assert server.log.fetched == [1, 2, 3, 4]


async def test_what_was_there_before_us_stays_history_after_renumbering(school: Agent, clock: FakeClock) -> None:
    async with ImapDouble() as server:
        server.deliver(make_mail("antes"), arrived=clock() - timedelta(hours=2))
        async with reading(server, school):
            server.deliver(make_mail("uno"), arrived=clock() + timedelta(minutes=1))
            await eventually(waits_for(school, "uno"))
        clock.advance(3600)
        server.renumber()
        server.deliver(make_mail("dos"), arrived=clock())
        async with reading(server, school):
            await eventually(waits_for(school, "uno", "dos"))


async def test_mail_that_the_server_does_not_give_keeps_no_other_back(school: Agent, admin: Tx) -> None:
    async with ImapDouble() as server, reading(server, school):
        server.refused = {1}
        server.deliver(make_mail("Exchange cannot convert it"))
        server.deliver(make_mail("uno"))
        await eventually(waits_for(school, "uno"))
    (event,) = await (await admin.execute("select data from system_events where kind = 'mail.unreadable'")).fetchall()
    assert event["data"]["uid"] == 1
    assert "could not be converted" in event["data"]["reason"]


async def test_server_that_says_goodbye_is_read_again(server: ImapDouble, school: Agent) -> None:
    async with reading(server, school):
        for n in range(2):
            server.dismiss()
            server.deliver(make_mail(f"carta {n}"))
        await eventually(waits_for(school, "carta 0", "carta 1"))


async def test_worker_that_died_before_it_noted_a_mail_stores_it_once(school: Agent, admin: Tx) -> None:
    async with ImapDouble() as server:
        async with reading(server, school):
            server.deliver(make_mail("uno"))
            await eventually(waits_for(school, "uno"))
        await admin.execute("update mailboxes set last_uid = 0, lease_until = null")
        async with reading(server, school):
            await eventually(lambda: asyncio.sleep(0, server.log.fetched == [1, 1]))
        assert await texts(school) == ["uno"]


async def test_two_processes_share_a_mailbox_by_turns(school: Agent) -> None:
    async with ImapDouble() as server, reading(server, school, count=3):
        for n in range(5):
            server.deliver(make_mail(f"carta {n}"))
        await eventually(waits_for(school, *(f"carta {n}" for n in range(5))))
        assert server.log.fetched == [1, 2, 3, 4, 5]
        assert server.log.logins == 1


async def test_reader_that_lost_its_lease_stops_and_the_other_goes_on(school: Agent, admin: Tx) -> None:
    async with ImapDouble() as server, reading(server, school):
        name = parse_imap_url(server.url).name
        await admin.execute("update mailboxes set lease_token = gen_random_uuid(), lease_until = 'infinity'")
        async with school.deps.db.system() as tx:
            assert await claim_mailbox(tx, name, uuid4(), 1) is None
        server.deliver(make_mail("uno"))
        await eventually(lambda: asyncio.sleep(0, not server._sessions))
        assert await texts(school) == []
        await admin.execute("update mailboxes set lease_token = null, lease_until = null")
        await eventually(waits_for(school, "uno"))


async def test_database_away_is_waited_out(school: Agent, admin: Tx) -> None:
    async with ImapDouble() as server, reading(server, school):
        await admin.execute(
            """select pg_terminate_backend(pid) from pg_stat_activity
               where datname = current_database() and pid <> pg_backend_pid()"""
        )
        server.deliver(make_mail("uno"))

        async def stored() -> bool:
            return await fetch_one(admin, "select count(*) as n from messages where body = 'uno'") == {"n": 1}

        await eventually(stored)


async def test_enormous_mail_leaves_its_headers_and_a_person_is_asked(school: Agent) -> None:
    async with ImapDouble() as server, reading(server, school):
        server.deliver(make_mail("mucho"), size=MAX_MIME_BYTES + 1)
        await eventually(waits_for(school, "Curso"))  # all there is to read
        (row,) = await school.rows("select hold, subject from messages")
        assert row["subject"] == "Curso"
        assert "only its headers were fetched" in row["hold"]


async def test_mail_that_nobody_can_own_fails_alone_and_is_told(school: Agent, admin: Tx) -> None:
    async with ImapDouble() as server, reading(server, school):
        server.deliver(b"From: nobody\nTo: hola@lumen.example\n\nhola")
        server.deliver(b"")
        server.deliver(make_mail("uno"))
        await eventually(waits_for(school, "uno"))
        rows = await (await admin.execute("select kind, data from system_events order by id")).fetchall()
        assert [(row["kind"], row["data"]["uid"]) for row in rows] == [("mail.unreadable", 1), ("mail.unreadable", 2)]


@pytest.mark.parametrize(
    "headers",
    [
        {"To": "hola@lumen.example"},
        {"To": "undisclosed-recipients:;"},
        {"To": "other@elsewhere.example", "Delivered-To": "hola@lumen.example"},
        {"To": "Alias <alias@lumen.example>"},
    ],
    ids=["to", "bcc", "delivered-to", "alias-of-the-mailbox"],
)
async def test_mail_in_a_tenants_mailbox_is_theirs_however_it_is_addressed(
    school: Agent, headers: dict[str, str]
) -> None:
    async with ImapDouble() as server, reading(server, school):
        server.deliver(make_mail("uno", **headers))
        await eventually(waits_for(school, "uno"))


async def test_refused_login_is_reported_without_the_password(school: Agent, admin: Tx) -> None:
    async with ImapDouble() as server:
        server.refuse_logins = True
        stop = asyncio.Event()
        task = asyncio.create_task(read_mailboxes([parse_imap_url(server.url)], school.deps, stop, wait_s=0.3))

        async def reported() -> Any:
            row = await fetch_one(admin, "select error from mailboxes where error is not null")
            return row["error"] if row else None

        await eventually(reported)
        error = await reported()
        stop.set()
        await task
        assert "AUTHENTICATIONFAILED" in error
        assert "p@ss" not in error


async def test_stopping_takes_no_longer_than_a_slice_of_waiting(school: Agent) -> None:
    async with ImapDouble() as server:
        stop = asyncio.Event()
        task = asyncio.create_task(read_mailboxes([parse_imap_url(server.url)], school.deps, stop, wait_s=600))
        await eventually(lambda: mailbox_is_known(school))
        stop.set()
        async with asyncio.timeout(60):
            await task


class TestUrl:
    def test_url_is_read_completely(self) -> None:
        server = parse_imap_url("imaps://hola%40x.example:p%40ss@imap.x.example/Clientes%2FNuevos")
        assert (server.host, server.port, server.tls) == ("imap.x.example", 993, "implicit")
        assert (server.username, server.password, server.folder) == ("hola@x.example", "p@ss", "Clientes/Nuevos")
        assert "p@ss" not in server.name

    @pytest.mark.parametrize(
        ("url", "tls"),
        [
            ("imap://u:p@imap.x.example", "starttls"),
            ("imap://u:p@127.0.0.1", "never"),
            ("imap://u:p@imap.x.example?starttls=never", "never"),
        ],
    )
    def test_password_travels_encrypted_unless_told_otherwise(self, url: str, tls: str) -> None:
        assert parse_imap_url(url).tls == tls

    @pytest.mark.parametrize(
        "url", ["imap.x.example", "http://u:p@x", "imaps://x.example", "imaps://u@x", "imap://u:p@x:port", "imap://u:p@x?starttls=no"]
    )  # fmt: skip
    def test_other_urls_are_refused_without_repeating_them(self, url: str) -> None:
        with pytest.raises(Misconfigured) as refusal:
            parse_imap_url(url)
        assert "u:p" not in str(refusal.value)

    async def test_server_that_is_not_there_is_a_fault_of_the_way(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        with suppress(*IMAP_FAULTS):
            await asyncio.to_thread(ImapConnection.open, parse_imap_url(f"imap://u:p@127.0.0.1:{port}"))
            pytest.fail("nobody listens there")
