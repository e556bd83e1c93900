"""The SMTP sender against a server that behaves and misbehaves like real ones; the stand-in against smtplib."""

import asyncio
import smtplib
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from agent.errors import Ambiguous, CannotAsk, Permanent, Retryable
from agent.types import MessageId, OutboundMessage, Receipt, TenantId
from channels.email_letter import MailRoutes
from channels.email_outbound import SmtpSender, parse_smtp_url
from tests.doubles.smtp import SmtpDouble, Stage

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
ID = MessageId(UUID("01932c8e-0000-7000-8000-000000000001"))
MESSAGE = OutboundMessage(
    id=ID,
    tenant_id=TenantId(UUID(int=1)),
    provider="email",
    channel="email",
    sender="hola@lumen.example",
    recipient="ana@ruiz.example",
    text="¡Hola!\n.\nEl B2 empieza el lunes.",
    subject="Curso",
    in_reply_to="<b@ruiz.example>",
)
TAKEN = Receipt(provider_id=f"<{ID}@lumen.example>", state="sent")


@pytest.fixture
async def server() -> AsyncIterator[SmtpDouble]:
    async with SmtpDouble() as double:
        yield double


def sender(url: str, timeout_s: float = 60) -> SmtpSender:
    return SmtpSender(parse_smtp_url(url), MailRoutes(), now=lambda: NOW, timeout_s=timeout_s)


async def test_mail_arrives_as_written(server: SmtpDouble) -> None:
    assert await sender(server.url).send(MESSAGE) == TAKEN
    (mail,) = server.mails
    assert (mail.envelope_from, mail.recipients) == ("hola@lumen.example", ("ana@ruiz.example",))
    body = mail.message.get_body(("plain",))
    assert body is not None
    assert body.get_content().splitlines() == ["¡Hola!", ".", "El B2 empieza el lunes."]


async def test_every_attempt_carries_the_same_message_id(server: SmtpDouble) -> None:
    server.drop_after_data(taken=True)
    with pytest.raises(Ambiguous):
        await sender(server.url).send(MESSAGE)
    with pytest.raises(CannotAsk, match="may have left"):
        await sender(server.url).find_sent(MESSAGE, NOW)
    assert await sender(server.url).send(MESSAGE) == TAKEN
    assert [mail.message["Message-ID"] for mail in server.mails] == [TAKEN.provider_id] * 2


@pytest.mark.parametrize("taken", [True, False])
async def test_connection_lost_after_the_content_is_ambiguous(server: SmtpDouble, taken: bool) -> None:
    server.drop_after_data(taken=taken)
    with pytest.raises(Ambiguous, match="may have the mail"):
        await sender(server.url).send(MESSAGE)
    assert len(server.mails) == taken


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
async def test_refusal_for_now_is_retryable(server: SmtpDouble, stage: Stage) -> None:
    server.refuse(stage, "451 4.7.1 Greylisted, come back")
    with pytest.raises(Retryable, match="451"):
        await sender(server.url).send(MESSAGE)
    assert server.mails == []
    assert await sender(server.url).send(MESSAGE) == TAKEN


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize(("reply", "code"), [("550 5.1.1 No such user", "5.1.1"), ("554 Rejected", "554")])
async def test_refusal_for_good_is_permanent(server: SmtpDouble, stage: Stage, reply: str, code: str) -> None:
    server.refuse(stage, reply)
    with pytest.raises(Permanent) as refusal:
        await sender(server.url).send(MESSAGE)
    assert refusal.value.code == code
    assert server.mails == []


async def test_nobody_listening_is_retryable(server: SmtpDouble) -> None:
    url = server.url
    await server.__aexit__(None, None, None)
    with pytest.raises(Retryable, match="check SMTP_URL"):
        await sender(url).send(MESSAGE)


async def test_server_that_does_not_answer_in_time_is_retryable(server: SmtpDouble) -> None:
    server.delay_s = 5.0
    with pytest.raises(Retryable, match="hung up before the mail"):
        await sender(server.url, timeout_s=0.2).send(MESSAGE)
    assert server.mails == []


async def test_login_is_used_and_a_wrong_one_is_retryable() -> None:
    async with SmtpDouble(login=("lumen", "s3cret")) as server:
        assert await sender(server.url).send(MESSAGE) == TAKEN
        with pytest.raises(Retryable, match="check SMTP_URL") as refusal:
            await sender(server.url.replace("s3cret", "wr0ng")).send(MESSAGE)
        assert "wr0ng" not in str(refusal.value)
        anonymous = f"smtp://{server.host}:{server.port}"
        with pytest.raises(Retryable, match="530"):
            await sender(anonymous).send(MESSAGE)
        assert len(server.mails) == 1


async def test_demanded_encryption_that_is_missing_sends_nothing(server: SmtpDouble) -> None:
    with pytest.raises(Retryable, match="starttls"):
        await sender(f"{server.url}?starttls=always").send(MESSAGE)
    assert server.mails == []


@pytest.mark.parametrize("vouched_for", [True, False], ids=["vouched for", "self-signed"])
@pytest.mark.parametrize("way", ["smtps", "starttls=always", "starttls=auto"])
async def test_encrypted_server_gets_mail_only_if_somebody_vouches_for_it(
    way: str, vouched_for: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, context = make_certificate(tmp_path)
    if vouched_for:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with SmtpDouble(tls=context, implicit=way == "smtps") as server:
        scheme, query = ("smtps", "") if way == "smtps" else ("smtp", f"?{way}")
        sending = sender(f"{scheme}://{server.host}:{server.port}{query}").send(MESSAGE)
        if vouched_for:
            assert await sending == TAKEN
        else:
            with pytest.raises(Retryable, match="certificate"):
                await sending
        assert (len(server.mails), server.encrypted) == (int(vouched_for),) * 2


def make_certificate(directory: Path) -> tuple[Path, ssl.SSLContext]:
    """Make a certificate for this machine that nobody vouches for but its own file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "smtp.double.test")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    certificate, secret = directory / "certificate.pem", directory / "key.pem"
    certificate.write_bytes(signed.public_bytes(Encoding.PEM))
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, secret)
    return certificate, context


async def test_many_mails_at_once_all_arrive(server: SmtpDouble) -> None:
    await asyncio.gather(*(sender(server.url).send(MESSAGE) for _ in range(20)))
    assert len(server.mails) == 20


def talk(port: int) -> list[int | type[Exception]]:
    """What the standard library's client is told, in order."""
    heard: list[int | type[Exception]] = []
    for _ in range(5):
        with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
            try:
                client.sendmail("a@b.example", ["c@d.example"], b"Subject: x\r\n\r\n..dots\r\n")
                heard.append(250)
            except smtplib.SMTPRecipientsRefused as exc:
                heard.append(exc.recipients["c@d.example"][0])
            except smtplib.SMTPResponseException as exc:
                heard.append(exc.smtp_code)
            except smtplib.SMTPServerDisconnected as exc:
                heard.append(type(exc))
    return heard


async def test_stand_in_follows_its_script_towards_the_standard_client(server: SmtpDouble) -> None:
    server.refuse("MAIL", "421 4.3.2 Shutting down")
    server.refuse("RCPT", "550 5.1.1 No such user")
    server.refuse("DATA", "452 4.2.2 Mailbox full")
    server.drop_after_data(taken=True)
    heard = await asyncio.to_thread(talk, server.port)
    assert heard == [421, 550, 452, smtplib.SMTPServerDisconnected, 250]
    assert [mail.content for mail in server.mails] == [b"Subject: x\r\n\r\n..dots\r\n"] * 2
    assert server.connections == 5
