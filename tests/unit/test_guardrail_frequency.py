"""Frequency: how often one contact is written to, and when two machines seem to talk."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.guardrails import frequency
from agent.types import Author, Candidate, Message, Outcome, Policy, Purpose, Turn, Verdict
from tests.factories import NOW, make_conversation, make_message, make_tenant, make_turn


def judge(
    turn: Turn,
    *,
    text: str = "El curso empieza en abril.",
    purpose: Purpose = "reply",
    author: Author = "agent",
    policy: Policy | None = None,
    now: datetime = NOW,
) -> Verdict:
    candidate = Candidate(text=text, language="es", channel=turn.conversation.channel, purpose=purpose, author=author)
    return frequency.check(candidate, turn, make_tenant(policy=policy or Policy()), now)


def sent(*ages: timedelta) -> Turn:
    """Return a turn to whose contact texts went that long ago."""
    return make_turn(sent_at=tuple(sorted(NOW - age for age in ages)))


def every(step: timedelta, count: int) -> Turn:
    return sent(*(step * n for n in range(1, count + 1)))


def exchange(
    count: int, answers_after: timedelta, ours: str = "Respuesta {}", pause: timedelta = timedelta(seconds=2)
) -> tuple[Message, ...]:
    """Return an alternating talk of `count` rounds that ends with the contact's answer, just now."""
    at = NOW - (answers_after + pause) * count
    said: list[Message] = []
    for n in range(count):
        at += pause
        said.append(make_message(ours.format(n), seq=2 * n + 1, direction="outbound", author="agent", created_at=at))
        at += answers_after
        said.append(make_message(f"pregunta {n}", seq=2 * n + 2, created_at=at))
    return tuple(said)


def talking(said: tuple[Message, ...]) -> Turn:
    return make_turn(inbound=said[-1:], history=said[:-1])


# --- per day and week -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("turn", "outcome"),
    [
        pytest.param(every(timedelta(minutes=10), 39), "pass", id="a lively chat"),
        pytest.param(every(timedelta(minutes=10), 40), "hold", id="the day is full"),
        pytest.param(every(timedelta(minutes=35), 40), "hold", id="the fortieth just inside the day"),
        pytest.param(every(timedelta(minutes=37), 40), "pass", id="the fortieth is a day ago"),
        pytest.param(every(timedelta(minutes=67), 149), "pass", id="a busy week"),
        pytest.param(every(timedelta(minutes=67), 150), "hold", id="the week is full"),
        pytest.param(make_turn(), "pass", id="nothing sent"),
    ],
)
def test_reply_beyond_a_limit_goes_to_a_person(turn: Turn, outcome: Outcome) -> None:
    assert judge(turn).outcome == outcome


@pytest.mark.parametrize(
    ("ages", "policy", "until"),
    [
        pytest.param(
            (2, 5), Policy(max_per_day=2, max_per_week=9), 24 - 5, id="the day has room when the older leaves"
        ),
        pytest.param((2, 5, 7), Policy(max_per_day=2, max_per_week=9), 24 - 5, id="more than the limit"),
        pytest.param((30, 50), Policy(max_per_day=2, max_per_week=2), 7 * 24 - 50, id="the week is full"),
        pytest.param((2, 5), Policy(max_per_day=2, max_per_week=2), 7 * 24 - 5, id="the later of both"),
        pytest.param((30, 50), Policy(max_per_day=2, max_per_week=9), None, id="room"),
    ],
)
def test_follow_up_waits_until_there_is_room(ages: tuple[int, ...], policy: Policy, until: int | None) -> None:
    verdict = judge(sent(*(timedelta(hours=age) for age in ages)), policy=policy, purpose="follow_up")
    assert verdict.until == (NOW + timedelta(hours=until) if until is not None else None)
    if verdict.until:
        turn = sent(*(timedelta(hours=age) for age in ages))
        assert judge(turn, policy=policy, purpose="follow_up", now=verdict.until).outcome == "pass"


@pytest.mark.parametrize(
    ("address", "count", "author", "outcome"),
    [
        pytest.param("+573001234567", 1, "agent", "delay", id="Colombia: one contact a day"),
        pytest.param("+573001234567", 1, "staff", "delay", id="the law binds staff as well"),
        pytest.param("+573001234567", 0, "agent", "pass", id="Colombia: the first"),
        pytest.param("+13055550123", 3, "agent", "delay", id="Florida: three a day"),
        pytest.param("+13055550123", 2, "agent", "pass", id="Florida: the third"),
        pytest.param("+12125550123", 3, "agent", "pass", id="New York: the tenant's limit only"),
    ],
)
def test_law_limits_follow_ups_in_a_day(address: str, count: int, author: Author, outcome: Outcome) -> None:
    conversation = make_conversation(channel="sms", contact_address=address)
    turn = make_turn(conversation=conversation, sent_at=tuple(NOW - timedelta(hours=n + 1) for n in range(count)))
    assert judge(turn, purpose="follow_up", author=author).outcome == outcome
    assert judge(turn, purpose="reply").outcome == "pass"


