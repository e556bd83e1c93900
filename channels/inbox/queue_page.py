"""The queue: what needs a person, the most pressing first."""

from starlette.responses import Response

from channels.inbox.visit import Visit


async def show(visit: Visit) -> Response:
    """Show the queue."""
    return visit.page("queue.html")
