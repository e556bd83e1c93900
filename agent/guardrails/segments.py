"""How many parts an SMS is billed and carried as.

Source: 3GPP TS 23.038 (GSM 7-bit alphabet) and TS 23.040 (concatenation). One character outside the
alphabet turns the whole message into UCS-2. A two-unit character is never split between parts.
"""

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")
_GSM7 = _BASIC | _EXTENDED


def count_segments(text: str) -> int:
    """Return the number of SMS parts `text` needs; 0 for an empty one."""
    if not _GSM7.issuperset(text):
        return _parts([2 if ord(character) > 0xFFFF else 1 for character in text], single=70, part=67)
    return _parts([2 if character in _EXTENDED else 1 for character in text], single=160, part=153)


def _parts(widths: list[int], *, single: int, part: int) -> int:
    if sum(widths) <= single:
        return 1 if widths else 0
    parts, used = 1, 0
    for width in widths:
        if used + width > part:
            parts, used = parts + 1, 0
        used += width
    return parts
