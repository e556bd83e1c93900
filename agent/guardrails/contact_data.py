"""Telephone numbers, e-mail and postal addresses in a text that nobody published or gave."""

import re
from collections.abc import Iterator, Sequence

from agent.folding import words_of
from agent.guardrails.expressions import compiled_on_use
from agent.guardrails.findings import Finding, Known, Place, spelled_digits
from agent.guardrails.folded import MAX_CHARS, Folded
from agent.guardrails.required_words import Lookup, starts_in

MAX_BEFORE = 80
"""So many characters before a number may tell what it is."""

_PHONE = re.compile(r"(?<![\w.,/+-])(?:\+ ?)?\(?\d(?:[ ().-]{0,2}\d){6,14}(?!\w|[.,/:-]\d)")
_SEVEN_DIGITS = re.compile(r"\d(?:[ ().-]{0,2}\d){6}")
_ABOUT_PHONES = re.compile(
    r"\b(?:tel\w*|fones?|movil\w*|moviles|celular\w*|whats\w*|wsp|zap\w*|numero|number|llam\w*|call\w*|cell\w*|phone\w*"
    r"|mobile|text|contact\w*|apunta|anota|lig\w{1,3}|fal\w{1,2}|contest\w*|marc\w{1,3}|dial|ring|reach|sms)\b"
)
_ABOUT_ORDERS = re.compile(
    r"(?:pedidos?|encomendas?|compra|orden|order|ref|referencia|reference|referencias?|folio|codigo|code|reserva|reservation|booking"
    r"|localizador|ticket|tracking|guia|seguimiento|rastreio|factura|invoice|receipt|recibo|comprobante"
    r"|nota fiscal|presupuesto|orcamento|quote"
    r"|stock|sku|serie|serial|vin|expediente|protocolo|contrato|contract|registro|licencia|lote|isbn|ean|n\.?[ºo°])\b[^\d]{0,25}$"
)
_NUMBER_OF = frozenset({"numero", "number"})
"""Said of telephones and of orders alike."""
_MONEY_BEFORE = re.compile(r"(?:[$€£]|\b(?:usd|eur|mxn|brl|cop|clp|ars|gbp|rs)) ?$")
_MONEY_AFTER = re.compile(r" ?(?:[$€£%]|(?:usd|eur|mxn|brl|cop|clp|ars|euros?|pesos|dol[ae]res|dollars|reais|de|of)\b)")
_THREE_BY_THREE = re.compile(r"[679]\d\d \d{3} \d{3}$")
"""How mobile and other numbers are written in Spain and Portugal."""
_THOUSANDS = re.compile(r"\d{1,3}(?:([ .])\d{3})(?:\1\d{3})*$")
_DATES = re.compile(r"(?:19|20)\d\d[ .-]{0,2}(?:0?[1-9]|1[0-2]|(?:19|20)\d\d)\b|\d{1,2}[.-]\d{1,2}[.-](?:19|20)\d\d")

_EMAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}(?: (?:punto|ponto|dot) [\w+-]{1,64}){0,3}"
    r"(?: ?[(\[{] ?(?:at|arroba|@) ?[)\]}] ?| (?:arroba|@) |@| at (?=[\w-]{2,40} dot [a-z]))"
    r"[\w-]{1,63}(?:(?:\.| ?(?:[(\[{] ?)?(?:punto|ponto|dot)(?: ?[)\]}])? | ?[(\[{] ?(?:punto|ponto|dot|\.) ?[)\]}] ?)"
    r"[\w-]{2,63}){1,5}"
)
_AT = re.compile(r"@|arroba|[(\[{] ?at ?[)\]}]| at [\w-]{2,40} dot [a-z]")
"""Without it there is no e-mail address."""
_SPELLED_AT = re.compile(r" ?[(\[{]? ?\b(?:at|arroba)\b ?[)\]}]? ?")
_SPELLED_DOT = re.compile(r" ?[(\[{]? ?(?:\b(?:punto|ponto|dot)\b|\.) ?[)\]}]? ?")

