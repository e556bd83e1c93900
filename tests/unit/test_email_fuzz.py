"""Mails mutated from real structures (5,000 in `make soak`): never a crash, and no automatic one would be answered."""

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from time import process_time

from agent.errors import BadRequest
from agent.mail.arriving import InboundMail
from channels.email_inbound import parse_mime
from tests.hostile import ordinary_s
from tests.unit.mail_clients import samples
from tests.unit.mail_reports import REPORTS

MAILS, SOAK_MAILS = 1_000, 5_000
WORK_A_MAIL = 2
"""At most, in `ordinary_s`."""
MARKS = (
    b"Auto-Submitted: auto-replied",
    b"auto-submitted:auto-generated (vacation)",
    b"AUTO-SUBMITTED: auto-notified; owner=x",
    b"Precedence: bulk",
    b"Precedence:\r\n auto_reply",
    b"X-Autoreply: yes",
    b"X-Auto-Response-Suppress: All",
    b"List-Id: <news.example>",
    b"List-Unsubscribe: <https://x.example/u>",
    b"X-Failed-Recipients: ana@ruiz.example",
    b"Return-Path: <>",
    b"From: MAILER-DAEMON@ruiz.example",
    b"From: no-reply@ruiz.example",
    b"Subject: Respuesta autom\xc3\xa1tica: Curso",
    b"Subject: =?utf-8?q?Resposta_autom=C3=A1tica=3A?= Curso",
    b"Subject: Out of office: Course",
)
FRAGMENTS = (
    b"Content-Type: multipart/mixed; boundary=",
    b"Content-Type: multipart/alternative; boundary=\"b\"\r\n\r\n--b\r\n\r\n--b--",
    b"Content-Type: text/plain; charset*0*=utf-8''%ff; charset=\x00",
    b"Content-Type: text/html; charset=utf-16\r\n\r\n<p style='color:rgb(",
    b"Content-Type: message/delivery-status\r\n\r\nAction: ",
    b"Content-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VEVENT\r\nDTSTART;TZID=",
    b"Content-Transfer-Encoding: uuencode\r\n\r\nbegin 644 x\r\n\xff\xff\r\n",
    b"Content-Transfer-Encoding: base64\r\n",
    b"Content-Disposition: attachment; filename*=idna''%ff; filename=\"",
    b"From: =?utf-8?q?=ff?= <@>, (((((",
    b"Authentication-Results: ;;; dkim=(((",
    b"=?x?q??=",
    b"\r\n\r\n",
    b"\n--=",
    b"\n> > >\r\n-- \r\n",
    b"\x00\xff\xed\xa0\x80",
    b"References: <" + b"a" * 300,
    b"Message-ID: <\xff@>",
    b"<div style=\"display:none\"><blockquote type=cite>",
    b"<table>" * 50,
    "El 12/11/2026 10:15, Marta escribió:".encode(),
    b"-----Original Message-----\r\nFrom: ",
)  # fmt: skip


def mutate(raw: bytes, rng: random.Random) -> bytes:
    """Cut, repeat, overwrite and splice."""
    mail = bytearray(raw)
    for _ in range(rng.randint(1, 8)):
        at, length = rng.randrange(len(mail) + 1), rng.randint(0, 80)
        match rng.randrange(5):
            case 0:
                del mail[at : at + length]
            case 1:
                mail[at:at] = mail[at : at + length] * rng.randint(1, 5)
            case 2:
                mail[at:at] = rng.choice(FRAGMENTS)
            case 3:
                mail[at : at + 4] = rng.randbytes(4)
            case _:
                other = rng.randrange(len(mail) + 1)
                mail[at:at] = mail[other : other + 20 * length]
    return bytes(mail)


def strings(value: object) -> Iterator[str]:
    """Every string within a value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from strings([*value.keys(), *value.values()])
    elif isinstance(value, list | tuple):
        for each in value:
            yield from strings(each)


def read(raw: bytes) -> InboundMail | None:
    try:
        return parse_mime(raw, envelope_from=None, envelope_to=["hola@lumen.example"])
    except BadRequest:
        return None


def test_mutated_mails_are_read_or_refused_and_none_that_is_automatic_would_be_answered(soak: bool) -> None:
    mails = SOAK_MAILS if soak else MAILS
    rng = random.Random(5)
    seeds = [sample.mail.as_bytes() for sample in samples()] + [report for report, _, _ in REPORTS.values()]
    ordinary, began, refused = ordinary_s(), process_time(), 0
    for n in range(mails):
        mutated = mutate(rng.choice(seeds), rng)
        mark = MARKS[n % len(MARKS)] + b"\r\n" if n % 2 else b""
        inbound = read(mark + mutated)
        if inbound is None:
            refused += 1
            continue
        assert not mark or inbound.message.automatic, (n, mark)
        json.dumps(inbound.message.raw)
        for text in strings(asdict(inbound.message)):
            text.encode("utf-8")  # raises on a lone surrogate
            assert "\x00" not in text
    assert refused < mails * 0.1
    assert process_time() - began < mails * WORK_A_MAIL * ordinary
