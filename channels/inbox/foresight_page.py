"""What would have happened yesterday, had the policy been another: a form, and what would have gone elsewhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from starlette.responses import Response

from agent.errors import BadRequest
from agent.store.decided import list_decided
from agent.trust.foresight import Answerer, Foresight, foresee
from agent.types import INTENTS, Intent, Policy
from channels.inbox.navigation import N_
from channels.inbox.pages import Page
from channels.inbox.settings_page import INTENTS as INTENT_NAMES
from channels.inbox.visit import Visit

HERE = "/inbox/operations/yesterday"
SHOWN = 100
ANSWERERS: Mapping[Answerer, str] = {"agent": N_("The agent"), "person": N_("A person"), "nobody": N_("Nobody")}


@dataclass(frozen=True, kw_only=True, slots=True)
class ForesightView:
    """The policy as it would be, and what it would have done."""

    min_confidence: str
    sure_above: str
    human_intents: Sequence[Intent]
    foresight: Foresight | None
    """None: nothing has been asked yet."""


async def show(visit: Visit) -> Response:
    """Show the form, and what was asked."""
    async with visit.tx() as tx:
        tenant = await visit.deps.tenants.get(tx, visit.member.tenant_id)
        before, foresight = tenant.policy, None
        after = _policy(visit, before) if visit.query("ask") else before
        if visit.query("ask"):
            since, until = yesterday(visit.deps.now(), ZoneInfo(tenant.timezone))
            turns = await list_decided(tx, tenant.id, since=since, until=until)
            foresight = foresee(turns, before, after)
    view = ForesightView(
        min_confidence=f"{after.min_confidence:g}",
        sure_above=f"{after.sure_above:g}",
        human_intents=sorted(after.human_intents),
        foresight=foresight,
    )
    intents = [(each, visit.say(INTENT_NAMES[each])) for each in INTENTS]
    names = dict(intents)
    return visit.page("foresight.html", view=view, intents=intents, names=names, answerers=ANSWERERS, shown=SHOWN)


def yesterday(now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return when yesterday began and ended where the tenant is."""
    today = datetime.combine(now.astimezone(zone).date(), time(), zone)
    return datetime.combine(today.date() - timedelta(days=1), time(), zone), today


def _policy(visit: Visit, before: Policy) -> Policy:
    """Return the policy that is asked about.

    Raises:
        BadRequest: a number is none, or not from 0 to 1.
    """
    chosen = {*visit.request.query_params.getlist("human")}
    return replace(
        before,
        min_confidence=_share(visit, "min_confidence", before.min_confidence),
        sure_above=_share(visit, "sure_above", before.sure_above),
        human_intents=frozenset(each for each in INTENTS if each in chosen),
    )


def _share(visit: Visit, name: str, otherwise: float) -> float:
    text = visit.query(name).replace(",", ".").strip()
    try:
        value = float(text) if text else otherwise
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise BadRequest(visit.say(N_("Give a number from 0 to 1.")))
    return value


PAGES = (Page(method="GET", path=HERE, answer=show),)
"""With the least role for each."""
