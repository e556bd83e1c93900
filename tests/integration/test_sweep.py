"""Messages whose webhook failed are asked for at the provider, and received once."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from rich.console import Console

from agent.errors import Misconfigured
from agent.media.arriving import keep_media
from agent.media.disk import DiskMediaStore
from agent.ports import MediaAccess
from agent.settings import Settings
from agent.store import drains
from channels import twilio_log
from channels.media_fetch import TwilioMediaFetcher
from channels.twilio_log import TwilioLog
from channels.twilio_signature import WebhookSecret
from channels.web import create_app
from channels.webhooks import WebhookKeys
from jobs import clock as clock_module
from jobs.clock import run_clock
from jobs.sweep import GRACE, SPAN, run_sweep, sweep
from jobs.wiring import utc_now
from tests.conftest import DatabaseUrls, FakeClock
from tests.doubles.twilio import TwilioDouble
from tests.doubles.twilio_media import TwilioMediaDouble
from tests.doubles.twilio_webhooks import ACCOUNT_SID, AUTH_TOKEN, inbound_params, post_inbound, post_signed
from tests.files import JPEG
from tests.integration.agents import ANA, OURS, Agent

ASK = timedelta(minutes=5)
"""Between two sweeps."""
FROM_ANA = {"From": f"whatsapp:{ANA}", "To": f"whatsapp:{OURS}"}


@pytest.fixture
async def school(agent: Agent, clock: FakeClock) -> Agent:
    """The school, whose number is Twilio's and has been swept until now."""
    await agent.change("update channel_accounts set provider = 'twilio', swept_until = %s", clock())
    return agent


@pytest.fixture
async def log(twilio: TwilioDouble) -> AsyncIterator[TwilioLog]:
    opened = TwilioLog(account_sid=ACCOUNT_SID, auth_token=AUTH_TOKEN, base_url=twilio.base_url)
    yield opened
    await opened.aclose()


def say(twilio: TwilioDouble, text: str, at: datetime, **params: str) -> dict[str, str]:
    """Have Ana write, and her message's webhook get lost; return its form."""
    form = inbound_params(text, **{**FROM_ANA, **params})
    twilio.hear(form, at)
    return form


async def said(school: Agent) -> list[str]:
    return [row["body"] for row in await school.rows("select body from messages order by seq")]


def lists(twilio: TwilioDouble) -> list[dict[str, str]]:
    """Return what was asked of the list of messages."""
    return [dict(each.params) for each in twilio.requests if each.path.endswith("/Messages.json")]


# --- found -----------------------------------------------------------------------------------------------------


async def test_missing_messages_are_received_once_in_order_as_of_when_they_were_written(
    school: Agent, twilio: TwilioDouble, log: TwilioLog, clock: FakeClock
) -> None:
    begun = clock()
    known = say(twilio, "came by webhook", begun + timedelta(seconds=1))
    await school.hear(known["Body"], provider_id=known["MessageSid"], provider="twilio")
    for second in (40, 20, 30):
        say(twilio, f"lost at {second}", begun + timedelta(seconds=second))
    twilio.take({"To": f"whatsapp:{ANA}", "From": f"whatsapp:{OURS}", "Body": "ours"})
    clock.advance(ASK.total_seconds())
    for found in (3, 0):
        (swept,) = await sweep(school.deps, log)
        assert (swept.found, swept.problem) == (found, "")
        clock.advance(ASK.total_seconds())
    assert await said(school) == ["came by webhook", "lost at 20", "lost at 30", "lost at 40"]
    assert await school.value("select max(created_at) from messages") == begun + timedelta(seconds=40)
    counted = await school.rows("select 1 from events where kind = 'message.missed'")
    assert len(counted) == 3


async def test_found_message_is_answered_as_any_other(
    school: Agent, twilio: TwilioDouble, log: TwilioLog, clock: FakeClock
) -> None:
    school.deps = replace(school.deps, senders={"twilio": school.sender})
    say(twilio, "¿Cuánto cuesta?", clock())
    clock.advance(ASK.total_seconds())
    await sweep(school.deps, log)
    await school.answer(await school.value("select id from conversations"))
    assert [message.recipient for message in school.sender.taken] == [ANA]


