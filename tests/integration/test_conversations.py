"""What staff see of reply windows and proposals, and what becomes of a proposal that they take."""

import io
import json
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr
from rich.console import Console

from agent.errors import NightshiftError
from agent.language import LanguageDetector
from agent.settings import Settings
from agent.store.db import Database
from agent.store.review import list_conversations
from agent.templates.proposals import ProposalStale, take_proposal
from agent.types import ConversationId, MessageId
from jobs.conversations import run_accept, run_list, run_show
from jobs.wiring import utc_now
from tests.conftest import DatabaseUrls, FakeClock
from tests.integration.agents import Agent, build_agent
from tests.integration.late_replies import PRICED, decide_late, publish, write_by_mail

HOUR = timedelta(hours=1)


@pytest.fixture
async def agent(db: Database, clock: FakeClock, detector: LanguageDetector) -> Agent:
    """An agent of a school with two approved templates, which people must send."""
    built = await build_agent(db, clock, detector)
    await publish(built, clock)
    return built


async def take(agent: Agent) -> MessageId:
    """Take the one proposal there is."""
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        escalation = await agent.value("select id from escalations")
        return await take_proposal(tx, escalation, agent.deps, actor="staff")


# --- the countdown ----------------------------------------------------------------------------------------------


async def seen(agent: Agent, **choice: Any) -> dict[ConversationId, int | None]:
    """Return the conversations listed, in order, each with the seconds left."""
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        now = agent.deps.now()
        listed = await list_conversations(tx, now, **choice)
    windows = {each.id: each.window(now) for each in listed}
    return {each: window.remaining_s if window else None for each, window in windows.items()}


async def test_windows_are_counted_down_and_those_that_close_soon_come_first(agent: Agent, clock: FakeClock) -> None:
    first = await agent.hear("Hola", sender="+34600000001")
    clock.advance(3600)
    second = await agent.hear("Hola", sender="+34600000002")
    by_mail = await agent.hear("Hola", sender="ana@ruiz.example", channel="email", recipient="hola@escuela.example")
    clock.advance(22 * 3600)
    everything = await seen(agent)
    assert everything == {second: 6900, by_mail: None, first: 3300}
    assert list(await seen(agent, closing_within=2 * HOUR)) == [first, second]
    assert list(await seen(agent, closing_within=HOUR)) == [first]
    assert await seen(agent, only=second) == {second: 6900}
    clock.advance(3300)
    assert await seen(agent, only=first) == {first: 0}
    assert list(await seen(agent, closing_within=2 * HOUR)) == [second]


# --- taking a proposal ------------------------------------------------------------------------------------------


async def test_template_that_staff_take_leaves_once(agent: Agent, clock: FakeClock) -> None:
    await decide_late(agent, clock)
    message_id = await take(agent)
    await agent.send_all()
    (sent,) = agent.sender.taken
    assert (sent.id, sent.template is not None, sent.text[: len(PRICED)]) == (message_id, True, PRICED)
    assert await agent.value("select author from messages where id = %s", message_id) == "staff"
    assert await agent.value("select state from escalations") == "resolved"
    assert await agent.value("select actor from events where kind = 'proposal.taken'") == "staff"
    with pytest.raises(ProposalStale, match="no open request"):
        await take(agent)


async def test_staff_who_answer_themselves_may_take_it(agent: Agent, clock: FakeClock) -> None:
    await decide_late(agent, clock)
    await agent.change("update conversations set owner = 'staff'")
    await take(agent)
    await agent.send_all()
    assert len(agent.sender.taken) == 1


OPT_OUT = """insert into suppressions (id, tenant_id, contact_id, kind, normalised, reason, created_at)
             select c.id, c.tenant_id, c.contact_id, p.kind, p.normalised, 'STOP', now()
             from conversations c join contact_points p on p.id = c.contact_point_id"""


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("update templates set approval = 'paused'", "is now: paused"),
        ("delete from templates", "no longer has the template"),
        (OPT_OUT, "consent: "),
        ("update price_rules set amount_minor = 45900 where currency = 'EUR'", "pricing: "),
        ("update escalations set proposal = null", "proposes nothing that could be sent"),
    ],
    ids=["paused", "gone", "opted out", "another price", "no proposal"],
)
async def test_proposal_that_is_out_of_date_is_not_sent(agent: Agent, clock: FakeClock, change: Any, why: str) -> None:
    await decide_late(agent, clock)
    await agent.change(change)
    await agent.change("update tenants set updated_at = clock_timestamp()")
    with pytest.raises(ProposalStale, match=why):
        await take(agent)
    await agent.send_all()
    assert agent.sender.taken == []
    assert await agent.value("select state from escalations") == "open"


