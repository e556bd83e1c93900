"""The simulator over real HTTP: the web process on a free port, PostgreSQL, and webhooks signed as providers sign."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from agent.errors import Permanent
from agent.ids import new_id
from agent.ports import Deps
from agent.settings import Settings
from agent.store import outbox
from agent.tenant.file import TenantFile
from agent.types import Candidate, Channel, MessageId, OutboundMessage
from channels.simulator import SimulatorKeys, SimulatorSender
from channels.simulator_page import Place, SimulatorPages, build_simulator
from channels.twilio_signature import WebhookSecret, sign
from channels.web import create_app
from channels.webhooks import EmailKey, WebhookKeys
from tests.conftest import FakeClock
from tests.serving import serving

ANA = "+34600000434"
REAL = WebhookSecret(value="a real token", account_sid=f"AC{'1' * 32}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """The web process under test and what its sender would share with it."""

    url: str
    deps: Deps
    keys: SimulatorKeys
    tenant: TenantFile
    http: httpx.AsyncClient

    async def write(self, channel: Channel, text: str, **fields: str) -> httpx.Response:
        """Post the page's form as its script does."""
        return await self.http.post(
            f"/simulator/lumen/{channel}?as={quote(ANA)}",
            data={"text": text, **fields},
            headers={"origin": self.url, "accept": "application/json"},
        )

    async def rows(self, query: Any, *params: Any) -> list[dict[str, Any]]:
        async with self.deps.db.tenant(self.tenant.tenant.id) as tx:
            return await (await tx.execute(query, params)).fetchall()

    async def inbound(self) -> list[dict[str, Any]]:
        return await self.rows("select * from messages where direction = 'inbound' order by seq")

    async def put_reply(self, channel: Channel, text: str = "Son 399,00 €.", **fields: Any) -> OutboundMessage:
        """Let the prospect write, and put an answer into the outbox as being sent."""
        await self.write(channel, "¿Cuánto cuesta?")
        (conversation,) = await self.rows(
            """select c.id, p.address as contact, a.address as ours from conversations c
               join contact_points p on p.id = c.contact_point_id
               join channel_accounts a on a.id = c.channel_account_id"""
        )
        message_id, now = MessageId(new_id()), self.deps.now()
        async with self.deps.db.tenant(self.tenant.tenant.id) as tx:
            await outbox.insert_outbound(
                tx,
                message_id=message_id,
                tenant_id=self.tenant.tenant.id,
                conversation_id=conversation["id"],
                turn_id=None,
                candidate=Candidate(text=text, language="es", channel=channel, **fields),
                source="local",
                draft=None,
                subject=None,
                created_at=now,
                not_before=now,
            )
        return OutboundMessage(
            id=message_id,
            tenant_id=self.tenant.tenant.id,
            provider="simulator",
            channel=channel,
            sender=conversation["ours"],
            recipient=conversation["contact"],
            text=text,
        )

    async def state_of(self, message_id: MessageId) -> str:
        (row,) = await self.rows("select state from messages where id = %s", message_id)
        return str(row["state"])


@pytest.fixture
def keys(settings: Settings) -> SimulatorKeys:
    return SimulatorKeys.load(settings.nightshift_home)


@pytest.fixture
async def site(deps: Deps, keys: SimulatorKeys, lumen: TenantFile) -> AsyncIterator[Site]:
    """The web process. It believes to be at the public URL, and listens elsewhere."""
    webhook_keys = WebhookKeys(
        twilio=(REAL, keys.twilio), email=(EmailKey(public_key=keys.email_public_key, provider="simulator"),)
    )

    def build(url: str) -> Any:
        return create_app(deps, webhook_keys, pages=[build_simulator(deps, keys, web_url=url)])

    async with serving(build) as url, httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as http:
        yield Site(url=url, deps=deps, keys=keys, tenant=lumen, http=http)


@pytest.fixture
async def sender(site: Site) -> AsyncIterator[SimulatorSender]:
    made = SimulatorSender(
        site.deps.db,
        site.keys,
        web_url=site.url,
        public_url=site.deps.settings.public_url,
        now=site.deps.now,
    )
    yield made
    await made.aclose()


async def until(condition: Callable[[], Awaitable[bool]], timeout_s: float = 60) -> None:
    """Wait for something that another task does."""
    async with asyncio.timeout(timeout_s):
        while not await condition():
            await asyncio.sleep(0.05)


