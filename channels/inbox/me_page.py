"""One's own profile: name, language, clock, keys and announcements; where one is signed in."""

import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from starlette.responses import Response

from agent.store.events import insert_event
from agent.store.members import update_profile
from agent.store.sessions import OpenSession, end_session_of, list_sessions
from channels.inbox.navigation import N_
from channels.inbox.visit import Visit
from channels.inbox.words import LANGUAGE_NAMES, LANGUAGES

PREFERENCES = ("shortcuts", "notifications")
"""What can be turned on and off; both are on until turned off."""
LONGEST_NAME = 80


@dataclass(frozen=True, kw_only=True, slots=True)
class MeView:
    """The profile, as typed or as it is."""

    name: str
    language: str
    timezone: str
    """Empty: the tenant's."""
    preferences: Mapping[str, bool]
    sessions: Sequence[OpenSession]
    errors: Mapping[str, str] = field(default_factory=dict)
    is_saved: bool = False


async def show(visit: Visit) -> Response:
    """Show the profile."""
    member = visit.member
    async with visit.deps.db.tenant(member.tenant_id) as tx:
        sessions = await list_sessions(tx, member.id, visit.deps.now())
    view = MeView(
        name=member.name,
        language=visit.reader.language,
        timezone=member.timezone,
        preferences={name: bool(member.preferences.get(name, True)) for name in PREFERENCES},
        sessions=sessions,
        is_saved=visit.query("saved") == "1",
    )
    return _page(visit, view)


async def save(visit: Visit) -> Response:
    """Save the profile. Its own row is written with the application's rights: members may not write members."""
    name, language, timezone = (visit.field(each, longest=200) for each in ("name", "language", "timezone"))
    preferences = {each: visit.field(each) == "true" for each in PREFERENCES}
    errors = _problems(visit, name, language, timezone)
    async with visit.deps.db.tenant(visit.member.tenant_id) as tx:
        if not errors:
            await update_profile(
                tx, visit.member.id, name=name, language=language, timezone=timezone, preferences=preferences
            )
            return visit.go("/inbox/me?saved=1")
        sessions = await list_sessions(tx, visit.member.id, visit.deps.now())
    view = MeView(
        name=name,
        language=language,
        timezone=timezone,
        preferences=preferences,
        sessions=sessions,
        errors=errors,
    )
    return _page(visit, view, status=422)


def _problems(visit: Visit, name: str, language: str, timezone: str) -> dict[str, str]:
    problems = {}
    if not 0 < len(name) <= LONGEST_NAME:
        problems["name"] = visit.say(N_("Give a name of at most 80 characters."))
    if language not in LANGUAGES:
        problems["language"] = visit.say(N_("Choose a language of the list."))
    if timezone and timezone not in zoneinfo.available_timezones():
        problems["timezone"] = visit.say(N_("Choose a time zone of the list, such as Europe/Madrid."))
    return problems


async def end_session(visit: Visit) -> Response:
    """Sign one of one's own browsers out."""
    member = visit.member
    async with visit.deps.db.tenant(member.tenant_id) as tx:
        if await end_session_of(tx, visit.path_id("session"), member.id):
            await insert_event(tx, member.tenant_id, "member.signed_out", actor=member.actor)
    return visit.go("/inbox/me")


def _page(visit: Visit, view: MeView, *, status: int = 200) -> Response:
    languages = [(each, LANGUAGE_NAMES[each]) for each in LANGUAGES]
    zones = sorted(each for each in zoneinfo.available_timezones() if "/" in each and not each.startswith("Etc/"))
    return visit.page("me.html", view=view, languages=languages, zones=zones, status=status)
