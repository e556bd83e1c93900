"""The queue's words: what the pages offer is understood, in every language of the interface."""

from datetime import UTC, datetime
from importlib.resources import files
from io import BytesIO
from typing import Any, get_args
from zoneinfo import ZoneInfo

import pytest
from jinja2.ext import babel_extract

from agent.staff.snooze import parse_snooze
from channels.inbox.queue_page import TAB_LABELS, TIMES
from channels.inbox.words import Language, load_translations

NOW = datetime(2026, 11, 18, 10, 20, tzinfo=UTC)
LANGUAGES: tuple[Language, ...] = get_args(Language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_time_that_is_offered_can_be_read(language: Language) -> None:
    translations = load_translations(language)
    for words in (*TIMES, "tomorrow 9"):
        assert parse_snooze(translations.gettext(words), NOW, ZoneInfo("Europe/Madrid")) > NOW


def visible_words() -> set[str]:
    """Return every message of the queue's templates."""
    options = {"newstyle_gettext": "true", "trim_blocks": "true", "lstrip_blocks": "true"}
    found: set[str] = set()
    for file in files("channels").joinpath("templates", "inbox").iterdir():
        if file.name.startswith(("queue", "_queue")):
            template = BytesIO(file.read_bytes())
            messages: list[Any] = [each[2] for each in babel_extract(template, ("_", "gettext"), [], options)]
            found |= {each if isinstance(each, str) else each[0] for each in messages if each}
    return found | {*TAB_LABELS.values()}


@pytest.mark.parametrize("language", ["es", "pt"])
def test_every_word_of_the_queue_is_translated(language: Any) -> None:
    catalogue = load_translations(language)
    words = visible_words()
    assert len(words) > 90
    untranslated = [each for each in words if each not in getattr(catalogue, "_catalog")]  # noqa: B009 — gettext's own
    assert untranslated == []
