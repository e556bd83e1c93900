"""`nightshift check` as a business uses it: real process, real files."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.doubles.claude import API_KEY, ClaudeDouble
from tests.forked import run_forked

ROOT = Path(__file__).parents[2]
TENANTS = {
    "viajes": {
        "name": "Viajes Ola",
        "country": "ES",
        "timezone": "Europe/Madrid",
        "languages": ["es", "en"],
        "currency": "EUR",
        "as_of": "2026-03-10",
        "catalogue": [
            {
                "sku": "AZO",
                "name": {"es": "Semana en Azores", "en": "Week in the Azores"},
                "description": "Siete noches con vuelo.",
                "prices": [{"amount_minor": 89000, "currency": "EUR", "unit": "one_time"}],
            }
        ],
        "policies": {"refund": None},
        "facts": ["Salidas los sábados."],
        "links": ["ola.example"],
        "forbidden": [],
        "ai_disclosure": "Soy Ola, asistente virtual.",
    }
}


def row(number: int, draft: str, **fields: object) -> dict[str, object]:
    return {
        "id": number,
        "tenant": "viajes",
        "channel": "whatsapp",
        "language": "es",
        "inbound": "¿cuánto cuesta la semana en Azores?",
        "draft": draft,
        **fields,
    }


@pytest.fixture
def tenants(tmp_path: Path) -> Path:
    path = tmp_path / "tenants.json"
    path.write_text(json.dumps(TENANTS))
    return path


def check(
    directory: Path, tenants: Path, rows: list[object], *options: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    source = directory / "in.jsonl"
    source.write_text("".join((each if isinstance(each, str) else json.dumps(each)) + "\n" for each in rows))
    return run_forked(
        ["check", "--tenants", tenants, "--in", source, "--out", directory / "out.jsonl", *options],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "HOME": str(directory),
            "COLUMNS": "200",
            **environment,
        },
        cwd=directory,
    )


def read(directory: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (directory / "out.jsonl").read_text().splitlines()]


def test_rows_come_back_in_order_with_their_verdicts(tmp_path: Path, tenants: Path) -> None:
    good, bad = row(1, "La semana en Azores cuesta 890 €."), row(2, "La semana en Azores te sale en 790 €.")
    ran = check(tmp_path, tenants, [good, bad])
    assert ran.returncode == 0, ran.stderr
    first, second = read(tmp_path)
    assert first == good | {"outcome": "pass", "rules": [], "verdicts": []}
    assert (second["id"], second["outcome"], second["rules"]) == (2, "violation", ["pricing"])
    assert "790" in json.dumps(second["verdicts"])


def test_bad_rows_are_named_by_line_and_the_rest_is_written(tmp_path: Path, tenants: Path) -> None:
    ran = check(tmp_path, tenants, [row(1, "Hola"), "{broken", row(3, "Hola", tenant="nadie"), row(4, "Hola")])
    assert ran.returncode == 0, ran.stderr
    assert [each["id"] for each in read(tmp_path)] == [1, 4]
    assert "line 2" in ran.stderr
    assert "line 3: the tenant 'nadie'" in ran.stderr
    assert "2 left out" in ran.stderr


def test_thousand_rows_are_checked(tmp_path: Path, tenants: Path) -> None:
    ran = check(tmp_path, tenants, [row(number, f"Salidas los sábados, {number}.") for number in range(1000)])
    assert ran.returncode == 0, ran.stderr
    assert [each["id"] for each in read(tmp_path)] == list(range(1000))


def test_wrong_tenants_file_is_refused_by_place(tmp_path: Path, tenants: Path) -> None:
    tenants.write_text(json.dumps({"viajes": TENANTS["viajes"] | {"timezone": "Atlantis"}}))
    ran = check(tmp_path, tenants, [row(1, "Hola")])
    assert ran.returncode == 1
    assert "'viajes'" in ran.stderr
    assert "timezone" in ran.stderr
    assert not (tmp_path / "out.jsonl").exists()


OPEN = "El hotel tiene un ambiente tranquilo y familiar."


def test_judge_reads_what_code_cannot_decide(tmp_path: Path, tenants: Path) -> None:
    with ClaudeDouble() as double:
        environment = {"ANTHROPIC_API_KEY": API_KEY, "ANTHROPIC_BASE_URL": double.base_url}
        ran = check(
            tmp_path, tenants, [row(1, OPEN), row(2, "Salidas los sábados."), row(3, OPEN)], "--judge", **environment
        )
        asked = len(double.requests)
    assert ran.returncode == 0, ran.stderr
    assert [(each["outcome"], each["rules"]) for each in read(tmp_path)] == [
        ("violation", ["grounding"]),
        ("pass", []),
        ("violation", ["grounding"]),
    ]
    assert 1 <= asked <= 2


def test_without_the_judge_no_model_is_asked(tmp_path: Path, tenants: Path) -> None:
    with ClaudeDouble() as double:
        environment = {"ANTHROPIC_API_KEY": API_KEY, "ANTHROPIC_BASE_URL": double.base_url}
        check(tmp_path, tenants, [row(1, OPEN)], **environment)
        assert double.requests == []
    assert [each["outcome"] for each in read(tmp_path)] == ["pass"]


def test_judge_without_a_key_says_what_to_set(tmp_path: Path, tenants: Path) -> None:
    ran = check(tmp_path, tenants, [row(1, OPEN)], "--judge")
    assert ran.returncode == 1
    assert "ANTHROPIC_API_KEY" in ran.stderr


# --- files as they come ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["--tenants", "--in"])
def test_input_is_never_overwritten(tmp_path: Path, tenants: Path, option: str) -> None:
    source = tmp_path / "in.jsonl"
    target = tenants if option == "--tenants" else source
    ran = check(tmp_path, tenants, [row(1, "Hola")], "--out", str(target))
    assert ran.returncode == 1
    assert "would overwrite its own input" in ran.stderr
    assert json.loads(tenants.read_text()) == TENANTS
    assert json.loads(source.read_text()) == row(1, "Hola")


@pytest.mark.parametrize(
    ("target", "said"),
    [
        pytest.param(".", "is a directory", id="directory"),
        pytest.param("missing/out.jsonl", "does not exist", id="no such directory"),
        pytest.param("/dev/full", "No space left", id="disk full"),
    ],
)
def test_output_that_cannot_be_written_is_refused_in_words(
    tmp_path: Path, tenants: Path, target: str, said: str
) -> None:
    ran = check(tmp_path, tenants, [row(1, "Hola")], "--out", str(tmp_path / target))
    assert ran.returncode == 1
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr


def test_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path, tenants: Path) -> None:
    tenants.write_text("\ufeff" + json.dumps(TENANTS))
    first, second = json.dumps(row(1, "Hola")), json.dumps(row(2, "Hola"))
    ran = check(tmp_path, tenants, ["\ufeff" + first + "\r", "\r", second + "\r"])
    assert ran.returncode == 0, ran.stderr
    assert [each["id"] for each in read(tmp_path)] == [1, 2]


def test_empty_file_gives_an_empty_file(tmp_path: Path, tenants: Path) -> None:
    ran = check(tmp_path, tenants, [])
    assert ran.returncode == 0, ran.stderr
    assert read(tmp_path) == []
    assert "0 rows written" in ran.stderr


def test_file_of_bad_rows_alone_fails(tmp_path: Path, tenants: Path) -> None:
    ran = check(tmp_path, tenants, ["{broken", row(2, "Hola", tenant=None), row(3, "Hola", language=None)])
    assert ran.returncode == 1
    assert [f"line {number}:" in ran.stderr for number in (1, 2, 3)] == [True, True, True]


def test_huge_row_is_judged_and_the_next_one_too(tmp_path: Path, tenants: Path) -> None:
    ran = check(tmp_path, tenants, [row(1, "Cuesta 790 €. " * 200_000), row(2, "Salidas los sábados.")])
    assert ran.returncode == 0, ran.stderr
    assert [each["outcome"] for each in read(tmp_path)] == ["violation", "pass"]


def test_what_is_said_goes_to_standard_error_alone(tmp_path: Path, tenants: Path) -> None:
    ran = check(tmp_path, tenants, [row(1, "Hola"), "{broken"])
    assert ran.stdout == ""
    assert "1 rows written" in ran.stderr


def test_help_says_what_a_row_is_and_what_the_exit_codes_mean(tmp_path: Path, tenants: Path) -> None:
    ran = check(tmp_path, tenants, [], "--help")
    assert ran.returncode == 0
    for word in ("tenant", "draft", "inbound", "--judge", "Exit code"):
        assert word in ran.stdout


def test_missing_input_is_bad_usage(tmp_path: Path, tenants: Path) -> None:
    ran = check(tmp_path, tenants, [], "--in", str(tmp_path / "nowhere"))
    assert ran.returncode == 2
    assert "does not exist" in ran.stderr
