"""The judge of whole replies: a rubric, a preference between two, and how far people agree with it.

A judge prefers what it reads first. So it is asked about a pair twice, the second time the other way round, and a
preference counts only if it is the same both times.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from agent.types import ModelCall, Turn

CRITERIA = ("correct", "helpful", "tone", "next_step")
"""What a reply is graded by, 1 to 5: true to what is published, answers what was asked, sounds right, leads on."""
Preference = Literal["candidate", "reference", "tie"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Grade:
    """One reply by the rubric."""

    scores: Mapping[str, int]
    """By criterion, 1 to 5."""
    would_send: bool
    """Whether a careful seller would send it as it is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Graded:
    """The grades of replies in their order, the better one of two (None: neither), and what it cost."""

    grades: tuple[Grade, ...]
    better: int | None = None
    """Place of the better one, from 0."""
    calls: tuple[ModelCall, ...] = ()


class Grader(Protocol):
    """Grades replies to a turn. Always the same one, whatever version wrote them."""

    async def grade(self, turn: Turn, replies: Sequence[str]) -> Graded:
        """Grade one or two replies.

        Raises:
            ModelUnavailable: no answer in time.
            ModelRefused: no usable answer.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Weighed:
    """A candidate by the rubric and against a reference, both ways round."""

    grade: Grade
    preferred: Preference
    is_consistent: bool
    """Whether the judge named the same one, or none, both times."""
    calls: tuple[ModelCall, ...]


async def weigh(grader: Grader, turn: Turn, candidate: str, reference: str) -> Weighed:
    """Grade a candidate against a reference, twice, with their places swapped.

    Raises:
        ModelUnavailable, ModelRefused: as `grade` does.
    """
    first = await grader.grade(turn, (candidate, reference))
    second = await grader.grade(turn, (reference, candidate))
    one, other = _preferred(first.better, candidate_at=0), _preferred(second.better, candidate_at=1)
    mean = {name: (first.grades[0].scores[name] + second.grades[1].scores[name] + 1) // 2 for name in CRITERIA}
    both = first.grades[0].would_send and second.grades[1].would_send
    return Weighed(
        grade=Grade(scores=mean, would_send=both),
        preferred=one if one == other else "tie",
        is_consistent=one == other,
        calls=(*first.calls, *second.calls),
    )


def _preferred(better: int | None, *, candidate_at: int) -> Preference:
    if better is None:
        return "tie"
    return "candidate" if better == candidate_at else "reference"
