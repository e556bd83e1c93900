"""Opening hours as a tenant file writes them: days with equal times together."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import time

from agent.tenant.schema import DAYS
from agent.types import OpeningHours


def hours_document(hours: Iterable[OpeningHours]) -> list[dict[str, str]]:
    """Return openings with equal times together, as `days`, `from` and `to`."""
    days: dict[tuple[time, time], list[int]] = defaultdict(list)
    for each in hours:
        days[each.start, each.end].append(each.weekday)
    return [
        {"days": _days(weekdays), "from": _clock(start), "to": _clock(end)} for (start, end), weekdays in days.items()
    ]


def _days(weekdays: list[int]) -> str:
    """Write weekdays as `mon-fri,sun`: the inverse of `expand_days`."""
    runs: list[list[int]] = []
    for day in sorted(set(weekdays)):
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    return ",".join(DAYS[run[0]] if len(run) == 1 else f"{DAYS[run[0]]}-{DAYS[run[-1]]}" for run in runs)


def _clock(at: time) -> str:
    return at.isoformat("auto" if at.second or at.microsecond else "minutes")
