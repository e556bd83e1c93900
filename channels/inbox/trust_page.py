"""The trust dial: how free the agent is on each channel and with each intent, and what staff made of its drafts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from starlette.responses import Response

from agent.errors import BadRequest
from agent.trust.moving import Place, Standing, TrustRefused, list_standings, move_trust
from agent.types import INTENTS, TRUST_LEVELS, Channel, TrustLevel
from channels.inbox.navigation import N_
from channels.inbox.pages import Page
from channels.inbox.review_words import CHANNELS
from channels.inbox.settings_page import INTENTS as INTENT_NAMES
from channels.inbox.settings_page import SECTIONS
from channels.inbox.visit import Visit

HERE = "/inbox/settings/trust"
LEVELS: Mapping[TrustLevel, tuple[str, str]] = {
    "off": (N_("Off"), N_("Writes nothing: staff answer.")),
    "shadow": (N_("Shadow"), N_("Writes along; nobody is sent it, and staff do not see it.")),
    "review": (N_("Review"), N_("Writes; a person approves each answer.")),
    "canary": (N_("Canary"), N_("Sends by itself in a tenth of the conversations; the rest as in Review.")),
    "autonomous": (N_("Autonomous"), N_("Sends by itself.")),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class DialRow:
    """A place of the dial, ready to be shown."""

    standing: Standing
    name: str
    earlier: Sequence[TrustLevel]
    """Levels below the one it stands at: one click away."""
    later: TrustLevel | None
    """The next level up; None: it is at the top."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrustView:
    """The dial on one channel."""

    channel: Channel
    rows: Sequence[DialRow]
    problem: str = ""
    """Why it could not be moved."""


async def show(visit: Visit) -> Response:
    """Show the dial on a channel."""
    return await _page(visit, _channel(visit.query("channel", "whatsapp")))


async def move(visit: Visit) -> Response:
    """Move the dial at one place."""
    channel = _channel(visit.field("channel"))
    level = next((each for each in TRUST_LEVELS if each == visit.field("level")), None)
    intent = visit.field("intent")
    if level is None or intent not in ("", *INTENTS):
        raise BadRequest(visit.say(N_("There is no such level.")))
    try:
        async with visit.tx() as tx:
            tenant = await visit.deps.tenants.get(tx, visit.member.tenant_id)
            place = Place(channel=channel, intent=intent)
            await move_trust(tx, tenant, place, level, actor=visit.member.actor, deps=visit.deps)
    except TrustRefused as exc:
        return await _page(visit, channel, problem=str(exc), status=409)
    return visit.go(f"{HERE}?channel={channel}")


def _channel(text: str) -> Channel:
    found: Channel | None = next((each for each in get_args(Channel) if each == text), None)
    if found is None:
        raise BadRequest("There is no such channel.", status=404)
    return found


async def _page(visit: Visit, channel: Channel, *, problem: str = "", status: int = 200) -> Response:
    async with visit.tx() as tx:
        tenant = await visit.deps.tenants.get(tx, visit.member.tenant_id)
        standings = await list_standings(tx, tenant, (channel,), visit.deps)
    view = TrustView(channel=channel, rows=[_row(each, visit) for each in standings], problem=problem)
    return visit.page(
        "settings_trust.html", view=view, sections=SECTIONS, levels=LEVELS, channels=CHANNELS, status=status
    )


def _row(standing: Standing, visit: Visit) -> DialRow:
    place, intent = TRUST_LEVELS.index(standing.level), standing.place.intent
    return DialRow(
        standing=standing,
        name=visit.say(INTENT_NAMES[intent]) if intent else visit.say(N_("Everything else")),
        earlier=TRUST_LEVELS[:place],
        later=TRUST_LEVELS[place + 1] if place + 1 < len(TRUST_LEVELS) else None,
    )


PAGES = (
    Page(method="GET", path=HERE, answer=show, role="manager"),
    Page(method="POST", path=HERE, answer=move, role="manager"),
)
"""With the least role for each."""
