"""A past conversation, replayed: what another version would have said, turn by turn. Nothing is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.responses import Response

from agent.errors import BadRequest
from agent.replay import Difference
from agent.replaying import TurnReplay, ask_for_conversation, read_turns
from agent.spending.budgets import format_usd
from agent.store import replays
from agent.store.replays import ReplayRow
from agent.store.timeline import load_head
from agent.store.versions import VersionName, list_versions
from agent.types import ConversationId
from channels.inbox.navigation import N_
from channels.inbox.pages import Page
from channels.inbox.run_page import COMPARED
from channels.inbox.visit import Visit

SHOWN: Mapping[str, str] = {**COMPARED, "cost": N_("Cost")}


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownTurn:
    """One turn, then and now."""

    turn: TurnReplay
    differences: Sequence[Difference]


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownReplay:
    """A replay of the conversation."""

    replay: ReplayRow
    turns: Sequence[ShownTurn]
    cost: str

    @property
    def changed(self) -> int:
        """How many turns came to something else."""
        return sum(each.turn.differs for each in self.turns)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplayView:
    """The page."""

    conversation_id: ConversationId
    name: str
    replays: Sequence[ShownReplay]
    versions: Sequence[VersionName]


async def show(visit: Visit) -> Response:
    """Show the replays of a conversation."""
    return visit.page("conversation_replays.html", view=await _load(visit), compared=SHOWN)


async def show_list(visit: Visit) -> Response:
    """Show the part that follows what happens."""
    return visit.page("_conversation_replays.html", view=await _load(visit), compared=SHOWN)


async def ask(visit: Visit) -> Response:
    """Have a version think the conversation through, sending nothing."""
    member, conversation_id = visit.member, ConversationId(visit.path_id("id"))
    async with visit.tx() as tx:
        if await load_head(tx, conversation_id) is None:
            raise BadRequest(visit.say(N_("There is no such conversation here.")), status=404)
        try:
            replay_id = await ask_for_conversation(
                tx,
                member.tenant_id,
                conversation_id,
                visit.field("version", longest=12),
                member_id=member.id,
                actor=member.actor,
            )
        except LookupError as exc:
            raise BadRequest(visit.say(N_("There is no such version."))) from exc
        await visit.deps.queue.replay(tx, member.tenant_id, replay_id)
    return visit.go(f"/inbox/conversations/{conversation_id}/replays")


async def _load(visit: Visit) -> ReplayView:
    conversation_id = ConversationId(visit.path_id("id"))
    async with visit.tx() as tx:
        head = await load_head(tx, conversation_id)
        if head is None:
            raise BadRequest(visit.say(N_("There is no such conversation here.")), status=404)
        rows = await replays.list_conversation_replays(tx, conversation_id)
        versions = await list_versions(tx, visit.member.tenant_id)
    return ReplayView(
        conversation_id=conversation_id,
        name=head.name,
        replays=[_shown(row) for row in rows],
        versions=versions,
    )


def _shown(row: ReplayRow) -> ShownReplay:
    turns = read_turns(row)
    cost = sum(int(each.after.get("cost_microusd") or 0) for each in turns)
    shown = [ShownTurn(turn=each, differences=[_in_dollars(one) for one in each.differences]) for each in turns]
    return ShownReplay(replay=row, turns=shown, cost=format_usd(cost))


def _in_dollars(difference: Difference) -> Difference:
    if difference.name != "cost":
        return difference
    before, after = (f"${format_usd(int(each))}" for each in (difference.before, difference.after))
    return Difference(name="cost", before=before, after=after)


PAGES = (
    Page(method="GET", path="/inbox/conversations/{id}/replays", answer=show),
    Page(method="GET", path="/inbox/conversations/{id}/replays/list", answer=show_list),
    Page(method="POST", path="/inbox/conversations/{id}/replays", answer=ask, role="reviewer"),
)
"""Its addresses."""
