"""The inbox's main navigation."""

from dataclasses import dataclass

from agent.staff.members import Member, Role


@dataclass(frozen=True, kw_only=True, slots=True)
class NavItem:
    """A link of the main navigation. `label` is a message to translate."""

    href: str
    label: str
    role: Role = "viewer"
    also: tuple[str, ...] = ()
    """Further addresses whose pages belong under it."""

    def is_current(self, path: str) -> bool:
        """Whether the page at `path` belongs under this link."""
        under = self.also if self.href == "/inbox" else (self.href, *self.also)
        return path in (self.href, *under) or any(path.startswith(f"{each}/") for each in under)


def N_(message: str) -> str:  # noqa: N802 — gettext's name for "translate this where it is shown"
    """Mark a message for translation."""
    return message


NAVIGATION = (
    NavItem(href="/inbox", label=N_("Queue")),
    NavItem(href="/inbox/conversations", label=N_("Conversations")),
    NavItem(href="/inbox/search", label=N_("Search")),
    NavItem(href="/inbox/contacts", label=N_("Contacts")),
    NavItem(href="/inbox/catalogue", label=N_("Catalogue")),
    NavItem(
        href="/inbox/operations", label=N_("Operations"), also=("/inbox/runs", "/inbox/evaluation", "/inbox/rollouts")
    ),
    NavItem(href="/inbox/settings", label=N_("Settings"), role="manager"),
)


def list_navigation(member: Member) -> tuple[NavItem, ...]:
    """Return the links that a member may follow."""
    return tuple(item for item in NAVIGATION if member.may(item.role))
