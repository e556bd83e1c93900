"""What every observation of a turn's trace carries, whichever process makes it."""

from typing import NotRequired, TypedDict

from agent.tracing.masking import name_parts
from agent.types import Turn


class TraceAttributes(TypedDict):
    """How a trace is found: its id, its conversation, its contact as a pseudonym, its tags and its version."""

    trace_id: str
    session_id: str
    user_id: str
    tags: list[str]
    metadata: dict[str, str]
    version: NotRequired[str]
    names: NotRequired[tuple[str, ...]]
    """Words that are hidden in all texts."""


def attributes_of(turn: Turn, *tags: str, **metadata: str) -> TraceAttributes:
    """Return what the trace of a turn is opened and continued with; `tags` and `metadata` are added to what all have.

    The contact is known by our id for them alone: who they are stays here.
    """
    return TraceAttributes(
        trace_id=turn.trace_id,
        session_id=str(turn.conversation.id),
        user_id=str(turn.conversation.contact.id),
        tags=[turn.tenant.slug, turn.conversation.channel, *tags],
        metadata={"tenant": turn.tenant.slug, "turn": str(turn.id), **metadata},
        version=turn.version,
        names=name_parts(turn.conversation.contact.name),
    )
