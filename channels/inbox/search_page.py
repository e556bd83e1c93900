"""Search: messages and contacts by words, conversations by labels; as a page, and as options to choose from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import get_args
from urllib.parse import urlencode

from starlette.responses import Response

from agent.store.contact_list import ListedContact, list_contacts
from agent.store.search import (
    PAGE,
    FoundMessage,
    LabelledConversation,
    MessageFilter,
    Place,
    find_labelled,
    find_messages,
)
from agent.types import Author, Channel
from channels.inbox.navigation import N_
from channels.inbox.pages import Page
from channels.inbox.snippets import Piece, cut
from channels.inbox.visit import Visit

CHANNELS: tuple[Channel, ...] = get_args(Channel)
AUTHORS: tuple[tuple[Author, str], ...] = (
    ("contact", N_("Prospects")),
    ("agent", N_("The agent")),
    ("staff", N_("Staff")),
)
FEW = 6
"""Contacts and labelled conversations shown above the messages, and options of each kind."""
SHORTEST = 2
"""Fewer characters are part of too much."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundRow:
    """A message that was found. The words looked for are marked in its text."""

    message: FoundMessage
    pieces: Sequence[Piece]
    subject: Sequence[Piece]

    @property
    def href(self) -> str:
        """Where it stands in its conversation."""
        found = self.message
        return f"/inbox/conversations/{found.conversation_id}?at={found.seq}#message-{found.id}"


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundContact:
    """A contact who was found."""

    contact: ListedContact
    name: Sequence[Piece]
    addresses: Sequence[Piece]


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchView:
    """What was looked for, and what was found."""

    text: str
    values: dict[str, str]
    """What else the form says: the filter."""
    messages: Sequence[FoundRow]
    contacts: Sequence[FoundContact]
    labelled: Sequence[LabelledConversation]
    next_href: str
    """Where the messages go on; empty: they end here."""
    is_continued: bool
    """Whether these are further messages of a list."""

    @property
    def is_asked(self) -> bool:
        """Whether anything is looked for."""
        return len(self.text) >= SHORTEST

    @property
    def is_empty(self) -> bool:
        """Whether nothing was found."""
        return not (self.messages or self.contacts or self.labelled)


async def show(visit: Visit) -> Response:
    """Show what is found; to the page's script only the results."""
    view = await _load(visit)
    template = "search.html"
    if visit.is_fragment:
        template = "_search_rows.html" if view.is_continued else "_search_results.html"
    return visit.page(template, view=view, channels=CHANNELS, authors=AUTHORS)


async def list_options(visit: Visit) -> Response:
    """Show the first results of each kind as options of a list box (`role=option`, each a link)."""
    return visit.page("_search_options.html", view=await _load(visit, messages=FEW))


async def _load(visit: Visit, *, messages: int = PAGE) -> SearchView:
    text, values = " ".join(visit.query("q").split()), _filter_values(visit)
    place = _read_place(visit.query("after"))
    if len(text) < SHORTEST:
        return _view(text, values)
    async with visit.tx() as tx:
        wanted = _read_filter(values, visit)
        found = await find_messages(tx, text, wanted, after=place, limit=messages + 1)
        is_narrowed = bool(values) or place is not None
        contacts = () if is_narrowed else await list_contacts(tx, text, limit=FEW)
        labelled = () if is_narrowed else await find_labelled(tx, text, limit=FEW)
    return _view(text, values, found, contacts, labelled, page=messages, is_continued=place is not None)


def _view(
    text: str,
    values: dict[str, str],
    found: Sequence[FoundMessage] = (),
    contacts: Sequence[ListedContact] = (),
    labelled: Sequence[LabelledConversation] = (),
    *,
    page: int = PAGE,
    is_continued: bool = False,
) -> SearchView:
    last = found[page - 1] if len(found) > page else None
    query = urlencode({"q": text, **values, "after": f"{last.at.isoformat()}|{last.seq}"}) if last else ""
    return SearchView(
        text=text,
        values=values,
        messages=[
            FoundRow(message=each, pieces=cut(each.body, text), subject=cut(each.subject or "", text))
            for each in found[:page]
        ],
        contacts=[
            FoundContact(contact=each, name=cut(each.name or "", text), addresses=cut(" · ".join(each.addresses), text))
            for each in contacts
        ],
        labelled=labelled,
        next_href=f"/inbox/search?{query}" if query else "",
        is_continued=is_continued,
    )


def _filter_values(visit: Visit) -> dict[str, str]:
    """Return what the address says of the filter, as far as it makes sense."""
    values = {
        "channel": next((each for each in CHANNELS if each == visit.query("channel")), ""),
        "by": next((each for each, _ in AUTHORS if each == visit.query("by")), ""),
        "since": _day(visit.query("since")),
        "until": _day(visit.query("until")),
    }
    return {name: value for name, value in values.items() if value}


def _read_filter(values: dict[str, str], visit: Visit) -> MessageFilter:
    """Read a filter; days are the reader's, and included."""

    def midnight(name: str, *, days_on: int = 0) -> datetime | None:
        if name not in values:
            return None
        day = date.fromisoformat(values[name]) + timedelta(days=days_on)
        return datetime.combine(day, time(), tzinfo=visit.member.zone)

    return MessageFilter(
        channel=next((each for each in CHANNELS if each == values.get("channel")), None),
        author=next((each for each, _ in AUTHORS if each == values.get("by")), None),
        since=midnight("since"),
        until=midnight("until", days_on=1),
    )


def _day(text: str) -> str:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return ""
    return text if date(2000, 1, 1) <= day < date(9999, 1, 1) else ""


def _read_place(text: str) -> Place | None:
    """Read where the messages go on; None: at the newest, also when the text makes no sense."""
    at, _, seq = text.partition("|")
    try:
        place = Place(at=datetime.fromisoformat(at), seq=int(seq))
    except ValueError:
        return None
    return place if place.at.tzinfo and 0 <= place.seq < 2**63 else None


PAGES = (
    Page(method="GET", path="/inbox/search", answer=show),
    Page(method="GET", path="/inbox/search/options", answer=list_options),
)
"""With the least role for each."""
