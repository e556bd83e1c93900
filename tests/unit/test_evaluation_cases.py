"""Labelled cases and scenarios as files: what is read, what is left out, and how a mistake is named."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from agent.errors import Misconfigured
from agent.evaluation.cases import (
    ClassificationCase,
    GuardrailCase,
    ReplyCase,
    label,
    new_row,
    read_case,
    read_file,
    shipped,
)
from agent.evaluation.figures import figures_of
from agent.evaluation.measure import Result, what_is_wrong
from agent.simulation.scenarios import load_scenarios, read_scenarios
from agent.types import INTENTS, Candidate, Reply
from channels.evaluation_report import render_report

NOW = datetime.fromisoformat("2026-11-22T12:00:00+00:00")


def write(path: Path, *rows: object) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    return path


class TestCases:
    @pytest.mark.parametrize(
        ("values", "kind"),
        [
            ({"text": "hola", "intent": "greeting", "id": "x"}, ClassificationCase),
            ({"draft": "Son 10 €", "expect": "violation", "language": "es", "note": "y"}, GuardrailCase),
            ({"said": ["hola"], "must": ["399"]}, ReplyCase),
        ],
        ids=["classification", "guardrail", "reply"],
    )
    def test_kind_follows_from_the_fields(self, values: dict[str, object], kind: type) -> None:
        assert isinstance(read_case(values), kind)

    @pytest.mark.parametrize(
        "values",
        [{}, {"text": "x", "intent": "nonsense"}, {"said": "no list"}, {"said": ["x" * 9000]}],
        ids=["nothing", "unknown intent", "no list", "too long"],
    )
    def test_what_is_no_case_is_refused(self, values: dict[str, object]) -> None:
        with pytest.raises(ValueError, match=r"."):
            read_case(values)

    def test_name_is_that_of_what_a_version_sees_not_of_the_label(self) -> None:
        one = label(ClassificationCase(text="hola", intent="greeting"))
        other = label(ClassificationCase(text="hola", intent="off_topic"))
        assert one.key == other.key != label(ClassificationCase(text="adiós", intent="greeting")).key

    def test_rows_of_training_and_of_other_tenants_are_left_out_and_doubles_count_once(self, tmp_path: Path) -> None:
        path = write(
            tmp_path / "cases.jsonl",
            {"text": "a", "intent": "greeting", "split": "train"},
            {"text": "b", "intent": "greeting", "tenant": "other"},
            {"text": "c", "intent": "greeting"},
            {"text": "c", "intent": "greeting", "tenant": "lumen"},
        )
        assert [each.case.text for each in read_file(path, "lumen") if isinstance(each.case, ClassificationCase)] == [
            "c"
        ]

    def test_wrong_line_is_named_without_its_text(self, tmp_path: Path) -> None:
        path = write(tmp_path / "cases.jsonl", {"text": "a", "intent": "greeting"}, {"text": "secret", "intent": "no"})
        with pytest.raises(Misconfigured, match="line 2") as refused:
            read_file(path, "lumen")
        assert "secret" not in str(refused.value)

    def test_row_parts_what_is_seen_from_what_is_right(self) -> None:
        row = new_row(label(ReplyCase(said=("hola",), must=("399",), reference="Son 399 €")), origin="file")
        assert set(row.expected) == {"decisions", "must", "never", "reference", "rejected"}
        assert "must" not in row.input

    def test_shipped_set_covers_every_intent_in_three_languages(self) -> None:
        cases = [each.case for each in shipped("lumen")]
        known = {(each.intent, each.language) for each in cases if isinstance(each, ClassificationCase)}
        assert known == {(intent, language) for intent in INTENTS for language in ("es", "pt", "en")}
        assert {each.expect for each in cases if isinstance(each, GuardrailCase)} == {"pass", "violation"}
        assert any(isinstance(each, ReplyCase) for each in cases)


class TestReplyChecks:
    @pytest.mark.parametrize(
        ("text", "wrong"),
        [
            ("Son 399,00\u00a0€ por el curso", ()),
            ("No lo sé", ("lacks:399,00 €|399 €",)),
            ("Son 399,00 €, garantizado", ("has:Garantizado",)),
        ],
        ids=["right", "lacks the price", "promises"],
    )
    def test_text_is_compared_whatever_its_spaces_and_case(self, text: str, wrong: tuple[str, ...]) -> None:
        case = ReplyCase(said=("¿cuánto?",), language="es", must=("399,00 €|399 €",), never=("Garantizado",))
        reply = Reply(candidate=Candidate(text=text, language="es", channel="whatsapp"), source="claude")
        assert what_is_wrong(case, "send", reply) == wrong

    def test_other_decision_and_language_are_wrong(self) -> None:
        case = ReplyCase(said=("hola",), language="pt", decisions=("escalate",))
        reply = Reply(candidate=Candidate(text="Hola", language="es", channel="whatsapp"), source="claude")
        assert what_is_wrong(case, "send", reply) == ("decision:send", "language:es")


class TestScenarios:
    def test_at_least_sixty_ship_and_cover_channels_languages_and_intents(self) -> None:
        found = load_scenarios()
        scripted = [each for each in found if each.script]
        assert len(scripted) >= 60
        assert {each.language for each in found} == {"es", "pt", "en"}
        assert {each.channel for each in found} == {"whatsapp", "sms", "email"}
        stated = {intent for each in found for intent in each.expect.intent}
        expected_elsewhere = {"opt_out", "complaint", "human_request", "acknowledgement"}  # by what comes of them
        assert stated | expected_elsewhere == set(INTENTS)
        assert any(step.media for each in found for step in each.script)

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("- { id: x, tenant: lumen, language: es }", "script"),
            ("- { id: x, tenant: lumen, language: es, script: [{ say: hola }] }", "say"),
            ("- [", "YAML"),
        ],
        ids=["neither script nor part", "no list", "no YAML"],
    )
    def test_what_cannot_be_played_is_named(self, text: str, told: str) -> None:
        with pytest.raises(Misconfigured, match=told):
            read_scenarios(text, "mine.yaml")

    def test_two_of_one_name_are_refused(self, tmp_path: Path) -> None:
        one = "- { id: x, tenant: lumen, language: es, script: [{ say: [hola] }] }\n"
        (tmp_path / "a.yaml").write_text(one, "utf-8")
        (tmp_path / "b.yaml").write_text(one, "utf-8")
        with pytest.raises(Misconfigured, match="'x'"):
            load_scenarios([tmp_path])


class TestReport:
    def test_page_is_whole_escaped_and_loads_nothing(self) -> None:
        evil = "<script>alert(1)</script>"
        results = [
            Result(
                key=str(n), kind="classification", language=evil, expected="pricing", got="pricing", right=True,
                confidence=0.5 + n / 20,
            )
            for n in range(8)
        ]  # fmt: skip
        page = render_report(evil, "0" * 12, evil, NOW, figures_of(results))
        assert "<script" not in page
        assert "&lt;script&gt;" in page
        assert "http" not in page.replace("http-equiv", "")
        assert page.count("<svg") >= 4
        assert "circle" in page
