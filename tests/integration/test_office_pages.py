"""Contacts, catalogue, settings, members, profile, audit log: who may do what, what is kept, what is refused."""

import asyncio
from datetime import date

import httpx
import pytest

from agent.answers.cache import facts_version
from agent.ports import Deps
from agent.store.db import Tx, fetch_one
from agent.tenant.file import TenantFile
from agent.types import Tenant
from tests.integration.forms import fields_of, send
from tests.integration.staff import StaffBrowser, sign_in

ITEM = "/inbox/catalogue/items/EN-INT"
TODAY = date(2026, 11, 17)
UNKEPT = {"seen", "csrf", "action", "blank"}


@pytest.fixture
async def manager(inbox: httpx.AsyncClient, deps: Deps, lumen: TenantFile) -> StaffBrowser:
    """A manager of the language school, signed in."""
    return await sign_in(inbox, deps, lumen.tenant.id, role="manager", name="Marta")


async def now_of(deps: Deps, file: TenantFile) -> Tenant:
    """Return the tenant as the next turn sees it: through the cache that a process keeps."""
    async with deps.db.tenant(file.tenant.id) as tx:
        return await deps.tenants.get(tx, file.tenant.id)


FORMS = (ITEM, "/inbox/catalogue/policies/refund", "/inbox/catalogue/facts/place", "/inbox/settings")
SETTINGS = ("/inbox/settings/behaviour", "/inbox/settings/business")


async def test_a_form_sent_back_unchanged_changes_nothing(
    manager: StaffBrowser, deps: Deps, lumen: TenantFile, admin: Tx
) -> None:
    for path in (*FORMS, *SETTINGS):
        answer = await send(manager, path, fields_of(await manager.get(path), path), action="save")
        assert answer.status_code == 303, answer.text[-3000:]
    assert await now_of(deps, lumen) == lumen.tenant
    assert await fetch_one(admin, "select from settings_changes") is None


async def test_a_price_is_changed_at_once_and_put_back(
    manager: StaffBrowser, deps: Deps, lumen: TenantFile, admin: Tx
) -> None:
    assert await now_of(deps, lumen) == lumen.tenant  # as a process has it in its cache
    version = facts_version(lumen.tenant, TODAY)
    fields = fields_of(await manager.get(ITEM), ITEM)
    assert (await send(manager, ITEM, fields, prices__0__amount="411.00", action="save")).status_code == 303
    changed = await now_of(deps, lumen)
    assert changed.catalogue[0].prices[0].amount_minor == 41_100
    assert facts_version(changed, TODAY) != version  # no answer of before is given again
    history = await manager.get("/inbox/changes?part=catalogue/EN-INT")
    assert "411.00" in history.text
    change = await fetch_one(admin, "select id, member_id from settings_changes")
    assert change
    assert change["member_id"] == manager.member_id
    assert (await manager.post(f"/inbox/changes/{change['id']}/restore")).status_code == 303
    assert await now_of(deps, lumen) == lumen.tenant
    again = await manager.post(f"/inbox/changes/{change['id']}/restore")
    assert (again.status_code, "changed again since" in again.text) == (409, True)


async def test_two_managers_cannot_overwrite_each_other(manager: StaffBrowser, deps: Deps, lumen: TenantFile) -> None:
    mine = fields_of(await manager.get(ITEM), ITEM)
    assert (await send(manager, ITEM, mine, prices__0__amount="411.00", action="save")).status_code == 303
    refused = await send(manager, ITEM, mine, prices__0__amount="422.00", name__en="Intensive!", action="save")
    assert refused.status_code == 409
    assert "Somebody else has changed this" in refused.text
    assert "411.00" in refused.text  # what saving would replace
    typed = fields_of(refused, ITEM)
    assert (typed["prices.0.amount"], typed["name.en"]) == (["422.00"], ["Intensive!"])
    assert (await send(manager, ITEM, typed, action="save")).status_code == 303  # knowingly
    assert (await now_of(deps, lumen)).catalogue[0].prices[0].amount_minor == 42_200


async def test_different_parts_are_changed_by_different_managers_at_once(
    manager: StaffBrowser, deps: Deps, lumen: TenantFile
) -> None:
    item, fact = fields_of(await manager.get(ITEM), ITEM), "/inbox/catalogue/facts/place"
    place = fields_of(await manager.get(fact), fact)
    answers = await asyncio.gather(
        send(manager, ITEM, item, name__en="Other", action="save"),
        send(manager, fact, place, text__en="Elsewhere.", action="save"),
    )
    assert [each.status_code for each in answers] == [303, 303]
    tenant = await now_of(deps, lumen)
    assert tenant.catalogue[0].name["en"] == "Other"
    assert next(each for each in tenant.passages if each.id == "place").text["en"] == "Elsewhere."


