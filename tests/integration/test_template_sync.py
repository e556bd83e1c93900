"""Templates are kept in step with Twilio, by the clock and by command; staff see what is wrong with each."""

import asyncio
import io
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from rich.console import Console

from agent.errors import NightshiftError, Retryable
from agent.language import LanguageDetector
from agent.settings import Settings
from agent.store.db import Database, Tx
from jobs import clock as clock_module
from jobs.clock import run_clock
from jobs.doctor import examine
from jobs.templates import Sample, run_list, run_preview, run_sync
from jobs.wiring import utc_now
from tests.conftest import DatabaseUrls, FakeClock
from tests.doubles.twilio import TwilioDouble
from tests.doubles.twilio_content import StoredContent
from tests.doubles.twilio_webhooks import ACCOUNT_SID, AUTH_TOKEN
from tests.integration.agents import Agent, build_agent
from tests.integration.late_replies import DISCLOSED, publish
from tests.template_samples import PRICE, REOPEN

SLUG = "escuela"


@pytest.fixture
async def agent(db: Database, clock: FakeClock, detector: LanguageDetector) -> Agent:
    """A school whose file lists two templates, neither of which has been asked for."""
    built = await build_agent(db, clock, detector)
    await publish(built, clock, templates=(), provider="twilio")
    return built


@pytest.fixture
def twilio() -> Iterator[TwilioDouble]:
    """An account with both, and with another business's."""
    with TwilioDouble() as running:
        for name, body, status in (
            ("school_reopen", REOPEN, "approved"),
            ("school_price", PRICE, "pending"),
            ("another_school", "Hola", "approved"),
        ):
            samples = {"1": "Ana", "2": "Curso", "3": "1 €", "4": "IA"}
            content = {"twilio/text": {"body": body}}
            running.contents.append(StoredContent(friendly_name=name, types=content, variables=samples, status=status))
        yield running


@pytest.fixture
def settings(settings: Settings, twilio: TwilioDouble, database_urls: DatabaseUrls) -> Settings:
    return settings.model_copy(
        update={
            "database_url": SecretStr(database_urls.app_url),
            "database_migration_url": SecretStr(database_urls.admin_url),
            "twilio_account_sid": ACCOUNT_SID,
            "twilio_auth_token": SecretStr(AUTH_TOKEN),
            "twilio_base_url": twilio.base_url,
        }
    )


async def printed(command: Callable[[Console], Awaitable[None]]) -> str:
    out = io.StringIO()
    await command(Console(file=out, width=300))
    return out.getvalue()


async def listed(settings: Settings) -> dict[str, Any]:
    """Return the templates that the command lists, by name."""
    shown = await printed(lambda out: run_list(settings, SLUG, out, as_json=True))
    return {each["name"]: each for each in json.loads(shown)}


@pytest.mark.usefixtures("agent")
async def test_command_brings_in_what_the_file_lists_and_says_what_is_wrong(settings: Settings) -> None:
    before = await listed(settings)
    assert before["school_price"]["problems"] == ["the provider's account has no such template"]
    assert "2 templates" in await printed(lambda out: run_sync(settings, "", out, as_json=False))
    after = await listed(settings)
    assert list(after) == ["school_reopen", "school_price"]
    assert (after["school_reopen"]["approval"], after["school_reopen"]["problems"]) == ("approved", [])
    assert after["school_price"]["problems"] == ["WhatsApp has not approved it (pending)"]
    table = await printed(lambda out: run_sync(settings, SLUG, out, as_json=False))
    assert "WhatsApp has not approved it (pending)" in table


@pytest.mark.usefixtures("agent")
async def test_preview_is_what_the_contact_would_read_with_the_price_of_their_currency(settings: Settings) -> None:
    await printed(lambda out: run_sync(settings, "", out, as_json=True))
    sample = Sample(name="Luis Gil", address="+34600000009", sku="EN-INT")
    shown = await printed(
        lambda out: run_preview(settings, SLUG, "school_price", sample, out, language="", as_json=False)
    )
    assert f"Hola, Luis. {DISCLOSED} El precio de Inglés intensivo es de 399,00 €" in shown
    assert "It would not be sent: WhatsApp has not approved it (pending)" in shown
    with pytest.raises(NightshiftError, match="no template 'another_school'"):
        await printed(
            lambda out: run_preview(settings, SLUG, "another_school", sample, out, language="", as_json=False)
        )


async def test_doctor_says_what_could_not_be_sent_and_when_nobody_asks(
    agent: Agent, settings: Settings, twilio: TwilioDouble
) -> None:
    async def said() -> list[tuple[str, str]]:
        found = await examine(settings)
        return [(each.level, each.text) for each in found if each.subject == f"templates of {SLUG}"]

    await printed(lambda out: run_sync(settings, "", out, as_json=True))
    assert await said() == [("note", "school_price (es) is not sent: WhatsApp has not approved it (pending)")]
    twilio.contents[1].status = "approved"
    await printed(lambda out: run_sync(settings, "", out, as_json=True))
    assert await said() == [("ok", "2, all approved")]
    await agent.change("update templates set synced_at = now() - interval '2 hours'")
    ((level, text),) = await said()
    assert (level, text[:28]) == ("bad", "Twilio was last asked for th")


async def test_what_was_known_stays_while_twilio_cannot_be_asked(
    agent: Agent, settings: Settings, twilio: TwilioDouble
) -> None:
    await printed(lambda out: run_sync(settings, "", out, as_json=True))
    twilio.fail_next(on="content", status=503, code=20503)
    with pytest.raises(Retryable):
        await printed(lambda out: run_sync(settings, "", out, as_json=True))
    assert len([each for each in (await listed(settings)).values() if each["sid"]]) == 2
    assert await agent.value("select count(*) from events where kind = 'template.approval'") == 2


async def test_clock_notices_what_whatsapp_decides(
    agent: Agent, settings: Settings, twilio: TwilioDouble, admin: Tx, monkeypatch: pytest.MonkeyPatch
) -> None:
    await printed(lambda out: run_sync(settings, "", out, as_json=True))
    twilio.contents[0].status, twilio.contents[1].status = "paused", "approved"
    monkeypatch.setattr(clock_module, "SOON", timedelta(milliseconds=1))
    agent.deps = replace(agent.deps, settings=settings, now=utc_now)
    stop = asyncio.Event()
    clocking = asyncio.create_task(run_clock(agent.deps, agent.queue, stop))
    try:
        async with asyncio.timeout(60):
            while await agent.value("select count(*) from events where kind = 'template.approval'") < 4:
                await asyncio.sleep(0.05)
    finally:
        stop.set()
        await clocking
    states = await agent.rows("select name, approval from templates order by name")
    assert [(row["name"], row["approval"]) for row in states] == [
        ("school_price", "approved"),
        ("school_reopen", "paused"),
    ]
    changes = await agent.rows("select data from events where kind = 'template.approval' order by id desc limit 2")
    assert {(row["data"]["from"], row["data"]["to"]) for row in changes} == {
        ("approved", "paused"),
        ("pending", "approved"),
    }
    told = await (await admin.execute("select data from system_events where kind = 'template.lost'")).fetchall()
    assert [row["data"]["template"] for row in told] == ["school_reopen"]
