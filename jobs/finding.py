"""What `nightshift doctor` finds."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What was found about one thing. `bad` means that messages will not be answered."""

    level: Literal["ok", "note", "bad"]
    subject: str
    text: str
    fix: str = ""
