"""An agent that gets files: from a stand-in for Twilio, into a store on disk, heard by a stand-in for a transcriber."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agent.media.arriving import keep_media
from agent.media.disk import DiskMediaStore
from agent.message_details import Details, MessageKind
from agent.ports import MediaAccess
from agent.types import ConversationId, Media, MediaId, MessageId
from channels.email_body import read_attachment
from channels.media_fetch import TwilioMediaFetcher
from channels.transcriber import ApiTranscriber
from tests.doubles.transcriber import API_KEY, TranscriberDouble
from tests.doubles.twilio_media import TwilioMediaDouble
from tests.doubles.twilio_webhooks import ACCOUNT_SID, AUTH_TOKEN
from tests.integration.agents import Agent
from tests.serving import serving


@dataclass(kw_only=True, slots=True)
class MediaAgent:
    """The agent, and everybody it gets files from."""

    agent: Agent
    twilio: TwilioMediaDouble
    transcriber: TranscriberDouble
    store: DiskMediaStore

    async def hear_file(
        self, kind: MessageKind, content: bytes, content_type: str, *, text: str = "", **how: Any
    ) -> ConversationId:
        """Receive a message with one file, which waits to be fetched."""
        media = Media(url=self.twilio.keep(content, content_type, **how), content_type=content_type)
        details = Details(wordless=not text)
        return await self.agent.hear(text or f"[{kind}]", kind=kind, media=(media,), details=details)

    async def keep(self) -> int:
        """Do the work of the media job for every message."""
        rows = await self.agent.rows("select distinct message_id from media")
        return sum(
            [await keep_media(self.agent.tenant_id, MessageId(row["message_id"]), self.agent.deps) for row in rows]
        )

    async def try_again(self) -> None:
        """Let the pause before the next attempt pass."""
        await self.agent.change("update media set due_at = now() where state = 'pending'")
        await self.keep()

    async def files(self) -> list[dict[str, Any]]:
        """Return what is known of all files, in order."""
        return await self.agent.rows("select * from media order by created_at, position")

    async def stored(self, row: dict[str, Any]) -> bytes:
        """Return a file's bytes."""
        return await self.store.get(self.agent.tenant_id, MediaId(row["id"]))


@dataclass(frozen=True, kw_only=True, slots=True)
class FileProviders:
    """The stand-ins, up for many tests."""

    twilio: TwilioMediaDouble
    transcriber: TranscriberDouble
    transcriber_url: str


@asynccontextmanager
async def open_file_providers() -> AsyncIterator[FileProviders]:
    """Serve the stand-ins."""
    double = TranscriberDouble()
    async with TwilioMediaDouble() as twilio, serving(lambda _: double.app()) as url:
        yield FileProviders(twilio=twilio, transcriber=double, transcriber_url=url)


@asynccontextmanager
async def open_media_agent(
    agent: Agent, root: Path, providers: FileProviders, *, hears: bool = True
) -> AsyncIterator[MediaAgent]:
    """Give an agent hands for files, and providers who remember nothing. `hears`: voice notes are transcribed."""
    twilio, store = providers.twilio, DiskMediaStore(root)
    twilio.reset()
    providers.transcriber.reset()
    fetcher = TwilioMediaFetcher(
        account_sid=ACCOUNT_SID,
        auth_token=AUTH_TOKEN,
        base_url=twilio.api_url,
        trusted_origins=[twilio.storage_url],
    )
    transcriber = ApiTranscriber(base_url=providers.transcriber_url, model="whisper-1", api_key=API_KEY)
    access = MediaAccess(
        store=store,
        fetcher=fetcher,
        read_part=read_attachment,
        transcriber=transcriber if hears else None,
        shows_images=True,
    )
    able = replace(agent, deps=replace(agent.deps, media=access))
    try:
        yield MediaAgent(agent=able, twilio=twilio, transcriber=providers.transcriber, store=store)
    finally:
        await fetcher.aclose()
        await transcriber.aclose()
