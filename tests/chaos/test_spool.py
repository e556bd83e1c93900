"""PostgreSQL stopped, and the web process killed while it spools and while it drains: all is stored, once, in order."""

import asyncio
from collections import defaultdict
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from agent.settings import Settings
from agent.store import embedded
from channels.web import create_app
from jobs.wiring import build_keys, open_store
from tests.benchmarks.database_away import suffer
from tests.chaos.conftest import Fleet
from tests.doubles.twilio_webhooks import ACCOUNT_SID, AUTH_TOKEN, inbound_params, post_inbound
from tests.serving import serving
from tests.stores import OUR_NUMBER, Store

PROSPECTS, MESSAGES = 8, 12
"""So many messages of each."""
RETRY_S = 0.05
LEAST = 11
"""So many webhooks wait on disk before the database comes back."""
HOLD = f"""
    create function hold() returns trigger language plpgsql security definer as $$ begin
        if (select count(*) from messages) >= {PROSPECTS * MESSAGES // 2} then perform pg_sleep(600); end if;
        return new;
    end $$;
    create trigger hold before insert on messages for each row execute function hold()"""
"""With half of the messages stored, the others stop in the middle of it."""
HELD = "exists (select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep')"
RELEASE = """
    select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid();
    drop function hold cascade"""


@pytest.fixture
def agent_home(tmp_path: Path) -> Path:
    """An empty home: a web process loads no model, so none is trained for it."""
    return tmp_path / "home"


async def write(client: httpx.AsyncClient, prospect: int, acknowledged: list[int]) -> None:
    """Post a prospect's messages, each until it is acknowledged, and only then the next."""
    for place in range(MESSAGES):
        number = prospect * MESSAGES + place
        params = inbound_params(
            f"Mensaje {place}",
            MessageSid=f"SM{number:032x}",
            From=f"whatsapp:+3460{prospect:07d}",
            To=f"whatsapp:{OUR_NUMBER}",
        )
        while not await is_acknowledged(client, params):
            await asyncio.sleep(RETRY_S)
        acknowledged.append(number)


async def is_acknowledged(client: httpx.AsyncClient, params: dict[str, str]) -> bool:
    try:
        return (await post_inbound(client, str(client.base_url).rstrip("/"), params)).status_code == 200
    except httpx.TransportError:  # nobody there, or killed before it answered
        return False


async def test_web_killed_while_spooling_and_while_draining_loses_and_doubles_nothing(
    store: Store, fleet: Fleet, tmp_path: Path
) -> None:
    fleet.start("web")
    await asyncio.to_thread(fleet.wait_ready)
    await store.change(HOLD)
    await asyncio.to_thread(embedded.stop, store.home)
    acknowledged: list[int] = []
    async with httpx.AsyncClient(base_url=fleet.settings["NIGHTSHIFT_PUBLIC_URL"], trust_env=False) as client:
        writing = [asyncio.create_task(write(client, prospect, acknowledged)) for prospect in range(PROSPECTS)]
        async with asyncio.timeout(120):
            while fleet.spooled < PROSPECTS * MESSAGES // 3:
                await asyncio.sleep(0.005)
        fleet.kill("web")
        fleet.start("web")  # which must come up without a database
        await asyncio.gather(*writing)
    killed_with = fleet.spooled
    await asyncio.to_thread(embedded.start, store.home)
    await store.wait_until(HELD, timeout_s=120)
    fleet.kill("web")
    left = fleet.spooled
    await store.change(RELEASE)
    fleet.start("web")
    await fleet.wait_stored()
    assert await asyncio.to_thread(fleet.stop) == {"web": 0}

    assert len(acknowledged) == PROSPECTS * MESSAGES
    assert killed_with >= PROSPECTS * MESSAGES
    assert 0 < left < killed_with
    rows = await store.rows("select conversation_id, provider_id from messages order by seq")
    assert sorted(int(row["provider_id"][2:], 16) for row in rows) == sorted(acknowledged)
    said = defaultdict(list)
    for row in rows:
        said[row["conversation_id"]].append(row["provider_id"])
    assert len(said) == PROSPECTS
    assert all(earlier < later for messages in said.values() for earlier, later in pairwise(messages))
    aside = (tmp_path / "spool" / "aside").iterdir()
    assert not [path for path in aside if path.suffix != ".reason" and "part" not in path.name]


async def test_outage_under_load_is_acknowledged_and_caught_up_with(store: Store, tmp_path: Path) -> None:
    """What `tests.benchmarks.database_away` measures, in small, and with the web application in this process."""
    settings = Settings(
        _env_file=None,
        database_url=SecretStr(store.app_url),
        nightshift_home=tmp_path,
        twilio_account_sid=ACCOUNT_SID,
        twilio_auth_token=SecretStr(AUTH_TOKEN),
    )
    async with open_store(settings, must_answer=False) as (deps, _):

        def build(url: str) -> FastAPI:
            here = settings.model_copy(update={"nightshift_public_url": url})
            return create_app(replace(deps, settings=here), build_keys(here))

        async with serving(build) as url:
            outage = await suffer(
                store, url, settings.spool_directory, away_s=1, per_second=20, calm_s=0.3, least=LEAST
            )
    assert outage.spooled >= LEAST
    assert outage.acknowledged == len(outage.answers) == outage.stored
    assert (outage.duplicates, outage.overtaken) == (0, 0)
