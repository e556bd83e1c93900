"""Forms of a page, read and sent back as a browser does."""

from html.parser import HTMLParser

import httpx

from tests.integration.staff import SAME_ORIGIN, StaffBrowser

Fields = dict[str, list[str]]


class _Forms(HTMLParser):
    """Collects the values of all forms of a page, by their action."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: dict[str, Fields] = {}
        self._fields: Fields = {}
        self._area = ""
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        name, kind = given.get("name", ""), given.get("type", "")
        if tag == "form":
            self._fields = self.forms.setdefault(given.get("action", ""), {})
        elif tag == "input" and name and (kind not in {"checkbox", "radio"} or "checked" in given):
            self._fields.setdefault(name, []).append(given.get("value", ""))
        elif tag == "textarea":
            self._area = name
            self._fields[name] = [""]
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and ("selected" in given or self._select not in self._fields):
            self._fields[self._select] = [given.get("value", "")]

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._area = ""
        elif tag == "select":
            self._select = ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self._fields[self._area][0] += data


def fields_of(page: httpx.Response, action: str) -> Fields:
    """Return what the form with an action would send."""
    forms = _Forms()
    forms.feed(page.text)
    return forms.forms[action]


async def send(browser: StaffBrowser, path: str, fields: Fields, **changed: str) -> httpx.Response:
    """Send a form's fields, some changed; `a__b` names the field `a.b`."""
    named = {name.replace("__", "."): [value] for name, value in changed.items()}
    return await browser.http.post(path, data={**fields, **named, "csrf": [browser.csrf]}, headers=SAME_ORIGIN)
