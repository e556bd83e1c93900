"""Mails as people's clients write them: client × language × where the answer stands, from the clients' own formats.

Each client is a function from what was written and what is answered to the mail's plain text, HTML or both. The words
are the clients' own; the structures are those their mails carry (classes, ids and styles included).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from html import escape

from tests.unit.mail_formats import ADDRESS, FORMATS, Format, Language, Place

ANSWER: dict[Language, tuple[str, ...]] = {
    "es": ("Hola Marta, gracias por la información.", "Me interesa el grupo de la tarde. ¿Cuánto cuesta al mes?"),
    "pt": ("Olá Marta, obrigada pela informação.", "Tenho interesse na turma da noite. Quanto custa por mês?"),
    "en": ("Hi Marta, thanks for the information.", "I would like the evening group. How much is it a month?"),
}
ASKED: dict[Language, tuple[str, ...]] = {
    "es": (
        "Buenos días, Ana:",
        "¿Qué nivel de inglés tienes ahora?",
        "¿Prefieres mañana o tarde?",
        "Marta, Lumen Idiomas",
    ),
    "pt": (
        "Bom dia, Ana:",
        "Qual é o seu nível de inglês agora?",
        "Prefere de manhã ou à noite?",
        "Marta, Lumen Idiomas",
    ),
    "en": (
        "Good morning, Ana,",
        "What is your English level now?",
        "Do you prefer mornings or evenings?",
        "Marta, Lumen School",
    ),
}
POINTS: dict[Language, tuple[str, str]] = {
    "es": ("Creo que un B1 alto.", "Mejor por la tarde."),
    "pt": ("Acho que B1 alto.", "Melhor à noite."),
    "en": ("A high B1, I think.", "Evenings are better."),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class MailSample:
    """A mail, words that must be in its text, and words that must not."""

    name: str
    mail: EmailMessage
    has: tuple[str, ...]
    has_not: tuple[str, ...]


def paragraphs(lines: tuple[str, ...]) -> str:
    return "".join(f"<div>{escape(line)}</div>" for line in lines)


def samples() -> Iterator[MailSample]:
    """Yield every client in every language with every placement it is used with, in plain text, HTML and both."""
    for kind in FORMATS:
        for language in ANSWER:
            for place in kind.places:
                text, page = _plain(kind, language, place), _html(kind, language, place)
                yield _sample(f"{kind.name}-{language}-{place}-plain", language, place, text, None)
                if page:
                    yield _sample(f"{kind.name}-{language}-{place}-html", language, place, None, page)
                    yield _sample(f"{kind.name}-{language}-{place}-both", language, place, text, page)


def _sample(name: str, language: Language, place: Place, text: str | None, page: str | None) -> MailSample:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Ana Ruiz <ana@ruiz.example>", ADDRESS, "Re: Curso"
    mail["Message-ID"] = f"<{name}@ruiz.example>"
    if text is not None:
        mail.set_content(text)
    if page is not None and text is not None:
        mail.add_alternative(page, subtype="html")
    elif page is not None:
        mail.set_content(page, subtype="html")
    asked = ASKED[language]
    clients = ("Outlook", "iPhone", "Galaxy", "Proton", "Yahoo", "Huawei", "Windows")
    common = (asked[3], ADDRESS, "Marta <", *clients)
    if place == "between":
        return MailSample(name=name, mail=mail, has=POINTS[language], has_not=common)
    return MailSample(name=name, mail=mail, has=ANSWER[language], has_not=(*common, *asked[:3]))


def _plain(kind: Format, language: Language, place: Place) -> str:
    sign = f"{kind.advert[language]}\n\n" if kind.advert else ""
    answer, attribution = "\n\n".join(ANSWER[language]), kind.attribution[language]
    asked = [f"> {line}\n>" if kind.quotes else f"{line}\n" for line in ASKED[language]]
    match place:
        case "top":
            return f"{answer}\n\n{sign}{attribution}\n\n" + "\n".join(asked) + "\n"
        case "bottom":
            return f"{attribution}\n\n" + "\n".join(asked) + f"\n\n{answer}\n\n{sign}"
        case "between":
            one, two = POINTS[language]
            return f"{attribution}\n\n{asked[0]}\n{asked[1]}\n\n{one}\n\n{asked[2]}\n\n{two}\n\n{asked[3]}\n\n{sign}"


def _html(kind: Format, language: Language, place: Place) -> str | None:
    if kind.html is None or place == "bottom":
        return None
    sign = f"<br>{escape(kind.advert[language])}" if kind.advert else ""
    asked = ASKED[language]
    if place == "top":
        return kind.html(paragraphs(ANSWER[language]) + sign, kind.attribution[language], paragraphs(asked))
    one, two = POINTS[language]
    opening, closing = (
        '<blockquote type="cite" class="gmail_quote" style="border-left:1px solid #ccc">',
        "</blockquote>",
    )
    between = (
        f"{paragraphs(asked[:2])}{closing}<div><br></div><div>{one}</div><div><br></div>"
        f"{opening}{paragraphs(asked[2:3])}"
        f"{closing}<div>{two}</div>{opening}{paragraphs(asked[3:])}"
    )
    return kind.html("", kind.attribution[language], between)
