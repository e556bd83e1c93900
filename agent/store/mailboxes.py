"""How far each IMAP folder has been read, and who reads it: rows of the operator's, not of a tenant's."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from agent.store.db import Tx, fetch_one


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadSoFar:
    """Mails up to `last_uid` are done, while the folder's UIDVALIDITY is `uid_validity`; 0: never read."""

    uid_validity: int
    last_uid: int
    read_at: datetime | None
    since: datetime | None = None
    """When it was first seen: what arrived before is history. None: long ago."""


async def claim_mailbox(tx: Tx, name: str, token: UUID, lease_s: float) -> ReadSoFar | None:
    """Take or renew the right to read a mailbox; None: another process has it."""
    await tx.execute("insert into mailboxes (name) values (%s) on conflict do nothing", (name,))
    row = await fetch_one(
        tx,
        """update mailboxes set lease_token = %(token)s, lease_until = clock_timestamp() + %(lease_s)s * interval '1 s'
           where name = %(name)s and (lease_token = %(token)s or lease_until is null or lease_until < clock_timestamp())
           returning uid_validity, last_uid, read_at, since""",
        {"name": name, "token": token, "lease_s": lease_s},
    )
    return None if row is None else ReadSoFar(**row)


async def record_read(tx: Tx, name: str, token: UUID, done: ReadSoFar) -> bool:
    """Note how far a mailbox has been read; False: the right to read it was lost, and nothing was noted."""
    cursor = await tx.execute(
        """update mailboxes set uid_validity = %s, last_uid = %s, read_at = %s, since = coalesce(since, %s),
                  error = null
           where name = %s and lease_token = %s""",
        (done.uid_validity, done.last_uid, done.read_at, done.since, name, token),
    )
    return cursor.rowcount == 1


async def record_fault(tx: Tx, name: str, token: UUID, error: str) -> None:
    """Note why a mailbox cannot be read, for operators."""
    await tx.execute("update mailboxes set error = %s where name = %s and lease_token = %s", (error[:500], name, token))


async def list_faults(tx: Tx) -> dict[str, str]:
    """Return why mailboxes cannot be read, by name; those that can are not in it."""
    cursor = await tx.execute("select name, error from mailboxes where error is not null order by name")
    return {row["name"]: row["error"] for row in await cursor.fetchall()}


async def release_mailbox(tx: Tx, name: str, token: UUID) -> None:
    """Let another process read it at once."""
    await tx.execute(
        "update mailboxes set lease_token = null, lease_until = null where name = %s and lease_token = %s",
        (name, token),
    )
