"""Mail as SendGrid's Inbound Parse posts it in raw mode: a signed form with the MIME message and its envelope."""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from secrets import token_hex

import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from channels.email_signature import as_sendgrid_shows

PATH = "/webhooks/sendgrid/inbound"
BOUNDARY = "xYzZYboundary"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def generate_keypair() -> tuple[ec.EllipticCurvePrivateKey, str]:
    """Return a fresh private key, and its public key as SendGrid shows it."""
    private_key = ec.generate_private_key(ec.SECP256R1())
    return private_key, as_sendgrid_shows(private_key.public_key())


def make_mail(text: str = "Hola", *, to: str = "hola@lumen.example", **headers: str) -> bytes:
    """Return a MIME message from Ana with a fresh Message-ID; keywords add headers or replace them (`Cc=…`)."""
    mail = EmailMessage()
    named = {"From": "Ana <ana@ruiz.example>", "To": to, "Subject": "Curso"}
    for name, value in {**named, "Message-ID": f"<{token_hex(8)}@ruiz.example>", **headers}.items():
        mail[name] = value
    mail.set_content(text)
    return mail.as_bytes()


def raw_form(mail: bytes, envelope_to: Sequence[str], envelope_from: str = "ana@ruiz.example") -> bytes:
    """Return the form of raw mode: the mail, and what SendGrid says of it."""
    headers = BytesHeaderParser().parsebytes(mail)
    said = {name: str(headers.get(name, "")).encode() for name in ("to", "from", "subject")}
    fields = {
        **said,
        "dkim": b"{@ruiz.example : pass}",
        "email": mail,
        "sender_ip": b"203.0.113.7",
        "spam_report": b"Spam detection software, running on the system ...",
        "spam_score": b"0.1",
        "envelope": json.dumps({"to": list(envelope_to), "from": envelope_from}).encode(),
        "charsets": json.dumps(dict.fromkeys(said, "UTF-8")).encode(),
        "SPF": b"pass",
    }
    return multipart(fields)


def multipart(fields: Mapping[str, bytes]) -> bytes:
    """Write form fields as they are, with `BOUNDARY` between them."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + value + b"\r\n"
        for name, value in fields.items()
    ]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def signature_headers(private_key: ec.EllipticCurvePrivateKey, body: bytes, at: datetime) -> dict[str, str]:
    """Sign a body as SendGrid does: ECDSA with SHA-256 over timestamp and body."""
    timestamp = str(int(at.timestamp()))
    signed = private_key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    return {
        "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signed).decode(),
    }


async def post_form(
    client: httpx.AsyncClient, private_key: ec.EllipticCurvePrivateKey, body: bytes, at: datetime
) -> httpx.Response:
    """Post a form as SendGrid would."""
    headers = {"Content-Type": CONTENT_TYPE, **signature_headers(private_key, body, at)}
    return await client.post(PATH, content=body, headers=headers)