async def test_message_that_webhook_and_sweeper_bring_at_once_is_stored_once(
    school: Agent, twilio: TwilioDouble, log: TwilioLog, web: httpx.AsyncClient, clock: FakeClock
) -> None:
    forms = [say(twilio, f"{number}", clock(), From=f"whatsapp:+3461100000{number}") for number in range(8)]
    clock.advance(ASK.total_seconds())
    *answers, _, _ = await asyncio.gather(
        *(post_inbound(web, school.deps.settings.public_url, form) for form in forms),
        sweep(school.deps, log),
        sweep(school.deps, log),
    )
    assert {answer.status_code for answer in answers if isinstance(answer, httpx.Response)} == {200}
    assert sorted(await said(school)) == sorted(form["Body"] for form in forms)


async def test_young_message_is_left_to_its_webhook(
    school: Agent, twilio: TwilioDouble, log: TwilioLog, clock: FakeClock
) -> None:
    clock.advance(ASK.total_seconds())
    say(twilio, "Hola", clock() - GRACE + timedelta(seconds=1))
    for expected in ([], ["Hola"]):
        await sweep(school.deps, log)
        assert await said(school) == expected
        clock.advance(ASK.total_seconds())


async def test_all_pages_are_read(
    school: Agent, twilio: TwilioDouble, log: TwilioLog, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(twilio_log, "PAGE_SIZE", 2)
    for number in range(7):
        say(twilio, str(number), clock() + timedelta(seconds=number))
    clock.advance(ASK.total_seconds())
    await sweep(school.deps, log)
    assert await said(school) == list("0123456")
    assert len(lists(twilio)) == 4


async def test_times_are_utc_whatever_the_clocks_zone(
    school: Agent, twilio: TwilioDouble, log: TwilioLog, clock: FakeClock
) -> None:
    say(twilio, "Hola", clock())
    clock.now = clock().astimezone(timezone(timedelta(hours=-6))) + ASK
    await sweep(school.deps, log)
    assert await said(school) == ["Hola"]
    (asked,) = lists(twilio)
    assert asked["To"] == f"whatsapp:{OURS}"
    assert datetime.fromisoformat(asked["DateSent<"]) == clock() - GRACE


async def test_files_of_a_found_message_are_fetched_and_kept(
    school: Agent, twilio: TwilioDouble, log: TwilioLog, clock: FakeClock, tmp_path: Path
) -> None:
    async with TwilioMediaDouble() as storage:
        url = storage.keep(JPEG)
        form = {"NumMedia": "1", "MediaUrl0": url, "MediaContentType0": "image/jpeg", "MessageSid": "MM" + "a" * 32}
        say(twilio, "este modelo", clock(), **form)
        clock.advance(ASK.total_seconds())
        await sweep(school.deps, log)
        fetcher = TwilioMediaFetcher(
            account_sid=ACCOUNT_SID,
            auth_token=AUTH_TOKEN,
            base_url=storage.api_url,
            trusted_origins=[storage.storage_url],
        )
        access = MediaAccess(store=DiskMediaStore(tmp_path), fetcher=fetcher, read_part=lambda _mail, _part: None)
        message_id = await school.value("select id from messages")
        await keep_media(school.tenant_id, message_id, replace(school.deps, media=access))
        await fetcher.aclose()
    assert await school.rows("select url, state, content_type from media") == [
        {"url": url, "state": "stored", "content_type": "image/jpeg"}
    ]
    assert _contents(tmp_path) == [JPEG]


def _contents(directory: Path) -> list[bytes]:
    return [path.read_bytes() for path in directory.rglob("*") if path.is_file()]


async def test_message_whose_content_the_list_does_not_tell_is_of_an_unknown_kind(
    school: Agent, twilio: TwilioDouble, log: TwilioLog, clock: FakeClock
) -> None:
    say(twilio, "", clock(), Latitude="40.4", Longitude="-3.7")
    clock.advance(ASK.total_seconds())
    await sweep(school.deps, log)
    assert await school.rows("select kind, body from messages") == [{"kind": "unknown", "body": "[unknown message]"}]


async def test_files_that_are_gone_do_not_keep_a_message_back(
    school: Agent, twilio: TwilioDouble, log: TwilioLog, clock: FakeClock
) -> None:
    form = {"NumMedia": "1", "MediaUrl0": "https://api.twilio.com/x", "MediaContentType0": "image/jpeg"}
    say(twilio, "este modelo", clock(), **form)
    twilio.fail_next(on="media", status=404, code=20404)
    clock.advance(ASK.total_seconds())
    await sweep(school.deps, log)
    assert await said(school) == ["este modelo"]


# --- the fallback URL ------------------------------------------------------------------------------------------


@pytest.fixture
async def web(school: Agent) -> AsyncIterator[httpx.AsyncClient]:
    """The web application, which Twilio's signature opens."""
    keys = WebhookKeys(twilio=(WebhookSecret(value=AUTH_TOKEN, account_sid=ACCOUNT_SID, provider="twilio"),))
    transport = httpx.ASGITransport(create_app(school.deps, keys))
    async with httpx.AsyncClient(transport=transport, base_url=school.deps.settings.public_url) as client:
        yield client


@pytest.mark.parametrize(("first", "outcome"), [(False, "stored"), (True, "duplicate")], ids=["lost", "only slow"])
async def test_fallback_url_takes_the_message_once_and_tells_why_it_was_needed(
    school: Agent, web: httpx.AsyncClient, first: bool, outcome: str
) -> None:
    form = inbound_params("Hola", **FROM_ANA)
    if first:  # stored, but Twilio did not hear so in time
        await post_inbound(web, school.deps.settings.public_url, form)
    failed = {**form, "ErrorCode": "11200", "ErrorUrl": "https://agent.example/webhooks/twilio/messages"}
    answer = await post_signed(web, f"{school.deps.settings.public_url}/webhooks/twilio/fallback", failed)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/xml; charset=utf-8")
    assert await said(school) == ["Hola"]
    (event,) = await school.rows("select data from events where kind = 'webhook.failed'")
    assert event["data"] == {"code": "11200", "outcome": outcome}
    assert 'nightshift_fallback_webhooks_total{code="11200"} 1.0' in (await web.get("/metrics")).text


# --- late ------------------------------------------------------------------------------------------------------


async def test_message_found_hours_later_is_for_a_person(
    school: Agent, twilio: TwilioDouble, log: TwilioLog, clock: FakeClock
) -> None:
    school.deps = replace(school.deps, senders={"twilio": school.sender})
    say(twilio, "¿Me llamas ahora?", clock())
    clock.advance(3 * 3600)
    await sweep(school.deps, log)
    await school.answer(await school.value("select id from conversations"))
    assert "3 h after it was written" in await school.value("select reason from escalations")


async def test_late_stop_is_obeyed_all_the_same(
    school: Agent, twilio: TwilioDouble, log: TwilioLog, clock: FakeClock
) -> None:
    school.deps = replace(school.deps, senders={"twilio": school.sender})
    say(twilio, "STOP", clock())
    clock.advance(3 * 3600)
    await sweep(school.deps, log)
    await school.answer(await school.value("select id from conversations"))
    assert await school.value("select count(*) from suppressions where lifted_at is null") > 0


async def test_long_absence_is_caught_up_with_in_spans_each_noted(
    school: Agent, twilio: TwilioDouble, log: TwilioLog, clock: FakeClock
) -> None:
    begun = clock()
    for hours in (1, 20, 47):
        say(twilio, f"{hours} h", begun + timedelta(hours=hours))
    clock.advance(48 * 3600)
    twilio.fail_next(on="list", delay_s=0, times=4)
    twilio.fail_next(on="list", status=503, code=20503)
    (swept,) = await sweep(school.deps, log)
    assert "503" in swept.problem
    assert await school.value("select swept_until from channel_accounts") == begun + 4 * SPAN
    assert await said(school) == ["1 h", "20 h"]
    (swept,) = await sweep(school.deps, log)
    assert (swept.problem, swept.found) == ("", 1)
    assert await said(school) == ["1 h", "20 h", "47 h"]


# --- what goes wrong -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500, "code": 20500},
        {"status": 429, "code": 20429},
        {"dropped": True},
        {"body": "<html>maintenance</html>"},
        {"status": 503, "code": 20503, "problem": True},
        {"status": 400, "code": 20001},
    ],
    ids=["error", "too many requests", "dropped", "a proxy's page", "problem details", "refused"],
)
async def test_provider_that_cannot_be_asked_is_noted_and_asked_again(
    school: Agent, twilio: TwilioDouble, log: TwilioLog, clock: FakeClock, fault: dict[str, Any]
) -> None:
    begun = clock()
    say(twilio, "Hola", begun)
    clock.advance(ASK.total_seconds())
    twilio.fail_next(on="list", **fault)
    (swept,) = await sweep(school.deps, log)
    state = "select swept_until, sweep_problem from channel_accounts"
    assert await school.rows(state) == [{"swept_until": begun, "sweep_problem": swept.problem}]
    assert swept.problem
    await sweep(school.deps, log)
    assert await said(school) == ["Hola"]
    assert await school.rows(state) == [{"swept_until": clock() - GRACE, "sweep_problem": ""}]


