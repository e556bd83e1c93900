"""`nightshift worker`: everything a worker needs is loaded here, models included."""

from agent.settings import Settings
from jobs.agent_wiring import open_agent
from jobs.process import announce, stop_event
from jobs.worker import run_worker


async def run_worker_process(settings: Settings, *, supervised: bool) -> None:
    """Run a worker until it is told to stop."""
    async with stop_event(supervised=supervised) as stop, open_agent(settings) as (deps, queue):
        announce()
        await run_worker(deps, queue, stop)