WRONG: dict[str, tuple[str, dict[str, str], str]] = {
    "an amount": (ITEM, {"prices__0__amount": "399,5 or so"}, "prices.0.amount"),
    "days": (ITEM, {"prices__0__valid_from": "2027-02-01", "prices__0__valid_to": "2027-01-01"}, "prices.0"),
    "a discount of both kinds": (ITEM, {"discounts__0__percent": "10", "discounts__0__amount": "5"}, "discounts.0"),
    "a missing text": (ITEM, {"name__es": ""}, "name"),
    "a file elsewhere": (ITEM, {"file": "https://evil.example/x.pdf"}, "file"),
    "braces": ("/inbox/catalogue/facts/place", {"text__es": "En {calle}"}, "text.es"),
    "hours that overlap": (
        "/inbox/settings",
        {"hours__mon__1__from": "10:00", "hours__mon__1__to": "12:00"},
        "hours.mon.1",
    ),
    "hours backwards": (
        "/inbox/settings",
        {"hours__sun__0__from": "20:00", "hours__sun__0__to": "09:00"},
        "hours.sun.0",
    ),
    "a confidence": ("/inbox/settings/behaviour", {"settings__min_confidence": "7"}, "settings.min_confidence"),
    "a budget": ("/inbox/settings/behaviour", {"settings__budgets__message__soft": "9"}, "settings.budgets.message"),
    "a language without its texts": ("/inbox/settings/business", {"languages:lines": "es\npt\nen\nfr"}, "disclosure"),
    "a zone": ("/inbox/settings/business", {"timezone": "Madrid"}, "timezone"),
}


async def test_what_is_wrong_is_named_in_its_place_and_nothing_typed_is_lost(
    manager: StaffBrowser, deps: Deps, lumen: TenantFile
) -> None:
    for case, (path, changes, place) in WRONG.items():
        page = await manager.get(path)
        sent = fields_of(page, path) | {name.replace("__", "."): [value] for name, value in changes.items()}
        answer = await send(manager, path, sent, action="save")
        assert answer.status_code == 422, case
        assert f'<a href="#f-{place}">' in answer.text, case
        again = fields_of(answer, path)
        kept = {name: values for name, values in sent.items() if values[-1].strip() and name not in UNKEPT}
        assert {name: again.get(name) for name in kept} == kept, case
    assert await now_of(deps, lumen) == lumen.tenant


async def test_a_new_item_and_a_new_fact_are_added_and_removed(
    manager: StaffBrowser, deps: Deps, lumen: TenantFile
) -> None:
    new = "/inbox/catalogue/items/new"
    empty = fields_of(await manager.get(new), new)
    assert (await send(manager, new, empty, action="save")).status_code == 422
    assert (await send(manager, new, empty, sku="EN-INT", action="save")).status_code == 409
    given = {"sku": "FR", "name__es": "Francés", "description__es": "Un curso.", "prices__0__amount": "10.50"}
    assert (await send(manager, new, empty, **given, action="save")).status_code == 303
    added = (await now_of(deps, lumen)).catalogue[-1]
    assert (added.sku, added.prices[0].amount_minor, added.instalments) == ("FR", 1050, None)
    there = "/inbox/catalogue/items/FR"
    assert (await send(manager, there, fields_of(await manager.get(there), there), action="remove")).status_code == 303
    fact = "/inbox/catalogue/facts/new"
    blank = fields_of(await manager.get(fact), fact)
    assert (await send(manager, fact, blank, id="parking", text__es="Hay.", action="save")).status_code == 303
    parking = "/inbox/catalogue/facts/parking"
    assert (
        await send(manager, parking, fields_of(await manager.get(parking), parking), action="remove")
    ).status_code == 303
    assert await now_of(deps, lumen) == lumen.tenant
    assert (await manager.get(there)).status_code == 404


async def test_the_preview_shows_what_prospects_would_read_and_saves_nothing(
    manager: StaffBrowser, deps: Deps, lumen: TenantFile
) -> None:
    fields = fields_of(await manager.get(ITEM), ITEM)
    shown = await send(manager, f"{ITEM}/preview", fields, prices__0__amount="1234.00")
    assert "€1,234.00" in shown.text
    assert "1.234,00" in shown.text
    assert "expected" in (await send(manager, f"{ITEM}/preview", fields, prices__0__amount="x")).text
    assert await now_of(deps, lumen) == lumen.tenant


async def test_mondays_hours_are_taken_over_and_hours_are_saved(
    manager: StaffBrowser, deps: Deps, lumen: TenantFile
) -> None:
    path = "/inbox/settings"
    fields = fields_of(await manager.get(path), path)
    copied = await send(manager, path, fields, hours__mon__0__from="08:30", action="copy")
    assert fields_of(copied, path)["hours.fri.0.from"] == ["08:30"]
    saved = await send(
        manager, path, fields_of(copied, path), hours__sat__0__from="", hours__sat__0__to="", action="save"
    )
    assert saved.status_code == 303
    hours = (await now_of(deps, lumen)).policy.send_hours
    assert {(each.weekday, each.start.isoformat("minutes")) for each in hours} == {(day, "08:30") for day in range(5)}
