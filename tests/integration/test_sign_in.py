"""Signing in by a one-time link, sessions and their end, forms of other sites."""

from datetime import timedelta

import httpx
import pytest

from agent.ports import Deps
from agent.store.db import Tx
from agent.store.sessions import IDLE, LINK_LIFE, LONGEST, insert_signin_link
from channels.inbox.sign_in import PER_ADDRESS, safe_path
from tests.conftest import FakeClock
from tests.integration.staff import SAME_ORIGIN, StaffBrowser, sign_in
from tests.integration.tenant_rows import Rows


@pytest.fixture
async def ana(inbox: httpx.AsyncClient, deps: Deps, a: Rows) -> StaffBrowser:
    """A reviewer of tenant A, signed in."""
    return await sign_in(inbox, deps, a.tenant)


async def is_in(inbox: httpx.AsyncClient) -> bool:
    return (await inbox.get("/inbox")).status_code == 200


async def test_a_link_signs_in_once(inbox: httpx.AsyncClient, deps: Deps, a: Rows) -> None:
    async with deps.db.tenant(a.tenant) as tx:
        secret = await insert_signin_link(tx, a.tenant, a.member, deps.now())
    assert (await inbox.get(f"/inbox/sign-in/link?token={secret}")).status_code == 200  # a preview uses nothing up
    assert not await is_in(inbox)
    for expected in (303, 400):
        answer = await inbox.post("/inbox/sign-in/link", data={"token": secret}, headers=SAME_ORIGIN)
        assert answer.status_code == expected
    assert await is_in(inbox)


async def test_a_link_lasts_a_quarter_of_an_hour(
    inbox: httpx.AsyncClient, deps: Deps, a: Rows, clock: FakeClock
) -> None:
    async with deps.db.tenant(a.tenant) as tx:
        secret = await insert_signin_link(tx, a.tenant, a.member, deps.now())
    clock.now += LINK_LIFE + timedelta(seconds=1)
    answer = await inbox.post("/inbox/sign-in/link", data={"token": secret}, headers=SAME_ORIGIN)
    assert (answer.status_code, "older than 15 minutes" in answer.text) == (400, True)


async def test_signing_in_needs_a_page_of_ours_and_gives_a_new_session(
    inbox: httpx.AsyncClient, deps: Deps, a: Rows
) -> None:
    async with deps.db.tenant(a.tenant) as tx:
        secret = await insert_signin_link(tx, a.tenant, a.member, deps.now())
    foreign = await inbox.post("/inbox/sign-in/link", data={"token": secret}, headers={"sec-fetch-site": "cross-site"})
    assert foreign.status_code == 403
    inbox.cookies.set("__Host-nightshift", "chosen-by-an-attacker", domain="agent.example")
    answer = await inbox.post("/inbox/sign-in/link", data={"token": secret}, headers=SAME_ORIGIN)
    cookie = answer.headers["set-cookie"]
    assert "chosen-by-an-attacker" not in cookie
    assert all(part in cookie for part in ("__Host-nightshift=", "HttpOnly", "Secure", "SameSite=lax", "Path=/"))


@pytest.mark.parametrize(
    ("after", "stays"), [(IDLE - timedelta(minutes=5), True), (IDLE + timedelta(minutes=1), False)]
)
async def test_an_idle_session_ends(
    inbox: httpx.AsyncClient, ana: StaffBrowser, clock: FakeClock, after: timedelta, stays: bool
) -> None:
    clock.now += after
    assert await is_in(inbox) == stays


async def test_what_a_page_asks_for_by_itself_keeps_no_session_from_ending(
    inbox: httpx.AsyncClient, ana: StaffBrowser, clock: FakeClock
) -> None:
    clock.now += IDLE - timedelta(minutes=5)
    assert (await ana.get("/inbox", **{"x-by-itself": "1"})).status_code == 200
    clock.now += timedelta(minutes=6)
    assert not await is_in(inbox)


async def test_a_session_ends_however_much_it_is_used(
    inbox: httpx.AsyncClient, ana: StaffBrowser, clock: FakeClock
) -> None:
    end = clock.now + LONGEST
    while clock.now + IDLE / 2 < end:
        clock.now += IDLE / 2
        assert await is_in(inbox)
    clock.now = end
    assert not await is_in(inbox)


async def test_signing_out_everywhere_ends_every_session(inbox: httpx.AsyncClient, ana: StaffBrowser) -> None:
    assert (await ana.post("/inbox/sign-out", {"everywhere": "1"})).status_code == 303
    assert not await is_in(inbox)


@pytest.mark.parametrize("reason", ["disabled", "deleted"])
async def test_who_is_no_member_any_more_is_out_at_once(
    inbox: httpx.AsyncClient, ana: StaffBrowser, admin: Tx, reason: str
) -> None:
    what = "update members set disabled_at = now()" if reason == "disabled" else "delete from members"
    await admin.execute(f"{what} where id = %s".encode(), (ana.member_id,))
    assert not await is_in(inbox)


@pytest.mark.parametrize("token", ["", "another", "ñ"])
async def test_a_form_without_the_sessions_token_changes_nothing(
    inbox: httpx.AsyncClient, ana: StaffBrowser, token: str
) -> None:
    answer = await inbox.post("/inbox/sign-out", data={"csrf": token}, headers=SAME_ORIGIN)
    assert answer.status_code == 403
    assert await is_in(inbox)


async def test_who_tries_too_often_must_wait(inbox: httpx.AsyncClient, a: Rows, clock: FakeClock) -> None:
    codes = [
        (await inbox.post("/inbox/sign-in/link", data={"token": "guess"}, headers=SAME_ORIGIN)).status_code
        for _ in range(PER_ADDRESS + 1)
    ]
    assert codes == [400] * PER_ADDRESS + [429]


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/inbox/contacts?q=a", "/inbox/contacts?q=a"),
        ("", "/inbox"),
        ("//evil.example/inbox", "/inbox"),
        ("https://evil.example/inbox", "/inbox"),
        ("/\\evil.example/inbox", "/inbox"),
        ("/simulator", "/inbox"),
        ("/inboxes", "/inbox"),
    ],
)
def test_after_signing_in_nobody_is_sent_elsewhere(target: str, path: str) -> None:
    assert safe_path(target) == path
