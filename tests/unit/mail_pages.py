"""HTML around an answer and what it quotes, as clients write it: their classes, ids and styles.

Each function takes the answer, the sentence or headers that announce the quotation, and the quotation.
"""

from html import escape


def lined(text: str) -> str:
    """Return text as HTML with its line breaks."""
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