_NAME = r"[A-ZÁÉÍÓÚÂÊÔÃÕÇÑ][\w'’.-]{1,30}"
_OF = r"(?:(?i:del?|d[aeo]s?|l[ao]s?|el|y|e)\s+){0,2}"
_NUMBER = r"(?:,?\s*(?:n\.?\s?[º°o]\.?|[Nn][úu]m\.?|#|no\.)?\s*\d{1,5})(?!\d|[:.,]\d|\s?[h€$%]|\s+(?:de|of)\s)"
_STREET = compiled_on_use(
    rf"(?<!\w)(?i:calle|c/|avenida|avda\.?|av\.?|paseo|pso\.?|plaza|pza\.?|calzada|bulevar|blvd\.?|privada|cerrada|carrer"
    rf"|rua|r\.|travessa|alameda|pra[çc]a|rodovia)\s*{_OF}{_NAME}(?:\s+{_OF}{_NAME}){{0,4}}{_NUMBER}"
)
_GRID = re.compile(
    r"(?<!\w)(?i:carrera|cra\.?|kra\.?|calle|cll\.?|cl\.|diagonal|diag\.?|transversal|tv\.?|avenida|av\.?)\s*"
    r"\d{1,3}\s?[A-Za-z]?(?:\s(?i:sur|norte|bis|este|oeste))?\s*(?:#|[Nn][º°o]\.?|[Nn]o\.)\s*\d{1,3}(?:\s?-\s?\d{1,3})?"
)
"""Streets by number, as in Colombia: "carrera 43A # 18-20"."""
_NUMBER_FIRST = compiled_on_use(
    r"(?<!\w)(?i:n\.?\s?[º°o]\.?|n[úu]mero|no)\s*\d{1,5}\s(?i:d[aeo]|del?|na|no)\s(?:la\s)?(?i:rua|avenida|travessa|praça"
    rf"|calle|paseo|plaza)\s{_OF}{_NAME}(?:\s{_NAME}){{0,2}}"
)
_ROAD = re.compile(
    rf"(?<![\w.,])\d{{1,5}}\s+(?:{_NAME}\s+){{1,3}}(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Boulevard|Blvd|Court|Ct"
    rf"|Place|Way|Terrace|Close|Square|Crescent)\b"
)
_ADDRESSES = (
    (
        _GRID,
        Lookup.of_alternatives(
            r"\b(?:carrera|cra\b|kra\b|calle|cll\b|cl\b|diagonal|diag\b|transversal|tv\b|avenida|av\b)"
        ),
    ),
    (_NUMBER_FIRST, Lookup.of_alternatives(r"\b(?:rua|avenida|travessa|praca|calle|paseo|plaza)")),
    (
        _STREET,
        Lookup.of_alternatives(
            r"\b(?:calle|c\b|avenida|avda|av\b|paseo|pso|plaza|pza|calzada|bulevar|blvd|privada|cerrada|carrer|rua|r\b"
            r"|travessa|alameda|praca|rodovia)"
        ),
    ),
    (
        _ROAD,
        Lookup.of_alternatives(
            r"\b(?:street|st|road|rd|avenue|ave|lane|ln|drive|boulevard|blvd|court|ct|place|way|terrace|close|square"
            r"|crescent)\b"
        ),
    ),
)
"""Each kind of postal address with the words, folded, of which it needs one."""
_KIND_OF_STREET = re.compile(
    r"^(?:calle|c|avenida|avda|av|paseo|pso|plaza|pza|calzada|bulevar|blvd|privada|cerrada|carrer|rua|r|travessa|alameda"
    r"|praca|rodovia)\b ?| (?:no?|num|numero)(?= \d+$)"
)


def find_contact_data(text: str, folded: Folded, known: Known) -> Iterator[Finding]:
    """Yield telephone numbers, e-mail and postal addresses that are not `known`."""
    for what, start, end in (*_find_phones(folded.text, known), *_find_emails(folded.text, known)):
        yield Finding(what, folded.span(start, end))
    starts = starts_in(folded.text)
    yield from _find_addresses(text, known, [pattern for pattern, words in _ADDRESSES if words.any(starts)])


def _find_phones(text: str, known: Known) -> Iterator[Place]:
    for match in _PHONE.finditer(text) if _SEVEN_DIGITS.search(text) else ():
        digits = re.sub(r"\D", "", match[0])
        if _is_phone(match, digits) and not known.has_number(digits):
            yield "telephone number", *match.span()
    for digits, start, end in spelled_digits(text):
        if not known.has_number(digits):
            yield "telephone number", start, end


def _is_phone(match: re.Match[str], digits: str) -> bool:
    """Say whether a number is dialled: by a plus sign, by what is said before it, or by its grouping."""
    number, before = match[0].strip("( "), match.string[max(0, match.start() - MAX_BEFORE) : match.start()]
    if number[0] == "+":
        return len(digits) >= 8
    if _MONEY_BEFORE.search(before) or _DATES.match(number):
        return False
    about = {found[0] for found in _ABOUT_PHONES.finditer(before)}
    if _ABOUT_ORDERS.search(before):
        return bool(about - _NUMBER_OF)
    if _MONEY_AFTER.match(match.string, match.end()):
        return bool(about) and not _THOUSANDS.match(number)
    told = bool(about) or _THREE_BY_THREE.match(number) is not None
    if _THOUSANDS.match(number):
        return told
    return told or (len(digits) >= 9 and (len(digits) <= 11 or number != digits))


def _find_emails(text: str, known: Known) -> Iterator[Place]:
    for match in _EMAIL.finditer(text) if _AT.search(text) else ():
        address = match[0]
        if "@" not in address or " " in address:
            address = _SPELLED_DOT.sub(".", _SPELLED_AT.sub("@", address)).replace(" ", "")
        if not known.has_text(address):
            yield "e-mail address", *match.span()


def _find_addresses(text: str, known: Known, patterns: Sequence[re.Pattern[str]]) -> Iterator[Finding]:
    """Yield streets with a number. Names begin with a capital, so the text is read as it was written."""
    for pattern in patterns:
        for match in pattern.finditer(text[:MAX_CHARS]):
            street = _KIND_OF_STREET.sub("", words_of(match[0]))
            if not known.has_words(street):
                yield Finding("postal address", match.span())
