"""The language detector: what it answers, when it stays silent, and how a conversation keeps its language."""

import math
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.language import (
    LanguageDetector,
    chat_words,
    conversation_language,
    next_prior,
    phone_prior,
    requested_language,
)
from agent.types import DetectedLanguage

OURS = ("en", "es", "pt")


@pytest.fixture(scope="module")
def detector() -> LanguageDetector:
    return LanguageDetector.load(OURS)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("ok gracias", "es"),
        ("BOM DIA", "pt"),
        ("hola", "es"),
        ("Hola", "es"),
        ("oi", "pt"),
        ("Oi!!", "pt"),
        ("hey", "en"),
        ("thx u 2", "en"),
        ("qto custa?", "pt"),
        ("cuanto cuesta", "es"),
        ("how much", "en"),
        ("vcs parcelam?", "pt"),
        ("holaaaaa", "es"),
        ("xfa mandenme info", "es"),
        ("pls send me the price", "en"),
        ("blz vlw", "pt"),
        ("Buenos Días", "es"),
        ("quero falar com uma pessoa", "pt"),
        ("mira https://example.com/english-course esto", "es"),
    ],
)
def test_short_chat_message_is_recognised(detector: LanguageDetector, text: str, language: str) -> None:
    found = detector.detect(text, languages=OURS)

    assert found.language == language
    assert found.confidence >= 0.80


@pytest.mark.parametrize(
    "text",
    ["", "   ", "ok", "OK!", "👍", "🙏🙏", "12345", "19:30", "Info", "Carlos", "João Silva", "Marta", "?", "\0\0",
     "https://example.com", "ana@example.com", "no"],
)  # fmt: skip
def test_message_that_tells_nothing_is_undecided(detector: LanguageDetector, text: str) -> None:
    assert detector.detect(text, languages=OURS).language is None


@pytest.mark.parametrize(
    "text",
    [
        "Bonjour, combien coûte le cours d'anglais ?",
        "je voudrais un rendez-vous demain",
        "Guten Tag, ich möchte einen Termin vereinbaren",
        "quanto costa il corso per mio figlio?",
        "Hallo, ik wil graag meer informatie",
        "Здравствуйте, сколько стоит?",
        "你好，多少钱",
        "مرحبا كم السعر",
    ],
)
def test_message_in_a_fourth_language_is_other(detector: LanguageDetector, text: str) -> None:
    assert detector.detect(text, languages=OURS).language == "other"


def test_language_the_tenant_does_not_speak_is_other(detector: LanguageDetector) -> None:
    found = detector.detect("hello, how much is the course please", languages=("es", "pt"))

    assert found.language == "other"
    assert set(found.posterior) == {"es", "pt"}


def test_only_language_of_a_tenant_is_answered(detector: LanguageDetector) -> None:
    assert detector.detect("hola buenas tardes", languages=("es",)).language == "es"


def test_language_that_was_not_loaded_is_never_answered(detector: LanguageDetector) -> None:
    assert detector.detect("hello there my friend", languages=("fi", "en")).language == "en"
    assert detector.detect("hello there my friend", languages=("fi",)).language is None


@pytest.mark.parametrize("posterior_of", ["hola que tal", "ok", "bom dia amigo"])
def test_posterior_sums_to_one(detector: LanguageDetector, posterior_of: str) -> None:
    assert math.isclose(sum(detector.detect(posterior_of, languages=OURS).posterior.values()), 1.0)


def test_prior_decides_what_words_leave_open(detector: LanguageDetector) -> None:
    portuguese = {"pt": 0.94, "es": 0.03, "en": 0.03}

    assert (
        detector.detect("para mi", languages=OURS, prior=portuguese).posterior["pt"]
        > (detector.detect("para mi", languages=OURS).posterior["pt"])
    )


def test_threads_agree_with_one_another(detector: LanguageDetector) -> None:
    texts = ["ok gracias", "bom dia", "how much is it", "👍"] * 25
    alone = [detector.detect(text, languages=OURS) for text in texts]

    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(lambda text: detector.detect(text, languages=OURS), texts))

    assert together == alone


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=200))
def test_any_text_gets_an_answer(text: str) -> None:
    found = _SHARED.detect(text, languages=OURS)

    assert found.language in {*OURS, "other", None}
    assert 0.0 <= found.confidence <= 1.0


_SHARED = LanguageDetector.load(OURS)


@pytest.mark.parametrize("text", ["hola \ud800 amigo", "a" * 1_000_000, "hola\0que\0tal", "é" * 5_000])
def test_hostile_text_does_not_break_it(detector: LanguageDetector, text: str) -> None:
    assert 0.0 <= detector.detect(text, languages=OURS).confidence <= 1.0


