"""Reads a text as sentences of folded words, so that a rule can ask what is said, and whether it is denied.

Spanish, Portuguese and English together. The words of a sentence stand one space apart; ` , ` marks where a clause
ends. Every pattern is bounded: reading takes linear time.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from string import ascii_lowercase

from agent.guardrails.expressions import compiled_on_use
from agent.guardrails.folded import fold_text
from agent.guardrails.patterns import PatternList

Span = tuple[int, int]

_SENTENCE_END = re.compile(r"[.!?…\n](?:(?<!\n)[.!?…]*(?=[\s\W]|$)|(?<=\n)\n*)")
_CLAUSE_END = compiled_on_use(
    r"[;()\"“”«»]|[,:](?:(?<!\d.)|(?!\d))|\s-\s|[\U0001F300-\U0001FAFF\u2600-\u27BF]+"
    r"|\b(?=(?:pero|sino|aunque|sin embargo|but|however|although|though|porem|embora|entretanto"
    r"|(?:y|e|and)\s(?:te|le|se|you|we|i|ya|a gente|nos|si))\b)",
)
_NOT_A_WORD = re.compile(r"[\W_]+")
_DRAWN_OUT = re.compile(r"([a-z])\1{2,}")
_TRIPLED = tuple(letter * 3 for letter in ascii_lowercase)

# Words that look like a denial and are none.
_NOT_A_DENIAL = compiled_on_use(
    r"\b(?:no (?:te|se|le|os) (?:preocup\w+|apur\w+|agobi\w+)|sin (?:ningun )?problemas?"
    r"|no hay (?:ningun )?problemas?|no pasa nada|por que no|nao se preocup\w+|sem (?:nenhum )?problemas?"
    r"|nao tem problema|(?:do|need) not worry|no wor+ies|no problem|no prob|why not"
    r"|no solo|nao so|not only|not just|no es mentira|no te miento|no exagero|nao e mentira|not lying|no kidding"
    r"|no joke|no (?:seu|meu|nosso|teu) (?:caso|lugar|nome|dia)"
    r"|no(?= (?:seu|meu|nosso|teu|sabado|domingo|dia|mes|ano|curso|plano|pacote|comeco|primeiro|segundo|terceiro"
    r"|proximo|mesmo|ensaio|exame|teste|pix|cartao|boleto|contrato|estudio|aeroporto|momento|caso|entanto|maximo|minimo|valor"
    r"|preco|centro|verao|inverno|outono|natal|grupo|nivel|modulo|consultorio|escritorio|casamento|evento|endereco)\b))\b"
)
_CERTAIN = re.compile(
    r"\b(?:no lo dud\w+|sin (?:ninguna )?dudas?|sem (?:nenhuma )?duvidas?|no doubt|without (?:a )?doubt)\b"
)
_IF_NOT = re.compile(
    r"\b(si|se|if|caso)( (?:i|it|eu|yo|you|u|he|she|they|we|el|la|o|a|usted|voce|vc|algo))?"
    r"(?: (?:do|does|is|are|did|re))? (?:no|nao|not)\b"
)
_NO = re.compile(r"\b(?:no|not|nao|sin|sem|without)\b")
"""Without one of these words there is neither of the two above."""
_CONTRACTED = re.compile(r"\b(do|does|did|ca|wo|is|are|was|were|would|could|should|have|has)nt\b")

_DENIAL = (
    r"(?:no|nunca|jamas|tampoco|ni|ningun|ninguna|ninguno|nadie|nao|n|nem|nenhum|nenhuma|ninguem|tampouco|not|cannot"
    r"|never|nor|neither|none|nobody|nothing|nada(?= (?:se|e|es) )|unable|imposible|impossivel|impossible|evito"
    r"|evitamos|avoid|refuse|lejos de|longe de)"
)
_DENIAL_WITH_OR = re.compile(r"\b(?:no|nunca|jamas|tampoco|ni|sin)\b")
"""Only in Spanish "o" is "or"; Portuguese has it as an article: "não …; o curso é devolvido"."""
_ANY_DENIAL = re.compile(rf"\b{_DENIAL}\b")
_DENIED_BEFORE = compiled_on_use(rf"\b{_DENIAL}\b[^,]{{0,60}}$|\b(?:sin|sem|without)(?: \w{{1,15}})? $")
_DENIED_AFTER = compiled_on_use(
    r"^(?:[^,]{0,12})?(?: ,)? (?:que )?(?:no|nao|not|none|nunca)(?: (?:la|lo|las|los|se|te|le|os|as|o|a|es|is|are))?"
    r" ?(?:damos|hay|ha\b(?! duvida| problema| risco)"
    r"|tenemos|existen?|podemos|puedo|ofrecemos|hacemos|manejamos|temos|fazemos|oferecemos|possivel"
    r"|posible|possible|posso|prometo|something|offered|available|include[sd]?|cover(?:s|ed)?|incluyen?|inclui|cubren?|cobre|$)"
)
_CARRIED = re.compile(r"^(?:ni|nem|nor|or|o|ou) ")

_CHECKS = (
    r"(?:consult|averig|pregunt|confirm|verific|revis|check|ask|see|find out|ver|veo|saber|sabe|sei|know|mira|dizer"
    r"|decir|say|tell|pergunt|cheque|conferir)\w{0,6}"
)
_OTHERS = (
    r"(?:quien|quienes|quem|anyone who|anybody who|whoever|those who|alguien que|alguem que|people who|cualquiera que"
    r"|qualquer um que|who)"
)
_WISHES = (
    r"(?:entiendo|comprendo|entendo|understand|compreendo|se que|sei que|know)\b[^,]{0,20}"
    r"\b(?:quier\w+|quer\w*|busc\w+|want|need|necesit\w+|precis\w+|gustaria|would like|hope|esper\w+)"
    r"|preguntas|preguntaba\w*|pides|pedias|pediste|perguntou|pediu|you asked|asking|asked|looking for"
    r"|(?:love|like|quisiera|gustaria|encantaria|queria|adoraria) (?:to |poder |be able to )*(?:say|decir|dizer"
    r"|promis\w+|promet\w+)"
    r"|ojala|tomara|i wish|i hope|espero que|seria (?:mentir|deshonesto|irresponsable|enganarte)"
)
_HEDGED_BEFORE = compiled_on_use(
    r"\bwhether\b[^,]{0,40}$"
    r"|\b(?:lo del?|tema del?|sobre|acerca del?|about|regarding|quanto ao?|respecto a|a questao d[aoe]|question on)"
    r"(?: (?:el|la|tu|su|the|your|a|o|sua|seu|al|un|una|any))? $"
    rf"|\b{_CHECKS}(?: [^, ]{{1,15}}){{0,4}} (?:si|se|if|whether)\b.{{0,60}}$"
    rf"|\b{_OTHERS}\b[^,]{{0,40}}$|\b(?:{_WISHES})\b[^,]{{0,40}}$"
)
_IF_BEFORE = re.compile(r"\b(?:si|se|if)(?: (?!te |le |os |ifnot )\w{1,15}){0,2} $")
_UNTRUE = re.compile(
    r"\b(?:(?:te |le |lhe |les )?ment(?:iria|iendo|ir|ira|indo|indote)|mintiendo|miente|mienten|mentira|be lying|lying"
    r"|a lie|not be honest|dishonest|no (?:seria|es) (?:honesto|justo|serio|responsable)|deshonesto|desonesto"
    r"|nao (?:seria|e) (?:honesto|serio|justo)|irresponsable|irresponsavel|irresponsible|misleading|enganarte"
    r"|enganando|engana|enganar|desconfia|desconfie|desconfiar|wary|suspicious|untrue)\b"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sentence:
    """One sentence. `clauses` has the offsets of each clause in the text it was read from."""

    words: str
    text: str
    """The folded text, with its punctuation."""
    clauses: tuple[Span, ...]
    asks: bool
    """Whether it is a question."""

    def has(self, patterns: PatternList[str]) -> bool:
        """Whether any of the patterns is found in it."""
        return any(True for _ in patterns.find(self.words))

    def span(self, match: re.Match[str]) -> Span:
        """Return where in the text the clauses stand that `match`, found in `words`, covers."""
        first = self.words.count(",", 0, match.start())
        last = self.words.count(",", 0, match.end())
        return self.clauses[first][0], self.clauses[last][1]


@lru_cache(maxsize=32)
def read_sentences(text: str) -> tuple[Sentence, ...]:
    """Return the sentences of a text in order (of its first `folded.MAX_CHARS`); those without words are left out.

    Several rules read the same text, so the last few are kept.
    """
    folded = fold_text(text)
    draws_out = any(letters in folded.text for letters in _TRIPLED)
    found: list[Sentence] = []
    start = 0
    for end in (*_SENTENCE_END.finditer(folded.text), None):
        stop = end.start() if end else len(folded.text)
        read = [
            (words, where)
            for where in _clauses(folded.text, start, stop)
            if (words := _words(folded.text[where[0] : where[1]], draws_out=draws_out))
        ]
        if read:
            words = " , ".join([words for words, _ in read])
            found.append(
                Sentence(
                    words=words,
                    text=folded.text[start:stop],
                    clauses=tuple([folded.span(*where) for _, where in read]),
                    asks=end is not None and "?" in end[0],
                )
            )
        start = end.end() if end else stop
    return tuple(found)


def is_denied(sentence: Sentence, match: re.Match[str]) -> bool:
    """Say whether what `match` found in the sentence is denied there: "we can't …", "… no damos", "ni …"."""
    before, after = sentence.words[: match.start()], sentence.words[match.end() :]
    clause = before.rpartition(", ")[2]
    if _DENIED_BEFORE.search(clause) or _DENIED_AFTER.search(after):
        return True
    carried = _CARRIED.match(clause)
    return carried is not None and bool((_DENIAL_WITH_OR if carried[0] == "o " else _ANY_DENIAL).search(before))


def denies(sentence: Sentence) -> bool:
    """Say whether anything is denied in the sentence."""
    return bool(_ANY_DENIAL.search(sentence.words))


def is_hedged(sentence: Sentence, match: re.Match[str]) -> bool:
    """Say whether it is only asked, checked, or told as what others say: "I'll ask whether …", "who says … lies"."""
    return bool(_HEDGED_BEFORE.search(sentence.words[: match.start()][-160:]) or _UNTRUE.search(sentence.words))


def is_conditional(sentence: Sentence, match: re.Match[str]) -> bool:
    """Say whether it stands right behind an "if": "si es deducible, te lo dice tu gestor"."""
    return bool(_IF_BEFORE.search(sentence.words[: match.start()][-60:]))


def _clauses(text: str, start: int, stop: int) -> list[Span]:
    """Return the offsets of the clauses of one sentence."""
    found: list[Span] = []
    for end, after in (*[match.span() for match in _CLAUSE_END.finditer(text, start, stop)], (stop, stop)):
        piece = text[start:end]
        bare = piece.strip()
        first = start + piece.index(bare)
        found.append((first, first + len(bare)))
        start = after
    return found


def _words(clause: str, *, draws_out: bool) -> str:
    """Return the words of one folded clause; `%` as a word, "don't" as "do not". `draws_out`: may have "stooop"."""
    words = _NOT_A_WORD.sub(" ", clause.replace("n't", " not").replace("%", " percent ")).strip()
    if draws_out:
        words = _DRAWN_OUT.sub(r"\1", words)
    if "nt" in words:
        words = _CONTRACTED.sub(r"\1 not", words)
    words = words.replace("cannot", "can not").replace("ca not", "can not").replace("wo not", "will not")
    if not _NO.search(words):
        return words
    return _IF_NOT.sub(r"\1\2 ifnot", _NOT_A_DENIAL.sub("okay", _CERTAIN.sub("surely", words)))
