"""Waiting that takes no time."""

import asyncio

from tests.conftest import FakeClock


async def no_wait(seconds: float) -> None:
    """Let everybody else go on, and go on."""
    await asyncio.sleep(0)


class SleepingClock(FakeClock):
    """A clock that moves when somebody sleeps by it, and only then."""

    async def sleep(self, seconds: float) -> None:
        """Let the time pass at once."""
        self.advance(seconds)
        await asyncio.sleep(0)