@pytest.mark.parametrize("text", ["", "ok", "👍", "hola"])
def test_best_guess_is_never_undecided(detector: LanguageDetector, text: str) -> None:
    assert detector.best_guess(text, languages=OURS).language in OURS


# --- the conversation ---------------------------------------------------------------------------------------


def _detected(language: str | None, confidence: float) -> DetectedLanguage:
    return DetectedLanguage(language=language, confidence=confidence, posterior=dict.fromkeys(OURS, 1 / 3))


@pytest.mark.parametrize(
    ("current", "found", "text", "expected"),
    [
        pytest.param("pt", _detected(None, 0.4), "ok", "pt", id="undecided keeps the conversation's"),
        pytest.param(None, _detected(None, 0.4), "ok", "es", id="undecided at first takes the default"),
        pytest.param(None, _detected("pt", 0.85), "oi", "pt", id="first message decides"),
        pytest.param("es", _detected("en", 0.95), "how much is it", "en", id="clear switch"),
        pytest.param("es", _detected("en", 0.85), "how much is it", "es", id="doubtful switch is not made"),
        pytest.param("es", _detected("en", 0.95), "hello", "es", id="one word does not switch"),
        pytest.param("es", _detected("en", 0.98), "hello", "en", id="one word switches once the prior agrees"),
        pytest.param("es", _detected("other", 0.99), "combien ça coûte", "es", id="foreign keeps"),
        pytest.param(None, _detected("other", 0.99), "combien ça coûte", "es", id="foreign takes the default"),
        pytest.param("es", _detected("es", 0.9), "in English please", "en", id="request wins"),
        pytest.param("en", _detected("en", 0.9), "en español por favor", "es", id="request in its language"),
        pytest.param("en", _detected("en", 0.9), "em português", "pt", id="bare request"),
    ],
)
def test_conversation_language(current: str | None, found: DetectedLanguage, text: str, expected: str) -> None:
    assert conversation_language(current, found, "es", text=text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("can we speak English?", "en"),
        ("do you speak spanish", "es"),
        ("habla español?", "es"),
        ("pode falar em português?", "pt"),
        ("español porfa", "es"),
        ("por favor en inglés", "en"),
        ("I don't speak English", None),
        ("no hablo inglés", None),
        ("quiero clases en inglés por favor", None),
        ("inglés", None),
        ("do you teach Spanish?", None),
        ("", None),
    ],
)
def test_requested_language(text: str, expected: str | None) -> None:
    assert requested_language(text, OURS) == expected


def test_request_for_a_language_the_tenant_lacks_is_not_granted() -> None:
    assert requested_language("in English please", ("es", "pt")) is None


def test_next_prior_leans_on_the_past_and_stays_open() -> None:
    prior = next_prior({"es": 1.0, "pt": 0.0}, ("es", "pt"))

    assert prior == pytest.approx({"es": 0.95, "pt": 0.05})


@pytest.mark.parametrize(
    ("address", "likely"),
    [("+5511987654321", "pt"), ("+525512345678", "es"), ("+447911123456", "en"), ("+351912345678", "pt")],
)
def test_phone_prefix_hints_at_a_language(address: str, likely: str) -> None:
    prior = phone_prior(address, OURS)

    assert max(prior, key=lambda each: prior[each]) == likely
    assert prior[likely] == pytest.approx(0.6)
    assert sum(prior.values()) == pytest.approx(1.0)


@pytest.mark.parametrize("address", ["ana@example.com", "wa-user-77", "", "+4915112345678", "+999"])
def test_address_without_a_hint_is_uniform(address: str) -> None:
    assert phone_prior(address, OURS) == pytest.approx(dict.fromkeys(OURS, 1 / 3))


def test_conversation_follows_a_real_switch_within_two_messages(detector: LanguageDetector) -> None:
    language, posterior = None, phone_prior("+525512345678", OURS)
    answered = []
    for text in ["hola, info", "ok", "👍", "actually can you tell me the price in english", "great thanks a lot"]:
        found = detector.detect(text, languages=OURS, prior=next_prior(posterior, OURS))
        language = conversation_language(language, found, "es", text=text)
        posterior = dict(found.posterior)
        answered.append(language)

    assert answered == ["es", "es", "es", "en", "en"]


def test_every_language_has_its_chat_words_in_lower_case() -> None:
    words = chat_words()

    assert set(words) == set(OURS)
    assert all(len(listed) >= 100 for listed in words.values())
    assert all(word == word.lower() for listed in words.values() for word in listed)
