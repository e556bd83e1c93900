"""Calendar invitations in mails (iTIP, RFC 5546; iCalendar, RFC 5545): what a person would want to know of them."""

import re
from dataclasses import dataclass
from email.message import EmailMessage

from channels.email_mime import PARSER_FAULTS, clean_text, leaves, payload

_READ_BYTES = 200_000
_ESCAPES = {"n": " ", "N": " ", ",": ",", ";": ";", "\\": "\\"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Invitation:
    """The first event of a calendar part. `method` is REQUEST, CANCEL, REPLY …, in upper case."""

    method: str
    summary: str = ""
    starts: str = ""
    """As written: local or UTC (`…Z`), with the zone's name where there is one."""
    location: str = ""
    answer: str = ""
    """ACCEPTED, DECLINED or TENTATIVE, of a REPLY."""

    def __str__(self) -> str:
        """In one line, for staff and the agent."""
        told = ", ".join(part for part in (self.summary, self.starts, self.location, self.answer) if part)
        return f"[{self.method}] {told}".strip()


def read_invitation(mail: EmailMessage) -> Invitation | None:
    """Return what the mail's calendar part asks for; None: it has none, or one that asks for nothing."""
    for part in leaves(mail):
        if part.get_content_type() == "text/calendar":
            try:
                stated = str(part.get_param("method") or "")
            except PARSER_FAULTS:
                stated = ""
            invitation = _read(clean_text(payload(part)[:_READ_BYTES].decode("utf-8", "replace")), stated)
            if invitation.method != "PUBLISH":
                return invitation
    return None


def _read(text: str, stated: str) -> Invitation:
    fields: dict[str, tuple[str, str]] = {}
    answer, within = "", ""
    for line in re.sub(r"\n[ \t]", "", text).split("\n"):
        head, found, value = line.partition(":")
        name, _, parameters = head.partition(";")
        name = name.strip().upper()
        if name in ("BEGIN", "END"):
            within = value.strip().upper() if name == "BEGIN" else ""
        elif found and name not in fields and within in ("", "VCALENDAR", "VEVENT"):
            fields[name] = (_unescaped(value.strip())[:300], parameters)
        if name == "ATTENDEE" and (status := re.search(r"PARTSTAT=([A-Z-]+)", parameters.upper())):
            answer = status[1]
    method = (fields.get("METHOD", (stated, ""))[0] or "PUBLISH").upper()[:20]
    starts, zone = fields.get("DTSTART", ("", ""))
    named = re.search(r"TZID=\"?([^\";:]{1,60})", zone)
    return Invitation(
        method=method,
        summary=fields.get("SUMMARY", ("", ""))[0],
        starts=_readable(starts) + (f" {named[1]}" if named else ""),
        location=fields.get("LOCATION", ("", ""))[0],
        answer=answer if method == "REPLY" else "",
    )


def _unescaped(value: str) -> str:
    return re.sub(r"\\([nN,;\\])", lambda match: _ESCAPES[match[1]], value)


def _readable(stamp: str) -> str:
    """`20261120T101500Z` as `2026-11-20 10:15Z`; what is no such stamp as it is."""
    return re.sub(r"^(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)\d\d)?", _dated, stamp)[:40]


def _dated(match: re.Match[str]) -> str:
    day = f"{match[1]}-{match[2]}-{match[3]}"
    return f"{day} {match[4]}:{match[5]}" if match[4] else day