async def test_proposal_is_not_sent_to_whoever_has_written_since(agent: Agent, clock: FakeClock) -> None:
    await decide_late(agent, clock)
    await agent.hear("¿y bien?")
    with pytest.raises(ProposalStale, match="has written since"):
        await take(agent)


async def test_price_that_changes_before_it_may_leave_holds_it(agent: Agent, clock: FakeClock) -> None:
    await decide_late(agent, clock)
    await take(agent)
    await agent.change("update price_rules set amount_minor = 45900 where currency = 'EUR'")
    await agent.change("update tenants set updated_at = clock_timestamp()")
    await agent.send_all()
    assert agent.sender.taken == []
    assert await agent.value("select count(*) from escalations where state = 'open'") == 1


async def test_text_goes_to_the_other_channel_where_that_is_proposed(agent: Agent, clock: FakeClock) -> None:
    await publish(agent, clock, templates=())
    late = await agent.hear("¿cuánto cuesta el intensivo?")
    await agent.take(await agent.claim(late))
    by_mail = await write_by_mail(agent, late)
    await agent.take(await agent.claim(by_mail))
    await agent.change(
        "update messages set state = 'superseded' where conversation_id = %s and state = 'pending'", by_mail
    )
    clock.advance(25 * 3600)
    await agent.send_all()
    await take(agent)
    await agent.send_all()
    (sent,) = agent.sender.taken
    assert (sent.channel, sent.recipient, "399,00 €" in sent.text) == ("email", "ana@ruiz.example", True)


# --- on the command line ----------------------------------------------------------------------------------------


async def test_staff_see_and_send_on_the_command_line(
    agent: Agent, clock: FakeClock, settings: Settings, database_urls: DatabaseUrls
) -> None:
    settings = settings.model_copy(update={"database_url": SecretStr(database_urls.app_url)})
    clock.now = utc_now() - 26 * HOUR
    late = await decide_late(agent, clock)
    await agent.hear("Hola", sender="+34600000002")
    slug = str(await agent.value("select slug from tenants"))

    async def told(work: Awaitable[None], out: Console) -> str:
        await work
        return out.file.getvalue()  # type: ignore[attr-defined, no-any-return]  # it is the StringIO of below

    def console() -> Console:
        return Console(file=io.StringIO(), width=300)

    out = console()
    rows = json.loads(await told(run_list(settings, slug, out, closing_h=None, as_json=True), out))
    assert [row["reply_window"]["is_open"] for row in rows] == [True, False]
    assert rows[1]["reply_window"]["remaining_s"] == 0
    assert (rows[1]["id"], rows[1]["open_escalations"]) == (str(late), 1)
    out = console()
    assert "closes in 22 h" in await told(run_list(settings, slug, out, closing_h=24, as_json=False), out)
    out = console()
    shown = await told(run_show(settings, slug, late, out, as_json=False), out)
    assert "reply window: closed: only an approved template may be sent" in shown
    assert PRICED in shown
    out = console()
    (request,) = json.loads(await told(run_show(settings, slug, late, out, as_json=True), out))["requests"]
    assert request["proposal"]["template"]["variables"]["3"] == "399,00 €"
    out = console()
    assert "checked once more" in await told(run_accept(settings, slug, UUID(request["id"]), out), out)
    clock.now = utc_now()
    await agent.send_all()
    assert await agent.value("select count(*) from messages where template is not null") == 1
    with pytest.raises(NightshiftError, match="no conversation"):
        await run_show(settings, slug, UUID(int=1), console(), as_json=False)
    with pytest.raises(NightshiftError, match="no tenant"):
        await run_list(settings, "nobody", console(), closing_h=None, as_json=False)
