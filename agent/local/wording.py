"""What of a message goes into the classifier: bounded, in full words, without greeting line and signature."""

import re

from agent.language import chat_words

MAX_CHARS = 1_200
"""Longer messages keep their beginning and their end, where people say what they want."""

_WORD_OR_REST = re.compile(r"[\w/']+|[^\w/']+")
_UNSAFE = re.compile(r"[\x00\ud800-\udfff]")
_SALUTATION = re.compile(
    r"^(?:dear|hi|hello|hey|hola|buen[oa]s?|estimad[oa]s?|ol[aá]|oi|bom dia|boa (?:tarde|noite)|prezad[oa]s?"
    r"|exmos?|car[oa]s?)\b[^\n]{0,40}\n+",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"\n+\s*(?:many thanks|thank(?:s| you|ing you)|(?:kind |best |warm )?regards|best|cheers|warmly|yours"
    r"|sincerely|(?:muchas )?gracias|(?:un (?:cordial )?)?saludos?|(?:un |muchos )?(?:abrazos?|besos?)|atte|att"
    r"|atentamente|cordialmente|atenciosamente|obrigad[oa]|(?:(?:com os )?melhores )?cumprimentos"
    r"|abra[cç]os?|abs|bjs?|beijos?|grat[oa])\b[^\n]{0,30}(?:\n[\s\S]{0,60})?$",
    re.IGNORECASE,
)
_SIGNATURE = re.compile(r"\n[^\n.?!]{1,40}$")


class Wording:
    """Prepares texts. Holds the chat words of each language."""

    def __init__(self) -> None:
        self._in_full = chat_words()

    def prepare(self, text: str, language: str) -> str:
        """Return the telling part of `text` with chat words of `language` in full ("vc" → "você")."""
        known = self._in_full.get(language, {})
        pieces = _WORD_OR_REST.findall(body(bounded(text)))
        return "".join(known.get(piece.lower(), piece) for piece in pieces)


def bounded(text: str) -> str:
    """Return `text` without what breaks encoders, cut in the middle to `MAX_CHARS`."""
    safe = _UNSAFE.sub(" ", text if len(text) <= 2 * MAX_CHARS else text[:MAX_CHARS] + text[-MAX_CHARS:])
    if len(safe) <= MAX_CHARS:
        return safe
    return f"{safe[: MAX_CHARS // 2]} … {safe[-MAX_CHARS // 2 :]}"


def body(text: str) -> str:
    """Return a letter without its salutation and closing; text on one line stays as it is."""
    if "\n" not in text:
        return text
    opened = _SALUTATION.sub("", text)
    closed = _CLOSING.sub("", opened)
    if closed == opened and "\n\n" in text:
        closed = _SIGNATURE.sub("", opened)
    return closed.strip() or text
