"""Files that staff send along with a text: which are taken, and how many a channel carries."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import PurePath

from agent.errors import MediaRefused
from agent.ids import new_id
from agent.media.types import UNKNOWN, accept_type
from agent.ports import Fetched, StaffDeps
from agent.staff.members import Member
from agent.store import uploads
from agent.store.db import Tx
from agent.store.uploads import Upload
from agent.types import Channel, ConversationId, MediaId, Turn

MOST: Mapping[Channel, int] = {"whatsapp": 1}
"""How many files a text takes along. SMS carries them in few countries; mails of ours carry none yet."""
TAKEN = frozenset(
    {
        *("image/jpeg", "image/png", "application/pdf", "audio/ogg", "audio/mpeg", "audio/mp4", "audio/aac"),
        *("audio/amr", "video/mp4", "video/3gpp"),
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    }
)
"""Types that WhatsApp delivers. Source: Twilio, "WhatsApp media messages: supported types"."""
MAX_IMAGE_BYTES = 5 * 1024 * 1024
"""WhatsApp's limit for pictures; `agent.media.types.MAX_MEDIA_BYTES` for all others."""


async def keep_file(tx: Tx, conversation_id: ConversationId, file: Fetched, member: Member, deps: StaffDeps) -> Upload:
    """Keep a file that a member wants to send.

    Raises:
        MediaRefused: it is none that may be sent, or files are not kept here.
        Retryable: it could not be kept now.
    """
    content = file.content
    if deps.media is None:
        raise MediaRefused("no files are kept here")
    content_type = await asyncio.to_thread(accept_type, content, "")
    if content_type not in TAKEN:
        shown = "of a kind that is not known" if content_type == UNKNOWN else content_type
        raise MediaRefused(f"the file is {shown}; send a picture, a PDF, an Office document, sound or an MP4 film")
    if content_type.startswith("image/") and len(content) > MAX_IMAGE_BYTES:
        raise MediaRefused(f"a picture may have {MAX_IMAGE_BYTES // 1024 // 1024} MB")
    upload = Upload(
        id=MediaId(new_id()),
        conversation_id=conversation_id,
        filename=clean_name(file.filename or ""),
        content_type=content_type,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )
    await uploads.insert_upload(tx, member, upload)
    await deps.media.put(member.tenant_id, upload.id, content, content_type)
    return upload


def clean_name(filename: str) -> str:
    """Return a file's name without any folder, on one line, at most 200 characters."""
    name = PurePath(filename.replace("\\", "/")).name
    return "".join(character for character in name if character.isprintable())[-200:].strip() or "file"


async def why_not_attached(tx: Tx, files: Sequence[MediaId], turn: Turn, member: Member) -> str:
    """Return why files cannot go along with a text; empty: they can."""
    if not files:
        return ""
    channel = turn.conversation.channel
    if len(files) > MOST.get(channel, 0):
        return f"By {channel}, {MOST.get(channel, 0)} files can go along with a text; this one has {len(files)}."
    known = await uploads.list_uploads(tx, member.id, files)
    if len(known) < len(set(files)) or any(each.conversation_id != turn.conversation.id for each in known):
        return "A file is no longer there. Add it again."
    return ""
