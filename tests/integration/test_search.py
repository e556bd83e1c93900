"""Search finds what was said, and who said it, whatever the accents; nothing of others, nothing of the erased."""

from collections.abc import Sequence
from datetime import timedelta

import httpx
import pytest
from lxml import html  # type: ignore[import-untyped]  # ships no types

from agent.erasure import erase_contact
from agent.ids import new_id
from agent.ports import Deps
from agent.store import search
from agent.store.contact_list import list_contacts
from agent.store.db import Database, Tx
from agent.store.merges import merge_contacts
from agent.store.search import MessageFilter
from agent.tenant.file import TenantFile
from tests.conftest import FakeClock
from tests.integration.staff import sign_in
from tests.integration.tenant_rows import Rows
from tests.integration.test_office_people import write

SAID = (
    "¿Cuánto cuesta el curso intensivo de inglés?",
    "Preciso de uma FATURA com a inscrição, por favor",
    "Could you send the invoice <b>today</b>?",
    "cuestan 399,50 € los dos cursos",
)


async def say(tx: Tx, a: Rows, body: str, clock: FakeClock) -> None:
    """Store a message of A's first conversation, a minute after the one before."""
    clock.advance(60)
    await tx.execute(
        """insert into messages (id, tenant_id, conversation_id, channel_account_id, direction, author, body,
                                 created_at)
           values (%s, %s, %s, %s, 'inbound', 'contact', %s, %s)""",
        (new_id(), a.tenant, a.idle, a.account, body, clock.now),
    )


@pytest.fixture
async def spoken(db: Database, a: Rows, clock: FakeClock) -> Rows:
    """A tenant to whom several things were said, and another to whom the same was."""
    async with db.tenant(a.tenant) as tx:
        for body in SAID:
            await say(tx, a, body, clock)
    return a


async def find(tx: Tx, text: str, wanted: MessageFilter | None = None) -> list[int]:
    """Return the places in `SAID` of what is found, the newest first."""
    found = await search.find_messages(tx, text, wanted or MessageFilter())
    return [SAID.index(each.body) for each in found]


async def test_messages_are_found_by_words_whatever_case_and_accents(db: Database, spoken: Rows) -> None:
    async with db.tenant(spoken.tenant) as tx:
        found = {
            text: await find(tx, text)
            for text in (
                "CUANTO",
                "ingles cuest",
                "cue",
                "cu",
                "fatura inscricao",
                "399 50",
                "cursos cuánto",
                "% _",
                "'&!",
            )
        }
    assert found == {
        "CUANTO": [0],
        "ingles cuest": [0],
        "cue": [3, 0],
        "cu": [],
        "fatura inscricao": [1],
        "399 50": [3],
        "cursos cuánto": [],
        "% _": [],
        "'&!": [],
    }


async def test_a_filter_narrows_by_channel_author_and_day(db: Database, spoken: Rows, clock: FakeClock) -> None:
    a_while_ago = clock.now - timedelta(minutes=2)
    async with db.tenant(spoken.tenant) as tx:
        assert await find(tx, "cue", MessageFilter(since=a_while_ago)) == [3]
        assert await find(tx, "cue", MessageFilter(until=a_while_ago)) == [0]
        assert await find(tx, "cue", MessageFilter(channel="email", author="contact")) == [3, 0]
        assert await find(tx, "cue", MessageFilter(channel="sms")) == []
        assert await find(tx, "cue", MessageFilter(author="staff")) == []


async def test_pages_go_on_where_the_last_one_ended_also_beyond_what_is_looked_through_first(
    db: Database, a: Rows, admin: Tx
) -> None:
    await admin.execute(
        """insert into messages (id, tenant_id, conversation_id, channel_account_id, direction, author, body,
                                 created_at)
           select gen_random_uuid(), %(tenant)s, %(conversation)s, %(account)s, 'inbound', 'contact',
                  case when n %% 400 = 0 then 'aguja ' else 'paja ' end || n, now() + n * interval '1 s'
           from generate_series(1, 4400) n""",
        {"tenant": a.tenant, "conversation": a.idle, "account": a.account},
    )
    wanted = MessageFilter()
    async with db.tenant(a.tenant) as tx:
        needles = [each.body for each in await search.find_messages(tx, "aguja", wanted, limit=20)]
        first = await search.find_messages(tx, "agu", wanted, limit=4)
        second = await search.find_messages(tx, "agu", wanted, limit=4, after=first[-1].place)
        third = await search.find_messages(tx, "agu", wanted, limit=4, after=second[-1].place)
        hay = await search.find_messages(tx, "paja", wanted, limit=4)
    assert needles == [f"aguja {400 * n}" for n in range(11, 0, -1)]
    assert [each.body for each in (*first, *second, *third)] == needles
    assert [each.body for each in hay] == ["paja 4399", "paja 4398", "paja 4397", "paja 4396"]