async def test_refused_credentials_are_the_operators_matter(
    school: Agent, twilio: TwilioDouble, clock: FakeClock
) -> None:
    clock.advance(ASK.total_seconds())
    log = TwilioLog(account_sid=ACCOUNT_SID, auth_token="of yesterday", base_url=twilio.base_url)
    with pytest.raises(Misconfigured, match="TWILIO_AUTH_TOKEN"):
        await sweep(school.deps, log)
    await log.aclose()
    assert "401" in await school.value("select sweep_problem from channel_accounts")


async def test_message_that_makes_no_sense_fails_alone_and_is_told_once(
    school: Agent, twilio: TwilioDouble, log: TwilioLog, clock: FakeClock
) -> None:
    say(twilio, "from another world", clock() + timedelta(seconds=1), From="messenger:4711")
    say(twilio, "Hola", clock() + timedelta(seconds=2))
    for _ in range(3):
        clock.advance(ASK.total_seconds())
        await sweep(school.deps, log)
    assert await said(school) == ["Hola"]
    (event,) = await school.rows("select data from events where kind = 'message.unreadable'")
    assert event["data"]["reason"].startswith("From")


async def test_nothing_is_asked_while_a_spool_drains(
    school: Agent, twilio: TwilioDouble, log: TwilioLog, clock: FakeClock
) -> None:
    clock.advance(ASK.total_seconds())
    async with school.deps.db.system() as connection, drains.holding(connection):
        assert await sweep(school.deps, log) == ()
    assert lists(twilio) == []


