"""Texts and pages of mails, one by one, and what their authors wrote of them; from the clients' documented formats."""

from typing import NamedTuple


class Sample(NamedTuple):
    """A mail's text and what its author wrote of it."""

    text: str
    reply: str


OURS = "> Hola, el curso B2 empieza el lunes.\n> ¿Te reservo una plaza?\n> Lumen"

PLAIN: dict[str, Sample] = {
    # --- Gmail
    "gmail-en-top": Sample(
        "Yes please, book it.\n\nOn Thu, Nov 12, 2026 at 10:15 AM Lumen School <hola@lumen.example>\nwrote:\n\n" + OURS,
        "Yes please, book it.",
    ),
    "gmail-es-top": Sample(
        "Sí, resérvame una plaza.\n\nEl jue, 12 nov 2026 a las 10:15, Lumen (<hola@lumen.example>) escribió:\n\n"
        + OURS,
        "Sí, resérvame una plaza.",
    ),
    "gmail-es-419-wrapped": Sample(
        "Perfecto, gracias!\n\nEl jue., 12 de nov. de 2026 10:15 a. m., Lumen Escuela de Idiomas <\n"
        "hola@lumen.example> escribió:\n\n" + OURS,
        "Perfecto, gracias!",
    ),
    "gmail-es-three-lines": Sample(
        "Vale\n\nEl jueves, 12 de noviembre de 2026 a las 10:15, Lumen Escuela de Idiomas\n"
        "Internacionales <hola.informacion.cursos@lumen.example>\nescribió:\n\n" + OURS,
        "Vale",
    ),
    "gmail-pt-br-top": Sample(
        "Quanto custa?\n\nEm qui., 12 de nov. de 2026 às 10:15, Lumen <hola@lumen.example>\nescreveu:\n\n" + OURS,
        "Quanto custa?",
    ),
    "gmail-pt-pt-old": Sample(
        "Obrigado.\n\nLumen <hola@lumen.example> escreveu (quinta, 12/11/2026 à(s) 10:15):\n\n" + OURS,
        "Obrigado.",
    ),
    "gmail-pt-pt-new": Sample(
        "Obrigado.\n\nLumen <hola@lumen.example> escreveu no dia quinta, 12/11/2026\nà(s) 10:15:\n\n" + OURS,
        "Obrigado.",
    ),
    "gmail-es-bottom": Sample(
        "El jue, 12 nov 2026 a las 10:15, Lumen (<hola@lumen.example>) escribió:\n\n"
        + OURS
        + "\n\nSí, por favor.\nAna",
        "Sí, por favor.\nAna",
    ),
    "gmail-en-bottom": Sample(
        "On Thu, Nov 12, 2026 at 10:15 AM Lumen <hola@lumen.example> wrote:\n" + OURS + "\n\nHow much is it per month?",
        "How much is it per month?",
    ),
    "gmail-pt-bottom-with-signature": Sample(
        "Em qui., 12 de nov. de 2026 às 10:15, Lumen <hola@lumen.example> escreveu:\n"
        + OURS
        + "\n\nTem aula à noite?\n\n-- \nAna Lima\n+55 11 98765-4321",
        "Tem aula à noite?",
    ),
    "gmail-es-interleaved": Sample(
        "Respondo abajo.\n\nEl jue, 12 nov 2026 a las 10:15, Lumen <hola@lumen.example> escribió:\n"
        "> ¿Qué nivel tienes?\nB1\n> ¿Mañana o tarde?\nTarde",
        "Respondo abajo.\n\n> ¿Qué nivel tienes?\nB1\n> ¿Mañana o tarde?\nTarde",
    ),
    "gmail-en-interleaved": Sample(
        "On Thu, Nov 12, 2026 at 10:15 AM Lumen <hola@lumen.example> wrote:\n\n"
        "> What is your level?\n\nB1, I think.\n\n> Mornings or evenings?\n\nEvenings.\n\n-- \nAna",
        "> What is your level?\n\nB1, I think.\n\n> Mornings or evenings?\n\nEvenings.",
    ),
    "gmail-pt-interleaved": Sample(
        "Em qui., 12 de nov. de 2026 às 10:15, Lumen <hola@lumen.example> escreveu:\n"
        "> Qual é o nível?\nB1\n> Manhã ou noite?\nNoite",
        "> Qual é o nível?\nB1\n> Manhã ou noite?\nNoite",
    ),
    "gmail-signature": Sample("¿Precio?\n\n-- \nAna Ruiz\nDirectora\nwww.ruiz.example", "¿Precio?"),
    "gmail-forward-is-its-own-text": Sample(
        "---------- Forwarded message ---------\nFrom: Luis <luis@ruiz.example>\nDate: Thu, Nov 12, 2026\n"
        "Subject: curso\nTo: Ana <ana@ruiz.example>\n\nQuiero el curso B2.",
        "---------- Forwarded message ---------\nFrom: Luis <luis@ruiz.example>\nDate: Thu, Nov 12, 2026\n"
        "Subject: curso\nTo: Ana <ana@ruiz.example>\n\nQuiero el curso B2.",
    ),
    "gmail-pt-forward-with-note": Sample(
        "Veja abaixo\n\n---------- Mensagem encaminhada ---------\nDe: Luis <luis@ruiz.example>\n\nTexto",
        "Veja abaixo",
    ),
    # --- Outlook
    "outlook-desktop-en": Sample(
        "Sounds good.\n\nFrom: Lumen <hola@lumen.example>\nSent: Thursday, November 12, 2026 10:15 AM\n"
        "To: Ana Ruiz <ana@ruiz.example>\nSubject: RE: Course\n\nHello, the course starts on Monday.",
        "Sounds good.",
    ),
    "outlook-desktop-es": Sample(
        "De acuerdo.\n\nDe: Lumen <hola@lumen.example> \nEnviado el: jueves, 12 de noviembre de 2026 10:15\n"
        "Para: Ana Ruiz <ana@ruiz.example>\nAsunto: RE: Curso\n\nHola, el curso empieza el lunes.",
        "De acuerdo.",
    ),
    "outlook-desktop-pt-br": Sample(
        "Combinado.\n\nDe: Lumen <hola@lumen.example> \nEnviada em: quinta-feira, 12 de novembro de 2026 10:15\n"
        "Para: Ana Lima <ana@lima.example>\nAssunto: RES: Curso\n\nOlá, o curso começa na segunda.",
        "Combinado.",
    ),
    "outlook-desktop-pt-pt": Sample(
        "Combinado.\n\nDe: Lumen <hola@lumen.example>\nEnviada: 12 de novembro de 2026 10:15\n"
        "Para: Ana Lima <ana@lima.example>\nAssunto: RE: Curso\n\nOlá, o curso começa na segunda.",
        "Combinado.",
    ),
    "outlook-without-addresses": Sample(
        "Vale\n\nDe: Lumen\nEnviado: jueves, 12 de noviembre de 2026 10:15\nPara: Ana Ruiz\nAsunto: RE: Curso\n\nHola",
        "Vale",
    ),
    "outlook-web-es-rule": Sample(
        "Me interesa.\n\n________________________________\nDe: Lumen <hola@lumen.example>\n"
        "Enviado: jueves, 12 de noviembre de 2026 10:15\nPara: Ana <ana@ruiz.example>\nAsunto: Re: Curso\n\nHola",
        "Me interesa.",
    ),
    "outlook-bold-labels": Sample(
        "Ok\n\n*From:* Lumen <hola@lumen.example>\n*Sent:* Thursday, November 12, 2026 10:15\n"
        "*To:* Ana\n*Subject:* Course\n\nHello",
        "Ok",
    ),
    "outlook-old-original-en": Sample(
        "Fine by me.\n\n-----Original Message-----\nFrom: Lumen [mailto:hola@lumen.example]\n"
        "Sent: 12 November 2026\nTo: Ana\nSubject: Course\n\nHello",
        "Fine by me.",
    ),
    "outlook-old-original-es": Sample(
        "Adelante.\n\n-----Mensaje original-----\nDe: Lumen [mailto:hola@lumen.example]\nEnviado el: jueves\n"
        "Para: Ana\nAsunto: Curso\n\nHola",
        "Adelante.",
    ),
    "outlook-old-original-pt": Sample(
        "Pode ser.\n\n-----Mensagem original-----\nDe: Lumen\nEnviada em: quinta\nPara: Ana\nAssunto: Curso\n\nOlá",
        "Pode ser.",
    ),
    "outlook-wrapped-recipients": Sample(
        "Gracias\n\nDe: Lumen <hola@lumen.example>\nEnviado: jueves, 12 de noviembre de 2026\n"
        "Para: Ana Ruiz <ana@ruiz.example>; Luis Ortega\n<luis@ruiz.example>\nAsunto: Curso\n\nHola",
        "Gracias",
    ),
    "outlook-mac-es": Sample(
        "Sí\n\nDe: Lumen <hola@lumen.example>\nFecha: jueves, 12 de noviembre de 2026, 10:15\n"
        "Para: Ana <ana@ruiz.example>\nAsunto: Curso\n\nHola",
        "Sí",
    ),
    "outlook-ios-es": Sample(
        "Sí quiero\n\nObtener Outlook para iOS<https://aka.ms/o0ukef>\n________________________________\n"
        "De: Lumen <hola@lumen.example>\nEnviado: Thursday, November 12, 2026 10:15:00 AM\n"
        "Para: Ana <ana@ruiz.example>\nAsunto: Curso\n\nHola",
        "Sí quiero",
    ),
    "outlook-ios-pt": Sample(
        "Quero sim\n\nObter o Outlook para iOS<https://aka.ms/o0ukef>\n________________________________\n"
        "De: Lumen <hola@lumen.example>\nEnviado: quinta-feira, 12 de novembro de 2026\n"
        "Para: Ana <ana@lima.example>\nAssunto: Curso\n\nOlá",
        "Quero sim",
    ),
    "outlook-android-en": Sample(
        "Yes\n\nGet Outlook for Android<https://aka.ms/AAb9ysg>\n________________________________\n"
        "From: Lumen <hola@lumen.example>\nSent: Thursday, November 12, 2026 10:15:00 AM\n"
        "To: Ana <ana@ruiz.example>\nSubject: Course\n\nHello",
        "Yes",
    ),
    # --- Apple Mail
    "apple-en": Sample(
        "Great!\n\n> On Nov 12, 2026, at 10:15 AM, Lumen <hola@lumen.example> wrote:\n> \n> Hello Ana,\n> bye",
        "Great!",
    ),
    "apple-es": Sample(
        "¡Genial!\n\n> El 12 nov 2026, a las 10:15, Lumen <hola@lumen.example> escribió:\n> \n> Hola Ana",
        "¡Genial!",
    ),
    "apple-pt-br": Sample(
        "Ótimo!\n\n> Em 12 de nov. de 2026, à(s) 10:15, Lumen <hola@lumen.example> escreveu:\n> \n> Olá",
        "Ótimo!",
    ),
    "apple-pt-pt": Sample(
        "Ótimo!\n\n> No dia 12/11/2026, às 10:15, Lumen <hola@lumen.example> escreveu:\n> \n> Olá",
        "Ótimo!",
    ),
    "iphone-es": Sample(
        "Me apunto\n\nEnviado desde mi iPhone\n\n> El 12 nov 2026, a las 10:15, Lumen <hola@lumen.example>"
        " escribió:\n> \n> Hola",
        "Me apunto",
    ),
    "iphone-pt": Sample(
        "Pode reservar\n\nEnviado do meu iPhone\n\n> Em 12 de nov. de 2026, à(s) 10:15, Lumen <hola@lumen.example>"
        " escreveu:\n> \n> Olá",
        "Pode reservar",
    ),
    "iphone-en": Sample(
        "Book it\n\nSent from my iPhone\n\n> On Nov 12, 2026, at 10:15, Lumen <hola@lumen.example> wrote:\n> \n> Hi",
        "Book it",
    ),
    "apple-bottom-en": Sample(
        "> On Nov 12, 2026, at 10:15 AM, Lumen <hola@lumen.example> wrote:\n> \n> Hello Ana\n\nThanks, booked.",
        "Thanks, booked.",
    ),
    # --- other mobile and desktop clients
    "samsung-es": Sample(
        "Ok gracias\n\nEnviado desde mi Galaxy\n\n-------- Mensaje original --------\nDe: Lumen "
        "<hola@lumen.example>\nFecha: 12/11/26 10:15 (GMT+01:00)\nPara: ana@ruiz.example\nAsunto: Curso\n\nHola",
        "Ok gracias",
    ),
    "samsung-pt": Sample(
        "Ok obrigada\n\nEnviado do meu smartphone Samsung Galaxy.\n\n-------- Mensagem original --------\n"
        "De : Lumen <hola@lumen.example>\nData : 12/11/26 10:15 (GMT-03:00)\nPara : ana@lima.example\n"
        "Assunto : Curso\n\nOlá",
        "Ok obrigada",
    ),
    "yahoo-es": Sample(
        "Gracias\n\nEl jueves, 12 de noviembre de 2026, 10:15:22 CET, Lumen <hola@lumen.example>"
        " escribió: \n\nHola Ana",
        "Gracias",
    ),
    "yahoo-pt": Sample(
        "Obrigada\n\nEm quinta-feira, 12 de novembro de 2026 10:15:22 BRT, Lumen <hola@lumen.example>"
        " escreveu: \n\nOlá",
        "Obrigada",
    ),
    "yahoo-android-en": Sample(
        "Thanks\n\nSent from Yahoo Mail on Android \n \n  On Thu, Nov 12, 2026 at 10:15, Lumen<hola@lumen.example>"
        " wrote:   Hello Ana",
        "Thanks",
    ),
    "thunderbird-es": Sample("Vale\n\nEl 12/11/2026 a las 10:15, Lumen escribió:\n" + OURS, "Vale"),
    "thunderbird-pt-br": Sample("Certo\n\nEm 12/11/2026 10:15, Lumen escreveu:\n" + OURS, "Certo"),
    "thunderbird-pt-pt": Sample("Certo\n\nÀs 10:15 de 12/11/2026, Lumen escreveu:\n" + OURS, "Certo"),
    "proton-en": Sample(
        "Yes.\n\nSent with Proton Mail secure email.\n\nOn Thursday, November 12th, 2026 at 10:15, Lumen "
        "<hola@lumen.example> wrote:\n\n" + OURS,
        "Yes.",
    ),
    "zoho-es": Sample(
        "Claro\n\n---- El jue, 12 nov 2026 10:15:22 +0100 Lumen <hola@lumen.example> escribió ----\n\nHola",
        "Claro",
    ),
    "windows-mail-es": Sample(
        "Bien\n\nEnviado desde Correo para Windows\n\nDe: Lumen\nEnviado: jueves, 12 de noviembre de 2026 10:15\n"
        "Para: Ana\nAsunto: Curso\n\nHola",
        "Bien",
    ),
    "gmail-fr": Sample(
        "Oui\n\nLe jeu. 12 nov. 2026 à 10:15, Lumen <hola@lumen.example> a écrit :\n\n> Bonjour",
        "Oui",
    ),
    "outlook-es-plural": Sample(
        "Bien\n\nDe: Lumen\nEnviados: jueves, 12 de noviembre\nPara: Ana\nAsunto: Curso\n\nHola",
        "Bien",
    ),
    "roundcube-es": Sample("Bien\n\nEl 2026-11-12 10:15, Lumen escribió:\n" + OURS, "Bien"),
    "roundcube-pt": Sample("Bom\n\nEm 2026-11-12 10:15, Lumen escreveu:\n" + OURS, "Bom"),
    "horde-es": Sample("Bien\n\nCitando Lumen <hola@lumen.example>:\n\n" + OURS, "Bien"),
    "thunderbird-writer-first-es": Sample("Bien\n\nLumen escribió el 12/11/2026 a las 10:15:\n" + OURS, "Bien"),
    "thunderbird-writer-first-en": Sample("Fine\n\nLumen wrote on 12.11.2026 10:15:\n" + OURS, "Fine"),
    "notes-en": Sample(
        'Fine\n\n-----"Lumen" <hola@lumen.example> wrote: -----\nTo: ana\nFrom: Lumen\nSubject: x\n\nHello',
        "Fine",
    ),
    "samsung-brand-es": Sample("Bien\n\nEnviado desde mi dispositivo Samsung de Claro", "Bien"),
    "signature-after-a-closing-es": Sample(
        "Hola,\n\nsí me interesa.\n\nSaludos cordiales,\nMaría Gómez\nGerente de Compras | ACME S.A.\n"
        "Tel: +52 55 1234 5678\nwww.acme.example",
        "Hola,\n\nsí me interesa.\n\nSaludos cordiales,\nMaría Gómez",
    ),
    "signature-after-a-closing-pt": Sample(
        "Sim, pode ser.\n\nAtt,\nJoão Silva\nDiretor Comercial\n(11) 98765-4321\n\nDe: Marta "
        "[mailto:hola@lumen.example]\n"
        "Enviada em: quinta-feira, 12 de novembro de 2026 10:15\nPara: joao@b.example\nAssunto: Proposta\n\nOlá João",
        "Sim, pode ser.\n\nAtt,\nJoão Silva",
    ),
    "signature-under-the-quotation": Sample(
        "Yes\n\nOn Thu, Nov 12, 2026, 10:15 AM Lumen <hola@lumen.example> wrote:\n\n" + OURS + "\n\n-- \nJohn",
        "Yes",
    ),
    "legal-notice-es": Sample(
        "Quiero dos\n\nEste mensaje y sus archivos adjuntos son confidenciales y pueden contener información "
        "privilegiada.",
        "Quiero dos",
    ),
    "legal-notice-en-under-the-quotation": Sample(
        "Sounds good\n\nOn Thu, Nov 12, 2026 at 10:15 AM Lumen <hola@lumen.example> wrote:\n" + OURS + "\n\n"
        "This email and any attachments are confidential and intended solely for the addressee.",
        "Sounds good",
    ),
    "virus-scanner": Sample("Acepto la oferta.\n\nLibre de virus.www.avast.com", "Acepto la oferta."),
    "tutanota-es": Sample("Vale\n\n12 nov 2026, 10:15 por hola@lumen.example:\n\n" + OURS, "Vale"),
    "gmail-2012-es": Sample("Vale\n\n2026-11-12 10:15 GMT+01:00 Lumen <hola@lumen.example>:\n\n" + OURS, "Vale"),
    "gmail-de": Sample("Ok!\n\nLumen <hola@lumen.example> schrieb am Do., 12. Nov. 2026, 10:15:\n\n" + OURS, "Ok!"),
    "outlook-de": Sample(
        "Ja\n\nVon: Lumen <hola@lumen.example>\nGesendet: Donnerstag, 12. November 2026 10:15\nAn: Ana "
        "<ana@b.example>\n"
        "Betreff: AW: Kurs\n\nHallo",
        "Ja",
    ),
    "no-colon-es": Sample("Ok\n\nEl jue., 12 nov. 2026 10:15 a.m., Lumen escribió\n\n" + OURS, "Ok"),
    "signature-under-a-rule": Sample("Quiero dos\n\n____________\nAna Ruiz\nTel. 600111222", "Quiero dos"),
    "rule-between-paragraphs": Sample(
        "Primero esto\n\n--------\nLuego lo otro, gracias", "Primero esto\n\n--------\nLuego lo otro, gracias"
    ),
    "bare-writer-es": Sample("Sí\n\nLumen escribió:\n" + OURS, "Sí"),
    "headers-in-one-line-es": Sample(
        "Sí, gracias.\n\nDe: Lumen <hola@lumen.example> Enviado el: jueves, 12 de noviembre de 2026 10:15 Para: Ana "
        "<ana@ruiz.example> Asunto: Curso\n\nHola",
        "Sí, gracias.",
    ),
    "netease-replied": Sample(
        "Claro!\n\n---- Replied Message ----\nFrom\tLumen<hola@lumen.example>\nDate\t11/12/2026 10:15\nHola",
        "Claro!",
    ),
    "help-desk-es": Sample(
        "Aceptado.\n\n##- Escriba su respuesta por encima de esta línea -##\n\nSu solicitud #123", "Aceptado."
    ),
    "answers-in-red-en": Sample(
        "Yes, see my answers below in red.\n\nFrom: Lumen <hola@lumen.example>\nSent: Thursday, 12 November 2026 "
        "10:15\n"
        "To: Ana\nSubject: Course\n\nWhat level? B1",
        "Yes, see my answers below in red.\n\nFrom: Lumen <hola@lumen.example>\nSent: Thursday, 12 November 2026 "
        "10:15\n"
        "To: Ana\nSubject: Course\n\nWhat level? B1",
    ),
    "interleaved-with-long-history": Sample(
        "El 12/11/2026 10:15, Lumen escribió:\n> Hola Ana,\n>\n> gracias por escribir.\n>\n> ¿Qué nivel?\n\nB1\n\n"
        "> Saludos\n> Lumen\n\nGracias\nAna",
        "> ¿Qué nivel?\n\nB1\n\n> Saludos\n> Lumen\n\nGracias\nAna",
    ),
    # --- what must not be cut
    "telephone-left-in-the-text": Sample(
        "Me interesa. Mi teléfono es 600 111 222\n\nGracias,\nLuis",
        "Me interesa. Mi teléfono es 600 111 222\n\nGracias,\nLuis",
    ),
    "contact-data-as-the-answer": Sample(
        "Te paso mis datos:\n\nAna Ruiz\n+34 600 111 222\nana@ruiz.example\n\nGracias",
        "Te paso mis datos:\n\nAna Ruiz\n+34 600 111 222\nana@ruiz.example\n\nGracias",
    ),
    "text-under-dashes": Sample(
        "Buenas,\n\nnecesito:\n- 3 sillas\n\n--\n\nY además una lámpara.",
        "Buenas,\n\nnecesito:\n- 3 sillas\n\n--\n\nY además una lámpara.",
    ),
    "excursion-with-four-labels": Sample(
        "Hola Marta,\nPara: 20 personas\nFecha: 12/12\nDe: Madrid\nAsunto: excursión\n¿precio?",
        "Hola Marta,\nPara: 20 personas\nFecha: 12/12\nDe: Madrid\nAsunto: excursión\n¿precio?",
    ),
    "somebody-wrote-to-me": Sample(
        "Nos vemos el jueves 12 a las 10:15. Marta me escribió:\nque sí.\n\nChau",
        "Nos vemos el jueves 12 a las 10:15. Marta me escribió:\nque sí.\n\nChau",
    ),
    "quote-broken-by-a-narrow-client-is-not-told-from-answers": Sample(
        "Bien\n\nEl 12/11/2026 10:15, Lumen escribió:\n> Hola\nAna\n> adiós",
        "Bien\n\n> Hola\nAna",
    ),
    "order-with-two-labels": Sample(
        "De: 10 a 20 unidades\nPara: el lunes\n¿Es posible?",
        "De: 10 a 20 unidades\nPara: el lunes\n¿Es posible?",
    ),
    "trip-with-three-labels": Sample(
        "Quiero viajar\nDe: Lima\nPara: Cusco\nFecha: 3 de mayo\nGracias",
        "Quiero viajar\nDe: Lima\nPara: Cusco\nFecha: 3 de mayo\nGracias",
    ),
    "prose-someone-wrote": Sample(
        "El profesor del curso me escribió:\nque costaba 100 euros. ¿Es verdad?",
        "El profesor del curso me escribió:\nque costaba 100 euros. ¿Es verdad?",
    ),
    "prose-dated-wrote": Sample(
        "El 12 de mayo su compañero escribió:\nque costaba 100 euros. ¿Es verdad?",
        "El 12 de mayo su compañero escribió:\nque costaba 100 euros. ¿Es verdad?",
    ),
    "dashes-in-body": Sample(
        "Opciones:\n--\n" + "\n".join(f"línea {n}" for n in range(12)),
        "Opciones:\n--\n" + "\n".join(f"línea {n}" for n in range(12)),
    ),
    "contact-form": Sample(
        "From: Juan <juan@ruiz.example>\nSubject: Info\n\nMessage Body:\nQuiero información",
        "From: Juan <juan@ruiz.example>\nSubject: Info\n\nMessage Body:\nQuiero información",
    ),
    "sent-by-mistake": Sample("Te lo mandé\nEnviado por error el martes", "Te lo mandé\nEnviado por error el martes"),
    "sent-by-mail": Sample("¿Lo tienes?\nEnviado por email ayer", "¿Lo tienes?\nEnviado por email ayer"),
    "sent-with-timetable": Sample("Va todo\nEnviado con los horarios", "Va todo\nEnviado con los horarios"),
    "question-quoted-by-hand": Sample("> ¿Qué nivel?\nB1", "> ¿Qué nivel?\nB1"),
    "plain-sentence": Sample("hola, ¿cuánto cuesta el B2?", "hola, ¿cuánto cuesta el B2?"),
    # --- the rest
    "quotation-only": Sample(
        "\nEl jue, 12 nov 2026 a las 10:15, Lumen <hola@lumen.example> escribió:\n\n" + OURS,
        "",
    ),
    "trailing-quote-without-intro": Sample("Sí\n\n" + OURS, "Sí"),
    "empty": Sample("", ""),
}
