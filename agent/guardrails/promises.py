"""The agent promises what the tenant has published, and nothing else.

Guarantees, results, deadlines, refunds, exclusivity, places held, prices locked, replacements, and what law, health,
taxes or visas allow. Refusing to promise, offering to check and stating a policy as it is are no promises.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain
from re import Match

from agent.folding import words_of
from agent.guardrails.backing import Backing, backing_of
from agent.guardrails.expressions import compiled_on_use
from agent.guardrails.outcomes import promised_outcomes
from agent.guardrails.patterns import load_patterns
from agent.guardrails.promises_later import done_by_then, held_prices
from agent.guardrails.published_once import once_for
from agent.guardrails.rule import passed, revised
from agent.guardrails.sentences import Sentence, Span, denies, is_conditional, is_denied, is_hedged, read_sentences
from agent.types import Candidate, Tenant, Turn, Verdict

RULE = "promises"
VERSION = 6
MAX_EVIDENCE = 160

REASONS = {
    "certainty": "The reply tells as certain what nobody can be sure of, or gives its word for it.",
    "guarantee": "The reply gives a guarantee that your policies do not give.",
    "refund": "The reply promises money back beyond your refund policy.",
    "cancellation": "The reply promises a cancellation on terms you have not published.",
    "reservation": "The reply holds a place beyond your reservation policy.",
    "price_lock": "The reply promises that a price will not change, which no policy says.",
    "replacement": "The reply promises a replacement or a redo that no policy gives.",
    "redo": "The reply promises to repeat something, which no policy gives.",
    "exclusivity": "The reply promises exclusivity, which no policy gives.",
    "result": "The reply promises a result that nobody can be sure of.",
    "deadline": "The reply commits to a date or a time you have not published.",
    "visa": "The reply makes a claim about visas or residence; it may only say whom to ask.",
    "tax": "The reply makes a claim about taxes; it may only say whom to ask.",
    "legal": "The reply makes a legal claim that you have not published.",
    "medical": "The reply makes a medical claim or gives medical advice.",
    "forbidden": "The reply speaks on a subject you have forbidden.",
}
"""One sentence for the seller per topic."""

_WORDS = load_patterns("promises_words")
_OPEN = frozenset({"visa", "tax", "legal", "medical", "result"})
"""Topics on which "if it is …, ask your …" is no claim."""
_SPECIFIC = frozenset({"refund", "reservation", "price_lock", "replacement", "redo", "cancellation"})
"""Topics of which a guarantee says no more than that they hold: "your place is guaranteed once you pay"."""
_WORD_GIVEN = frozenset({"guarantee", "certainty"})

_EXPLAINS = re.compile(r"\d|\b(?:no|nao|not|never|pero|but|mas|if|si|se|solo|only|sin|sem|without)\b")
_NOT_BOUGHT = compiled_on_use(
    r"\b(?:si|se|if|unless|until|hasta que|ate que|ate)\b(?: (?:you|tu|usted|vos|voce|vc|al final|luego|depois"
    r"|despues))*(?: (?:no|nao|ifnot|do not|don t|decide not to))? (?:te |se |os |le |la |lo |o |a )?"
    r"(?:elig|elij|escolh|choos|pick|contrat|suscrib|assin|subscrib|sign|continu|sig[ua]|compr|buy|decid|avanz|avanc|activ|ativ)\w*"
    r".{0,60}\b(?:no|nao|not|nothing|never|nunca)\b.{0,30}\b(?:cobr|charg|pag|pay|cost|cust)"
)
"""Nothing is paid for what one does not buy: that gives nothing back."""
_MONEY_BACK = re.compile(
    r"\b(?:get|gets|have|receive)"
    r" (?:it|it all|everything|all of it|your money|your deposit|the deposit) ?(?:all )?back\b"
)
_SAVES = re.compile(r"\b(?:ahorr|econom|sav)\w*[^,]{0,12}\d")
_BILL = re.compile(
    r"\b(?:factur|fatur|bill|recibo|luz|conta|energ|electric|eletric|tax|impuest|impost|cost[oe]s|gast|combust|fuel|horas|hours"
    r"|tiempo|tempo|time)\w*"
)
_PAYS_NOTHING = re.compile(
    r"\b(?:nada|nothing|nenhum\w*|ningun\w*|anything|a thing|a penny|un peso|un centavo|nem um centavo)\b"
)
_WAY_OUT = re.compile(
    r"\b(?:cancel\w*|desist\w*|arrepent\w*|arrepient\w*|convenc\w*|convenz\w*|aprueb\w*|aprob\w*|quit\w*|leav\w*|back"
    r"|devol\w*|devuel\w*|pierd\w*|perd\w*|lose|ifnot|saldo|balance|rest[ao]\w*)\b"
    r"|\b(?:no|not|nao|until|unless|hasta|ate)\b.{0,20}\b(?:gust|gost|content|satisf|happy|like|work|funcion|pass|result)"
)
"""Of who pays nothing then, money is given back or a result is warranted."""
_ALL = re.compile(r"^.+$")
_EXPERIENCE = re.compile(
    r"\b(?:have|has|ve|hemos|han|ha|temos|ja|ya|llevamos|since|desde)\b.{0,40}"
    r"\b(?:more than|over|mas de|mais de|cerca de|around|about|some)? ?\d[\d ]{2,}\b(?! (?:hours?|horas?|days?|dias?))"
)
"""How many have been served so far."""
_NOT_A_SUBJECT = re.compile(
    r"\b(?:garanti|garant|promet|promis|guarant|habl|fal|asesor|consej|advi|aconsel|sobre|about|para|otr|outr|other|dar"
    r"|giv|anunci|announc|compar|with|entre|hacer|fazer|make|making)\w*"
)


def check(candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> Verdict:  # noqa: ARG001 — a Check
    """Revise a text that promises more than the tenant's policies and facts."""
    found = next(_broken(candidate, turn, tenant), None)
    if found is None:
        return passed(RULE, VERSION)
    topic, span = found
    return revised(RULE, VERSION, REASONS[topic], candidate.text, span, most=MAX_EVIDENCE)


