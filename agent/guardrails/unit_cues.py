"""What the words around an amount say it is the price of: a month, a session, the whole, or something unpublished."""

import re
from collections.abc import Mapping
from typing import Literal

from agent.guardrails.currencies import PRICED
from agent.guardrails.expressions import compiled_on_use, load_expressions
from agent.guardrails.word_lists import load_words

_WORDS = load_expressions("pricing_words")

UnitCue = Literal["month", "year", "session", "course", "once", "other", ""]

_A = r"(?:\b(?:ao|al|por|la|el|a|an|per|each|cada|every|the|pro|p)|/|\bpor cada|\bof) ?(?:l[ao] )?"
_SESSION = (
    r"(?:clase|aula|lesson|class|sesion|sessao|session|visita|visit|cita|consulta|appointment|control|limpieza|passeio"
    r"|trip)"
)
_WHOLE_COURSE = (
    r"\b(?:el|por el|o|pelo|por o|for the|for a|the|del|do) (?:whole |full |entire |complete )?(?:\d+-week )?"
    r"(?:curso|course)|\btodo el curso|\bcurso (?:completo|inteiro)"
    r"|\b(?:por las|pelas|for the|for all) \d+ (?:semanas|weeks)"
)
_EACH_OF = "|".join([*sorted(load_words("money_words")["each_of"]), _SESSION, "curso", "course"])
_POR_UNIT = "|".join(sorted(load_words("money_words")["por_unit"]))
_OTHERS = (
    r"(?:dia|day|diaria|semana|week|wk|quinzena|quincena|hora|hour|hr|minuto|minute|watt?|w|kwh?|kilometro|km|mile"
    r"|milla"
    r"|noche|night|noite|pareja|casal|couple|familia|family|grupo|group|empresa|company|equipo|team|habitacion|quarto"
    r"|room|tooth|diente|dente|panel|painel|pagina|page|palabra|word|modulo|module|trimestre|quarter|semestre|semester|term"
    r"|bimestre)"
)
_CUE_WORDS: Mapping[UnitCue, str] = {
    "other": rf"(?!ahora\b)(?!(?:\bel|\bla|\bo|\ba|\bthe) \w{{3,12}} (?:del?|da|do|of)\b){_A}{_OTHERS}s?\b"
    rf"|\b(?:per|por cada|cada|each|every) (?!(?:{_EACH_OF})\b)[a-z]{{3,20}}\b"
    rf"|\bpor (?:{_POR_UNIT})s?\b|\b(?:diari[oa]s?|daily|weekly|semanal(?:es)?|semana(?:l|is)|hourly)\b"
    r"|\b(?:o casal|la pareja|el grupo|o grupo)\b|\bcada (?:dia|semana|hora)\b"
    r"|\b(?:o|el|la|a|the) (?:semestre|trimestre|quarter|bimestre|semana|dia|noche|noite|hora|week|night|day)\b"
    r"(?! (?:proxim|pasad|(?:que|del?|da|do|of|next|siguiente|seguinte|anterior|before|after)\b))",
    "month": rf"{_A}(?:mes|month|mo|mth)\b(?! (?:que|proxim|pasad))"
    r"|\b(?:mensual(?:es|mente)?|mensa(?:l|is|lmente)|monthly|mensualidad(?:es)?)\b",
    "year": rf"{_A}(?:ano|year|yr|anualidad)\b(?! (?:pre|paid|up ?front|in advance|por ad|adelant|anticip|antecip"
    r"|adiant|complet|inteir))|\b(?:anual(?:es|mente)?|anua(?:l|is)|yearly|annual(?:ly)?|per annum)\b"
    r"|\b12 (?:meses|months)\b|\b(?:todo el ano|o ano (?:todo|inteiro)|the whole year|for the year|pelo ano)\b",
    "session": rf"{_A}{_SESSION}s?\b",
    "course": _WHOLE_COURSE,
    "once": r"\b(?:por|for|pelo|pela|para) (?:todo (?:el|o)|toda (?:la|a)|the (?:whole|entire|full))"
    r" (?!mes|month|ano|year|semana|week|dia|day|grup|group|equip|team|famil|noche|night|noite)[a-z]{5,15}\b"
    r"|\b(?:una (?:sola|unica) vez|uma (?:so|unica) vez|once (?:and for all|only)|just once|one[- ]time"
    r"|one[- ]off"
    r"|once(?= ?(?:[,.;!?)]|$))|unica vez|(?:un )?unico pago|pago unico|unico pagamento|pagamento unico"
    r"|un solo pago|single payment|de por vida"
    r"|vitalici[oa]|lifetime|for life|para siempre|pra sempre|forever)\b",
}
_AFTER = {cue: compiled_on_use(words) for cue, words in _CUE_WORDS.items()}
_ANY_AFTER = compiled_on_use(rf"(?:\b|(?=/))(?:{'|'.join(_CUE_WORDS.values())})")
"""All of them begin at a word or a slash: tried only there, they take a fraction of the time."""
_CLAUSE = re.compile(r"[^\d.;!?()\n□]{0,34}(?:\d{1,2} (?:semanas|weeks)\b)?")
_NOT_PAID = "".join(
    rf"(?<!{words} )"
    for words in ("con el pago", "con pago", "com pagamento", "com o pagamento", "con el plan", "com o plano", "with")
)
"""Behind one of these, "annual" says how one pays; the amount may well be that of a month."""
_BEFORE = compiled_on_use(
    r"\b(?P<month>al mes|por mes|mensual(?:mente)?|mensualidad|cuota mensual|mensalidade|monthly|per month|a month"
    r"|cada mes|(?:mes a mes|month (?:to|by) month)(?:, ?a|,? at)?|meses (?:suelt|avuls|separad)[oa]s"
    r"|(?:single|separate|individual) months)"
    r"[^\d.;!?,□]{0,20}$"
    rf"|\b(?P<year>al ano|por ano|cada ano|{_NOT_PAID}(?:anual(?:mente)?|anualidade?|yearly|annual(?:ly)?)"
    r"(?! (?:pre|bill))|per year|a year)[^\d.;!?,□]{0,20}$"
    r"|\b(?P<session>por (?:clase|aula|sesion|sessao|cita|visita)|per (?:class|lesson|session|visit)|cada (?:clase"
    r"|aula))[^\d.;!?,□]{0,20}$"
    r"|\b(?P<once>(?:pago|pagamento) unico|unico (?:pago|pagamento)|solo pago|so pagamento"
    r"|one[- ](?:off|time)|single (?:payment|fee|charge)|(?:una|1) (?:sola|unica) vez|(?:uma|1) (?:so|unica) vez)"
    r"(?:(?! (?:y|e|and|mas|plus) )[^\d.;!?,□]){0,20},? ?$"
    r"|\b(?P<other>(?:al|por|cada|per|a) (?:dia|day|semana|week|hora|hour|noche|noite|night)|diarios?"
    r"|daily)[^\d.;!?,□]{0,20}$"
)
_COMES_WITH = re.compile(
    r"\b(?:con|com|with|incluy\w+|inclu[ei]\w*|includ\w+) (?:(?:el|la|o|a|the|un|una|um|uma) )?(?:curso|course|"
    rf"{_SESSION})$"
)
"""Behind an amount: what comes with a thing, "2.350 €, con el curso y la casa"."""
_DENIED = re.compile(
    r"\b(?:no|nao|not|isn't|aren't|nunca|never)(?: (?:es|e|son|sao|hay|ha|se|is|are|un|una|um|uma|a|an|the|any))*\b ?$"
)
"""In front of a unit: "it isn't a monthly fee"."""
_WORD = re.compile(r"[a-z]+")
_BEFORE_WORDS = frozenset(
    [
        "mes",
        "meses",
        "months",
        "mensual",
        "mensualmente",
        "mensualidad",
        "mensal",
        "mensalidade",
        "monthly",
        "month",
        "ano",
        "anual",
        "anualmente",
        "anualidad",
        "anualidade",
        "year",
        "yearly",
        "annual",
        "annually",
        "clase",
        "aula",
        "sesion",
        "sessao",
        "cita",
        "visita",
        "class",
        "lesson",
        "session",
        "visit",
        "dia",
        "day",
        "semana",
        "week",
        "hora",
        "hour",
        "noche",
        "noite",
        "night",
        "diario",
        "diarios",
        "daily",
        "unico",
        "solo",
        "off",
        "time",
        "single",
        "vez",
        "pagamento",
    ]
)
"""Of which every match of `_BEFORE` has one."""
_UNIT_CLASSES = {
    "di": "day", "da": "day", "se": "week", "we": "week", "wk": "week", "no": "night", "ni": "night", "ho": "hour",
    "hr": "hour", "ki": "kilometre", "km": "kilometre", "mi": "mile", "pa": "couple", "ca": "couple", "co": "couple",
    "fa": "family", "gr": "group", "ha": "room", "qu": "room", "ro": "room", "to": "tooth", "de": "tooth",
}  # fmt: skip
_PRICED_BY = re.compile(
    rf"\b(?:preci\w+|precos?|prices?|priced|rates?|tarifas?|valor\w*|charged|billed"
    rf"|cobra\w*)\b[^.\n]{{0,25}}?{_A}(?P<unit>{_OTHERS})s?\b"
)
_SOLD_BY = re.compile(rf"{_A}(?P<unit>{_OTHERS})s?\b")
_DAILY_RATE = re.compile(r"(?<!\d )\b(?:diarias?|pernoites?|pernoctac\w+|nightly)\b")
_FOR_TWO = re.compile(r"\b(?:para|for) (?:2|dos|duas|two) (?:personas|pessoas|people|persons)\b")
_UNIT_WORD = re.compile(rf"\b{_OTHERS}(?=s?\b)")
_COVERS = _WORDS["covers"]
_PEOPLE = compiled_on_use(
    r"^(?: (?:l[oa]s|os|as|all|the) |[^\d.:;!?\n□]{0,14}\b(?:para|for|pra|entre|por|pel[ao]s?|cover(?:s"
    r"|ing)?)(?: l[oa]s| all| the| todos| voces| vos| usted(?:es)?"
    rf"| os| as)? ?)(?P<count>\d{{1,2}})\b(?!{PRICED})"
    r"(?! ?(?:%|x\b|[.,]\d|dias?|days?|weeks?|semanas?|horas?|hours?|cuotas|plazos"
    r"|parcel|instal|pagos"
    r"|payments|kwp?\b|kw\b|l\b|litros?|lit(?:er|re)s?|m2?\b|cm\b|gb\b|hp\b|plazas|placas|paineles|paineis|paneles))"
)

