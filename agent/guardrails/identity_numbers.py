"""Card and identity numbers: how they look, and the checksums that tell them from other numbers.

Sources: ISO/IEC 7812-1 (Luhn); ISO 13616 (IBAN, mod 97-10); Ministerio del Interior (DNI, NIE: mod 23); Orden
EHA/451/2008 (CIF); Receita Federal (CPF, CNPJ: mod 11); Autoridade Tributária (NIF: mod 11); AFIP (CUIT); SII (RUT);
Banco de México (CLABE).
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from agent.guardrails.expressions import compiled_on_use
from agent.guardrails.findings import Finding, Place, spelled_digits
from agent.guardrails.folded import Folded

_NOT_WORD = re.compile(r"[\W_]")
_NOT_DIGIT = re.compile(r"\D")


def _weighted(digits: Sequence[int], weights: Sequence[int]) -> int:
    return sum(digit * weight for digit, weight in zip(digits, weights, strict=False))


def _luhn(number: str) -> bool:
    digits = [int(c) for c in reversed(number)]
    return sum(digits[0::2]) % 10 == -sum(sum(divmod(2 * d, 10)) for d in digits[1::2]) % 10


def _is_card(number: str) -> bool:
    return 13 <= len(number) <= 19 and number[0] in "23456" and _luhn(number)


def _is_dni(number: str) -> bool:
    digits = number[:-1].upper().replace("X", "0").replace("Y", "1").replace("Z", "2")
    return number[-1].upper() == "TRWAGMYFPDXBNJZSQVHLCKE"[int(digits) % 23]


def _is_cif(number: str) -> bool:
    digits = [int(c) for c in number[1:8]]
    control = -(sum(digits[1::2]) + sum(sum(divmod(2 * d, 10)) for d in digits[0::2])) % 10
    return number[-1].upper() in (str(control), "JABCDEFGHI"[control])


def _is_iban(number: str) -> bool:
    moved = number[4:] + number[:4]
    return int("".join(str(int(c, 36)) for c in moved)) % 97 == 1


def _mod_11(digits: Sequence[int], weights: Sequence[int]) -> int:
    rest = _weighted(digits, weights) % 11
    return 0 if rest < 2 else 11 - rest


def _is_cpf(number: str) -> bool:
    digits = [int(c) for c in number]
    first, second = _mod_11(digits, range(10, 1, -1)), _mod_11(digits, range(11, 1, -1))
    return len(set(digits)) > 1 and digits[9:] == [first, second]


def _is_cnpj(number: str) -> bool:
    digits = [int(c) for c in number]
    weights = (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
    return digits[12:] == [_mod_11(digits, weights[1:]), _mod_11(digits, weights)]


def _is_nif(number: str) -> bool:
    digits = [int(c) for c in number]
    return digits[8] == _mod_11(digits, range(9, 1, -1))


def _is_cuit(number: str) -> bool:
    digits = [int(c) for c in number]
    return digits[10] == -_weighted(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11


def _is_rut(number: str) -> bool:
    digits = [int(c) for c in reversed(number[:-1])]
    control = -_weighted(digits, (2, 3, 4, 5, 6, 7, 2, 3)) % 11
    return number[-1].upper() == "0123456789K"[control]


def _is_clabe(number: str) -> bool:
    digits = [int(c) for c in number]
    weighted = (digit * weight % 10 for digit, weight in zip(digits[:17], (3, 7, 1) * 6, strict=False))
    return digits[17] == -sum(weighted) % 10


CHECKS: Mapping[str, Callable[[str], bool]] = {
    "card": _is_card,
    "dni": _is_dni,
    "cif": _is_cif,
    "iban": _is_iban,
    "cpf": _is_cpf,
    "cnpj": _is_cnpj,
    "nif": _is_nif,
    "cuit": _is_cuit,
    "rut": _is_rut,
    "clabe": _is_clabe,
}
"""Whether a number, without separators, has the right check digits. Each wants the right length and shape."""

_BEFORE, _AFTER = r"(?<![\w.,/-])", r"(?!\w|[.,/-]\d)"


def _shape(pattern: str) -> re.Pattern[str]:
    return re.compile(f"{_BEFORE}(?:{pattern}){_AFTER}")


_SHAPES = _shape(
    r"(?P<NIE>[xyz]-?\d{7}-?[a-z])"
    r"|(?P<CPF>\d{3}\.\d{3}\.\d{3}-\d{2})"
    r"|(?P<CNPJ>\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2})"
    r"|(?P<CURP>[a-z]{4}\d{6}[hmx][a-z]{5}[a-z\d]\d)"
    r"|(?P<RFC>[a-z&]{3,4}\d{2}(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])[a-z\d]{3})"
    r"|(?P<SSN>\d{3}-\d{2}-\d{4})"
    r"|(?P<CUIT>\d{2}-\d{8}-\d)"
    r"|(?P<RUT>\d{1,2}\.\d{3}\.\d{3}-[\dk])"
)
"""Shapes that nothing else has."""
_CHECKED: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("dni", _shape(r"\d{8}-?[a-z]|\d{2}\.\d{3}\.\d{3}-?[a-z]")),
    ("cif", _shape(r"[abcdefghjnpqrsuvw]-?\d{7}-?[\da-j]")),
    ("cpf", _shape(r"\d{11}")),
    ("clabe", _shape(r"\d{18}")),
)
"""Shapes that other numbers have too: the check digits decide."""
_CARD = re.compile(r"(?<![\w.,/+-])(?<!\d )\d(?:[ .-]?\d){12,18}(?!\w|[ .,/-]\d)")
_CARD_GROUPS = re.compile(r"(?!(?:19|20)\d\d)[2-6]\d{3}([ .-])\d{4}\1\d{4}\1\d{4}$|3\d{3}([ .-])\d{6}\2\d{5}$")
_LONG = re.compile(r"\d(?:[ ./-]?\d){5}")
"""Without so many digits in a row there is no number here but an IBAN, which may be mostly letters."""
_CARD_CODE_WORDS = ("cv", "segur", "secur")
_CARD_CODE = re.compile(
    r"(?<!\w)(?:cvv2?|cvc2?|codigo de seguridad|security code|codigo de seguranca)\b[^\d\n.]{0,12}\d{3,4}(?!\w)"
)
_ACCOUNT = re.compile(r"(?<!\w)agencia:? \d{3,5}(?:-\d)?,? (?:e )?(?:a )?conta:? [\d.]{4,12}(?:-[\dx])?(?!\w)")
_IBAN_LENGTHS = {"es": 24, "pt": 25, "br": 29, "gb": 22, "de": 22, "fr": 27, "it": 27, "ie": 22, "nl": 18, "be": 16}
_IBAN = re.compile(rf"(?<!\w)(?:{'|'.join(_IBAN_LENGTHS)})\d\d(?:[ .-]?[a-z\d]){{12,28}}")
_IBAN_BEGINS = re.compile(r"\d\d(?<=[a-z]{2}..)")
_NAMED = compiled_on_use(
    r"\b(?:dni|nie|cc|c\.c\.|ci|nif|nipc|cif|cpf|cnpj|rg|curp|rfc|clabe|ine|ssn|itin|iban|nss|nis|pis|cuit|cuil|rut|cnh"
    r"|contribuinte|social security|seguridad social|seguro social|passport|pasaporte|passaporte|cedula"
    r"|driver'?s? licen[sc]e|licencia de conducir|carn[eé]t? de conducir|carta de conducao|bilhete de identidade"
    r"|cartao de cidadao"
    r"|licen[sc]e(?: (?:number|no\.?))?|titulo de eleitor|cartao do sus|medicare|ein|sort code|carta de condu[cz]ir"
    r"|documento de identidad|id number|routing number|account number|numero de cuenta|cuenta bancaria|conta corrente)"
    r"(?!\w)[^\d\n.?!;@]{0,20}?(?P<number>(?<![\d/])[a-z]{0,4}[ -]?\d(?:[ .-]?\d){5,19}(?:-?[a-z])?)(?!\w|/)"
)

_NAMES = (
    r"(?:dni|nie|nif|cpf|cnpj|rg|curp|rfc|clabe|ine|ssn|itin|iban|nss|pis|cuit|cuil|rut|cnh|social security"
    r"|passport|pasaporte|passaporte|cedula|documento)"
)
_PARTS = re.compile(
    rf"\b{_NAMES}(?!\w)[^\d\n.?!;@]{{0,20}}?\b(?:termin|acab|end|final|empie|empez|empec|start|begin|comec|inici)\w*"
    r"[^\d\n.?!;@]{0,10}?(?P<number>\b(?=[a-z]{0,10}\d)[a-z\d]{2,14}(?:[.-][a-z\d]{1,6}){0,3})"
)
"""A part of a number, told as a part."""
_PART_WORDS = ("termin", "acab", "ends", "ending", "final", "empie", "empez", "starts", "begins", "comec", "inici")
"""Without one of these no part is told."""
_SPACED = re.compile(
    rf"\b{_NAMES}(?!\w)\W{{1,3}}(?:\w{{1,9}} ){{0,3}}?"
    r"(?P<number>[a-z&]{3,4}[ -]\d{6}[ -]?[a-z\d]{3,8})(?!\w)"
)
"""An RFC or a CURP in groups."""
_MASKED = compiled_on_use(
    r"(?<![\w*•#])(?=[\dx*•#. -]{0,24}?[x*•#]{2})[\dx*•#](?:[ .-]?[\dx*•#]){7,18}(?:-?[a-z])?(?!\w)"
)
_MASK = re.compile(r"[x*•#]{2}")
_NAMED_BEFORE = re.compile(rf"(?<!\w){_NAMES}(?!\w)[^\d\n.?!;@]{{0,25}}$")
MOST_SHOWN = 4
"""So many digits of a card may stay visible (PCI DSS 3.4)."""
_BANK = re.compile(
    r"\b(?:ahorros?|corriente|savings|checking|bank account|poupanca|conta (?:corrente|poupanca)|chave pix|pix|nequi"
    r"|daviplata|bancolombia|davivienda|bbva|santander|banamex|banorte|itau|bradesco|nubank|zelle|venmo|cbu|cvu|alias)(?!\w)"
    r"[^\d\n.?!;@]{0,25}?(?P<number>\d(?:[ .-]?\d){6,21})(?!\w)"
)
_DIGIT_BY_DIGIT = re.compile(r"(?<![\d] )(?<!\w)\d(?:[ .-]\d){10}(?![ .-]?\d|\w)")


def find_identity_numbers(folded: Folded, published: frozenset[str]) -> Iterator[Finding]:
    """Yield card, bank and identity numbers, whoever they belong to, except those in `published` (digits only)."""
    text = folded.text
    has_number = _LONG.search(text) is not None
    for what, start, end in _find_cards(text, has_number=has_number):
        yield Finding(what, folded.span(start, end))
    shapes, named = (_find_shapes(text), _find_named(text)) if has_number else ((), ())
    for what, start, end in (*shapes, *_find_ibans(text), *named, *_find_hidden(text, has_number=has_number)):
        digits = _NOT_DIGIT.sub("", text[start:end])
        if digits not in published:
            yield Finding(what, folded.span(start, end))


def _find_cards(text: str, *, has_number: bool) -> Iterator[Place]:
    for match in _CARD.finditer(text) if has_number else ():
        if _is_card(_NOT_DIGIT.sub("", match[0])) or _CARD_GROUPS.match(match[0]):
            yield "card number", *match.span()
    for digits, start, end in spelled_digits(text):
        if len(digits) >= 13:
            yield "card number", start, end
    for match in _CARD_CODE.finditer(text) if any(word in text for word in _CARD_CODE_WORDS) else ():
        yield "card security code", *match.span()


def _find_shapes(text: str) -> Iterator[Place]:
    for match in _SHAPES.finditer(text):
        yield f"{match.lastgroup} number", *match.span()
    for kind, pattern in _CHECKED:
        for match in pattern.finditer(text):
            if CHECKS[kind](_NOT_WORD.sub("", match[0])):
                yield f"{kind.upper()} number", *match.span()


def _find_ibans(text: str) -> Iterator[Place]:
    """Yield account numbers of the right length; a wrong checksum is no excuse when it is nearly all digits."""
    for match in _IBAN.finditer(text) if _IBAN_BEGINS.search(text) else ():
        kept = [index for index in range(*match.span()) if text[index].isalnum()][: _IBAN_LENGTHS[match[0][:2]]]
        number = "".join(text[index] for index in kept)
        if _is_iban(number) or sum(c.isdigit() for c in number) >= 14:
            yield "IBAN number", match.start(), kept[-1] + 1


def _find_named(text: str) -> Iterator[Place]:
    for match in _NAMED.finditer(text):
        yield "identity number", *match.span("number")
    for match in _ACCOUNT.finditer(text) if "agencia" in text else ():
        yield "account number", *match.span()
    for match in _BANK.finditer(text):
        yield "account number", *match.span("number")


def _find_hidden(text: str, *, has_number: bool) -> Iterator[Place]:
    """Yield numbers told in part, behind asterisks or digit by digit."""
    parts = _PARTS.finditer(text) if any(word in text for word in _PART_WORDS) else ()
    for match in (*parts, *(_SPACED.finditer(text) if has_number else ())):
        if sum(c.isalnum() for c in match["number"]) >= MOST_SHOWN:
            yield "part of an identity number", *match.span("number")
    for match in _MASKED.finditer(text) if _MASK.search(text) else ():
        shown = sum(c.isdigit() for c in match[0])
        named = _NAMED_BEFORE.search(text, max(0, match.start() - 60), match.start())
        if shown > MOST_SHOWN or (named and shown >= MOST_SHOWN - 1):
            yield "part of a number", *match.span()
    apart = _DIGIT_BY_DIGIT.finditer(text) if has_number else ()
    told = [(_NOT_DIGIT.sub("", match[0]), *match.span()) for match in apart]
    for digits, start, end in (*told, *spelled_digits(text)):
        if len(digits) == 11 and (_is_cpf(digits) or _is_cuit(digits)):
            yield "identity number", start, end
