"""Files of messages from the announcement to the answer: kept once, never pretended, gone with their message."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from email.message import EmailMessage
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from agent.errors import MediaMissing
from agent.language import LanguageDetector
from agent.media import arriving
from agent.media.arriving import MAX_ATTEMPTS, MAX_IMAGES, discard_media, see_media
from agent.screening.unseen import unseen_text
from agent.store.db import Database, Tx
from jobs.worker import run_worker, sweep_media
from tests.conftest import FakeClock
from tests.factories import make_tenant
from tests.files import HTML, JPEG, OGG, PDF, PROGRAM, WEBP, png
from tests.integration.agents import Agent
from tests.integration.mail_agents import OURS, build_mail_agent, hear_mail
from tests.integration.media_agents import FileProviders, MediaAgent, open_file_providers, open_media_agent


@pytest.fixture(scope="module")
async def providers() -> AsyncIterator[FileProviders]:
    """Twilio and a transcriber, up for all tests of this file."""
    async with open_file_providers() as opened:
        yield opened


@pytest.fixture
async def hands(agent: Agent, tmp_path: Path, providers: FileProviders) -> AsyncIterator[MediaAgent]:
    """The agent, which can get files and hear voice notes."""
    async with open_media_agent(agent, tmp_path, providers) as opened:
        yield opened


async def said_to(hands: MediaAgent) -> str:
    """Return our last words."""
    return hands.agent.sender.taken[-1].text


# --- getting and keeping -----------------------------------------------------------------------------------------


async def test_file_is_kept_as_what_it_is(hands: MediaAgent) -> None:
    await hands.hear_file("image", png(), "image/jpeg", filename="sala.png")
    assert await hands.keep() == 1
    (file,) = await hands.files()
    assert (file["state"], file["content_type"], file["filename"]) == ("stored", "image/png", "sala.png")
    assert (file["size"], file["sha256"]) == (len(png()), sha256(png()).hexdigest())
    assert await hands.stored(file) == png()
    assert await hands.keep() == 0


async def test_no_transaction_is_open_while_a_file_is_fetched(hands: MediaAgent, admin: Tx) -> None:
    await hands.hear_file("image", JPEG, "image/jpeg", stalls=True)
    keeping = asyncio.create_task(hands.keep())
    async with asyncio.timeout(60):
        while not hands.twilio.asked_storage:
            await asyncio.sleep(0.01)
    cursor = await admin.execute(
        """select state from pg_stat_activity
           where datname = current_database() and pid <> pg_backend_pid() and xact_start is not null"""
    )
    assert await cursor.fetchall() == []
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


async def test_file_that_cannot_be_had_is_tried_again_and_then_owned_up_to(hands: MediaAgent) -> None:
    conversation = await hands.hear_file("image", JPEG, "image/jpeg", statuses=[503] * MAX_ATTEMPTS)
    await hands.keep()
    for _ in range(MAX_ATTEMPTS - 1):
        assert [file["state"] for file in await hands.files()] == ["pending"]
        await hands.try_again()
    (file,) = await hands.files()
    assert (file["state"], file["reason"], file["attempt"]) == ("failed", "the provider answered 503", MAX_ATTEMPTS)
    event = await hands.agent.rows("select kind, data from events where kind like 'media.%%'")
    assert event == [{"kind": "media.failed", "data": {"position": 0, "reason": "the provider answered 503"}}]
    await hands.agent.answer(conversation)
    assert unseen_text("picture", make_tenant(), "es") in await said_to(hands)
    assert hands.agent.models.drafted == []


async def test_file_that_comes_at_the_second_attempt_is_kept(hands: MediaAgent) -> None:
    await hands.hear_file("image", JPEG, "image/jpeg", statuses=[404])
    await hands.keep()
    await hands.try_again()
    assert [file["state"] for file in await hands.files()] == ["stored"]


REFUSED = {
    "page that says it is a picture": ("image", HTML, "image/jpeg", "says that it is image"),
    "program": ("document", PROGRAM, "application/pdf", "is a program"),
    "redirect off the list": ("image", JPEG, "image/jpeg", "no host of the provider"),
}


@pytest.mark.parametrize(("kind", "content", "content_type", "reason"), REFUSED.values(), ids=REFUSED.keys())
async def test_file_that_is_refused_is_not_kept_and_said_to_be_unseen(
    hands: MediaAgent, kind: Any, content: bytes, content_type: str, reason: str
) -> None:
    location = "https://evil.example/x" if "host" in reason else ""
    conversation = await hands.hear_file(kind, content, content_type, location=location)
    await hands.keep()
    (file,) = await hands.files()
    assert file["state"] == "refused"
    assert reason in file["reason"]
    with pytest.raises(MediaMissing):
        await hands.stored(file)
    await hands.agent.answer(conversation)
    assert unseen_text("picture" if kind == "image" else "file", make_tenant(), "es") in await said_to(hands)


async def test_contact_that_sends_too_much_in_a_day_is_kept_no_more_of(
    hands: MediaAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arriving, "MAX_BYTES_A_DAY", len(JPEG))
    for _ in range(2):
        await hands.hear_file("image", JPEG, "image/jpeg")
        await hands.keep()
    await hands.agent.change("update media set finished_at = now() - interval '25 hours' where state = 'stored'")
    await hands.hear_file("image", JPEG, "image/jpeg")
    await hands.keep()
    assert [(file["state"], file["reason"]) for file in await hands.files()] == [
        ("stored", ""),
        ("refused", "this contact has sent too much today"),
        ("stored", ""),
    ]


async def test_two_workers_fetch_a_file_once(hands: MediaAgent) -> None:
    await hands.hear_file("image", JPEG, "image/jpeg")
    assert sorted(await asyncio.gather(hands.keep(), hands.keep())) == [0, 1]
    assert len(hands.twilio.asked_storage) == 1


async def test_file_whose_job_or_worker_was_lost_is_swept(hands: MediaAgent) -> None:
    await hands.hear_file("image", JPEG, "image/jpeg")
    await hands.agent.change("delete from jobs.procrastinate_jobs")
    await hands.agent.change("update media set attempt = 1, due_at = now() - interval '1 minute'")
    assert await sweep_media(hands.agent.deps, hands.agent.queue) == 1
    assert await hands.agent.value("select args->>'message_id' from jobs.procrastinate_jobs") == str(
        (await hands.files())[0]["message_id"]
    )


async def test_file_that_kills_its_workers_is_given_up(hands: MediaAgent) -> None:
    await hands.hear_file("image", JPEG, "image/jpeg")
    await hands.agent.change("update media set attempt = %s", MAX_ATTEMPTS)
    await hands.keep()
    (file,) = await hands.files()
    assert (file["state"], file["reason"]) == ("failed", "every worker that tried it failed")


# --- pictures ----------------------------------------------------------------------------------------------------


async def test_turn_waits_for_its_picture_and_shows_it(hands: MediaAgent) -> None:
    gathered = await hands.agent.claim(await hands.hear_file("image", JPEG, "image/jpeg"))
    turn, _ = await asyncio.gather(see_media(gathered.turn, hands.agent.deps), hands.keep())
    assert [(image.content_type, image.content) for image in turn.images] == [("image/jpeg", JPEG)]
    assert turn.inbound[0].media[0].id == turn.images[0].media_id


async def test_turn_goes_on_without_a_picture_that_does_not_come(
    hands: MediaAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arriving, "WAIT_S", 0.05)
    gathered = await hands.agent.claim(await hands.hear_file("image", JPEG, "image/jpeg", text="¿cuánto cuesta este?"))
    turn = await see_media(gathered.turn, hands.agent.deps)
    assert turn.images == ()
    assert turn.inbound[0].media[0].state == "pending"


async def test_picture_is_shown_again_when_the_question_comes_after_it(hands: MediaAgent) -> None:
    conversation = await hands.hear_file("image", JPEG, "image/jpeg", text="mira")
    await hands.keep()
    await hands.agent.answer(conversation)
    await hands.agent.hear("¿cuánto cuesta este?")
    gathered = await hands.agent.claim(conversation)
    turn = await see_media(gathered.turn, hands.agent.deps)
    assert [image.content for image in turn.images] == [JPEG]


async def test_newest_pictures_are_shown_and_neither_stickers_nor_documents(hands: MediaAgent) -> None:
    for number in range(MAX_IMAGES + 1):
        conversation = await hands.hear_file("image", png(1, number + 1), "image/png")
    await hands.hear_file("sticker", WEBP, "image/webp")
    await hands.hear_file("document", PDF, "application/pdf")
    await hands.keep()
    gathered = await hands.agent.claim(conversation)
    turn = await see_media(gathered.turn, hands.agent.deps)
    assert [image.content for image in turn.images] == [png(1, number + 1) for number in range(1, MAX_IMAGES + 1)]


async def test_picture_that_the_store_has_lost_is_not_shown(hands: MediaAgent) -> None:
    conversation = await hands.hear_file("image", JPEG, "image/jpeg")
    await hands.keep()
    (file,) = await hands.files()
    await hands.store.delete(hands.agent.tenant_id, file["id"])
    await hands.agent.answer(conversation)
    assert unseen_text("picture", make_tenant(), "es") in await said_to(hands)


# --- voice notes -------------------------------------------------------------------------------------------------


async def test_voice_note_is_answered_by_what_was_said_in_it(hands: MediaAgent) -> None:
    conversation = await hands.hear_file("audio", OGG, "audio/ogg")
    await hands.keep()
    await hands.agent.answer(conversation)
    heard = hands.transcriber.heard[0]
    assert (heard.filename, heard.content_type, heard.content, heard.model) == (
        "voice.ogg",
        "audio/ogg",
        OGG,
        "whisper-1",
    )
    assert hands.agent.models.drafted == [hands.transcriber.says]
    assert "399,00 €" in await said_to(hands)


async def test_stop_in_a_voice_note_is_a_stop(hands: MediaAgent) -> None:
    hands.transcriber.says = "No me escriban más"
    conversation = await hands.hear_file("audio", OGG, "audio/ogg")
    await hands.keep()
    await hands.agent.answer(conversation)
    assert await hands.agent.value("select count(*) from suppressions where lifted_at is null") == 1
    assert hands.agent.models.classified == []


LATE: dict[str, tuple[str, int, list[str]]] = {
    "stop": ("No me escriban más", 1, []),
    "a question": (
        "¿Cuánto cuesta el intensivo?",
        0,
        ["A voice note was written down only after it had been answered."],
    ),
}


@pytest.mark.parametrize(("says", "suppressed", "escalated"), LATE.values(), ids=LATE.keys())
async def test_voice_note_that_is_heard_after_its_turn_still_stops_us_or_finds_a_person(
    hands: MediaAgent, monkeypatch: pytest.MonkeyPatch, says: str, suppressed: int, escalated: list[str]
) -> None:
    monkeypatch.setattr(arriving, "WAIT_TO_HEAR_S", 0.05)
    hands.transcriber.says = says
    await hands.agent.answer(await hands.hear_file("audio", OGG, "audio/ogg"))
    assert unseen_text("voice_failed", make_tenant(), "es") in await said_to(hands)
    await hands.keep()
    assert await hands.agent.value("select count(*) from suppressions where lifted_at is null") == suppressed
    reasons = await hands.agent.rows("select reason, detail from escalations")
    assert [(row["reason"], row["detail"]) for row in reasons] == [(reason, says) for reason in escalated]


@pytest.mark.parametrize("status", [401, 503])
async def test_voice_note_that_could_not_be_transcribed_is_said_to_be_unheard(hands: MediaAgent, status: int) -> None:
    hands.transcriber.statuses = [status]
    conversation = await hands.hear_file("audio", OGG, "audio/ogg")
    await hands.keep()
    await hands.agent.answer(conversation)
    assert [file["state"] for file in await hands.files()] == ["stored"]
    assert unseen_text("voice_failed", make_tenant(), "es") in await said_to(hands)
    assert hands.agent.models.drafted == []


async def test_without_a_transcriber_a_voice_note_is_asked_for_in_writing_once_and_then_a_person_comes(
    agent: Agent, tmp_path: Path, providers: FileProviders
) -> None:
    async with open_media_agent(agent, tmp_path, providers, hears=False) as hands:
        conversation = await hands.hear_file("audio", OGG, "audio/ogg")
        await hands.keep()
        await hands.agent.answer(conversation)
        assert unseen_text("voice", make_tenant(), "es") in await said_to(hands)
        await hands.hear_file("audio", OGG, "audio/ogg")
        await hands.keep()
        await hands.agent.answer(conversation)
        reason = await hands.agent.value("select reason from escalations")
        assert reason == "Another message that only a person can see or hear."
        assert (hands.transcriber.heard, hands.agent.models.drafted) == ([], [])


# --- mails -------------------------------------------------------------------------------------------------------


def mail_with_files() -> bytes:
    """Return a mail with a picture in its text, a document, and a program that says it is one."""
    mail = EmailMessage()
    for name, value in {"From": "ana@ruiz.example", "To": OURS, "Subject": "Mi aula"}.items():
        mail[name] = value
    mail["Message-ID"] = f"<{token_hex(8)}@ruiz.example>"
    mail.set_content("¿Cabe en esta aula?")
    mail.add_alternative('<p>¿Cabe en esta aula?</p><img src="cid:aula">', subtype="html")
    parts: Any = mail.get_payload()
    parts[1].add_related(JPEG + b"\0" * 30_000, "image", "jpeg", cid="<aula>")
    mail.add_attachment(PDF, "application", "pdf", filename="../plano.pdf")
    mail.add_attachment(PROGRAM, "application", "pdf", filename="plano2.pdf")
    return mail.as_bytes()


async def test_files_of_a_mail_are_kept_in_the_same_way(
    db: Database, clock: FakeClock, detector: LanguageDetector, tmp_path: Path, providers: FileProviders
) -> None:
    agent = await build_mail_agent(db, clock, detector)
    async with open_media_agent(agent, tmp_path, providers) as hands:
        received = await hear_mail(hands.agent, mail_with_files())
        await hands.keep()
        files = await hands.files()
        assert [(file["filename"], file["content_type"], file["state"]) for file in files] == [
            (None, "image/jpeg", "stored"),
            ("plano.pdf", "application/pdf", "stored"),
            ("plano2.pdf", None, "refused"),
        ]
        assert await hands.stored(files[1]) == PDF
        assert received.conversation_id is not None
        turn = await see_media((await hands.agent.claim(received.conversation_id)).turn, hands.agent.deps)
        assert [len(image.content) for image in turn.images] == [len(JPEG) + 30_000]
        assert hands.twilio.asked_api == []


# --- the end -----------------------------------------------------------------------------------------------------


async def test_bytes_go_when_their_contact_is_erased(hands: MediaAgent) -> None:
    await hands.hear_file("image", JPEG, "image/jpeg")
    await hands.keep()
    (file,) = await hands.files()
    await hands.agent.change("delete from contacts")
    assert await discard_media(hands.agent.deps) == 0  # one may be on its way into the store still
    await hands.agent.change("update media_discarded set discarded_at = now() - interval '1 hour'")
    assert await discard_media(hands.agent.deps) == 1
    with pytest.raises(MediaMissing):
        await hands.stored(file)
    assert await hands.agent.rows("select * from media_discarded") == []


async def test_bytes_go_when_their_tenant_leaves(hands: MediaAgent, admin: Tx) -> None:
    await hands.hear_file("image", JPEG, "image/jpeg")
    await hands.keep()
    (file,) = await hands.files()
    await admin.execute("delete from tenants")
    await admin.execute("update media_discarded set discarded_at = now() - interval '1 hour'")
    assert await discard_media(hands.agent.deps) == 1
    with pytest.raises(MediaMissing):
        await hands.stored(file)


async def test_bytes_that_cannot_go_now_are_tried_again(hands: MediaAgent, tmp_path: Path) -> None:
    await hands.hear_file("image", JPEG, "image/jpeg")
    await hands.keep()
    (file,) = await hands.files()
    await hands.agent.change("delete from contacts")
    await hands.agent.change("update media_discarded set discarded_at = now() - interval '1 hour'")
    path = tmp_path / str(file["tenant_id"]) / str(file["id"])[-2:] / str(file["id"])
    path.unlink()
    path.mkdir()  # which cannot be deleted as a file is
    assert await discard_media(hands.agent.deps) == 0
    path.rmdir()
    assert await discard_media(hands.agent.deps) == 1


# --- slots -------------------------------------------------------------------------------------------------------


async def test_turns_that_wait_for_files_do_not_keep_them_from_being_fetched(hands: MediaAgent) -> None:
    settings = hands.agent.deps.settings.model_copy(update={"nightshift_worker_concurrency": 1})
    deps = replace(hands.agent.deps, settings=settings)
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        await hands.hear_file("image", JPEG, "image/jpeg", text="¿cuánto cuesta este?")
        group.create_task(run_worker(deps, hands.agent.queue, stop))
        async with asyncio.timeout(60):
            while not hands.agent.sender.taken:
                await asyncio.sleep(0.02)
        stop.set()
    assert [file["state"] for file in await hands.files()] == ["stored"]
    (turn,) = hands.agent.models.turns
    assert [image.content for image in turn.images] == [JPEG]