class TestProspect:
    @pytest.mark.parametrize("channel", ["whatsapp", "sms", "email"])
    async def test_message_is_stored_through_the_signed_webhook(self, site: Site, channel: Channel) -> None:
        answer = await site.write(channel, "¿Cuánto cuesta el inglés?\nGracias", subject="Curso")
        (row,) = await site.inbound()
        assert answer.status_code == 200
        assert row["provider_id"] == answer.json()["id"]
        assert row["body"] == "¿Cuánto cuesta el inglés?\nGracias"
        assert row["subject"] == ("Curso" if channel == "email" else None)
        assert not row["automatic"]

    async def test_person_keeps_their_name(self, site: Site) -> None:
        await site.write("whatsapp", "Hola")
        assert await site.rows("select name from contacts") == [{"name": "Nuria Soler"}]

    async def test_message_delivered_twice_is_stored_once(self, site: Site) -> None:
        assert (await site.write("whatsapp", "Hola", twice="1")).status_code == 200
        assert len(await site.inbound()) == 1

    async def test_second_mail_continues_the_thread(self, site: Site) -> None:
        first = (await site.write("email", "Hola", subject="Curso")).json()["id"]
        await site.write("email", "¿Y los sábados?", subject="Re: Curso")
        assert (await site.inbound())[1]["thread_references"] == [first]

    async def test_suggestion_is_sent_by_its_button(self, site: Site) -> None:
        await site.write("whatsapp", "", suggestion="Quero parcelar em 6x")
        assert (await site.inbound())[0]["body"] == "Quero parcelar em 6x"

    @pytest.mark.parametrize(
        ("text", "status"), [("", 400), (" \n ", 400), ("x" * 4001, 413)], ids=["empty", "blank", "too long"]
    )
    async def test_unusable_text_is_refused_with_a_reason(self, site: Site, text: str, status: int) -> None:
        answer = await site.write("whatsapp", text)
        assert (answer.status_code, bool(answer.json()["error"])) == (status, True)
        assert await site.inbound() == []

    async def test_huge_form_is_refused(self, site: Site) -> None:
        assert (await site.write("whatsapp", "x" * 100_000)).status_code == 413

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"origin": "https://evil.example"},
            {"origin": "null"},
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"},
        ],
        ids=str,
    )
    async def test_form_of_another_site_is_refused(self, site: Site, headers: dict[str, str]) -> None:
        answer = await site.http.post(
            f"/simulator/lumen/whatsapp?as={quote(ANA)}", data={"text": "Hola"}, headers=headers
        )
        assert answer.status_code == 403
        assert await site.inbound() == []

    async def test_form_without_script_leads_back_to_the_page(self, site: Site) -> None:
        answer = await site.http.post(
            f"/simulator/lumen/whatsapp?as={quote(ANA)}",
            data={"text": "Hola"},
            headers={"sec-fetch-site": "same-origin", "accept": "text/html"},
            follow_redirects=True,
        )
        assert answer.status_code == 200
        assert "Hola" in answer.text

    async def test_refused_form_without_script_shows_why_and_keeps_the_words(self, site: Site) -> None:
        words = "y" * 4001
        answer = await site.http.post(
            f"/simulator/lumen/whatsapp?as={quote(ANA)}",
            data={"text": words},
            headers={"sec-fetch-site": "same-origin", "accept": "text/html"},
        )
        assert answer.status_code == 400
        assert "4001 characters" in answer.text
        assert words in answer.text


class TestSender:
    @pytest.mark.parametrize(("channel", "last"), [("whatsapp", "read"), ("sms", "delivered"), ("email", "read")])
    async def test_message_is_taken_and_reported_through_the_webhook(
        self, site: Site, sender: SimulatorSender, channel: Channel, last: str
    ) -> None:
        message = await site.put_reply(channel)
        receipt = await sender.send(message)
        assert receipt.state == "queued"
        assert receipt.provider_id == (f"<{message.id}@simulator>" if channel == "email" else f"SM{message.id.hex}")

        async def is_last() -> bool:
            return await site.state_of(message.id) == last

        await until(is_last)
        states = await site.rows("select state from delivery_statuses order by received_at, id")
        expected = ["sent", "delivered", "read"]
        assert [row["state"] for row in states] == expected[: expected.index(last) + 1]

    async def test_message_sent_again_is_taken_once(self, site: Site, sender: SimulatorSender) -> None:
        message = await site.put_reply("whatsapp")
        assert await sender.send(message) == await sender.send(message)
        assert len(await site.rows("select * from simulated_messages")) == 1

    async def test_taken_message_is_found_and_another_is_not(
        self, site: Site, sender: SimulatorSender, clock: FakeClock
    ) -> None:
        message = await site.put_reply("whatsapp")
        since = clock.now - timedelta(minutes=1)
        assert await sender.find_sent(message, since) is None
        receipt = await sender.send(message)
        assert await sender.find_sent(message, since) == receipt

    async def test_text_over_the_limit_is_refused_for_good(self, site: Site, sender: SimulatorSender) -> None:
        message = await site.put_reply("sms", "🌙" * 801)  # 1,602 UTF-16 units
        with pytest.raises(Permanent) as refusal:
            await sender.send(message)
        assert refusal.value.code == "21617"
        assert await site.rows("select * from simulated_messages") == []

    async def test_web_process_away_does_not_fail_the_send(self, site: Site) -> None:
        message = await site.put_reply("whatsapp")
        lonely = SimulatorSender(
            site.deps.db, site.keys, web_url="http://127.0.0.1:9", public_url=site.url, now=site.deps.now
        )
        assert (await lonely.send(message)).state == "queued"
        await lonely.aclose()
        assert await site.state_of(message.id) == "pending"