def _broken(candidate: Candidate, turn: Turn, tenant: Tenant) -> Iterator[tuple[str, Span]]:
    """Yield topic and place of the promises of a text that nothing published backs."""
    sentences = read_sentences(candidate.text)
    backing = backing_of(tenant)
    whole = " . ".join(sentence.words for sentence in sentences)
    for sentence in sentences:
        if backing.repeats(sentence.words):
            continue
        for topic, match in chain(_claims(sentence), _told(sentence, backing, candidate.language)):
            if not backing.backs(topic, sentence, match, whole, candidate.language):
                yield topic, sentence.span(match)
    yield from _on_forbidden(sentences, tenant)
    yield from _agreed(sentences, turn, backing)


def _told(sentence: Sentence, backing: Backing, language: str) -> Iterator[tuple[str, Match[str]]]:
    """Yield what a sentence promises by what it says of whom and when, by topic."""
    yield from (("result", match) for match in promised_outcomes(sentence))
    yield from (("price_lock", match) for match in held_prices(sentence, backing.days))
    if backing.warrants(sentence, language) and not sentence.asks and not denies(sentence):
        yield from (("guarantee", match) for match in _ALL.finditer(sentence.words))
    for match in done_by_then(sentence):
        if not backing.tells_time(sentence, language):
            yield "deadline", match


def _agreed(sentences: Sequence[Sentence], turn: Turn, backing: Backing) -> Iterator[tuple[str, Span]]:
    """Yield a bare yes to a promise the prospect has asked for: "me guardas plaza?" "¡Hecho!"."""
    affirming = (s for s in sentences if _WORDS["affirms"].may_find(s.words))
    yes = next((s for s in affirming if all(_is_yes(part) for part in s.words.split(" , "))), None)
    if yes is None or any(s is not yes and (s.asks or _EXPLAINS.search(s.words)) for s in sentences):
        return
    for asked in read_sentences(turn.text):
        for topic, _ in _WORDS["asks"].find(asked.words):
            if not backing.grants(topic):
                yield topic, (yes.clauses[0][0], yes.clauses[-1][1])


def _is_yes(clause: str) -> bool:
    return any(match[0] == clause for _, match in _WORDS["affirms"].find(clause))


def _on_forbidden(sentences: Sequence[Sentence], tenant: Tenant) -> Iterator[tuple[str, Span]]:
    """Yield statements on what the tenant has forbidden, where that is told in two words or more."""
    subjects = _forbidden_subjects(tenant)
    for sentence in sentences if subjects else ():
        said = _beginnings(sentence.words)
        if any(subject <= said for subject in subjects) and not sentence.asks:
            everything = re.match(r".*", sentence.words)
            if everything and not (denies(sentence) or is_hedged(sentence, everything)):
                yield "forbidden", (sentence.clauses[0][0], sentence.clauses[-1][1])


@once_for
def _forbidden_subjects(tenant: Tenant) -> Sequence[frozenset[str]]:
    """Return how the words begin that name each forbidden subject, where those are two or more."""
    subjects = (_beginnings(_NOT_A_SUBJECT.sub(" ", words_of(each))) for each in tenant.forbidden)
    return [subject for subject in subjects if len(subject) > 1]


def _beginnings(words: str) -> frozenset[str]:
    """Return how the longer words begin."""
    return frozenset(word[:4] for word in words.split() if len(word) > 3)


def _claims(sentence: Sentence) -> Iterator[tuple[str, Match[str]]]:
    """Yield what the sentence promises, by topic: neither denied nor only asked about."""
    specific = False
    for named, match in _WORDS["claims"].find(sentence.words):
        topic = "refund" if named == "result" and _MONEY_BACK.search(match[0]) else named
        if topic in _WORD_GIVEN and specific:
            continue
        if topic == "certainty" and _is_harmless(sentence, match):
            continue
        if _promises_nothing(topic, sentence, match):
            continue
        if not (is_denied(sentence, match) or is_hedged(sentence, match) or _is_open(topic, sentence, match)):
            specific = specific or topic in _SPECIFIC
            yield topic, match


def _promises_nothing(topic: str, sentence: Sentence, match: Match[str]) -> bool:
    """Say whether a sentence tells what costs nothing, which is the rule `pricing`'s, or what has been done before."""
    if topic == "refund":
        only_free = _PAYS_NOTHING.search(match[0]) and not _WAY_OUT.search(sentence.words)
        return bool(only_free or _NOT_BOUGHT.search(sentence.words))
    if topic == "result" and _SAVES.search(match[0]) and not _BILL.search(sentence.words):
        return True  # what one pays less to us: the rule `pricing` reckons it
    return topic == "deadline" and bool(_EXPERIENCE.search(sentence.words))


def _is_harmless(sentence: Sentence, match: Match[str]) -> bool:
    """Say whether what is told as certain is no more than help, or a kind word: "I'll definitely ask"."""
    said = sentence.words[match.start() :].partition(" , ")[0] if "," not in match[0] else sentence.words
    return any(True for _ in _WORDS["harmless"].find(said))


def _is_open(topic: str, sentence: Sentence, match: Match[str]) -> bool:
    """Say whether the matter is left open: behind an "if", or for an expert to answer."""
    if topic not in _OPEN:
        return False
    refers = sentence.has(_WORDS["referral"]) and sentence.has(_WORDS["unsure"])
    return is_conditional(sentence, match) or refers
