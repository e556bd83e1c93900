"""Waiting that takes no time."""

import asyncio


async def no_wait(seconds: float) -> None:
    """Let everybody else go on, and go on."""
    await asyncio.sleep(0)
