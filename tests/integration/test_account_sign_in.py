"""Signing in with an account of Supabase Auth: who gets in, as whom, and what no answer may tell."""

import re
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agent.ports import StaffDeps
from agent.store.db import Tx
from channels.inbox.auth_tokens import FRESH
from channels.inbox.routes import build_inbox
from channels.inbox.sign_in import PER_ADDRESS
from channels.inbox.sign_in_accounts import MAILS_PER_EMAIL, PER_EMAIL
from channels.inbox.supabase_auth import SupabaseAuth
from channels.web import create_app
from channels.webhooks import WebhookKeys
from tests.conftest import FakeClock
from tests.doubles.supabase_auth import PUBLISHABLE_KEY, SupabaseAuthDouble, new_key, serve_supabase_auth
from tests.integration.conftest import PUBLIC_URL
from tests.integration.staff import SAME_ORIGIN
from tests.integration.tenant_rows import Rows

PASSWORD = "correct horse battery staple"
SIGN_IN = "/inbox/sign-in"


@pytest.fixture
async def supabase(clock: FakeClock) -> AsyncIterator[SupabaseAuthDouble]:
    """Supabase Auth, without accounts."""
    async with serve_supabase_auth(clock) as double:
        yield double


@pytest.fixture
async def browser(
    staff_deps: StaffDeps, webhook_keys: WebhookKeys, supabase: SupabaseAuthDouble, clock: FakeClock
) -> AsyncIterator[httpx.AsyncClient]:
    """A browser at an inbox whose staff have accounts."""
    auth = SupabaseAuth(url=supabase.url, publishable_key=PUBLISHABLE_KEY, now=clock)
    settings = staff_deps.settings.model_copy(
        update={"supabase_url": supabase.url, "supabase_publishable_key": PUBLISHABLE_KEY}
    )
    object.__setattr__(staff_deps, "settings", settings)
    app = create_app(staff_deps, webhook_keys, pages=[build_inbox(staff_deps, auth)])
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url=PUBLIC_URL
    ) as opened:
        yield opened
    await auth.aclose()


@pytest.fixture
def email(a: Rows, supabase: SupabaseAuthDouble) -> str:
    """The address of tenant A's member, who has an account with a password."""
    address = "staff@attacker.example"
    supabase.add(address, PASSWORD)
    return address


async def by_password(browser: httpx.AsyncClient, email: str, password: str = PASSWORD) -> httpx.Response:
    return await browser.post(SIGN_IN, data={"email": email, "password": password}, headers=SAME_ORIGIN)


async def is_in(browser: httpx.AsyncClient) -> bool:
    return (await browser.get(SIGN_IN)).status_code == 303  # who is in is led on