async def test_numbers_of_the_simulator_are_not_asked_for(
    agent: Agent, twilio: TwilioDouble, log: TwilioLog, clock: FakeClock
) -> None:
    clock.advance(ASK.total_seconds())
    assert await sweep(agent.deps, log) == ()
    assert lists(twilio) == []


# --- who asks --------------------------------------------------------------------------------------------------


@pytest.fixture
def configured(settings: Settings, twilio: TwilioDouble, database_urls: DatabaseUrls) -> Settings:
    """Settings as an operator would write them."""
    chosen = {
        "twilio_account_sid": ACCOUNT_SID,
        "twilio_auth_token": SecretStr(AUTH_TOKEN),
        "twilio_base_url": twilio.base_url,
        "database_url": SecretStr(database_urls.app_url),
    }
    return settings.model_copy(update=chosen)


async def test_clock_asks_soon_after_it_starts(
    school: Agent, twilio: TwilioDouble, configured: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    await school.change("update channel_accounts set swept_until = now() - interval '10 min'")
    say(twilio, "Hola", utc_now() - ASK)
    monkeypatch.setattr(clock_module, "SOON", timedelta(seconds=0.1))
    stop = asyncio.Event()
    deps = replace(school.deps, settings=configured, now=utc_now)
    clocking = asyncio.create_task(run_clock(deps, school.queue, stop))
    async with asyncio.timeout(60):
        while await said(school) != ["Hola"]:
            await asyncio.sleep(0.02)
    stop.set()
    await clocking


async def test_command_asks_at_once_and_as_far_back_as_told(
    school: Agent, twilio: TwilioDouble, configured: Settings
) -> None:
    now = utc_now()
    await school.change("update channel_accounts set swept_until = %s", now)
    say(twilio, "yesterday's", now - timedelta(hours=20))
    for hours, expected in ((0, []), (24, ["yesterday's"])):
        out = io.StringIO()
        assert await run_sweep(configured, hours, Console(file=out), as_json=True) == 0
        assert [row["found"] for row in json.loads(out.getvalue())] == [len(expected)]
        assert await said(school) == expected


async def test_command_says_what_went_wrong(school: Agent, twilio: TwilioDouble, configured: Settings) -> None:
    await school.change("update channel_accounts set swept_until = now() - interval '1 hour'")
    twilio.fail_next(on="list", status=500, code=20500)
    out = io.StringIO()
    assert await run_sweep(configured, 0, Console(file=out, width=200), as_json=False) == 1
    assert "could not be asked" in out.getvalue()
    with pytest.raises(Misconfigured, match="no credentials"):
        await run_sweep(configured.model_copy(update={"twilio_auth_token": None}), 0, Console(file=out), as_json=False)
