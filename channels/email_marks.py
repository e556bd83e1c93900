"""Marks that the HTML reader leaves for the quote cutter: private-use characters, each alone on its line."""

import re

INTRO = "\uf8d0"
"""Next comes a sentence that announces a quotation ("on …, … wrote:"), then the quotation."""
HISTORY = "\uf8d1"
"""From here on all is history."""
SIGNATURE = "\uf8d2"
SIGNATURE_END = "\uf8d3"

_MARKS = re.compile("[\uf8d0-\uf8d3]")


def without_marks(text: str) -> str:
    """Return a text without any of the marks."""
    return _MARKS.sub("", text)
