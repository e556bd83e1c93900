"""What `nightshift doctor` says of files and voice notes."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from agent.settings import Settings
from jobs.doctor_media import check_media

SUPABASE = {"supabase_url": "https://x.supabase.co"}
CASES: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    "nothing set": ({}, [("ok", "files"), ("note", "voice notes")]),
    "transcriber": ({"nightshift_transcriber_url": "http://127.0.0.1:9000"}, [("ok", "files")]),
    "Supabase": (
        {**SUPABASE, "supabase_secret_key": SecretStr("sb_secret_x")},
        [("ok", "files"), ("note", "voice notes")],
    ),
    "half of Supabase": (SUPABASE, [("bad", "files"), ("note", "voice notes")]),
}


@pytest.mark.parametrize(("set_to", "expected"), CASES.values(), ids=CASES.keys())
def test_settings_are_judged(tmp_path: Path, set_to: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    settings = Settings(_env_file=None, nightshift_home=tmp_path, **set_to)
    assert [(each.level, each.subject) for each in check_media(settings)] == expected


def test_place_that_takes_no_files_is_told(tmp_path: Path) -> None:
    (tmp_path / "media").write_text("a file where the directory should be")
    (files, _) = check_media(Settings(_env_file=None, nightshift_home=tmp_path))
    assert files.level == "bad"
    assert "cannot be kept" in files.text
