"""The disk spool: whole files in order, bounded, private, and nothing that is broken in the way of the rest."""

import os
import stat
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.spool import Spool, SpoolFull, Torn, Webhook, _decode, _encode

AT = datetime(2026, 11, 22, 3, 0, 0, 123456, tzinfo=UTC)


def webhook(body: bytes = b"Body=Hola", *, at: datetime = AT, **fields: object) -> Webhook:
    return Webhook(kind="twilio_message", provider="twilio", body=body, received_at=at, **fields)  # type: ignore[arg-type]  # of the type's own


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", max_bytes=10_000, max_files=10)


@given(body=st.binary(), query=st.binary(), content_type=st.text())
def test_any_request_comes_back_as_it_was(body: bytes, query: bytes, content_type: str) -> None:
    given_ = webhook(body, query=query, content_type=content_type)
    assert _decode(_encode(given_)) == given_


def test_order_is_that_of_receipt_whoever_wrote_first(spool: Spool) -> None:
    other = Spool(spool.directory, max_bytes=10_000, max_files=10)
    for place in (3, 1, 2, 0):
        (spool if place % 2 else other).append(webhook(b"%d" % place, at=AT + timedelta(milliseconds=place)))
    assert [spool.read(name).body for name in spool.names()] == [b"0", b"1", b"2", b"3"]


def test_files_of_one_instant_are_kept_apart_and_in_order(spool: Spool) -> None:
    names = [spool.append(webhook(b"same")) for _ in range(3)]
    assert spool.names() == names


def test_only_its_owner_may_read_what_prospects_wrote(spool: Spool) -> None:
    name = spool.append(webhook())
    spool.set_aside(spool.append(webhook(b"other")), "why")
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (spool.directory, spool.directory / name)}
    assert list(modes.values()) == [0o700, 0o600]
    aside = [stat.S_IMODE(path.stat().st_mode) for path in (spool.directory / "aside").iterdir()]
    assert aside == [0o600, 0o600]


@pytest.mark.parametrize("cut", [0, 1, 30, 90, 120, -1])
def test_torn_file_is_recognised_and_does_not_stop_the_rest(spool: Spool, cut: int) -> None:
    first = spool.append(webhook())
    spool.append(webhook(b"next", at=AT + timedelta(seconds=1)))
    content = (spool.directory / first).read_bytes()
    (spool.directory / first).write_bytes(content[:cut])
    with pytest.raises(Torn):
        spool.read(first)
    spool.set_aside(first, "cut short")
    assert [spool.read(name).body for name in spool.names()] == [b"next"]
    assert spool.reasons() == {first: "cut short"}


def test_file_of_another_release_is_torn_not_a_crash(spool: Spool) -> None:
    content = _encode(webhook()).replace(b"twilio_message", b"twilio_massage")
    with pytest.raises(Torn, match="checksum"):
        _decode(content)


def test_file_that_a_dead_process_left_half_written_goes_aside(spool: Spool) -> None:
    fresh, stale = spool.directory / "1.part", spool.directory / "0.part"
    for path in (fresh, stale):
        path.write_bytes(b"night")
    os.utime(stale, (time.time() - 3600, time.time() - 3600))
    assert spool.names() == []
    assert spool.is_empty()
    assert (fresh.exists(), stale.exists()) == (True, False)
    assert list(spool.reasons()) == ["0.part"]


def test_bound_in_files_counts_what_is_set_aside(spool: Spool) -> None:
    for place in range(10):
        spool.append(webhook(b"%d" % place))
    spool.set_aside(spool.names()[0], "why")
    with pytest.raises(SpoolFull, match="10 files"):
        spool.append(webhook(b"one too many"))
    assert spool.measure().files == 9


def test_bound_in_bytes_holds_and_room_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("channels.spool.COUNT_S", 0.0)
    spool = Spool(tmp_path / "spool", max_bytes=1_500, max_files=10)
    name = spool.append(webhook(bytes(1_000)))
    with pytest.raises(SpoolFull):
        spool.append(webhook(bytes(1_000)))
    spool.remove(name)
    spool.append(webhook(bytes(1_000)))


def test_disk_that_refuses_leaves_nothing_behind(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        spool.append(webhook())
    assert [path.name for path in spool.directory.iterdir()] == ["aside"]


def test_one_drains_at_a_time_and_another_may_after(spool: Spool) -> None:
    other = Spool(spool.directory, max_bytes=10_000, max_files=10)
    with spool.draining() as mine, other.draining() as theirs:
        assert (mine, theirs) == (True, False)
    with other.draining() as theirs:
        assert theirs


def test_fault_keeps_a_webhook_aside_once_however_often_it_is_sent(spool: Spool) -> None:
    for _ in range(3):
        spool.keep_aside(webhook(), "KeyError: 'x'")
    assert (spool.measure().files, spool.measure().set_aside) == (0, 1)
    assert list(spool.reasons().values()) == ["KeyError: 'x'"]


def test_state_tells_number_size_and_age(spool: Spool) -> None:
    assert (spool.measure().oldest_at, spool.is_empty()) == (None, True)
    spool.append(webhook(at=AT + timedelta(seconds=9)))
    spool.append(webhook())
    state = spool.measure()
    assert (state.files, state.oldest_at, spool.is_empty()) == (2, AT, False)
    assert state.bytes == 2 * len(_encode(webhook()))


def test_directory_that_is_cleared_away_is_made_again(spool: Spool) -> None:
    for path in (spool.directory / "aside", spool.directory):
        path.rmdir()
    assert spool.is_empty()
    assert spool.read(spool.append(webhook())) == webhook()


def test_file_that_is_moved_back_is_tried_again(spool: Spool) -> None:
    name = spool.append(webhook())
    spool.set_aside(name, "unknown recipient")
    (spool.directory / "aside" / name).rename(spool.directory / name)
    assert [spool.read(each) for each in spool.names()] == [webhook()]
