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
    ],
)
def test_headers_of_automatic_mail_are_recognised(headers: str) -> None:
    assert is_automatic(headers + "\r\n")


@pytest.mark.parametrize(
    "local",
    ["mailer-daemon", "MAILER-DAEMON", "postmaster", "no-reply", "noreply", "do_not_reply", "donotreply", "bounce",
     "bounces+123-ab", "bounce-77", "no-responder", "nao-responda", "noresponder"],
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


@pytest.mark.parametrize("local", ["ana", "reply", "bouncer", "norberto", "postmasters", "daemon"])
def test_names_that_resemble_robots_are_people(local: str) -> None:
    assert not is_automatic("", sender=f"{local}@ruiz.example")


def test_unknown_return_path_proves_nothing() -> None:
    assert not is_automatic("", envelope_from=None)