async def test_what_was_said_anew_is_found_and_what_was_never_sent_is_not(db: Database, a: Rows) -> None:
    async with db.tenant(a.tenant) as tx:
        await tx.execute("update messages set body = 'Transcribed: mañana' where id = %s", (a.read,))
        found = await search.find_messages(tx, "manana", MessageFilter())
        assert [each.id for each in found] == [a.read]
        assert {each.id for each in await search.find_messages(tx, "reply", MessageFilter())} == {
            *(a.pending, a.sending, a.sent)
        }
        await tx.execute("update messages set state = 'superseded' where id = %s", (a.pending,))
        assert a.pending not in {each.id for each in await search.find_messages(tx, "reply", MessageFilter())}


async def test_contacts_are_found_by_every_word_address_and_part_of_a_number(db: Database, a: Rows) -> None:
    async with db.tenant(a.tenant) as tx:
        await tx.execute("update contacts set name = 'Íñigo O''Neill Conceição' where id = %s", (a.contact,))
        for text in ("inigo", "neill con", "600 000 001", "+34 600000001", "0001", "ana@ruiz", "us 1", "inigo ruiz"):
            assert [each.id for each in await list_contacts(tx, text)] == [a.contact], text
        for text in ("zoe", "001", "%", "6000000012"):
            assert not await list_contacts(tx, text), text
        assert [each.id for each in await list_contacts(tx, "luis")] == [a.other]
        await merge_contacts(tx, a.contact, a.other, actor="staff")
        assert [each.id for each in await list_contacts(tx, "luis")] == [a.contact]
        assert await list_contacts(tx, "luis", before=a.contact) == []


async def test_no_word_of_an_erased_contact_is_left_to_be_found(db: Database, spoken: Rows, admin: Tx) -> None:
    async with db.tenant(spoken.tenant) as tx:
        await erase_contact(tx, spoken.tenant, spoken.contact, actor="staff")
        assert await find(tx, "cuesta") == []
    for query in ("select words::text from message_words where tenant_id = %s", "select words::text from contacts"):
        rows = await (await admin.execute(query.encode(), (spoken.tenant,) if "%s" in query else None)).fetchall()
        assert not [row for row in rows if "cuesta" in row["words"] or "600000001" in row["words"]]


@pytest.mark.parametrize(
    "question", ["find_messages('secret', null, null, null, null, null, 99)", "find_contacts('of', null, 99)"]
)
async def test_the_functions_tell_ids_of_the_transactions_tenant_only(
    db: Database, a: Rows, b: Rows, question: str
) -> None:
    """Also where a text is made to look like another tenant's mark."""
    async with db.tenant(a.tenant) as tx:
        await tx.execute("update messages set body = 'Secret TENANT ' || %s where id = %s", (str(b.tenant), a.read))
        ours = await (await tx.execute(f"select * from {question}".encode())).fetchall()
    async with db.tenant(b.tenant) as tx:
        theirs = await (await tx.execute(f"select * from {question}".encode())).fetchall()
    async with db.system() as tx:
        assert await (await tx.execute(f"select * from {question}".encode())).fetchall() == []
    assert ours
    assert theirs
    assert not {next(iter(row.values())) for row in ours} & {next(iter(row.values())) for row in theirs}


# --- the page --------------------------------------------------------------------------------------------------------


def links(page: str, selector: str) -> Sequence[str]:
    """Return where the links of a part of a page lead."""
    return [str(each.get("href")) for each in html.fromstring(page).xpath(selector)]


async def test_the_page_marks_the_words_and_leads_to_the_message(
    inbox: httpx.AsyncClient, deps: Deps, lumen: TenantFile, clock: FakeClock
) -> None:
    viewer = await sign_in(inbox, deps, lumen.tenant.id, role="viewer", name="Vera")
    contact = await write(deps, 1, "Ana <b>Ruiz</b>", "Could you send the invoice <b>today</b>?")
    page = (await viewer.get("/inbox/search?q=invoice")).text
    assert "Could you send the <mark>invoice</mark> &lt;b&gt;today&lt;/b&gt;?" in page
    (target,) = links(page, "//li[contains(@class, 'found-row')]/a")
    path, _, anchor = target.partition("#")
    conversation = (await viewer.get(path)).text
    assert f'id="{anchor}"' in conversation
    options = (await viewer.get("/inbox/search/options?q=ruiz")).text
    assert links(options, "//a[@role='option']") == [f"/inbox/contacts/{contact}"]
    assert "<mark>Ruiz</mark>&lt;/b&gt;" in options
    assert "Nothing found" in (await viewer.get("/inbox/search?q=zzzz&by=staff&since=2026-02-30&after=x")).text
