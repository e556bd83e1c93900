"""Promise P9 over turns of every kind: one trace each, no orphans, costs to the micro-dollar, scores, and no leaks.

The same for 500 turns is `python -m tests.benchmarks.traces`.
"""

from agent.language import LanguageDetector
from agent.local.encoder import Encoder
from agent.store.db import Database
from tests.conftest import FakeClock
from tests.doubles.langfuse import FakeLangfuse
from tests.trace_kinds import kinds_of_scores, open_world, prove

EACH = 3


async def test_turns_of_every_kind_are_one_whole_trace_each_and_leak_nothing(
    db: Database, clock: FakeClock, detector: LanguageDetector, encoder: Encoder, langfuse: FakeLangfuse
) -> None:
    async with open_world(db, clock, detector, encoder, langfuse) as world:
        for _ in range(EACH):
            for play in world.kinds.values():
                await play()
        await world.days_later()
        await world.arrive()
        proof = await prove(world)
    assert proof.problems == {}
    assert proof.turns == EACH * (len(world.kinds) + 1), "an opt-out takes two"
    assert proof.cost_microusd > 0
    names = {"delivery", "review", "rejected_because", "replied", "opt_out", "booked", "won"}
    assert names <= {*kinds_of_scores(langfuse)}
