"""The local engine: what it must never miss, how sure it may be, and how its model is stored."""

import json
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from agent.errors import Misconfigured
from agent.local import encoder as encoder_module
from agent.local.classifier import LocalClassifier
from agent.local.encoder import Encoder, Kind, UniversalSentenceEncoder, Vectors, load_encoder
from agent.local.examples import load_examples
from agent.local.ngrams import NgramIndex, character_ngrams, word_ngrams
from agent.local.rules import certain_intent, chosen_option, is_grave
from agent.local.wording import MAX_CHARS, Wording, body, bounded
from agent.types import INTENTS, Intent
from tests.benchmarks.local_classifier import (
    DEFAULT,
    accuracy,
    calibration_error,
    classify_rows,
    recall,
    validation_rows,
)
from tests.conftest import TRAINING_S

pytestmark = pytest.mark.timeout(TRAINING_S)
labelled = pytest.mark.skipif(not DEFAULT.exists(), reason="the labelled messages are no part of the repository")


@pytest.fixture(scope="module")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A home in which two processes started at once for the first time, and what each then answered."""
    home = tmp_path_factory.mktemp("home")
    with multiprocessing.get_context("spawn").Pool(2) as processes:
        return home, processes.map(_start_and_classify, [str(home)] * 2)


@pytest.fixture(scope="module")
def home(first_start: tuple[Path, list[str]]) -> Path:
    return first_start[0]


@pytest.fixture(scope="module")
def classifier(home: Path, encoder: Encoder) -> LocalClassifier:
    return LocalClassifier.load(home, encoder)


# --- how well -----------------------------------------------------------------------------------------------


@labelled
def test_validation_split_is_understood_well_enough(classifier: LocalClassifier) -> None:
    rows = validation_rows(DEFAULT)
    found = classify_rows(classifier, rows)

    assert len(rows) > 250
    assert accuracy(rows, found) >= 0.85
    for language in ("en", "es", "pt"):
        chosen = [place for place, row in enumerate(rows) if row["language"] == language]
        assert accuracy([rows[place] for place in chosen], [found[place] for place in chosen]) >= 0.8
    assert recall("opt_out", rows, found) >= 0.98
    assert calibration_error(rows, found) <= 0.05


@labelled
def test_validation_split_is_not_among_the_examples() -> None:
    trained = {(each.text, each.context) for each in load_examples() if len(each.text) > 25}

    assert [row for row in validation_rows(DEFAULT) if (row["text"], row.get("context", "")) in trained] == []


def test_examples_are_many_valid_and_unique() -> None:
    examples = load_examples()

    assert len(examples) > 2_000
    assert {each.intent for each in examples} == set(INTENTS)
    assert {each.language for each in examples} <= {"en", "es", "pt", "other"}
    assert all(each.text.strip() for each in examples)


@pytest.mark.parametrize(
    ("text", "context", "intent"),
    [
        ("quanto custa o curso de inglês?", None, "pricing"),
        ("hola", None, "greeting"),
        ("thanks!", None, "acknowledgement"),
        ("sí", "¿Te mando el enlace de inscripción?", "ready_to_buy"),
        ("sí", "¿Te parece bien el jueves a las 5?", "scheduling"),
        ("my card was declined", None, "payment"),
        ("está muy caro", None, "objection"),
        ("está muy caro, me lo dejas en 150?", None, "negotiation"),
    ],
)
def test_plain_message_is_understood(classifier: LocalClassifier, text: str, context: str | None, intent: str) -> None:
    assert classifier.classify(text, language="es", context=context).intent == intent


def test_answer_says_who_gave_it(classifier: LocalClassifier) -> None:
    found = classifier.classify("quiero hablar con una persona", language="es")

    assert (found.source, found.language, found.needs_human) == ("local", "es", True)
    assert found.model.startswith("local-")


@pytest.mark.parametrize("text", ["", " ", "👍", "\0", "\ud800", "x" * 1_000_000, "\n\n\n", "?" * 5_000, "你好"])
def test_any_text_is_answered(classifier: LocalClassifier, text: str) -> None:
    found = classifier.classify(text, language="en", context=text)

    assert found.intent in INTENTS
    assert 0.0 < found.confidence <= 1.0


def test_threads_agree_with_one_another(classifier: LocalClassifier) -> None:
    texts = ["hola", "how much is it?", "quero falar com alguém", "no me escriban más"] * 5
    alone = [classifier.classify(text, language="en") for text in texts]

    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda text: classifier.classify(text, language="en"), texts))

    assert [each.intent for each in together] == [each.intent for each in alone]
    assert [each.confidence for each in together] == pytest.approx([each.confidence for each in alone])


# --- rules --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "no me escriban más por favor",
        "ya no me manden promociones",
        "dejen de mandarme mensajes",
        "bórrenme de su lista",
        "quiten mi número",
        "no quiero recibir más correos",
        "denme de baja",
        "não me mandem mais nada",
        "para de me mandar mensagem",
        "me tira dessa lista",
        "apaga meu número aí",
        "não quero mais receber ofertas",
        "stop texting me",
        "please don't contact me again",
        "take me off your list",
        "unsubscribe",
        "delete my number",
        "no more emails please",
    ],
)
def test_opt_out_phrase_is_certain(text: str) -> None:
    assert certain_intent(text, None) == "opt_out"


@pytest.mark.parametrize(
    "text",
    [
        "no me mandan nada desde ayer",
        "não recebi mais o email de acesso",
        "stop by tomorrow?",
        "can you send me the price again",
        "quiero dar de baja mi antiguo celular y poner este",
        "no puedo parar de pensar en el viaje",
        "me saqué un 7 en el examen",
        "where does the bus stop",
        "e aí beleza",
        "call me maybe later, how much is it",
        "no quiero perder la oferta",
        "não quero perder a promoção, me manda o link",
        "basta con mandar un correo?",
        "se me bloqueó la cuenta",
        "me bloquea la app cada rato",
        "please take me off the Saturday class",
        "bórrame de la clase de las 7",
        "borra mi correo anterior y pon este",
        "I have to talk to my manager first",
        "no me mandaron el certificado todavía",
    ],
)
def test_innocent_phrase_is_not_taken_for_a_rule(text: str) -> None:
    assert certain_intent(text, None) is None


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("los voy a denunciar en Profeco", "complaint"),
        ("vou no procon", "complaint"),
        ("I want my money back", "complaint"),
        ("quiero hablar con una persona", "human_request"),
        ("posso falar com um atendente?", "human_request"),
        ("can someone call me", "human_request"),
        ("are you a bot?", "human_request"),
        ("AGENT", "human_request"),
        ("stop texting me or I'm going to sue", "opt_out"),
    ],
)
def test_legal_matter_and_person_are_certain(text: str, intent: str) -> None:
    assert certain_intent(text, None) == intent


@pytest.mark.parametrize(
    ("text", "context", "intent"),
    [
        ("no", "¿Quieres seguir recibiendo novedades?", "opt_out"),
        ("não", "Podemos continuar te enviando promoções?", "opt_out"),
        ("nope", "Would you like to keep getting our tips?", "opt_out"),
        ("yes", "Do you want us to remove you from our list?", "opt_out"),
        ("sí", "¿Quieres seguir recibiendo novedades?", None),
        ("no", "¿Quieres que te mande el enlace?", None),
        ("no", "Did the technician come?", None),
    ],
)
def test_answer_to_a_question_about_consent(text: str, context: str, intent: str | None) -> None:
    assert certain_intent(text, context) == intent


@pytest.mark.parametrize(
    ("text", "context", "expected"),
    [
        ("2", "Responde 1 para sí, 2 para dejar de recibir mensajes.", "para dejar de recibir mensajes."),
        ("la 3", "1 info, 2 demo, 3 no recibir más mensajes", "no recibir más mensajes"),
        ("9", "Responda 1 vuelos, 2 hoteles, 9 hablar con un asesor", "hablar con un asesor"),
        ("2", None, None),
        ("4", "1 info, 2 demo", None),
        ("2 personas", "1 info, 2 demo", None),
    ],
)
def test_number_picked_from_a_menu_means_its_option(text: str, context: str | None, expected: str | None) -> None:
    assert chosen_option(text, context) == expected


@pytest.mark.parametrize(
    ("intent", "text", "grave"),
    [
        ("complaint", "me cobraron dos veces", True),
        ("complaint", "my daughter was left alone", True),
        ("complaint", "llevo tres días esperando", False),
        ("negotiation", "te doy 200 y cerramos", True),
        ("negotiation", "un descuentito?", False),
        ("human_request", "quiero una persona", True),
        ("pricing", "cuánto por mi hijo", False),
    ],
)
def test_grave_matter(intent: Intent, text: str, grave: bool) -> None:
    assert is_grave(intent, text) == grave


# --- wording and n-grams ------------------------------------------------------------------------------------


def test_letter_loses_salutation_and_signature() -> None:
    assert body("Dear team,\n\nPlease send the price.\n\nKind regards,\nAnna") == "Please send the price."
    assert body("Hola\n\n") == "Hola\n\n"


def test_chat_words_are_written_in_full_in_their_language() -> None:
    wording = Wording()

    assert wording.prepare("vc tem q pagar hj?", "pt") == "você tem que pagar hoje?"
    assert wording.prepare("vc tem q pagar hj?", "en") == "vc tem q pagar hj?"


def test_long_text_keeps_its_beginning_and_end() -> None:
    kept = bounded("begin " + "x" * 100_000 + " finish")

    assert len(kept) < MAX_CHARS + 10
    assert kept.startswith("begin")
    assert kept.endswith("finish")


@pytest.mark.parametrize("analyse", [character_ngrams, word_ngrams])
def test_text_is_most_similar_to_itself(analyse: object) -> None:
    texts = ["hola amigo", "how much is it", "quero falar com alguém"]
    index = NgramIndex.build(texts, character_ngrams if analyse is character_ngrams else word_ngrams)

    for row, text in enumerate(texts):
        similarities = index.similarities(text)
        assert similarities.argmax() == row
        assert similarities[row] == pytest.approx(1.0)


# --- the encoder and the stored model ------------------------------------------------------------------------


def test_vectors_have_length_one_and_empty_text_none(encoder: Encoder) -> None:
    vectors = encoder.embed(["hola", "", "\ud800"])

    assert vectors.shape == (3, encoder.dim)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1.0, 0.0, 1.0], abs=1e-3)


def test_damaged_encoder_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def noise(self: UniversalSentenceEncoder, texts: Sequence[str], kind: Kind = "query") -> Vectors:
        return np.eye(len(texts), self.dim, dtype=np.float32)

    monkeypatch.setattr(encoder_module.UniversalSentenceEncoder, "embed", noise)

    with pytest.raises(Misconfigured, match="Reinstall"):
        load_encoder()


def test_second_start_reads_the_stored_model(classifier: LocalClassifier, home: Path, encoder: Encoder) -> None:
    (stored,) = home.glob("local/*/model.npz")
    written = stored.stat().st_mtime_ns

    again = LocalClassifier.load(home, encoder)

    assert stored.stat().st_mtime_ns == written
    assert stored.stat().st_mode & 0o777 == 0o644
    assert stored.stat().st_size < 20_000_000
    text = "puedo pagar en cuotas?"
    assert again.classify(text, language="es") == classifier.classify(text, language="es")
    with np.load(stored, allow_pickle=False) as arrays:
        assert all(arrays[name].dtype != object for name in arrays.files)


def test_processes_that_start_together_share_one_model(first_start: tuple[Path, list[str]]) -> None:
    home, answers = first_start

    assert answers[0] == answers[1]
    assert len(list(home.glob("local/*/model.npz"))) == 1
    assert len(list(home.glob("local/*/tmp*"))) == 0


def _start_and_classify(home: str) -> str:
    found = LocalClassifier.load(Path(home), load_encoder()).classify("how much is it?", language="en")
    return json.dumps([found.intent, round(found.confidence, 6)])
