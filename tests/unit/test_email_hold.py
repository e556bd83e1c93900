"""Mails for a person: what no machine can read, or do; with the reason they are shown with."""

from email.message import EmailMessage

import pytest

from agent.types import InboundMessage
from channels.email_inbound import MAX_TEXT_CHARS, parse_mime

HEAD = b"From: Ana <ana@ruiz.example>\r\nMessage-ID: <1@ruiz.example>\r\n"
INVITATION = (
    "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VTIMEZONE\r\nTZID:Europe/Madrid\r\nBEGIN:STANDARD\r\n"
    "DTSTART:16010101T000000\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT\r\nSUMMARY:Demo\\, con Lumen\r\n"
    "DTSTART;TZID=Europe/Madrid:20261120T101500\r\nLOCATION:Calle Mayor 1\\; 2.º\r\n"
    "ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:x@y\r\n"
    "DESCRIPTION:una línea que\r\n  sigue\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


def parse(raw: bytes) -> InboundMessage:
    return parse_mime(raw, envelope_from=None, envelope_to=["hola@lumen.example"]).message


def calendar(method: str, text: str = "") -> bytes:
    mail = EmailMessage()
    mail["From"], mail["Message-ID"] = "ana@ruiz.example", "<1@ruiz.example>"
    mail.set_content(text)
    mail.add_alternative(INVITATION.replace("REQUEST", method), subtype="calendar", params={"method": method})
    return mail.as_bytes()


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (HEAD + b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n\r\nx", "S/MIME"),
        (HEAD + b"Content-Type: application/x-pkcs7-mime; name=smime.p7m\r\n\r\nx", "S/MIME"),
        (
            HEAD + b"Content-Type: multipart/encrypted; boundary=b\r\n\r\n--b\r\n"
            b"Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--b\r\n"
            b"Content-Type: application/octet-stream\r\n\r\nx\r\n--b--",
            "PGP",
        ),
        (HEAD + b"\r\nhola\r\n-----BEGIN PGP MESSAGE-----\r\n\r\nhQEM\r\n-----END PGP MESSAGE-----", "PGP"),
        (HEAD + b"Content-Type: application/ms-tnef; name=winmail.dat\r\n\r\nx", "winmail.dat"),
        (HEAD + b"Content-Type: image/jpeg; name=foto.jpg\r\n\r\nx", "only attachments"),
        (HEAD + b"\r\n" + b"hola " * MAX_TEXT_CHARS, "characters"),
        (calendar("REQUEST"), "calendar invitation"),
        (calendar("CANCEL", "Lo siento"), "calendar invitation"),
    ],
    ids=["smime", "smime-old", "pgp-mime", "pgp-inline", "tnef", "picture", "long", "invitation", "cancellation"],
)  # fmt: skip
def test_mail_that_no_machine_can_answer_is_for_a_person(raw: bytes, reason: str) -> None:
    assert reason in parse(raw).hold


def test_invitation_is_told_in_a_line() -> None:
    message = parse(calendar("REQUEST", "¿Te va bien?"))
    assert (
        message.text == "¿Te va bien?\n\n[REQUEST] Demo, con Lumen, 2026-11-20 10:15 Europe/Madrid, Calle Mayor 1; 2.º"
    )
    assert [media.content_type for media in message.media] == ["text/calendar"]


def test_calendars_answer_is_automatic() -> None:
    message = parse(calendar("REPLY"))
    assert (message.automatic, message.hold) == (True, "")


@pytest.mark.parametrize(
    "raw",
    [
        HEAD + b"\r\nhola",
        HEAD + b"\r\n",
        HEAD + b"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nhola\r\n--b\r\n"
        b"Content-Type: application/pkcs7-signature; name=smime.p7s\r\n\r\nx\r\n--b--",
        calendar("PUBLISH", "Nuestro calendario"),
    ],
    ids=["text", "empty", "signed", "calendar-to-look-at"],
)  # fmt: skip
def test_ordinary_mail_is_not_held(raw: bytes) -> None:
    assert parse(raw).hold == ""


def test_signature_of_mail_software_is_no_attachment() -> None:
    raw = (
        HEAD + b"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nhola\r\n--b\r\n"
        b"Content-Type: application/pkcs7-signature; name=smime.p7s\r\n\r\nx\r\n--b--"
    )
    message = parse(raw)
    assert (message.text, message.media) == ("hola", ())
