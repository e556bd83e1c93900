from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from agent.store.simulator import Thread, ThreadEscalation, ThreadMessage, ThreadTurn
from agent.templates.types import Proposal
from agent.types import MessageId, Source, Suppression
from channels.pages import build_templates
from channels.simulator_page import REGIONS
from channels.simulator_thought import Fact, ThoughtView, engine_label, language_name
from channels.simulator_view import EMPTY, Bubble, Line, ThreadView, mail_thread, show_thread

NOW = datetime(2026, 11, 17, 15, 0, tzinfo=UTC)
MADRID = ZoneInfo("Europe/Madrid")
TURN = UUID(int=7)

CLASSIFICATION = {
    "intent": "product_question",
    "secondary": ["pricing"],
    "language": "pt",
    "confidence": 0.914,
    "sentiment": "positive",
    "source": "claude",
    "model": "claude-haiku-5-5",
}
STEPS = {
    "language": {"language": "pt", "confidence": 0.97},
    "classification": CLASSIFICATION,
    "route": {"tier": "standard", "reason": "product_question is routine"},
    "verdicts": [
        {"rule": "pricing", "outcome": "revise", "reason": "399 € is not published"},
        {"rule": "consent", "outcome": "pass", "reason": ""},
    ],
    "draft": {"draft": {"source": "claude", "model": "claude-sonnet-5-5"}},
}


def a_message(seq: int, **overrides: Any) -> ThreadMessage:
    message = ThreadMessage(
        id=MessageId(UUID(int=seq)),
        seq=seq,
        direction="inbound",
        author="contact",
        body="Hola",
        subject=None,
        language="es",
        provider_id=f"SM{seq:032d}",
        turn_id=TURN,
        created_at=NOW,
        source=None,
        state=None,
        model=None,
        error=None,
        not_before=None,
    )
    return replace(message, **overrides)


def a_reply(seq: int, **overrides: Any) -> ThreadMessage:
    reply = a_message(seq, direction="outbound", author="agent", source="local", state="delivered", not_before=NOW)
    return replace(reply, **overrides)


def a_turn(**overrides: Any) -> ThreadTurn:
    turn = ThreadTurn(
        id=TURN,
        state="done",
        first_seq=1,
        last_seq=1,
        trace_id="0" * 32,
        attempts=1,
        steps=STEPS,
        decision="send",
        reason="pricing is routine",
        created_at=NOW,
        finished_at=NOW + timedelta(milliseconds=840),
        calls=2,
        cost_microusd=1234567,
    )
    return replace(turn, **overrides)


def a_thread(*messages: ThreadMessage, **overrides: Any) -> Thread:
    thread = Thread(
        channel="whatsapp",
        last_inbound_at=None,
        turn_state="idle",
        owner="agent",
        is_overdue=False,
        suppression=None,
        messages=messages,
        turns=(),
        escalations=(),
    )
    return replace(thread, **overrides)


def view(thread: Thread, *, has_model_key: bool = False) -> ThreadView:
    return show_thread(thread, zone=MADRID, now=NOW, has_model_key=has_model_key)


def the_bubble(thread: Thread) -> Bubble:
    (bubble,) = [entry for entry in view(thread).entries if isinstance(entry, Bubble)]
    return bubble


def the_line(thread: Thread) -> Line:
    (line,) = [entry for entry in view(thread).entries if isinstance(entry, Line)]
    return line


def the_thought(turn: ThreadTurn, *messages: ThreadMessage, has_model_key: bool = False) -> ThoughtView:
    (thought,) = view(a_thread(*messages, turns=(turn,)), has_model_key=has_model_key).thoughts
    return thought