async def test_a_member_signs_in_by_password_and_is_bound_to_their_account(
    browser: httpx.AsyncClient, supabase: SupabaseAuthDouble, email: str, a: Rows, admin: Tx
) -> None:
    answer = await browser.post(
        f"{SIGN_IN}?next=/inbox/contacts",
        data={"email": f" {email.upper()} ", "password": PASSWORD},
        headers=SAME_ORIGIN,
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/inbox/contacts")
    assert await is_in(browser)
    found = await (await admin.execute("select auth_user_id from members where id = %s", (a.member,))).fetchone()
    assert found == {"auth_user_id": supabase.users[0].id}


async def test_no_token_reaches_the_browser(browser: httpx.AsyncClient, email: str) -> None:
    answer = await by_password(browser, email)
    seen = f"{answer.headers} {answer.text} {list(browser.cookies.jar)}"
    assert "eyJ" not in seen
    assert len(browser.cookies.jar) == 1


async def test_unknown_wrong_unconfirmed_and_not_a_member_get_the_same_answer(
    browser: httpx.AsyncClient, supabase: SupabaseAuthDouble, email: str
) -> None:
    supabase.add("known@elsewhere.example", PASSWORD)
    supabase.add("unconfirmed@elsewhere.example", PASSWORD, is_confirmed=False)
    answers = [
        await by_password(browser, email, "wrong"),
        await by_password(browser, "nobody@elsewhere.example"),
        await by_password(browser, "known@elsewhere.example"),
        await by_password(browser, "unconfirmed@elsewhere.example"),
    ]
    texts = {re.sub(r'value="[^"]*@[^"]*"', "", answer.text) for answer in answers}
    assert ({answer.status_code for answer in answers}, len(texts)) == ({400}, 1)
    assert not await is_in(browser)


async def test_an_address_that_nobody_has_confirmed_proves_nothing(
    browser: httpx.AsyncClient, supabase: SupabaseAuthDouble, a: Rows
) -> None:
    supabase.add("staff@attacker.example", PASSWORD, is_confirmed=False)
    supabase.autoconfirms = True  # whoever comes first has taken a colleague's address
    assert (await by_password(browser, "staff@attacker.example")).status_code == 400
    supabase.users[0].is_confirmed = True  # which is what such a project then says
    assert (await by_password(browser, "staff@attacker.example")).status_code == 400
    supabase.autoconfirms = False
    assert (await by_password(browser, "staff@attacker.example")).status_code == 303


async def test_from_then_on_the_account_counts_and_not_the_address(
    browser: httpx.AsyncClient, supabase: SupabaseAuthDouble, email: str
) -> None:
    await by_password(browser, email)
    browser.cookies.clear()
    supabase.users[0].email = "staff@new.example"
    assert (await by_password(browser, "staff@new.example")).status_code == 303
    browser.cookies.clear()
    supabase.add(email, PASSWORD)  # the address has a new owner
    assert (await by_password(browser, email)).status_code == 400


async def test_who_is_disabled_stays_out(browser: httpx.AsyncClient, email: str, a: Rows, admin: Tx) -> None:
    await admin.execute("update members set disabled_at = now() where id = %s", (a.member,))
    assert (await by_password(browser, email)).status_code == 400


async def test_a_member_of_several_tenants_chooses(
    browser: httpx.AsyncClient, email: str, a: Rows, b: Rows, admin: Tx
) -> None:
    await admin.execute("update members set email = %s where id = %s", (email, b.member))
    page = await by_password(browser, email)
    choices = dict(re.findall(r'value="([^"]+)"[^>]*>([^<]+)</button>', page.text))
    assert (page.status_code, sorted(choices.values())) == (200, ["attacker", "victim"])
    token = next(secret for secret, name in choices.items() if name == "victim")
    assert not await is_in(browser)
    assert (await browser.post(f"{SIGN_IN}/link", data={"token": token}, headers=SAME_ORIGIN)).status_code == 303
    found = await (await admin.execute("select member_id from staff_sessions where user_agent <> ''")).fetchall()
    assert found == [{"member_id": b.member}]


async def ask_for_mail(browser: httpx.AsyncClient, email: str, query: str = "") -> httpx.Response:
    return await browser.post(f"{SIGN_IN}/mail{query}", data={"email": email}, headers=SAME_ORIGIN)


async def follow(supabase: SupabaseAuthDouble) -> str:
    """Follow the last mail's link; return where Supabase Auth sends the browser."""
    async with httpx.AsyncClient() as elsewhere:
        return (await elsewhere.get(supabase.mails[-1].link)).headers["location"]


async def test_a_mailed_link_signs_in_once(browser: httpx.AsyncClient, supabase: SupabaseAuthDouble, a: Rows) -> None:
    await ask_for_mail(browser, "staff@attacker.example", "?next=/inbox/contacts")
    target = await follow(supabase)
    assert target.startswith(f"{PUBLIC_URL}{SIGN_IN}/callback?code=")
    answer = await browser.get(target)
    assert (answer.status_code, answer.headers["location"]) == (303, "/inbox/contacts")
    assert await is_in(browser)
    browser.cookies.clear()
    assert (await browser.get(target)).status_code == 400


async def test_somebody_elses_link_signs_nobody_in(
    browser: httpx.AsyncClient, supabase: SupabaseAuthDouble, a: Rows
) -> None:
    await ask_for_mail(browser, "staff@attacker.example")
    stolen = await follow(supabase)
    browser.cookies.clear()
    assert (await browser.get(stolen)).status_code == 400
    await ask_for_mail(browser, "staff@attacker.example")  # the thief's own verifier is another
    assert (await browser.get(stolen)).status_code == 400
    assert not await is_in(browser)


async def test_a_link_that_is_too_old_is_explained(browser: httpx.AsyncClient, a: Rows) -> None:
    await ask_for_mail(browser, "staff@attacker.example")
    answer = await browser.get(f"{SIGN_IN}/callback?error=access_denied&error_code=otp_expired")
    assert (answer.status_code, "too old" in answer.text) == (400, True)


async def test_the_code_of_a_mail_signs_in_on_any_device(
    browser: httpx.AsyncClient, supabase: SupabaseAuthDouble, a: Rows
) -> None:
    await ask_for_mail(browser, "staff@attacker.example")
    browser.cookies.clear()
    form = {"email": "staff@attacker.example", "code": supabase.mails[-1].code}
    wrong = await browser.post(f"{SIGN_IN}/code", data={**form, "code": "000000x"}, headers=SAME_ORIGIN)
    right = await browser.post(f"{SIGN_IN}/code", data=form, headers=SAME_ORIGIN)
    assert (wrong.status_code, right.status_code, await is_in(browser)) == (400, 303, True)


async def test_a_stranger_is_sent_no_mail_and_not_told_so(
    browser: httpx.AsyncClient, supabase: SupabaseAuthDouble, a: Rows
) -> None:
    answers = [await ask_for_mail(browser, email) for email in ("staff@attacker.example", "nobody@x.example")]
    texts = {re.sub(r"[a-z]+@[a-z.]+example", "", answer.text) for answer in answers}
    assert ([mail.to for mail in supabase.mails], len(texts)) == (["staff@attacker.example"], 1)
    assert [user.email for user in supabase.users] == ["staff@attacker.example"]


async def test_one_address_is_tried_so_often_and_no_more(
    browser: httpx.AsyncClient, supabase: SupabaseAuthDouble, email: str, clock: FakeClock
) -> None:
    codes = [(await by_password(browser, email, "guess")).status_code for _ in range(PER_EMAIL + 1)]
    assert codes == [400] * PER_EMAIL + [429]
    assert (await by_password(browser, email)).status_code == 429
    assert supabase.paths.count("/token") == PER_EMAIL
    clock.now += timedelta(minutes=10)
    assert (await by_password(browser, email)).status_code == 303


async def test_one_network_address_tries_so_often_and_no_more(browser: httpx.AsyncClient, a: Rows) -> None:
    codes = [(await by_password(browser, f"{n}@x.example")).status_code for n in range(PER_ADDRESS + 1)]
    assert codes == [400] * PER_ADDRESS + [429]


async def test_nobodys_mailbox_is_flooded(browser: httpx.AsyncClient, supabase: SupabaseAuthDouble, a: Rows) -> None:
    codes = [(await ask_for_mail(browser, "staff@attacker.example")).status_code for _ in range(MAILS_PER_EMAIL + 1)]
    assert codes == [200] * MAILS_PER_EMAIL + [429]
    assert len(supabase.mails) == MAILS_PER_EMAIL


@pytest.mark.parametrize("path", ["", "/mail", "/code", "/link"])
async def test_no_other_site_signs_anybody_in(browser: httpx.AsyncClient, email: str, path: str) -> None:
    form = {"email": email, "password": PASSWORD, "code": "1", "token": "1"}
    answer = await browser.post(f"{SIGN_IN}{path}", data=form, headers={"sec-fetch-site": "cross-site"})
    assert (answer.status_code, await is_in(browser)) == (403, False)


def _changed(**claims: Any) -> Callable[[SupabaseAuthDouble, dict[str, Any]], str]:
    return lambda double, signed: double.sign({**signed, **claims})


def _without(name: str) -> Callable[[SupabaseAuthDouble, dict[str, Any]], str]:
    return lambda double, signed: double.sign({key: value for key, value in signed.items() if key != name})


def _unsigned(double: SupabaseAuthDouble, claims: dict[str, Any]) -> str:
    return jwt.encode(claims, "", algorithm="none", headers={"kid": double.key.id})


def _signed_with_the_public_key(double: SupabaseAuthDouble, claims: dict[str, Any]) -> str:
    pem = double.key.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return jwt.encode(claims, pem, algorithm="HS256", headers={"kid": double.key.id})


def _signed_by_a_stranger(double: SupabaseAuthDouble, claims: dict[str, Any]) -> str:
    return jwt.encode(claims, new_key().private, algorithm="ES256", headers={"kid": double.key.id})


def _signed_with_an_unknown_key(double: SupabaseAuthDouble, claims: dict[str, Any]) -> str:
    return jwt.encode(claims, new_key().private, algorithm="ES256", headers={"kid": "another"})


def _garbage(double: SupabaseAuthDouble, claims: dict[str, Any]) -> str:
    return "not.a.token"


BENT = {
    "another audience": _changed(aud="service"),
    "another issuer": _changed(iss="https://evil.example/auth/v1"),
    "expired": _changed(exp=1_700_000_000, iat=1_699_990_000),
    "from the future": _changed(iat=2_000_000_000, exp=2_000_003_600),
    "times that are none": _changed(exp=10**30),
    "another role": _changed(role="service_role"),
    "anonymous": _changed(is_anonymous=True),
    "another user": _changed(sub="00000000-0000-0000-0000-000000000000"),
    "without expiry": _without("exp"),
    "without audience": _without("aud"),
    "unsigned": _unsigned,
    "the public key as a secret": _signed_with_the_public_key,
    "a stranger's signature": _signed_by_a_stranger,
    "an unknown key": _signed_with_an_unknown_key,
    "garbage": _garbage,
}


@pytest.mark.parametrize("bend", BENT.values(), ids=BENT.keys())
async def test_a_token_that_is_not_for_us_signs_nobody_in(
    browser: httpx.AsyncClient,
    supabase: SupabaseAuthDouble,
    email: str,
    bend: Callable[[SupabaseAuthDouble, dict[str, Any]], str],
) -> None:
    supabase.bend = lambda claims: bend(supabase, claims)
    assert (await by_password(browser, email)).status_code == 503
    supabase.bend = None
    assert (await by_password(browser, email)).status_code == 303


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
async def test_keys_rotate(
    browser: httpx.AsyncClient, supabase: SupabaseAuthDouble, email: str, clock: FakeClock, algorithm: str
) -> None:
    assert (await by_password(browser, email)).status_code == 303
    supabase.key, old = new_key(algorithm), supabase.key
    supabase.published = [supabase.key, old]
    assert (await by_password(browser, email)).status_code == 303  # one it has not seen before
    supabase.key, supabase.published = old, [supabase.key]
    clock.now += FRESH + timedelta(seconds=1)
    assert (await by_password(browser, email)).status_code == 503  # withdrawn


async def test_known_keys_last_while_they_cannot_be_fetched(
    browser: httpx.AsyncClient, supabase: SupabaseAuthDouble, email: str, clock: FakeClock
) -> None:
    await by_password(browser, email)
    supabase.are_keys_away = True
    clock.now += FRESH + timedelta(seconds=1)
    assert (await by_password(browser, email)).status_code == 303
    clock.now += timedelta(hours=2)
    assert (await by_password(browser, email)).status_code == 503


@pytest.mark.parametrize(("trouble", "status"), [("is_down", 503), ("is_busy", 429)])
async def test_with_supabase_auth_away_who_is_signed_in_stays_so(
    browser: httpx.AsyncClient, supabase: SupabaseAuthDouble, email: str, trouble: str, status: int
) -> None:
    await by_password(browser, email)
    setattr(supabase, trouble, True)
    assert await is_in(browser)
    asked = len(supabase.paths)
    assert (await by_password(browser, email)).status_code == status
    assert len(supabase.paths) == asked + 1


async def test_a_wrong_key_of_ours_is_not_told_as_a_wrong_password(
    browser: httpx.AsyncClient, supabase: SupabaseAuthDouble, email: str, clock: FakeClock
) -> None:
    auth = SupabaseAuth(url=supabase.url, publishable_key="sb_publishable_wrong", now=clock)
    assert await auth.by_password(email, PASSWORD) == "away"
    await auth.aclose()
