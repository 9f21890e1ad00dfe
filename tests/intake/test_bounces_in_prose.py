"""What mail servers say in prose, each in its own layout: whom they did not reach, why, and whether for good."""

import pytest

from intake.reading.message import parse

NOTICES = [
    (  # postfix prose
        "Mail Delivery System <MAILER-DAEMON@mx.example.org>",
        "Undelivered Mail Returned to Sender",
        (
            "This is the mail system at host mx.example.org.\n\n"
            "I'm sorry to have to inform you that your message could not\n"
            "be delivered to one or more recipients. It's attached below.\n\n"
            "For further assistance, please send mail to postmaster.\n\n"
            "                   The mail system\n\n"
            "<gone@example.org>: host mx2.example.org[192.0.2.1] said: 550 5.1.1\n"
            "    <gone@example.org>: Recipient address rejected: User unknown (in reply to RCPT TO command)"
        ),
        [("gone@example.org", "5.1.1", False)],
    ),
    (  # postfix two prose
        "Mail Delivery System <MAILER-DAEMON@mx.example.org>",
        "Undelivered Mail Returned to Sender",
        (
            "The mail system\n\n"
            '<gone@example.org> (expanded from <sales@example.org>): unknown user: "gone"\n\n'
            "<full@example.net>: mail for full@example.net: 452 4.2.2 Mailbox full"
        ),
        [("gone@example.org", "", False), ("full@example.net", "4.2.2", True)],
    ),
    (  # qmail
        "MAILER-DAEMON@mx.example.org",
        "failure notice",
        (
            "Hi. This is the qmail-send program at mx.example.org.\n"
            "I'm afraid I wasn't able to deliver your message to the following addresses.\n"
            "This is a permanent error; I've given up. Sorry it didn't work out.\n\n"
            "<gone@example.org>:\n192.0.2.1 does not like recipient.\n"
            "Remote host said: 550 User unknown\nGiving up on 192.0.2.1.\n\n"
            "--- Below this line is a copy of the message.\n\nReturn-Path: <support@example.com>\n"
            "To: other@example.net"
        ),
        [("gone@example.org", "", False)],
    ),
    (  # exim delay
        "Mail Delivery System <Mailer-Daemon@mx.example.org>",
        "Warning: message 1abc-0001 delayed 24 hours",
        (
            "This message was created automatically by mail delivery software.\n"
            "A message that you sent has not yet been delivered to one or more of its\n"
            "recipients after more than 24 hours on the queue on mx.example.org.\n\n"
            "The message identifier is:     1abc-0001\nThe subject of the message is: Hi\n"
            "The date of the message is:    Sat, 21 Nov 2026\n\n"
            "The address to which the message has not yet been delivered is:\n\n  gone@example.org\n\n"
            "No action is required on your part. Delivery attempts will continue for\n"
            "some time, and this warning may be repeated at intervals if the message\n"
            "remains undelivered."
        ),
        [("gone@example.org", "", True)],
    ),
    (  # sendmail prose
        "Mail Delivery Subsystem <MAILER-DAEMON@mx.example.org>",
        "Returned mail: see transcript for details",
        (
            "The original message was received at Sat, 21 Nov 2026 09:30:00 +0100\n"
            "from localhost [127.0.0.1]\n\n"
            "   ----- The following addresses had permanent fatal errors -----\n<gone@example.org>\n"
            "    (reason: 550 5.1.1 User unknown)\n\n   ----- Transcript of session follows -----\n"
            "... while talking to mx.example.org.:\n>>> DATA\n<<< 550 5.1.1 User unknown\n"
            "550 5.1.1 <gone@example.org>... User unknown"
        ),
        [("gone@example.org", "5.1.1", False)],
    ),
    (  # sendmail old
        "Mail Delivery Subsystem <MAILER-DAEMON@mx.example.org>",
        "Returned mail: User unknown",
        (
            "   ----- Transcript of session follows -----\n... while talking to mx.example.org.:\n"
            ">>> RCPT To:<gone@example.org>\n<<< 550 <gone@example.org>... User unknown\n"
            "550 gone@example.org... User unknown\n\n   ----- Unsent message follows -----\nFrom: x\n"
            "To: other@example.net"
        ),
        [("gone@example.org", "", False)],
    ),
    (  # sendmail deferred
        "Mail Delivery Subsystem <MAILER-DAEMON@mx.example.org>",
        "Warning: could not send message for past 4 hours",
        (
            "    **********************************************\n"
            "    **      THIS IS A WARNING MESSAGE ONLY      **\n"
            "    **  YOU DO NOT NEED TO RESEND YOUR MESSAGE  **\n"
            "    **********************************************\n\n"
            "The original message was received at Sat, 21 Nov 2026 09:30:00 +0100\n\n"
            "   ----- Transcript of session follows -----\n"
            "<gone@example.org>... Deferred: Connection timed out with mx.example.org.\n"
            "Warning: message still undelivered after 4 hours\n"
            "Will keep trying until message is 5 days old"
        ),
        [("gone@example.org", "", True)],
    ),
    (  # exchange prose
        "System Administrator <postmaster@example.org>",
        "Undeliverable: Hi",
        (
            "Your message\n\n  To:      gone@example.org\n  Subject: Hi\n"
            "  Sent:    Sat, 21 Nov 2026 09:30:00 +0100\n\ndid not reach the following recipient(s):\n"
            "\ngone@example.org on Sat, 21 Nov 2026 09:30:10 +0100\n"
            "    The recipient name is not recognized\n"
            "\tThe MTS-ID of the original message is: c=us;a= ;p=x;l=Y\n"
            "    MSEXCH:IMS:X:Y:Z 0 (000C05A6) Unknown Recipient"
        ),
        [("gone@example.org", "", False)],
    ),
    (  # gmail
        "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
        "Delivery Status Notification (Failure)",
        (
            "** Address not found **\n\n"
            "Your message wasn't delivered to gone@example.org because the address couldn't be found, o"
            "r is unable to receive mail.\n"
            "\nLearn more here: https://support.google.example/\n\nThe response was:\n\n"
            "550 5.1.1 The email account that you tried to reach does not exist."
        ),
        [("gone@example.org", "5.1.1", False)],
    ),
    (  # gmail delay
        "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
        "Delivery Status Notification (Delay)",
        (
            "This is an automatically generated Delivery Status Notification\n\n"
            "THIS IS A WARNING MESSAGE ONLY.\n\nYOU DO NOT NEED TO RESEND YOUR MESSAGE.\n\n"
            "Delivery to the following recipient has been delayed:\n\n     gone@example.org\n\n"
            "Message will be retried for 2 more day(s)"
        ),
        [("gone@example.org", "", True)],
    ),
    (  # gmail old
        "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
        "Delivery Status Notification (Failure)",
        (
            "Delivery to the following recipient failed permanently:\n\n     gone@example.org\n\n"
            "Technical details of permanent failure:\n"
            "Google tried to deliver your message, but it was rejected by the recipient domain. The err"
            "or that the other server returned was: 550 550 5.1.1 unknown user (state 14).\n"
            "\n----- Original message -----\n\nFrom: a@b.c"
        ),
        [("gone@example.org", "5.1.1", False)],
    ),
    (  # yahoo
        "MAILER-DAEMON@yahoo.com",
        "Failure Notice",
        (
            "Sorry, we were unable to deliver your message to the following address.\n\n"
            "<gone@example.org>:\nRemote host said: 550 5.1.1 unknown [RCPT_TO]\n\n"
            "--- Below this line is a copy of the message.\n\nReceived: from x"
        ),
        [("gone@example.org", "5.1.1", False)],
    ),
    (  # yahoo2
        "MAILER-DAEMON@yahoo.com",
        "Failure Notice",
        (
            "Message from  yahoo.com.\nUnable to deliver message to the following address(es).\n\n"
            "<gone@example.org>:\nThis user doesn't have a yahoo.com account (gone@example.org) [-5]"
        ),
        [("gone@example.org", "", False)],
    ),
    (  # aol
        "Mail Delivery Subsystem <MAILER-DAEMON@aol.com>",
        "Returned mail: User unknown",
        (
            "The original message was received at Sat\n\n"
            "   ----- The following addresses had permanent fatal errors -----\n<gone@example.org>\n\n"
            "   ----- Transcript of session follows -----\n... while talking to air.aol.com.:\n"
            ">>> RCPT To:<gone@example.org>\n<<< 550 MAILBOX NOT FOUND"
        ),
        [("gone@example.org", "", False)],
    ),
    (  # domino
        "postmaster@example.org",
        "DELIVERY FAILURE: User gone (gone@example.org) not listed in Domino Directory",
        (
            "Your message\n\n  Subject: Hi\n\nwas not delivered to:\n\n  gone@example.org\n\nbecause:\n"
            "\n  User gone (gone@example.org) not listed in Domino Directory"
        ),
        [("gone@example.org", "", False)],
    ),
    (  # domino de
        "postmaster@example.org",
        "FEHLER BEI DER ÜBERTRAGUNG: User gone not listed",
        (
            "Ihre Nachricht\n\n  Thema: Hi\n\nwurde nicht zugestellt an:\n\n  gone@example.org\n\n"
            "weil:\n\n  User gone (gone@example.org) nicht im Verzeichnis"
        ),
        [("gone@example.org", "", False)],
    ),
    (  # courier
        '"Courier mail server at mx.example.org" <@mx.example.org>',
        "NOTICE: mail delivery status.",
        (
            "This is a delivery status notification from mx.example.org,\n"
            "running the Courier mail server, version 0.7.\n\n"
            "The original message was received on Sat, 21 Nov 2026 09:30:00\nfrom x\n\n"
            "---------------------------------------------------------------------------\n\n"
            "                           UNDELIVERABLE MAIL\n\n"
            "Your message to the following recipients cannot be delivered:\n\n<gone@example.org>:\n"
            "    mx2.example.org [192.0.2.1]:\n<<< 550 User unknown."
        ),
        [("gone@example.org", "", False)],
    ),
    (  # ses prose
        "MAILER-DAEMON@eu-west-1.amazonses.com",
        "Delivery Status Notification (Failure)",
        ("An error occurred while trying to deliver the mail to the following recipients:\ngone@example.org"),
        [("gone@example.org", "", False)],
    ),
    (  # mimecast
        "postmaster@mimecast.example",
        "[Postmaster] Email Delivery Failure",
        (
            "This is a delivery failure notification message indicating that\n"
            "an email you addressed to email address :\n-- gone@example.org\n\n"
            "could not be delivered. The problem appears to be :\n"
            "-- Recipient email server rejected the message\n\nAdditional information follows :\n"
            "-- 5.4.1 Recipient address rejected: Access denied"
        ),
        [("gone@example.org", "5.4.1", False)],
    ),
    (  # messagelabs
        "postmaster@messagelabs.example",
        "Mail Delivery Failure",
        (
            "This is the mail delivery agent at messagelabs.com.\n"
            "I was not able to deliver your message to the following addresses.\n\n"
            "<gone@example.org>:\n192.0.2.1 does not like recipient.\n"
            "Remote host said: 550 5.1.1 User unknown"
        ),
        [("gone@example.org", "5.1.1", False)],
    ),
    (  # groupwise
        "Mailer-Daemon@mx.example.org",
        "Message status - undeliverable",
        (
            "The message that you sent was undeliverable to the following:\n"
            "\tgone@example.org (user not found)\n\nPossibly truncated original message follows:\n"
            "From: x"
        ),
        [("gone@example.org", "", False)],
    ),
    (  # imail
        "Postmaster <postmaster@mx.example.org>",
        "Undeliverable Mail",
        "User mailbox exceeds allowed size: gone@example.org\n\nOriginal message follows.",
        [("gone@example.org", "", False)],
    ),
    (  # mdaemon
        "MDaemon at mx.example.org <MDaemon@mx.example.org>",
        "WARNING: MDaemon delivery status notification - failed",
        (
            "The attached message had PERMANENT fatal delivery errors!\n\n"
            "After one or more unsuccessful delivery attempts the attached message has\n"
            "been removed from the mail queue on this server.\n\n"
            "--------------------------------------------------------\n\n"
            "YOUR MESSAGE WAS NOT DELIVERED TO ONE OR MORE RECIPIENTS:\n\n"
            "<gone@example.org>: 5.1.1 User unknown"
        ),
        [("gone@example.org", "5.1.1", False)],
    ),
    (  # zimbra/java james
        "Postmaster <postmaster@mx.example.org>",
        "Delivery Status Notification (Failure)",
        (
            "Hi. This is the James mail server at mx.example.org.\n"
            "I'm afraid I wasn't able to deliver your message to the following addresses.\n"
            "This is a permanent error; I've given up. Sorry it didn't work out. Below\n"
            "I include the list of recipients and the reason why I was unable to deliver\n"
            "your message.\n\nFailed recipient(s):\ngone@example.org\n\nError message:\n"
            "550 5.1.1 unknown"
        ),
        [("gone@example.org", "5.1.1", False)],
    ),
    (  # gmx
        "GMX Mailer Daemon <mailer-daemon@gmx.example>",
        "Mail delivery failed: returning message to sender",
        (
            "This message was created automatically by mail delivery software.\n\n"
            "A message that you sent could not be delivered to one or more of\n"
            "its recipients. This is a permanent error. The following address\nfailed:\n\n"
            '"gone@example.org":\nSMTP error from remote server after RCPT command:\n'
            "host: mx.example.org\n5.1.1 unknown user\n\n"
            "--- The header of the original message is following. ---\n\nTo: other@example.net"
        ),
        [("gone@example.org", "5.1.1", False)],
    ),
    (  # web.de de
        "Mail Delivery System <mailer-daemon@web.example>",
        "Mail delivery failed",
        (
            "Diese Nachricht wurde automatisch erstellt.\n\n"
            "Ihre E-Mail konnte nicht zugestellt werden an:\n\n<gone@example.org>:\n"
            "unbekannter Empfänger"
        ),
        [("gone@example.org", "", False)],
    ),
    (  # fr
        "Mail Delivery System <MAILER-DAEMON@orange.example>",
        "Non remis : Hi",
        "Votre message n'a pas pu être remis à :\n\ngone@example.org\n\n550 5.1.1 Adresse inconnue",
        [("gone@example.org", "5.1.1", False)],
    ),
    (  # es
        "Mail Delivery Subsystem <mailer-daemon@x.example>",
        "Mensaje no entregado",
        "No se pudo entregar el mensaje a:\n\ngone@example.org\n\n550 5.1.1 usuario desconocido",
        [("gone@example.org", "5.1.1", False)],
    ),
    (  # pt
        "postmaster@x.example",
        "Não é possível entregar: Hi",
        (
            "Falha na entrega para estes destinatários:\n\ngone@example.org\n"
            "O endereço de email não foi encontrado.\n550 5.1.1"
        ),
        [("gone@example.org", "5.1.1", False)],
    ),
    (  # ja
        "postmaster@x.example",
        "配信不能: Hi",
        "次の宛先へメールを配信できませんでした。\n\ngone@example.org\n宛先が存在しません。",
        [("gone@example.org", "", False)],
    ),
    (  # zh qq
        "PostMaster@qq.example",
        "系统退信",
        "您的邮件无法投递到以下收件人：\ngone@example.org\n原因: 550 User not found",
        [("gone@example.org", "", False)],
    ),
    (  # vtext
        "post_master@vtext.example",
        "Re:Test",
        (
            "Error: Invalid user address\n\nError message below:\n"
            "550 - Requested action not taken: no such user here\n\nMessage details:\n  Subject: Test\n"
            "  MAIL FROM: support@example.com\n  RCPT TO: gone@example.org\n  From: a@b.c"
        ),
        [("gone@example.org", "", False)],
    ),
    (  # lotus/none
        "postmaster@mx.example.org",
        "Nondeliverable mail",
        ("------Transcript of session follows -------\ngone@example.org\nThe user's email name is not found."),
        [("gone@example.org", "", False)],
    ),
    (  # smtp code prose
        "postmaster@mx.example.org",
        "Mail could not be delivered",
        (
            "****  Message from InterScan E-Mail VirusWall NT  ****\n\n** WARNING! Attached file\n\n"
            "The message could not be delivered to:\n\ngone@example.org\n\n550 5.7.1 relaying denied"
        ),
        [("gone@example.org", "5.7.1", False)],
    ),
    (  # cf. verizon
        "Postmaster@vzw.example",
        "Undeliverable Message",
        ("Message could not be delivered to mobile\nError: No valid recipients for this MM\nRCPT TO: gone@example.org"),
        [("gone@example.org", "", False)],
    ),
    (  # kopano/zarafa
        "MAILER-DAEMON (Mail Delivery System) <>",
        "Undelivered Mail Returned to Sender",
        (
            "<gone@example.org>: Host or domain name not found. Name service error for name=example.org"
            " type=A: Host not found"
        ),
        [("gone@example.org", "", False)],
    ),
    (  # rcpt list comma
        "Mail Delivery System <MAILER-DAEMON@mx.example.org>",
        "Delivery failure",
        "Your message could not be delivered to: gone@example.org, full@example.net",
        [("gone@example.org", "", False), ("full@example.net", "", False)],
    ),
]


@pytest.mark.parametrize(("author", "subject", "text", "expected"), NOTICES)
def test_a_notice_is_read(author, subject, text, expected):
    """The returned mail under it and our own address do not count."""
    message = parse(f"From: {author}\nTo: support@example.com\nSubject: {subject}\n\n{text}\n".encode())
    assert message.bounced
    assert [(each.address, each.status, each.temporary) for each in message.bounce] == expected
