"""What a file is, by its first bytes, and whether we keep it. What headers and names claim decides nothing.

Signatures are those of the formats' own specifications; the list holds what people send, not all there is.
"""

from agent.errors import MediaRefused

MAX_MEDIA_BYTES = 16 * 1024 * 1024
"""What WhatsApp carries at most."""
IMAGE_TYPES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
"""Pictures that models can look at, and browsers may show."""
MAX_IMAGE_BYTES = 3_750_000
"""A larger picture is no model's to see: in base64 it would pass 5 MB, the limit of the API."""
UNKNOWN = "application/octet-stream"

_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"OggS", "audio/ogg"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"#!AMR", "audio/amr"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (0, b"BEGIN:VCARD", "text/vcard"),
    (0, b"BEGIN:VCALENDAR", "text/calendar"),
)
_PROGRAMS = (b"MZ", b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"#!/")
_RIFF = {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}
_OFFICE = {
    b"word/": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    b"xl/": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    b"ppt/": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}


def detect_type(content: bytes) -> str:
    """Return the media type of a file by its content, or `application/octet-stream`. Text is not told apart."""
    if content[:4] == b"RIFF":
        return _RIFF.get(content[8:12], UNKNOWN)
    if content[4:8] == b"ftyp":
        return _iso_media(content[8:12])
    if len(content) > 1 and content[0] == 0xFF and content[1] in (0xFB, 0xF3, 0xF2, 0xF1, 0xF9):
        return "audio/mpeg" if content[1] in (0xFB, 0xF3, 0xF2) else "audio/aac"
    found = next((kind for at, mark, kind in _SIGNATURES if content.startswith(mark, at)), UNKNOWN)
    return _packed(content) if found == "application/zip" else found


def _iso_media(brand: bytes) -> str:
    if brand[:3] == b"M4A":
        return "audio/mp4"
    if brand[:3] == b"3gp":
        return "video/3gpp"
    if brand in (b"heic", b"heix", b"mif1", b"avif"):
        return "image/avif" if brand == b"avif" else "image/heic"
    return "video/quicktime" if brand == b"qt  " else "video/mp4"


def _packed(content: bytes) -> str:
    """Tell office documents from other archives by the names of the files within."""
    return next((kind for name, kind in _OFFICE.items() if name in content[:8_000]), "application/zip")


def accept_type(content: bytes, announced: str) -> str:
    """Return the type under which a file is kept.

    Raises:
        MediaRefused: it is empty or too large, a program, or no picture, sound or film although it claims to be one.
    """
    if not content:
        raise MediaRefused("the file is empty")
    if len(content) > MAX_MEDIA_BYTES:
        raise MediaRefused(f"the file is larger than {MAX_MEDIA_BYTES} bytes")
    if content.startswith(_PROGRAMS):
        raise MediaRefused("the file is a program")
    found, claimed = detect_type(content), announced.lower().partition("/")[0]
    if claimed == "audio" and found in ("video/mp4", "video/3gpp", "video/webm"):
        return f"audio/{found.partition('/')[2]}"  # the same containers hold sound alone
    if claimed in ("image", "audio", "video") and found.partition("/")[0] not in ("image", "audio", "video"):
        raise MediaRefused(f"the file says that it is {claimed}, and is not")
    return found
