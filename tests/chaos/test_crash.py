"""A few crashes of the matrix (`make crash-matrix` has all of them), in a hurry: nobody waits for a lease to lapse."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.crash import crash
from tests.chaos.ways import ACCOUNTS, WayName
from tests.stores import create_store

SAMPLE: dict[tuple[WayName, str], str] = {
    ("sendgrid", "receive.storing"): "once",
    ("sms", "turn.deciding"): "once",
    ("smtp", "deliver.called"): "unknown, sent",
}


@pytest.mark.soak
async def test_crash_at_a_fault_point_leads_to_one_message_or_one_of_known_doubt(
    server_home: Path, store_names: Iterator[str], agent_home: Path, tmp_path: Path
) -> None:
    store = await create_store(server_home, next(store_names), quiet_s=0.1, max_wait_s=0.2, channels=ACCOUNTS)
    cells = []
    for way, point in SAMPLE:
        name = next(store_names)
        (tmp_path / name).mkdir()
        cells.append(crash(way, point, store.clone(name), agent_home, tmp_path / name, hurry=True))
    crashes = await asyncio.gather(*cells)
    assert {(each.way, each.point): each.verdict for each in crashes} == SAMPLE, crashes
