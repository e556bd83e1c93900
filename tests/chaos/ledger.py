"""What a chaos test compares at the end: the rows of a database, and what the provider took."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.doubles.twilio_messages import StoredMessage
from tests.stores import Store

Row = Mapping[str, Any]
HANDED_OVER = frozenset({"queued", "sent", "delivered", "read"})
NOTHING_UNDER_WAY = """
    not exists (select from conversations where turn_state <> 'idle')
    and not exists (select from messages where state in ('pending', 'sending'))
    and not exists (select from jobs.procrastinate_jobs where status = 'doing')"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ledger:
    """All that happened, from both sides."""

    inbound: Sequence[Row]
    outbound: Sequence[Row]
    turns: Mapping[Any, Row]
    reconciled: int
    """How many messages were found at the provider when it was asked."""
    taken: Sequence[str]
    """Our ids of what the provider took, in its order, as its callback URLs say."""

    def answering(self) -> list[Row]:
        """Return the turns that decided to answer, in the order of what they answer."""
        turns = (turn for turn in self.turns.values() if turn["state"] == "done" and turn["decision"] == "send")
        return sorted(turns, key=lambda turn: (str(turn["conversation_id"]), turn["first_seq"]))


async def read_ledger(store: Store, provider: Iterable[StoredMessage]) -> Ledger:
    """Read both sides."""
    turns = await store.rows("select * from turns")
    return Ledger(
        inbound=await store.rows("select * from messages where direction = 'inbound' order by seq"),
        outbound=await store.rows("select * from messages where direction = 'outbound' order by seq"),
        turns={turn["id"]: turn for turn in turns},
        reconciled=len(await store.rows("select from deliveries where state = 'reconciled'")),
        taken=[parse_qs(urlsplit(message.status_callback).query)["m"][0] for message in provider],
    )


def assert_stored_once(ledger: Ledger, acknowledged: Iterable[str]) -> None:
    """What was acknowledged is there, and nothing twice (P1)."""
    assert Counter(row["provider_id"] for row in ledger.inbound) == Counter(set(acknowledged))


def assert_in_one_turn(ledger: Ledger) -> None:
    """Each message belongs to one turn that has ended, and that lies around it (P1, P3)."""
    for message in ledger.inbound:
        turn = ledger.turns[message["turn_id"]]
        assert turn["state"] in {"done", "failed"}, (message, turn)
        assert turn["conversation_id"] == message["conversation_id"]
        assert turn["first_seq"] <= message["seq"] <= turn["last_seq"]
    assert not [turn for turn in ledger.turns.values() if turn["state"] == "running"]


def assert_in_order(ledger: Ledger) -> None:
    """What turns of a conversation answer does not overlap, and leaves in the order of what was asked (P3).

    A turn that only hands over may lie inside one that answers: what came before it had its answer withdrawn.
    """
    for before, after in pairwise(ledger.answering()):
        if before["conversation_id"] == after["conversation_id"]:
            assert before["last_seq"] < after["first_seq"], (before, after)
    turn_of = {str(message["id"]): ledger.turns[message["turn_id"]] for message in ledger.outbound}
    left: dict[Any, list[int]] = defaultdict(list)
    for message_id in ledger.taken:
        left[turn_of[message_id]["conversation_id"]].append(turn_of[message_id]["last_seq"])
    overtaken = {conversation: order for conversation, order in left.items() if order != sorted(order)}
    assert not overtaken, overtaken


def assert_sent_once(ledger: Ledger) -> None:
    """The provider got each message that we say has left exactly once, and nothing else (P2)."""
    taken = Counter(ledger.taken)
    for message in ledger.outbound:
        expected = 1 if message["state"] in HANDED_OVER else 0
        assert taken.pop(str(message["id"]), 0) == expected, message
    assert not taken
    assert {message["state"] for message in ledger.outbound} <= HANDED_OVER | {"superseded"}


def assert_answered_once(ledger: Ledger) -> None:
    """Each turn that decided to answer has exactly one answer that left; no turn has two (P2)."""
    left = Counter(message["turn_id"] for message in ledger.outbound if message["state"] in HANDED_OVER)
    assert max(left.values()) == 1
    assert not {turn["id"] for turn in ledger.answering()} - left.keys()
    assert all(ledger.turns[turn_id]["state"] in {"done", "failed"} for turn_id in left)
