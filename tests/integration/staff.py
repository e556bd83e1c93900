"""A browser of a member of staff: signs in by a one-time link, keeps cookies, sends forms as a page would."""

import re
from dataclasses import dataclass

import httpx

from agent.ports import Deps
from agent.staff.members import Role
from agent.store.members import insert_member
from agent.store.sessions import insert_signin_link
from agent.types import MemberId, TenantId

SAME_ORIGIN = {"sec-fetch-site": "same-origin"}
TOKEN = re.compile(r'<meta name="csrf-token" content="([^"]+)">')


@dataclass(slots=True)
class StaffBrowser:
    """One member's browser."""

    http: httpx.AsyncClient
    member_id: MemberId
    csrf: str = ""

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """Open a page."""
        return await self.http.get(path, headers=headers)

    async def post(self, path: str, form: dict[str, str] | None = None, **headers: str) -> httpx.Response:
        """Send a form of a page of this session."""
        return await self.http.post(path, data={"csrf": self.csrf, **(form or {})}, headers={**SAME_ORIGIN, **headers})


async def sign_in(
    http: httpx.AsyncClient, deps: Deps, tenant_id: TenantId, *, role: Role = "reviewer", name: str = "Ana"
) -> StaffBrowser:
    """Add a member, and sign their browser in."""
    async with deps.db.tenant(tenant_id) as tx:
        email = f"{name.lower()}-{role}@staff.example"
        member_id = await insert_member(tx, tenant_id, email=email, name=name, role=role)
        secret = await insert_signin_link(tx, tenant_id, member_id, deps.now())
    answer = await http.post("/inbox/sign-in/link", data={"token": secret}, headers=SAME_ORIGIN)
    assert answer.status_code == 303, answer.text
    page = await http.get("/inbox")
    found = TOKEN.search(page.text)
    assert found, page.text
    return StaffBrowser(http=http, member_id=member_id, csrf=found[1])
