"""Pages of the inbox in Spanish and Portuguese, and by the reader's clock: nothing that has a translation is left in
English, no time is another zone's. Pages come from the router's own table, texts from the catalogue's."""

import re
from collections.abc import Iterator
from datetime import datetime
from importlib.resources import files
from zoneinfo import ZoneInfo

import httpx
import pytest
from babel.messages.pofile import read_po

from channels.inbox.words import Language
from tests.integration.inbox_site import PAGES, Site, parse, title

READING = [page for page in PAGES if page.method == "GET" and page.path != "/inbox/live"]
SAID = ("aria-label", "title", "placeholder", "alt")
"""Attributes that are read out or shown."""
DATA = {"Staff", "A reply", "Secret"}
"""What prospects, staff and models have written in `tenant_rows`, in whatever language."""


def read_english(language: Language) -> re.Pattern[str]:
    """Return what finds a message in English that reads otherwise in a language."""
    with files("channels").joinpath("locale", f"{language}.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    said = set()
    for message in catalogue:
        if isinstance(message.id, str) and message.id != message.string:
            said.add(message.id)
        elif message.id:
            said |= {*message.id} - {*(message.string or ())}
    said -= {str(each.string) for each in catalogue}  # is a word of that language, too
    return re.compile("|".join(sorted(map(_pattern, filter(None, said)), reverse=True)))


def _pattern(text: str) -> str:
    """Return what matches a message whatever stands in its places; one of places alone matches nothing."""
    fixed = re.split(r"%\([a-z_]+\)s", text)
    return ".+".join(map(re.escape, fixed)) if max(map(len, fixed)) > 3 else r"(?!)"


def list_texts(answer: httpx.Response) -> Iterator[str]:
    """Yield what a page says, shown or read out."""
    for element in parse(answer).iter():
        if not isinstance(element.tag, str) or element.tag in {"script", "style", "code"}:
            continue
        texts = [element.get(name) for name in SAID]
        texts += [element.text if element.tag not in {"textarea", "q"} else "", *(child.tail for child in element)]
        yield from (" ".join(text.split()) for text in texts if text and text.strip())


@pytest.mark.parametrize("language", ["es", "pt"])
async def test_no_page_is_left_in_english(site: Site, language: Language) -> None:
    async with site.deps.db.tenant(site.ours.tenant) as tx:
        await tx.execute("update members set language = %s where id = %s", (language, site.members["manager"]))
    english, browser = read_english(language), site.browsers["manager"]
    left: dict[str, set[str]] = {}
    shown = 0
    for page in READING:
        answer = await browser.ask("GET", site.path(page))
        if answer.headers.get("content-type", "").startswith("text/html") and answer.content:
            texts = set(list_texts(answer)) - DATA
            shown += len(texts)
            if found := {text for text in texts if english.fullmatch(text)}:
                left[title(page)] = found
    assert shown > 500
    assert left == {}


async def test_times_are_told_by_the_readers_clock(site: Site) -> None:
    zone = ZoneInfo("Asia/Kathmandu")  # a quarter of an hour off everybody else's
    async with site.deps.db.tenant(site.ours.tenant) as tx:
        query = "update members set language = 'es', timezone = %s where id = %s"
        await tx.execute(query, (zone.key, site.members["manager"]))
    wrong, right = [], 0
    for page in READING:
        answer = await site.browsers["manager"].ask("GET", site.path(page))
        if answer.headers.get("content-type", "").startswith("text/html") and answer.content:
            for told in parse(answer).iter("time"):
                at = datetime.fromisoformat(told.get("datetime")).astimezone(zone)
                clock = re.search(r"[0-9]{1,2}:[0-9]{2}", told.text_content())
                if clock and clock[0] != f"{at.hour}:{at.minute:02d}":
                    wrong.append((title(page), told.get("datetime"), clock[0]))
                right += bool(clock)
    assert wrong == []
    assert right > 10
