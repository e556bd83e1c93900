"""A reply is clean plain text that fits its channel."""

import re
from collections.abc import Iterator
from datetime import datetime

from agent.guardrails.expressions import compiled_on_use
from agent.guardrails.rule import passed
from agent.guardrails.segments import count_segments
from agent.types import Candidate, Channel, Tenant, Turn, Verdict

RULE = "format"
VERSION = 2
MAX_UNITS: dict[Channel, int] = {"whatsapp": 1600, "sms": 1600, "email": 50_000}
"""Longest text a channel carries, in UTF-16 code units."""

_TO_FILL_IN = (
    r"(?i:your|tu|su|seu|sua|insert\w*|inserir|indicar|nombre|nome|name|first name|last name|apellidos?|sobrenome"
    r"|precio|pre[çc]o|price|link|enlace|url|fecha|data|date|hora|time|lugar|place|cliente?|client|customer|prospect|empresa"
    r"|company|business|producto|produto|product|curso|course|tel[eé]fono|telefone|phone|correo|e-?mail|direcci[oó]n"
    r"|endere[çc]o|address|cantidad|quantidade|amount|ciudad|cidade|city|agente?|placeholder)"
)

# What it is, of which signs it has at least one, and how it looks. Each pattern is bounded, so a long text is read in
# linear time.
LEFTOVERS: tuple[tuple[str, tuple[str, ...], re.Pattern[str]], ...] = (
    (
        "an unresolved reference or placeholder",
        ("{", "}", "[[", "<<", "%", "____", "XXX", "xxx", "TBD", "FIXME", "TODO", "orem ", "OREM "),
        compiled_on_use(
            r"(?=[{}\[<%$#_XxTFLl])(?:(?<![:;=])(?<![:;=]-)[{}]|\[\[|<<\s?[\w ]{1,40}>>|%\(\w|%s\b"
            r"|%[A-Z][A-Z_]{2,30}%|\$\{|#\{|_{4,}"
            r"|\b(?:XXX+|xxx+)\b|\b(?:TBD|FIXME)\b|\bTODO:? (?:add|insert|fill|fix|write)\b|(?i:\blorem ipsum\b))"
        ),
    ),
    (
        "a placeholder",
        ("[", "@", "$", "%", "(", "<"),
        compiled_on_use(
            r"[\[@$%(<](?:"
            rf"(?<=\[)\s?(?:[A-ZÁÉÍÓÚÑÇÃÕ][A-ZÁÉÍÓÚÑÇÃÕ _-]{{3,30}}|[Xx]{{2,}}|{_TO_FILL_IN}\b[^\]\n]{{0,40}})\](?!\()"
            r"|(?<=[@$%])(?<![\w.].)(?i:nombre|nome|name|first_?name|last_?name|cliente?|customer|usuario|user|fecha|data|date|hora|precio"
            r"|pre[çc]o|price|curso|course|empresa|company|link|url|monto|amount|tel[eé]fono|undefined)\b%?"
            r"|(?<=\()(?i:insert\w*|inserir|completar con|rellenar con|preencher|fill in|tbd)\b[^()\n]{0,40}\)"
            rf"|(?<=<)\s?{_TO_FILL_IN}\b[^<>\n]{{0,40}}>)"
        ),
    ),
    (
        "raw Markdown",
        ("**", "__", "~~", "``", "#", "---", "===", "|", "]("),
        re.compile(
            r"(?<!\*)\*\*(?![\s*])[^*\n]{1,300}\*\*(?!\*)|(?<![\w*])\*\*(?=\w)|(?<!\w)__(?=[^\W_])|~~|```|^#{1,6} +\w"
            r"|^ {0,3}(?:-{3,}|\*{3,}|={3,})\s*$|^\|.{0,300}\|\s*$|!?\[[^\]\n]{0,200}\]\([^)\s]{1,500}\)",
            re.MULTILINE,
        ),
    ),
    (
        "raw HTML",
        ("<", "&"),
        compiled_on_use(
            r"</?[a-z][a-z0-9_]{0,25}(?:\s[^<>\n]{0,300})?/?>|<!--|&(?:nbsp|amp|lt|gt|quot|apos|#x?[0-9a-f]{1,6}"
            r"|[a-z]{1,6}(?:acute|grave|tilde|circ|cedil|uml)|euro|iexcl|iquest);",
            re.IGNORECASE,
        ),
    ),
    (
        "raw JSON",
        ('"', "'"),
        re.compile(r"[\"'][\w ]{1,40}[\"']\s?:\s?(?:[\"'\d\[{]|true|false|null|None)|\[\s?\"[^\"\n]{0,200}\"\s?[,\]]"),
    ),
    (
        "an empty value",
        ("None", "null", "undefined", "NaN", "[object"),
        re.compile(r"(?<![.?!\n] )(?<!\A)\bNone\b|\bnull\b(?! and void)|\bundefined\b|\bNaN\b|\[object \w+\]"),
    ),
    (
        "internal markup",
        ("<", "[", ":", "\\"),
        compiled_on_use(
            r"<\|[\w ]{1,30}\|>|\[/?INST\]|<</?SYS>>"
            r"|^\s{0,3}(?:assistant|asistente|assistente|user|human|bot)\s?:\s"
            r"|\A\s{0,3}(?:draft(?: reply)?|reply|response|answer|borrador|respuesta|rascunho|resposta|output)\s?:\s"
            r"|^\s{0,3}[a-z]{1,20}(?:_[a-z]{1,20}){1,3}\s?:|\\n(?=\S)|\\u[0-9a-f]{4}|\\t(?=\w)",
            re.IGNORECASE | re.MULTILINE,
        ),
    ),
    (
        "wrongly decoded characters",
        ("\ufffd", "Ã", "Â", "â€"),
        re.compile("\ufffd|Ã[\u0080-\u00bf]|Â[\u00a0-\u00bf]|â€"),
    ),
)
_UNSENDABLE = re.compile("[\x00\ud800-\udfff]")
_NONE = re.compile(r"\bNone\b")
"""An English word at the beginning of a sentence; elsewhere, and in other languages, a value that was not there."""
_INLINE_MARKUP = re.compile(
    r"(?<![\w*])\*(?=[^\s*])[^*\n]{0,120}[^\s*]\*(?![\w*])|(?<![\w_])_(?=[^\s_])[^_\n]{0,120}[^\s_]_(?![\w_])"
    r"|(?<!\w)`[^`\n]{1,120}`"
)
"""What WhatsApp shows as bold, italic and code, and other channels as it stands."""


