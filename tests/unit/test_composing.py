"""What the composer rests on: variables, mentions, marked spans, and a timeline in order."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.message_details import Details
from agent.staff.canned import VARIABLES, VariableError, fill, in_language, known_values
from agent.staff.members import Member
from agent.staff.notes import find_mentions
from agent.staff.sending import Objected
from agent.store.timeline import Happened, Said, Thought
from agent.types import MemberId, MessageId, TenantId, TurnId, Verdict
from channels.inbox.spans import mark_spans
from channels.inbox.timeline_view import Bubble, DayBreak, Line, NewBreak, Read, Reading, arrange
from tests.factories import make_contact, make_tenant

AT = datetime(2026, 11, 17, 15, 0, tzinfo=UTC)
TURN = TurnId(UUID(int=99))


def make_member(name: str, number: int = 1) -> Member:
    return Member(
        id=MemberId(UUID(int=number)),
        tenant_id=TenantId(UUID(int=0)),
        name=name,
        email=f"{number}@x.example",
        role="reviewer",
    )


# --- canned replies ------------------------------------------------------------------------------------------------


def test_variables_are_filled_and_prices_stay_references() -> None:
    values = known_values(make_contact(name="María Gómez"), make_member("Ana Ruiz"), make_tenant(name="Escuela"))
    text = "Hola {{contact.first_name}}, soy {{ me.first_name }} de {{business.name}}: {price:EN-INT}"
    assert fill(text, values) == "Hola María, soy Ana de Escuela: {price:EN-INT}"
    assert values.keys() == set(VARIABLES)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("Hola {{contact.name}}", "not known here", id="no name"),
        pytest.param("Hola {{contact.shoe}}", "no such variable", id="unknown"),
        pytest.param("Hola {{}}", "no such variable", id="empty"),
        pytest.param("Hola {{contact.__class__}}", "no such variable", id="attribute"),
    ],
)
def test_variable_without_a_value_is_refused(text: str, why: str) -> None:
    values = known_values(make_contact(name=None), make_member("Ana"), make_tenant())
    with pytest.raises(VariableError, match=why):
        fill(text, values)


def test_value_is_never_read_as_a_variable_again() -> None:
    values = dict.fromkeys(VARIABLES, "{{me.name}}")
    assert fill("{{contact.name}}", values) == "{{me.name}}"


def test_language_falls_back_to_the_tenants_then_to_any() -> None:
    body = {"es": "Hola", "pt": "Olá"}
    assert [in_language(body, *each) for each in (("pt", "es"), ("en", "es"), ("en", "fr"))] == ["Olá", "Hola", "Hola"]


# --- mentions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "named"),
    [
        pytest.param("@Ana Ruiz mira esto", ["Ana Ruiz"], id="whole name"),
        pytest.param("mira esto, @ana.", ["Ana Ruiz"], id="first name"),
        pytest.param("@josé y @JOSE", ["José Paz"], id="accents and case"),
        pytest.param("@Luis", [], id="two have the first name"),
        pytest.param("@Luis Gil", ["Luis Gil"], id="whole name of one of two"),
        pytest.param("@Anabel", [], id="longer word"),
        pytest.param("ana@x.example", [], id="address"),
        pytest.param("Ana", [], id="no sign"),
    ],
)
def test_mentions_name_colleagues(text: str, named: list[str]) -> None:
    names = ["Ana Ruiz", "José Paz", "Luis Gil", "Luis Mar"]
    members = [make_member(name, number) for number, name in enumerate(names, start=1)]
    found = find_mentions(text, members)
    assert [each.name for each in members if each.id in found] == named


# --- spans ---------------------------------------------------------------------------------------------------------


@given(text=st.text(max_size=60), data=st.data())
def test_marked_pieces_are_the_whole_text(text: str, data: st.DataObject) -> None:
    spans = data.draw(st.lists(st.tuples(st.integers(0, 70), st.integers(0, 70)), max_size=4))
    warnings = tuple(
        Verdict(rule=f"r{n}", outcome="revise", reason="why", span=(min(span), max(span)))
        for n, span in enumerate(spans)
    )
    pieces = mark_spans(Objected(binding=(), warnings=warnings, text=text))
    assert "".join(piece.text for piece in pieces) == text


def test_overlapping_spans_mark_what_each_is_about() -> None:
    first = Verdict(rule="promises", outcome="revise", reason="no", span=(0, 4))
    second = Verdict(rule="pricing", outcome="revise", reason="no", span=(2, 6))
    pieces = mark_spans(Objected(binding=(second,), warnings=(first,), text="abcdefgh"))
    assert [(piece.text, set(piece.rules)) for piece in pieces] == [
        ("ab", {"promises"}),
        ("cd", {"promises", "pricing"}),
        ("ef", {"pricing"}),
        ("gh", set()),
    ]


# --- the timeline --------------------------------------------------------------------------------------------------


def make_said(seq: int, minutes: int, **overrides: object) -> Said:
    inbound: dict[str, object] = {
        **dict.fromkeys(("member", "member_id", "subject", "language", "turn_id", "source", "state", "model", "error")),
        **dict.fromkeys(("not_before", "undo_until", "segments", "carriage_microusd", "template")),
    }
    fields: dict[str, object] = {
        "id": MessageId(UUID(int=seq)),
        "seq": seq,
        "direction": "inbound",
        "author": "contact",
        "body": f"message {seq}",
        "created_at": AT + timedelta(minutes=minutes),
        "kind": "text",
        "details": Details(),
        "hold": "",
        "trust": "proven",
        "has_original": False,
        **inbound,
        **overrides,
    }
    return Said(**fields)  # type: ignore[arg-type]  # overrides are checked by the tests that use them


def make_reply(seq: int, minutes: int, **overrides: object) -> Said:
    ours = {"direction": "outbound", "author": "agent", "state": "sent", "source": "claude", "turn_id": TURN}
    return make_said(seq, minutes, **{**ours, **overrides})


def make_thought(**overrides: object) -> Thought:
    fields: dict[str, object] = {
        "id": TURN,
        "state": "done",
        "last_seq": 1,
        "trace_id": "f" * 32,
        "attempts": 1,
        "steps": {"verdicts": [{"rule": "pricing", "outcome": "pass"}, {"rule": "new", "outcome": "hold"}]},
        "decision": "send",
        "reason": "",
        "created_at": AT,
        "finished_at": AT + timedelta(minutes=1),
        "calls": 1,
        "cost_microusd": 1200,
        **overrides,
    }
    return Thought(**fields)  # type: ignore[arg-type]


def reading(**overrides: object) -> Reading:
    fields = {"member": make_member("Ana"), "now": AT, "new_after": None, "langfuse": "https://traces.example/"}
    return Reading(**{**fields, **overrides})  # type: ignore[arg-type]


def test_messages_keep_their_order_and_events_stand_between_them() -> None:
    late = make_said(2, -5)  # its clock was wrong
    happened = Happened(id="event-1", at=AT + timedelta(minutes=2), kind="conversation.taken_over", who="Luis")
    shown = arrange(
        Read(messages=[make_said(1, 0), late, make_said(3, 5)], thoughts=[], happened=[happened]), reading()
    )
    kinds = [each.id for each in shown if isinstance(each, Bubble | Line)]
    assert kinds == [f"message-{UUID(int=1)}", f"message-{UUID(int=2)}", "event-1", f"message-{UUID(int=3)}"]
    assert sum(isinstance(each, DayBreak) for each in shown) == 1


def test_reasoning_is_folded_under_the_last_reply_of_its_turn() -> None:
    messages = [make_said(1, 0), make_reply(2, 1), make_reply(3, 1)]
    shown = arrange(Read(messages=messages, thoughts=[make_thought()], happened=[]), reading())
    first, last = (each for each in shown if isinstance(each, Bubble) and not each.is_theirs)
    assert first.reasoning is None
    assert last.reasoning
    assert (last.reasoning.passed, len(last.reasoning.checks), last.reasoning.cost) == (1, 2, "0.0012")
    assert last.reasoning.trace_url == f"https://traces.example/trace/{'f' * 32}"


def test_silent_turn_has_a_line_and_its_request_no_second_one() -> None:
    asked = Happened(
        id="asked-1", at=AT + timedelta(minutes=1), kind="escalation.opened", who=None, data={"turn": str(TURN)}
    )
    thought = make_thought(decision="escalate", reason="human_request")
    shown = arrange(Read(messages=[make_said(1, 0)], thoughts=[thought], happened=[asked]), reading(langfuse=""))
    (line,) = (each for each in shown if isinstance(each, Line))
    assert (line.text, line.detail) == ("A person is asked for", "human request")
    assert line.reasoning
    assert line.reasoning.trace_url == ""


def test_new_messages_are_divided_once() -> None:
    messages = [make_said(1, 0), make_said(2, 5), make_said(3, 6)]
    shown = arrange(Read(messages=messages, thoughts=[], happened=[]), reading(new_after=AT + timedelta(minutes=1)))
    at = [isinstance(each, NewBreak) for each in shown]
    assert (sum(at), at.index(True)) == (1, 2)


def test_scheduled_text_is_held_and_stopped_by_what_came_after_it() -> None:
    later = AT + timedelta(hours=2)
    text = {"author": "staff", "source": "staff", "state": "pending", "not_before": later, "undo_until": later}
    for messages, is_stopped in (
        ([make_reply(1, 0, **text)], False),
        ([make_reply(1, 0, **text), make_said(2, 1)], True),
    ):
        shown = arrange(Read(messages=messages, thoughts=[], happened=[]), reading())
        bubble = next(each for each in shown if isinstance(each, Bubble))
        assert (bubble.held_until, bubble.is_stopped) == (later, is_stopped)
