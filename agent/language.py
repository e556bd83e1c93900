"""The language of a message, among the tenant's. Built for chat: slang, no accents, one to eight words.

Three sources add up as log-likelihoods: character n-grams (langdetect's profiles, summed exactly, where
langdetect itself samples at random), word frequencies (wordfreq's small lists and `chat_words.toml`), and a
prior from the conversation. So the answer is the same at every call, and the conversation's past counts.

The word frequencies come from wordfreq by Robyn Speer; its data are licensed CC BY-SA 4.0
(https://creativecommons.org/licenses/by-sa/4.0/). The profiles come from langdetect (Apache 2.0).
"""

import json
import math
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Self

import phonenumbers
from langdetect.detector_factory import PROFILES_DIRECTORY
from wordfreq import get_frequency_dict

from agent.types import DetectedLanguage

NGRAM_WEIGHT = 0.088
WORD_WEIGHT = 0.79
"""Weights of the two log-likelihoods, fitted on labelled messages; a test pins what they achieve."""
UNKNOWN_BELOW = 0.80
"""A posterior below this says nothing: the conversation keeps its language."""
SWITCH_ABOVE = 0.90
"""What it takes to leave the conversation's language, on a message of several words."""
SWITCH_ON_ONE_WORD = 0.97
"""The same on one word, which the conversation's prior allows when the message before agreed."""
OTHER_ABOVE = 0.90
"""What it takes to call a message foreign to the tenant."""
OTHER_LANGUAGES = ("fr", "it", "de", "nl", "ca")
"""Neighbours that would pass for one of ours. Other scripts are recognised by their letters."""
OTHER_PRIOR = 0.02
"""Prior of each language that is not the tenant's, relative to a total of one for the tenant's."""
PHONE_PRIOR = 0.6
"""A number's country is a hint, never a verdict."""
MAX_CHARS = 1_000
"""More text than this tells no more about its language."""

_NGRAM_FLOOR = 0.5 / 10_000  # langdetect's own smoothing
_WORD_FLOOR = 1e-7
_UNSEEN_GRAM, _UNSEEN_WORD = math.log(_NGRAM_FLOOR), math.log(_WORD_FLOOR)
_CHAT_WORD_FREQUENCY = 1e-4
_OTHER_LIST_LENGTH = 10_000  # words: recognises a neighbour at a third of the memory
_LEAST_KNOWN_WORDS = 2  # before a text may be called foreign, or switch a conversation
_EVERYWHERE = frozenset({"ok", "okay", "oki", "info", "no", "yo", "haha", "jaja", "hmm", "whatsapp", "email", "test"})

_NOISE = re.compile(r"https?://\S+|www\.\S+|\S+@\S+\.\S+|[@#]\w+")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_DRAWN_OUT = re.compile(r"(\w)\1{2,}")
_COUNTRIES = {
    "es": {"ES", "MX", "AR", "CO", "CL", "PE", "VE", "EC", "GT", "CU", "BO", "DO", "HN", "PY", "SV", "NI", "CR"}
    | {"PA", "UY", "PR", "GQ"},
    "pt": {"BR", "PT", "AO", "MZ", "CV", "GW", "ST", "TL"},
    "en": {"US", "GB", "IE", "CA", "AU", "NZ", "ZA", "NG", "GH", "KE", "IN", "PH", "SG", "JM", "TT"},
}
_NAMES = {
    "en": "english|ingl[eéê]s",
    "es": "spanish|español|espanol|castellano|espanhol",
    "pt": "portugu[eéê]s|portuguese|brasileiro",
}
_OWN_NAME = {"en": "english", "es": "español|espanol|castellano", "pt": "portugu[eê]s"}
_PLEASE = r"(?:please|pls|plz|por ?favor|porfa\w*|xfa|pfv|pf)"
_SAY = r"(?:speak|talk|chat|write|reply|answer|habl|charl|respond|escrib|contest|atend|fal|escrev)\w*"
_REQUESTS = {
    language: re.compile(
        rf"^\W*(?:in|en|em) (?:{names})\W*$"
        rf"|\b(?:in|en|em) (?:{names})\W+{_PLEASE}\b|\b{_PLEASE}\W+(?:in|en|em) (?:{names})\b"
        rf"|\b(?:{_OWN_NAME[language]})\W+{_PLEASE}\b"
        rf"|(?<!no )(?<!not )(?<!n't )(?<!dont )(?<!não )(?<!nao )\b{_SAY}(?: to me| with me| me)?"
        rf"(?: in| en| em)? (?:{names})\b"
    )
    for language, names in _NAMES.items()
}
_LESSONS = re.compile(r"\b(?:class|course|lesson|teach|learn|book|curso|clase|aula|profe|libro|livro|aprend)\w*")


