"""Outcomes as they are reported: what is taken, what is refused with which words, and who has signed."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agent.errors import BadRequest
from agent.outcomes import read_outcome
from channels import hubspot, outcome_webhooks
from jobs.outcomes import read_rows

NOW = datetime(2026, 11, 17, 15, 0, tzinfo=UTC)
WON = {"id": "1", "contact": "ana@ruiz.example", "kind": "won", "amount_minor": 129900, "currency": "EUR"}

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "id: Field required; kind: Field required"),
    "another kind": ({**WON, "kind": "maybe"}, "kind: Input should be 'booked', 'won', 'lost' or 'reversed'"),
    "won without an amount": ({**WON, "amount_minor": None}, "won needs amount_minor and currency"),
    "won without a currency": ({**WON, "currency": None}, "won needs amount_minor and currency"),
    "a float": ({**WON, "amount_minor": 1299.0}, "amount_minor: an integer of minor units"),
    "a decimal": ({**WON, "amount_minor": "1299.00"}, "amount_minor: an integer of minor units"),
    "true": ({**WON, "amount_minor": True}, "amount_minor: an integer of minor units"),
    "less than nothing": ({**WON, "amount_minor": -1}, "amount_minor: Input should be greater than or equal to 0"),
    "no currency of this world": ({**WON, "currency": "EURO"}, "currency: an ISO 4217 code"),
    "lost without a reason": ({"id": "1", "contact": "+34600", "kind": "lost"}, "lost needs a reason"),
    "booked with an amount": ({**WON, "kind": "booked"}, "booked has no amount"),
    "nobody": ({"id": "1", "kind": "booked"}, "contact is missing"),
    "no zone": ({**WON, "occurred_at": "2026-11-17T15:00:00"}, "occurred_at: Input should have timezone info"),
    "reversed, but what": ({"id": "1", "contact": "+34600", "kind": "reversed"}, "reversed needs corrects"),
    "itself": ({"id": "1", "kind": "reversed", "corrects": "1"}, "cannot correct itself"),
    "a field too many": ({**WON, "score": 1}, "score: Extra inputs are not permitted"),
    "a line break": ({**WON, "reason": "a\nb"}, "reason: control characters"),
    "a zero byte": ({**WON, "contact": "a\0b@c.de"}, "contact: control characters"),
}


@pytest.mark.parametrize(("fields", "says"), REFUSED.values(), ids=REFUSED)
def test_what_makes_no_outcome_is_refused_and_says_why(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(BadRequest) as refusal:
        read_outcome(fields)
    assert refusal.value.status == 422
    assert says in str(refusal.value)


def test_what_is_not_an_object_is_refused() -> None:
    values: tuple[Any, ...] = ([], "won", None, 1)
    for value in values:
        with pytest.raises(BadRequest):
            read_outcome(value)


@pytest.mark.parametrize(
    ("age", "changed", "holds"),
    [(0, b"", True), (299, b"", True), (-299, b"", True), (301, b"", False), (-301, b"", False), (0, b" ", False)],
)
def test_a_signature_is_of_this_body_and_of_these_five_minutes(age: int, changed: bytes, holds: bool) -> None:
    body = b'{"id": "1"}'
    header = outcome_webhooks.sign("new secret", body, NOW - timedelta(seconds=age))
    assert outcome_webhooks.is_signed(["new secret", "old"], header, body + changed, NOW) is holds
    assert not outcome_webhooks.is_signed(["other"], header, body, NOW)
    assert not outcome_webhooks.is_signed([], header, body, NOW)


@pytest.mark.parametrize("header", ["", "t=,v1=", "v1=00", "t=1763391600", "t=²,v1=0", "t=1,t=2,v1=0", "t=" + 99 * "9"])
def test_a_header_that_is_none_signs_nothing(header: str) -> None:
    assert not outcome_webhooks.is_signed(["secret"], header, b"", NOW)


def test_several_signatures_may_stand_in_one_header() -> None:
    header = outcome_webhooks.sign("new", b"x", NOW) + "," + outcome_webhooks.sign("old", b"x", NOW).split(",")[1]
    assert outcome_webhooks.is_signed(["old"], header, b"x", NOW)


URL = "https://agent.example/webhooks/outcomes/hubspot?tenant=lumen%3A"


def signed(url: str = URL, body: bytes = b"{}", at: datetime = NOW) -> dict[str, str]:
    timestamp = str(int(at.timestamp() * 1000))
    return {
        "x-hubspot-request-timestamp": timestamp,
        "x-hubspot-signature-v3": hubspot.sign_v3("secret", "POST", url, body, timestamp),
    }


def test_hubspots_signature_covers_method_url_body_and_time() -> None:
    def holds(headers: dict[str, str], *, body: bytes = b"{}", url: str = URL, method: str = "POST") -> bool:
        return hubspot.is_signed(["other", "secret"], method, url, body, headers, now=NOW)

    assert holds(signed())
    assert holds(signed(URL.replace("%3A", ":")))  # HubSpot signs the decoded URL
    assert not holds(signed(), body=b"{ }")
    assert not holds(signed(), url=URL + "x")
    assert not holds(signed(), method="PUT")
    assert not holds(signed(at=NOW - timedelta(seconds=301)))
    assert not holds({})


DEAL = {"dealId": 77, "dealstage": "closedwon", "amount": "1299.00", "email": "ana@ruiz.example"}


def test_a_won_deal_is_read_with_its_amount_in_minor_units() -> None:
    state = hubspot.read_deal({**DEAL, "occurredAt": 1_763_391_600_000}, "EUR", NOW)
    assert state
    assert (state.deal, state.kind, state.amount_minor, state.currency) == ("hubspot:77", "won", 129900, "EUR")
    assert state.occurred_at == datetime(2025, 11, 17, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"amount": "1.299,00"}, "amount"),
        ({"amount": None}, "amount"),
        ({"deal_currency_code": "X"}, "deal_currency_code"),
        ({"email": ""}, "email or phone"),
        ({"dealId": ""}, "dealId"),
        ({"kind": "paid"}, "kind"),
        ({"occurredAt": "yesterday"}, "occurredAt"),
    ],
)
def test_a_deal_that_makes_no_outcome_is_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(BadRequest, match=says):
        hubspot.read_deal({**DEAL, **change}, "EUR", NOW)


def test_other_stages_tell_nothing_and_a_kind_of_ones_own_comes_first() -> None:
    assert hubspot.read_deal({**DEAL, "dealstage": "qualifiedtobuy"}, "EUR", NOW) is None
    lost = hubspot.read_deal({**DEAL, "dealstage": "4711", "kind": "lost"}, "EUR", NOW)
    assert lost
    assert (lost.kind, lost.reason, lost.amount_minor) == ("lost", "no reason given", None)
    with pytest.raises(BadRequest, match="workflow"):
        hubspot.read_deal([{"subscriptionType": "deal.propertyChange"}], "EUR", NOW)


def test_columns_may_be_separated_by_semicolons_and_rows_know_their_lines() -> None:
    text = 'id;kind;reason\n1;lost;"too\ndear"\n2;booked;\n'
    assert [(line, row["id"]) for line, row in read_rows(text, "x.csv")] == [(3, "1"), (4, "2")]
