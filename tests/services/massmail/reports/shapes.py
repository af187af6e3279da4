"""Bounces as mail servers write them, made of a mail that was sent."""

from dataclasses import dataclass

from tests.services.mail.importing.letters import multipart, part, raw


@dataclass(frozen=True)
class Sent:
    """A mail of a mailing as it went over the wire."""

    envelope_sender: str
    recipient: str
    data: bytes

    @property
    def header(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[0] + b"\r\n"

    def field(self, name: str) -> str:
        lines = self.header.decode().replace("\r\n ", " ").split("\r\n")
        return next(line.partition(": ")[2] for line in lines if line.lower().startswith(f"{name.lower()}:"))


def head(sent: Sent, sender: str, subject: str, **fields: str) -> str:
    """The header of a report: to the envelope sender of the mail, from nobody."""
    named = {
        "Return-Path": "<>",
        "Delivered-To": sent.envelope_sender,
        "From": sender,
        "To": sent.envelope_sender,
        "Subject": subject,
        "Message-ID": f"<{abs(hash((sender, subject, sent.recipient)))}@mx.example.net>",
        **{name.replace("_", "-"): value for name, value in fields.items()},
    }
    return "".join(f"{name}: {value}\r\n" for name, value in named.items())


def report(sent: Sent, heading: str, blocks: bytes, returned: bytes, kind: str = "text/rfc822-headers") -> bytes:
    return multipart(
        part(b"I'm sorry to have to inform you that your message could not be delivered.\r\n"),
        part(blocks, "message/delivery-status"),
        part(returned, kind),
        kind="report; report-type=delivery-status",
        head=heading,
    )


def postfix(
    sent: Sent, code: str = "5.1.1", said: str = "550 5.1.1 user unknown", action: str = "failed", envid: str = ""
) -> bytes:
    message = raw("Reporting-MTA: dns; mx.example.net", "X-Postfix-Queue-ID: 4Xyz", *([envid] if envid else []), "")
    recipient = raw(
        f"Final-Recipient: rfc822; {sent.recipient}",
        f"Original-Recipient: rfc822;{sent.recipient}",
        f"Action: {action}",
        f"Status: {code}",
        "Remote-MTA: dns; mx.example.net",
        f"Diagnostic-Code: smtp; {said}",
    )
    heading = head(
        sent, "MAILER-DAEMON@mx.example.net (Mail Delivery System)", "Undelivered Mail Returned to Sender",
        Auto_Submitted="auto-replied",
    )  # fmt: skip
    return report(sent, heading, message + recipient, sent.header)


def exchange(sent: Sent) -> bytes:
    """Exchange Online: no Original-Recipient, a code of two digits, the whole message back."""
    blocks = raw("Reporting-MTA: dns;AM0PR01MB.example.com", "Received-From-MTA: dns;mx.example.net", "") + raw(
        f"Final-Recipient: rfc822;{sent.recipient}",
        "Action: failed",
        "Status: 5.1.10",
        "Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
    )
    heading = head(sent, "Microsoft Outlook <postmaster@example.net>", "Undeliverable: News")
    return report(sent, heading, blocks, sent.header + b"\r\nthe text\r\n", "message/rfc822")


def exim(sent: Sent) -> bytes:
    """Exim before 4.82 and where DSN is off: free text, the message below a line."""
    text = (
        "This message was created automatically by mail delivery software.\r\n\r\n"
        "A message that you sent could not be delivered to one or more of its\r\n"
        "recipients. This is a permanent error. The following address(es) failed:\r\n\r\n"
        f"  {sent.recipient}\r\n"
        "    host mx.example.net [192.0.2.1]\r\n"
        f"    SMTP error from remote mail server after RCPT TO:<{sent.recipient}>:\r\n"
        f"    550 5.1.1 <{sent.recipient}>: Recipient address rejected: User unknown\r\n\r\n"
        "------ This is a copy of the message, including all the headers. ------\r\n\r\n"
    )
    heading = head(
        sent, "Mail Delivery System <Mailer-Daemon@mx.example.net>",
        "Mail delivery failed: returning message to sender", X_Failed_Recipients=sent.recipient,
        Auto_Submitted="auto-replied",
    )  # fmt: skip
    return heading.encode() + b"\r\n" + text.encode() + sent.header + b"\r\nthe text\r\n"


def exim_report(sent: Sent) -> bytes:
    """Exim from 4.82 on."""
    blocks = raw("Reporting-MTA: dns; mx.example.net", "") + raw(
        "Action: failed",
        f"Final-Recipient: rfc822;{sent.recipient}",
        "Status: 5.0.0",
        "Remote-MTA: dns; mx.example.net",
        "Diagnostic-Code: smtp; 550 5.1.1 User unknown",
    )
    heading = head(
        sent, "Mail Delivery System <Mailer-Daemon@mx.example.net>",
        "Mail delivery failed: returning message to sender",
        X_Failed_Recipients=sent.recipient, References=sent.field("Message-ID"),
    )  # fmt: skip
    return report(sent, heading, blocks, sent.header)


def qmail(sent: Sent) -> bytes:
    text = (
        "Hi. This is the qmail-send program at mx.example.net.\r\n"
        "I'm afraid I wasn't able to deliver your message to the following addresses.\r\n"
        "This is a permanent error; I've given up. Sorry it didn't work out.\r\n\r\n"
        f"<{sent.recipient}>:\r\nSorry, no mailbox here by that name. (#5.1.1)\r\n\r\n"
        "--- Below this line is a copy of the message.\r\n\r\n"
        f"Return-Path: <{sent.envelope_sender}>\r\n"
    )
    heading = head(sent, "MAILER-DAEMON@mx.example.net", "failure notice")
    return heading.encode() + b"\r\n" + text.encode() + sent.header + b"\r\nthe text\r\n"


def sendmail(sent: Sent) -> bytes:
    """Sendmail and Proofpoint: 5.2.2 of a full mailbox."""
    blocks = raw("Reporting-MTA: dns; mx.example.net", "Arrival-Date: Mon, 2 Mar 2026 10:00:00 GMT", "") + raw(
        f"Final-Recipient: RFC822; {sent.recipient}",
        "Action: failed",
        "Status: 5.2.2",
        "Diagnostic-Code: SMTP; 552 5.2.2 mailbox full",
    )
    heading = head(sent, "Mail Delivery Subsystem <MAILER-DAEMON>", "Returned mail: see transcript for details")
    return report(sent, heading, blocks, sent.header + b"\r\nthe text\r\n", "message/rfc822")


def complaint(sent: Sent) -> bytes:
    """A feedback report (RFC 5965), with the recipient left out as providers do."""
    return multipart(
        part(b"This is an email abuse report.\r\n"),
        part(raw("Feedback-Type: abuse", "User-Agent: SomeGenerator/1.0", "Version: 1"), "message/feedback-report"),
        part(sent.header + b"\r\nthe text\r\n", "message/rfc822"),
        kind="report; report-type=feedback-report",
        head=head(sent, "<abusedesk@example.net>", "FW: News") + "MIME-Version: 1.0\r\n",
    )


SHAPES = {"postfix": postfix, "exchange": exchange, "exim": exim, "exim report": exim_report, "qmail": qmail}
"""All of an address that is not there."""