def chat_words() -> dict[str, dict[str, str]]:
    """Return the shipped chat words by language: as typed, in lower case → in full."""
    return tomllib.loads(resources.files("agent").joinpath("chat_words.toml").read_text(encoding="utf-8"))


class LanguageDetector:
    """Says which of the tenant's languages a text is in. Build it once, with `load`, before any thread."""

    def __init__(
        self,
        grams: Mapping[str, Mapping[str, float]],
        words: Mapping[str, Mapping[str, float]],
        everyday: frozenset[str],
    ) -> None:
        self._grams = grams
        self._words = words
        self._everyday = everyday

    @classmethod
    def load(cls, languages: Sequence[str] = ("en", "es", "pt")) -> Self:
        """Read profiles and word lists of `languages` and of their neighbours: about a second, 60 MB.

        Raises:
            FileNotFoundError: langdetect has no profile for a language.
            LookupError: wordfreq has no list for a language.
        """
        chat = chat_words()
        neighbours = [each for each in OTHER_LANGUAGES if each not in languages]
        words = {each: _word_likelihoods(each, chat.get(each, {})) for each in languages}
        words |= {each: _word_likelihoods(each, {}, length=_OTHER_LIST_LENGTH) for each in neighbours}
        everyday = frozenset(word for language in languages for word in chat.get(language, {}))
        return cls({each: _gram_likelihoods(each) for each in words}, words, everyday)

    def detect(
        self, text: str, *, languages: Sequence[str], prior: Mapping[str, float] | None = None
    ) -> DetectedLanguage:
        """Return the most probable of `languages`, or `other`, with the posterior over `languages`.

        The language is None when the posterior is below `UNKNOWN_BELOW`, when nothing tells ("ok", "👍",
        numbers), and for a bare name. `prior` is by language; uniform when absent. A language that was not
        loaded is never answered.
        """
        ours = [each for each in languages if each in self._words]
        start = _normalised({each: (prior or {}).get(each, 0.0) for each in ours})
        visible = _NOISE.sub(" ", unicodedata.normalize("NFC", text[:MAX_CHARS]))
        if _is_in_another_script(visible):
            return DetectedLanguage(language="other", confidence=0.99, posterior=start)
        words = _WORD.findall(visible)
        if not ours or all(word.lower() in _EVERYWHERE for word in words):
            return DetectedLanguage(language=None, confidence=max(start.values(), default=0.0), posterior=start)
        return self._judge(words, start)

    def best_guess(self, text: str, *, languages: Sequence[str]) -> DetectedLanguage:
        """Like `detect` without a prior, but never None: the most probable language, however unsure."""
        found = self.detect(text, languages=languages)
        if found.language is not None or not found.posterior:
            return found
        best = max(found.posterior, key=lambda each: found.posterior[each])
        return DetectedLanguage(language=best, confidence=found.posterior[best], posterior=found.posterior)

    def _judge(self, words: Sequence[str], prior: Mapping[str, float]) -> DetectedLanguage:
        lowered = [_DRAWN_OUT.sub(r"\1", word.lower().replace("’", "'")) for word in words]
        known = [word for word in lowered if any(word in each for each in self._words.values())]
        grams = list(_grams_of(lowered))
        scores = {each: self._score(each, grams, known) for each in self._words}
        everyone = _softmax(scores, {**dict.fromkeys(scores, OTHER_PRIOR), **prior})
        posterior = _normalised({each: everyone[each] for each in prior})
        foreign = 1.0 - sum(everyone[each] for each in prior)
        if foreign > OTHER_ABOVE and len(known) >= _LEAST_KNOWN_WORDS:
            return DetectedLanguage(language="other", confidence=foreign, posterior=posterior)
        best = max(posterior, key=lambda each: posterior[each])
        sure = posterior[best] >= UNKNOWN_BELOW and not self._is_name(words)
        return DetectedLanguage(language=best if sure else None, confidence=posterior[best], posterior=posterior)

    def _score(self, language: str, grams: Sequence[str], known: Sequence[str]) -> float:
        """Return the weighted log-likelihood of a text in one language; `known` is what any list has."""
        of_gram, of_word = self._grams[language], self._words[language]
        shape = sum(of_gram.get(gram, _UNSEEN_GRAM) for gram in grams)
        meaning = sum(of_word.get(word, _UNSEEN_WORD) for word in known)
        return NGRAM_WEIGHT * shape + WORD_WEIGHT * meaning

    def _is_name(self, words: Sequence[str]) -> bool:
        """Whether a text is up to three capitalised words, none of them everyday."""
        return len(words) <= 3 and all(word.istitle() and word.lower() not in self._everyday for word in words)


