"""The command line as a person uses it: real processes, files and an embedded database; what it says is part of it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.store import embedded
from tests.conftest import share_training
from tests.forked import run_forked

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "agent" / "example_tenants"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, trained_home: Path) -> Iterator[Path]:
    """A home of its own, with its embedded database stopped in the end."""
    directory = tmp_path_factory.mktemp("home")
    share_training(trained_home, directory)
    yield directory
    embedded.stop(directory)


def nightshift(home: Path, *arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line with an environment that has nothing but what is given."""
    return run_forked(arguments, env=environment_of(home) | environment, cwd=home)


def environment_of(home: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "HOME": str(home),
        "NIGHTSHIFT_HOME": str(home),
        "COLUMNS": "200",
    }


def test_help_names_every_command(home: Path) -> None:
    """Started as a module, as processes are; the other tests fork the command."""
    shown = subprocess.run(
        [sys.executable, "-m", "jobs.cli", "--help"],
        cwd=home,
        env=environment_of(home),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert shown.returncode == 0
    processes = ("up", "web", "worker", "clock")
    tenants = ("tenant", "contact", "conversations", "templates")
    for command in (*processes, *tenants, "migrate", "doctor", "sweep", "classify", "language", "check"):
        assert command in shown.stdout


def test_forked_command_says_the_same(home: Path) -> None:
    shown = nightshift(home, "--help")
    assert shown.returncode == 0
    assert "Usage: nightshift [OPTIONS] COMMAND" in shown.stdout
    refused = nightshift(home, "nothing")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "No such command 'nothing'" in refused.stderr


class TestTenant:
    def test_apply_shows_the_difference_once_and_nothing_the_second_time(self, home: Path) -> None:
        tenant = EXAMPLES / "verdesolar.yaml"  # which no other test here applies
        first = nightshift(home, "tenant", "apply", tenant)
        assert first.returncode == 0, first.stderr
        assert "changes applied" in first.stdout
        second = nightshift(home, "tenant", "apply", tenant)
        assert second.stdout == "verdesolar: nothing to change.\n"

    def test_its_conversations_and_templates_are_listed(self, home: Path) -> None:
        nightshift(home, "tenant", "apply", EXAMPLES / "lumen.yaml")
        assert nightshift(home, "conversations", "list", "--tenant", "lumen").stdout == "No conversations.\n"
        shown = nightshift(home, "templates", "list", "--tenant", "lumen", "--json")
        assert (shown.returncode, json.loads(shown.stdout)) == (0, [])

    def test_dry_run_changes_nothing(self, home: Path, tmp_path: Path) -> None:
        nightshift(home, "tenant", "apply", EXAMPLES / "lumen.yaml")
        changed = tmp_path / "changed.yaml"
        changed.write_text((EXAMPLES / "lumen.yaml").read_text().replace('amount: "399.00"', 'amount: "449.00"'))
        shown = nightshift(home, "tenant", "apply", "--dry-run", changed)
        assert "399.00 → 449.00" in shown.stdout
        assert "nothing to change" in nightshift(home, "tenant", "apply", EXAMPLES / "lumen.yaml").stdout

    def test_export_reads_back_as_the_same_tenant(self, home: Path, tmp_path: Path) -> None:
        nightshift(home, "tenant", "apply", EXAMPLES / "lumen.yaml")
        exported = tmp_path / "out.yaml"
        assert nightshift(home, "tenant", "export", "lumen", exported).returncode == 0
        assert "nothing to change" in nightshift(home, "tenant", "apply", exported).stdout

    def test_mistake_is_refused_with_line_and_field(self, home: Path, tmp_path: Path) -> None:
        broken = tmp_path / "broken.yaml"
        broken.write_text((EXAMPLES / "lumen.yaml").read_text().replace("currency: EUR #", "curency: EUR #", 1))
        refused = nightshift(home, "tenant", "apply", broken)
        assert refused.returncode == 1
        assert "line 17" in refused.stderr
        assert "currency" in refused.stderr

    def test_unknown_tenant_is_named(self, home: Path) -> None:
        refused = nightshift(home, "tenant", "show", "nobody")
        assert refused.returncode == 1
        assert "no tenant 'nobody'" in refused.stderr


class TestMigrateAndDoctor:
    def test_migrate_is_idempotent(self, home: Path) -> None:
        nightshift(home, "migrate")
        assert nightshift(home, "migrate").stdout == "The database is up to date.\n"

    def test_doctor_is_content_with_the_defaults(self, home: Path) -> None:
        examined = nightshift(home, "doctor")
        assert examined.returncode == 0, examined.stdout
        assert "migrations: up to date" in examined.stdout

    @pytest.mark.parametrize(
        ("environment", "said"),
        [
            ({"DATABASE_URL": "postgresql://x:y@127.0.0.1:1/z"}, "DATABASE_URL"),
            ({"DATABASE_URL": "postgresql://x:y@127.0.0.1:6543/z"}, "5432"),
            ({"TWILIO_ACCOUNT_SID": "AC1"}, "TWILIO_AUTH_TOKEN"),
            ({"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "t"}, "NIGHTSHIFT_PUBLIC_URL"),
        ],
    )
    def test_doctor_says_what_to_mend(self, home: Path, environment: dict[str, str], said: str) -> None:
        examined = nightshift(home, "doctor", **environment)
        assert examined.returncode == 1
        assert said in examined.stdout

    def test_bad_setting_is_named(self, home: Path) -> None:
        refused = nightshift(home, "doctor", NIGHTSHIFT_PORT="many")
        assert refused.returncode == 1
        assert "NIGHTSHIFT_PORT" in refused.stderr


class TestBatch:
    def _write(self, path: Path, *rows: object) -> Path:
        path.write_text("".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows))
        return path

    def test_language_adds_its_fields_and_skips_a_bad_row(self, home: Path, tmp_path: Path) -> None:
        source = self._write(tmp_path / "in.jsonl", {"id": 1, "text": "¿cuánto cuesta el curso?"}, "{broken\n",
                             {"id": 2, "text": "quanto custa o curso?", "kept": True})  # fmt: skip
        ran = nightshift(home, "language", "--in", source, "--out", tmp_path / "out.jsonl")
        assert ran.returncode == 0, ran.stderr
        rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
        assert [(row["id"], row["language"]) for row in rows] == [(1, "es"), (2, "pt")]
        assert rows[1]["kept"] is True
        assert "line 2" in ran.stderr

    def test_classify_adds_its_fields(self, home: Path, tmp_path: Path) -> None:
        source = self._write(tmp_path / "in.jsonl", {"id": 1, "channel": "sms", "text": "cuánto cuesta el curso?"})
        ran = nightshift(home, "classify", "--in", source, "--out", tmp_path / "out.jsonl")
        assert ran.returncode == 0, ran.stderr
        (row,) = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
        assert row["intent"] == "pricing"
        assert row["source"] == "local"
        assert set(row) == {"id", "channel", "text", "intent", "language", "confidence", "needs_human", "source"}

    def test_classify_by_claude_without_a_key_says_so(self, home: Path, tmp_path: Path) -> None:
        source = self._write(tmp_path / "in.jsonl", {"id": 1, "channel": "sms", "text": "hola"})
        ran = nightshift(home, "classify", "--engine", "claude", "--in", source, "--out", tmp_path / "out.jsonl")
        assert ran.returncode == 1
        assert "ANTHROPIC_API_KEY" in ran.stderr

    def test_input_is_never_overwritten(self, home: Path, tmp_path: Path) -> None:
        source = self._write(tmp_path / "in.jsonl", {"id": 1, "text": "hola"})
        before = source.read_text()
        assert nightshift(home, "language", "--in", source, "--out", source).returncode == 1
        assert source.read_text() == before
