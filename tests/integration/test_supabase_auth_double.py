"""Our stand-in for Supabase Auth answers its official client as the service would."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import supabase_auth as auth
from supabase_auth.errors import AuthApiError

from tests.conftest import FakeClock
from tests.doubles.supabase_auth import PUBLISHABLE_KEY, SupabaseAuthDouble, serve_supabase_auth

ANA, PASSWORD = "ana@x.example", "correct horse"


@pytest.fixture
async def supabase(clock: FakeClock) -> AsyncIterator[SupabaseAuthDouble]:
    """Supabase Auth, with one account."""
    async with serve_supabase_auth(clock) as double:
        double.add(ANA, PASSWORD)
        yield double


@pytest.fixture
async def client(supabase: SupabaseAuthDouble) -> AsyncIterator[Any]:
    """The official client, for PKCE, as it is by default with `supabase`."""
    async with httpx.AsyncClient() as http:
        yield auth.AsyncGoTrueClient(
            url=supabase.issuer,
            headers={"apikey": PUBLISHABLE_KEY},
            auto_refresh_token=False,
            persist_session=False,
            flow_type="pkce",
            http_client=http,
        )


async def test_a_password_gives_a_session_that_the_client_verifies(client: Any) -> None:
    signed_in = await client.sign_in_with_password({"email": ANA, "password": PASSWORD})
    assert (signed_in.user.email, signed_in.session.token_type) == (ANA, "bearer")
    assert signed_in.user.email_confirmed_at is not None


@pytest.mark.parametrize(
    ("password", "is_confirmed", "code"),
    [("wrong", True, "invalid_credentials"), (PASSWORD, False, "email_not_confirmed")],
)
async def test_refusals_have_the_codes_that_the_client_knows(
    client: Any, supabase: SupabaseAuthDouble, password: str, is_confirmed: bool, code: str
) -> None:
    supabase.users[0].is_confirmed = is_confirmed
    with pytest.raises(AuthApiError) as refused:
        await client.sign_in_with_password({"email": ANA, "password": password})
    assert (refused.value.status, refused.value.code) == (400, code)


async def test_a_mailed_link_is_exchanged_by_the_client_that_asked(client: Any, supabase: SupabaseAuthDouble) -> None:
    await client.sign_in_with_otp({"email": ANA, "options": {"email_redirect_to": "https://a.example/back"}})
    async with httpx.AsyncClient() as browser:
        back = httpx.URL((await browser.get(supabase.mails[0].link)).headers["location"])
    signed_in = await client.exchange_code_for_session({"auth_code": back.params["code"]})
    assert signed_in.user.email == ANA


async def test_a_code_of_a_mail_is_verified_once(client: Any, supabase: SupabaseAuthDouble) -> None:
    await client.sign_in_with_otp({"email": ANA})
    asked = {"email": ANA, "token": supabase.mails[0].code, "type": "email"}
    assert (await client.verify_otp(asked)).user.email == ANA
    with pytest.raises(AuthApiError) as refused:
        await client.verify_otp(asked)
    assert refused.value.code == "otp_expired"
