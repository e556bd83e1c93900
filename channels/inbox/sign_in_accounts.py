"""Signing in with an account of Supabase Auth: by password, or by a link or a code in a mail.

The account says who somebody is; whether they may in, as whom and to which tenant, say our members. Unknown and wrong
get the same answer, and no token ever reaches the browser: it gets a session of ours.
"""

from collections.abc import Sequence
from datetime import timedelta
from secrets import token_urlsafe
from urllib.parse import quote, unquote

import structlog
from fastapi import APIRouter
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from agent.ports import StaffDeps
from agent.store.accounts import Membership, admit_account, is_member_anywhere
from agent.store.sessions import insert_signin_link
from channels.inbox.pages import LOGIN, cookie_name
from channels.inbox.sign_in import SignIn, read_plain_form
from channels.inbox.supabase_auth import Identity, Problem, SupabaseAuth

PER_EMAIL = 10
"""How often somebody may try to sign in with one address, in the stretch that `sign_in.WITHIN` says."""
MAILS_PER_EMAIL = 3
MAIL_LIFE = timedelta(hours=1)
STATUS: dict[Problem, int] = {"wrong": 400, "often": 429, "away": 503}

log = structlog.get_logger(__name__)


class AccountSignIn:
    """The pages of those who sign in with an account."""

    def __init__(self, deps: StaffDeps, auth: SupabaseAuth, sign_in: SignIn) -> None:
        self._deps = deps
        self._auth = auth
        self._sign_in = sign_in
        self._cookie = f"{cookie_name(deps)}-mail"
        """Holds the secret of whoever asked for a mail: its link works in their browser only."""

    async def use_password(self, request: Request) -> Response:
        """Sign in by password."""
        form = await read_plain_form(request)
        email, password = address_of(form.get("email", "")), form.get("password", "")
        if await self._is_too_often(request, email):
            return self._refuse(request, "often", email)
        found = await self._auth.by_password(email, password) if email and password else "wrong"
        return await self._admit(request, found, email, "password")

    async def send_mail(self, request: Request) -> Response:
        """Have a link sent to a member. Whoever asks gets the same answer, as fast, whether they are one or not."""
        email = address_of((await read_plain_form(request)).get("email", ""))
        if not email:
            return self._refuse(request, "wrong", email)
        often = await self._sign_in.is_too_often(request)
        if often or await self._sign_in.is_used_up(f"mail:{email}", MAILS_PER_EMAIL):
            return self._refuse(request, "often", email)
        verifier = token_urlsafe(48)
        answer = self._sign_in.page(request, "sign_in_mail.html", email=email)
        answer.background = BackgroundTask(self._send_mail, email, verifier)
        # Where they wanted to go comes along: the link cannot say it, its address is one of those the project allows.
        self._keep(answer, f"{verifier}.{quote(request.query_params.get('next', ''), safe='')}")
        return answer

    async def use_code(self, request: Request) -> Response:
        """Sign in by the code that stands in the mail: on another device, say."""
        form = await read_plain_form(request)
        email, code = address_of(form.get("email", "")), form.get("code", "").strip()
        if await self._is_too_often(request, email):
            return self._refuse_code(request, "often", email)
        found = await self._auth.by_code(email, code) if email and code else "wrong"
        if not isinstance(found, Identity):
            return self._refuse_code(request, found, email)
        return await self._admit(request, found, email, "code")

    async def use_mailed_link(self, request: Request) -> Response:
        """Sign in whoever followed the link in the mail, in the browser that asked for it."""
        verifier, _, target = request.cookies.get(self._cookie, "").partition(".")
        code = request.query_params.get("code", "")
        if await self._sign_in.is_too_often(request):
            return self._refuse(request, "often", "")
        if not verifier or not code:
            # Without the cookie it may be somebody else's link: it would sign this browser in as them.
            problem = "mail" if verifier else "browser"
            return self._sign_in.page(request, "sign_in.html", status=400, problem=problem)
        found = await self._auth.by_link(code[:200], verifier)
        if found == "wrong":
            return self._sign_in.page(request, "sign_in.html", status=400, problem="mail")
        answer = await self._admit(request, found, "", "mail", target=unquote(target))
        answer.delete_cookie(self._cookie, path="/", secure=self._is_secure, httponly=True)
        return answer

    async def _admit(
        self, request: Request, found: Identity | Problem, email: str, how: str, *, target: str = ""
    ) -> Response:
        if not isinstance(found, Identity):
            return self._refuse(request, found, email)
        memberships = await admit_account(self._deps.db, user_id=found.user_id, email=found.email)
        if not memberships:
            log.info("inbox.not_a_member", user=str(found.user_id), has_proven_address=bool(found.email))
            return self._refuse(request, "wrong", email)
        if len(memberships) == 1:
            return await self._sign_in.begin(request, memberships[0].member, how, target=target)
        return await self._let_choose(request, memberships)

    async def _let_choose(self, request: Request, memberships: Sequence[Membership]) -> Response:
        """Show the tenants of somebody who is a member of several: each choice is a one-time link."""
        choices = []
        for each in memberships:
            member = each.member
            async with self._deps.db.tenant(member.tenant_id) as tx:
                secret = await insert_signin_link(tx, member.tenant_id, member.id, self._deps.now())
            choices.append((each.tenant_name, secret))
        return self._sign_in.page(request, "sign_in_choose.html", choices=choices)

    async def _send_mail(self, email: str, verifier: str) -> None:
        if not await is_member_anywhere(self._deps.db, email):
            log.info("inbox.mail_not_asked_for", reason="no member has this address")
            return
        return_to = f"{self._deps.settings.public_url}{LOGIN}/callback"
        problem = await self._auth.send_mail(email, verifier, return_to)
        if problem:
            log.error("inbox.sign_in_mail_failed", problem=problem, fix="look at the Auth logs of the Supabase project")

    async def _is_too_often(self, request: Request, email: str) -> bool:
        often = await self._sign_in.is_too_often(request)
        return await self._sign_in.is_used_up(f"email:{email}", PER_EMAIL) or often

    def _refuse(self, request: Request, problem: Problem, email: str) -> Response:
        return self._sign_in.page(request, "sign_in.html", status=STATUS[problem], problem=problem, email=email)

    def _refuse_code(self, request: Request, problem: Problem, email: str) -> Response:
        shown = "code" if problem == "wrong" else problem
        return self._sign_in.page(request, "sign_in_mail.html", status=STATUS[problem], problem=shown, email=email)

    @property
    def _is_secure(self) -> bool:
        return self._deps.settings.public_url.startswith("https:")

    def _keep(self, answer: Response, value: str) -> None:
        answer.set_cookie(
            self._cookie,
            value,
            max_age=int(MAIL_LIFE.total_seconds()),
            path="/",
            secure=self._is_secure,
            httponly=True,
            samesite="lax",
        )


def address_of(text: str) -> str:
    """Return an e-mail address as it is compared; empty: that is none."""
    address = text.strip().lower()
    return address if "@" in address and len(address) <= 254 else ""


def build_account_sign_in(deps: StaffDeps, auth: SupabaseAuth, sign_in: SignIn) -> APIRouter:
    """Build the routes of sign-in with an account."""
    router, accounts = APIRouter(), AccountSignIn(deps, auth, sign_in)
    router.add_route(LOGIN, accounts.use_password, methods=["POST"], include_in_schema=False)
    router.add_route(f"{LOGIN}/mail", accounts.send_mail, methods=["POST"], include_in_schema=False)
    router.add_route(f"{LOGIN}/code", accounts.use_code, methods=["POST"], include_in_schema=False)
    router.add_route(f"{LOGIN}/callback", accounts.use_mailed_link, methods=["GET"], include_in_schema=False)
    return router
