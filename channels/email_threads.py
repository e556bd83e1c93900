"""The address that names a thread: `hola+TOKEN@lumen.example`, or `reply+TOKEN@…`, put into our Reply-To.

A token only finds a thread. Who may join it is decided by who writes (`agent.mail.sender_trust`).
"""

import re

from channels.email_mime import normalise_address

TOKEN = re.compile(r"[a-z2-7]{26}")
"""As `agent.store.mail` makes them: 130 random bits that survive any change of case."""
_TAGGED = re.compile(r"(?P<base>[^+]{1,60})\+(?P<tag>[^+@]{1,60})")
_ANY_TOKEN = re.compile(r"[a-z0-9_-]{6,60}")


def reply_address(ours: str, token: str) -> str:
    """Return our address with a thread's token."""
    local, _, domain = ours.partition("@")
    return f"{local}+{token}@{domain}"


def split_token(address: str) -> tuple[str, str | None]:
    """Return an address without its token, and the token; an address without one stays as it is."""
    local, _, domain = (normalise_address(address) or address).partition("@")
    match = _TAGGED.fullmatch(local)
    if match is None:
        return address, None
    tag = match["tag"].lower()
    is_token = TOKEN.fullmatch(tag) is not None or (match["base"].lower() == "reply" and _ANY_TOKEN.fullmatch(tag))
    return (f"{match['base']}@{domain}", tag) if is_token else (address, None)
