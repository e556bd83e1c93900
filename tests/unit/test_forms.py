"""What forms of the inbox do where no script has taken hold of them yet: never put their fields into an address."""

import json
import re
from pathlib import Path

import channels

TEMPLATES = Path(channels.__file__).parent / "templates"
FORMS = [
    (template.name, tag)
    for template in sorted(TEMPLATES.rglob("*.html"))
    for tag in re.findall(r"<form\b(?:[^>{]|\{\{.*?\}\}|\{%.*?%\})*>", template.read_text())
]


def test_forms_say_how_they_are_sent() -> None:
    assert len(FORMS) > 60
    assert [(name, tag) for name, tag in FORMS if " method=" not in tag] == []


def test_forms_that_change_something_are_posted_or_wait_for_the_script() -> None:
    changing = [(name, tag) for name, tag in FORMS if "hx-post" in tag or "data-redraft" in tag]
    assert [(name, tag) for name, tag in changing if not re.search(r'method="(post|dialog)"', tag)] == []


def test_what_htmx_puts_in_is_usable_at_once() -> None:
    layout = (TEMPLATES / "inbox" / "layout.html").read_text()
    (config,) = re.findall(r"name=\"htmx-config\" content='(.*?)'", layout)
    assert json.loads(config)["defaultSettleDelay"] == 0, (
        "until then, a form is not htmx's: a quick key sends it as GET"
    )
