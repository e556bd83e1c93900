"""Random and mutated webhooks (10,000 in `make soak`): each is taken or refused, no 5xx, nothing is left half-done.

Seeded: a failure names its case, and `make_case` makes that case again.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from random import Random
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from agent.store.db import Tx, fetch_one
from agent.tenant.file import TenantFile
from tests.conftest import FakeClock
from tests.doubles.sendgrid_webhooks import CONTENT_TYPE, PATH, make_mail, raw_form, signature_headers
from tests.doubles.twilio_webhooks import ACCOUNT_SID, inbound_params, signature
from tests.integration.tenant_rows import Rows

SEED = 20261121
CASES, SOAK_CASES = 1_000, 10_000
AT_ONCE = 4
PUBLIC_URL = "https://agent.example"
FORM = "application/x-www-form-urlencoded"
ADDRESSES = ("whatsapp:+34910555012", "+12025550112", "whatsapp:+525555500134", "+12025550134")
MAILBOXES = ("hola@lumen.example", "ventas@verdesolar.example", "x@lumen.example")
NASTY = (
    "",
    "\0",
    "\ud800",
    "\udfff\ud800",
    "\U0010ffff\ufffe\u202e",
    "x" * 5_000,
    " \r\n\t\u2028 ",
    "whatsapp:",
    "whatsapp:+",
    "whatsapp:US.1349120865530",
    "whatsapp:+٣٤٦٠٠٠٠٠٠٠١",
    "+99999999999999999999",
    "12345",
    "-1",
    "1e999",
    "NaN",
    "'; drop table messages; --",
    "%s %(x)s {x} {{price}}",
    '{"a": [1, {"b": "\\u0000"}]}',
    "[" * 500,
    "SM" + "f" * 32,
    "https://x.example/\0",
    "javascript:alert(1)",
    "STOP",
    "👍🏽" * 50,
)
ALLOWED = {200, 204, 400, 403, 404, 413, 415}


def rich_mail(charset: str) -> bytes:
    """Return a mail of three parts, with headers that need encoding."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Cc"] = "Añá <ana@ruiz.example>", MAILBOXES[0], ", ".join(MAILBOXES[1:])
    mail["Subject"], mail["References"], mail["Message-ID"] = "¿Precio? 👍", "<a@x> <b@x>", "<NUMBER@ruiz.example>"
    mail.set_content("¿Cuánto cuesta?", charset=charset, cte="base64")
    mail.add_alternative("<p>¿Cuánto <b>cuesta</b>?</p>", subtype="html")
    mail.add_attachment(b"\0\xff" * 100, maintype="image", subtype="png", filename="ñ.png")
    return mail.as_bytes()


