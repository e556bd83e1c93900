"""Runs: what operators list, cancel, take again and replay; and the figures counted from them."""

import io
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import pytest
from pydantic import SecretStr
from rich.console import Console

from agent.decide import give_up
from agent.errors import NightshiftError
from agent.gather import Gathered
from agent.replay import replay_turn
from agent.replaying import run_replay
from agent.runs import ANSWERED, ENDED, NOT_FAILED, STAFFS, UNDER_WAY, cancel_run, retry_run
from agent.settings import Settings
from agent.store.figures import HOUR, count_hours, find_last_hour, list_unsettled_hours, sum_hours
from agent.store.replays import find_replay, insert_replay
from agent.store.runs import LOOK_BACK, RunFilter, list_runs, list_work
from agent.types import ConversationId, TurnId
from jobs.figures import keep_tenant_figures
from jobs.runs import run_cancel, run_list, run_retry, run_show
from tests.conftest import DatabaseUrls, FakeClock
from tests.integration.agents import Agent
from tests.integration.outages import Outages, build_outages


async def latest_turn(agent: Agent) -> TurnId:
    turn_id: TurnId = await agent.value("select id from turns order by created_at desc, id desc limit 1")
    return turn_id


async def fail(agent: Agent, error: str = "ValueError: broken") -> TurnId:
    """Have a prospect's turn fail for good."""
    gathered: Gathered = await agent.claim(await agent.hear("¿cuánto cuesta?"))
    await give_up(gathered.turn, gathered.lease, error, None, agent.deps)
    return gathered.turn.id


async def cancel(agent: Agent, conversation: ConversationId) -> str:
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        return await cancel_run(tx, conversation, "operator")


async def retry(agent: Agent, turn_id: TurnId) -> str:
    async with agent.deps.db.tenant(agent.tenant_id) as tx:
        return await retry_run(tx, turn_id, "operator", agent.deps)


class TestCancel:
    async def test_queued_turn_is_answered_by_nobody(self, agent: Agent) -> None:
        conversation = await agent.hear("¿cuánto cuesta?")
        assert await cancel(agent, conversation) == ""
        (turn,) = await agent.rows("select state, decision, reason from turns")
        assert turn == {"state": "cancelled", "decision": "nothing", "reason": "cancelled by staff"}
        assert await agent.value("select turn_state from conversations") == "idle"
        assert await agent.value("select count(*) from messages where turn_id is null") == 0
        assert await agent.value("select actor from events where kind = 'turn.cancelled'") == "operator"

    async def test_the_next_message_is_answered_as_usual(self, agent: Agent) -> None:
        conversation = await agent.hear("¿cuánto cuesta?")
        await cancel(agent, conversation)
        await agent.hear("¿hola?")
        await agent.answer(conversation)
        assert [turn.text for turn in agent.models.turns] == ["¿hola?"]

    async def test_turn_that_waits_for_a_model_is_cancelled_with_its_line(self, agent: Agent, clock: FakeClock) -> None:
        outages: Outages = build_outages(agent, clock)
        outages.unplug()
        conversation = await outages.ask()
        assert await cancel(agent, conversation) == ""
        await outages.let_lines_leave()
        assert agent.sender.taken == []
        assert [row["state"] for row in await agent.rows("select state from turns")] == ["cancelled"]
        assert await outages.states() == ["idle"]

    async def test_turn_under_way_and_ended_turn_are_left_alone(self, agent: Agent) -> None:
        conversation = await agent.hear("¿cuánto cuesta?")
        gathered = await agent.claim(conversation)
        assert await cancel(agent, conversation) == UNDER_WAY
        await agent.take(gathered)
        assert await cancel(agent, conversation) == ENDED


