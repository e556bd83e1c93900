"""`nightshift parse-email`: one mail as an object, several as lines, and errors that say what to do."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from jobs.cli import app
from tests.unit.mail_clients import samples
from tests.unit.mail_reports import POSTFIX

FIELDS = ["text", "quoted", "html_text", "language", "auto_reply", "bounce", "thread", "attachments", "auth"]
MORE = {"from", "to", "subject", "signature", "automatic", "invitation", "hold"}
MAIL = next(sample for sample in samples() if sample.name == "gmail-es-top-both").mail.as_bytes()


def run(*arguments: str, stdin: bytes = b"") -> Any:
    return CliRunner().invoke(app, ["parse-email", *arguments], input=stdin)


def test_one_mail_gives_one_object(tmp_path: Path) -> None:
    file = tmp_path / "mail.eml"
    file.write_bytes(MAIL)
    result = run("--in", str(file))
    told = json.loads(result.stdout)
    assert result.exit_code == 0
    assert list(told) == FIELDS
    assert told["text"].startswith("Hola Marta, gracias")
    assert "escribió" in told["quoted"]
    assert "escribió" in told["html_text"]
    assert (told["language"], told["auto_reply"], told["bounce"]) == ("es", False, None)


def test_standard_input_is_read() -> None:
    told = json.loads(run("--in", "-", stdin=POSTFIX).stdout)
    assert (told["auto_reply"], told["bounce"]["status"]) == (True, "5.1.1")


def test_everything_is_told_when_asked_for() -> None:
    told = json.loads(run("--all", "--in", "-", stdin=POSTFIX).stdout)
    assert told.keys() == {*FIELDS, *MORE}
    assert told["automatic"] == "bounce"


def test_directory_and_several_files_give_lines_and_bad_ones_an_error(tmp_path: Path) -> None:
    folder, single, target = tmp_path / "in", tmp_path / "single.eml", tmp_path / "out.jsonl"
    folder.mkdir()
    for name, content in (("a.eml", MAIL), ("b.eml", b""), ("ignored.txt", MAIL)):
        (folder / name).write_bytes(content)
    single.write_bytes(MAIL)
    result = run("--in", str(folder), "--in", str(single), "--out", str(target))
    lines = [json.loads(line) for line in target.read_text().splitlines()]
    assert result.exit_code == 1
    assert [Path(line["file"]).name for line in lines] == ["a.eml", "b.eml", "single.eml"]
    assert [list(line) for line in lines] == [["file", *FIELDS], ["file", "error"], ["file", *FIELDS]]
    assert "empty" in lines[1]["error"]


@pytest.mark.parametrize(("server", "trust"), [("mx.lumen.example", "proven"), ("mx.else.example", "unknown")])
def test_authentication_results_of_the_named_server_are_trusted(server: str, trust: str) -> None:
    verdict = b"Authentication-Results: mx.lumen.example; dmarc=pass header.from=ruiz.example\r\n"
    raw = verdict + b"From: a@ruiz.example\r\n\r\nhola"
    told = json.loads(run("--in", "-", "--authserv-id", server, stdin=raw).stdout)
    assert (told["auth"]["dmarc"], told["auth"]["trust"]) == ("pass", trust)


@pytest.mark.parametrize(
    ("source", "stdin", "said"),
    [("nowhere.eml", b"", "does not exist"), ("-", b"", "empty"), ("-", b"just words", "no headers")],
)
def test_what_is_no_mail_is_refused_with_a_reason(source: str, stdin: bytes, said: str) -> None:
    result = run("--in", source, stdin=stdin)
    assert result.exit_code != 0
    assert said in result.stderr
    assert result.stdout == ""


def test_output_that_is_not_a_terminal_is_utf_8(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(MAIL)))
    with pytest.raises(SystemExit) as end:
        app(["parse-email", "--in", "-"])
    assert end.value.code == 0
    assert "información" in json.loads(raw.getvalue())["text"]