MAILS = (
    *(make_mail(text, From="Ana <aNUMBER@ruiz.example>") for text in ("Hola", "Olá!\n> citado", "x" * 30_000)),
    *(make_mail(text, **{"Message-ID": "<NUMBER@ruiz.example>"}) for text in ("Hola", "Hello\n\n-- \nAna")),
    *(rich_mail(charset) for charset in ("utf-8", "utf-16", "iso-8859-15")),
)
"""What mail is mutated from; `NUMBER` becomes one of a few numbers, so that contacts and duplicates come up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One request, as bytes."""

    url: str
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What an attacker with the right keys could know."""

    tenant: UUID
    message: UUID
    mail_key: ec.EllipticCurvePrivateKey
    now: FakeClock


# --- mutations -------------------------------------------------------------------------------------------------


def mutate_bytes(rng: Random, body: bytes) -> bytes:
    """Change, cut, repeat or replace a few bytes."""
    mutated = bytearray(body)
    for _ in range(rng.choice((0, 0, 0, 0, 0, 1, 3, 20))):
        at = rng.randrange(len(mutated) + 1)
        match rng.randrange(5):
            case 0:
                mutated[at : at + 1] = rng.randbytes(1)
            case 1:
                mutated[at:at] = rng.choice((b"\0", b"\xff", b"%ED%A0%80", b"%00", b"\r\n", b"--", b"&", b"=", b"%"))
            case 2:
                del mutated[at : at + rng.randrange(40)]
            case 3:
                mutated[at:at] = mutated[max(0, at - rng.randrange(40)) : at]
            case _:
                mutated[at:at] = rng.randbytes(rng.randrange(8))
    return bytes(mutated)


def mutate_params(rng: Random, params: Mapping[str, str]) -> list[tuple[str, str]]:
    """Drop, repeat, rename and replace a few fields."""
    pairs = list(params.items())
    for _ in range(rng.choice((0, 0, 1, 1, 2, 5))):
        at = rng.randrange(len(pairs))
        name, value = pairs[at]
        match rng.randrange(5):
            case 0 if len(pairs) > 1:
                del pairs[at]
            case 1:
                pairs.insert(rng.randrange(len(pairs) + 1), (name, rng.choice(NASTY)))
            case 2:
                pairs.append((rng.choice(NASTY), value))
            case 3:
                pairs[at] = (name, value + rng.choice(NASTY))
            case _:
                pairs[at] = (name, rng.choice(NASTY))
    return pairs


def twilio_case(rng: Random, path: str, params: Mapping[str, str]) -> Case:
    body = mutate_bytes(rng, urlencode(mutate_params(rng, params), errors="surrogatepass").encode())
    url = f"{PUBLIC_URL}{path}"
    read = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    kind = FORM if rng.random() < 0.9 else rng.choice((f"{FORM}; charset=latin-1", "text/plain", ""))
    headers = {"Content-Type": kind}
    if rng.random() < 0.85:
        headers["X-Twilio-Signature"] = signature(url, read) if rng.random() < 0.95 else rng.choice(("", "=", "é"))
    return Case(url=url, body=body, headers=headers)


def message_case(rng: Random, known: Known) -> Case:
    person = f"+346{rng.randrange(200):08d}"
    to = rng.choice(ADDRESSES)
    sender = f"whatsapp:{person}" if to.startswith("whatsapp") else person
    sid = f"SM{rng.randrange(3_000):032x}"
    params = inbound_params(rng.choice(("Hola", "¿Precio?", *NASTY)), From=sender, To=to, MessageSid=sid)
    return twilio_case(rng, "/webhooks/twilio/messages", params)


def status_case(rng: Random, known: Known) -> Case:
    other = str(UUID(int=rng.getrandbits(128)))
    tenant = str(known.tenant) if rng.random() < 0.7 else rng.choice((other, "x", "٣" * 32, ""))
    message = str(known.message) if rng.random() < 0.7 else rng.choice((other, "%00", ""))
    status = rng.choice(("queued", "sent", "delivered", "read", "undelivered", "x"))
    params = {"AccountSid": ACCOUNT_SID, "MessageSid": f"SM{rng.randrange(9):032x}", "MessageStatus": status}
    path = f"/webhooks/twilio/status?{urlencode({'t': tenant, 'm': message})}"
    return twilio_case(rng, path, {**params, "ErrorCode": rng.choice(("", "30003", *NASTY))})


def mail_case(rng: Random, known: Known) -> Case:
    mail = rng.choice(MAILS).replace(b"NUMBER", b"%d" % rng.randrange(2_000))
    to = rng.choice(([rng.choice(MAILBOXES)], list(MAILBOXES), [], [rng.choice(NASTY)]))
    form = raw_form(mutate_bytes(rng, mail), to, rng.choice(("ana@ruiz.example", *NASTY)))
    body = mutate_bytes(rng, form) if rng.random() < 0.3 else form
    headers = {"Content-Type": CONTENT_TYPE if rng.random() < 0.95 else "multipart/form-data; boundary=é"}
    if rng.random() < 0.9:
        headers |= signature_headers(known.mail_key, body, known.now())
    return Case(url=f"{PUBLIC_URL}{PATH}", body=body, headers=headers)


KINDS: tuple[Callable[[Random, Known], Case], ...] = (message_case, message_case, status_case, mail_case)


def make_case(number: int, known: Known) -> Case:
    """Make one case: the same for the same number and seed."""
    rng = Random(f"{SEED}:{number}")
    return KINDS[number % len(KINDS)](rng, known)


# --- the test --------------------------------------------------------------------------------------------------

UNFINISHED = """
with ours as (select * from conversations where tenant_id = any(%(tenants)s))
select (select count(*) from ours where turn_state = 'queued' and not exists (
            select from jobs.procrastinate_jobs j where j.status = 'todo' and j.task_name = 'turn'
            and j.args = jsonb_build_object('tenant_id', ours.tenant_id, 'conversation_id', ours.id))) as without_job,
       (select count(*) from ours where turn_state <> 'queued') as without_turn,
       (select count(*) from jobs.procrastinate_jobs
        where not exists (select from ours where id = (args->>'conversation_id')::uuid)
          and not exists (select from media where message_id = (args->>'message_id')::uuid)) as jobs_for_nothing,
       (select count(*) from ours where not exists (
            select from messages where conversation_id = ours.id)) as empty_conversations,
       (select count(*) from contacts where tenant_id = any(%(tenants)s) and not exists (
            select from ours where contact_id = contacts.id)) as contacts_without_conversation,
       (select count(*) from messages m where tenant_id = any(%(tenants)s) and not exists (
            select from events where message_id = m.id and kind = 'message.received')) as messages_without_event
"""


async def send(client: httpx.AsyncClient, case: Case) -> int:
    headers = {name.encode(): value.encode() for name, value in case.headers.items()}
    path = httpx.URL(case.url).raw_path.decode()
    return (await client.post(path, content=case.body, headers=headers)).status_code


@pytest.mark.timeout(180)
async def test_mutated_webhooks_are_taken_or_refused(
    soak: bool,
    client: httpx.AsyncClient,
    admin: Tx,
    clock: FakeClock,
    a: Rows,
    lumen: TenantFile,
    verdesolar: TenantFile,
    mail_keypair: tuple[ec.EllipticCurvePrivateKey, str],
) -> None:
    cases = SOAK_CASES if soak else CASES
    known = Known(tenant=a.tenant, message=a.sent, mail_key=mail_keypair[0], now=clock)
    seen: Counter[tuple[str, int]] = Counter()

    async def send_every(first: int) -> None:
        for number in range(first, cases, AT_ONCE):
            status = await send(client, make_case(number, known))
            seen[KINDS[number % len(KINDS)].__name__, status] += 1
            assert status in ALLOWED, f"case {number} of seed {SEED} was answered with {status}"

    await asyncio.gather(*(send_every(first) for first in range(AT_ONCE)))

    for taken in (("message_case", 200), ("status_case", 204), ("mail_case", 200)):
        assert seen[taken] > cases / 40, f"too few got through to prove anything: {seen}"
    row = await fetch_one(admin, UNFINISHED, {"tenants": [lumen.tenant.id, verdesolar.tenant.id]})
    assert row is not None
    assert {name: count for name, count in row.items() if count} == {}