class TestKeys:
    async def test_forged_signature_is_refused(self, site: Site) -> None:
        url = f"{site.deps.settings.public_url}/webhooks/twilio/messages"
        params = inbound(site.keys, to="whatsapp:+34910555012")
        stranger = SimulatorKeys.derive("another home").twilio
        answer = await site.http.post(
            "/webhooks/twilio/messages", data=dict(params), headers={"X-Twilio-Signature": sign(url, params, stranger)}
        )
        assert answer.status_code == 403
        assert await site.inbound() == []

    async def test_simulator_cannot_write_to_a_real_account(self, site: Site) -> None:
        async with site.deps.db.tenant(site.tenant.tenant.id) as tx:
            await tx.execute("update channel_accounts set provider = 'twilio' where channel = 'whatsapp'")
        url = f"{site.deps.settings.public_url}/webhooks/twilio/messages"
        params = inbound(site.keys, to="whatsapp:+34910555012")
        answer = await site.http.post(
            "/webhooks/twilio/messages",
            data=dict(params),
            headers={"X-Twilio-Signature": sign(url, params, site.keys.twilio)},
        )
        assert answer.status_code == 404
        assert await site.inbound() == []
        assert (await site.http.get("/simulator/lumen/whatsapp")).status_code == 404

    async def test_simulator_cannot_speak_for_a_real_twilio_account(self, site: Site) -> None:
        url = f"{site.deps.settings.public_url}/webhooks/twilio/messages"
        params = inbound(site.keys, to="whatsapp:+34910555012", account=REAL.account_sid)
        answer = await site.http.post(
            "/webhooks/twilio/messages",
            data=dict(params),
            headers={"X-Twilio-Signature": sign(url, params, site.keys.twilio)},
        )
        assert answer.status_code == 403


def inbound(keys: SimulatorKeys, *, to: str, account: str | None = None) -> list[tuple[str, str]]:
    return [
        ("AccountSid", account or keys.twilio.account_sid),
        ("MessageSid", f"SM{'a' * 32}"),
        ("From", f"whatsapp:{ANA}"),
        ("To", to),
        ("Body", "Hola"),
    ]


