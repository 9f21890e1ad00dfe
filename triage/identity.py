"""Comparable keys for addresses and telephone numbers. Pure."""

import re
import unicodedata

import phonenumbers

from models.terms import Party, PartyKind

MAX_ADDRESS = 254
"""Octets an address may have (RFC 5321 §4.5.3.1, erratum 1690)."""
MAX_NUMBER = 64
"""Characters of a spoken or written number worth reading."""

ADDRESS = re.compile(
    r"(?P<local>[^\s@<>,;:()\[\]\\\"\x00-\x1f\x7f]+|\"[^\"\\\x00-\x1f\x7f]+\")@(?P<domain>[^\s@<>,;:()\[\]\\\"]+)"
)

WITHHELD_NUMBERS = frozenset({"+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253"})
"""Twilio's keypad spellings of ANONYMOUS, RESTRICTED, BLOCKED, UNKNOWN and UNAVAILABLE as caller id
(Twilio help: "Why am I getting calls from these strange numbers?")."""

FREE_MAIL = frozenset(
    """
    gmail.com googlemail.com live.com msn.com passport.com windowslive.com ymail.com rocketmail.com myyahoo.com
    icloud.com me.com mac.com aol.com aim.com verizon.net netscape.net
    web.de t-online.de freenet.de mail.de email.de arcor.de posteo.de posteo.net mailbox.org online.de vodafone.de
    magenta.de 1und1.de kabelmail.de unitybox.de
    proton.me protonmail.com protonmail.ch pm.me fastmail.com fastmail.fm zoho.com zohomail.com zohomail.eu
    mail.com email.com usa.com europe.com hushmail.com tutanota.com tutanota.de tuta.com tuta.io runbox.com
    startmail.com disroot.org riseup.net duck.com hey.com inbox.com lycos.com juno.com
    mail.ru bk.ru inbox.ru list.ru internet.ru rambler.ru ya.ru ukr.net i.ua meta.ua seznam.cz email.cz centrum.cz
    azet.sk zoznam.sk wp.pl o2.pl onet.pl op.pl interia.pl poczta.onet.pl gazeta.pl freemail.hu citromail.hu abv.bg
    qq.com foxmail.com 163.com 126.com yeah.net sina.com sina.cn sohu.com tom.com 139.com 189.cn aliyun.com
    naver.com hanmail.net daum.net nate.com docomo.ne.jp ezweb.ne.jp softbank.ne.jp i.softbank.jp
    orange.fr wanadoo.fr free.fr laposte.net sfr.fr neuf.fr bbox.fr numericable.fr club-internet.fr aliceadsl.fr
    libero.it virgilio.it tiscali.it alice.it tin.it tim.it inwind.it iol.it email.it fastwebnet.it
    telefonica.net terra.es movistar.es sapo.pt mail.pt uol.com.br bol.com.br terra.com.br ig.com.br
    comcast.net xfinity.com att.net sbcglobal.net bellsouth.net cox.net charter.net spectrum.net earthlink.net
    optonline.net frontier.com roadrunner.com rr.com centurylink.net windstream.net shaw.ca rogers.com sympatico.ca
    videotron.ca telus.net btinternet.com sky.com virginmedia.com virgin.net ntlworld.com talktalk.net blueyonder.co.uk
    bigpond.com bigpond.net.au optusnet.com.au iinet.net.au xtra.co.nz
    bluewin.ch sunrise.ch hispeed.ch chello.at aon.at ziggo.nl kpnmail.nl planet.nl hetnet.nl xs4all.nl casema.nl
    home.nl telenet.be skynet.be proximus.be telia.com bredband.net comhem.se spray.se online.no
    rediffmail.com indiatimes.com sify.com walla.co.il walla.com
    mailinator.com guerrillamail.com 10minutemail.com trashmail.com yopmail.com temp-mail.org sharklasers.com
    privaterelay.appleid.com users.noreply.github.com
    """.split()  # noqa: SIM905 - two hundred quoted names are harder to read and to compare
)
"""Domains in which anybody can have an address: sharing one says nothing about the employer."""
FREE_MAIL_EVERYWHERE = re.compile(
    r"(?:yahoo|hotmail|outlook|gmx|yandex|gmail|googlemail|rediffmail|aol)\.[a-z]{2,6}(?:\.[a-z]{2})?"
)
"""Providers that have one domain for each country."""

