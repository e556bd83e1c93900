"""Signing in by a one-time link, sessions and their end, forms of other sites."""

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from agent.ports import Deps
from agent.store.db import Tx
from agent.store.sessions import IDLE, LINK_LIFE, LONGEST, insert_signin_link
from channels.inbox.routes import build_inbox
from channels.inbox.sign_in import safe_path
from channels.web import create_app
from channels.webhooks import WebhookKeys
from tests.conftest import FakeClock
from tests.integration.conftest import PUBLIC_URL
from tests.integration.staff import SAME_ORIGIN, StaffBrowser, sign_in
from tests.integration.tenant_rows import Rows


@pytest.fixture
async def http(deps: Deps, webhook_keys: WebhookKeys) -> AsyncIterator[httpx.AsyncClient]:
    """A browser without JavaScript, at the inbox."""
    app = create_app(deps, webhook_keys, pages=[build_inbox(deps)])
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL) as opened:
        yield opened


@pytest.fixture
async def ana(http: httpx.AsyncClient, deps: Deps, a: Rows) -> StaffBrowser:
    """A reviewer of tenant A, signed in."""
    return await sign_in(http, deps, a.tenant)


async def is_in(http: httpx.AsyncClient) -> bool:
    return (await http.get("/inbox")).status_code == 200


async def test_a_link_signs_in_once(http: httpx.AsyncClient, deps: Deps, a: Rows) -> None:
    async with deps.db.tenant(a.tenant) as tx:
        secret = await insert_signin_link(tx, a.tenant, a.member, deps.now())
    assert (await http.get(f"/inbox/sign-in/link?token={secret}")).status_code == 200  # a preview uses nothing up
    assert not await is_in(http)
    for expected in (303, 400):
        answer = await http.post("/inbox/sign-in/link", data={"token": secret}, headers=SAME_ORIGIN)
        assert answer.status_code == expected
    assert await is_in(http)


async def test_a_link_lasts_a_quarter_of_an_hour(
    http: httpx.AsyncClient, deps: Deps, a: Rows, clock: FakeClock
) -> None:
    async with deps.db.tenant(a.tenant) as tx:
        secret = await insert_signin_link(tx, a.tenant, a.member, deps.now())
    clock.now += LINK_LIFE + timedelta(seconds=1)
    answer = await http.post("/inbox/sign-in/link", data={"token": secret}, headers=SAME_ORIGIN)
    assert (answer.status_code, "older than 15 minutes" in answer.text) == (400, True)


async def test_signing_in_needs_a_page_of_ours_and_gives_a_new_session(
    http: httpx.AsyncClient, deps: Deps, a: Rows
) -> None:
    async with deps.db.tenant(a.tenant) as tx:
        secret = await insert_signin_link(tx, a.tenant, a.member, deps.now())
    foreign = await http.post("/inbox/sign-in/link", data={"token": secret}, headers={"sec-fetch-site": "cross-site"})
    assert foreign.status_code == 403
    http.cookies.set("__Host-nightshift", "chosen-by-an-attacker", domain="agent.example")
    answer = await http.post("/inbox/sign-in/link", data={"token": secret}, headers=SAME_ORIGIN)
    cookie = answer.headers["set-cookie"]
    assert "chosen-by-an-attacker" not in cookie
    assert all(part in cookie for part in ("__Host-nightshift=", "HttpOnly", "Secure", "SameSite=lax", "Path=/"))


@pytest.mark.parametrize(
    ("after", "stays"), [(IDLE - timedelta(minutes=5), True), (IDLE + timedelta(minutes=1), False)]
)
async def test_an_idle_session_ends(
    http: httpx.AsyncClient, ana: StaffBrowser, clock: FakeClock, after: timedelta, stays: bool
) -> None:
    clock.now += after
    assert await is_in(http) == stays


async def test_a_session_ends_however_much_it_is_used(
    http: httpx.AsyncClient, ana: StaffBrowser, clock: FakeClock
) -> None:
    end = clock.now + LONGEST
    while clock.now + IDLE / 2 < end:
        clock.now += IDLE / 2
        assert await is_in(http)
    clock.now = end
    assert not await is_in(http)


async def test_signing_out_everywhere_ends_every_session(http: httpx.AsyncClient, ana: StaffBrowser) -> None:
    assert (await ana.post("/inbox/sign-out", {"everywhere": "1"})).status_code == 303
    assert not await is_in(http)


@pytest.mark.parametrize("reason", ["disabled", "deleted"])
async def test_who_is_no_member_any_more_is_out_at_once(
    http: httpx.AsyncClient, ana: StaffBrowser, admin: Tx, reason: str
) -> None:
    what = "update members set disabled_at = now()" if reason == "disabled" else "delete from members"
    await admin.execute(f"{what} where id = %s".encode(), (ana.member_id,))
    assert not await is_in(http)


@pytest.mark.parametrize("token", ["", "another", "ñ"])
async def test_a_form_without_the_sessions_token_changes_nothing(
    http: httpx.AsyncClient, ana: StaffBrowser, token: str
) -> None:
    answer = await http.post("/inbox/sign-out", data={"csrf": token}, headers=SAME_ORIGIN)
    assert answer.status_code == 403
    assert await is_in(http)


async def test_who_tries_too_often_must_wait(http: httpx.AsyncClient, a: Rows, clock: FakeClock) -> None:
    codes = [
        (await http.post("/inbox/sign-in/link", data={"token": "guess"}, headers=SAME_ORIGIN)).status_code
        for _ in range(11)
    ]
    assert codes == [400] * 10 + [429]


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
