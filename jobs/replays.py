"""`nightshift conversations replay`: a past conversation, thought through anew in this process."""

from collections.abc import Sequence
from dataclasses import asdict
from uuid import UUID, uuid4

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from agent.errors import NightshiftError
from agent.replaying import TurnReplay, find_wanted, replay_conversation
from agent.settings import Settings
from agent.spending.budgets import format_usd
from agent.types import ConversationId
from jobs.wiring import require_tenant


async def run_conversation_replay(
    settings: Settings, slug: str, conversation: UUID, version: str, out: Console, *, as_json: bool
) -> None:
    """Replay a conversation by a version and show what differs, turn by turn.

    Raises:
        NightshiftError: there is no such tenant, conversation or version.
    """
    from jobs.agent_wiring import open_agent  # noqa: PLC0415 — loads models, which the other commands need not wait for

    async with open_agent(settings) as (deps, _):
        tenant_id = await require_tenant(deps.db, slug)
        try:
            wanted = await find_wanted(tenant_id, version, deps)
            turns = await replay_conversation(
                tenant_id, ConversationId(conversation), deps, seed=str(uuid4()), version=wanted
            )
        except LookupError as exc:
            raise NightshiftError(f"{exc}. `nightshift conversations list --tenant {slug}` has all.") from exc
    if as_json:
        out.print_json(data=[asdict(each) for each in turns])
        return
    show(turns, out)


def show(turns: Sequence[TurnReplay], out: Console) -> None:
    """Print each turn then and now."""
    for number, turn in enumerate(turns, start=1):
        table = Table("", "then", "with this version", title=f"Turn {number}{' (differs)' if turn.differs else ''}")
        for each in turn.differences:
            mark = "[yellow]≠[/yellow] " if each.differs else ""
            before, after = each.before, each.after
            if each.name == "cost":
                before, after = (f"${format_usd(int(value))}" for value in (before, after))
            table.add_row(f"{mark}{each.name.replace('_', ' ')}", escape(before), escape(after))
        out.print(table)
        if turn.error:
            out.print(turn.error, markup=False)
    cost = sum(int(turn.after.get("cost_microusd") or 0) for turn in turns)
    changed = sum(turn.differs for turn in turns)
    out.print(f"{changed} of {len(turns)} turns differ. Nothing was sent. It cost ${format_usd(cost)}.", markup=False)