class TestRetry:
    async def test_failed_turn_is_answered_after_all_and_its_request_settled(self, agent: Agent) -> None:
        turn_id = await fail(agent)
        assert await agent.value("select count(*) from escalations where state = 'open'") == 1
        assert await retry(agent, turn_id) == ""
        await agent.answer(await agent.value("select id from conversations"))
        assert len(agent.sender.taken) == 1
        assert await agent.value("select resolution from escalations") == "handed_back"
        assert await retry(agent, turn_id) == NOT_FAILED

    async def test_cancelled_turn_can_be_taken_again(self, agent: Agent) -> None:
        conversation = await agent.hear("¿cuánto cuesta?")
        await cancel(agent, conversation)
        assert await retry(agent, await latest_turn(agent)) == ""
        await agent.answer(conversation)
        assert len(agent.sender.taken) == 1

    async def test_what_was_answered_since_is_not_answered_twice(self, agent: Agent) -> None:
        turn_id = await fail(agent)
        await agent.hear("¿hola?")
        await agent.answer(await agent.value("select id from conversations"))
        assert await retry(agent, turn_id) == ANSWERED

    async def test_conversation_of_staff_stays_theirs(self, agent: Agent) -> None:
        turn_id = await fail(agent)
        await agent.change("update conversations set owner = 'staff'")
        assert await retry(agent, turn_id) == STAFFS


class TestList:
    @pytest.fixture
    async def turns(self, agent: Agent) -> None:
        """One answered turn and one that failed, of two prospects."""
        await agent.answer(await agent.hear("¿cuánto cuesta?", sender="+34600000001"))
        await fail(agent)

    @pytest.mark.parametrize(
        ("wanted", "states"),
        [
            (RunFilter(), ["failed", "done"]),
            (RunFilter(state="done"), ["done"]),
            (RunFilter(state="failed"), ["failed"]),
            (RunFilter(decision="send"), ["done"]),
            (RunFilter(intent="pricing"), ["done"]),
            (RunFilter(intent="greeting"), []),
            (RunFilter(channel="whatsapp"), ["failed", "done"]),
            (RunFilter(channel="sms"), []),
            (RunFilter(error="BROKEN"), ["failed"]),
            (RunFilter(error="100%"), []),
        ],
        ids=str,
    )
    async def test_a_filter_shows_what_fits(
        self, agent: Agent, turns: None, wanted: RunFilter, states: list[str]
    ) -> None:
        async with agent.deps.db.tenant(agent.tenant_id) as tx:
            page = await list_runs(tx, wanted)
        assert [run.state for run in page.runs] == states

    async def test_pages_follow_one_another_without_gap_or_double(self, agent: Agent, turns: None) -> None:
        async with agent.deps.db.tenant(agent.tenant_id) as tx:
            first = await list_runs(tx, RunFilter(), limit=1)
            second = await list_runs(tx, RunFilter(), first.next_place, limit=1)
            end = await list_runs(tx, RunFilter(), second.next_place, limit=1)
        assert [run.state for run in (*first.runs, *second.runs, *end.runs)] == ["failed", "done"]
        assert end.next_place is None

    async def test_a_filter_that_nothing_fits_looks_back_over_a_bounded_part(self, agent: Agent, turns: None) -> None:
        await agent.change(
            """insert into turns (id, tenant_id, conversation_id, state, first_seq, last_seq, trace_id, created_at,
                                  finished_at)
               select gen_random_uuid(), tenant_id, conversation_id, 'done', 1, 1, '', now() - g * interval '1 s', now()
               from (select * from turns limit 1) t, generate_series(1, %s) g""",
            LOOK_BACK,
        )
        async with agent.deps.db.tenant(agent.tenant_id) as tx:
            page = await list_runs(tx, RunFilter(channel="sms"))
            assert (page.runs, page.next_place is not None) == ([], True)
            end = await list_runs(tx, RunFilter(channel="sms"), page.next_place)
        assert (end.runs, end.next_place) == ([], None)

    async def test_work_that_nobody_has_begun_is_listed_too(self, agent: Agent) -> None:
        conversation = await agent.hear("¿cuánto cuesta?")
        async with agent.deps.db.tenant(agent.tenant_id) as tx:
            (work,) = await list_work(tx, RunFilter())
            none = await list_work(tx, RunFilter(state="waiting"))
        assert (work.conversation_id, work.state, work.turn_id, none) == (conversation, "queued", None, [])


