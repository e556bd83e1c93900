"""Contacts, members, one's own profile, the audit log and canned replies: who may do what, and what comes of it."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from psycopg.errors import RestrictViolation

from agent.ports import Deps, StaffDeps
from agent.staff.managing import CannotChangeStaff, change_role, let_in_again, lock_out
from agent.store.composing import list_canned_replies
from agent.store.db import Tx, fetch_one
from agent.store.members import find_member, insert_member, list_all_members
from agent.tenant.file import TenantFile
from agent.turn import receive
from agent.types import ContactId
from channels.inbox.office_routes import OFFICE_PAGES
from channels.inbox.routes import build_inbox
from channels.web import create_app
from channels.webhooks import WebhookKeys
from tests.factories import make_inbound
from tests.integration.conftest import PUBLIC_URL
from tests.integration.forms import fields_of, send
from tests.integration.staff import StaffBrowser, sign_in
from tests.integration.tenant_rows import Rows

MEMBERS = "/inbox/settings/members"
CANNED = "/inbox/settings/canned"
UNSAFE = "<script>alert(1)</script>"


@pytest.fixture
async def manager(inbox: httpx.AsyncClient, deps: Deps, lumen: TenantFile) -> StaffBrowser:
    """A manager of the language school, signed in."""
    return await sign_in(inbox, deps, lumen.tenant.id, role="manager", name="Marta")


@pytest.fixture
async def other_browser(staff_deps: StaffDeps, webhook_keys: WebhookKeys) -> AsyncIterator[httpx.AsyncClient]:
    """Another browser at the same installation."""
    app = create_app(staff_deps, webhook_keys, pages=[build_inbox(staff_deps)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=PUBLIC_URL) as opened:
        yield opened


async def write(deps: Deps, number: int, name: str, text: str = "Hola") -> ContactId:
    """Let somebody write to the school, and return who they are."""
    inbound = make_inbound(text, sender=f"+3460000000{number}", provider_id=f"SM{number}", sender_name=name)
    received = await receive(inbound, deps)
    assert received.tenant_id
    async with deps.db.tenant(received.tenant_id) as tx:
        row = await fetch_one(tx, "select contact_id from conversations where id = %s", (received.conversation_id,))
    assert row
    return ContactId(row["contact_id"])


# --- contacts -------------------------------------------------------------------------------------------------------


async def test_contacts_are_found_whatever_the_accents_by_number_and_not_as_patterns(
    manager: StaffBrowser, deps: Deps
) -> None:
    await write(deps, 1, "João Conceição")
    await write(deps, 2, UNSAFE)
    for search in ("joao", "CONCEIÇÃO joão", "600 000 001", "0001"):
        found = (await manager.get(f"/inbox/contacts?q={search}")).text
        assert ("João Conceição" in found, "script" in found.partition("<main")[2]) == (True, False), search
    for nobody in ("%", "_", "zoe"):
        assert "Nobody found" in (await manager.get(f"/inbox/contacts?q={nobody}")).text
    everybody = (await manager.get("/inbox/contacts")).text
    assert UNSAFE not in everybody
    assert "&lt;script&gt;" in everybody


async def test_whoever_adds_a_member_is_told_how_they_get_in(manager: StaffBrowser) -> None:
    added = await manager.post(MEMBERS, {"email": "Eva@lumen.example", "name": "Eva", "role": "reviewer"})
    page = (await manager.get(added.headers["location"])).text
    assert "nightshift signin-link eva@lumen.example" in page.casefold()
    assert "signin-link" not in (await manager.get(f"{MEMBERS}?added=stranger@x.example")).text


async def test_contacts_are_merged_and_parted_on_their_page(manager: StaffBrowser, deps: Deps) -> None:
    ana, luis = await write(deps, 1, "Ana"), await write(deps, 2, "Luis", "+34 600 000 001 es mi otro número")
    page = await manager.get(f"/inbox/contacts/{luis}")
    assert f'value="{ana}"' in page.text  # suggested: Luis has written her number
    assert (await manager.post(f"/inbox/contacts/{luis}/merge", {"other": str(ana)})).status_code == 303
    assert (await manager.get(f"/inbox/contacts/{ana}")).headers["location"] == f"/inbox/contacts/{luis}"
    joint = await manager.get(f"/inbox/contacts/{luis}")
    assert ("+34600000001" in joint.text, "+34600000002" in joint.text) == (True, True)
    again = await manager.post(f"/inbox/contacts/{luis}/merge", {"other": str(ana)})
    assert (again.status_code, "part of" in again.text) == (409, True)
    assert (await manager.post(f"/inbox/contacts/{luis}/unmerge", {"merged": str(ana)})).status_code == 303
    assert (await manager.get(f"/inbox/contacts/{ana}")).status_code == 200


async def test_a_contact_is_exported_and_erased_by_a_manager_who_types_it(
    manager: StaffBrowser, deps: Deps, admin: Tx
) -> None:
    ana = await write(deps, 1, "Ana", "Quiero una zanahoria")
    exported = await manager.get(f"/inbox/contacts/{ana}/export")
    assert exported.headers["content-disposition"] == f'attachment; filename="contact-{ana}.json"'
    assert [each["body"] for each in exported.json()["messages"]] == ["Quiero una zanahoria"]
    mistyped = await manager.post(f"/inbox/contacts/{ana}/erase", {"confirm": "Luis"})
    assert (mistyped.status_code, "Nothing was erased" in mistyped.text) == (422, True)
    erased = await manager.post(f"/inbox/contacts/{ana}/erase", {"confirm": "ana "})
    assert (erased.status_code, "1 message is gone" in erased.text) == (200, True)
    assert (await manager.get(f"/inbox/contacts/{ana}")).status_code == 404
    row = await fetch_one(admin, "select actor from events where kind = 'contact.erased'")
    assert row == {"actor": f"member:{manager.member_id}"}


@pytest.mark.parametrize("role", ["viewer", "reviewer"])
async def test_only_managers_open_and_change_what_is_theirs(
    inbox: httpx.AsyncClient, deps: Deps, lumen: TenantFile, role: str
) -> None:
    member = await sign_in(inbox, deps, lumen.tenant.id, role="viewer" if role == "viewer" else "reviewer")
    ana = await write(deps, 1, "Ana")
    names = {"contact": ana, "sku": "EN-INT", "kind": "facts", "key": "place", "change": 1, "member": ana}
    for page in OFFICE_PAGES:
        path = page.path.format(**names, session=ana)
        answer = await (member.get(path) if page.method == "GET" else member.post(path, {"confirm": "erase"}))
        if not (page.role == "viewer" or page.role == role):
            assert answer.status_code == 403, (page.method, path)
        elif page.method == "GET":
            assert answer.status_code == 200, (page.method, path)
    assert (await member.get(f"/inbox/contacts/{ana}")).status_code == 200


async def test_another_tenants_contacts_changes_and_members_do_not_exist(
    manager: StaffBrowser, a: Rows, admin: Tx
) -> None:
    change = await fetch_one(admin, "select id from settings_changes where tenant_id = %s", (a.tenant,))
    assert change
    for method, path in (
        ("GET", f"/inbox/contacts/{a.contact}"),
        ("GET", f"/inbox/contacts/{a.contact}/export"),
        ("POST", f"/inbox/contacts/{a.contact}/erase"),
        ("POST", f"/inbox/changes/{change['id']}/restore"),
        ("POST", f"{MEMBERS}/{a.member}"),
    ):
        answer = await (manager.get(path) if method == "GET" else manager.post(path, {"confirm": "erase"}))
        assert answer.status_code == 404, path
    assert "attacker" not in (await manager.get("/inbox/contacts?q=prospect")).text
    assert "attacker" not in (await manager.get("/inbox/settings/audit")).text


# --- members --------------------------------------------------------------------------------------------------------


async def test_members_are_added_once_and_what_was_typed_stays(manager: StaffBrowser) -> None:
    typed = {"email": "new@lumen.example", "name": "Nuria", "role": "viewer"}
    assert (await manager.post(MEMBERS, typed)).status_code == 303
    again = await manager.post(MEMBERS, {**typed, "email": "NEW@lumen.example"})
    assert (again.status_code, "member already" in again.text) == (422, True)
    assert fields_of(again, MEMBERS) | {"csrf": []} == {
        "csrf": [],
        "email": ["NEW@lumen.example"],
        "name": ["Nuria"],
        "role": ["viewer"],
    }
    assert (await manager.post(MEMBERS, {**typed, "email": "nobody"})).status_code == 422
    assert (await manager.post(MEMBERS, {**typed, "email": "b@x.example", "role": "owner"})).status_code == 422


async def test_the_last_manager_stays_one(manager: StaffBrowser, deps: Deps, lumen: TenantFile, admin: Tx) -> None:
    mine = f"{MEMBERS}/{manager.member_id}"
    for attempt in ({"action": "role", "role": "viewer"}, {"action": "disable"}):
        refused = await manager.post(mine, attempt)
        assert (refused.status_code, "Somebody must be manager" in refused.text) == (409, True)
    with pytest.raises(RestrictViolation):
        await admin.execute("delete from members where id = %s", (manager.member_id,))
    async with deps.db.tenant(lumen.tenant.id) as tx:
        second = await insert_member(tx, lumen.tenant.id, email="b@x.example", name="B", role="manager")
    assert (await manager.post(f"{MEMBERS}/{second}", {"action": "disable"})).status_code == 303
    assert (await manager.post(mine, {"action": "disable"})).status_code == 409  # who is locked out does not count
    assert (await manager.post(f"{MEMBERS}/{second}", {"action": "enable"})).status_code == 303
    assert (await manager.post(mine, {"action": "role", "role": "viewer"})).status_code == 303
    assert (await manager.get(MEMBERS)).status_code == 403  # at once


async def test_a_manager_who_has_been_demoted_meanwhile_changes_nobody_and_is_told(
    deps: Deps, lumen: TenantFile, manager: StaffBrowser, admin: Tx
) -> None:
    tenant_id = lumen.tenant.id
    async with deps.db.tenant(tenant_id) as tx:
        second = await insert_member(tx, tenant_id, email="b@x.example", name="B", role="manager")
        acting = await find_member(tx, manager.member_id)
    assert acting
    await admin.execute("update members set role = 'viewer' where id = %s", (acting.id,))
    changes: tuple[Callable[[Tx], Awaitable[None]], ...] = (
        lambda tx: change_role(tx, acting, second, "viewer"),
        lambda tx: lock_out(tx, acting, second, deps.now()),
        lambda tx: let_in_again(tx, acting, second),
    )
    for change in changes:
        with pytest.raises(CannotChangeStaff, match="Only managers"):
            async with deps.db.member(tenant_id, acting.id) as tx:
                await change(tx)
    cursor = await admin.execute("select kind from events where kind like 'member.%'")
    assert [each["kind"] for each in await cursor.fetchall()] == ["member.signed_in"]


async def test_of_two_managers_who_demote_each_other_one_is_refused(
    deps: Deps, lumen: TenantFile, manager: StaffBrowser
) -> None:
    tenant_id = lumen.tenant.id
    async with deps.db.tenant(tenant_id) as tx:
        second = await insert_member(tx, tenant_id, email="b@x.example", name="B", role="manager")
        both = [await find_member(tx, each) for each in (manager.member_id, second)]
    meeting = asyncio.Barrier(2)

    async def demote(by: int, whom: int) -> bool:
        mine, theirs = both[by], both[whom]
        assert mine
        assert theirs
        async with deps.db.member(tenant_id, mine.id) as tx:
            await tx.execute("select 1")
            await meeting.wait()
            try:
                await change_role(tx, mine, theirs.id, "viewer")
            except CannotChangeStaff:
                return False
        return True

    assert sorted(await asyncio.gather(demote(0, 1), demote(1, 0))) == [False, True]
    async with deps.db.tenant(tenant_id) as tx:
        assert [each.role for each in await list_all_members(tx)].count("manager") == 1


# --- one's own profile ----------------------------------------------------------------------------------------------


async def test_a_viewer_changes_their_own_profile_and_nothing_else_of_it(
    inbox: httpx.AsyncClient, deps: Deps, lumen: TenantFile, admin: Tx
) -> None:
    viewer = await sign_in(inbox, deps, lumen.tenant.id, role="viewer")
    await admin.execute('update members set preferences = \'{"sound": "bell"}\' where id = %s', (viewer.member_id,))
    fields = fields_of(await viewer.get("/inbox/me"), "/inbox/me")
    wrong = await send(viewer, "/inbox/me", fields, name="", timezone="Mars/Olympus", role="manager")
    assert (wrong.status_code, fields_of(wrong, "/inbox/me")["timezone"]) == (422, ["Mars/Olympus"])
    given = {"name": "Vera", "language": "pt", "timezone": "America/Sao_Paulo", "shortcuts": "false", "role": "manager"}
    assert (await send(viewer, "/inbox/me", fields, **given)).status_code == 303
    row = await fetch_one(
        admin, "select name, language, timezone, role, preferences from members where id = %s", (viewer.member_id,)
    )
    assert row == {
        "name": "Vera",
        "language": "pt",
        "timezone": "America/Sao_Paulo",
        "role": "viewer",
        "preferences": {"sound": "bell", "shortcuts": False, "notifications": True},
    }
    assert "Seu perfil" in (await viewer.get("/inbox/me")).text


async def test_sessions_are_listed_and_ended_one_by_one_by_their_owner_only(
    manager: StaffBrowser, other_browser: httpx.AsyncClient, deps: Deps, lumen: TenantFile, admin: Tx
) -> None:
    ana = await sign_in(other_browser, deps, lumen.tenant.id, name="Ana")
    theirs = await fetch_one(admin, "select id from staff_sessions where member_id = %s", (ana.member_id,))
    assert theirs
    end = f"/inbox/me/sessions/{theirs['id']}/end"
    assert (await manager.post(end)).status_code == 303
    assert "this one" in (await ana.get("/inbox/me")).text  # somebody else's: nothing happened
    await ana.post(end)
    assert (await ana.get("/inbox/me")).status_code == 303  # signed out


# --- audit log ------------------------------------------------------------------------------------------------------


async def test_the_audit_log_is_filtered_paged_and_exported_without_formulas(
    manager: StaffBrowser, deps: Deps, lumen: TenantFile, admin: Tx
) -> None:
    await admin.execute(
        """insert into events (tenant_id, kind, actor, data) select %s, 'turn.decided', '=cmd()', '{}'
           from generate_series(1, 60)""",
        (lumen.tenant.id,),
    )
    await manager.post("/inbox/settings/members", {"email": "x@x.example", "role": "viewer"})
    first = (await manager.get("/inbox/settings/audit?kind=turn")).text
    assert (first.count("<code>turn.decided</code>"), "member.added</code>" in first) == (50, False)
    older = first.partition("before=")[2].partition('"')[0]
    assert (await manager.get(f"/inbox/settings/audit?kind=turn&before={older}")).text.count("<code>turn.dec") == 10
    mine = (await manager.get(f"/inbox/settings/audit?member={manager.member_id}")).text
    assert ("<code>member.added</code>" in mine, "<code>turn.decided</code>" in mine) == (True, False)
    exported = await manager.get("/inbox/settings/audit/export?kind=turn.decided")
    rows = list(csv.DictReader(io.StringIO(exported.text)))
    assert (len(rows), {row["actor"] for row in rows}) == (60, {"'=cmd()"})


async def test_the_audit_log_says_in_the_readers_language_what_happened_and_how_it_was_before(
    manager: StaffBrowser, lumen: TenantFile, admin: Tx
) -> None:
    await admin.execute("update members set language = 'es' where id = %s", (manager.member_id,))
    await admin.execute(
        """insert into events (tenant_id, kind, actor, data)
           select %s, kind, 'clock', data::jsonb from (values
               ('trust.moved', '{"before": "review", "after": "canary", "intent": null}'),
               ('outcome.corrected', '{"after": {"kind": "lost", "amount_minor": null}, "deals": [{"is": 1}, {}]}'),
               ('only.older', '{}')) happened (kind, data)""",
        (lumen.tenant.id,),
    )
    page = (await manager.get("/inbox/settings/audit?kind=trust.moved")).text
    assert "<td>Cambió cuánta libertad tiene el agente <code>trust.moved</code></td>" in page
    assert ("<td>review → canary</td>" in page, "<td>Nightshift</td>" in page) == (True, True)
    assert '<optgroup label="Confianza"><option value="trust" title="trust.*">Confianza: todo</option>' in page
    assert 'title="trust.moved" selected>Cambió cuánta libertad' in page
    page = (await manager.get("/inbox/settings/audit")).text
    assert "<td><code>only.older</code></td>" in page
    assert '<span class="soft">after</span> kind lost · <span class="soft">deals</span> is 1</td>' in page


# --- canned replies -------------------------------------------------------------------------------------------------


async def test_canned_replies_are_checked_kept_and_put_back(
    manager: StaffBrowser, deps: Deps, lumen: TenantFile, admin: Tx
) -> None:
    new = f"{CANNED}?edit="
    blank = fields_of(await manager.get(CANNED), new)
    for wrong in ("Hola {{contact.shoe_size}}", "Cuesta {price:NOTHING}", "Cuesta {price"):
        refused = await send(manager, new, blank, shortcut="hola", body__es=wrong, action="save")
        assert (refused.status_code, fields_of(refused, new)["body.es"]) == (422, [wrong])
    good = "Hola {{contact.first_name}}, cuesta {price:EN-INT}."
    assert (await send(manager, new, blank, shortcut="hola", body__es=good, action="save")).status_code == 303
    there = f"{CANNED}?edit=hola"
    shown = fields_of(await manager.get(there), there)
    assert (await send(manager, there, shown, body__es="Adiós", action="save")).status_code == 303
    stale = await send(manager, there, shown, body__es="Otra", action="save")
    assert (stale.status_code, fields_of(stale, there)["body.es"]) == (409, ["Otra"])
    newest = await fetch_one(admin, "select max(id) as id from settings_changes")
    assert newest
    assert (await manager.post(f"/inbox/changes/{newest['id']}/restore")).status_code == 303
    async with deps.db.tenant(lumen.tenant.id) as tx:
        assert [dict(each.body) for each in await list_canned_replies(tx)] == [{"es": good}]
