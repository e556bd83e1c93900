"""Adding a file to what is being written: it is sent as it is, and kept until its text leaves."""

from starlette.responses import Response

from agent.errors import BadRequest, MediaRefused, Retryable
from agent.media.types import MAX_MEDIA_BYTES
from agent.ports import Fetched
from agent.staff.files import keep_file
from agent.types import ConversationId
from channels.inbox.conversation_page import load_head
from channels.inbox.visit import Visit

MAX_FILE = MAX_MEDIA_BYTES + 1
"""One byte more than is taken: who sends more is told what the limit is."""


async def take_file(visit: Visit) -> Response:
    """Keep a file, and show it as part of the text; or say why it is not taken."""
    conversation_id = ConversationId(visit.path_id("id"))
    try:
        async with visit.tx() as tx:
            await load_head(tx, conversation_id)
            file = Fetched(content=visit.content, filename=visit.query("name"))
            upload = await keep_file(tx, conversation_id, file, visit.member, visit.deps)
    except MediaRefused as exc:
        raise BadRequest(f"Not added: {exc}.") from exc
    except Retryable as exc:
        raise BadRequest("Not added: files cannot be kept at the moment. Try again.", status=503) from exc
    return visit.page("_upload.html", upload=upload)
