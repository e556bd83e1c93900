"""The way out of mails that nobody asked for: one click (RFC 8058), or a page with a button.

Whoever holds the secret in the address holds the mail it was in. Looking changes nothing, because scanners look at
every link; only a POST does, without cookies, sign-in or a redirect. The same page is the way back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Template

from agent.ports import Deps
from agent.screening.opt_out import Wish, stop_writing, write_again
from agent.screening.texts import text_language
from agent.store import conversations, mail
from agent.store.db import Tx
from agent.store.mail import NamedThread
from agent.types import Conversation, Tenant
from channels.email_mime import clean_text
from channels.email_sendgrid import parse_multipart
from channels.email_threads import TOKEN
from channels.pages import build_templates
from channels.twilio_signature import read_form
from channels.webhooks import read_body

MAX_BODY_BYTES = 8 * 1024
MAX_AGENT_CHARS = 200
ONE_CLICK = ("List-Unsubscribe", "One-Click")
HEADERS = {"cache-control": "no-store", "x-robots-tag": "noindex, nofollow"}

Act = Literal["one_click", "stop", "return"]
_REASONS: Mapping[Act, str] = {
    "one_click": "one click in a mail program (RFC 8058)",
    "stop": "asked on the page behind a mail's link",
    "return": "asked to come back on the page behind a mail's link",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class PageTexts:
    """What the page says in a language; `{name}` is the tenant's."""

    title: str
    ask: str
    stop: str
    done: str
    back: str


TEXTS = {
    "es": PageTexts(
        title="Mensajes de {name}",
        ask="¿Quieres dejar de recibir mensajes de {name}, por correo y por cualquier otro canal?",
        stop="Dejar de recibir mensajes",
        done="Listo: {name} ya no te enviará mensajes. Si te equivocaste o cambias de idea, puedes volver.",
        back="Volver a recibir mensajes",
    ),
    "pt": PageTexts(
        title="Mensagens de {name}",
        ask="Quer deixar de receber mensagens de {name}, por e-mail e por qualquer outro canal?",
        stop="Deixar de receber mensagens",
        done="Pronto: {name} não enviará mais mensagens. Se foi engano ou se mudar de ideia, pode voltar.",
        back="Voltar a receber mensagens",
    ),
    "en": PageTexts(
        title="Messages from {name}",
        ask="Do you want to stop getting messages from {name}, by mail and on every other channel?",
        stop="Stop all messages",
        done="Done: {name} will not write to you any more. If this was a mistake, you can come back.",
        back="Get messages again",
    ),
}
NOT_FOUND = "This link is not valid (any more). · Este enlace ya no es válido. · Este link não é mais válido."


@dataclass(frozen=True, kw_only=True, slots=True)
class _Door:
    """Who stands before us, and of whom they have had enough."""

    conversation: Conversation
    tenant: Tenant

    @property
    def language(self) -> str:
        """The contact's language, or one that we have words in."""
        spoken = self.conversation.language or self.conversation.contact.language
        return text_language(self.tenant, spoken or self.tenant.default_language)


def build_unsubscribe(deps: Deps) -> APIRouter:
    """Build the routes of the way out."""
    router = APIRouter()
    template = build_templates().get_template("unsubscribe/page.html")

    @router.get("/unsubscribe/{token}")
    async def look(token: str) -> Response:
        named = await _find(token, deps)
        if named is None:
            return _not_found()
        async with deps.db.tenant(named.tenant_id) as tx:
            return _page(template, await _open(tx, named, deps))

    @router.post("/unsubscribe/{token}")
    async def act(token: str, request: Request) -> Response:
        asked = _read_act(request.headers.get("content-type", ""), await read_body(request, MAX_BODY_BYTES))
        named = await _find(token, deps)
        if named is None:
            return _not_found()
        async with deps.db.tenant(named.tenant_id) as tx:
            await conversations.lock_for_delivery(tx, named.conversation_id)
            door = await _open(tx, named, deps)
            if asked is None:
                return _page(template, door, status=400)
            await _do(tx, door, asked, _proof(asked, request), deps)
            return _page(template, await _open(tx, named, deps))

    return router


async def _find(token: str, deps: Deps) -> NamedThread | None:
    if not TOKEN.fullmatch(token.lower()):
        return None
    async with deps.db.system() as connection:
        return await mail.find_token(connection, token, "unsubscribe")


async def _open(tx: Tx, named: NamedThread, deps: Deps) -> _Door:
    conversation = await conversations.get_conversation(tx, named.conversation_id)
    return _Door(conversation=conversation, tenant=await deps.tenants.get(tx, named.tenant_id))


async def _do(tx: Tx, door: _Door, asked: Act, proof: Mapping[str, str], deps: Deps) -> None:
    """Do what was asked, once: a second click finds it done."""
    conversation, wish = door.conversation, Wish(reason=_REASONS[asked], actor="contact", proof=proof)
    if asked == "return" and conversation.suppression is not None:
        await write_again(tx, door.tenant.id, conversation.id, wish, deps.now())
    elif asked != "return" and conversation.suppression is None:
        await stop_writing(tx, door.tenant.id, conversation.id, wish, deps.now())


def _proof(asked: Act, request: Request) -> dict[str, str]:
    agent = " ".join(clean_text(request.headers.get("user-agent", "")).split())[:MAX_AGENT_CHARS]
    return {"by": asked, "user_agent": agent}


def _read_act(content_type: str, body: bytes) -> Act | None:
    """Return what a form asks for, of either kind that RFC 8058 allows; None: nothing we know."""
    if content_type.lower().startswith("multipart/form-data"):
        fields = {name: value.decode("utf-8", "replace") for name, value in parse_multipart(content_type, body).items()}
    else:
        fields = dict(read_form(body))
    if fields.get(ONE_CLICK[0]) == ONE_CLICK[1]:
        return "one_click"
    match fields.get("act"):
        case "stop":
            return "stop"
        case "return":
            return "return"
    return None


def _page(template: Template, door: _Door, status: int = 200) -> Response:
    texts = TEXTS[door.language]
    content = template.render(
        language=door.language, texts=texts, name=door.tenant.name, is_out=door.conversation.suppression is not None
    )
    return HTMLResponse(content, status_code=status, headers=HEADERS)


def _not_found() -> Response:
    return Response(NOT_FOUND, status_code=404, media_type="text/plain", headers=HEADERS)
