"""Reports of mail servers about a mail of ours, in the formats of the servers that send most of them."""

OURS = "<01980f5c-7a00-7000-8000-000000000001@lumen.example>"
RECIPIENT = "ana@ruiz.example"
_RETURNED = (
    f"Message-ID: {OURS}\r\nFrom: hola@lumen.example\r\nTo: {RECIPIENT}\r\nSubject: Re: Curso\r\n"
    "Date: Thu, 12 Nov 2026 10:15:22 +0000\r\n\r\nHola Ana\r\n"
)


def _report(headers: str, notice: str, status: str, returned: str = _RETURNED, kind: str = "message/rfc822") -> bytes:
    return (
        f"{headers}To: hola@lumen.example\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b1"\r\n\r\n'
        f"--b1\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{notice}\r\n"
        f"--b1\r\nContent-Type: message/delivery-status\r\n\r\n{status}\r\n"
        f"--b1\r\nContent-Type: {kind}\r\n\r\n{returned}\r\n--b1--\r\n"
    ).encode()


POSTFIX = _report(
    "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.lumen.example (Mail Delivery System)\r\n"
    "Subject: Undelivered Mail Returned to Sender\r\nAuto-Submitted: auto-replied\r\n",
    f"This is the mail system at host mx.lumen.example.\r\n\r\n<{RECIPIENT}>: host mx.ruiz.example said: 550 5.1.1 "
    f"User unknown",
    "Reporting-MTA: dns; mx.lumen.example\r\nX-Postfix-Queue-ID: 4B2\r\nArrival-Date: Thu, 12 Nov 2026 10:15:22 "
    "+0000\r\n\r\n"
    f"Final-Recipient: rfc822; {RECIPIENT}\r\nOriginal-Recipient: rfc822;{RECIPIENT}\r\nAction: failed\r\nStatus: "
    f"5.1.1\r\n"
    "Remote-MTA: dns; mx.ruiz.example\r\nDiagnostic-Code: smtp; 550 5.1.1 <ana@ruiz.example>:\r\n    User unknown",
)
GMAIL = _report(
    "Return-Path: <>\r\nFrom: Mail Delivery Subsystem <mailer-daemon@googlemail.com>\r\n"
    f"Subject: Delivery Status Notification (Failure)\r\nX-Failed-Recipients: {RECIPIENT}\r\n"
    "Auto-Submitted: auto-replied\r\n",
    "** No se ha encontrado la dirección **\r\n\r\nTu mensaje no se ha entregado a ana@ruiz.example",
    "Reporting-MTA: dns; googlemail.com\r\nX-Original-Message-ID: <x@lumen.example>\r\n\r\n"
    f"Final-Recipient: rfc822; {RECIPIENT}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    "Diagnostic-Code: smtp; 550-5.1.1 The email account that you tried to reach does not exist.",
    returned=_RETURNED.split("\r\n\r\n", maxsplit=1)[0],
    kind="message/rfc822",
)
EXCHANGE = _report(
    "Return-Path: <>\r\nFrom: Microsoft Outlook <postmaster@ruiz.onmicrosoft.com>\r\nSubject: No se puede entregar: "
    "Re: Curso\r\n",
    "No se pudo entregar el mensaje a ana@ruiz.example.",
    f"Reporting-MTA: dns;AM0PR01.prod.outlook.com\r\n\r\nFinal-Recipient: rfc822;{RECIPIENT}\r\nAction: failed\r\n"
    "Status: 5.1.10\r\nDiagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found",
    returned=_RETURNED.split("\r\n\r\n", maxsplit=1)[0],
    kind="text/rfc822-headers",
)
MAILBOX_FULL = _report(
    "Return-Path: <>\r\nFrom: mailer-daemon@mx.ruiz.example\r\nSubject: Undeliverable: Re: Curso\r\n",
    "The recipient's mailbox is full.",
    f"Reporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; {RECIPIENT}\r\nAction: failed\r\nStatus: 5.2.2",
)
DELAYED = _report(
    "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.lumen.example\r\nSubject: Delayed Mail (still being retried)\r\n",
    "YOU DO NOT NEED TO RESEND YOUR MESSAGE",
    f"Reporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; {RECIPIENT}\r\nAction: delayed\r\nStatus: 4.4.1\r\n"
    "Will-Retry-Until: Tue, 17 Nov 2026 10:15:22 +0000",
)
DELIVERED = _report(
    "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.lumen.example\r\nSubject: Successful Mail Delivery Report\r\n",
    "Your message was successfully delivered.",
    f"Reporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; {RECIPIENT}\r\nAction: relayed\r\nStatus: 2.0.0",
)
WITHOUT_ACTION = _report(
    "Return-Path: <>\r\nFrom: MAILER-DAEMON\r\nSubject: failure\r\n",
    "failed",
    f"Reporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; {RECIPIENT}\r\nStatus: 5.7.1 (blocked)",
)
QMAIL = (
    "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.ruiz.example\r\nTo: hola@lumen.example\r\nSubject: failure notice\r\n"
    "\r\n"
    "Hi. This is the qmail-send program at mx.ruiz.example.\r\nI'm afraid I wasn't able to deliver your message to the "
    f"following addresses.\r\n\r\n<{RECIPIENT}>:\r\nSorry, no mailbox here by that name. (#5.1.1)\r\n\r\n"
    f"--- Below this line is a copy of the message.\r\n\r\n{_RETURNED}"
).encode()
EXIM = (
    f"Return-Path: <>\r\nX-Failed-Recipients: {RECIPIENT}\r\nAuto-Submitted: auto-replied\r\n"
    "From: Mail Delivery System <Mailer-Daemon@host.example>\r\nTo: hola@lumen.example\r\n"
    "Subject: Mail delivery failed: returning message to sender\r\n\r\n"
    "This message was created automatically by mail delivery software.\r\n\r\nA message that you sent could not be "
    "delivered to one or more of its\r\nrecipients. This is a permanent error. The following address(es) failed:\r\n"
    "\r\n"
    f"  {RECIPIENT}\r\n    host mx.ruiz.example [192.0.2.1]\r\n    SMTP error from remote mail server after RCPT "
    f"TO:\r\n"
    f"    550 No such user here\r\n\r\n------ This is a copy of the message, including all the headers. ------\r\n"
    f"\r\n{_RETURNED}"
).encode()
YAHOO_OLD = (
    "From: MAILER-DAEMON@yahoo.com\r\nTo: hola@lumen.example\r\nSubject: Failure Notice\r\n\r\n"
    f"Sorry, we were unable to deliver your message to the following address.\r\n\r\n<{RECIPIENT}>:\r\n"
    "552: 5.2.2 Mailbox full\r\n\r\n--- Original message follows.\r\n\r\nReturn-Path: <hola@lumen.example>\r\n"
    f"Message-ID: {OURS}\r\nSubject: Re: Curso\r\n"
).encode()
DOMINO_PT = (
    "Return-Path: <>\r\nFrom: postmaster@ruiz.example\r\nTo: hola@lumen.example\r\n"
    "Subject: Falha na entrega: Re: Curso\r\nContent-Type: text/plain; charset=utf-8\r\n"
    "Content-Transfer-Encoding: 8bit\r\n\r\nSua mensagem não pôde ser entregue.\r\n"
    f"Usuário {RECIPIENT} não existe.\r\n\r\n> Message-ID: {OURS}\r\n"
).encode()
ARF = (
    "Return-Path: <>\r\nFrom: staff@hotmail.com\r\nTo: abuse@lumen.example\r\nSubject: complaint about message from "
    "192.0.2.1\r\n"
    'MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=feedback-report; boundary="b1"\r\n\r\n'
    "--b1\r\nContent-Type: text/plain\r\n\r\nThis is an email abuse report.\r\n--b1\r\n"
    "Content-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nUser-Agent: SomeGenerator/1.0\r\nVersion: "
    "1\r\n"
    f"Original-Mail-From: <hola@lumen.example>\r\nOriginal-Rcpt-To: <{RECIPIENT}>\r\n"
    f"--b1\r\nContent-Type: message/rfc822\r\n\r\n{_RETURNED}--b1--\r\n"
).encode()

REPORTS = {
    "postfix": (POSTFIX, "failed", "5.1.1"),
    "gmail": (GMAIL, "failed", "5.1.1"),
    "exchange-es": (EXCHANGE, "failed", "5.1.10"),
    "mailbox-full": (MAILBOX_FULL, "failed", "5.2.2"),
    "delayed": (DELAYED, "delayed", "4.4.1"),
    "relayed": (DELIVERED, "delivered", "2.0.0"),
    "without-action": (WITHOUT_ACTION, "failed", "5.7.1"),
    "qmail": (QMAIL, "failed", "5.1.1"),
    "exim": (EXIM, "failed", "5.1.1"),
    "yahoo-old": (YAHOO_OLD, "failed", "5.2.2"),
    "prose-pt": (DOMINO_PT, "failed", "5.1.1"),
    "complaint": (ARF, "complaint", None),
}
