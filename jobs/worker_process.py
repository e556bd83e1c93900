"""`nightshift worker`: everything a worker needs is loaded here, models included."""

import asyncio

from agent.settings import Settings
from channels.email_imap import parse_imap_url
from jobs.agent_wiring import open_agent
from jobs.mailboxes import read_mailboxes
from jobs.process import announce, stop_event
from jobs.worker import run_worker


async def run_worker_process(settings: Settings, *, supervised: bool) -> None:
    """Run a worker until it is told to stop."""
    mailboxes = [parse_imap_url(url.get_secret_value()) for url in settings.imap_url]
    async with stop_event(supervised=supervised) as stop, open_agent(settings) as (deps, queue):
        announce()
        async with asyncio.TaskGroup() as group:
            group.create_task(read_mailboxes(mailboxes, deps, stop))
            await run_worker(deps, queue, stop)
