"""Message templates: what a tenant file says of them, what the provider knows of them, one filled in, a proposal.

A template is a text that WhatsApp has approved beforehand, with numbered or named places; only templates may leave
once a reply window has closed. Free of I/O, and imported by `agent.types`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID

TemplatePurpose = Literal["reopen", "price_answer", "follow_up", "appointment"]
"""What a template is for: to resume a conversation, to answer about a price, to follow up, about an appointment."""
Category = Literal["utility", "marketing", "authentication", ""]
"""WhatsApp's category, which decides price and reach; empty where none has been asked for."""
Approval = Literal["unsubmitted", "received", "pending", "approved", "rejected", "paused", "disabled", "unknown"]
"""WhatsApp's word on a template. Only `approved` may be sent."""
APPROVALS: tuple[Approval, ...] = get_args(Approval)


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateVariable:
    """Where the value of one place comes from (`agent.templates.filling` lists the sources)."""

    source: str
    otherwise: str = ""
    """What to say where the source has nothing; empty: then the template cannot be used."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateUse:
    """A template that a tenant may use, and for what. Exactly one of `name` and `sid` is given.

    Several tenants may share one provider account: each sees the templates its own file lists, and no others.
    """

    purpose: TemplatePurpose
    language: str
    name: str = ""
    sid: str = ""
    variables: Mapping[str, TemplateVariable] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What people call it."""
        return self.name or self.sid


@dataclass(frozen=True, kw_only=True, slots=True)
class Template:
    """A template as the provider describes it."""

    sid: str
    name: str
    language: str
    """As the provider writes it: `es`, `pt_BR`."""
    category: Category
    types: Mapping[str, Mapping[str, Any]]
    """Its content by type, such as `twilio/text`, with `{{1}}` where a value goes."""
    variables: Mapping[str, str]
    """The samples it was approved with. The provider sends these for whatever is left out."""
    approval: Approval
    approved_type: str = ""
    """The content type that was submitted for approval."""
    rejection_reason: str = ""
    synced_at: datetime | None = None
    """When the provider was last asked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FilledTemplate:
    """A template with a value for every place: what is sent instead of a text."""

    sid: str
    name: str
    language: str
    category: Category
    purpose: TemplatePurpose
    variables: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """What to do about a text that may not leave as it is, because the reply window has closed."""

    kind: Literal["template", "channel", "person"]
    reason: str
    text: str
    """What the contact would read: the filled template, or the text as it was written."""
    template: FilledTemplate | None = None
    channel: str = ""
    """For `channel`: the one to write on …"""
    conversation_id: UUID | None = None
    """… and the conversation of the same contact there."""
    passed_over: tuple[str, ...] = ()
    """What was considered before, and why it will not do."""
