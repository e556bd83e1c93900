"""The morning's digest: to those who want it, at eight by their clock, once, with no word of a prospect."""

from datetime import UTC, datetime, timedelta

import pytest

from agent.ports import Deps
from agent.store.members import find_member, insert_member, merge_preferences
from agent.tenant.file import TenantFile
from channels.email_letter import MailRoutes
from channels.email_outbound import SmtpSender, parse_smtp_url
from jobs.digest import send_digests
from tests.conftest import FakeClock
from tests.doubles.smtp import SmtpDouble
from tests.integration.test_queue_page import insert_work

EIGHT_IN_MADRID = datetime(2026, 11, 18, 7, 5, tzinfo=UTC)


async def prepare(deps: Deps, lumen: TenantFile, *, wants: bool = True, work: int = 2) -> None:
    """A member who may want the digest, and some open work."""
    tenant = lumen.tenant.id
    async with deps.db.tenant(tenant) as tx:
        await tx.execute("update channel_accounts set provider = 'email' where channel = 'email'")
        bea = await insert_member(tx, tenant, email="bea@lumen.example", name="Bea", role="viewer")
        await tx.execute("update members set language = 'es' where id = %s", (bea,))
        await merge_preferences(tx, bea, {"digest": wants})
        assert await find_member(tx, bea)
        for number in range(work):
            due_at = EIGHT_IN_MADRID + timedelta(minutes=30 * number - 10)
            more = {"cause": "other" if number else "complaint", "reason": "Secret words", "said": "Secret words"}
            await insert_work(tx, tenant, "Secret name", due_at, more)


async def send(deps: Deps, server: SmtpDouble) -> int:
    return await send_digests(deps, SmtpSender(parse_smtp_url(server.url), MailRoutes(), now=deps.now))


async def test_what_is_open_is_told_at_eight_and_once(deps: Deps, lumen: TenantFile, clock: FakeClock) -> None:
    await prepare(deps, lumen)
    async with SmtpDouble() as server:
        for at in (EIGHT_IN_MADRID - timedelta(hours=1), EIGHT_IN_MADRID, EIGHT_IN_MADRID):
            clock.now = at
            await send(deps, server)
    (mail,) = server.mails
    body = mail.message.get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert mail.recipients == ("bea@lumen.example",)
    assert mail.message["Subject"] == "2 conversaciones necesitan una persona"
    assert "- Queja: tarde desde 7:55" in text
    assert "- Necesita una persona: vence 8:25" in text
    assert "Secret" not in text


@pytest.mark.parametrize("reason", ["not wanted", "nothing open", "no address", "refused"])
async def test_none_is_sent_where_there_is_no_need_or_no_way(
    deps: Deps, lumen: TenantFile, clock: FakeClock, reason: str
) -> None:
    await prepare(deps, lumen, wants=reason != "not wanted", work=0 if reason == "nothing open" else 1)
    clock.now = EIGHT_IN_MADRID
    if reason == "no address":
        async with deps.db.tenant(lumen.tenant.id) as tx:
            await tx.execute("update channel_accounts set provider = 'simulator'")
    async with SmtpDouble() as server:
        if reason == "refused":
            server.refuse("RCPT", "550 5.1.1 no such user")
        assert await send(deps, server) == 0
    assert server.mails == []
