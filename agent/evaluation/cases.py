"""Labelled cases: what somebody wrote, and what is right. Read from JSON Lines, kept in the database, shipped.

Three kinds, told apart by their fields: a message with its `intent`, a text with what reviewers `expect` of it, and
something `said` with what a reply to it must hold. Formats: `agent/evaluation/sets/README.md`.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from agent.errors import Misconfigured
from agent.store.eval_cases import CaseKind, CaseRow, CaseState, NewCase
from agent.types import Channel, Intent, TurnId

MAX_CHARS = 8_000
TRAINED_ON = ("train",)
"""Splits that a model may have learned from: their rows prove nothing."""
ReplyDecision = Literal["send", "escalate", "nothing"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassificationCase:
    """A message and its labels."""

    text: str
    intent: Intent
    language: str = ""
    channel: Channel = "whatsapp"
    context: str | None = None
    needs_human: bool | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class GuardrailCase:
    """A text as it would leave, and whether it may."""

    draft: str
    expect: Literal["pass", "violation"]
    language: str
    inbound: str = ""
    channel: Channel = "whatsapp"
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplyCase:
    """Something a prospect said, and what a good reply to it holds."""

    said: tuple[str, ...]
    language: str = ""
    channel: Channel = "whatsapp"
    sender: str = ""
    """Their address: a telephone number's country decides the currency. Empty: one of the tenant's country."""
    context: str | None = None
    decisions: tuple[ReplyDecision, ...] = ("send",)
    must: tuple[str, ...] = ()
    """Each must be in the text; `|` parts alternatives. Case does not matter, nor which white space it is."""
    never: tuple[str, ...] = ()
    """None of these may be in the text."""
    reference: str = ""
    """A reply that people found good: the judge prefers one of the two."""
    rejected: str = ""
    """A reply that people rejected; shown to whoever decides about the case."""


Case = ClassificationCase | GuardrailCase | ReplyCase

_KINDS: Mapping[CaseKind, type[Case]] = {
    "classification": ClassificationCase,
    "guardrail": GuardrailCase,
    "reply": ReplyCase,
}
_EXPECTED: Mapping[CaseKind, tuple[str, ...]] = {
    "classification": ("intent", "needs_human"),
    "guardrail": ("expect", "rules"),
    "reply": ("decisions", "must", "never", "reference", "rejected"),
}
_ADAPTERS: Mapping[CaseKind, TypeAdapter[Any]] = {kind: TypeAdapter(type_) for kind, type_ in _KINDS.items()}

_ROW = TypeAdapter(dict[str, Any])


@dataclass(frozen=True, kw_only=True, slots=True)
class Labelled:
    """A case with its name, which is the same wherever it comes from."""

    key: str
    case: Case

    @property
    def kind(self) -> CaseKind:
        """Return which of the three it is."""
        return kind_of(self.case)


def kind_of(case: Case) -> CaseKind:
    """Return which of the three kinds a case is."""
    match case:
        case ClassificationCase():
            return "classification"
        case GuardrailCase():
            return "guardrail"
        case ReplyCase():
            return "reply"


def read_case(values: Mapping[str, Any]) -> Case:
    """Read a case from JSON; fields that are none of it are ignored.

    Raises:
        ValueError: it is none of the three kinds, or a field is wrong. Says which, without the values.
    """
    kind = _guess_kind(values)
    try:
        case: Case = _ADAPTERS[kind].validate_python(
            {name: values[name] for name in values if values[name] is not None}
        )
    except ValidationError as exc:
        problems = exc.errors(include_url=False, include_input=False)[:5]
        raise ValueError("; ".join(f"{'.'.join(map(str, e['loc'])) or kind}: {e['msg']}" for e in problems)) from exc
    if len(json.dumps(_ADAPTERS[kind].dump_python(case, mode="json"))) > MAX_CHARS:
        raise ValueError(f"a case has at most {MAX_CHARS} characters")
    return case


def _guess_kind(values: Mapping[str, Any]) -> CaseKind:
    for kind, fields in (("classification", {"text", "intent"}), ("guardrail", {"draft", "expect"})):
        if fields <= values.keys():
            return kind  # type: ignore[return-value]  # two of the three
    if "said" in values:
        return "reply"
    raise ValueError("expected `text` and `intent`, `draft` and `expect`, or `said`")


def label(case: Case) -> Labelled:
    """Return a case under its name: a hash of what a version sees of it."""
    kind = kind_of(case)
    shown = {name: value for name, value in dump(case).items() if name not in _EXPECTED[kind]}
    text = json.dumps([kind, shown], sort_keys=True, ensure_ascii=False)
    return Labelled(key=hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16], case=case)


def dump(case: Case) -> dict[str, Any]:
    """Return a case as JSON-safe values."""
    values: dict[str, Any] = _ADAPTERS[kind_of(case)].dump_python(case, mode="json")
    return values


def new_row(
    labelled: Labelled,
    *,
    origin: str,
    state: CaseState = "accepted",
    note: str = "",
    turn_id: TurnId | None = None,
) -> NewCase:
    """Return a case as a row to be kept."""
    values, expected = dump(labelled.case), _EXPECTED[labelled.kind]
    return NewCase(
        kind=labelled.kind,
        key=labelled.key,
        language=str(values.get("language") or ""),
        input={name: value for name, value in values.items() if name not in expected},
        expected={name: values[name] for name in expected},
        origin=origin,
        state=state,
        note=note,
        turn_id=turn_id,
    )


def from_row(row: CaseRow) -> Labelled:
    """Return a stored case.

    Raises:
        ValueError: it is of an earlier release, and cannot be read any more.
    """
    return Labelled(key=row.key, case=read_case({**row.input, **row.expected}))


def read_file(path: Path, slug: str) -> tuple[Labelled, ...]:
    """Read the cases of a JSON Lines file; rows of other tenants (`tenant`), and of training, are left out.

    Raises:
        Misconfigured: a line is no case; names it.
    """
    return tuple(_read_lines(path.read_text("utf-8").splitlines(), path.name, slug))


def shipped(slug: str) -> tuple[Labelled, ...]:
    """Return the cases that ship for a demo tenant; empty for any other."""
    folder = files("agent.evaluation").joinpath("sets")
    named = sorted((each for each in folder.iterdir() if each.name.endswith(".jsonl")), key=lambda each: each.name)
    return tuple(
        labelled for each in named for labelled in _read_lines(each.read_text("utf-8").splitlines(), each.name, slug)
    )


def _read_lines(lines: Sequence[str], name: str, slug: str) -> Iterable[Labelled]:
    known: set[str] = set()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            values = _ROW.validate_json(line)
            if values.get("tenant", slug) != slug or values.get("split") in TRAINED_ON:
                continue
            labelled = label(read_case(values))
        except ValidationError as exc:
            raise Misconfigured(f"{name}, line {number} is no JSON object.", "Correct the line.") from exc
        except ValueError as exc:
            raise Misconfigured(f"{name}, line {number}: {exc}.", "Correct the line.") from exc
        if labelled.key not in known:
            known.add(labelled.key)
            yield labelled