REGISTRIES = re.compile(
    r"(?:ac|asn|co|com|edu|gob|gouv|gov|gv|id|ltd|me|mil|name|ne|net|nhs|nic|nom|or|org|plc|pro|sch)\.[a-z]{2}"
)
"""What registries sell names under, below a country: no customer owns `co.uk` (publicsuffix.org, its regular part)."""
SHARED_HOSTS = frozenset(
    ["onmicrosoft.com", "github.io", "gitlab.io", "herokuapp.com", "appspot.com", "web.app", "firebaseapp.com",
     "azurewebsites.net", "cloudfront.net", "amazonaws.com", "vercel.app", "netlify.app", "pages.dev", "workers.dev",
     "blogspot.com", "wordpress.com", "myshopify.com", "uk.com", "us.com", "eu.com", "de.com", "co.com"]
)  # fmt: skip
"""Domains whose owners hand out the names below them to anybody (publicsuffix.org, its private part)."""
DOTS = re.compile("[.\u3002\uff0e\uff61]")
"""Every sign that separates labels (RFC 3490 §3.1)."""
DEVIATIONS = frozenset("ßς\u200c\u200d")
"""Letters that IDNA 2003, which the standard library speaks, maps to others (RFC 5894 §7.2)."""


def address_party(raw: str) -> Party | None:
    """The party behind a mail address, or None where there is no usable address.

    `raw` is a bare address or `Name <address>`. The key is lower case, its domain in IDNA form
    (RFC 5891), without a plus-tag (RFC 5233); giving the key back in returns the same key.
    """
    shown = bare(raw)
    found = ADDRESS.fullmatch(shown)
    if found is None or len(shown.encode("utf-8", "replace")) > MAX_ADDRESS:
        return None
    domain = idna(found["domain"])
    if domain is None:
        return None
    local = unicodedata.normalize("NFC", unicodedata.normalize("NFC", found["local"]).lower())
    if not local.startswith('"'):
        local = local.partition("+")[0] or local
    return Party(kind=PartyKind.ADDRESS, value=f"{local}@{domain}", shown=shown)


def bare(raw: str) -> str:
    """The address itself, out of `Name <address>` or `<address>`."""
    if raw.rstrip().endswith(">") and "<" in raw:
        raw = raw.rstrip()[:-1].rpartition("<")[2]
    return raw.strip()


def idna(domain: str) -> str | None:
    """The domain as the name system spells it (`xn--…`), or None where it is no domain."""
    if len(domain) > MAX_ADDRESS:
        return None
    try:
        ascii_form = ".".join(_a_label(each) for each in DOTS.split(domain.lower().rstrip(".")))
    except UnicodeError:
        return None
    return ascii_form if re.fullmatch(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*", ascii_form) else None


def _a_label(label: str) -> str:
    if label.isascii():
        return label
    if DEVIATIONS & set(label):  # a domain of its own since IDNA 2008, not the one spelt with "ss"
        return "xn--" + unicodedata.normalize("NFC", label).encode("punycode").decode("ascii")
    return label.encode("idna").decode("ascii")


def number_party(raw: str, region: str) -> Party | None:
    """The party behind a telephone number, keyed in E.164, or None where the number is withheld or none.

    `region` is the ISO 3166 country of numbers written without a country code. An extension is not
    part of the key: a company's callers share the line they call from.
    """
    shown = raw.strip()
    if shown in WITHHELD_NUMBERS or not re.match(r"[+(\d]", shown) or len(shown) > MAX_NUMBER:
        return None
    try:
        number = phonenumbers.parse(shown, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    key = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return None if key in WITHHELD_NUMBERS else Party(kind=PartyKind.NUMBER, value=key, shown=shown)


def domain_of(party: Party) -> str | None:
    """The domain that stands for an organisation, or None for numbers, free-mail addresses and registries."""
    return next(iter(domains_of(party)), None)


def is_free_mail(domain: str) -> bool:
    """Whether anybody can have an address of this domain, so that it names no organisation."""
    return domain in FREE_MAIL or FREE_MAIL_EVERYWHERE.fullmatch(domain) is not None


def domains_of(party: Party) -> tuple[str, ...]:
    """Every domain that may stand for the party's organisation: its own and those above it, the longest first.

    None of them is a public mail provider's or one that names are sold under (`co.uk`): an address
    below such a provider names nobody at all.
    """
    if party.kind is not PartyKind.ADDRESS:
        return ()
    labels = party.value.rpartition("@")[2].split(".")
    found = []
    for start in range(len(labels) - 1):
        domain = ".".join(labels[start:])
        if is_free_mail(domain):
            return ()
        if domain in SHARED_HOSTS or REGISTRIES.fullmatch(domain):
            break
        found.append(domain)
    return tuple(found)
