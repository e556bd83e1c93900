"""What an assistant owns up to: bursts that nobody here can see or hear, and what a model is told of files."""

from typing import Any

import pytest

from agent.message_details import Details, MessageKind
from agent.models.briefing import burst_briefing, burst_text
from agent.screening.unseen import Missed, has_unseen, judge_unseen, unseen_text
from agent.types import Image, Media, MediaState, Message, Turn
from tests.factories import make_message, make_tenant, make_turn, media_id

TYPES: dict[MessageKind, str] = {
    "audio": "audio/ogg",
    "video": "video/mp4",
    "image": "image/jpeg",
    "document": "application/pdf",
    "sticker": "image/webp",
}


def sent(kind: MessageKind, *, seq: int = 1, text: str = "", state: MediaState = "stored", **fields: Any) -> Message:
    """Return a message that is a file, without words unless `text` says some."""
    media: tuple[Media, ...] = ()
    if kind in TYPES:
        media = (Media(url="x", content_type=TYPES[kind], id=media_id(seq), state=state, size=50_000),)
    details = Details(wordless=not text)
    return make_message(text or f"[{kind}]", seq=seq, **({"kind": kind, "media": media, "details": details} | fields))


def turn_of(*inbound: Message, shown: bool = False, **fields: Any) -> Turn:
    images = tuple(
        Image(media_id=each.id, content_type=each.content_type, content=b"x")
        for message in inbound
        for each in message.media
        if shown and each.id
    )
    return make_turn(inbound=inbound, images=images, **fields)


ASKED: dict[str, tuple[Message, bool, Missed]] = {
    "voice note, and nobody transcribes": (sent("audio"), False, "voice"),
    "voice note that could not be transcribed": (sent("audio"), True, "voice_failed"),
    "voice note that could not be had": (sent("audio", state="failed"), True, "voice_failed"),
    "video": (sent("video"), False, "video"),
    "picture that is not shown": (sent("image"), False, "picture"),
    "picture that was refused": (sent("image", state="refused"), False, "picture"),
    "document": (sent("document"), False, "file"),
    "mail without words": (make_message("", media=sent("document").media), False, "file"),
    "type of next year": (sent("unknown"), False, "other"),
}


@pytest.mark.parametrize(("message", "hears", "what"), ASKED.values(), ids=ASKED.keys())
def test_what_nobody_saw_or_heard_is_asked_for_in_writing(message: Message, hears: bool, what: Missed) -> None:
    unseen = judge_unseen(turn_of(message), hears=hears)
    assert unseen is not None
    assert (unseen.act, unseen.what) == ("ask", what)


SEEN: dict[str, Turn] = {
    "words": make_turn("hola"),
    "picture with a caption": turn_of(sent("image", text="¿cuánto cuesta este?")),
    "picture that is shown": turn_of(sent("image"), shown=True),
    "words beside a voice note": turn_of(sent("audio"), make_message("¿me oyes?", seq=2)),
    "voice note that was heard": turn_of(sent("audio", details=Details(transcribed=True), text="quiero un curso")),
    "place": turn_of(sent("location")),
    "button": turn_of(sent("button")),
    "contact card": turn_of(sent("contacts")),
    "empty message": turn_of(make_message("")),
}


@pytest.mark.parametrize("turn", SEEN.values(), ids=SEEN.keys())
def test_burst_with_something_to_go_by_goes_on(turn: Turn) -> None:
    assert judge_unseen(turn, hears=False) is None


def test_sticker_alone_asks_nothing() -> None:
    unseen = judge_unseen(turn_of(sent("sticker")), hears=False)
    assert unseen is not None
    assert unseen.act == "silent"


@pytest.mark.parametrize("language", ["es", "pt", "en"])
def test_second_time_a_person_sees_to_it(language: str) -> None:
    text = unseen_text("voice", make_tenant(), language)
    history = (make_message("[audio]", seq=1), make_message(text, seq=2, direction="outbound", author="agent"))
    unseen = judge_unseen(turn_of(sent("audio", seq=3), history=history), hears=False)
    assert unseen is not None
    assert unseen.act == "person"


def test_language_nobody_wrote_texts_for_gets_the_tenants() -> None:
    assert unseen_text("video", make_tenant(default_language="pt"), "fr") == unseen_text("video", make_tenant(), "pt")
    assert unseen_text("video", make_tenant(default_language="de"), "fr") == unseen_text("video", make_tenant(), "en")


STATUSES: dict[str, tuple[Message, bool, str]] = {
    "shown": (sent("image"), True, "shown to you: picture 1"),
    "not shown": (sent("image"), False, "not seen by you"),
    "refused": (sent("image", state="refused"), False, "not seen: it could not be opened"),
    "failed": (sent("audio", state="failed"), False, "not seen: it could not be opened"),
    "still being fetched": (sent("document", state="pending"), False, "not seen by you"),
}


@pytest.mark.parametrize(("message", "shown", "status"), STATUSES.values(), ids=STATUSES.keys())
def test_model_is_told_what_it_has_not_seen(message: Message, shown: bool, status: str) -> None:
    turn = turn_of(message, shown=shown)
    (told,) = burst_briefing(turn)
    assert told["attachments"] == [{"type": message.media[0].content_type, "status": status}]
    assert status in burst_text(turn)
    assert has_unseen(message)


def test_logo_in_a_mail_is_nothing_that_was_sent() -> None:
    logo = Media(url="cid:logo@x", content_type="image/png", id=media_id(1), state="stored", size=3_000)
    message = make_message("Hola", media=(logo,))
    assert not has_unseen(message)
    assert "attachments" not in burst_briefing(turn_of(message))[0]


def test_model_is_told_what_a_message_answers_and_where_it_comes_from() -> None:
    details = Details(reply_to="SM1", quoted="¿Martes o jueves?", quotes_us=True, forwarded="often")
    turn = turn_of(make_message("el segundo", kind="edited", details=details))
    (told,) = burst_briefing(turn)
    assert told["answers"] == "¿Martes o jueves?"
    assert (told["forwarded"], told["edited"]) == ("often", "corrects what this person wrote before")
    assert turn.context == "¿Martes o jueves?"


def test_quoted_message_that_we_no_longer_have_is_not_made_up() -> None:
    (told,) = burst_briefing(turn_of(make_message("ese", details=Details(reply_to="SM1"))))
    assert told["answers"] == "an earlier message that we no longer have"