_MANY = re.compile(
    r"(?<![\w.,$€£])(?<![$€£] )(?:(?:pack|bono|paquete|pacote|bundle) (?:de |of ))?(?P<count>[2-9]|[1-9]\d)"
    r"(?: (?!(?:euros?|reais|pesos|dolares|dollars|soles|pounds)\b|semana|week"
    r"|modul|nivel|level|hora|hour|minut|dia|day|noche|noite|night|cuota|parcel|instal|pago|payment"
    r"|plazo|mes|month|kw|ano|year|panel)[a-z]{3,15}){0,3}"
    r" (?:son|cost|cuestan|custam|sao|are|is|es|come to|comes to|salen|saem|ficam|serian|seriam|would be"
    r"|quedan)(?: en| por| a)? ?$"
)
_EACH = re.compile(r"^[^\d.;!?]{0,16}\b(?:each|cada|por|per|apiece)\b")
_SINGLE = re.compile(
    r"^[^\d.;!?\n□]{0,14}\b(?:for|por|para) (?:a single|just one|only one|(?:una?|solo una?) sol[oa]|uma so|um so"
    r"|un[oa]? unic[oa])\b"
)
_FOR_EVERYONE = _WORDS["for_everyone"]
_EVERYONE = re.compile(rf"^[^\d.;!?\n□]{{0,30}}{_FOR_EVERYONE.pattern}")
_FOR_BOTH = re.compile(
    r"^[^.;!?]{0,12}\b(?:cada un[oa]|cada uma?|cada|each|both|ambos|ambas|l[oa]s dos|os dois|as duas|per person"
    r"|por persona|por pessoa)\b"
    r"(?! (?:de|da|of|das|dos|adicional|siguiente|extra|seguinte))"
)
_OF_THE_OTHERS = re.compile(
    r"\b(?:otr[oa]s?|outr[oa]s?|others?|siguientes?|seguintes?|segund[oa]s?|second|rest\w*|demas|demais|younger|smaller"
    r"|pequen[oa]s?|menor(?:es)?|mais nov[oa]s?|(?:cada|each|every) \w+ (?:mas|mais|more))\b"
)
_FIRST = r"(?:primer[oa]?|primeir[oa]|first|mayor|older|eldest|mais velh[oa])"
_FIRST_PAYS = re.compile(
    rf"(?<!que el )(?<!que la )(?<!que o )(?<!que a )(?<!que al )(?<!than the )\b{_FIRST}\b"
    r"(?:(?! (?:y|e|and|que|than|tras|after) )[^\d.;,!?€]){0,25}$"
)
_FIRST_BEHIND = re.compile(
    rf"^ (?:(?:for|para|por|pel[oa]) )?(?:(?:the|el|la|o|a|al|ao) )?{_FIRST}\b(?! (?:month|mes|year|ano))"
)
_THEIRS = re.compile(r"^[^.,;:!?\d]{0,40}")
"""Behind an amount: whose it is."""
EVERYONE = 1_000
"""The number of people that stands for everybody."""