class TestPages:
    async def test_first_page_offers_every_tenant_on_every_channel(self, site: Site, verdesolar: TenantFile) -> None:
        page = (await site.http.get("/simulator")).text
        for slug in ("lumen", "verdesolar"):
            for channel in ("whatsapp", "sms", "email"):
                assert f'href="/simulator/{slug}/{channel}"' in page
        assert "Local engine" in page

    async def test_first_page_without_tenants_says_what_to_do(self, deps: Deps, keys: SimulatorKeys) -> None:
        app = create_app(deps, WebhookKeys(), pages=[build_simulator(deps, keys, web_url="http://127.0.0.1:9")])
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
            assert "nightshift tenant apply" in (await http.get("/simulator")).text

    @pytest.mark.parametrize("query", ["", "?as=nobody", "?as=%2B491701234567"])
    async def test_without_a_known_person_one_is_invented(self, site: Site, query: str) -> None:
        answer = await site.http.get(f"/simulator/lumen/whatsapp{query}")
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/simulator/lumen/whatsapp?as=%2B34600")

    @pytest.mark.parametrize(("country", "dial"), [("BR", "55"), ("US", "1"), ("MX", "52"), ("??", "34")])
    async def test_new_person_comes_from_the_chosen_country(self, site: Site, country: str, dial: str) -> None:
        answer = await site.http.get("/simulator/lumen/sms", params={"country": country})
        assert answer.headers["location"].startswith(f"/simulator/lumen/sms?as=%2B{dial}")

    @pytest.mark.parametrize("path", ["nobody/whatsapp", "lumen/fax", "lumen%3Cb%3E/whatsapp"])
    async def test_unknown_place_is_a_page_that_leads_back(self, site: Site, path: str) -> None:
        answer = await site.http.get(f"/simulator/{path}")
        assert answer.status_code == 404
        assert 'href="/simulator"' in answer.text
        assert "<b>" not in answer.text

    async def test_reply_shows_its_file_and_an_sms_its_price(self, site: Site) -> None:
        url = "https://www.lumen.example/folleto.pdf"
        await site.put_reply("sms", media_urls=(url,))
        page = (await site.http.get(f"/simulator/lumen/sms?as={quote(ANA)}")).text
        assert f'href="{url}"' in page
        assert "1 SMS part, $0.0083" in page

    async def test_page_obeys_the_content_security_policy(self, site: Site) -> None:
        answer = await site.http.get(f"/simulator/lumen/whatsapp?as={quote(ANA)}")
        assert "'unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["referrer-policy"] == "same-origin"
        assert " style=" not in answer.text
        assert " onclick=" not in answer.text
        assert "<style" not in answer.text

    async def test_static_files_are_kept_under_their_version_and_asked_for_again_under_another(
        self, site: Site
    ) -> None:
        page = (await site.http.get(f"/simulator/lumen/whatsapp?as={quote(ANA)}")).text
        folder = page.partition('/chat.js"')[0].rpartition('"')[2]
        assert re.fullmatch(r"/static/\w{12}", folder)
        for name, kind in (("chat.css", "text/css"), ("chat.js", "javascript"), ("regions.js", "javascript")):
            answer = await site.http.get(f"{folder}/{name}")
            assert answer.status_code == 200
            assert kind in answer.headers["content-type"]
            assert "immutable" in answer.headers["cache-control"]
            old = await site.http.get(f"/static/0123456789ab/{name}", headers={"if-none-match": answer.headers["etag"]})
            assert (old.status_code, old.headers["cache-control"]) == (304, "no-cache")
        for none in ("/static", f"{folder}/none.js", f"{folder}", f"{folder}/..%2f..%2fpages.py", "/static/chat.js"):
            assert (await site.http.get(none, follow_redirects=True)).status_code == 404, none

    async def test_disabled_simulator_has_no_routes(self, deps: Deps, keys: SimulatorKeys) -> None:
        off = deps.settings.model_copy(update={"nightshift_simulator": "off"})
        disabled = Deps(settings=off, db=deps.db, tenants=deps.tenants, queue=deps.queue, now=deps.now)
        assert build_simulator(disabled, keys, web_url="http://127.0.0.1:9").routes == []


class TestLive:
    async def test_stream_starts_whole_and_follows_every_change(self, site: Site, sender: SimulatorSender) -> None:
        async with asyncio.timeout(60), site.http.stream("GET", live_path("whatsapp")) as stream:
            syncs = read_syncs(stream)
            assert "thought" in (await anext(syncs))["thoughts"]
            message = await site.put_reply("whatsapp")
            await sender.send(message)
            seen = ""
            while "Read</span>" not in seen:
                seen = (await anext(syncs))["thread"]
            assert "¿Cuánto cuesta?" in seen
            assert "local engine — no model key set" in seen

    async def test_reconnecting_shows_everything_again(self, site: Site) -> None:
        await site.write("sms", "Hola")
        for _ in range(2):
            async with asyncio.timeout(60), site.http.stream("GET", live_path("sms")) as stream:
                assert "Hola" in (await anext(read_syncs(stream)))["thread"]

    async def test_nobody_has_no_stream(self, site: Site) -> None:
        assert (await site.http.get("/simulator/lumen/whatsapp/live")).status_code == 404


def live_path(channel: Channel) -> str:
    return f"/simulator/lumen/{channel}/live?as={quote(ANA)}"


async def read_syncs(stream: httpx.Response) -> AsyncIterator[dict[str, str]]:
    """Yield what each event brings."""
    async for line in stream.aiter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


async def test_nobody_asks_the_database_after_the_reader_has_left(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = asyncio.Event()
    follow = SimulatorPages._changes

    async def watched(pages: SimulatorPages, place: Place) -> AsyncIterator[dict[str, str]]:
        try:
            async for each in follow(pages, place):
                yield each
        finally:
            ended.set()

    monkeypatch.setattr(SimulatorPages, "_changes", watched)
    async with site.http.stream("GET", live_path("sms")) as stream:
        await anext(read_syncs(stream))
        assert not ended.is_set()
    async with asyncio.timeout(60):
        await ended.wait()
