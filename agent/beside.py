"""Work beside other work, which never outlives it."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

T = TypeVar("T")


@asynccontextmanager
async def beside(work: Coroutine[Any, Any, T]) -> AsyncIterator["asyncio.Task[T]"]:
    """Run `work` while the block runs; the block awaits the task for its result.

    A block that fails or is cancelled is finished first, with all that it still has to write down; then `work` is
    cancelled, if it is not done. (`asyncio.gather` goes on at the first of several that end, and leaves the others.)
    """
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)  # the block has its result, or a failure of its own
