"""The keys of the inbox: the one table behind what keys do, what `?` shows, and what the palette offers to do.

The page carries the table as the overlay that it shows (`_keys.html`), and `keys.js` reads it there. A key acts on the
first element of the page that says it does so (`data-does`): it is clicked, or, if it is a field, focused. Where there
is none, `keys.js` has a way of its own (moving within lists), or the key does nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.staff.members import Member, Role
from channels.inbox.navigation import N_


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """A key, or several one after the other (`g q`), and what it does."""

    keys: str
    """As browsers name them; `mod` is Ctrl or ⌘, and `digit` any of 1 to 9, which picks the element of that number."""
    does: str
    """What elements say they do in `data-does`."""
    label: str
    """A message to translate."""
    role: Role = "viewer"
    href: str = ""
    """Where it leads, if it leads to a page."""

    @property
    def caps(self) -> Sequence[Sequence[str]]:
        """What is printed on the keys: those pressed one after the other, each with those held down meanwhile."""
        return [[_CAPS.get(each, each) for each in stroke.split("+")] for stroke in self.keys.split(" ")]


_CAPS: Mapping[str, str] = {"mod": "Ctrl", "shift": "⇧", "enter": "↵", "escape": "Esc", "digit": "1 – 9"}


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyGroup:
    """Keys that belong together."""

    label: str
    keys: Sequence[Key]


KEYS: Sequence[KeyGroup] = (
    KeyGroup(
        label=N_("In a list"),
        keys=(
            Key(keys="j", does="next", label=N_("Next")),
            Key(keys="k", does="previous", label=N_("Previous")),
            Key(keys="enter", does="open", label=N_("Open")),
            Key(keys="x", does="choose", label=N_("Choose, or not"), role="reviewer"),
            Key(keys="X", does="choose-all", label=N_("Choose all, or none"), role="reviewer"),
            Key(keys="d", does="done", label=N_("Done: close the request"), role="reviewer"),
            Key(keys="digit", does="pick", label=N_("Open a tab, or take a reason, by its place")),
        ),
    ),
    KeyGroup(
        label=N_("The draft"),
        keys=(
            Key(keys="a", does="approve", label=N_("Approve and send"), role="reviewer"),
            Key(keys="e", does="edit", label=N_("Edit"), role="reviewer"),
            Key(keys="r", does="reject", label=N_("Reject, then say why"), role="reviewer"),
            Key(keys="g r", does="redraft", label=N_("Have it written anew"), role="reviewer"),
            Key(keys="z", does="undo", label=N_("Take back what was just sent"), role="reviewer"),
            Key(keys="m", does="more", label=N_("More"), role="reviewer"),
        ),
    ),
    KeyGroup(
        label=N_("A conversation"),
        keys=(
            Key(keys="c", does="reply", label=N_("Write a reply"), role="reviewer"),
            Key(keys="n", does="note", label=N_("Write a note"), role="reviewer"),
            Key(keys="t", does="take-over", label=N_("Take over"), role="reviewer"),
            Key(keys="b", does="hand-back", label=N_("Back to the agent"), role="reviewer"),
            Key(keys="s", does="snooze", label=N_("Snooze"), role="reviewer"),
            Key(keys="i", does="assign", label=N_("Assign"), role="reviewer"),
            Key(keys="l", does="label", label=N_("Label"), role="reviewer"),
            Key(keys="p", does="priority", label=N_("Flag as urgent"), role="reviewer"),
            Key(keys="mod+enter", does="send", label=N_("Send"), role="reviewer"),
            Key(keys="mod+shift+enter", does="send-next", label=N_("Send and open the next"), role="reviewer"),
        ),
    ),
    KeyGroup(
        label=N_("Anywhere"),
        keys=(
            Key(keys="mod+k", does="palette", label=N_("Go to, do, find")),
            Key(keys="/", does="search", label=N_("Search")),
            Key(keys="?", does="help", label=N_("Show these keys")),
            Key(keys="escape", does="leave", label=N_("Leave a field, close what is open")),
            Key(keys="g q", does="go-queue", label=N_("Queue"), href="/inbox"),
            Key(keys="g v", does="go-review", label=N_("Review one by one"), href="/inbox/review"),
            Key(keys="g c", does="go-conversations", label=N_("Conversations"), href="/inbox/conversations"),
            Key(keys="g p", does="go-contacts", label=N_("Contacts"), href="/inbox/contacts"),
            Key(keys="g k", does="go-catalogue", label=N_("Catalogue"), href="/inbox/catalogue"),
            Key(keys="g o", does="go-operations", label=N_("Operations"), href="/inbox/operations"),
            Key(keys="g s", does="go-settings", label=N_("Settings"), role="manager", href="/inbox/settings"),
            Key(keys="g m", does="go-me", label=N_("Your profile"), href="/inbox/me"),
        ),
    ),
)


def list_keys(member: Member) -> Sequence[KeyGroup]:
    """Return the keys that a member's role has a use for."""
    return [
        KeyGroup(label=group.label, keys=[key for key in group.keys if member.may(key.role)])
        for group in KEYS
        if any(member.may(key.role) for key in group.keys)
    ]
