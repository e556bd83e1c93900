"""Who answers, as tables: what each turn deserves, and every intent × confidence × stage × health × limit."""

from collections.abc import Iterable
from itertools import chain, combinations, product
from typing import Any, get_args

import pytest

from agent.route import TIERS, Circumstances, LimitLevel, choose_route, plan_writing
from agent.screening.injection import screen_injection
from agent.types import INTENTS, Classification, Intent, ModelTier, Policy, Route, Stage, Tier
from tests.factories import make_classification

LIMITS: tuple[LimitLevel, ...] = get_args(LimitLevel)
STAGES: tuple[Stage, ...] = get_args(Stage)
CONFIDENCES = (0.0, 0.54, 0.55, 0.74, 0.75, 1.0)
SUBSETS = [frozenset(each) for each in chain.from_iterable(combinations(TIERS, size) for size in range(4))]
DOWN: frozenset[ModelTier] = frozenset()


def sure(**fields: Any) -> Classification:
    """Return what Claude understood well."""
    return make_classification(**{"confidence": 0.95, "source": "claude", **fields})


def up(*tiers: ModelTier) -> Circumstances:
    return Circumstances(up=frozenset(tiers))


# --- what a turn deserves ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "tier", "reason"),
    [
        pytest.param({"intent": "greeting"}, "fast", "simple", id="a greeting"),
        pytest.param({"intent": "pricing"}, "fast", "simple", id="a plain price"),
        pytest.param({"intent": "product_question"}, "fast", "simple", id="a plain question"),
        pytest.param({"intent": "scheduling"}, "fast", "simple", id="a slot"),
        pytest.param({"intent": "pricing", "complexity": "medium"}, "standard", "routine", id="with conditions"),
        pytest.param({"intent": "pricing", "secondary": ("support",)}, "standard", "routine", id="two matters"),
        pytest.param({"intent": "pricing", "stage": "deciding"}, "standard", "routine", id="a sale hangs on it"),
        pytest.param({"intent": "pricing", "sentiment": "negative"}, "standard", "routine", id="a bad mood"),
        pytest.param({"intent": "payment"}, "standard", "routine", id="payment"),
        pytest.param({"intent": "ready_to_buy"}, "standard", "routine", id="a decision"),
        pytest.param({"intent": "objection"}, "standard", "routine", id="an objection"),
        pytest.param({"intent": "negotiation"}, "expert", "hard", id="negotiation"),
        pytest.param({"intent": "pricing", "complexity": "high"}, "expert", "hard", id="a complex turn"),
        pytest.param(
            {"intent": "pricing", "secondary": ("support", "scheduling")}, "expert", "several", id="many matters"
        ),
        pytest.param({"intent": "pricing", "entities": {"budget": "2000 €"}}, "expert", "budget", id="a budget"),
        pytest.param({"intent": "pricing", "entities": {"quantity": "12 kids"}}, "expert", "quantity", id="a group"),
        pytest.param({"intent": "pricing", "entities": {"quantity": "2"}}, "fast", "simple", id="two is no group"),
        pytest.param({"intent": "pricing", "entities": {"quantity": "both"}}, "fast", "simple", id="no number"),
        pytest.param({"intent": "pricing", "entities": {"quantity": "٣٣"}}, "fast", "simple", id="foreign digits"),
        pytest.param({"intent": "pricing", "confidence": 0.6}, "expert", "unsure", id="unsure"),
        pytest.param({"intent": "pricing", "confidence": 0.3}, "person", "not understood", id="not understood"),
        pytest.param({"intent": "pricing", "confidence": 0.3, "source": "local"}, "expert", "unsure", id="asks back"),
        pytest.param({"intent": "acknowledgement"}, "none", "nothing", id="thanks ask for nothing"),
        pytest.param({"intent": "acknowledgement", "entities": {"date": "lunes"}}, "fast", "simple", id="thanks, and"),
        pytest.param({"intent": "off_topic"}, "none", "nothing", id="spam asks for nothing"),
        pytest.param({"intent": "off_topic", "confidence": 0.6}, "fast", "unsure", id="perhaps spam"),
        pytest.param({"intent": "opt_out"}, "none", "confirmed", id="an opt-out is not answered"),
        pytest.param({"intent": "opt_out", "confidence": 0.5}, "person", "perhaps an opt-out", id="perhaps an opt-out"),
        pytest.param(
            {"intent": "not_interested", "secondary": ("opt_out",)}, "person", "perhaps", id="an opt-out at second look"
        ),
        pytest.param({"intent": "complaint"}, "person", "person", id="a complaint"),
        pytest.param({"intent": "human_request"}, "person", "asked for a person", id="a request for a person"),
        pytest.param({"intent": "negotiation", "needs_human": True}, "person", "harm", id="a figure of their own"),
        pytest.param({"intent": "acknowledgement", "needs_human": True}, "person", "harm", id="harm comes first"),
        pytest.param({"intent": "human_request", "confidence": 0.2}, "person", "asked", id="in doubt, a person"),
    ],
)
def test_turn_gets_the_tier_it_deserves(fields: dict[str, Any], tier: Tier, reason: str) -> None:
    route = choose_route(sure(**fields), Policy())
    assert (route.tier, reason in route.reason) == (tier, True), route.reason