def conversation_language(current: str | None, detected: DetectedLanguage, default: str, *, text: str = "") -> str:
    """Return the language to answer in: requested, else clearly used, else the conversation's, else `default`.

    `detected` comes from the tenant's languages, so only those are ever answered. `text` is the message: it is
    read for an explicit request ("in English please").
    """
    requested = requested_language(text, tuple(detected.posterior))
    if requested:
        return requested
    found = detected.language
    if found is None or found not in detected.posterior:
        return current or default
    if current is None or found == current:
        return found
    several = len(_WORD.findall(text[:MAX_CHARS])) >= _LEAST_KNOWN_WORDS
    return found if detected.confidence >= (SWITCH_ABOVE if several else SWITCH_ON_ONE_WORD) else current


def requested_language(text: str, languages: Sequence[str]) -> str | None:
    """Return the one of `languages` that a message asks to be answered in, if it does.

    "en español por favor" and "can we speak English?" are requests; "classes in English, please" is not.
    """
    lowered = text[:MAX_CHARS].lower()
    if _LESSONS.search(lowered):
        return None
    asked = (each for each in languages if each in _REQUESTS and _REQUESTS[each].search(lowered))
    return next(asked, None)


def next_prior(posterior: Mapping[str, float], languages: Sequence[str]) -> dict[str, float]:
    """Return the prior for a conversation's next message: nine parts what we believed, one part open mind."""
    believed = _normalised({each: posterior.get(each, 0.0) for each in languages})
    return {each: 0.9 * share + 0.1 / len(believed) for each, share in believed.items()}


def phone_prior(address: str, languages: Sequence[str]) -> dict[str, float]:
    """Return the prior for a first message from `address`: uniform, unless an E.164 country code tells."""
    uniform = dict.fromkeys(languages, 1 / len(languages)) if languages else {}
    try:
        code = phonenumbers.parse(address).country_code or 0
    except phonenumbers.NumberParseException:
        return uniform
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(code, ())
    spoken = next((each for each in languages if regions and regions[0] in _COUNTRIES.get(each, ())), None)
    if spoken is None or len(languages) == 1:
        return uniform
    rest = (1 - PHONE_PRIOR) / (len(languages) - 1)
    return {each: PHONE_PRIOR if each == spoken else rest for each in languages}


def _word_likelihoods(language: str, chat: Mapping[str, str], *, length: int | None = None) -> dict[str, float]:
    """Return the log-likelihood of each listed word, chat words included."""
    listed = get_frequency_dict(language, wordlist="small")
    frequent = dict(sorted(listed.items(), key=lambda item: -item[1])[:length])
    frequent |= {word: max(frequent.get(word, 0.0), _CHAT_WORD_FREQUENCY) for word in chat}
    return {word: math.log(frequency + _WORD_FLOOR) for word, frequency in frequent.items()}


def _gram_likelihoods(language: str) -> dict[str, float]:
    """Return the log-likelihood of each character n-gram among those of its length, from langdetect's profile."""
    profile = json.loads(Path(PROFILES_DIRECTORY, language).read_text(encoding="utf-8"))
    totals = profile["n_words"]
    return {gram: math.log(count / totals[len(gram) - 1] + _NGRAM_FLOOR) for gram, count in profile["freq"].items()}


def _grams_of(words: Iterable[str]) -> Iterator[str]:
    """Yield the n-grams of one to three characters of each word, as langdetect counts them."""
    for word in words:
        padded = f" {word} "
        for size in (1, 2, 3):
            yield from (padded[i : i + size] for i in range(len(padded) - size + 1))


def _is_in_another_script(text: str) -> bool:
    """Whether most letters are not Latin."""
    letters = [c for c in text if c.isalpha()]
    latin = sum("LATIN" in unicodedata.name(c, "") for c in letters)
    return len(letters) >= _LEAST_KNOWN_WORDS and latin * 2 < len(letters)


def _normalised(weights: Mapping[str, float]) -> dict[str, float]:
    """Return `weights` as probabilities; uniform when there are none."""
    total = sum(weights.values())
    return {each: share / total if total > 0 else 1 / len(weights) for each, share in weights.items()}


def _softmax(scores: Mapping[str, float], prior: Mapping[str, float]) -> dict[str, float]:
    """Return the posterior of log-likelihoods under a prior."""
    best = max(scores.values())
    return _normalised({each: math.exp(score - best) * prior[each] for each, score in scores.items()})
