"""Files that members have added to what they write. Once sent, a file is its message's, under the same id."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.staff.members import Member
from agent.store.db import Tx
from agent.types import ConversationId, MediaId, MemberId, MessageId


@dataclass(frozen=True, kw_only=True, slots=True)
class Upload:
    """A file in the media store that is not sent yet."""

    id: MediaId
    conversation_id: ConversationId
    filename: str
    content_type: str
    size: int
    sha256: str


async def insert_upload(tx: Tx, member: Member, upload: Upload) -> None:
    """Record a file that a member has added."""
    await tx.execute(
        """insert into uploads (id, tenant_id, conversation_id, member_id, filename, content_type, size, sha256)
           values (%s, %s, %s, %s, %s, %s, %s, %s)""",
        (
            upload.id,
            member.tenant_id,
            upload.conversation_id,
            member.id,
            upload.filename,
            upload.content_type,
            upload.size,
            upload.sha256,
        ),
    )


async def list_uploads(tx: Tx, member_id: MemberId, ids: Sequence[MediaId]) -> Sequence[Upload]:
    """Return those of some files that a member has added, in no order."""
    cursor = await tx.execute(
        """select id, conversation_id, filename, content_type, size, sha256 from uploads
           where id = any(%s) and member_id = %s""",
        (list(ids), member_id),
    )
    return [Upload(**row) for row in await cursor.fetchall()]


async def attach_uploads(tx: Tx, message_id: MessageId, member_id: MemberId, ids: Sequence[MediaId]) -> int:
    """Give a message its writer's files, in this order; return how many. One of a text taken back is taken again."""
    cursor = await tx.execute(
        """insert into media (id, tenant_id, message_id, position, announced_type, filename, state, content_type, size,
                              sha256, finished_at)
           select u.id, u.tenant_id, %(message)s, array_position(%(ids)s::uuid[], u.id) - 1, u.content_type,
                  u.filename, 'stored', u.content_type, u.size, u.sha256, clock_timestamp()
           from uploads u join messages m on m.id = %(message)s and m.conversation_id = u.conversation_id
           where u.id = any(%(ids)s::uuid[]) and u.member_id = %(member)s
           on conflict (id) do update set message_id = excluded.message_id, position = excluded.position""",
        {"message": message_id, "ids": list(ids), "member": member_id},
    )
    return cursor.rowcount


async def delete_old_uploads(tx: Tx, *, before: datetime) -> int:
    """Forget the tenant's files that were added before a time; the bytes of those not sent follow."""
    cursor = await tx.execute(
        "delete from uploads where tenant_id = (select current_tenant()) and created_at < %s", (before,)
    )
    return cursor.rowcount
