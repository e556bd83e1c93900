"""Simulated rollouts: how often an equal version is rolled back, and how soon a worse one.

Each conversation of both arms is drawn; a tenth is exposed; the looks, the judgement and its critical values are those
of production (`agent.rollouts.criteria`, `agent.rollouts.sequential`). The measures are independent of each other here,
which is the worst case for false alarms. Run alone: `python -m tests.benchmarks.rollouts`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from agent.rollouts.criteria import CAPPED, MEASURES, SCHEDULE, Criterion, Measure, breaches, judge, share_alpha
from agent.rollouts.sequential import Sample

ROLLOUTS = 1_000
EXPOSED = 1_000
"""Conversations with the candidate, at which a rollout has held."""
CONTROLS = 9
"""Other conversations for each of them."""
USUAL: Mapping[Measure, float] = {
    "errors": 0.02,
    "latency": 0.25,
    "cost": 0.25,
    "escalation": 0.10,
    "disapproval": 0.08,
    "complaints": 0.02,
    "no_conversion": 0.92,
}
"""Means of a version in use."""
HISTORY = 2_000
"""Conversations before the start, from which it is known how the measures vary."""
SPREAD = 8.0
"""Seconds and money are drawn from a beta distribution of this concentration, shares as yes or no."""
WORSE = 0.05
"""Five points."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """How a simulated rollout ended. `exposed` is None where it held."""

    exposed: int | None
    measure: Measure | None = None


def fix(rng: np.random.Generator, usual: Mapping[Measure, float]) -> tuple[Criterion, ...]:
    """Return all criteria as a rollout has them that starts after such a history."""
    criteria = tuple(Criterion(measure=measure, cap=2.0 if measure in CAPPED else 1.0) for measure in usual)
    history = {name: _sample(_sums(rng, name, mean, HISTORY), HISTORY) for name, mean in usual.items()}
    return share_alpha(criteria, history)


def simulate(
    rng: np.random.Generator,
    criteria: Sequence[Criterion],
    worse: Mapping[Measure, float],
    usual: Mapping[Measure, float],
) -> Ending:
    """Run one rollout of a version whose means are higher by `worse`, until it is rolled back or has held."""
    candidate = {name: _sums(rng, name, mean + worse.get(name, 0.0), EXPOSED) for name, mean in usual.items()}
    control = {name: _sums(rng, name, mean, EXPOSED * CONTROLS) for name, mean in usual.items()}
    looks: list[int] = []
    for exposed in range(1, EXPOSED):
        if exposed >= SCHEDULE.next_look(looks):
            looks.append(exposed)
            arms = {
                name: (_sample(candidate[name], exposed), _sample(control[name], exposed * CONTROLS)) for name in usual
            }
            if failed := breaches(judge(criteria, arms, looks)):
                return Ending(exposed=exposed, measure=failed[0].criterion.measure)
    return Ending(exposed=None)


def _sums(rng: np.random.Generator, measure: Measure, mean: float, n: int) -> np.ndarray:
    """Draw a measure of `n` conversations; return running sums of the values, their squares and third powers."""
    if measure in CAPPED:
        values = rng.beta(mean * SPREAD, (1 - mean) * SPREAD, n)
    else:
        values = (rng.random(n) < mean).astype(float)
    return np.cumsum(np.stack([values, values**2, values**3]), axis=1)


def _sample(sums: np.ndarray, n: int) -> Sample:
    total, squares, cubes = (float(each) for each in sums[:, n - 1])
    return Sample(n=n, total=total, squares=squares, cubes=cubes)


def run_many(
    worse: Mapping[Measure, float], *, rollouts: int, seed: int = 7, usual: Mapping[Measure, float] = USUAL
) -> list[Ending]:
    """Run rollouts of the same kind."""
    rng = np.random.default_rng(seed)
    criteria = fix(rng, usual)
    return [simulate(rng, criteria, worse, usual) for _ in range(rollouts)]


def share_rolled_back(endings: list[Ending]) -> float:
    """Return the share of rollouts that were rolled back."""
    return sum(each.exposed is not None for each in endings) / len(endings)


def run(rollouts: int = ROLLOUTS) -> Iterator[tuple[str, str]]:
    """Yield the table: which version, and how often and how soon it was rolled back."""
    equal = run_many({}, rollouts=rollouts)
    yield "rollout of an equal version", f"rolled back {share_rolled_back(equal):.1%} of {rollouts} (at most 5 %)"
    for measure in MEASURES:
        yield _line(f"{WORSE:.0%} worse: {measure}", run_many({measure: WORSE}, rollouts=rollouts))
    yield _line(f"{WORSE:.0%} worse: all", run_many(dict.fromkeys(MEASURES, WORSE), rollouts=rollouts))
    for rate in (0.2, 0.5):
        endings = run_many({"escalation": WORSE}, rollouts=rollouts, usual={**USUAL, "escalation": rate})
        yield _line(f"{WORSE:.0%} worse: escalation, from {rate:.0%}", endings)


def _line(what: str, endings: list[Ending]) -> tuple[str, str]:
    after = [each.exposed for each in endings if each.exposed is not None]
    soon = f", half of them by {median(after):.0f} exposed conversations" if after else ""
    return f"rollout, {what}", f"rolled back {share_rolled_back(endings):.1%} before {EXPOSED}{soon}"


if __name__ == "__main__":
    for what, figure in run():
        print(f"{what:45} {figure}", flush=True)  # noqa: T201 — its output
