"""Retrieval: the right source for how people really ask, tenants kept apart, and a fallback without an encoder."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.local.encoder import Encoder, Kind, Vectors
from agent.models.local_scene import ANSWERS
from agent.retrieve import MAX_INDEXES, RECALLED, TenantRetriever
from agent.tenant.file import load_tenant_file
from agent.types import Price, Sources, Tenant, TenantId
from tests.factories import make_item, make_passage, make_tenant

ROOT = Path(__file__).parents[2]
DATA = Path(__file__).parent / "data"
Row = dict[str, str]


class CountingEncoder:
    """The real encoder, counting how often documents are embedded."""

    def __init__(self, encoder: Encoder) -> None:
        self.name, self.version, self.dim = encoder.name, encoder.version, encoder.dim
        self.builds = 0
        self._encoder = encoder

    def embed(self, texts: Sequence[str], kind: Kind = "query") -> Vectors:
        self.builds += kind == "document"
        return self._encoder.embed(texts, kind)


@pytest.fixture(scope="module")
def retriever(encoder: Encoder) -> TenantRetriever:
    return TenantRetriever(encoder)


@pytest.fixture(scope="module")
def lumen() -> Tenant:
    return load_tenant_file(ROOT / "agent" / "example_tenants" / "lumen.yaml").tenant


@pytest.fixture(scope="module")
def verdesolar() -> Tenant:
    return load_tenant_file(ROOT / "agent" / "example_tenants" / "verdesolar.yaml").tenant


def read_rows(name: str) -> list[Row]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


def skus(sources: Sources) -> list[str]:
    return [item.sku for item in sources.items]


def names(sources: Sources, first: int) -> set[str]:
    """Return the names of the first few items and of the first few passages."""
    items = [f"item:{item.sku}" for item in sources.items[:first]]
    return {*items, *(f"{each.kind}:{each.id}" for each in sources.passages[:first])}


def recall(retriever: TenantRetriever, tenant: Tenant, rows: list[Row], first: int) -> float:
    found = [names(retriever.retrieve(tenant, row["text"], row.get("context")), first) for row in rows]
    return float(np.mean([bool(each & set(row["expected"])) for each, row in zip(found, rows, strict=True)]))


# --- quality ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("language", "first", "floor"), [
    ("es", 1, 0.75), ("pt", 1, 0.75), ("en", 1, 0.65), ("es", 3, 0.90), ("pt", 3, 0.90), ("en", 3, 0.80),
])  # fmt: skip
def test_question_in_other_words_finds_its_source(
    retriever: TenantRetriever, lumen: Tenant, language: str, first: int, floor: float
) -> None:
    rows = [row for row in read_rows("lumen_questions.jsonl") if row["language"] == language]

    assert recall(retriever, lumen, rows, first) >= floor


def test_unanswerable_question_finds_nothing_fit_to_quote(retriever: TenantRetriever, lumen: Tenant) -> None:
    for row in read_rows("lumen_unanswerable.jsonl"):
        found = retriever.retrieve(lumen, row["text"], None)
        quotable = [each for each in found.passages if found.similarity[f"{each.kind}:{each.id}"] >= ANSWERS]

        assert quotable == [], row["text"]


# --- names ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "expected"), [
    pytest.param("cuánto el intensivo", ["EN-INT"], id="alias"),
    pytest.param("PRECO DA CONVERSACAO", ["EN-CONV"], id="capitals-without-accents"),
    pytest.param("inglés para mi hijo", ["KIDS"], id="own-word-beats-a-shared-one"),
    pytest.param("el club y el DELE", ["EN-CONV", "DELE-B2"], id="two-items"),
    pytest.param("price of EN-INT?", ["EN-INT"], id="sku"),
    pytest.param("aulas particulares", ["PRIV"], id="plural"),
])  # fmt: skip
def test_item_called_by_name_is_the_only_one_found(
    retriever: TenantRetriever, lumen: Tenant, text: str, expected: list[str]
) -> None:
    assert skus(retriever.retrieve(lumen, text, None)) == expected


def test_short_alias_is_not_found_in_a_word_of_another_language(retriever: TenantRetriever, lumen: Tenant) -> None:
    assert "KIDS" not in skus(retriever.retrieve(lumen, "¿esas horas son de Madrid?", None))  # alias "son"


@pytest.mark.parametrize(("text", "expected"), [
    pytest.param("el de 5 kw", ["PV5"], id="size"),
    pytest.param("battery?", ["BAT10"], id="english"),
    pytest.param("quanto é o aquecedor", ["CAL150"], id="portuguese"),
])  # fmt: skip
def test_other_trade_works_alike(
    retriever: TenantRetriever, verdesolar: Tenant, text: str, expected: list[str]
) -> None:
    assert skus(retriever.retrieve(verdesolar, text, None)) == expected


# --- context ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "context", "sku"), [
    ("y cuánto dura?", "El inglés intensivo cuesta 399,00 €.", "EN-INT"),
    ("e o preço?", "O clube de conversação é aos sábados.", "EN-CONV"),
    ("how much?", "DELE B2 preparation takes 10 weeks.", "DELE-B2"),
])  # fmt: skip
def test_follow_up_is_about_the_item_we_named(
    retriever: TenantRetriever, lumen: Tenant, text: str, context: str, sku: str
) -> None:
    found = retriever.retrieve(lumen, text, context)

    assert skus(found) == [sku]
    assert found.similarity[f"item:{sku}"] == RECALLED


def test_item_named_by_the_prospect_beats_the_one_we_named(retriever: TenantRetriever, lumen: Tenant) -> None:
    assert skus(retriever.retrieve(lumen, "y el club?", "El inglés intensivo cuesta 399,00 €.")) == ["EN-CONV"]


# --- tenants and their indexes ----------------------------------------------------------------------------------


def test_tenant_never_gets_what_another_has_published(
    retriever: TenantRetriever, lumen: Tenant, verdesolar: Tenant
) -> None:
    for text in ("¿Dan certificado?", "¿Cuánto cuesta el inglés intensivo?", "Pix"):
        found = retriever.retrieve(verdesolar, text, None)

        assert set(skus(found)) <= {item.sku for item in verdesolar.catalogue}
        assert all(passage in verdesolar.passages for passage in found.passages)


def test_index_is_built_once_per_tenant_and_content(encoder: Encoder) -> None:
    counting = CountingEncoder(encoder)
    retriever, tenant = TenantRetriever(counting), make_tenant()
    for _ in range(3):
        retriever.retrieve(tenant, "grupos", None)
    assert counting.builds == 1

    retriever.retrieve(replace(tenant, id=TenantId(UUID(int=9))), "grupos", None)
    retriever.retrieve(replace(tenant, passages=(make_passage(text={"es": "Otro texto."}),)), "grupos", None)

    assert counting.builds == 3


def test_new_price_is_seen_without_a_new_index(encoder: Encoder) -> None:
    counting = CountingEncoder(encoder)
    retriever, tenant = TenantRetriever(counting), make_tenant()
    retriever.retrieve(tenant, "intensivo", None)
    raised = make_item(prices=(Price(amount_minor=1, currency="EUR", unit="course"),))

    found = retriever.retrieve(replace(tenant, catalogue=(raised,)), "intensivo", None)

    assert found.items == (raised,)
    assert counting.builds == 1


def test_indexes_are_bounded(encoder: Encoder) -> None:
    counting = CountingEncoder(encoder)
    retriever = TenantRetriever(counting)
    tenants = [make_tenant(id=TenantId(UUID(int=number))) for number in range(MAX_INDEXES + 1)]
    for tenant in tenants:
        retriever.retrieve(tenant, "grupos", None)

    retriever.retrieve(tenants[0], "grupos", None)

    assert counting.builds == MAX_INDEXES + 2  # the oldest had to go


def test_tenant_that_has_published_nothing_finds_nothing(retriever: TenantRetriever) -> None:
    assert retriever.retrieve(make_tenant(catalogue=(), passages=()), "hola", None) == Sources()


@settings(deadline=None)
@given(text=st.text(max_size=200), context=st.none() | st.text(max_size=50))
def test_any_text_gives_sources_with_similarities_from_0_to_1(
    retriever: TenantRetriever, text: str, context: str | None
) -> None:
    found = retriever.retrieve(make_tenant(), text, context)

    assert all(0 <= value <= 1 for value in found.similarity.values())
    assert set(found.similarity) == names(found, 3)
