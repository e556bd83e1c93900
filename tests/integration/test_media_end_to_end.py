"""Files through the product as it is wired: a signed webhook, the worker with all that `open_agent` gives it, a reply.

Twilio, Claude and the transcriber are stand-ins on this machine; everything of ours is what `nightshift up` runs.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from rich.console import Console

from agent.screening.unseen import unseen_text
from agent.settings import Settings
from agent.store.db import Database
from agent.store.tenants import save_tenant_file
from agent.tenant.file import ChannelAccount, TenantFile, load_tenant_file
from channels.media_links import MediaKey, build_media_links
from channels.web import create_app
from jobs.agent_wiring import open_agent
from jobs.media import run_list
from jobs.wiring import build_keys, build_media_store
from jobs.worker import run_worker
from tests.conftest import DatabaseUrls, share_training
from tests.doubles.claude import API_KEY, ClaudeDouble
from tests.doubles.transcriber import API_KEY as TRANSCRIBER_KEY
from tests.doubles.transcriber import TranscriberDouble
from tests.doubles.twilio import TwilioDouble
from tests.doubles.twilio import create_app as create_twilio
from tests.doubles.twilio_media import TwilioMediaDouble
from tests.doubles.twilio_webhooks import ACCOUNT_SID, AUTH_TOKEN, post_inbound
from tests.files import JPEG, OGG, PDF
from tests.integration.conftest import PUBLIC_URL, TENANT_FILES
from tests.serving import serving

OURS, ANA = "+34910555012", "+34600111222"


@dataclass(kw_only=True, slots=True)
class Product:
    """Everything that runs, and who is at its ends."""

    web: httpx.AsyncClient
    twilio: TwilioDouble
    files: TwilioMediaDouble
    claude: ClaudeDouble
    transcriber: TranscriberDouble
    tenant: TenantFile
    settings: Settings

    async def write(self, sender: str = ANA, **fields: str) -> None:
        """Write to the business, as Twilio posts it."""
        sent = {"MessageSid": f"SM{uuid4().hex}", "AccountSid": ACCOUNT_SID, "NumMedia": "0", "Body": ""}
        addresses = {"From": f"whatsapp:{sender}", "To": f"whatsapp:{OURS}"}
        answer = await post_inbound(self.web, PUBLIC_URL, {**sent, **addresses, **fields})
        assert answer.status_code == 200

    async def send_file(
        self, content: bytes, content_type: str, kind: str, *, sender: str = ANA, body: str = ""
    ) -> None:
        """Send the business a file."""
        url = self.files.keep(content, content_type)
        fields = {"MediaUrl0": url, "MediaContentType0": content_type, "MessageType": kind}
        await self.write(sender, NumMedia="1", Body=body, **fields)

    async def reply_to(self, sender: str = ANA) -> str:
        """Return what the business says, once it does."""
        await until(lambda: self._has_answered(sender))
        return next(m.params["Body"] for m in self.twilio.messages if m.params["To"] == f"whatsapp:{sender}")

    async def listed(self, contact: str = "") -> list[dict[str, Any]]:
        """Return what `nightshift media list` shows."""
        shown = StringIO()
        await run_list(self.settings, self.tenant.tenant.slug, contact, Console(file=shown), as_json=True)
        files: list[dict[str, Any]] = json.loads(shown.getvalue())
        return files

    async def _has_answered(self, sender: str) -> bool:
        return any(m.params["To"] == f"whatsapp:{sender}" for m in self.twilio.messages)


async def until(condition: Callable[[], Awaitable[bool]], timeout_s: float = 60) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(timeout_s):
        while not await condition():
            await asyncio.sleep(0.02)


def twilio_of(twilio: TwilioDouble, files: TwilioMediaDouble) -> FastAPI:
    """Return all of Twilio at one address: that of the settings."""
    app = FastAPI()
    app.include_router(files.api().router)
    app.mount("/storage", files.storage())
    app.mount("/", create_twilio(twilio))
    return app


@pytest.fixture
async def product(
    database_urls: DatabaseUrls, settings: Settings, trained_home: Path, tmp_path: Path
) -> AsyncIterator[Product]:
    """The web application and a worker, on the demo school's number at Twilio."""
    share_training(trained_home, tmp_path)
    async with AsyncExitStack() as stack:
        twilio, claude = stack.enter_context(TwilioDouble()), stack.enter_context(ClaudeDouble())
        files, transcriber = TwilioMediaDouble(), TranscriberDouble()
        files.api_url = await stack.enter_async_context(serving(lambda _: twilio_of(twilio, files)))
        files.storage_url = f"{files.api_url}/storage"
        transcriber_url = await stack.enter_async_context(serving(lambda _: transcriber.app()))
        configured = settings.model_copy(
            update={
                "database_url": SecretStr(database_urls.app_url),
                "twilio_account_sid": ACCOUNT_SID,
                "twilio_auth_token": SecretStr(AUTH_TOKEN),
                "twilio_base_url": files.api_url,
                "anthropic_api_key": SecretStr(API_KEY),
                "anthropic_base_url": claude.base_url,
                "nightshift_transcriber_url": transcriber_url,
                "nightshift_transcriber_api_key": SecretStr(TRANSCRIBER_KEY),
            }
        )
        deps, queue = await stack.enter_async_context(open_agent(configured))
        tenant = await _open_school(deps.db)
        store, key = build_media_store(configured), MediaKey.load(tmp_path)
        app = create_app(deps, build_keys(configured), pages=[build_media_links(deps, key, store)])
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=PUBLIC_URL)
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(run_worker(deps, queue, stop))
            yield Product(
                web=await stack.enter_async_context(client),
                twilio=twilio,
                files=files,
                claude=claude,
                transcriber=transcriber,
                tenant=tenant,
                settings=configured,
            )
            stop.set()


