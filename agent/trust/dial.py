"""The trust dial: how free the agent is, by tenant, channel and intent (promise P10).

    off         writes nothing: a person answers
    shadow      writes along on live traffic; nobody is sent it, and staff answer without seeing it
    review      writes; a person approves, edits or rejects
    canary      sends by itself in a tenth of the conversations, the rest is as in review
    autonomous  sends by itself

What the law wants said (a confirmation that we stop, who we are) is said at every level. The dial is asked when a turn
is decided and again when its answer is about to leave: whoever turns it down stops what has not left yet.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from agent.store import trust as store
from agent.store.db import Tx
from agent.types import (
    TRUST_LEVELS,
    Candidate,
    Classification,
    Decision,
    Escalate,
    Purpose,
    Reply,
    Send,
    Source,
    Tenant,
    TrustLevel,
    Turn,
    Wait,
)

SHARE_PERCENT = 10
"""Of conversations, in which the agent sends by itself on `canary`."""
LEGAL: frozenset[Purpose] = frozenset({"opt_out_confirmation", "opt_in_confirmation", "help"})
"""What is said at every level."""
ANSWERED_BY_STAFF = "Staff answer these themselves"
APPROVED_BY_STAFF = "Staff approve the answers to these"


def level_for(levels: Mapping[str, TrustLevel], intent: str, tenant: Tenant) -> TrustLevel:
    """Return the level for an intent: its own, the channel's, or the tenant's usual one."""
    return levels.get(intent) or levels.get("") or tenant.policy.trust


def in_share(conversation_id: UUID) -> bool:
    """Whether a conversation is among those in which the agent sends by itself on `canary`: always the same ones."""
    digest = hashlib.sha256(b"trust" + conversation_id.bytes).digest()
    return int.from_bytes(digest[:8]) / 2**64 < SHARE_PERCENT / 100


def freedom(level: TrustLevel, conversation_id: UUID) -> TrustLevel:
    """Return the level that a conversation really has: `canary` is `autonomous` for some, and `review` for the rest."""
    if level != "canary":
        return level
    return "autonomous" if in_share(conversation_id) else "review"


def is_off(turn: Turn, intent: str) -> bool:
    """Whether nothing is to be written at all, as the dial stood when the turn began."""
    return level_for(turn.trust, intent, turn.tenant) == "off"


async def find_freedom(tx: Tx, turn: Turn, intent: str) -> TrustLevel:
    """Return how free the agent is to answer a turn, as the dial stands now."""
    levels = await store.read_channel(tx, turn.tenant.id, turn.conversation.channel)
    return freedom(level_for(levels, intent, turn.tenant), turn.conversation.id)


def may_leave(candidate: Candidate, source: Source, level: TrustLevel) -> bool:
    """Whether a text of ours may leave without a person, at a level that a conversation really has."""
    if candidate.author == "staff" or candidate.purpose in LEGAL or level == "autonomous":
        return True
    return level == "review" and source == "rule"


async def restrict(tx: Tx, turn: Turn, decision: Decision, classification: Classification | None) -> Decision:
    """Return what is left of a decision at the level that the dial stands at: what may not leave, a person gets."""
    level = await find_freedom(tx, turn, classification.intent if classification else "")
    return restricted(decision, level)


def restricted(decision: Decision, level: TrustLevel) -> Decision:
    """Return what is left of a decision at a level that a conversation really has."""
    match decision:
        case Send(reply=reply) if not may_leave(reply.candidate, reply.source, level):
            if level == "review":
                text = reply.candidate.text
                return Escalate(reason=APPROVED_BY_STAFF, detail=decision.reason, draft=text, verdicts=reply.verdicts)
            return Escalate(reason=ANSWERED_BY_STAFF)
        case Escalate(reply=reply):
            kept = reply if _may_leave(reply, level) else None
            return replace(decision, reply=kept, draft=None if level in ("off", "shadow") else decision.draft)
        case Wait(line=line) if not _may_leave(line, level):
            return replace(decision, line=None)
        case _:
            return decision


def _may_leave(reply: Reply | None, level: TrustLevel) -> bool:
    return reply is not None and may_leave(reply.candidate, reply.source, level)


def is_up(before: TrustLevel, after: TrustLevel) -> bool:
    """Whether a move gives the agent more freedom."""
    return TRUST_LEVELS.index(after) > TRUST_LEVELS.index(before)
