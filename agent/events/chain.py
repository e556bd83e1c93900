"""The chain of a tenant's events: each is sealed with a hash over itself and the hash before (promise P9). Pure.

A seal is `sha256` over the canonical JSON of what happened, of `previous`, the seal before, and of `data_hash`, which
is `sha256` over a random salt and the canonical JSON of the event's data. Data are hashed apart because those about an
erased contact are forgotten, and their salt with them: the chain still holds, and nothing can be guessed from it.

Whoever may rewrite the whole database can also seal it anew. They cannot make it agree with a seal that was noted
elsewhere: `Head` is what to note.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Literal
from uuid import UUID

GENESIS = bytes(32)
"""What comes before a tenant's first seal."""
ERASED: Mapping[str, Any] = {"erased": True}
"""What is left of an event's data once its contact is erased."""
BACK_IN_TIME = timedelta(minutes=10)
"""Events are sealed in the order of their commits, so their times go back by seconds at most."""
CONTACT_ERASED, PRUNED = "contact.erased", "events.pruned"
"""Events that account for data forgotten, and for events removed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredEvent:
    """An event as the database has it."""

    id: int
    tenant_id: UUID
    at: datetime
    kind: str
    actor: str
    conversation_id: UUID | None
    turn_id: UUID | None
    message_id: UUID | None
    data: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Seal:
    """One link of the chain. `salt` is None once the data are forgotten."""

    seq: int
    event_id: int
    salt: bytes | None = field(repr=False)
    data_hash: bytes
    hash: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """How far a chain goes: the number and the hash of a seal. Written `12:9f86d0…`."""

    seq: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash.hex()}"

    @classmethod
    def parse(cls, text: str) -> "Head":
        """Read a head as it was printed.

        Raises:
            ValueError: it is none.
        """
        seq, _, digest = text.partition(":")
        found = cls(seq=int(seq), hash=bytes.fromhex(digest))
        if len(found.hash) != len(GENESIS):
            raise ValueError(f"{text!r} is not the number and the hash of a seal")
        return found


def seal_event(event: StoredEvent, after: Head, salt: bytes) -> Seal:
    """Return the link that puts an event behind the chain's head."""
    digest = hash_data(event.data, salt)
    seq = after.seq + 1
    return Seal(
        seq=seq, event_id=event.id, salt=salt, data_hash=digest, hash=_hash_link(event, seq, digest, after.hash)
    )


def hash_data(data: Mapping[str, Any], salt: bytes) -> bytes:
    """Return the hash of an event's data."""
    return sha256(salt + canonical(data)).digest()


def canonical(value: Mapping[str, Any]) -> bytes:
    """Return the one way to write a JSON object: keys sorted, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _hash_link(event: StoredEvent, seq: int, data_hash: bytes, previous: bytes) -> bytes:
    def id_of(value: UUID | None) -> str | None:
        return None if value is None else str(value)

    link = {
        "seq": seq,
        "id": event.id,
        "tenant": str(event.tenant_id),
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "kind": event.kind,
        "actor": event.actor,
        "conversation": id_of(event.conversation_id),
        "turn": id_of(event.turn_id),
        "message": id_of(event.message_id),
        "data": data_hash.hex(),
        "previous": previous.hex(),
    }
    return sha256(canonical(link)).digest()


# --- verifying ---------------------------------------------------------------------------------------------------

Fault = Literal[
    "missing_seal", "deleted", "altered", "data_altered", "forgotten", "backdated", "unsealed", "checkpoint", "head"
]
EXPLAINED: Mapping[Fault, str] = {
    "missing_seal": "seals are missing before this one",
    "deleted": "the event was removed, and no retention accounts for it",
    "altered": "the event is not what was sealed, or not where it was sealed",
    "data_altered": "the event's data are not what was sealed",
    "forgotten": "the event's data are gone, and no erasure of a contact accounts for it",
    "backdated": "the event was inserted later than it says",
    "unsealed": "the event has not been sealed; see whether a clock process is running",
    "checkpoint": "the chain begins where no event says that it was cut",
    "head": "the chain does not contain the seal that was noted",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Break:
    """A place where a chain does not hold. `seq` is None for an event without a seal."""

    fault: Fault
    seq: int | None
    event_id: int | None

    def __str__(self) -> str:
        where = f"seal {self.seq}" if self.seq is not None else "no seal"
        return f"{where}, event {self.event_id}: {EXPLAINED[self.fault]}"


@dataclass(slots=True)
class Verifier:
    """Follows a chain from its beginning: `check` each link in order, then `finish`."""

    start: Head = Head(seq=0, hash=GENESIS)
    """The last link that retention has removed."""
    noted: Head | None = None
    """A head noted earlier, which the chain must contain."""
    events: int = 0
    forgotten: int = 0
    """Events whose data were forgotten."""
    head: Head = Head(seq=0, hash=GENESIS)
    _latest: datetime | None = None
    _erased: list[tuple[UUID | None, Break]] = field(default_factory=list)
    _erased_conversations: set[str] = field(default_factory=set)
    _cuts: set[str] = field(default_factory=set)
    _met_noted: bool = False

    def __post_init__(self) -> None:
        self.head = self.start

    def check(self, seal: Seal, event: StoredEvent | None) -> Iterator[Break]:
        """Yield what is wrong with the next link; `event` is None where there is none of its number."""
        self.events += 1
        after, self.head = self.head, Head(seq=seal.seq, hash=seal.hash)
        self._met_noted = self._met_noted or self.head == self.noted
        if seal.seq != after.seq + 1:
            yield _broken("missing_seal", seal)
        if event is None:
            yield _broken("deleted", seal)
            return
        if _hash_link(event, seal.seq, seal.data_hash, after.hash) != seal.hash and seal.seq == after.seq + 1:
            yield _broken("altered", seal)
        yield from self._check_data(seal, event)
        if self._latest and event.at < self._latest - BACK_IN_TIME:
            yield _broken("backdated", seal)
        self._latest = max(event.at, self._latest or event.at)
        self.account_for(event)

    def _check_data(self, seal: Seal, event: StoredEvent) -> Iterator[Break]:
        if seal.salt is not None:
            if hash_data(event.data, seal.salt) != seal.data_hash:
                yield _broken("data_altered", seal)
        elif event.data != ERASED:
            yield _broken("data_altered", seal)
        else:
            self.forgotten += 1
            self._erased.append((event.conversation_id, _broken("forgotten", seal)))

    def account_for(self, event: StoredEvent) -> None:
        """Note what an event says of data forgotten or events removed; one that is not sealed yet says it, too."""
        if event.kind == CONTACT_ERASED:
            self._erased_conversations.update(map(str, event.data.get("threads", ())))
        elif event.kind == PRUNED:
            self._cuts.add(str(event.data.get("head")))

    def finish(self) -> Iterator[Break]:
        """Yield what is wrong with the chain as a whole."""
        for conversation_id, broken in self._erased:
            if str(conversation_id) not in self._erased_conversations:
                yield broken
        if self.start.seq and str(self.start) not in self._cuts:
            yield Break(fault="checkpoint", seq=self.start.seq, event_id=None)
        if self.noted and not self._met_noted and self.noted != self.start and self.noted.seq >= self.start.seq:
            yield Break(fault="head", seq=self.noted.seq, event_id=None)


def _broken(fault: Fault, seal: Seal) -> Break:
    return Break(fault=fault, seq=seal.seq, event_id=seal.event_id)
