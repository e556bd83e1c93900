"""Mails as people's clients write them: client × language × where the answer stands, from the clients' own formats.

Each client is a function from what was written and what is answered to the mail's plain text, HTML or both. The words
are the clients' own; the structures are those their mails carry (classes, ids and styles included).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from html import escape
from typing import Literal

Language = Literal["es", "pt", "en"]
Place = Literal["top", "bottom", "between"]

ADDRESS = "hola@lumen.example"
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """How a client announces a quotation: in plain text by language, and how its HTML looks around it."""

    name: str
    attribution: dict[Language, str]
    quotes: bool = True
    """Whether the quotation carries `> ` in plain text."""
    html: Callable[[str, str, str], str] | None = None
    """(answer, attribution, quotation) as HTML to the whole."""
    advert: dict[Language, str] | None = None
    places: tuple[Place, ...] = ("top",)


def paragraphs(lines: tuple[str, ...]) -> str:
    return "".join(f"<div>{escape(line)}</div>" for line in lines)


def lined(text: str) -> str:
    return escape(text).replace("\n", "<br>")


def gmail_html(answer: str, attribution: str, quotation: str) -> str:
    return (
        f'<div dir="ltr">{answer}</div><br><div class="gmail_quote gmail_quote_container"><div dir="ltr" '
        f'class="gmail_attr">{lined(attribution)}<br></div><blockquote class="gmail_quote" style="margin:0px 0px 0px '
        f'0.8ex;border-left:1px solid rgb(204,204,204);padding-left:1ex">{quotation}</blockquote></div>'
    )


def apple_html(answer: str, attribution: str, quotation: str) -> str:
    return (
        '<html><head><meta http-equiv="content-type" content="text/html; charset=utf-8"></head><body '
        f'style="overflow-wrap: break-word;">{answer}<br id="lineBreakAtBeginningOfMessage"><div><br><blockquote '
        f'type="cite"><div>{lined(attribution)}</div><br class="Apple-interchange-newline">{quotation}'
        "</blockquote></div><br></body></html>"
    )


def outlook_desktop_html(answer: str, attribution: str, quotation: str) -> str:
    return (
        '<html xmlns:o="urn:schemas-microsoft-com:office:office"><head><style><!-- p.MsoNormal {margin:0cm;font-size:'
        '11.0pt;} --></style></head><body lang="ES" link="#0563C1"><div class="WordSection1">'
        f'<p class="MsoNormal">{answer}<o:p></o:p></p><p class="MsoNormal"><o:p>&nbsp;</o:p></p><div><div style="'
        'border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm"><p class="MsoNormal"><b>'
        f'{lined(attribution)}</b><o:p></o:p></p></div></div><p class="MsoNormal"><o:p>&nbsp;</o:p></p>'
        f"{quotation}</div></body></html>"
    )


def outlook_web_html(answer: str, attribution: str, quotation: str) -> str:
    return (
        f'<html><body dir="ltr"><div class="elementToProof" style="font-family: Aptos; font-size: 12pt;">{answer}</div>'
        '<div id="appendonsend"></div><hr style="display:inline-block;width:98%" tabindex="-1"><div id="divRplyFwdMsg" '
        f'dir="ltr"><font face="Calibri, sans-serif" style="font-size:11pt" color="#000000">{lined(attribution)}</font>'
        f"<div>&nbsp;</div></div><div>{quotation}</div></body></html>"
    )


def outlook_mobile_html(answer: str, attribution: str, quotation: str) -> str:
    return (
        f'<html><body><div dir="ltr">{answer}</div><div id="ms-outlook-mobile-signature"><div><br></div>Outlook</div>'
        '<div id="mail-editor-reference-message-container"><hr><div id="divRplyFwdMsg"><strong>'
        f"{lined(attribution)}</strong></div><div>{quotation}</div></div></body></html>"
    )


def thunderbird_html(answer: str, attribution: str, quotation: str) -> str:
    return (
        f'<html><body><p>{answer}</p><div class="moz-cite-prefix">{lined(attribution)}<br></div>'
        f'<blockquote type="cite" cite="mid:1@lumen.example">{quotation}</blockquote></body></html>'
    )


def yahoo_html(answer: str, attribution: str, quotation: str) -> str:
    return (
        f'<html><body><div class="ydp1yahoo-style-wrap"><div dir="ltr" data-setdir="false">{answer}</div><br>'
        f'</div><div id="ydp2yahoo_quoted_123" class="yahoo_quoted"><div><div>{lined(attribution)}</div><div><br></div>'
        f"<div>{quotation}</div></div></div></body></html>"
    )


def proton_html(answer: str, attribution: str, quotation: str) -> str:
    return (
        f'<div style="font-family: Arial;">{answer}</div><div class="protonmail_signature_block '
        'protonmail_signature_block-empty"></div><div class="protonmail_quote">'
        f'{lined(attribution)}<br><blockquote class="protonmail_quote" type="cite">{quotation}</blockquote><br></div>'
    )


def samsung_html(answer: str, attribution: str, quotation: str) -> str:
    return (
        f'<html><body><div dir="auto">{answer}</div><div dir="auto"><br></div><div id="composer_signature" dir="auto">'
        '<div style="font-size:12px;color:#575757">Galaxy</div></div><div><br></div><div align="left" dir="auto" '
        f'style="font-size:100%;color:#000000"><div>{lined(attribution)}</div><div><br></div></div>{quotation}</body></html>'
    )


def zoho_html(answer: str, attribution: str, quotation: str) -> str:
    return (
        f'<div style="font-family: Verdana;">{answer}<br></div><br><div class="zmail_extra_hr"></div><div '
        f'class="zmail_extra" data-zbluepencil-ignore=1><br><div id="Zm-_Id_-Sgn1">{lined(attribution)}<br></div><br>'
        f'<blockquote id="blockquote_zmail" style="margin:0px">{quotation}</blockquote></div>'
    )


def headers(sender: str, sent: str, to: str, subject: str) -> str:
    return f"{sender} Marta <{ADDRESS}>\n{sent}\n{to} Ana Ruiz <ana@ruiz.example>\n{subject}"


ALL: tuple[Place, ...] = ("top", "bottom", "between")
FORMATS = (
    Format(
        name="gmail",
        attribution={
            "es": f"El jue, 12 nov 2026 a las 10:15, Marta (<{ADDRESS}>) escribió:",
            "pt": f"Em qui., 12 de nov. de 2026 às 10:15, Marta <{ADDRESS}> escreveu:",
            "en": f"On Thu, Nov 12, 2026 at 10:15\u202fAM Marta <{ADDRESS}> wrote:",
        },
        html=gmail_html,
        places=ALL,
    ),
    Format(
        name="gmail-wrapped",
        attribution={
            "es": f"El jue., 12 de nov. de 2026 10:15 a.\u00a0m., Marta de Lumen Idiomas <\n{ADDRESS}> escribió:",
            "pt": f"Marta de Lumen Idiomas <{ADDRESS}> escreveu (quinta,\n12/11/2026 à(s) 10:15):",
            "en": f"On Thu, 12 Nov 2026 at 10:15, Marta from Lumen School of Languages <\n{ADDRESS}>\nwrote:",
        },
        html=gmail_html,
        places=ALL,
    ),
    Format(
        name="apple-mail",
        attribution={
            "es": f"El 12 nov 2026, a las 10:15, Marta <{ADDRESS}> escribió:",
            "pt": f"No dia 12/11/2026, às 10:15, Marta <{ADDRESS}> escreveu:",
            "en": f"On 12 Nov 2026, at 10:15, Marta <{ADDRESS}> wrote:",
        },
        html=apple_html,
        places=ALL,
    ),
    Format(
        name="iphone",
        attribution={
            "es": f"El 12 nov 2026, a la(s) 10:15 a.m., Marta <{ADDRESS}> escribió:",
            "pt": f"Em 12 de nov. de 2026, à(s) 10:15, Marta <{ADDRESS}> escreveu:",
            "en": f"On Nov 12, 2026, at 10:15\u202fAM, Marta <{ADDRESS}> wrote:",
        },
        html=apple_html,
        advert={"es": "Enviado desde mi iPhone", "pt": "Enviado do meu iPhone", "en": "Sent from my iPhone"},
    ),
    Format(
        name="outlook-desktop",
        attribution={
            "es": headers("De:", "Enviado el: jueves, 12 de noviembre de 2026 10:15", "Para:", "Asunto: RE: Curso"),
            "pt": headers(
                "De:", "Enviada em: quinta-feira, 12 de novembro de 2026 10:15", "Para:", "Assunto: RES: Curso"
            ),
            "en": headers("From:", "Sent: Thursday, November 12, 2026 10:15 AM", "To:", "Subject: RE: Course"),
        },
        quotes=False,
        html=outlook_desktop_html,
    ),
    Format(
        name="outlook-web",
        attribution={
            "es": "________________________________\n"
            + headers("De:", "Enviado: jueves, 12 de noviembre de 2026 10:15", "Para:", "Asunto: Re: Curso"),
            "pt": "________________________________\n"
            + headers("De:", "Enviado: quinta-feira, 12 de novembro de 2026 10:15", "Para:", "Assunto: Re: Curso"),
            "en": "________________________________\n"
            + headers("From:", "Sent: Thursday, November 12, 2026 10:15 AM", "To:", "Subject: Re: Course"),
        },
        quotes=False,
        html=outlook_web_html,
    ),
    Format(
        name="outlook-mobile",
        attribution={
            "es": "________________________________\n"
            + headers("De:", "Enviado: jueves, noviembre 12, 2026 10:15:22 a. m.", "Para:", "Asunto: Re: Curso"),
            "pt": "________________________________\n"
            + headers("De:", "Enviado: quinta-feira, novembro 12, 2026 10:15:22 AM", "Para:", "Assunto: Re: Curso"),
            "en": "________________________________\n"
            + headers("From:", "Sent: Thursday, November 12, 2026 10:15:22 AM", "To:", "Subject: Re: Course"),
        },
        quotes=False,
        html=outlook_mobile_html,
        advert={
            "es": "Obtener Outlook para Android<https://aka.ms/AAb9ysg>",
            "pt": "Obter o Outlook para Android<https://aka.ms/AAb9ysg>",
            "en": "Get Outlook for iOS<https://aka.ms/o0ukef>",
        },
    ),
    Format(
        name="outlook-mac",
        attribution={
            "es": headers("De:", "Fecha: jueves, 12 de noviembre de 2026, 10:15", "Para:", "Asunto: Re: Curso"),
            "pt": headers("De:", "Data: quinta-feira, 12 de novembro de 2026, 10:15", "Para:", "Assunto: Re: Curso"),
            "en": headers("From:", "Date: Thursday, 12 November 2026 at 10:15", "To:", "Subject: Re: Course"),
        },
        quotes=False,
        html=outlook_desktop_html,
    ),
    Format(
        name="outlook-2003",
        attribution={
            "es": "-----Mensaje original-----\n"
            + headers("De:", "Enviado el: jueves, 12 de noviembre de 2026 10:15", "Para:", "Asunto: Curso"),
            "pt": "-----Mensagem original-----\n"
            + headers("De:", "Enviada em: quinta-feira, 12 de novembro de 2026 10:15", "Para:", "Assunto: Curso"),
            "en": "-----Original Message-----\n"
            + headers("From:", "Sent: Thursday, November 12, 2026 10:15 AM", "To:", "Subject: Course"),
        },
        quotes=False,
    ),
    Format(
        name="thunderbird",
        attribution={
            "es": "El 12/11/2026 a las 10:15, Marta escribió:",
            "pt": "Em 12/11/2026 10:15, Marta escreveu:",
            "en": "On 11/12/2026 10:15 AM, Marta wrote:",
        },
        html=thunderbird_html,
        places=ALL,
    ),
    Format(
        name="yahoo",
        attribution={
            "es": f"En jueves, 12 de noviembre de 2026, 10:15:22 CET, Marta <{ADDRESS}> escribió: ",
            "pt": f"Em quinta-feira, 12 de novembro de 2026 às 10:15:22 BRT, Marta <{ADDRESS}> escreveu: ",
            "en": f"On Thursday, November 12, 2026 at 10:15:22 AM EST, Marta <{ADDRESS}> wrote: ",
        },
        quotes=False,
        html=yahoo_html,
    ),
    Format(
        name="yahoo-android",
        attribution={
            "es": f"El jue., nov. 12, 2026 a la(s) 10:15, Marta<{ADDRESS}> escribió:",
            "pt": f"Em qui., nov. 12, 2026 em 10:15, Marta<{ADDRESS}> escreveu:",
            "en": f"On Thu, Nov 12, 2026 at 10:15, Marta<{ADDRESS}> wrote:",
        },
        quotes=False,
        html=yahoo_html,
        advert={
            "es": "Enviado desde Yahoo Mail con Android",
            "pt": "Enviado do Yahoo Mail no Android",
            "en": "Sent from Yahoo Mail on Android",
        },
    ),
    Format(
        name="samsung",
        attribution={
            "es": "-------- Mensaje original --------\n"
            + headers("De:", "Fecha: 12/11/26 10:15 (GMT+01:00)", "Para:", "Asunto: Re: Curso"),
            "pt": "-------- Mensagem original --------\n"
            + headers("De:", "Data: 12/11/26 10:15 (GMT-03:00)", "Para:", "Assunto: Re: Curso"),
            "en": "-------- Original message --------\n"
            + headers("From:", "Date: 11/12/26 10:15 (GMT-05:00)", "To:", "Subject: Re: Course"),
        },
        quotes=False,
        html=samsung_html,
        advert={
            "es": "Enviado desde mi Galaxy",
            "pt": "Enviado do meu smartphone Samsung Galaxy.",
            "en": "Sent from my Galaxy",
        },
    ),
    Format(
        name="proton",
        attribution={
            "es": f"El jueves, 12 de noviembre de 2026 a las 10:15, Marta <{ADDRESS}> escribió:",
            "pt": f"A quinta-feira, 12 de novembro de 2026 às 10:15, Marta <{ADDRESS}> escreveu:",
            "en": f"On Thursday, November 12th, 2026 at 10:15 AM, Marta <{ADDRESS}> wrote:",
        },
        html=proton_html,
        advert={
            "es": "Enviado con el correo electrónico seguro de Proton Mail.",
            "pt": "Enviado com o e-mail seguro Proton Mail.",
            "en": "Sent with Proton Mail secure email.",
        },
        places=ALL,
    ),
    Format(
        name="proton-old",
        attribution={
            "es": f"‐‐‐‐‐‐‐ Original Message ‐‐‐‐‐‐‐\nEl jueves, 12 de noviembre de 2026 10:15, Marta <{ADDRESS}> "
            "escribió:",
            "pt": f"‐‐‐‐‐‐‐ Original Message ‐‐‐‐‐‐‐\nEm quinta-feira, 12 de novembro de 2026 10:15, <{ADDRESS}> "
            "escreveu:",
            "en": f"‐‐‐‐‐‐‐ Original Message ‐‐‐‐‐‐‐\nOn Thursday, November 12th, 2026 at 10:15 AM, <{ADDRESS}> wrote:",
        },
    ),
    Format(
        name="zoho",
        attribution={
            "es": f"---- El jue., 12 nov. 2026 10:15:22 +0100 Marta <{ADDRESS}> escribió ----",
            "pt": f"---- Em qui., 12 nov. 2026 10:15:22 -0300 Marta <{ADDRESS}> escreveu ----",
            "en": f"---- On Thu, 12 Nov 2026 10:15:22 +0000 Marta <{ADDRESS}> wrote ----",
        },
        quotes=False,
        html=zoho_html,
    ),
    Format(
        name="roundcube",
        attribution={
            "es": "El 2026-11-12 10:15, Marta escribió:",
            "pt": "Em 12-11-2026 10:15, Marta escreveu:",
            "en": "On 2026-11-12 10:15, Marta wrote:",
        },
        places=ALL,
    ),
    Format(
        name="evolution",
        attribution={
            "es": "El jue, 12-11-2026 a las 10:15 +0100, Marta escribió:",
            "pt": "Em qui, 2026-11-12 às 10:15 +0000, Marta escreveu:",
            "en": "On Thu, 2026-11-12 at 10:15 +0000, Marta wrote:",
        },
        places=ALL,
    ),
    Format(
        name="kmail",
        attribution={
            "es": "En jueves, 12 de noviembre de 2026 10:15:22 CET, Marta escribió:",
            "pt": "Na quinta-feira, 12 de novembro de 2026 10:15:22 WET, Marta escreveu:",
            "en": "On Thursday, November 12, 2026 10:15:22 AM CET Marta wrote:",
        },
        places=ALL,
    ),
    Format(
        name="zimbra",
        attribution={
            "es": f'----- Mensaje original -----\nDe: "Marta" <{ADDRESS}>\nPara: "Ana" <ana@ruiz.example>\n'
            "Enviados: Jueves, 12 de Noviembre 2026 10:15:22\nAsunto: Curso",
            "pt": f'----- Mensagem original -----\nDe: "Marta" <{ADDRESS}>\nPara: "Ana" <ana@ruiz.example>\n'
            "Enviadas: Quinta-feira, 12 de novembro de 2026 10:15:22\nAssunto: Curso",
            "en": f'From: "Marta" <{ADDRESS}>\nTo: "Ana" <ana@ruiz.example>\n'
            "Sent: Thursday, November 12, 2026 10:15:22 AM\nSubject: Course",
        },
        quotes=False,
    ),
    Format(
        name="spark",
        attribution={
            "es": f"El 12 nov 2026 10:15 +0100, Marta <{ADDRESS}>, escribió:",
            "pt": f"Em 12 de nov. de 2026 10:15 -0300, Marta <{ADDRESS}>, escreveu:",
            "en": f"On Nov 12, 2026 at 10:15 AM +0100, Marta <{ADDRESS}>, wrote:",
        },
    ),
    Format(
        name="huawei",
        attribution={
            "es": "-------- Mensaje original --------\nDe: Marta <hola@lumen.example>\nFecha: jue., 12 nov. 2026 "
            "10:15\n"
            "Para: ana@ruiz.example\nCC: luis@ruiz.example\nAsunto: Re: Curso",
            "pt": "-------- Mensagem original --------\nDe: Marta <hola@lumen.example>\nData: qui., 12 nov. 2026 "
            "10:15\n"
            "Para: ana@ruiz.example\nCc: luis@ruiz.example\nAssunto: Re: Curso",
            "en": "-------- Original message --------\nFrom: Marta <hola@lumen.example>\nDate: Thu, 12 Nov 2026, "
            "10:15\n"
            "To: ana@ruiz.example\nCc: luis@ruiz.example\nSubject: Re: Course",
        },
        quotes=False,
        advert={"es": "Enviado desde mi Huawei", "pt": "Enviado do meu Huawei", "en": "Sent from my Huawei phone"},
    ),
    Format(
        name="android-aosp",
        attribution={
            "es": f'El 12 nov. 2026 10:15 a. m., "Marta" <{ADDRESS}> escribió:',
            "pt": f'Em 12/11/2026 10:15, "Marta" <{ADDRESS}> escreveu:',
            "en": f'On Nov 12, 2026 10:15 AM, "Marta" <{ADDRESS}> wrote:',
        },
        places=("top", "bottom"),
    ),
    Format(
        name="windows-mail",
        attribution={
            "es": "De: Marta\nEnviado: jueves, 12 de noviembre de 2026 10:15\nPara: Ana Ruiz\nAsunto: Re: Curso",
            "pt": "De: Marta\nEnviado: quinta-feira, 12 de novembro de 2026 10:15\nPara: Ana Ruiz\nAssunto: Re: Curso",
            "en": "From: Marta\nSent: Thursday, 12 November 2026 10:15\nTo: Ana Ruiz\nSubject: Re: Course",
        },
        quotes=False,
        advert={
            "es": "Enviado desde Correo para Windows",
            "pt": "Enviado do Email para Windows",
            "en": "Sent from Mail for Windows",
        },
    ),
)


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
