"""What a mail carries around its text: the tenant's name and signature, and where answers and the way out lead."""

from dataclasses import replace

from agent.store.db import Tx
from agent.store.mail import get_token
from agent.types import PROACTIVE, Candidate, Letterhead, OutboundMessage, Turn


async def with_letterhead(tx: Tx, message: OutboundMessage, candidate: Candidate, turn: Turn) -> OutboundMessage:
    """Return a mail with its letterhead, the same at every attempt; a message of another channel as it is."""
    if message.channel != "email":
        return message
    tenant, conversation_id = turn.tenant, turn.conversation.id
    is_proactive = candidate.purpose in PROACTIVE
    signatures = tenant.mail_signature
    letterhead = Letterhead(
        sender_name=tenant.name,
        language=candidate.language,
        signature=signatures.get(candidate.language) or signatures.get(tenant.default_language, ""),
        reply_token=await get_token(tx, conversation_id, "reply"),
        unsubscribe_token=await get_token(tx, conversation_id, "unsubscribe") if is_proactive else None,
        is_automatic=candidate.author != "staff",
        is_proactive=is_proactive,
    )
    return replace(message, letterhead=letterhead)
