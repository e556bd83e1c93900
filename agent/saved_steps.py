"""Reads the steps that are saved with a turn.

They are JSON of an earlier moment, perhaps of an earlier release: whatever is absent, or is no object, reads as empty.
"""

from collections.abc import Mapping
from typing import Any

DRAFT_STEPS = ("revise_expert", "revise", "draft")
"""The steps that write a reply, the last one first."""


def saved_part(steps: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return what is saved under a name."""
    part = steps.get(name)
    return part if isinstance(part, Mapping) else {}


def saved_classification(steps: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what was decided upon or, while the turn runs, what the finished step says."""
    return saved_part(steps, "classification") or saved_part(saved_part(steps, "classify"), "classification")


def saved_draft(steps: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the draft that was written last."""
    drafts = (saved_part(saved_part(steps, name), "draft") for name in DRAFT_STEPS)
    return next((draft for draft in drafts if draft), {})
