"""Decides whether what a reply mentions follows from what the tenant has published."""

from collections.abc import Callable, Mapping

from agent.guardrails.grounding_answers import is_included
from agent.guardrails.grounding_counts import judge_quantity
from agent.guardrails.grounding_facts import Facts
from agent.guardrails.grounding_features import judge_feature
from agent.guardrails.grounding_hours import judge_date, judge_part, judge_time, judge_weekday, judge_year
from agent.guardrails.grounding_naming import judge_code, judge_email, judge_name, judge_phone
from agent.guardrails.grounding_reading import items_of
from agent.guardrails.grounding_statement import WEAK, Conversation, Finding, Statement


def judge(statement: Statement, facts: Facts, talk: Conversation) -> Finding:
    """Say whether the published facts, or the conversation, bear out one mention."""
    decide = _JUDGES.get(statement.mention.kind)
    return decide(statement, facts, talk) if decide else "undecided"


def _included(statement: Statement, facts: Facts, talk: Conversation) -> Finding:  # noqa: ARG001 — a judge
    """Judge "X is included", or is not: contradicted where the opposite is published of X."""
    if statement.mention.is_denied:
        return "contradicted" if is_included(statement.mention.own - WEAK, facts) else "undecided"
    about = statement.topics
    published = [f for f in facts.of("included") if f.topics & about and not (f.topics & about) <= WEAK]
    told = any(about & f.wide and not f.is_denied for f in facts.of("included"))
    return "contradicted" if published and not told and all(f.is_denied for f in published) else "undecided"


_TOO = frozenset({"too", "also", "tambien", "tambem"})


def _all(statement: Statement, facts: Facts, talk: Conversation) -> Finding:  # noqa: ARG001 — a judge
    """Judge "X in every plan" and "X on this plan too": contradicted where X is published for another one only."""
    own = statement.mention.own
    is_own = statement.mention.value not in _TOO and own - WEAK - items_of(own)
    about = own if is_own else statement.topics | statement.mention.wide
    features = {topic for topic in about if topic.startswith(("features:", "topics:"))} - WEAK
    for feature in features:
        clauses = [f.topics for kind in ("only", "feature") for f in facts.of(kind) if feature in f.topics]
        limited = [f.topics for f in facts.of("only") if feature in f.topics]
        rest = about - {feature}
        if limited and all(topics in limited and not (topics - {feature}) & rest for topics in clauses) and rest:
            return "contradicted"
    return "undecided"


_Judge = Callable[[Statement, Facts, Conversation], Finding]
_JUDGES: Mapping[str, _Judge] = {
    "time": judge_time,
    "weekday": judge_weekday,
    "date": judge_date,
    "year": judge_year,
    "quantity": judge_quantity,
    "feature": judge_feature,
    "part": judge_part,
    "included": _included,
    "all": _all,
    "name": judge_name,
    "code": judge_code,
    "phone": judge_phone,
    "email": judge_email,
}
"""Who judges each kind of mention."""
