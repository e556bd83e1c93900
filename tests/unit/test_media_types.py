"""What a file is, by its content: a table of beginnings, and what is not kept whatever it claims."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import MediaRefused
from agent.media.types import MAX_MEDIA_BYTES, UNKNOWN, accept_type, detect_type
from tests.files import HTML, JPEG, MP4, OGG, PDF, PROGRAM, WEBP, png

TYPES = {
    "jpeg": (JPEG, "image/jpeg"),
    "png": (png(), "image/png"),
    "gif": (b"GIF89a\x01\0\x01\0", "image/gif"),
    "webp": (WEBP, "image/webp"),
    "heic": (b"\0\0\0\x18ftypheic\0\0\0\0", "image/heic"),
    "pdf": (PDF, "application/pdf"),
    "voice note": (OGG, "audio/ogg"),
    "mp3 with tags": (b"ID3\x04\0", "audio/mpeg"),
    "mp3 without": (b"\xff\xfb\x90\x00", "audio/mpeg"),
    "aac": (b"\xff\xf1\x50\x80", "audio/aac"),
    "amr": (b"#!AMR\n\x3c", "audio/amr"),
    "m4a": (b"\0\0\0\x20ftypM4A \0\0\0\0", "audio/mp4"),
    "wav": (b"RIFF\x24\0\0\0WAVEfmt ", "audio/wav"),
    "mp4": (MP4, "video/mp4"),
    "3gp": (b"\0\0\0\x18ftyp3gp4\0\0\0\0", "video/3gpp"),
    "mov": (b"\0\0\0\x14ftypqt  \0\0\0\0", "video/quicktime"),
    "webm": (b"\x1aE\xdf\xa3\x01", "video/webm"),
    "docx": (
        b"PK\x03\x04" + b"\0" * 26 + b"word/document.xml",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ),
    "zip": (b"PK\x03\x04" + b"\0" * 26 + b"a.txt", "application/zip"),
    "vcard": (b"BEGIN:VCARD\r\nVERSION:3.0", "text/vcard"),
    "html": (HTML, UNKNOWN),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", UNKNOWN),
    "text": (b"hello", UNKNOWN),
    "nothing": (b"", UNKNOWN),
}


@pytest.mark.parametrize(("content", "expected"), TYPES.values(), ids=TYPES.keys())
def test_type_is_told_by_the_content(content: bytes, expected: str) -> None:
    assert detect_type(content) == expected


KEPT = {
    "what it says": (JPEG, "image/jpeg", "image/jpeg"),
    "another picture than it says": (png(), "image/jpeg", "image/png"),
    "sound in a container of film": (MP4, "audio/mp4", "audio/mp4"),
    "document of no known type": (b"a,b\n1,2", "text/csv", UNKNOWN),
    "page as a document": (HTML, "text/html", UNKNOWN),
    "picture that claims nothing": (JPEG, "application/octet-stream", "image/jpeg"),
}


@pytest.mark.parametrize(("content", "announced", "expected"), KEPT.values(), ids=KEPT.keys())
def test_file_is_kept_as_what_it_is(content: bytes, announced: str, expected: str) -> None:
    assert accept_type(content, announced) == expected


REFUSED = {
    "page as a picture": (HTML, "image/jpeg", "says that it is image"),
    "document as a picture": (PDF, "image/png", "says that it is image"),
    "text as sound": (b"hello", "audio/ogg", "says that it is audio"),
    "program": (PROGRAM, "application/pdf", "program"),
    "script": (b"#!/bin/sh\nrm -rf ~", "text/plain", "program"),
    "nothing": (b"", "image/jpeg", "empty"),
    "too much": (JPEG + b"\0" * MAX_MEDIA_BYTES, "image/jpeg", "larger than"),
}


@pytest.mark.parametrize(("content", "announced", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_file_that_is_not_kept_is_refused_with_its_reason(content: bytes, announced: str, reason: str) -> None:
    with pytest.raises(MediaRefused, match=reason):
        accept_type(content, announced)


@given(st.binary(max_size=64))
def test_any_bytes_have_a_type(content: bytes) -> None:
    assert "/" in detect_type(content)
