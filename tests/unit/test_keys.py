"""The table of keys: nothing in it is said twice, and everything in it is done somewhere."""

import re
from collections import Counter
from pathlib import Path

import pytest

import channels
from agent.staff.members import ROLES, Member, Role
from agent.types import MemberId, TenantId
from channels.inbox.keys import KEYS, Key, list_keys
from channels.inbox.sign_in import safe_path
from tests.factories import make_tenant
from tests.integration.inbox_site import PAGES

ROOT = Path(channels.__file__).parent
ALL = [key for group in KEYS for key in group.keys]
DONE = {
    name
    for template in (ROOT / "templates" / "inbox").glob("*.html")
    for name in re.findall(r'data-does="([^"]+)"', template.read_text())
}
"""What elements of pages say they do."""
MODES = {"{{ mode }}": {"reply", "note"}}
WAYS = set(re.findall(r"^  ([a-z]+)(?:\(\)|:|,$)", (ROOT / "static" / "keys.js").read_text(), re.MULTILINE))
"""What `keys.js` does by itself."""


def by_keys(key: Key) -> str:
    return key.keys


@pytest.mark.parametrize("key", [key for key in ALL if not key.href], ids=by_keys)
def test_what_a_key_does_is_done_by_an_element_or_by_the_script(key: Key) -> None:
    elements = DONE.union(*(MODES[each] for each in DONE & MODES.keys()))
    assert key.does in elements | WAYS


@pytest.mark.parametrize("key", [key for key in ALL if key.href], ids=by_keys)
def test_a_key_that_leads_to_a_page_leads_to_one_that_its_role_may_open(key: Key) -> None:
    pages = {page.path: page.role for page in PAGES if page.method == "GET"}
    assert safe_path(key.href) == key.href
    assert ROLES.index(pages[key.href]) <= ROLES.index(key.role)


def test_what_elements_do_has_a_key_or_is_part_of_a_list() -> None:
    assert DONE - MODES.keys() - {key.does for key in ALL} == {"next-page", "top"}


def test_each_key_and_each_deed_is_listed_once_and_none_begins_another() -> None:
    assert [keys for keys, n in Counter(key.keys for key in ALL).items() if n > 1] == []
    assert [does for does, n in Counter(key.does for key in ALL).items() if n > 1] == []
    begun = {key.keys.split(" ")[0] for key in ALL if " " in key.keys}
    assert begun.isdisjoint({key.keys for key in ALL})


@pytest.mark.parametrize(("role", "sees"), [("viewer", False), ("reviewer", True), ("manager", True)])
def test_keys_are_those_of_the_role(role: Role, sees: bool) -> None:
    tenant = make_tenant()
    member = Member(id=MemberId(tenant.id), tenant_id=TenantId(tenant.id), name="Ana", email="a@b.example", role=role)
    shown = {key.does for group in list_keys(member) for key in group.keys}
    assert "next" in shown
    assert ("approve" in shown) == sees
    assert ("go-settings" in shown) == (role == "manager")
