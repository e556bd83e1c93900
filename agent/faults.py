"""Fault points: the places between the steps of a message's way where a crash must lose nothing and double nothing.

`reach("deliver.called")` passes by, unless NIGHTSHIFT_FAULT names that point: then the process kills itself there
with SIGKILL, as a power cut would. Only a test may want that, so only the environment `test` allows it.
"""

import os
import signal
from collections.abc import Callable

from agent.errors import Misconfigured
from agent.settings import Settings

Reach = Callable[[str], None]

POINTS = (
    *("receive.parsed", "receive.storing", "receive.committed"),
    *("turn.gathered", "turn.screened", "turn.detected", "turn.retrieved", "turn.classify.answered", "turn.classified"),
    *("turn.routed", "turn.draft.answered", "turn.drafted", "turn.checked", "turn.deciding", "turn.decided"),
    *("deliver.claiming", "deliver.claimed", "deliver.called", "deliver.asked"),
    *("deliver.recording", "deliver.recorded"),
)
"""All there are, in the order in which a message reaches them. `storing`, `deciding`, `claiming` and `recording` lie in
a transaction, just before it commits; `receive.storing` is for mail alone, the others are stored by one statement."""


def pass_by(point: str) -> None:
    """Do nothing: what reaching a fault point means everywhere but in a test of crashes."""


def build_reach(settings: Settings) -> Reach:
    """Return what to do at fault points.

    Raises:
        Misconfigured: a fault is set where none may be, or there is no such point.
    """
    fault = settings.nightshift_fault
    if not fault:
        return pass_by
    if settings.nightshift_environment != "test":
        raise Misconfigured(
            "NIGHTSHIFT_FAULT would kill this process in the middle of its work.", "Unset it: it is for tests."
        )
    if fault not in POINTS:
        raise Misconfigured(f"There is no fault point {fault!r}.", f"Name one of {', '.join(POINTS)}.")

    def reach(point: str) -> None:
        if point == fault:
            os.kill(os.getpid(), signal.SIGKILL)

    return reach
