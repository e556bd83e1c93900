"""`nightshift parse-email`: what Nightshift reads in a mail file, as JSON. Stores nothing, needs no database."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from agent.batch import LANGUAGES
from agent.errors import BadRequest, Misconfigured
from agent.language import LanguageDetector
from channels.email_body import attachments
from channels.email_inbound import NOBODY, ReadMail, read_mail, recipients, references
from channels.email_mime import header, mailboxes, message_ids, read_headers
from channels.email_threads import split_token

STDIN = "-"
SUFFIXES = frozenset({".eml", ".mime", ".msg822", ".mail"})
DetectLanguage = Callable[[str], str | None]


FIELDS = ("text", "quoted", "html_text", "language", "auto_reply", "bounce", "thread", "attachments", "auth")
"""What is told of a mail unless everything is asked for."""


def run_parse_email(
    sources: Sequence[str], target: Path | None, authserv_ids: Sequence[str], console: Console, *, everything: bool
) -> int:
    """Read mail files and print one JSON object, or JSON Lines for several; return the exit code.

    An object has the fields of `FIELDS`; with `everything`, also who wrote to whom about what, the signature, the
    reason of `auto_reply`, an invitation, and why a person must read the mail.

    Raises:
        Misconfigured: a source does not exist, or holds no mail; or `target` cannot be written.
    """
    paths = list(_paths(sources))
    detect = _language_detector()
    single = len(paths) == 1 and len(sources) == 1 and not (sources[0] != STDIN and Path(sources[0]).is_dir())
    failed = 0
    lines: list[str] = []
    for path in paths:
        try:
            found = describe(_read(path), authserv_ids, detect)
            told = found if everything else {name: found[name] for name in FIELDS}
        except (BadRequest, OSError) as exc:
            failed += 1
            console.print(f"[red]{escape(path)}:[/red] {escape(str(exc))}")
            told = {"error": str(exc)}
            if single:
                return 1
        lines.append(
            json.dumps(told if single else {"file": path, **told}, ensure_ascii=False, indent=2 if single else None)
        )
    _write("\n".join(lines) + "\n", target)
    if not single:
        console.print(f"{len(paths)} mails read{f', {failed} of them in vain' if failed else ''}.")
    return 1 if failed else 0


def _paths(sources: Sequence[str]) -> Iterator[str]:
    for source in sources:
        if source == STDIN:
            yield source
            continue
        path = Path(source)
        if path.is_dir():
            found = sorted(each for each in path.rglob("*") if each.is_file() and each.suffix.lower() in SUFFIXES)
            if not found:
                raise Misconfigured(f"{source} holds no mail (*.eml).", "Name a file, or a directory with .eml files.")
            yield from map(str, found)
        elif path.is_file():
            yield source
        else:
            raise Misconfigured(f"{source} does not exist.", "Name a file, a directory, or - for standard input.")


def _read(path: str) -> bytes:
    raw = sys.stdin.buffer.read() if path == STDIN else Path(path).read_bytes()
    if not raw.strip():
        raise BadRequest("There is no mail in it: it is empty.")
    return raw


def _write(text: str, target: Path | None) -> None:
    if target is None:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
        return
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise Misconfigured(f"{target} cannot be written: {exc.strerror}.", "Give --out another path.") from exc


def _language_detector() -> DetectLanguage:
    detector = LanguageDetector.load()
    return lambda text: detector.detect(text, languages=LANGUAGES).language if text.strip() else None


def describe(raw: bytes, authserv_ids: Sequence[str], detect: DetectLanguage) -> dict[str, Any]:
    """Say all that a mail says, as JSON-safe data; the fields are described in `nightshift parse-email --help`.

    Raises:
        BadRequest: it has neither headers nor anything else of a mail.
    """
    headers = read_headers(raw)
    if not headers.keys():
        raise BadRequest("It has no headers, so it is no mail.")
    ours = recipients(raw, [])
    read = read_mail(raw, envelope_from=None, ours=[], authserv_ids=authserv_ids)
    split = read.body.split
    return {
        "from": {"address": read.sender.address, "name": read.sender.name} if read.sender != NOBODY else None,
        "to": [box.address for box in mailboxes(headers, "To")],
        "subject": header(headers, "Subject"),
        "text": read.text,
        "quoted": split.quoted,
        "signature": split.signature,
        "html_text": read.body.html_text,
        "language": detect(read.text),
        "auto_reply": read.automatic is not None,
        "automatic": read.automatic,
        "bounce": asdict(read.bounce) if read.bounce else None,
        "thread": _thread(read, ours),
        "attachments": _attachments(read),
        "auth": {**asdict(read.auth), "trust": read.auth.trust},
        "invitation": asdict(read.invitation) if read.invitation else None,
        "hold": read.hold or None,
    }


def _thread(read: ReadMail, ours: Sequence[str]) -> dict[str, Any]:
    answered = message_ids(header(read.mail, "In-Reply-To"))
    stated = message_ids(header(read.mail, "Message-ID"))
    return {
        "message_id": stated[0] if stated else None,
        "in_reply_to": answered[0] if answered else None,
        "references": list(references(read.mail)),
        "token": next((token for _, token in map(split_token, ours) if token), None),
    }


def _attachments(read: ReadMail) -> list[dict[str, Any]]:
    return [
        {
            "filename": each.filename,
            "content_type": each.content_type,
            "size": each.size,
            "inline": bool(each.url),
            "content_id": each.url.removeprefix("cid:") or None,
        }
        for each in attachments(read.mail)
    ]