class TestReplay:
    async def test_todays_version_is_compared_and_nothing_is_sent_or_kept(self, agent: Agent, clock: FakeClock) -> None:
        conversation = await agent.hear("¿cuánto cuesta?")
        await agent.answer(conversation)
        turn_id = await latest_turn(agent)
        clock.advance(3 * 86_400)
        agent.models.texts = ("Hoy escribimos {price:EN-INT}, como siempre.",)
        before = await agent.rows("select * from messages"), await agent.rows("select * from turns")
        then, now = await replay_turn(agent.tenant_id, turn_id, agent.deps, trace_seed="x")
        assert (then.decision, now.decision, then.intent, now.intent) == ("send", "send", "pricing", "pricing")
        assert "Hoy escribimos" in now.text
        assert "Hoy escribimos" not in then.text
        assert (await agent.rows("select * from messages"), await agent.rows("select * from turns")) == before
        assert len(agent.sender.taken) == 1

    async def test_its_calls_count_towards_the_tenant_and_not_the_turn(self, agent: Agent) -> None:
        await agent.answer(await agent.hear("¿cuánto cuesta?"))
        turn_id = await latest_turn(agent)
        _, now = await replay_turn(agent.tenant_id, turn_id, agent.deps, trace_seed="x")
        assert now.cost_microusd == 240
        assert await agent.value("select count(*) from model_calls where turn_id is null") == 2
        assert await agent.value("select cost_microusd from spending where scope = 'tenant_day'") == 480
        assert await agent.value("select cost_microusd from spending where scope = 'message'") == 240

    async def test_a_turn_whose_messages_another_has_answered_is_replayed_by_their_numbers(self, agent: Agent) -> None:
        turn_id = await fail(agent)
        await retry(agent, turn_id)
        await agent.answer(await agent.value("select id from conversations"))
        then, now = await replay_turn(agent.tenant_id, turn_id, agent.deps, trace_seed="x")
        assert (then.decision, now.decision) == ("superseded", "send")

    async def test_a_replay_asked_for_is_done_once(self, agent: Agent) -> None:
        await agent.answer(await agent.hear("¿cuánto cuesta?"))
        turn_id = await latest_turn(agent)
        async with agent.deps.db.tenant(agent.tenant_id) as tx:
            replay_id = await insert_replay(tx, agent.tenant_id, turn_id, None)
        for _ in range(2):
            await run_replay(agent.tenant_id, replay_id, agent.deps)
        async with agent.deps.db.tenant(agent.tenant_id) as tx:
            done = await find_replay(tx, replay_id)
        assert done is not None
        assert done.result is not None
        assert (done.state, done.result["after"]["decision"]) == ("done", "send")
        assert await agent.value("select count(*) from events where kind = 'turn.replayed'") == 1

    async def test_without_a_model_it_says_that_the_turn_would_wait(self, agent: Agent, clock: FakeClock) -> None:
        await agent.answer(await agent.hear("¿cuánto cuesta?"))
        build_outages(agent, clock).unplug()
        _, now = await replay_turn(agent.tenant_id, await latest_turn(agent), agent.deps, trace_seed="x")
        assert now.decision == "waiting"
        assert await agent.value("select count(*) from outages") == 0


