"""What an assistant must own up to: files it has not seen or heard. Deterministic, so that it needs no model.

A burst of nothing but such files is answered here: once, with the request to write; if another follows, by a person.
A burst with words goes on to a model, which is told what it has not seen (`attachment_status`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from agent.message_details import MessageKind
from agent.types import Media, MediaId, Message, Tenant, Turn

Missed = Literal["voice", "voice_failed", "video", "picture", "file", "other"]
DECORATION_BYTES = 20_000
"""A picture embedded in a mail and smaller than this is a logo or a mark of its signature."""

_TEXTS: Mapping[Missed, Mapping[str, str]] = {
    "voice": {
        "es": "Aquí no puedo escuchar notas de voz. ¿Me lo puedes escribir, por favor?",
        "pt": "Aqui não consigo ouvir áudios. Pode escrever, por favor?",
        "en": "I can't listen to voice notes here. Could you write it, please?",
    },
    "voice_failed": {
        "es": "No he podido escuchar tu nota de voz. ¿Me lo puedes escribir, por favor?",
        "pt": "Não consegui ouvir o seu áudio. Pode escrever, por favor?",
        "en": "I couldn't listen to your voice note. Could you write it, please?",
    },
    "video": {
        "es": "Aquí no puedo ver vídeos. ¿Me puedes contar por escrito lo que necesitas?",
        "pt": "Aqui não consigo ver vídeos. Pode contar por escrito o que precisa?",
        "en": "I can't watch videos here. Could you tell me in writing what you need?",
    },
    "picture": {
        "es": "No he podido ver la imagen. ¿Me puedes contar por escrito lo que necesitas?",
        "pt": "Não consegui ver a imagem. Pode contar por escrito o que precisa?",
        "en": "I couldn't see the picture. Could you tell me in writing what you need?",
    },
    "file": {
        "es": "No puedo abrir el archivo por aquí. ¿Me puedes contar por escrito lo que necesitas?",
        "pt": "Não consigo abrir o arquivo por aqui. Pode contar por escrito o que precisa?",
        "en": "I can't open the file here. Could you tell me in writing what you need?",
    },
    "other": {
        "es": "No puedo leer este tipo de mensaje. ¿Me lo puedes escribir, por favor?",
        "pt": "Não consigo ler este tipo de mensagem. Pode escrever, por favor?",
        "en": "I can't read this kind of message. Could you write it, please?",
    },
}
_BY_KIND: Mapping[MessageKind, Missed] = {"audio": "voice", "video": "video", "image": "picture", "document": "file"}
_READABLE: frozenset[MessageKind] = frozenset({"location", "contacts", "button", "interactive"})
"""Kinds whose description says what there is to know."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unseen:
    """What to do with a burst that nobody here can see or hear. `what` is the first thing missed."""

    act: Literal["ask", "person", "silent"]
    reason: str
    what: Missed = "other"


def judge_unseen(turn: Turn, *, hears: bool) -> Unseen | None:
    """Return what to do with a burst without words that no model has anything to go by; None: one has.

    `hears`: voice notes are transcribed here as a rule, so one that was not has failed.
    """
    told = [message for message in turn.inbound if not message.automatic]
    if any(map(_tells, told)):
        return None
    files = [message for message in told if message.kind != "sticker"]
    if not files:
        return Unseen(act="silent", reason="A sticker alone asks nothing.") if told else None
    seen = {image.media_id for image in turn.images}
    if any(media.id in seen for message in files for media in message.media):
        return None
    what = _missed(files[0], hears=hears)
    if was_asked_to_write(turn):
        return Unseen(act="person", reason="Another message that only a person can see or hear.", what=what)
    return Unseen(act="ask", reason="Nobody here can see or hear what was sent.", what=what)


def _tells(message: Message) -> bool:
    """Say whether a message has something that a model can read, if only that it is empty."""
    return message.has_words or message.kind in _READABLE or not (message.text or message.media)


def _missed(message: Message, *, hears: bool) -> Missed:
    kind = message.kind
    if kind in ("text", "edited", "unknown") and message.media:
        main = message.media[0].content_type.partition("/")[0]
        kind = main if main in ("audio", "video", "image") else "document"  # type: ignore[assignment]  # a kind's name
    what = _BY_KIND.get(kind, "other")
    return "voice_failed" if what == "voice" and hears else what


def was_asked_to_write(turn: Turn) -> bool:
    """Say whether our last message before the burst was the request to write."""
    last = next((each.text for each in reversed(turn.history) if each.direction == "outbound"), "")
    return any(text in last for texts in _TEXTS.values() for text in texts.values())


def unseen_text(what: Missed, tenant: Tenant, language: str) -> str:
    """Return the request to write instead, in `language`, else in the tenant's own, else in English."""
    texts = _TEXTS[what]
    return next(texts[each] for each in (language, tenant.default_language, "en") if each in texts)


# --- for models --------------------------------------------------------------------------------------------------


def attachment_status(media: Media, shown: Mapping[MediaId, int]) -> str:
    """Return what a model must know about a file before it says anything of it. `shown`: numbers of its pictures."""
    if number := shown.get(media.id) if media.id else None:
        return f"shown to you: picture {number}"
    if media.heard:
        return "transcribed by a machine: what was said is in the text"
    match media.state:
        case "refused" | "failed":
            return "not seen: it could not be opened"
        case _:
            return "not seen by you"


def has_unseen(message: Message) -> bool:
    """Say whether a file came with a message that somebody who sees no pictures knows nothing of."""
    if message.kind in ("sticker", "contacts"):
        return False
    return any(not media.heard and not is_decoration(media) for media in message.media)


def is_decoration(media: Media) -> bool:
    """Say whether a file is a mail's logo rather than something sent."""
    return media.url.startswith("cid:") and (media.size or 0) < DECORATION_BYTES
