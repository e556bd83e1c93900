"""The simulator's page: a newcomer is the prospect of a demo tenant and watches Nightshift answer.

Who the person is stands in the page's address, everything else in the database: reloading, restarting or
opening the address elsewhere shows the same conversation. The page lives without JavaScript; with it, replies
arrive by server-sent events.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

import psycopg
import structlog
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from sse_starlette import EventSourceResponse

from agent.addresses import contact_address
from agent.errors import BadRequest
from agent.ports import Deps
from agent.store.simulator import (
    SimulatedAccount,
    Thread,
    find_conversation_id,
    fingerprint,
    list_simulated_accounts,
    load_thread,
)
from agent.store.tenants import TenantName, find_tenant_id, list_tenants
from agent.types import Channel, Tenant, TenantId
from channels.origin import require_same_origin
from channels.pages import build_templates
from channels.simulator import SimulatorKeys
from channels.simulator_prospect import (
    COUNTRIES,
    MAX_SUBJECT_CHARS,
    MAX_TEXT_CHARS,
    Country,
    Person,
    Post,
    ProspectGateway,
    WebhookRefused,
    shown_address,
)
from channels.simulator_thought import language_name
from channels.simulator_view import EMPTY, ThreadView, mail_thread, show_thread
from channels.twilio_signature import read_form
from channels.webhooks import read_body

POLL_S = 0.4
"""How often the conversation is asked whether it has changed, while somebody watches."""
AWAY_S = 2.0
MAX_FORM_BYTES = 64 * 1024
HEADERS = {
    "cache-control": "no-store",
    # Forms posted from a page with `no-referrer` carry the origin `null`, which looks like a stranger's.
    "referrer-policy": "same-origin",
}
CHANNEL_NAMES: Mapping[Channel, str] = {"whatsapp": "WhatsApp", "sms": "SMS", "email": "E-mail"}
REGIONS = ("banners", "countdown", "thread", "thoughts")
"""Parts of the page that change: an element's id, and the template `_<name>.html` that fills it."""

log = structlog.get_logger(__name__)

