"""kill -9 while a message of staff is being sent: it leaves once, or staff are told that nobody knows (P2)."""

import asyncio
import signal
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from agent.escalation.ownership import take_over
from agent.guardrails import check_all
from agent.ports import Deps, StaffDeps
from agent.settings import Settings
from agent.staff.members import Member
from agent.staff.sending import Sent, StaffText, send_as_staff
from agent.store.db import Database
from agent.store.members import find_member, insert_member
from agent.store.tenants import TenantCache
from agent.tenant.file import tenant_id
from agent.turn import receive
from agent.types import Candidate, ConversationId, InboundMessage
from jobs.queue import JobQueue
from jobs.wiring import build_staff_deps, utc_now
from tests.chaos.crash import DIES_S, LAPSED, SETTLES_S
from tests.chaos.forked import ForkedProcess
from tests.chaos.ledger import NOTHING_UNDER_WAY
from tests.chaos.ways import ACCOUNTS, OUR_MAIL, PROSPECT, Way, WayName, open_way
from tests.factories import make_turn
from tests.processes import environment
from tests.stores import OUR_NUMBER, Store, create_store

LUMEN = tenant_id("lumen")
REPLY = "Hola, soy Ana. ¿A qué hora te llamo?"
QUESTIONS: Mapping[WayName, InboundMessage] = {
    "whatsapp": InboundMessage(
        provider="twilio",
        channel="whatsapp",
        provider_id="SM1",
        sender=PROSPECT,
        recipient=OUR_NUMBER,
        text="Hola, ¿me llamáis?",
    ),
    "smtp": InboundMessage(
        provider="email",
        channel="email",
        provider_id="<1@ruiz.example>",
        sender="luis@ruiz.example",
        recipient=OUR_MAIL,
        text="Hola, ¿me llamáis?",
    ),
}
READ = "not exists (select from conversations where turn_state <> 'idle')"


@pytest.mark.soak
async def test_a_worker_killed_while_it_sends_staffs_message_sends_it_once_or_says_that_it_does_not_know(
    server_home: Path,
    store_names: Iterator[str],
    agent_home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agent.staff.sending.UNDO", timedelta())  # nobody takes it back, so nobody waits for that
    first = await create_store(server_home, next(store_names), quiet_s=0.1, max_wait_s=0.2, channels=ACCOUNTS)
    stores = [first.clone(next(store_names)) for _ in QUESTIONS]
    for store in stores:
        (tmp_path / store.name).mkdir()
    ended = await asyncio.gather(
        *(
            _send_and_crash(name, store, agent_home, tmp_path / store.name)
            for name, store in zip(QUESTIONS, stores, strict=True)
        )
    )
    assert dict(zip(QUESTIONS, ended, strict=True)) == {
        "whatsapp": {"taken": 1, "states": ["queued"], "asked": []},  # Twilio could be asked
        "smtp": {"taken": 1, "states": ["unknown"], "asked": ["Delivery outcome unknown"]},  # nobody could
    }


async def _send_and_crash(name: WayName, store: Store, home: Path, logs: Path) -> dict[str, object]:
    """Let the worker die between the provider's taking a message of Ana's and our knowing; return what came of it."""
    async with open_way(name) as way:
        settings = _settings(way, store, home)
        with ForkedProcess("worker", settings | {"NIGHTSHIFT_FAULT": "deliver.called"}, logs / "worker.log") as victim:
            await asyncio.to_thread(victim.wait_ready)
            await _answer_as_ana(QUESTIONS[name], store)
            async with asyncio.timeout(DIES_S):
                while victim.is_running:
                    await asyncio.sleep(0.05)
            assert victim.exit_code == -signal.SIGKILL
        for statement in LAPSED:
            await store.change(statement)
        with ForkedProcess("worker", settings, logs / "heir.log"):
            await store.wait_until(NOTHING_UNDER_WAY, timeout_s=SETTLES_S)
        sent = await store.rows("select state from messages where author = 'staff'")
        asked = await store.rows("select reason from escalations where state = 'open'")
        return {
            "taken": len(way.taken()),
            "states": [each["state"] for each in sent],
            "asked": [each["reason"] for each in asked],
        }


def _settings(way: Way, store: Store, home: Path) -> dict[str, str]:
    return environment(database_url=store.app_url, nightshift_home=home, nightshift_environment="test", **way.settings)


async def _answer_as_ana(question: InboundMessage, store: Store) -> None:
    """Have Ana take the conversation over before the agent reads it, and answer once it has."""
    async with Database(store.app_url, max_size=2) as db:
        deps = await _staff_deps(db)
        received = await receive(question, deps)
        assert received.conversation_id is not None
        ana = await _take_over(received.conversation_id, deps)
        await store.wait_until(READ, timeout_s=SETTLES_S)
        wanted = StaffText(conversation_id=received.conversation_id, text=REPLY, seen_seq=1)
        assert isinstance(await send_as_staff(wanted, ana, deps), Sent)


async def _staff_deps(db: Database) -> StaffDeps:
    queue = JobQueue(db)
    await queue.open()
    settings = Settings(_env_file=None)
    deps = build_staff_deps(Deps(settings=settings, db=db, tenants=TenantCache(), queue=queue, now=utc_now))
    # The first check compiles every pattern: longer, on a busy machine, than a transaction may idle.
    turn = make_turn()
    check_all(deps.rules, Candidate(text=REPLY, language="es", channel="whatsapp"), turn, turn.tenant, utc_now())
    return deps


async def _take_over(conversation_id: ConversationId, deps: Deps) -> Member:
    async with deps.db.tenant(LUMEN) as tx:
        ana = await find_member(tx, await insert_member(tx, LUMEN, email="ana@x.example", name="Ana", role="reviewer"))
    assert ana is not None
    async with deps.db.member(LUMEN, ana.id) as tx:
        await take_over(tx, conversation_id, ana)
    return ana
