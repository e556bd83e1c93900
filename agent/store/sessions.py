"""Sign-in: one-time links, sessions and how often somebody has tried. Of every secret only a hash is stored."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from secrets import token_urlsafe
from uuid import UUID

from agent.ids import new_id
from agent.staff.members import Member
from agent.store.db import Database, Tx, fetch_one
from agent.store.members import find_member
from agent.types import MemberId, TenantId

IDLE = timedelta(hours=12)
"""A session that nobody has used for so long has ended."""
LONGEST = timedelta(days=7)
"""A session ends so long after it began, however much it is used."""
LINK_LIFE = timedelta(minutes=15)
SEEN_EVERY = timedelta(minutes=1)
"""A session's use is noted at most so often."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """A browser in which a member is signed in."""

    id: UUID
    member: Member
    csrf_token: str
    """Goes with every form: another site cannot know it."""
    expires_at: datetime


def hash_secret(secret: str) -> bytes:
    """Return what is stored of a secret. It is random and long, so a plain hash cannot be guessed."""
    return sha256(secret.encode()).digest()


async def insert_signin_link(tx: Tx, tenant_id: TenantId, member_id: MemberId, now: datetime) -> str:
    """Make a one-time link for a member; return its secret, which is kept nowhere."""
    secret = token_urlsafe(32)
    await tx.execute(
        "insert into signin_links (id, token_hash, tenant_id, member_id, expires_at) values (%s, %s, %s, %s, %s)",
        (new_id(), hash_secret(secret), tenant_id, member_id, now + LINK_LIFE),
    )
    return secret


async def use_signin_link(db: Database, secret: str, now: datetime) -> Member | None:
    """Use a one-time link up and return whose it is; None: it is not good, or no longer."""
    token_hash = hash_secret(secret)
    async with db.system() as tx:
        row = await fetch_one(tx, "select find_link_tenant(%s) as tenant_id", (token_hash,))
    if row is None or row["tenant_id"] is None:
        return None
    async with db.tenant(row["tenant_id"]) as tx:
        used = await fetch_one(
            tx,
            """update signin_links set used_at = %(now)s
               where token_hash = %(hash)s and used_at is null and expires_at > %(now)s returning member_id""",
            {"hash": token_hash, "now": now},
        )
        return None if used is None else await find_member(tx, used["member_id"])


async def insert_session(tx: Tx, member: Member, user_agent: str, now: datetime) -> str:
    """Begin a session; return the cookie's secret, which is kept nowhere. Sessions that have ended are cleared away."""
    secret = token_urlsafe(32)
    await tx.execute(
        "delete from staff_sessions where member_id = %s and (expires_at <= %s or seen_at <= %s)",
        (member.id, now, now - IDLE),
    )
    await tx.execute(
        """insert into staff_sessions
               (id, token_hash, tenant_id, member_id, csrf_token, user_agent, created_at, seen_at, expires_at)
           values (%(id)s, %(hash)s, %(tenant)s, %(member)s, %(csrf)s, %(agent)s, %(now)s, %(now)s, %(expires)s)""",
        {
            "id": new_id(),
            "hash": hash_secret(secret),
            "tenant": member.tenant_id,
            "member": member.id,
            "csrf": token_urlsafe(32),
            "agent": user_agent[:200],
            "now": now,
            "expires": now + LONGEST,
        },
    )
    return secret


async def find_session(db: Database, secret: str, now: datetime, *, is_use: bool = True) -> Session | None:
    """Return the session of a cookie, and note its use, if it is one; None: it has ended, or never was."""
    token_hash = hash_secret(secret)
    async with db.system() as tx:
        owner = await fetch_one(tx, "select find_session_tenant(%s) as tenant_id", (token_hash,))
    if owner is None or owner["tenant_id"] is None:
        return None
    async with db.tenant(owner["tenant_id"]) as tx:
        row = await fetch_one(
            tx,
            "select * from staff_sessions where token_hash = %s and seen_at > %s and expires_at > %s",
            (token_hash, now - IDLE, now),
        )
        member = await find_member(tx, row["member_id"]) if row else None
        if row is None or member is None:
            return None
        if is_use and row["seen_at"] < now - SEEN_EVERY:
            await tx.execute("update staff_sessions set seen_at = %s where id = %s", (now, row["id"]))
        return Session(id=row["id"], member=member, csrf_token=row["csrf_token"], expires_at=row["expires_at"])


async def end_session(tx: Tx, session_id: UUID) -> None:
    """Sign a browser out."""
    await tx.execute("delete from staff_sessions where id = %s", (session_id,))


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenSession:
    """A browser in which a member is signed in, as they see it."""

    id: UUID
    user_agent: str
    created_at: datetime
    seen_at: datetime


async def list_sessions(tx: Tx, member_id: MemberId, now: datetime) -> list[OpenSession]:
    """Return where a member is signed in, the last used first."""
    cursor = await tx.execute(
        """select id, user_agent, created_at, seen_at from staff_sessions
           where member_id = %s and expires_at > %s and seen_at > %s order by seen_at desc, id""",
        (member_id, now, now - IDLE),
    )
    return [OpenSession(**row) for row in await cursor.fetchall()]


async def end_session_of(tx: Tx, session_id: UUID, member_id: MemberId) -> bool:
    """Sign one of a member's own browsers out; False: it is not theirs, or was not signed in."""
    done = await tx.execute("delete from staff_sessions where id = %s and member_id = %s", (session_id, member_id))
    return done.rowcount == 1


async def end_sessions(tx: Tx, member_id: MemberId) -> int:
    """Sign a member out everywhere; return of how many browsers."""
    return (await tx.execute("delete from staff_sessions where member_id = %s", (member_id,))).rowcount


async def count_attempt(tx: Tx, subject: str, now: datetime, *, within: timedelta) -> int:
    """Count an attempt to sign in by `subject` (hashed), and return how many there were in this stretch of `within`."""
    seconds = int(within.total_seconds())
    window = datetime.fromtimestamp(int(now.timestamp()) // seconds * seconds, tz=now.tzinfo)
    await tx.execute("delete from signin_attempts where window_at < %s", (now - 2 * within,))
    row = await fetch_one(
        tx,
        """insert into signin_attempts (subject, window_at) values (%s, %s)
           on conflict (subject, window_at) do update set attempts = signin_attempts.attempts + 1 returning attempts""",
        (hash_secret(subject).hex(), window),
    )
    return 0 if row is None else int(row["attempts"])