Number = Annotated[str, Query(alias="as", max_length=40)]


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelLink:
    """A channel the prospect can choose."""

    channel: Channel
    name: str
    address: str
    url: str
    is_current: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class TenantCard:
    """A tenant on the first page."""

    name: str
    slug: str
    sells: str
    languages: str
    channels: tuple[ChannelLink, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CountryLink:
    """A country the next person may come from."""

    code: str
    name: str
    url: str
    is_current: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Suggestion:
    """A first message, ready to send."""

    text: str
    language: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatPage:
    """Everything on the page of one conversation."""

    tenant: Tenant
    initials: str
    account: SimulatedAccount
    channel_name: str
    address: str
    person: Person
    local_time: str
    channels: tuple[ChannelLink, ...]
    countries: tuple[CountryLink, ...]
    new_person_url: str
    url: str
    live_url: str
    view: ThreadView
    suggestions: tuple[Suggestion, ...]
    engine: str
    has_model_key: bool
    error: str
    draft: str
    """What was typed and could not be sent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """One tenant's account and the person who writes to it."""

    tenant: Tenant
    accounts: tuple[SimulatedAccount, ...]
    account: SimulatedAccount
    person: Person

    @property
    def url(self) -> str:
        """Where this conversation is shown."""
        return chat_url(self.tenant.slug, self.account.channel, self.person)


def chat_url(slug: str, channel: Channel, person: Person, suffix: str = "") -> str:
    """Return the address of a conversation."""
    return f"/simulator/{slug}/{channel}{suffix}?{urlencode({'as': person.number})}"


class SimulatorPages:
    """The simulator's routes."""

    def __init__(self, deps: Deps, keys: SimulatorKeys, web_url: str) -> None:
        self._deps = deps
        self._gateway = ProspectGateway(keys, web_url=web_url, public_url=deps.settings.public_url, now=deps.now)
        self._templates = build_templates()

    async def index(self) -> Response:
        """List tenants and the channels on which they can be written to."""
        async with self._deps.db.system() as tx:
            tenants = await list_tenants(tx)
        cards = [await self._card(each) for each in tenants]
        return self._html("index.html", cards=cards, engine=self._engine, has_model_key=self._has_model_key)

    async def chat(self, slug: str, channel: str, number: Number = "", country: str = "") -> Response:
        """Show a conversation; without a person, invent one and go to their address."""
        place = await self._find_place(slug, channel, number)
        if place is None:
            return self._html("missing.html", status=404, slug=slug, channel=channel)
        if place.person.number != number:
            invented = Person.invent(_country(country) or _country(place.tenant.country) or COUNTRIES[0])
            url = chat_url(place.tenant.slug, place.account.channel, invented)
            return RedirectResponse(url, status_code=303, headers=HEADERS)
        return await self._chat_page(place)

    async def send(self, request: Request, slug: str, channel: str, number: Number = "") -> Response:
        """Send what the prospect wrote, through the webhook."""
        require_same_origin(request)
        place = await self._find_place(slug, channel, number)
        if place is None or place.person.number != number:
            raise BadRequest("There is no such conversation; open the simulator's first page.", status=404)
        form = dict(read_form(await read_body(request, MAX_FORM_BYTES)))
        wants_page = "text/html" in request.headers.get("accept", "")
        try:
            provider_id = await self._post(place, form)
        except (BadRequest, WebhookRefused) as exc:
            if not wants_page:
                raise BadRequest(str(exc), status=exc.status if isinstance(exc, BadRequest) else 502) from exc
            return await self._chat_page(place, error=str(exc), draft=form.get("text", ""))
        return RedirectResponse(place.url, status_code=303) if wants_page else JSONResponse({"id": provider_id})

    async def live(self, slug: str, channel: str, number: Number = "") -> Response:
        """Stream the page's changing parts: all of them at first and after each change."""
        place = await self._find_place(slug, channel, number)
        if place is None or place.person.number != number:
            raise BadRequest("There is no such conversation.", status=404)
        return EventSourceResponse(self._changes(place), headers=HEADERS, ping=15)

    # --- parts --------------------------------------------------------------------------------------------------

    @property
    def _has_model_key(self) -> bool:
        return self._deps.settings.has_models

    @property
    def _engine(self) -> str:
        settings = self._deps.settings
        return f"Claude ({settings.nightshift_model_standard})" if self._has_model_key else "Local engine"

    async def _card(self, named: TenantName) -> TenantCard:
        tenant, accounts = await self._load_tenant(named.id)
        return TenantCard(
            name=tenant.name,
            slug=tenant.slug,
            sells=", ".join(item.name[tenant.default_language] for item in tenant.catalogue[:4]),
            languages=", ".join(language_name(each) for each in tenant.languages),
            channels=tuple(
                ChannelLink(
                    channel=each.channel,
                    name=CHANNEL_NAMES[each.channel],
                    address=shown_address(each.address),
                    url=f"/simulator/{tenant.slug}/{each.channel}",
                    is_current=False,
                )
                for each in accounts
            ),
        )

    async def _load_tenant(self, tenant_id: TenantId) -> tuple[Tenant, tuple[SimulatedAccount, ...]]:
        async with self._deps.db.tenant(tenant_id) as tx:
            return await self._deps.tenants.get(tx, tenant_id), tuple(await list_simulated_accounts(tx))

    async def _find_place(self, slug: str, channel: str, number: str) -> Place | None:
        """Return where we are, with an invented person if `number` is nobody's; None: no such tenant or channel."""
        async with self._deps.db.system() as tx:
            tenant_id = await find_tenant_id(tx, slug)
        if tenant_id is None:
            return None
        tenant, accounts = await self._load_tenant(tenant_id)
        account = next((each for each in accounts if each.channel == channel), None)
        if account is None:
            return None
        person = Person.known_by(number) or Person.invent(COUNTRIES[0])
        return Place(tenant=tenant, accounts=accounts, account=account, person=person)

    async def _load_thread(self, place: Place) -> Thread | None:
        prospect = contact_address(place.account.channel, place.person.address(place.account.channel))
        async with self._deps.db.tenant(place.tenant.id) as tx:
            conversation_id = await find_conversation_id(tx, place.account.id, prospect)
            return None if conversation_id is None else await load_thread(tx, conversation_id)

    async def _view(self, place: Place) -> ThreadView:
        thread = await self._load_thread(place)
        if thread is None:
            return EMPTY
        zone = place.person.country.zone
        return show_thread(thread, zone=zone, now=self._deps.now(), has_model_key=self._has_model_key)

    async def _post(self, place: Place, form: Mapping[str, str]) -> str:
        text = (form.get("suggestion") or form.get("text", "")).replace("\r\n", "\n").strip()
        if not text:
            raise BadRequest("Write something first.")
        if len(text) > MAX_TEXT_CHARS:
            raise BadRequest(f"That is {len(text)} characters; the simulator takes {MAX_TEXT_CHARS}.", status=413)
        thread = await self._load_thread(place) if place.account.channel == "email" else None
        post = Post(
            channel=place.account.channel,
            person=place.person,
            recipient=place.account.address,
            text=text,
            subject=" ".join(form.get("subject", "").split())[:MAX_SUBJECT_CHARS],
            thread=mail_thread(thread) if thread else (),
        )
        return await self._gateway.post(post, times=2 if form.get("twice") else 1)

    async def _changes(self, place: Place) -> AsyncGenerator[dict[str, str], None]:
        seen = None
        while True:
            try:
                # The minute belongs to it: a reply window is counted down.
                current = f"{await self._fingerprint(place)}/{self._deps.now():%H:%M}"
                if current != seen:
                    view = await self._view(place)
                    yield {"event": "sync", "data": json.dumps(self._regions(view))}
                    seen = current
            except psycopg.OperationalError as exc:
                log.warning("simulator.database_away", error=type(exc).__name__)
                yield {"event": "away", "data": ""}
                seen = None
                await asyncio.sleep(AWAY_S)
            await asyncio.sleep(POLL_S)

    async def _fingerprint(self, place: Place) -> str:
        prospect = contact_address(place.account.channel, place.person.address(place.account.channel))
        async with self._deps.db.tenant(place.tenant.id) as tx:
            conversation_id = await find_conversation_id(tx, place.account.id, prospect)
            return "" if conversation_id is None else await fingerprint(tx, conversation_id)

    def _regions(self, view: ThreadView) -> dict[str, str]:
        return {name: self._templates.get_template(f"simulator/_{name}.html").render(view=view) for name in REGIONS}

    async def _chat_page(self, place: Place, *, error: str = "", draft: str = "") -> Response:
        slug, channel, person = place.tenant.slug, place.account.channel, place.person
        page = ChatPage(
            tenant=place.tenant,
            initials="".join(word[0] for word in place.tenant.name.split()[:2]).upper(),
            account=place.account,
            channel_name=CHANNEL_NAMES[channel],
            address=shown_address(place.account.address),
            person=person,
            local_time=f"{self._deps.now().astimezone(person.country.zone):%A %H:%M}",
            channels=tuple(_channel_link(place, each) for each in place.accounts),
            countries=tuple(_country_link(place, each) for each in COUNTRIES),
            new_person_url=f"/simulator/{slug}/{channel}?country={person.country.code}",
            url=place.url,
            live_url=chat_url(slug, channel, person, "/live"),
            view=await self._view(place),
            suggestions=tuple(suggest(place.tenant)),
            engine=self._engine,
            has_model_key=self._has_model_key,
            error=error,
            draft=draft,
        )
        return self._html("chat.html", status=400 if error else 200, page=page, view=page.view)

    def _html(self, template: str, *, status: int = 200, **context: object) -> HTMLResponse:
        content = self._templates.get_template(f"simulator/{template}").render(**context)
        return HTMLResponse(content, status_code=status, headers=HEADERS)


def build_simulator(deps: Deps, keys: SimulatorKeys, *, web_url: str) -> APIRouter:
    """Build the simulator's pages; without any route unless the simulator is enabled.

    `web_url` is where the web process listens: what a prospect writes is posted to its webhooks.
    """
    router = APIRouter(prefix="/simulator", include_in_schema=False)
    if not deps.settings.simulator_enabled:
        return router
    pages = SimulatorPages(deps, keys, web_url)
    router.add_api_route("", pages.index, methods=["GET"], response_model=None)
    router.add_api_route("/{slug}/{channel}", pages.chat, methods=["GET"], response_model=None)
    router.add_api_route("/{slug}/{channel}", pages.send, methods=["POST"], response_model=None)
    router.add_api_route("/{slug}/{channel}/live", pages.live, methods=["GET"], response_model=None)
    return router


def suggest(tenant: Tenant) -> list[Suggestion]:
    """Return first messages worth trying with this tenant."""
    first = tenant.catalogue[0].name if tenant.catalogue else {}
    found = []
    if "es" in tenant.languages and first:
        name = first.get("es", first[tenant.default_language])
        found.append(Suggestion(text=f"Hola, ¿cuál es el precio de {name[:1].lower()}{name[1:]}?", language="es"))
    if "pt" in tenant.languages:
        found.append(Suggestion(text="Quero parcelar em 6x", language="pt"))
    found.append(Suggestion(text="Are you a bot? I want a person", language="en"))
    found.append(Suggestion(text="STOP", language="en"))
    return found


def _country(code: str) -> Country | None:
    return next((each for each in COUNTRIES if each.code == code), None)


def _channel_link(place: Place, account: SimulatedAccount) -> ChannelLink:
    return ChannelLink(
        channel=account.channel,
        name=CHANNEL_NAMES[account.channel],
        address=shown_address(account.address),
        url=chat_url(place.tenant.slug, account.channel, place.person),
        is_current=account.id == place.account.id,
    )


def _country_link(place: Place, country: Country) -> CountryLink:
    return CountryLink(
        code=country.code,
        name=country.name,
        url=f"/simulator/{place.tenant.slug}/{place.account.channel}?country={country.code}",
        is_current=country == place.person.country,
    )