def read_unit(plain: str, done: int, start: int, end: int) -> tuple[UnitCue, int, str]:
    """Return what plain[start:end] is said to be the price of, where those words end, and the words.

    The words behind an amount count before those in front of it; `done` is where the words of the amount before end.
    """
    clause = _CLAUSE.match(plain, end)
    stop = clause.end() if clause else end
    match = _ANY_AFTER.search(plain, end, stop)
    if match and not _is_next_statement(plain[end : match.start()]) and not _COMES_WITH.search(plain, end, match.end()):
        cue = next(cue for cue, pattern in _AFTER.items() if pattern.match(plain, match.start(), stop))
        return cue, match.end(), match[0]
    least = max(done, start - 50)
    if _BEFORE_WORDS.isdisjoint(_WORD.findall(plain, least, start)):
        return "", end, ""
    before = _BEFORE.search(plain, least, start)
    if before and before.lastgroup and not _DENIED.search(plain, least, before.start()):
        return _CUES[before.lastgroup], end, before[0]
    return "", end, ""


_CUES: Mapping[str, UnitCue] = {cue: cue for cue in _CUE_WORDS}


def _is_next_statement(between: str) -> bool:
    """Say whether the words between an amount and a unit already speak of something else: "399 €, y al mes …"."""
    return bool(re.search(r",.{12}|\b(?:y|e|and|pero|but|mas|o|ou|or|after|tras|apos) ", between))


