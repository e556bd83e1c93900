"""Members: the staff of a tenant, and what each role may do."""

from dataclasses import dataclass, field
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from agent.types import MemberId, TenantId

Role = Literal["viewer", "reviewer", "manager"]
"""Reads; also answers prospects; also changes catalogue, policies, settings and members."""
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One of a tenant's staff."""

    id: MemberId
    tenant_id: TenantId
    name: str
    email: str
    role: Role
    language: str = "en"
    timezone: str = "UTC"
    """IANA name: their own, else the tenant's."""
    preferences: dict[str, object] = field(default_factory=dict)

    def may(self, role: Role) -> bool:
        """Whether they have this role or a higher one. The database enforces the same (`member_may`)."""
        return ROLES.index(self.role) >= ROLES.index(role)

    @property
    def zone(self) -> ZoneInfo:
        """Their time zone."""
        return ZoneInfo(self.timezone)

    @property
    def actor(self) -> str:
        """How events name them."""
        return f"member:{self.id}"