def test_tenant_decides_which_intents_go_to_a_person() -> None:
    policy = Policy(human_intents=frozenset({"negotiation"}))
    assert choose_route(sure(intent="negotiation"), policy).tier == "person"
    assert choose_route(sure(intent="complaint"), policy).tier == "expert"


def test_tenant_decides_who_drafts_but_not_who_is_left_to_a_person() -> None:
    policy = Policy(tiers={"draft": "standard"})
    assert {choose_route(sure(intent=each), policy).tier for each in ("greeting", "negotiation")} == {"standard"}
    assert choose_route(sure(intent="complaint"), policy).tier == "person"
    assert choose_route(sure(intent="pricing", confidence=0.3), policy).tier == "person"


def test_threat_goes_to_a_person() -> None:
    assert choose_route(sure(), Policy(), screen_injection("te voy a matar")).tier == "person"


# --- health and budget ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("intent", "circumstances", "tier", "reason"),
    [
        pytest.param("negotiation", up("fast", "standard"), "standard", "expert is down", id="below the expert"),
        pytest.param("negotiation", up("fast"), "fast", "expert is down", id="only the fast is up"),
        pytest.param("payment", up("fast", "expert"), "expert", "standard is down", id="rather the abler"),
        pytest.param("greeting", up("standard", "expert"), "standard", "fast is down", id="above the fast"),
        pytest.param(
            "payment", Circumstances(up=DOWN), "standard", "routine", id="all down: the turn waits for its own"
        ),
        pytest.param("negotiation", Circumstances(limit="soft"), "standard", "nearly spent", id="one tier cheaper"),
        pytest.param("payment", Circumstances(limit="soft"), "fast", "nearly spent", id="the bulk too"),
        pytest.param("greeting", Circumstances(limit="soft"), "fast", "simple", id="nothing is cheaper"),
        pytest.param(
            "negotiation",
            Circumstances(limit="soft", up=frozenset({"fast", "expert"})),
            "fast",
            "standard is down: fast",
            id="rather the cheaper when money is short",
        ),
        pytest.param("greeting", Circumstances(limit="hard"), "person", "budget is spent", id="no money, no model"),
        pytest.param("off_topic", Circumstances(limit="hard"), "none", "nothing", id="silence costs nothing"),
    ],
)
def test_health_and_budget_change_the_tier(
    intent: Intent, circumstances: Circumstances, tier: Tier, reason: str
) -> None:
    route = choose_route(sure(intent=intent), Policy(), (), circumstances)
    assert (route.tier, reason in route.reason) == (tier, True), route.reason


ALL = list(product(INTENTS, CONFIDENCES, STAGES, SUBSETS, LIMITS))


@pytest.mark.parametrize("source", ["claude", "local"])
@pytest.mark.parametrize("needs_human", [False, True])
def test_every_combination_has_a_reason_and_breaks_no_rule(source: Any, needs_human: bool) -> None:
    policy = Policy()
    for intent, confidence, stage, tiers, limit in ALL:
        labels = make_classification(
            intent=intent, confidence=confidence, stage=stage, source=source, needs_human=needs_human
        )
        route = choose_route(labels, policy, (), Circumstances(up=tiers, limit=limit))
        ordinary = choose_route(labels, policy)
        case = f"{intent} {confidence} {stage} {sorted(tiers)} {limit}: {route}"
        assert route.reason, case
        assert route.tier == "person" or not (needs_human or intent in policy.human_intents), case
        assert route.tier != "none" or confidence >= policy.min_confidence, case
        assert route.tier in {*(tiers or TIERS), "none", "person"}, case
        assert limit != "hard" or route.tier in {"none", "person"}, case
        if ordinary.tier in {"none", "person"}:
            assert route == ordinary, case
        elif limit == "soft" and tiers in (SUBSETS[-1], DOWN):
            assert TIERS.index(model_tier(route)) == max(TIERS.index(model_tier(ordinary)) - 1, 0), case
        elif limit == "none" and ordinary.tier in tiers:
            assert route == ordinary, case


def test_surer_never_means_dearer() -> None:
    order = ["none", *TIERS, "person"]
    for intent, stage in product(INTENTS, STAGES):
        tiers = [choose_route(sure(intent=intent, stage=stage, confidence=c), Policy()).tier for c in CONFIDENCES]
        places = [order.index(each) for each in tiers]
        assert places == sorted(places, reverse=True), (intent, stage, tiers)


# --- who revises ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "circumstances", "tiers"),
    [
        pytest.param(Policy(), Circumstances(), ["fast", "fast", "expert"], id="its writer, then the expert"),
        pytest.param(Policy(tiers={"revise": "standard"}), Circumstances(), ["fast", "standard", "standard"], id="own"),
        pytest.param(Policy(), up("fast", "standard"), ["fast", "fast", "standard"], id="the expert is down"),
        pytest.param(Policy(), Circumstances(limit="soft"), ["fast", "fast", "standard"], id="money is short"),
    ],
)
def test_refused_draft_is_revised_by_its_writer_and_then_the_expert(
    policy: Policy, circumstances: Circumstances, tiers: Iterable[Tier]
) -> None:
    plan = plan_writing(Route(tier="fast", reason="simple"), policy, circumstances)
    assert [name for name, _ in plan] == ["draft", "revise", "revise_expert"]
    assert [route.tier for _, route in plan] == tiers


def model_tier(route: Route) -> ModelTier:
    assert route.tier not in {"none", "person"}
    return next(tier for tier in TIERS if tier == route.tier)