def check(candidate: Candidate, turn: Turn, tenant: Tenant, now: datetime) -> Verdict:  # noqa: ARG001 — a Check
    """Revise a text that is empty, has leftovers of templates or markup, or is too long for its channel."""
    problem = next(_problems(candidate, tenant), None)
    if problem is None:
        return passed(RULE, VERSION)
    reason, span = problem
    evidence = candidate.text[slice(*span)][:80] if span else ""
    return Verdict(rule=RULE, outcome="revise", reason=reason, evidence=evidence, span=span, version=VERSION)


def _problems(candidate: Candidate, tenant: Tenant) -> Iterator[tuple[str, tuple[int, int] | None]]:
    """Yield reason and place of everything wrong with the text."""
    text = candidate.text
    if not any(character.isprintable() and not character.isspace() for character in text):
        yield "The text is empty.", None
        return
    units, most = len(text.encode("utf-16-le", "surrogatepass")) // 2, MAX_UNITS[candidate.channel]
    if units > most:
        yield f"The text has {units} characters; {candidate.channel} carries {most}.", None
        return
    if _UNSENDABLE.search(text):
        yield "The text contains characters that cannot be sent.", None
    for what, signs, pattern in LEFTOVERS:
        if any(sign in text for sign in signs) and (found := pattern.search(text)):
            yield f"The text contains {what}; write plain text.", found.span()
    if candidate.language != "en" and (found := _NONE.search(text)):
        yield "The text contains an empty value; write plain text.", found.span()
    if candidate.channel != "whatsapp" and (found := _INLINE_MARKUP.search(text)):
        yield f"The text contains markup that {candidate.channel} shows as it is; write plain text.", found.span()
    if candidate.channel == "sms" and (segments := count_segments(text)) > tenant.policy.max_sms_segments:
        yield f"The text needs {segments} SMS parts; at most {tenant.policy.max_sms_segments} are allowed.", None
