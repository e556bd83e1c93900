"""The stand-in for IMAP servers, seen through the standard library's client: what RFC 3501 and RFC 2177 promise."""

import asyncio
import imaplib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.doubles.imap import PASSWORD, USER, ImapDouble

MAIL = b"From: ana@ruiz.example\nSubject: Curso\n\nHola\n"
AT = datetime(2026, 11, 17, 9, 30, tzinfo=UTC)


async def ask(server: ImapDouble, conversation: Callable[[imaplib.IMAP4], Any]) -> Any:
    """Have a client log in, and talk in a thread of its own."""

    def talk() -> Any:
        with imaplib.IMAP4("127.0.0.1", server.port, timeout=60) as client:
            client.login(USER, PASSWORD)
            client.select(readonly=True)
            return conversation(client)

    return await asyncio.to_thread(talk)


async def test_mailbox_is_selected_searched_and_fetched() -> None:
    async with ImapDouble() as server:
        for n in (1, 2, 3):
            server.deliver(MAIL, arrived=AT.replace(day=n + 10))

        def conversation(client: imaplib.IMAP4) -> list[Any]:
            return [
                client.response("UIDVALIDITY")[1],
                client.response("UIDNEXT")[1],
                client.uid("SEARCH", "UID 2:*")[1],
                client.uid("SEARCH", "UID 9:*")[1],  # names the last one, always
                client.uid("SEARCH", "SINCE 13-Nov-2026")[1],
                client.uid("FETCH", "2", "(BODY.PEEK[])")[1][0][1],
                client.uid("FETCH", "9", "(BODY.PEEK[])"),
                imaplib.Internaldate2tuple(client.uid("FETCH", "1", "(RFC822.SIZE INTERNALDATE)")[1][0]) is not None,
            ]

        assert await ask(server, conversation) == [
            *([b"1"], [b"4"], [b"2 3"], [b"3"], [b"3"], MAIL, ("OK", [None]), True)
        ]
        assert (server.log.fetched, server.log.marked) == ([2], [])


async def test_news_reach_a_client_that_asks_and_numbers_change_when_it_comes_again() -> None:
    async with ImapDouble() as server:
        loop = asyncio.get_running_loop()

        def conversation(client: imaplib.IMAP4) -> Any:
            loop.call_soon_threadsafe(server.deliver, MAIL)
            client.noop()
            return client.response("EXISTS")[1][-1]

        assert await ask(server, conversation) == b"1"
        server.deliver(MAIL)
        server.mails.pop(0)
        server.renumber()
        assert await ask(server, lambda client: client.response("UIDVALIDITY")[1]) == [b"2"]
        assert await ask(server, lambda client: client.uid("SEARCH", "ALL")[1]) == [b"1"]


@pytest.mark.parametrize(
    ("prepare", "conversation", "said"),
    [
        (lambda server: server.refused.add(1), lambda c: c.uid("FETCH", "1", "(BODY.PEEK[])"), "NO"),
        (lambda _: None, lambda c: c.xatom("XUNKNOWN"), "BAD"),
    ],
    ids=["a mail it cannot give", "an unknown command"],
)
async def test_what_cannot_be_done_is_answered_no_or_bad(prepare: Any, conversation: Any, said: str) -> None:
    def heard(client: imaplib.IMAP4) -> str:
        try:
            return str(conversation(client)[0])
        except imaplib.IMAP4.error as exc:
            return "BAD" if "BAD" in str(exc) else str(exc)

    async with ImapDouble() as server:
        server.deliver(MAIL)
        prepare(server)
        assert await ask(server, heard) == said


async def test_wrong_password_and_goodbye_are_told() -> None:
    async with ImapDouble() as server:
        loop = asyncio.get_running_loop()

        def talk() -> tuple[str, bytes]:
            client = imaplib.IMAP4("127.0.0.1", server.port, timeout=60)
            try:
                client.login(USER, "guessed")
            except imaplib.IMAP4.error as exc:
                loop.call_soon_threadsafe(server.dismiss)
                return str(exc), client.readline()
            finally:
                client.shutdown()
            return "", b""

        refusal, goodbye = await asyncio.to_thread(talk)
    assert "AUTHENTICATIONFAILED" in refusal
    assert goodbye == b"* BYE shutting down\r\n"
