"""`nightshift clock`."""

from agent.settings import Settings
from jobs.clock import run_clock
from jobs.process import announce, stop_event
from jobs.wiring import open_store


async def run_clock_process(settings: Settings, *, supervised: bool) -> None:
    """Run the clock until it is told to stop."""
    async with stop_event(supervised=supervised) as stop, open_store(settings, connections=4) as (deps, queue):
        announce()
        await run_clock(deps, queue, stop)
