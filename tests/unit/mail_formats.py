"""How mail clients announce a quotation, in their own words, by language."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.unit.mail_pages import (
    apple_html,
    gmail_html,
    outlook_desktop_html,
    outlook_mobile_html,
    outlook_web_html,
    proton_html,
    samsung_html,
    thunderbird_html,
    yahoo_html,
    zoho_html,
)

Language = Literal["es", "pt", "en"]
Place = Literal["top", "bottom", "between"]

ADDRESS = "hola@lumen.example"


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