class TestTicks:
    @pytest.mark.parametrize(
        ("state", "icon", "label"),
        [
            ("pending", "clock", "Queued"),
            ("sending", "clock", "Sending"),
            ("queued", "clock", "Queued"),
            ("sent", "check", "Sent"),
            ("delivered", "checks", "Delivered"),
            ("read", "checks", "Read"),
            ("failed", "alert", "Failed"),
            ("unknown", "alert", "Unknown whether it arrived"),
        ],
    )
    def test_reply_shows_how_far_it_got(self, state: str, icon: str, label: str) -> None:
        tick = the_bubble(a_thread(a_reply(1, state=state))).tick
        assert (tick.icon, tick.label) == (icon, label)

    @pytest.mark.parametrize(("turn_id", "label"), [(None, "Received"), (TURN, "Read by Nightshift")])
    def test_own_message_shows_whether_a_turn_took_it(self, turn_id: UUID | None, label: str) -> None:
        assert the_bubble(a_thread(a_message(1, turn_id=turn_id))).tick.label == label

    def test_failure_is_explained(self) -> None:
        assert the_bubble(a_thread(a_reply(1, state="failed", error="no such number"))).error == "no such number"


class TestEntries:
    def test_withdrawn_reply_was_never_there(self) -> None:
        assert all(not isinstance(e, Bubble) for e in view(a_thread(a_reply(1, state="superseded"))).entries)

    def test_held_reply_says_until_when_on_the_prospects_clock(self) -> None:
        held = a_reply(1, state="pending", not_before=datetime(2026, 11, 18, 8, 0, tzinfo=UTC))
        assert "held until Wednesday 09:00" in the_line(a_thread(held)).text

    def test_reply_due_at_once_is_a_bubble(self) -> None:
        assert the_bubble(a_thread(a_reply(1, state="pending"))).tick.label == "Queued"

    def test_times_are_the_prospects(self) -> None:
        assert the_bubble(a_thread(a_message(1))).time == "16:00"

    def test_days_begin_with_their_name(self) -> None:
        shown = view(
            a_thread(
                a_message(1, created_at=NOW - timedelta(days=9)),
                a_message(2, created_at=NOW - timedelta(days=1)),
                a_message(3),
                a_message(4),
            )
        )
        days = [entry.label for entry in shown.entries if entry.kind == "day"]
        assert days == ["Sunday, 8 November 2026", "Yesterday", "Today"]

    def test_escalation_tells_what_staff_are_proposed_to_send(self) -> None:
        proposal = Proposal(kind="channel", reason="closed", text="Son 399,00 €.", channel="email")
        escalation = ThreadEscalation(
            id=UUID(int=9),
            turn_id=TURN,
            message_id=None,
            reason="The reply window has closed",
            state="open",
            created_at=NOW,
            proposal=proposal,
        )
        line = the_line(a_thread(a_message(1), escalations=(escalation,)))
        assert line.text.endswith("The reply window has closed. Proposed to them: to write by email, “Son 399,00 €.”")

    def test_escalation_stands_between_the_message_and_the_notice(self) -> None:
        escalation = ThreadEscalation(
            id=UUID(int=9),
            turn_id=TURN,
            message_id=None,
            reason="human_request: always a person",
            state="open",
            created_at=NOW,
        )
        thread = a_thread(
            a_message(1), a_reply(2, source="rule"), a_message(3), turns=(a_turn(),), escalations=(escalation,)
        )
        assert [entry.kind for entry in view(thread).entries] == ["day", "bubble", "line", "bubble", "bubble"]
        assert the_line(thread).text == "Handed to a person: human request: always a person"

    def test_silence_says_why(self) -> None:
        silent = a_turn(decision="nothing", reason="an acknowledgement needs no reply")
        assert the_line(a_thread(a_message(1), turns=(silent,))).text == ("No reply: an acknowledgement needs no reply")

    def test_next_mail_answers_the_last_subject_once(self) -> None:
        assert view(a_thread(a_message(1, subject="Curso"))).next_subject == "Re: Curso"
        assert view(a_thread(a_message(1, subject="Re: Curso"))).next_subject == "Re: Curso"
        assert view(a_thread(a_message(1))).next_subject == ""

    def test_mail_thread_names_mails_that_left(self) -> None:
        thread = a_thread(
            a_message(1, provider_id="<1@a>"),
            a_reply(2, provider_id="<2@a>", state="superseded"),
            a_reply(3, provider_id=None, state="pending"),
            a_reply(4, provider_id="<4@a>"),
        )
        assert mail_thread(thread) == ("<1@a>", "<4@a>")


