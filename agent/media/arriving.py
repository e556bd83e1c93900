"""Files that come with messages: fetch and keep them (the job), and look at them before a turn is taken.

The job's work is idempotent: a file is stored under its id, and its fate is recorded once.
"""

import asyncio
import hashlib
from dataclasses import replace

import structlog

from agent.errors import MediaMissing, MediaRefused, Permanent, Retryable
from agent.media.heard_late import heed_late
from agent.media.types import IMAGE_TYPES, MAX_IMAGE_BYTES, accept_type
from agent.ports import AgentDeps, Fetched, MediaAccess
from agent.screening.unseen import is_decoration
from agent.store import events, mail, media, messages
from agent.store.media import PendingMedia, StoredFile
from agent.types import Image, Media, MediaState, Message, MessageId, TenantId, Turn

MAX_ATTEMPTS = 5
MAX_BYTES_A_DAY, DAY_S = 200 * 2**20, 86_400.0
"""What is kept of one contact's files in a day: nobody can fill the disk, or have hours transcribed."""
RETRY_S = (2.0, 5.0, 20.0, 60.0)
"""Pauses before a file is tried again."""
WAIT_S, WAIT_TO_HEAR_S = 6.0, 25.0
"""A turn waits so long for its files, and for voice notes that can be transcribed; then it goes on without."""
POLL_S = 0.1
MAX_IMAGES = 4
"""Pictures that a model is shown, the newest."""
RECENT_MESSAGES = 6
"""So many messages back a picture is shown again: "how much is this one?" often comes after it."""
MAX_TRANSCRIPT_CHARS = 6_000
DISCARD_AFTER_S = 600.0
"""Longer than a worker can take to fetch and store a file: one whose row goes meanwhile must not stay behind."""

log = structlog.get_logger(__name__)


async def keep_media(tenant_id: TenantId, message_id: MessageId, deps: AgentDeps) -> int:
    """Fetch the files of a message that are due, and keep them; return how many were dealt with.

    One that cannot be had now is left for later: the sweep finds it when it is due again.
    """
    if deps.media is None:
        return 0
    async with deps.db.tenant(tenant_id) as tx:
        pending = await media.claim_media(tx, message_id)
        has_room = await media.count_stored_bytes(tx, message_id, within_s=DAY_S) < MAX_BYTES_A_DAY
        original = await mail.find_original(tx, message_id) if any(p.channel == "email" for p in pending) else None
    for each in pending:
        if has_room:
            await _keep(tenant_id, each, original, deps.media, deps)
        else:
            await _end(tenant_id, each, "refused", "this contact has sent too much today", deps)
    return len(pending)


async def _keep(
    tenant_id: TenantId, pending: PendingMedia, original: bytes | None, access: MediaAccess, deps: AgentDeps
) -> None:
    try:
        fetched = await _fetch(pending, original, access)
        content_type = await asyncio.to_thread(accept_type, fetched.content, pending.announced_type)
        await access.store.put(tenant_id, pending.id, fetched.content, content_type)
        stored = StoredFile(
            sha256=hashlib.sha256(fetched.content).hexdigest(),
            size=len(fetched.content),
            content_type=content_type,
            filename=pending.filename or fetched.filename,
            transcript=await _transcribe(pending, fetched.content, content_type, access),
        )
    except Retryable as exc:
        if pending.attempt >= MAX_ATTEMPTS:
            await _end(tenant_id, pending, "failed", str(exc), deps)
            return
        async with deps.db.tenant(tenant_id) as tx:
            await media.postpone_media(tx, pending.id, exc.retry_after_s or RETRY_S[pending.attempt - 1])
    except (MediaRefused, Permanent) as exc:
        await _end(tenant_id, pending, "refused" if isinstance(exc, MediaRefused) else "failed", str(exc), deps)
    else:
        async with deps.db.tenant(tenant_id) as tx:
            if await media.mark_media_stored(tx, pending.id, stored) and stored.transcript:
                await heed_late(tx, tenant_id, pending.message_id, deps)


async def _fetch(pending: PendingMedia, original: bytes | None, access: MediaAccess) -> Fetched:
    """Get the bytes: of a mail from the mail itself, of all others from the provider."""
    if pending.attempt > MAX_ATTEMPTS:
        raise Permanent("every worker that tried it failed")
    if pending.channel != "email":
        return await access.fetcher.fetch(pending.url)
    part = await asyncio.to_thread(access.read_part, original or b"", pending.position)
    if part is None:
        raise Permanent("the mail has no such attachment")
    return part


