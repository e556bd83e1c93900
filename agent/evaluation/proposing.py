"""Cases from life: what staff changed or rejected, and what prospects complained about, proposed to a person.

What is right is proposed as far as it is known: the text that staff sent instead. A person says the rest, or that it
is no case; until then nothing is measured on it.
"""

from datetime import timedelta

from agent.evaluation.cases import MAX_CHARS, Labelled, ReplyCase, new_row
from agent.ports import Deps
from agent.store import eval_cases
from agent.store.db import Tx
from agent.store.eval_cases import NewCase, Objection
from agent.types import TenantId

LOOK_BACK = timedelta(days=14)
MAX_TEXT = MAX_CHARS // 6
"""Of each of the texts in a case."""


async def propose_cases(tx: Tx, tenant_id: TenantId, deps: Deps) -> int:
    """Propose a case for each turn that somebody objected to lately; return how many are new."""
    found = await eval_cases.list_objections(tx, deps.now() - LOOK_BACK)
    return await eval_cases.insert_cases(tx, tenant_id, [propose(each) for each in found])


def propose(objection: Objection) -> NewCase:
    """Return a proposed case: what was said, and what staff made of the answer."""
    case = ReplyCase(
        said=(objection.said[:MAX_TEXT],),
        language=objection.language,
        context=objection.context[:MAX_TEXT] or None,
        decisions=("send",) if objection.sent else ("escalate",),
        reference=objection.sent[:MAX_TEXT],
        rejected=objection.draft[:MAX_TEXT],
    )
    labelled = Labelled(key=f"turn:{objection.turn_id}", case=case)
    return new_row(
        labelled, origin=objection.origin, state="proposed", note=objection.reason[:500], turn_id=objection.turn_id
    )