async def _open_school(db: Database) -> TenantFile:
    """Open the demo school on WhatsApp, at any hour, answering at once."""
    file = load_tenant_file(TENANT_FILES / "lumen.yaml")
    policy = replace(file.tenant.policy, quiet_s=0, max_wait_s=0, send_hours=())
    account = ChannelAccount(channel="whatsapp", address=OURS, provider="twilio")
    opened = replace(file, tenant=replace(file.tenant, policy=policy), channels=(account,))
    async with db.tenant(opened.tenant.id) as tx:
        await save_tenant_file(tx, opened)
    return opened


async def test_picture_is_looked_at_and_answered_and_staff_can_see_it(product: Product) -> None:
    await product.send_file(JPEG, "image/jpeg", "image", body="¿Cuánto cuesta este curso?")
    assert "€" in await product.reply_to()
    drafts = [each for each in product.claude.requests if "<understanding>" in each.user]
    assert [block["type"] for block in drafts[0].body["messages"][0]["content"]] == ["text", "image", "text"]
    (file,) = await product.listed(ANA)
    assert (file["state"], file["content_type"], file["contact_address"]) == ("stored", "image/jpeg", ANA)
    served = await product.web.get(file["link"])
    assert (served.content, served.headers["content-type"]) == (JPEG, "image/jpeg")
    assert ("authorization" in product.files.asked_api[0], "authorization" in product.files.asked_storage[0]) == (
        True,
        False,
    )


async def test_voice_note_is_heard_and_answered_and_other_files_are_owned_up_to(product: Product) -> None:
    product.transcriber.says = "¿Cuánto cuesta el intensivo?"
    clip, page = "+34600111333", "+34600111444"
    await product.send_file(OGG, "audio/ogg", "audio")
    await product.send_file(PDF, "application/pdf", "document", sender=clip)
    await product.send_file(b"<html>", "image/jpeg", "image", sender=page)
    assert "€" in await product.reply_to()
    assert [each.content for each in product.transcriber.heard] == [OGG]
    tenant = product.tenant.tenant
    assert unseen_text("file", tenant, "es") in await product.reply_to(clip)
    assert unseen_text("picture", tenant, "es") in await product.reply_to(page)
    told = {
        file["contact_address"]: (file["state"], bool(file["link"]), file["transcript"])
        for file in await product.listed()
    }
    assert told == {
        ANA: ("stored", True, product.transcriber.says),
        clip: ("stored", True, None),
        page: ("refused", False, None),
    }
