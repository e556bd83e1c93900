"""The queue's filter as an address says it, and back: what is shared, bookmarked and saved as a view."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import get_args
from urllib.parse import urlencode
from uuid import UUID

from agent.escalation.why import CAUSES
from agent.store.work import Place, Tab, WorkFilter
from agent.types import Channel, MemberId

HOME = "/inbox"
TABS: tuple[Tab, ...] = get_args(Tab)
CHANNELS: tuple[Channel, ...] = get_args(Channel)
MAX_CHARS = 40


def read_filter(query: Mapping[str, str]) -> WorkFilter:
    """Read a filter from an address's parameters. What makes no sense there wants anything."""
    return WorkFilter(
        tab=next((each for each in TABS if each == query.get("tab")), "all"),
        channel=next((each for each in CHANNELS if each == query.get("channel")), None),
        language=query.get("language", "")[:MAX_CHARS] or None,
        cause=next((each for each in CAUSES if each == query.get("cause")), None),
        label=query.get("label", "")[:MAX_CHARS] or None,
        assignee=_member(query.get("assignee", "")),
    )


def write_filter(wanted: WorkFilter) -> dict[str, str]:
    """Return a filter as parameters of an address: only what it asks for."""
    named = {
        "tab": "" if wanted.tab == "all" else wanted.tab,
        "channel": wanted.channel,
        "language": wanted.language,
        "cause": wanted.cause,
        "label": wanted.label,
        "assignee": wanted.assignee,
    }
    return {name: str(value) for name, value in named.items() if value}


def address(wanted: WorkFilter, after: Place | None = None) -> str:
    """Return where the queue is shown with a filter, from the top or after a row."""
    values = write_filter(wanted)
    if after:
        values["after"] = f"{after.at.isoformat()}|{after.risk}|{after.id}"
    return f"{HOME}?{urlencode(values)}" if values else HOME


def on_tab(wanted: WorkFilter, tab: Tab) -> str:
    """Return where a tab is shown with the same filter."""
    return address(replace(wanted, tab=tab))


def read_place(text: str) -> Place | None:
    """Read where a list goes on; None: at its top, also when the text makes no sense."""
    try:
        at, risk, row_id = text.split("|")
        place = Place(at=datetime.fromisoformat(at), risk=int(risk), id=UUID(row_id))
    except ValueError:
        return None
    return place if place.at.tzinfo and 0 <= place.risk <= 9 else None


def _member(text: str) -> MemberId | None:
    try:
        return MemberId(UUID(text)) if text else None
    except ValueError:
        return None