@pytest.mark.parametrize(
    ("purpose", "author", "outcome"),
    [
        ("reply", "agent", "hold"),
        ("help", "system", "hold"),
        ("reply", "staff", "pass"),
        ("opt_out_confirmation", "system", "pass"),
    ],
)
def test_who_is_bound_by_the_tenants_limits(purpose: Purpose, author: Author, outcome: Outcome) -> None:
    assert judge(every(timedelta(minutes=1), 60), purpose=purpose, author=author).outcome == outcome


def test_text_that_stands_in_history_and_count_is_counted_once() -> None:
    said = tuple(
        make_message(f"a{n}", seq=n, direction="outbound", author="agent", created_at=NOW - timedelta(hours=n))
        for n in (3, 2, 1)
    )
    turn = make_turn(history=said, sent_at=tuple(message.created_at for message in said))
    assert judge(turn, policy=Policy(max_per_day=4)).outcome == "pass"


@settings(max_examples=200, deadline=None)
@given(
    ages=st.lists(st.integers(0, 8 * 24 * 60), max_size=60, unique=True),
    most=st.tuples(st.integers(1, 10), st.integers(1, 20)),
)
def test_follow_up_that_waited_keeps_both_limits(ages: list[int], most: tuple[int, int]) -> None:
    policy = Policy(max_per_day=most[0], max_per_week=most[1])
    times = tuple(sorted(NOW - timedelta(minutes=age) for age in ages))
    spanish = make_conversation(contact_address="+34612345678")
    verdict = judge(make_turn(sent_at=times, conversation=spanish), policy=policy, purpose="follow_up")
    at = verdict.until or NOW
    assert sum(at - each < timedelta(days=1) for each in times) < most[0]
    assert sum(at - each < timedelta(days=7) for each in times) < most[1]


# --- unanswered -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("unanswered", "outcome"), [(0, "pass"), (2, "pass"), (3, "hold"), (5, "hold")])
def test_follow_up_after_too_many_without_answer_is_held(unanswered: int, outcome: Outcome) -> None:
    ours = tuple(
        make_message(f"¿Sigues ahí? {n}", seq=n + 2, direction="outbound", author="agent", created_at=NOW)
        for n in range(unanswered)
    )
    turn = make_turn(inbound=(make_message(seq=1),), history=ours)
    assert judge(turn, purpose="follow_up").outcome == outcome


def test_reply_to_somebody_who_answers_at_last_passes() -> None:
    ours = tuple(make_message(f"¿? {n}", seq=n, direction="outbound", author="agent") for n in range(1, 9))
    assert judge(make_turn("hola", history=ours)).outcome == "pass"


# --- loops ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rounds", "answers_after", "outcome"),
    [
        pytest.param(9, timedelta(seconds=1), "hold", id="a machine answers at once"),
        pytest.param(12, timedelta(seconds=5), "hold", id="every five seconds"),
        pytest.param(8, timedelta(seconds=1), "pass", id="too few to tell"),
        pytest.param(14, timedelta(seconds=6), "pass", id="a person who types fast"),
        pytest.param(14, timedelta(minutes=2), "pass", id="a long talk"),
    ],
)
def test_answers_faster_than_people_type_are_held(rounds: int, answers_after: timedelta, outcome: Outcome) -> None:
    assert judge(talking(exchange(rounds, answers_after))).outcome == outcome


def test_one_slow_answer_tells_a_person() -> None:
    slow = exchange(1, timedelta(minutes=1))
    quick = exchange(8, timedelta(seconds=1))
    said = tuple(
        make_message(m.text, seq=n, direction=m.direction, author=m.author, created_at=m.created_at)
        for n, m in enumerate((*slow, *quick), 1)
    )
    assert judge(talking(said)).outcome == "pass"


@pytest.mark.parametrize(
    ("times", "text", "ours", "outcome"),
    [
        pytest.param(3, "¡Hola! ¿En qué te ayudo?", "hola, en que te ayudo", "hold", id="the same a fourth time"),
        pytest.param(2, "¡Hola! ¿En qué te ayudo?", "hola, en que te ayudo", "pass", id="a third time"),
        pytest.param(6, "El martes a las 9.", "El lunes a las {}.", "pass", id="other words"),
        pytest.param(6, "👍", "🙂", "pass", id="no words"),
    ],
)
def test_same_text_again_and_again_is_held(times: int, text: str, ours: str, outcome: Outcome) -> None:
    assert judge(talking(exchange(times, timedelta(minutes=1), ours=ours)), text=text).outcome == outcome


def test_same_text_hours_later_passes() -> None:
    turn = talking(exchange(6, timedelta(minutes=30), ours="Hola"))
    assert judge(turn, text="Hola").outcome == "pass"


def test_reason_is_a_sentence() -> None:
    verdict = judge(every(timedelta(minutes=1), 60), now=datetime(2026, 11, 21, 12, tzinfo=UTC))
    assert verdict.reason.endswith(".")
    assert "40" in verdict.evidence