class TestFigures:
    async def test_an_hour_is_counted_from_what_happened(self, agent: Agent, clock: FakeClock) -> None:
        clock.now = now = await agent.value("select clock_timestamp()")
        await agent.answer(await agent.hear("¿cuánto cuesta?", sender="+34600000001"))
        await fail(agent)
        async with agent.deps.db.tenant(agent.tenant_id) as tx:
            (hour,) = await count_hours(tx, now - HOUR, now + HOUR)
        figures = {
            name: value for name, value in hour.figures.items() if name.partition(".")[0] not in ("decided", "handed")
        }
        assert figures == {
            "turn.send": 1,
            "turn.failed": 1,
            "message.inbound": 2,
            "message.agent": 1,
            "funnel.begun": 2,
            "spend.standard": 240,
            "call.standard": 2,
            "cause.failed": 1,
        }

    async def test_kept_hours_and_fresh_ones_add_up_by_day_of_the_zone(self, agent: Agent, clock: FakeClock) -> None:
        await agent.answer(await agent.hear("¿cuánto cuesta?"))
        clock.now = await agent.value("select clock_timestamp()")
        await agent.change("update turns set created_at = created_at - interval '2 hours'")
        assert await keep_tenant_figures(agent.tenant_id, agent.deps) == 31 * 24
        async with agent.deps.db.tenant(agent.tenant_id) as tx:
            last = await find_last_hour(tx)
            assert last == clock.now.replace(minute=0, second=0, microsecond=0) - HOUR
            days = await sum_hours(tx, [], since=clock.now - timedelta(days=2), timezone="Asia/Tokyo", unit="day")
        assert sum(day.figures.get("turn.send", 0) for day in days) == 1

    async def test_an_hour_is_counted_again_ever_more_rarely(self, agent: Agent, clock: FakeClock) -> None:
        clock.now = clock.now.replace(minute=1)
        await keep_tenant_figures(agent.tenant_id, agent.deps)
        counted = []
        for _ in range(24):
            clock.advance(300)
            async with agent.deps.db.tenant(agent.tenant_id) as tx:
                due = await list_unsettled_hours(tx, clock.now, limit=100)
            hour = clock.now.replace(hour=14, minute=0)
            counted += [clock.now] if hour in due else []
            if due:
                await keep_tenant_figures(agent.tenant_id, agent.deps)
        assert 3 <= len(counted) <= 6


class TestCommandLine:
    async def test_operators_list_show_cancel_and_retry(
        self, agent: Agent, settings: Settings, database_urls: DatabaseUrls
    ) -> None:
        settings = settings.model_copy(update={"database_url": SecretStr(database_urls.app_url)})
        slug = str(await agent.value("select slug from tenants"))
        failed = await fail(agent)
        waiting = await agent.hear("hola", sender="+34600000001")

        async def told(work: Callable[[Console], Awaitable[None]]) -> str:
            out = Console(file=io.StringIO(), width=300)
            await work(out)
            return out.file.getvalue()  # type: ignore[attr-defined, no-any-return]  # it is the StringIO above

        listed = json.loads(await told(lambda out: run_list(settings, slug, RunFilter(), out, limit=5, as_json=True)))
        assert [each["state"] for each in (*listed["work"], *listed["runs"])] == ["queued", "failed"]
        table = await told(lambda out: run_list(settings, slug, RunFilter(state="failed"), out, limit=5, as_json=False))
        assert "ValueError: broken" in table
        shown = await told(lambda out: run_show(settings, slug, failed, out, as_json=False))
        assert "< ¿cuánto cuesta?" in shown
        assert "Cancelled" in await told(lambda out: run_cancel(settings, slug, waiting, out))
        assert "wait to be answered" in await told(lambda out: run_retry(settings, slug, failed, out))
        with pytest.raises(NightshiftError, match="Only a turn that failed"):
            await told(lambda out: run_retry(settings, slug, failed, out))
        with pytest.raises(NightshiftError, match="no state"):
            await told(lambda out: run_list(settings, slug, RunFilter(state="odd"), out, limit=5, as_json=False))
        with pytest.raises(NightshiftError, match="has no run"):
            await told(lambda out: run_show(settings, slug, UUID(int=1), out, as_json=False))
