"""RFC 3834: what is never answered by a machine, and what people write that resembles it."""

import pytest

from channels.email_inbound import parse_mime

OURS = "hola@lumen.example"
PERSON = "ana@ruiz.example"


def is_automatic(
    headers: str, sender: str = "ana@ruiz.example", envelope_from: str | None = "ana@ruiz.example"
) -> bool:
    raw = f"From: {sender}\r\n{headers}\r\nhola".replace("\r\n\r\n\r\n", "\r\n\r\n").encode()
    return parse_mime(raw, envelope_from=envelope_from, envelope_to=[OURS]).message.automatic


@pytest.mark.parametrize(
    "headers",
    [
        "Auto-Submitted: auto-replied\r\n",
        "Auto-Submitted: auto-generated; type=vacation\r\n",
        "auto-submitted: Auto-Notified (by us)\r\n",
        "Precedence: bulk\r\n",
        "Precedence: Auto_Reply\r\n",
        "List-Id: <list.example>\r\n",
        "List-Unsubscribe: <https://x.example/u>\r\n",
        "List-Post: NO\r\n",
        "X-Autoreply: yes\r\n",
        "X-Autorespond: x\r\n",
        "X-Autoresponse: x\r\n",
        "X-Auto-Response-Suppress: OOF, AutoReply\r\n",
        "X-Failed-Recipients: a@b.example\r\n",
        "Content-Type: multipart/report; boundary=b\r\n",
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n--b--",
        "Subject: Respuesta automática: Curso\r\nIn-Reply-To: <1@lumen.example>\r\n",
        "Subject: Resposta automática: Curso\r\nReferences: <1@lumen.example>\r\n",
        "Subject: =?utf-8?q?Automatic_reply=3A_Course?=\r\nIn-Reply-To: <1@lumen.example>\r\n",
        "Subject: Fuera de la oficina\r\nIn-Reply-To: <1@lumen.example>\r\n",
        "Auto-Submitted: no\r\nAuto-Submitted: auto-replied\r\n",
        "Precedence: bulk (mailing)\r\n",
        "X-Precedence: list\r\n",
        "X-Mail-Autoreply: yes\r\n",
        "X-Vacation: yes\r\n",
        "Delivered-To: Autoresponder\r\n",
        "X-Mailer: vacation 1.2\r\n",
        "List-Help: <mailto:x@y.example>\r\n",
        "Feedback-ID: 1:2:3:esp\r\n",
        "Subject: Automatic reply: Course\r\n",
        "Subject: Respuesta autom\u00e1tica: Curso\r\n",
        "Subject: RESPOSTA AUTOMATICA - Curso\r\n",
        "Subject: [Auto-Reply] Course\r\n",
        "Content-Type: text/calendar; method=REPLY\r\n",
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/feedback-report\r\n\r\n--b--",
    ],
)
def test_headers_of_automatic_mail_are_recognised(headers: str) -> None:
    assert is_automatic(headers + "\r\n")


@pytest.mark.parametrize(
    "local",
    ["mailer-daemon", "MAILER-DAEMON", "postmaster", "no-reply", "noreply", "do_not_reply", "donotreply", "bounce",
     "bounces+123-ab", "bounce-77", "no-responder", "nao-responda", "noresponder", "ventas-noreply", "noreply+x1",
     "notificaciones", "notifications", "newsletter", "owner-list", "list-owner", "autoresponder", "nocontestar"],
)  # fmt: skip
def test_robots_are_known_by_their_address(local: str) -> None:
    assert is_automatic("", sender=f"{local}@ruiz.example")


@pytest.mark.parametrize("path", ["", "<>", " <> "])
def test_null_return_path_is_automatic(path: str) -> None:
    assert is_automatic("", envelope_from=path)


def test_null_return_path_in_the_header_counts_when_the_envelope_is_unknown() -> None:
    assert is_automatic("Return-Path: < >\r\n", envelope_from=None)


def test_our_own_mail_coming_back_is_automatic() -> None:
    assert is_automatic("", sender="Hola@Lumen.example")


@pytest.mark.parametrize(
    "headers",
    [
        "",
        "Auto-Submitted: no\r\n",
        "X-Auto-Response-Suppress: None\r\n",
        "Precedence: normal\r\n",
        "Subject: Respuesta automática\r\n",
        "Subject: Re: Automatic reply: Course\r\nIn-Reply-To: <1@lumen.example>\r\n",
        "Subject: Curso fuera de la oficina\r\nIn-Reply-To: <1@lumen.example>\r\n",
        "Subject: Ausências permitidas?\r\nIn-Reply-To: <1@lumen.example>\r\n",
    ],
)
def test_mail_of_a_person_is_answered(headers: str) -> None:
    assert not is_automatic(headers)


@pytest.mark.parametrize(
    "local",
    [
        "ana",
        "reply",
        "bouncer",
        "norberto",
        "postmasters",
        "daemon",
        "noelia",
        "info",
        "list",
        "noreplyana",
        "ownership",
    ],
)
def test_names_that_resemble_robots_are_people(local: str) -> None:
    assert not is_automatic("", sender=f"{local}@ruiz.example")


def test_unknown_return_path_proves_nothing() -> None:
    assert not is_automatic("", envelope_from=None)


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Fuera de la oficina", "Estoy fuera de la oficina hasta el lunes."),
        ("Ausencia", "Me encuentro de vacaciones, responderé a mi regreso."),
        ("Ausência", "Estou de férias e responderei no meu regresso."),
        ("Out of office", "I am out of the office until Monday."),
        ("Curso", "Este es un mensaje automático. Por favor no responda a este correo."),
        ("Curso", "This is an automated response. We will get back to you."),
        ("Curso", "Esta é uma mensagem automática, por favor não responda este e-mail."),
        ("Hello", "Please do not reply to this message."),
    ],
)
def test_absence_and_automation_are_known_by_their_words(subject: str, text: str) -> None:
    assert is_automatic(f"Subject: {subject}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}")


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Re: Curso", "Recibí «no responda a este correo». ¿Cómo puedo contestar?"),
        ("Re: Course", "I am away next week, can we start in June?"),
        ("Ausencia justificada", "¿Se puede recuperar una clase si falto?"),
        ("Férias", "Há curso em férias?"),
        ("Out of stock", "Is the book out of stock?"),
        ("Contestador: respuesta automática", "¿Venden un contestador?"),
    ],
)
def test_people_who_write_of_absence_and_automation_are_answered(subject: str, text: str) -> None:
    reply = "In-Reply-To: <1@lumen.example>\r\n" if subject.startswith("Re") else ""
    assert not is_automatic(f"{reply}Subject: {subject}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}")


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ("Auto-Submitted: auto-replied\r\nPrecedence: bulk\r\n", "auto_reply"),
        ("Auto-Submitted: auto-generated\r\n", "notification"),
        ("List-Id: <x>\r\nAuto-Submitted: auto-generated\r\n", "list"),
        ("Content-Type: multipart/report; boundary=b\r\n", "report"),
        ("", None),
    ],
)
def test_kind_of_automatic_mail_is_told(headers: str, kind: str | None) -> None:
    raw = f"From: ana@ruiz.example\r\n{headers}\r\nhola".encode()
    assert parse_mime(raw, envelope_from=None, envelope_to=[OURS]).message.raw["automatic"] == kind
