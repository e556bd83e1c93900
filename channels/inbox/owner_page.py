"""Who answers a conversation: taking it over and handing it back, from the conversation's head."""

from starlette.responses import Response

from agent.escalation.ownership import hand_back, take_over
from agent.staff.snooze import SnoozeError, parse_snooze
from agent.types import ConversationId
from channels.inbox.conversation_page import load_head
from channels.inbox.visit import Visit


async def take(visit: Visit) -> Response:
    """Let the member answer from now on; until a time, if one is named."""
    conversation_id, now = ConversationId(visit.path_id("id")), visit.deps.now()
    words = visit.field("until", longest=100)
    problem, until = "", None
    try:
        until = parse_snooze(words, now, visit.member.zone) if words else None
    except SnoozeError as exc:
        problem = str(exc)
    async with visit.tx() as tx:
        await load_head(tx, conversation_id)
        if not problem:
            announce = visit.deps if visit.field("announce") else None
            await take_over(tx, conversation_id, visit.member, until=until, announce=announce)
        head = await load_head(tx, conversation_id)
    return visit.page("_conversation_head.html", head=head, window=head.window(now), problem=problem)


async def give_back(visit: Visit) -> Response:
    """Let the agent answer again."""
    conversation_id = ConversationId(visit.path_id("id"))
    async with visit.tx() as tx:
        await load_head(tx, conversation_id)
        await hand_back(tx, conversation_id, visit.member, visit.deps, announce=bool(visit.field("announce")))
        head = await load_head(tx, conversation_id)
    return visit.page("_conversation_head.html", head=head, window=head.window(visit.deps.now()))
