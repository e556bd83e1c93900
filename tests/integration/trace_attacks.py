"""Attacks on the query functions of scores and traces, for the tests of isolation."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from agent.store import prompt_links, scores, traces
from agent.store.db import Tx
from agent.tracing.scores import score_id
from agent.types import TenantId
from tests.integration.tenant_rows import AT, Rows

Attack = Callable[[Tx, TenantId, Rows], Awaitable[object]]


def score_of(b: Rows) -> scores.Score:
    named = score_id(b.done, "forged")
    return scores.Score(id=named, turn_id=b.done, name="forged", subject="", value="yes", comment="", at=AT)


def due_of(b: Rows) -> scores.DueScore:
    kept = replace(score_of(b), id=b.done)
    values = {name: getattr(kept, name) for name in ("turn_id", "name", "subject", "value", "comment", "at")}
    return scores.DueScore(id=b.done, **values, trace_id="", tenant=b.slug, contact_name=None, revision=1)


TRACE_ATTACKS: Mapping[Callable[..., Any], Attack] = {
    scores.upsert_score: lambda tx, _, b: scores.upsert_score(tx, score_of(b)),
    scores.list_sendable: lambda tx, _, b: scores.list_sendable(tx, [b.done]),
    scores.settle_score: lambda tx, _, b: scores.settle_score(tx, due_of(b), at=AT),
    scores.find_turn_of: lambda tx, _, b: scores.find_turn_of(tx, b.sent),
    scores.find_answered_turn: lambda tx, _, b: scores.find_answered_turn(tx, b.idle),
    traces.find_untold: lambda tx, _, b: traces.find_untold(tx, b.done),
    scores.give_up_old_scores: lambda tx, _, b: scores.give_up_old_scores(tx, [b.turn], before=AT + timedelta(1)),
}
TRACES_WITHOUT_ATTACK: Mapping[Callable[..., Any], str] = {
    prompt_links.list_links: "belongs to no tenant",
    prompt_links.save_link: "belongs to no tenant",
    scores.claim_due_scores: "over all tenants: tells ids only (test_scores.py)",
    traces.mark_traces: "over all tenants: notes what was sent, of turns whose id is known (test_scores.py)",
    traces.claim_untold: "over all tenants: tells ids only (test_retelling.py)",
}
