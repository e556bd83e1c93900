from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from channels.email_signature import sign_sendgrid, verify_sendgrid
from channels.simulator import KEY_FILE, SimulatorKeys
from channels.twilio_signature import sign, verify

NOW = datetime(2026, 11, 17, 15, 0, tzinfo=UTC)
URL = "https://agent.example/webhooks/twilio/messages"
PARAMS = [("Body", "Hola"), ("From", "+34600000001")]


def test_keys_loaded_twice_are_the_same(tmp_path: Path) -> None:
    first, second = SimulatorKeys.load(tmp_path / "home"), SimulatorKeys.load(tmp_path / "home")
    assert first.twilio == second.twilio
    assert first.email_public_key == second.email_public_key


def test_secret_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    SimulatorKeys.load(tmp_path)
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600


def test_racing_processes_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        tokens = {keys.twilio.value for keys in pool.map(lambda _: SimulatorKeys.load(tmp_path), range(32))}
    assert len(tokens) == 1


def test_keys_of_two_homes_differ(tmp_path: Path) -> None:
    one, other = SimulatorKeys.load(tmp_path / "one"), SimulatorKeys.load(tmp_path / "other")
    assert one.twilio.value != other.twilio.value
    assert one.twilio.account_sid != other.twilio.account_sid
    assert one.email_public_key != other.email_public_key


def test_token_signs_as_the_simulator_and_nobody_else() -> None:
    keys = SimulatorKeys.derive("a secret")
    headers = {"X-Twilio-Signature": sign(URL, PARAMS, keys.twilio)}
    signer = verify(URL, PARAMS, b"", headers, [keys.twilio])
    assert signer is not None
    assert signer.provider == "simulator"
    assert verify(URL, PARAMS, b"", headers, [SimulatorKeys.derive("another").twilio]) is None


def test_account_looks_like_one_of_twilio() -> None:
    sid = SimulatorKeys.derive("a secret").twilio.account_sid
    assert sid.startswith("AC")
    assert len(bytes.fromhex(sid[2:])) == 16


def test_mail_key_fits_its_public_half() -> None:
    keys = SimulatorKeys.derive("a secret")
    timestamp = str(int(NOW.timestamp()))
    signature = sign_sendgrid(keys.email_private_key, timestamp, b"a mail")
    assert verify_sendgrid(keys.email_public_key, timestamp, signature, b"a mail", now=NOW)
    assert not verify_sendgrid(keys.email_public_key, timestamp, signature, b"another", now=NOW)


def test_secrets_are_not_in_the_representation() -> None:
    keys = SimulatorKeys.derive("a secret")
    assert keys.twilio.value not in repr(keys)
