"""Cuts off what people's mails end with by themselves: signatures, advertisements of clients, legal notices.

A signature without the delimiter of RFC 3676 is only cut where it is unmistakable: after a closing ("Saludos,") come
short lines, more than a name, among them a telephone number or an address. The closing and the name stay. Data that a
prospect leaves in their text ("mi teléfono: …") must never be lost.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_MAX_DELIMITED_LINES = 25
_MAX_DASHED_LINES = 10
"""Under two dashes without the delimiter's blank, which people also draw between paragraphs."""
_MAX_CLOSED_LINES = 12
_MAX_SIGNATURE_CHARS = 120

_DELIMITER = re.compile(r"^(?:--|—|––|-- --)$")
_ADVERTISEMENT = re.compile(
    r"^\W{0,3}(?:sent (?:from|via|with|using|by) (?:my |the |a )?\S.{0,100}"
    r"|(?:enviado|enviada|mandado|escrito) (?:desde|do|da|de|via|vía|por|con|com|usando|utilizando|a través de"
    r"|pelo|pela|mediante|a partir d[oae])\b.{0,100}"
    r"|(?:get|obt[eé]n|obtener|obtenga|obter|obtenha|descarga|descargar|descargue|baixe|baixar)"
    r"(?: o| el)? \[?(?:outlook|bluemail|spark|yahoo|gmail)\b.{0,100}"
    r"|envoyé (?:de|depuis)\b.{0,100}|inviato da\b.{0,100}|(?:von|gesendet)\b.{0,60}(?:gesendet|gesendet von.{0,60}))$",
    re.IGNORECASE,
)
_PRODUCT = re.compile(
    r"iphone|ipad|ipod|\bios\b|android|galaxy|samsung|huawei|honor\b|xiaomi|redmi|\bpoco\b|motorola|\bmoto\b|\bpixel\b"
    r"|outlook|gmail|yahoo|proton|zoho|icloud|\bspark\b|bluemail|aquamail|\bk-9\b|mailbird|superhuman|thunderbird|tuta(?:nota)?\b"
    r"|edison|airmail|apple watch|blackberry|nokia|\bsony\b|\blg\b|oneplus|\boppo\b|\bvivo\b|realme"
    r"|(?:mail|correo|e-?mail) (?:para|for)\b|smartphone|celular|telem[oó]vel|m[oó]vil|mobile|windows|tablet"
    r"|dispositivo|tel[eé]fono|\bphone\b",
    re.IGNORECASE,
)
_EXCUSE = re.compile(r"^(?:please )?(?:excuse|forgive|disculp|perdon|desculp|perdoe)", re.IGNORECASE)
_NOTICE = re.compile(
    r"^\W{0,4}(?:aviso (?:legal|de confiden\w+|de privacidad\w*)|(?:legal|confidentiality) (?:notice|disclaimer)"
    r"|disclaimer\b|nota (?:legal|de confiden\w+)|cl[áa]usula de confiden\w+|confidencialidad\b|confidencialidade\b"
    r"|(?:el contenido de |la informaci[óo]n (?:contenida en|de) |as informa[çc][õo]es (?:contidas n|d))?"
    r"(?:este|esta|el presente|a presente|o presente|the information)\b.{0,120}?\b(?:confiden\w+|privileged"
    r"|privilegi\w+)"
    r"|this (?:e-?mail|message|communication|transmission)\b.{0,200}?\b(?:confidential|privileged|intended (?:only"
    r"|solely))"
    r"|(?:por favor,? )?(?:antes de imprimir|piense (?:en el medio ambiente|antes de)|pense (?:no meio ambiente"
    r"|antes de))"
    r"|(?:please )?(?:consider the environment|think before (?:you )?print)"
    r"|(?:virus-free|libre de virus|livre de v[íi]rus|sin virus|sem v[íi]rus)\b"
    r"|(?:en cumplimiento|de conformidad|de acuerdo) (?:de|con) (?:lo|el|la)\b.{0,120}?\b(?:rgpd|gdpr|lopd"
    r"|protecci[óo]n de datos))",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"^(?:(?:un |muchos )?(?:cordial(?:es)? )?saludos?(?: cordiales?| cordial| afectuosos?)?|atentamente|atte"
    r"|cordialmente"
    r"|(?:un )?(?:fuerte )?abrazos?|(?:muchas )?gracias(?: y (?:un )?saludos?| de antemano)?|quedo (?:atent[oa]"
    r"|a la espera)"
    r"|(?:with )?(?:kind|best|warm)(?:est)? (?:regards|wishes)|regards|best|sincerely|yours (?:sincerely|truly"
    r"|faithfully)"
    r"|(?:many )?thanks(?: (?:and|&) (?:kind |best )?regards)?|thank you|cheers|all the best"
    r"|atenciosamente|att|(?:com os )?(?:melhores )?cumprimentos|(?:um )?(?:grande |forte )?abra[çc]os?|abs"
    r"|(?:muito )?obrigad[oa](?: desde já)?|grat[oa]|cordiais (?:saudações|cumprimentos)|sauda[çc][õo]es)\W{0,3}$",
    re.IGNORECASE,
)
_CONTACT = re.compile(
    r"\+?\(?\d[\d ().\-/]{7,}\d|https?://|\bwww\.|\S@\S+\.\w|(?:^|\s)(?:tel|tlf|tfno|m[óo]vil|cel|celular|fone|telefone"
    r"|tel[eé]fono|whatsapp|fax|phone|mobile|direct)\b\W",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedText:
    """Lines of a text and of the signature that was under it."""

    text: list[str]
    signature: list[str]


def split_signature(lines: Sequence[str], *, may_be_all: bool = False) -> SignedText:
    """Cut a signature, the advertisements of clients and legal notices off the end.

    `may_be_all`: there is text elsewhere, so these lines may be nothing but a signature.
    """
    if may_be_all:
        split = split_signature(["…", *lines])
        return SignedText(text=split.text[1:], signature=split.signature)
    kept = list(lines)
    for find in (_delimited, _notice, _advertised, _delimited, _ruled, _closed, _advertised):
        start = find(kept)
        kept = kept[:start]
    while kept and not kept[-1].strip():
        kept.pop()
    return SignedText(text=kept, signature=list(lines[len(kept) :]))


def _delimited(lines: Sequence[str]) -> int:
    """Where a delimited signature begins; the end where there is none."""
    for n in range(len(lines) - 1, -1, -1):
        if _DELIMITER.match(lines[n].strip()) and any(each.strip() for each in lines[:n]):
            below = sum(bool(each.strip()) for each in lines[n + 1 :])
            if lines[n] == "-- " and below <= _MAX_DELIMITED_LINES:
                return n
            if below == 0 or (below <= _MAX_DASHED_LINES and lines[n + 1].strip()):
                return n
    return len(lines)


def _ruled(lines: Sequence[str]) -> int:
    """Where, under a drawn line, contact data begins that ends the mail."""
    for n in range(len(lines) - 1, 0, -1):
        below = [line for line in lines[n + 1 :] if line.strip()]
        if len(below) > _MAX_DASHED_LINES:
            break
        if _is_rule(lines[n].strip()) and below and any(line.strip() for line in lines[:n]):
            return n if _is_contact_data(below) else len(lines)
    return len(lines)


def _is_contact_data(lines: Sequence[str]) -> bool:
    is_short = all(len(line) <= _MAX_SIGNATURE_CHARS and "?" not in line for line in lines)
    return is_short and any(_CONTACT.search(line) for line in lines)


def _notice(lines: Sequence[str]) -> int:
    """Where a legal notice begins, if there is text above it."""
    for n, line in enumerate(lines):
        if n and _NOTICE.match(" ".join(lines[n : n + 3])[:400]) and line and any(lines[:n]):
            return n
    return len(lines)


def _advertised(lines: Sequence[str]) -> int:
    """Where the advertisements at the end begin."""
    end = len(lines)
    while end:
        line = lines[end - 1].strip()
        is_excuse = end > 1 and _EXCUSE.match(line) is not None and _is_advertisement(lines[end - 2].strip())
        if line and not _is_advertisement(line) and not is_excuse and not _is_rule(line):
            break
        end -= 1
    return end if any(_is_advertisement(line.strip()) for line in lines[end:]) else len(lines)


def _is_advertisement(line: str) -> bool:
    return _ADVERTISEMENT.match(line) is not None and _PRODUCT.search(line) is not None


def _is_rule(line: str) -> bool:
    return re.fullmatch(r"[-_=*]{3,}", line) is not None


def _closed(lines: Sequence[str]) -> int:
    """Where, under a closing and a name, more of a signature begins."""
    closings = [n for n, line in enumerate(lines) if _CLOSING.match(line.strip())]
    if not closings:
        return len(lines)
    tail = [n for n in range(closings[-1] + 1, len(lines)) if lines[n].strip()]
    if 3 <= len(tail) <= _MAX_CLOSED_LINES and _is_contact_data([lines[n] for n in tail]):
        return tail[1]
    return len(lines)