def unit_class(words: str) -> str:
    """Return what kind of unit the words of an "other" cue name: "por noche" and "a night" are both `night`."""
    last = re.split(r"[ /]", words)[-1]
    return _UNIT_CLASSES.get(last[:2], last)


def priced_units(plain: str) -> frozenset[str]:
    """Return the classes of the units by which a published text says that prices are meant."""
    return frozenset(unit_class(match["unit"]) for match in _PRICED_BY.finditer(plain))


def sold_units(description: str) -> frozenset[str]:
    """Return the classes of the units that an item's folded description says it is sold by: "diária", "por noche".

    How long something lasts, "10 semanas", is none; a "diária" is a night.
    """
    found = frozenset(unit_class(match["unit"]) for match in _SOLD_BY.finditer(description))
    found |= {"couple"} if _FOR_TWO.search(description) else frozenset()
    return found | {"night", "day"} if _DAILY_RATE.search(description) else found


def is_for_everyone(text: str) -> bool:
    """Say whether a folded text speaks of a price, or a thing, for all: "módulo para toda la empresa"."""
    return bool(_FOR_EVERYONE.search(text))


def named_units(name: str) -> frozenset[str]:
    """Return the classes of the units that an item's folded name has: "day pass", "sala (1 hora)"."""
    return frozenset(unit_class(match[0]) for match in _UNIT_WORD.finditer(name))


def read_people(plain: str, start: int, end: int) -> int:
    """Return of how many people or sessions the amount plain[start:end] is said to be the price; 0: not said.

    "For everybody" is `EVERYONE`, "for a single one" is one.
    """
    behind = plain[end : end + 60]
    match = _PEOPLE.match(behind)
    if match:
        return int(match["count"])
    many = _MANY.search(plain, max(0, start - 50), start)
    if many and not _EACH.match(behind):
        return int(many["count"])
    if _EVERYONE.match(behind) or _COVERS.match(behind):
        return EVERYONE
    return 1 if _SINGLE.match(behind) else 0


def is_for_the_first(before: str, after: str) -> bool:
    """Say whether an amount between two folded texts is what the first of several pays, be it as each of them does.

    Not what each of "the other two" pays.
    """
    if _FIRST_PAYS.search(before[-60:]) or _FIRST_BEHIND.match(after):
        return True
    behind = _THEIRS.match(after)
    whose = f"{before[-40:]}|{behind[0] if behind else ''}"
    return bool(_FOR_BOTH.search(after)) and not _OF_THE_OTHERS.search(whose)
