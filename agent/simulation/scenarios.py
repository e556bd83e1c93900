"""Scenarios: who writes, what they say or want, and what must come of it. Data, in YAML.

Scripted prospects say their lines whatever they are answered; played ones are a model's, with a goal, a persona and
some patience. What must come of it is stated beforehand: a scenario passes if all of that is so, and nothing we sent
breaks a content rule.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from agent.errors import Misconfigured
from agent.tenant.yaml import read_yaml
from agent.types import Channel, Intent

Decision = Literal["send", "escalate", "nothing"]
USUAL_AT = datetime(2026, 11, 17, 15, 0, tzinfo=UTC)
"""A Tuesday: office hours in Madrid, Mexico City and São Paulo."""
MOST_TURNS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """What must have come of the conversation by now. What is not named may be as it likes."""

    decision: tuple[Decision, ...] = ()
    """What the last turn did: one of these."""
    intent: tuple[Intent, ...] = ()
    """What the last turn was about: one of these."""
    must: tuple[str, ...] = ()
    """Each is in what we have sent since the last expectation; `|` parts alternatives."""
    never: tuple[str, ...] = ()
    """None is in anything we have sent."""
    language: str = ""
    """Of what we have sent since the last expectation."""
    replies: tuple[int, int] | None = None
    """How many texts we have sent since the last expectation: at least, at most."""
    escalated: bool | None = None
    opted_out: bool | None = None
    waits: bool | None = None
    """Whether a text of ours waits for the hour at which it may leave."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """What a scripted prospect does next."""

    say: tuple[str, ...] = ()
    """Messages sent together."""
    media: str = ""
    """Type of a file that comes with the last of them, such as `audio/ogg`."""
    after_s: float = 60.0
    expect: Expected | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Played:
    """A prospect that a model plays."""

    goal: str
    persona: str
    patience: int = 5
    """Messages after which they give up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """One conversation to be had. Exactly one of `script` and `plays`."""

    id: str
    tenant: str
    language: str
    channel: Channel = "whatsapp"
    sender: str = "+34600111222"
    at: datetime = USUAL_AT
    script: tuple[Step, ...] = ()
    plays: Played | None = None
    expect: Expected = field(default_factory=Expected)
    """What must have come of it in the end."""

    def __post_init__(self) -> None:
        """Refuse what cannot be played."""
        if bool(self.script) == (self.plays is not None):
            raise ValueError("a scenario has a script, or a prospect who is played")
        if self.at.tzinfo is None:
            raise ValueError("`at` needs a time zone, such as 2026-11-17T15:00:00Z")


_SCENARIOS = TypeAdapter(tuple[Scenario, ...])


def load_scenarios(paths: Sequence[Path] = ()) -> tuple[Scenario, ...]:
    """Read scenarios from files or folders of YAML; of none, those that ship.

    Raises:
        Misconfigured: one is wrong, or two have the same id; names it.
    """
    found = [each for name, text in _texts(paths) for each in read_scenarios(text, name)]
    known: set[str] = set()
    for each in found:
        if each.id in known:
            raise Misconfigured(f"Two scenarios are called {each.id!r}.", "Give each an id of its own.")
        known.add(each.id)
    return tuple(found)


def read_scenarios(text: str, name: str) -> tuple[Scenario, ...]:
    """Read the scenarios of one file, a list.

    Raises:
        Misconfigured: it is no YAML, or a scenario is wrong; names the file and what is wrong.
    """
    document = read_yaml(text)
    if document.problems:
        raise Misconfigured(f"{name}: {document.problems[0]}.", "Correct the file.")
    try:
        return _SCENARIOS.validate_python(document.data)
    except ValidationError as exc:
        problems = exc.errors(include_url=False, include_input=False)[:3]
        told = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in problems)
        raise Misconfigured(f"{name}: {told}.", "Correct the file.") from exc


def _texts(paths: Sequence[Path]) -> Iterator[tuple[str, str]]:
    if not paths:
        folder = files("agent.simulation").joinpath("scenarios")
        for shipped in sorted(folder.iterdir(), key=lambda each: each.name):
            if shipped.name.endswith(".yaml"):
                yield shipped.name, shipped.read_text("utf-8")
    for path in paths:
        for file in sorted(path.glob("*.yaml")) if path.is_dir() else (path,):
            yield file.name, file.read_text("utf-8")