class TestState:
    @pytest.mark.parametrize(
        ("turn_state", "owner", "is_overdue", "typing"),
        [
            ("idle", "agent", False, False),
            ("queued", "agent", False, True),
            ("running", "agent", False, True),
            ("running", "staff", False, False),
            ("queued", "agent", True, False),
        ],
    )
    def test_typing_only_while_somebody_works(
        self, turn_state: str, owner: str, is_overdue: bool, typing: bool
    ) -> None:
        thread = a_thread(turn_state=turn_state, owner=owner, is_overdue=is_overdue)
        assert view(thread).is_typing is typing

    @pytest.mark.parametrize(
        ("overrides", "words"),
        [
            ({"suppression": Suppression(reason="asked", since=NOW)}, "opted out"),
            ({"owner": "staff"}, "A person has taken over"),
            ({"is_overdue": True}, "Is a worker running?"),
        ],
        ids=["opted out", "staff", "no worker"],
    )
    def test_banner_says_what_holds(self, overrides: dict[str, Any], words: str) -> None:
        (banner,) = view(a_thread(**overrides)).banners
        assert words in banner.text

    @pytest.mark.parametrize(
        ("ago", "text", "tone"),
        [
            (timedelta(hours=1), "Reply window closes in 22 h 55 min", "plain"),
            (timedelta(hours=23), "Reply window closes in 55 min", "warn"),
            (timedelta(hours=25), "Reply window closed: only an approved template may be sent", "bad"),
        ],
        ids=["open", "closing", "closed"],
    )
    def test_reply_window_is_counted_down(self, ago: timedelta, text: str, tone: str) -> None:
        countdown = view(a_thread(last_inbound_at=NOW - ago)).countdown
        assert countdown is not None
        assert (countdown.text, countdown.tone) == (text, tone)
        assert countdown.closes_at == f"{(NOW - ago + timedelta(hours=23, minutes=55)).astimezone(MADRID):%A %H:%M}"

    def test_channel_without_a_reply_window_counts_nothing_down(self) -> None:
        assert view(a_thread(channel="sms", last_inbound_at=NOW)).countdown is None


class TestEngine:
    @pytest.mark.parametrize(
        ("source", "model", "has_key", "label"),
        [
            ("claude", "claude-sonnet-5-5", True, "Claude (claude-sonnet-5-5)"),
            ("claude", "", True, "Claude"),
            ("local", "", False, "local engine — no model key set"),
            ("local", "", True, "local engine — Claude gave no answer"),
            ("rule", "", True, "rule — no model involved"),
        ],
    )
    def test_label_leaves_no_doubt(self, source: Source, model: str, has_key: bool, label: str) -> None:
        assert engine_label(source, model, has_model_key=has_key) == label

    def test_every_reply_says_who_wrote_it(self) -> None:
        assert the_bubble(a_thread(a_reply(1))).byline == "local engine — no model key set"
        assert the_bubble(a_thread(a_reply(1, author="staff"))).byline == "a person on the team"

    def test_reply_shows_the_files_that_came_along(self) -> None:
        assert the_bubble(a_thread(a_reply(1, files=("https://x.example/a.pdf",)))).files == (
            "https://x.example/a.pdf",
        )

    @pytest.mark.parametrize(
        ("segments", "carriage_microusd", "said"),
        [(1, 8300, "1 SMS part, $0.0083"), (3, 24900, "3 SMS parts, $0.0249"), (2, None, "2 SMS parts")],
    )
    def test_reply_by_sms_says_its_parts_and_what_they_cost(
        self, segments: int, carriage_microusd: int | None, said: str
    ) -> None:
        reply = a_reply(1, segments=segments, carriage_microusd=carriage_microusd)
        assert the_bubble(a_thread(reply)).byline.endswith(f" · {said}")