async def _transcribe(pending: PendingMedia, content: bytes, content_type: str, access: MediaAccess) -> str | None:
    """Return what is said in a voice note; None: it is none, nobody transcribes here, or that failed."""
    if access.transcriber is None or not content_type.startswith("audio/"):
        return None
    try:
        said = await access.transcriber.transcribe(content, content_type)
    except (Retryable, Permanent) as exc:
        log.warning("media.not_transcribed", media=str(pending.id), error=str(exc))
        return None
    return " ".join(said.replace("\0", "").split())[:MAX_TRANSCRIPT_CHARS] or None


async def _end(tenant_id: TenantId, pending: PendingMedia, state: MediaState, reason: str, deps: AgentDeps) -> None:
    log.warning("media.not_kept", media=str(pending.id), state=state, reason=reason)
    async with deps.db.tenant(tenant_id) as tx:
        if await media.mark_media_ended(tx, pending.id, state, reason):
            await events.insert_event(
                tx,
                tenant_id,
                f"media.{state}",
                actor="system",
                message_id=pending.message_id,
                data={"position": pending.position, "reason": reason[:500]},
            )


async def discard_media(deps: AgentDeps) -> int:
    """Delete the bytes of files whose messages are gone; return how many. What cannot go now is tried again."""
    if deps.media is None:
        return 0
    async with deps.db.system() as connection:
        discarded = await media.list_discarded_media(connection, after_s=DISCARD_AFTER_S)
    for tenant_id, media_id in discarded:
        try:
            await deps.media.store.delete(tenant_id, media_id)
        except Retryable as exc:
            log.warning("media.not_deleted", media=str(media_id), error=str(exc))
            return 0
        async with deps.db.tenant(tenant_id) as tx:
            await media.forget_discarded_media(tx, media_id)
    return len(discarded)


# --- in a turn ---------------------------------------------------------------------------------------------------


async def see_media(turn: Turn, deps: AgentDeps) -> Turn:
    """Return the turn with what has become of its files: transcripts as text, and pictures to be shown.

    Waits for files that are still being fetched, a few seconds and never longer.
    """
    if deps.media is None:
        return turn
    inbound = await _arrived(turn, deps.media, deps)
    if not deps.media.shows_images:
        return replace(turn, inbound=inbound)
    images = await _load_images(turn.tenant.id, (*turn.history[-RECENT_MESSAGES:], *inbound), deps.media)
    return replace(turn, inbound=inbound, images=images)


async def _arrived(turn: Turn, access: MediaAccess, deps: AgentDeps) -> tuple[Message, ...]:
    """Return the burst as it stands once its files are there."""
    ids = [message.id for message in turn.inbound if message.media]
    if not ids:
        return turn.inbound
    await _wait(turn, ids, access, deps)
    async with deps.db.tenant(turn.tenant.id) as tx:
        seen = {message.id: message for message in await messages.list_messages(tx, ids)}
    return tuple(seen.get(message.id, message) for message in turn.inbound)


async def _wait(turn: Turn, ids: list[MessageId], access: MediaAccess, deps: AgentDeps) -> None:
    hears = access.transcriber is not None and any(message.kind == "audio" for message in turn.inbound)
    loop = asyncio.get_running_loop()
    until = loop.time() + (WAIT_TO_HEAR_S if hears else WAIT_S)
    while loop.time() < until:
        async with deps.db.tenant(turn.tenant.id) as tx:
            if not await media.count_pending_media(tx, ids):
                return
        await asyncio.sleep(POLL_S)
    log.info("media.not_waited_for", turn=str(turn.id))
    async with deps.db.tenant(turn.tenant.id) as tx:
        await media.give_up_waiting(tx, ids)


async def _load_images(tenant_id: TenantId, told: tuple[Message, ...], access: MediaAccess) -> tuple[Image, ...]:
    """Read the pictures that a model may look at, oldest first."""
    shown = [each for message in told for each in message.media if _is_shown(message, each)][-MAX_IMAGES:]
    images = []
    for each in shown:
        if each.id is None:
            continue
        try:
            content = await access.store.get(tenant_id, each.id)
        except (MediaMissing, Retryable) as exc:
            log.warning("media.not_shown", media=str(each.id), error=str(exc))
            continue
        images.append(Image(media_id=each.id, content_type=each.content_type, content=content))
    return tuple(images)


def _is_shown(message: Message, media: Media) -> bool:
    if media.state != "stored" or media.content_type not in IMAGE_TYPES or message.kind == "sticker":
        return False
    return (media.size or 0) <= MAX_IMAGE_BYTES and not is_decoration(media)
