"""What a mail server's refusal says of the address and of the mail, from its enhanced status code (RFC 3463)."""

import re

from agent.delivery.failures import Failure

_DEAD_ADDRESS = re.compile(r"5\.(?:1\.(?:[0-6]|10)|2\.1)")
"""No such mailbox, host or address; moved away; disabled. Not 5.1.7 and 5.1.8, which are about the sender's."""
_NOT_THIS_MAIL = re.compile(r"5\.(?:2\.3|3\.4|6\.\d{1,3})|552")
"""Too large, or of a form the server does not take."""


def mail_failure(code: str | None) -> Failure:
    """Return the class of a refusal for good. A policy (5.7) or a full mailbox (5.2.2) says nothing of the address."""
    if _DEAD_ADDRESS.fullmatch(code or ""):
        return "bad_address"
    return "content" if _NOT_THIS_MAIL.fullmatch(code or "") else "unknown"