class TestThought:
    def test_finished_turn_tells_all(self) -> None:
        thought = the_thought(a_turn(), a_message(1, body="Oi"), a_reply(2, source="claude", model="m"))
        assert thought.outcome_label == "Answered"
        assert thought.quote == "Oi"
        assert Fact(name="Language", value="Portuguese", percent=97) in thought.facts
        assert Fact(name="Intent", value="product question", detail="also pricing", percent=91) in thought.facts
        assert Fact(name="Route", value="Write a reply", detail="product question is routine") in thought.facts
        assert [engine.value for engine in thought.engines] == ["Claude (claude-haiku-5-5)", "Claude (m)"]
        assert thought.checks_label == "1 of 2 checks passed"
        assert [(check.passed, check.reason) for check in thought.checks] == [
            (False, "399 € is not published"),
            (True, ""),
        ]
        assert thought.timing == "840 ms · 2 model calls · $1.2345"

    def test_running_turn_tells_what_it_knows_by_now(self) -> None:
        steps = {"classify": {"classification": CLASSIFICATION, "calls": []}}
        thought = the_thought(a_turn(state="running", finished_at=None, decision=None, steps=steps), a_message(1))
        assert thought.outcome == "working"
        assert thought.facts[0] == Fact(name="Language", value="Portuguese")
        assert thought.engines == (Fact(name="Understood by", value="Claude (claude-haiku-5-5)"),)

    def test_burst_is_quoted_as_one(self) -> None:
        thought = the_thought(a_turn(last_seq=2), a_message(1, body="Hola"), a_message(2, body="¿precio?"))
        assert (thought.burst, thought.quote) == (2, "Hola · ¿precio?")

    @pytest.mark.parametrize(
        ("state", "decision", "outcome"),
        [
            ("done", "send", "sent"),
            ("done", "escalate", "person"),
            ("done", "nothing", "silent"),
            ("superseded", None, "superseded"),
            ("running", None, "working"),
            ("failed", "escalate", "failed"),
        ],
    )
    def test_outcome_is_told(self, state: str, decision: str | None, outcome: str) -> None:
        assert the_thought(a_turn(state=state, decision=decision)).outcome == outcome

    def test_turn_without_any_step_is_a_rules_work(self) -> None:
        thought = the_thought(a_turn(steps={}), a_reply(2, source="rule"))
        assert {engine.value for engine in thought.engines} == {"rule — no model involved"}
        assert thought.checks == ()

    @pytest.mark.parametrize(("code", "name"), [("es", "Spanish"), ("tlh-", "tlh-"), ("", "")])
    def test_unknown_language_keeps_its_code(self, code: str, name: str) -> None:
        assert language_name(code) == name


class TestHtml:
    @pytest.mark.parametrize("region", REGIONS)
    def test_region_renders_empty(self, region: str) -> None:
        html = build_templates().get_template(f"simulator/_{region}.html").render(view=EMPTY)
        assert "<script" not in html

    @pytest.mark.parametrize("region", REGIONS)
    def test_hostile_words_stay_words(self, region: str) -> None:
        evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7*7 }}"
        steps = {
            **STEPS,
            "route": {"tier": evil, "reason": evil},
            "classification": {**CLASSIFICATION, "intent": evil, "language": evil, "model": evil},
            "verdicts": [{"rule": evil, "outcome": evil, "reason": evil}],
        }
        thread = a_thread(
            a_message(1, body=evil, subject=evil, language='"><b>'),
            a_reply(2, body=evil, model=evil, source="claude", state="failed", error=evil),
            turns=(a_turn(steps=steps, reason=evil),),
            escalations=(
                ThreadEscalation(
                    id=UUID(int=9), turn_id=TURN, message_id=None, reason=evil, state="open", created_at=NOW
                ),
            ),
        )
        html = build_templates().get_template(f"simulator/_{region}.html").render(view=view(thread))
        assert "<script" not in html
        assert "<img" not in html
        assert "<b>" not in html
        assert "{{ 7*7 }}" in html or "7*7" not in html

    def test_bubble_names_its_language(self) -> None:
        html = build_templates().get_template("simulator/_thread.html").render(view=view(a_thread(a_message(1))))
        assert 'lang="es"' in html
