"""SIGKILL at every fault point on every way: what has the provider got, once for each decided reply?

Every cell is an installation of its own: a database, a web process, a worker, a model, a provider. One process kills
itself at the point; another is started, waits for leases and claims to lapse, and ends the work. It must be exactly one
message or, for mail in doubt, which nobody can be asked for, one shown to staff as unknown. Run: `make crash-matrix`.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import get_args

from agent.faults import POINTS
from agent.local.classifier import LocalClassifier
from agent.local.encoder import load_encoder
from tests.chaos.crash import Crash, crash, points_of
from tests.chaos.ways import ACCOUNTS, WayName
from tests.stores import create_store, durable_home

WAYS: tuple[WayName, ...] = get_args(WayName)
AT_ONCE = 6
"""Installations at a time: most of a cell is waiting."""


async def run(ways: Sequence[WayName], points: Sequence[str], *, at_once: int = AT_ONCE) -> list[Crash]:
    """Crash at each of the points on each of the ways, and show how far it is."""
    cells = [(way, point) for point in points for way in ways if point in points_of(way)]
    with durable_home() as server, tempfile.TemporaryDirectory(prefix="nightshift-crash-") as directory:
        home = Path(directory)
        LocalClassifier.load(home, load_encoder())
        store = await create_store(server, "crash", quiet_s=0.2, max_wait_s=0.5, channels=ACCOUNTS)
        numbers, slots, done = count(1), asyncio.Semaphore(at_once), count(1)

        async def cell(way: WayName, point: str) -> Crash:
            async with slots:
                number = next(numbers)
                logs = await asyncio.to_thread(_directory, home, number)
                crashed = await crash(way, point, store.clone(f"{store.name}_{number}"), home, logs)
                mark = "" if crashed.is_right else f"\n{crashed}"
                print(f"{next(done)}/{len(cells)} {point} {way}: {crashed.verdict}{mark}", file=sys.stderr, flush=True)  # noqa: T201 — progress
                return crashed

        return list(await asyncio.gather(*(cell(way, point) for way, point in cells)))


def _directory(home: Path, number: int) -> Path:
    logs = home / f"cell-{number}"
    logs.mkdir()
    return logs


def draw(crashes: Sequence[Crash]) -> Iterator[str]:
    """Yield the matrix, a line a point, and what it amounts to."""
    ways = [way for way in WAYS if any(each.way == way for each in crashes)]
    found = {(each.way, each.point): each for each in crashes}
    yield " " * 24 + "".join(f"{way:26}" for way in ways)
    for point in POINTS:
        row = [found.get((way, point)) for way in ways]
        if any(row):
            yield f"{point:24}" + "".join(f"{_cell(each):26}" for each in row)
    wrong = [each for each in crashes if not each.is_right]
    slowest = max(crashes, key=lambda each: each.took_s)
    yield (
        f"{len(crashes)} crashes: {sum(each.verdict == 'once' for each in crashes)} ended with one message, "
        f"{sum(each.verdict.startswith('unknown') for each in crashes)} unknown, {len(wrong)} wrong; "
        f"slowest recovery {slowest.took_s:.0f} s ({slowest.point}, {slowest.way})"
    )
    yield from (str(each) for each in wrong)


def _cell(crashed: Crash | None) -> str:
    if crashed is None:
        return "·"
    verdict = crashed.verdict if crashed.is_right else "WRONG"
    return f"{verdict} ({crashed.took_s:.0f} s)"


def main() -> int:
    """Run what is asked for, print the matrix, and return 1 if a cell is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--points", nargs="+", choices=POINTS, default=POINTS)
    parser.add_argument("--at-once", type=int, default=AT_ONCE)
    asked = parser.parse_args()
    begun = perf_counter()
    crashes = asyncio.run(run(asked.ways, asked.points, at_once=asked.at_once))
    for line in draw(crashes):
        print(line)  # noqa: T201 — its output
    print(f"{perf_counter() - begun:.0f} s")  # noqa: T201
    return 1 if any(not each.is_right for each in crashes) else 0


if __name__ == "__main__":
    sys.exit(main())
