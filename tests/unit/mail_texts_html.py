"""Pages of mails, one by one, and what their authors wrote of them."""

from tests.unit.mail_texts import Sample

GMAIL_HTML = (
    '<div dir="ltr">Sí, <b>resérvame</b> una.</div><br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">'
    'El jue, 12 nov 2026 a las 10:15, Lumen (&lt;<a href="mailto:hola@lumen.example">hola@lumen.example</a>&gt;)'
    ' escribió:<br></div><blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex;border-left:1px solid '
    'rgb(204,204,204);padding-left:1ex"><div>Hola</div></blockquote></div>'
)
OUTLOOK_HTML = (
    '<html xmlns:o="urn:schemas-microsoft-com:office:office"><head><style>p.MsoNormal{margin:0cm}</style></head><body>'
    '<div class="WordSection1"><p class="MsoNormal">Combinado.<o:p></o:p></p><p class="MsoNormal">&nbsp;</p>'
    '<div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm"><p class="MsoNormal">'
    "<b>De:</b> Lumen &lt;hola@lumen.example&gt; <br><b>Enviada em:</b> quinta-feira, 12 de novembro de 2026 10:15"
    "<br><b>Para:</b> Ana<br><b>Assunto:</b> RES: Curso</p></div><p>Olá, o curso começa.</p></div></body></html>"
)
HTML: dict[str, Sample] = {
    "gmail-es-html": Sample(GMAIL_HTML, "Sí, resérvame una."),
    "outlook-desktop-pt-html": Sample(OUTLOOK_HTML, "Combinado."),
    "outlook-web-es-html": Sample(
        '<div class="elementToProof">Me interesa</div><div id="appendonsend"></div><hr><div id="divRplyFwdMsg">'
        "<font><b>De:</b> Lumen &lt;hola@lumen.example&gt;<br><b>Enviado:</b> jueves, 12 de noviembre<br>"
        "<b>Para:</b> Ana<br><b>Asunto:</b> Curso</font><div>&nbsp;</div></div><div>Hola</div>",
        "Me interesa",
    ),
    "apple-en-html": Sample(
        "<html><body>Great!<br><div><br><blockquote type='cite'><div>On Nov 12, 2026, at 10:15 AM, Lumen &lt;"
        "hola@lumen.example&gt; wrote:</div><br><div>Hello</div></blockquote></div></body></html>",
        "Great!",
    ),
    "yahoo-es-html": Sample(
        '<div>Gracias</div><div class="yahoo_quoted"><div>El jueves, 12 de noviembre de 2026, 10:15:22 CET, Lumen '
        "&lt;hola@lumen.example&gt; escribió:</div><div>Hola Ana</div></div>",
        "Gracias",
    ),
    "gmail-interleaved-html": Sample(
        "<div>El jue, 12 nov 2026 a las 10:15, Lumen &lt;hola@lumen.example&gt; escribió:<br></div>"
        '<blockquote class="gmail_quote">¿Nivel?</blockquote><div>B1</div>'
        '<blockquote class="gmail_quote">¿Horario?</blockquote><div>Tarde</div>',
        "> ¿Nivel?\nB1\n> ¿Horario?\nTarde",
    ),
    "gmail-indent-is-not-a-quote": Sample(
        '<blockquote style="margin:0 0 0 40px;border:none;padding:0px">Quiero dos</blockquote>',
        "Quiero dos",
    ),
}
