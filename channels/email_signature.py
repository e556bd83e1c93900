"""SendGrid's webhook signature: ECDSA P-256 with SHA-256 over timestamp + raw body, before anything is parsed."""

import base64
import binascii
from datetime import datetime

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

MAX_AGE_S = 73 * 3600
"""SendGrid retries a refused mail for 3 days. Replays within it are harmless: a Message-ID counts once."""
MAX_SKEW_S = 300
_SCHEME = ec.ECDSA(hashes.SHA256())


def verify_sendgrid(
    public_key: str,
    timestamp: str,
    signature: str,
    body: bytes,
    *,
    now: datetime,
    max_age_s: float = MAX_AGE_S,
) -> bool:
    """Whether `body` was signed by the owner of the key, at most `max_age_s` seconds ago. Never raises.

    Args:
        public_key: as SendGrid shows it: base64 of the DER key, or PEM.
        timestamp: header `X-Twilio-Email-Event-Webhook-Timestamp`, Unix seconds.
        signature: header `X-Twilio-Email-Event-Webhook-Signature`, base64.
    """
    key = _load_public_key(public_key)
    if key is None or not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    if not -MAX_SKEW_S <= now.timestamp() - int(timestamp) <= max_age_s:
        return False
    try:
        key.verify(base64.b64decode(signature, validate=True), timestamp.encode() + body, _SCHEME)
    except (InvalidSignature, ValueError):
        return False
    return True


def sign_sendgrid(private_key: ec.EllipticCurvePrivateKey, timestamp: str, body: bytes) -> str:
    """Sign as SendGrid does: for the simulator and tests."""
    return base64.b64encode(private_key.sign(timestamp.encode() + body, _SCHEME)).decode("ascii")


def as_sendgrid_shows(key: ec.EllipticCurvePublicKey) -> str:
    """Return a public key in the form that SendGrid shows: base64 of its DER."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode("ascii")


def _load_public_key(text: str) -> ec.EllipticCurvePublicKey | None:
    try:
        if "-----BEGIN" in text:
            key = serialization.load_pem_public_key(text.encode())
        else:
            key = serialization.load_der_public_key(base64.b64decode("".join(text.split()), validate=True))
    except (ValueError, UnsupportedAlgorithm, binascii.Error):
        return None
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    return None
