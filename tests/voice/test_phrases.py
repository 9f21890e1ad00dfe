"""What people say, in every language: a word is never taken for what it does not mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.terms import Party
from voice import hearing, menu, phrases, prompts


def nobody(_raw: str) -> Party | None:
    """No number is anybody's."""
    return None


def hear(language: str, said: str):
    """What is heard when somebody says this."""
    return hearing.hear({"SpeechResult": said}, prompts.load(language), nobody)


def each(said: dict[str, list[str]]) -> list[tuple[str, str]]:
    """Every phrase with its language."""
    return [(language, phrase) for language, list_ in said.items() for phrase in list_]


UNSURE = {
    "en": ["not sure", "I'm not sure", "Im not sure", "I don't know", "I don’t know.", "no idea", "I have no idea",
           "maybe", "I do not know", "No, I don't know", "I don't know if it is down"],
    "de": ["weiß nicht", "weiss nicht", "Das weiß ich nicht.", "keine Ahnung", "Ich habe keine Ahnung", "nicht sicher"],
    "fr": ["je ne sais pas", "je sais pas", "aucune idée", "je ne suis pas sûr", "peut-être"],
    "es": ["no sé", "No lo sé.", "ni idea", "no estoy seguro", "quizás"],
}  # fmt: skip
DOWN = {
    "en": ["it's not up", "not up", "is down", "it's down", "the shop is down", "not working", "it does not work",
           "nothing works", "yes", "yeah it is", "correct", "sure", "definitely", "I think so", "probably",
           "yes, we cannot log in", "I would say yes"],
    "de": ["ja", "funktioniert nicht", "unser Shop funktioniert nicht", "genau", "stimmt", "klar", "ist ausgefallen",
           "es geht nichts mehr", "ja, alles steht", "glaube schon"],
    "fr": ["oui", "est en panne", "le serveur est en panne", "ça ne marche pas", "bien sûr", "il n'est pas disponible"],
    "es": ["sí", "está caído", "el servidor está caído", "no funciona", "claro", "creo que sí"],
}  # fmt: skip
NOT_DOWN = {
    "en": ["no", "No.", "nope", "no, it isn't", "no thanks", "no, it is not", "No, not really", "no, not right now",
           "nothing is down", "it's not down"],
    "de": ["nein", "nö", "nee", "nein danke", "Nein, im Moment nicht", "Nein, ist es nicht",
           "es ist nichts ausgefallen"],
    "fr": ["non", "non merci", "non, pas du tout"],
    "es": ["no", "No, gracias.", "no, para nada"],
}  # fmt: skip
DOUBTFUL = {
    "en": ["no users can log in", "no one can log in", "yes and no", "no, it's not up", "something is wrong",
           "No, production is not down, it is slow", "it's okay", "nothing of ours is down", "not", "knows",
           "no, we can't", "no, nobody can", "no I can't", "no nothing", "no it's not there", "no it's not on", "okay",
           "no problem", "all good", "production is up"],
    "de": ["kein Produktivsystem ist ausgefallen", "nein, es funktioniert nicht", "ja nein", "nicht",
           "nein, niemand kann", "nein kann nicht", "nein, keiner", "nein ist nicht da", "nein ist nicht an",
           "alles gut", "kein Problem", "alles in Ordnung", "die Produktion läuft"],
    "fr": ["non, en panne", "aucun système n'est en panne", "pas", "non plus rien", "non c'est pas là", "ça va",
           "pas de problème"],
    "es": ["no podemos iniciar sesión", "no hay ningún sistema caído", "no está bien", "no está", "no, nada",
           "todo bien", "sin problema"],
}  # fmt: skip


@pytest.mark.parametrize(("language", "said"), each(UNSURE))
def test_not_to_know_is_not_a_no(language: str, said: str):
    """It is no answer to a question of consent, and says of a system that nobody knows."""
    heard = hear(language, said)
    assert (heard.outage, heard.meant, heard.key) == ("unsure", "unsure", "")


@pytest.mark.parametrize(("language", "said"), each(DOWN))
def test_what_does_not_work_is_down(language: str, said: str):
    """A "not" is no "no": whoever says that it is not up wants somebody."""
    assert hear(language, said).outage == "yes"


@pytest.mark.parametrize(
    ("language", "said"),
    each(
        {
            "en": ["only the test system is down", "yes, but only staging", "the dev environment is down",
                   "it is not production", "production is fine, only test is down", "no, just the sandbox",
                   "production is up but the test system is down", "only staging is down, production runs",
                   "the test system is down, production is not affected"],
            "de": ["nur das Testsystem ist ausgefallen", "ja, das Testsystem", "Staging ist down",
                   "das ist nicht die Produktion", "die Produktion läuft, nur das Testsystem ist ausgefallen",
                   "das Testsystem ist down, Produktion nicht"],
            "fr": ["seulement le système de test est en panne", "oui, la recette", "ce n'est pas la production",
                   "la production marche mais le système de test est en panne"],
            "es": ["solo el sistema de pruebas está caído", "sí, en desarrollo", "no es producción",
                   "la producción funciona, pero el sistema de pruebas está caído"],
        }
    ),
)  # fmt: skip
def test_another_system_that_is_down_is_not_production(language: str, said: str):
    """Nobody is got out of bed by the words alone, nor kept asleep: what was suggested decides."""
    assert hear(language, said).outage == "unsure"


@pytest.mark.parametrize(
    ("language", "said", "outage"),
    [
        ("en", "yes, production and staging are down", "yes"),
        ("en", "production is down, test is up", "yes"),
        ("en", "staging works, production is down", "yes"),
        ("de", "Testsystem läuft, die Produktion ist ausgefallen", "yes"),
        ("en", "not the test system, the shop is down", ""),
        ("de", "Produktion und Testsystem sind ausgefallen", "yes"),
        ("fr", "la production est en panne, et la recette", "yes"),
        ("es", "producción y pruebas, no funciona nada", "yes"),
    ],
)
def test_production_that_is_down_with_others_is_down(language: str, said: str, outage: str):
    """Whoever says that it is not the test system is asked again."""
    assert hear(language, said).outage == outage


@pytest.mark.parametrize(
    ("language", "said"),
    each({"en": ["okay without"], "de": ["okay ohne"], "fr": ["ok sans", "sans"], "es": ["vale sin", "sin"]}),
)
def test_without_it_is_no_assent(language: str, said: str):
    """A recording is agreed to by nobody who wants none."""
    assert hear(language, said).key != "1"


@pytest.mark.parametrize(
    ("language", "said"),
    each({"en": ["without a recording"], "de": ["ohne Aufnahme"], "fr": ["sans enregistrement"],
          "es": ["sin grabación"]}),
)  # fmt: skip
def test_without_a_recording_is_a_no(language: str, said: str):
    """As clear as the key."""
    assert hear(language, said).key == "2"


@pytest.mark.parametrize(("language", "said"), each(NOT_DOWN))
def test_only_a_bare_no_keeps_engineers_asleep(language: str, said: str):
    """Alone, or with words that change nothing."""
    assert hear(language, said).outage == "no"


@pytest.mark.parametrize(("language", "said"), each(DOUBTFUL))
def test_what_could_be_either_is_asked_again(language: str, said: str):
    """Nobody is rung for it, and nobody is kept from ringing."""
    heard = hear(language, said)
    assert not heard.outage
    assert menu.advance(menu.Turn(step="down", answers={}), heard).step == "down"


@pytest.mark.parametrize(
    ("language", "said"),
    each(
        {
            "en": ["correct", "right", "sure", "ok", "okay", "definitely", "I agree", "go ahead", "sure go ahead",
                   "that is correct", "that's right", "thats right", "yes, that is fine", "no problem"],
            "de": ["genau", "stimmt", "richtig", "klar", "einverstanden", "Ja, gerne.", "ja das stimmt", "okay"],
            "fr": ["d'accord", "d’accord", "exact", "bien sûr", "oui d'accord", "je suis d'accord", "c'est exact"],
            "es": ["claro", "vale", "correcto", "de acuerdo", "sí, claro", "estoy de acuerdo"],
        }
    ),
)  # fmt: skip
def test_assent_has_many_words(language: str, said: str):
    """Each is as good as the key."""
    assert (hear(language, said).key, hear(language, said).meant) == ("1", "yes")


@pytest.mark.parametrize(
    ("language", "said"),
    each(
        {
            "en": ["that's wrong", "wrong", "no that's wrong", "I don't agree", "no I do not", "rather not",
                   "No, please don't record me"],
            "de": ["falsch", "das ist falsch", "das stimmt nicht", "nein, das ist nicht richtig", "lieber nicht",
                   "Nein, ich möchte nicht aufgezeichnet werden"],
            "fr": ["faux", "c'est faux", "non, ce n'est pas exact", "pas d'accord"],
            "es": ["falso", "no es correcto", "no, eso es falso", "incorrecto"],
        }
    ),
)  # fmt: skip
def test_what_is_wrong_is_a_no(language: str, said: str):
    """Each is as good as the key."""
    assert (hear(language, said).key, hear(language, said).meant) == ("2", "no")


@pytest.mark.parametrize(
    ("language", "said"),
    each(
        {
            "en": ["ok but don't record me", "I want to talk about the recording right away", "yes and no", "maybe yes",
                   "not okay", "that isn't fine"],
            "de": ["ja nicht", "nicht einverstanden, ja"],
            "fr": ["oui mais pas maintenant"],
            "es": ["no sé si", "sí y no"],
        }
    ),
)  # fmt: skip
def test_consent_is_never_guessed(language: str, said: str):
    """A yes leads the answer and nothing in it is denied."""
    assert not hear(language, said).key


@pytest.mark.parametrize(
    ("language", "said"),
    each(
        {
            "en": ["okay, please stop recording", "yes, I do mind", "sure I decline", "right so our system is down",
                   "hello good morning my name is Anna", "right, it's down"],
            "de": ["ja, ich lehne ab", "ja, ich bin dagegen", "ja guten Tag hier ist Muster"],
            "fr": ["oui ça me dérange", "d'accord, laissez tomber"],
            "es": ["vale, déjelo", "claro, me opongo"],
        }
    ),
)  # fmt: skip
def test_a_yes_that_says_more_agrees_to_no_recording(language: str, said: str):
    """It may be a greeting, or take the yes back: the question is asked again."""
    turn = menu.Turn(step="consent", answers={"mode": "ask"})
    assert menu.advance(turn, hear(language, said)).step == "consent"


@pytest.mark.parametrize(
    ("language", "said"),
    each({"en": ["yes please", "sure, go ahead", "okay", "yes you may record"], "de": ["ja gerne", "einverstanden"],
          "fr": ["oui d'accord"], "es": ["sí, claro"]}),
)  # fmt: skip
def test_a_plain_yes_agrees_to_a_recording(language: str, said: str):
    """In many words, as long as none says anything else."""
    turn = menu.Turn(step="consent", answers={"mode": "ask"})
    assert menu.advance(turn, hear(language, said)).answers["consent"] == "yes"


@pytest.mark.parametrize(
    ("language", "said"), each({"en": ["nothing"], "de": ["nichts"], "fr": ["rien"], "es": ["nada"]})
)
def test_nothing_to_add_is_no_addition(language: str, said: str):
    """The question invites that answer."""
    turn = menu.Turn(step="note", answers={})
    assert "note" not in menu.advance(turn, hear(language, said)).answers


@pytest.mark.parametrize(
    ("key", "language", "said"),
    [
        *(("0", *one) for one in each({
            "en": ["operator", "I want to speak to a person", "Can I speak to a human please", "zero"],
            "de": ["Ich möchte mit einem Menschen sprechen", "Mitarbeiter bitte", "null"],
            "fr": ["Je veux parler à quelqu'un", "opérateur"],
            "es": ["Quiero hablar con una persona", "operador por favor"],
        })),
        *(("*", *one) for one in each({
            "en": ["repeat please", "please repeat", "pardon?", "say that again please"],
            "de": ["wiederholen bitte", "wie bitte", "noch einmal bitte"],
            "fr": ["répétez s'il vous plaît", "pardon"],
            "es": ["repita por favor", "otra vez por favor"],
        })),
        *(("", *one) for one in each({
            "en": ["the operator cannot log in", "the gateway does not talk to the database", "it fails again"],
            "de": ["unsere Mitarbeiter können sich nicht anmelden"],
            "fr": ["personne ne peut se connecter"],
            "es": ["nadie puede hablar con el servidor"],
        })),
    ],
)  # fmt: skip
def test_a_person_and_a_repetition_may_be_asked_for_in_words(key: str, language: str, said: str):
    """As whole answers only: within a problem they are part of it."""
    assert hear(language, said).key == key


@pytest.mark.parametrize(
    ("meant", "language", "said"),
    [
        *(("record", *one) for one in each({
            "en": ["leave a recording", "record", "one", "I want to leave a recording please"],
            "de": ["aufnehmen", "eins", "eine Aufnahme bitte"],
            "fr": ["un enregistrement", "un"],
            "es": ["dejar una grabación", "uno"],
        })),
        *(("lacking", *one) for one in each({
            "en": ["none", "skip", "I don't have it", "I don't have my number here"],
            "de": ["habe ich nicht", "das habe ich gerade nicht", "nicht zur Hand"],
            "fr": ["je ne l'ai pas", "pas sous la main"],
            "es": ["no lo tengo", "no la tengo a mano"],
        })),
        *(("", *one) for one in each({
            "en": ["the record store is empty", "our login is slow"],
            "de": ["die Aufnahme neuer Kunden schlägt fehl"],
        })),
    ],
)  # fmt: skip
def test_a_recording_or_nothing_at_hand_may_be_told_in_words(meant: str, language: str, said: str):
    """A problem that mentions them is a problem."""
    assert hear(language, said).meant == meant


@pytest.mark.parametrize(
    ("language", "said", "digits"),
    [
        ("en", "four seven one one", "4711"),
        ("en", "Four, seven, one, one.", "4711"),
        ("en", "oh four double seven", "0477"),
        ("en", "triple 4 one", "4441"),
        ("en", "four 711", "4711"),
        ("en", "It is, um, four seven double one, thanks", "4711"),
        ("en", "two of them", None),
        ("en", "one or two", None),
        ("en", "I have 2 of them, 47-11", None),
        ("en", "my number is 47-11, thank you", "4711"),
        ("en", "fifty-five oh one twelve", "550112"),
        ("en", "ninety 5", "905"),
        ("en", "four hundred and two", None),
        ("en", "four seven blah one", None),
        ("en", "not that one", None),
        ("en", "one moment please", None),
        ("en", "I don't have one", None),
        ("en", "no, it is four seven", "47"),
        ("en", "four seven one no two", None),
        ("de", "ein Moment bitte", None),
        ("de", "vier sieben eins eins ach nein null null", None),
        ("de", "dreimal die fünf", "555"),
        ("fr", "j'ai un problème", None),
        ("fr", "un moment", None),
        ("es", "un momento por favor", None),
        ("de", "fünfundfünfzig null eins", "5501"),
        ("de", "vier hundert elf", None),
        ("fr", "zéro un cinquante-cinq cinquante zéro un deux trois quatre", "01555001234"),
        ("fr", "soixante et onze, quatre-vingt-dix-sept, quatre-vingts", "719780"),
        ("fr", "mon numéro, c'est le zéro un, s'il vous plaît", "01"),
        ("fr", "zéro un, cent trois", None),
        ("es", "cincuenta y cinco, veintitrés", "5523"),
        ("es", "cuatro mil dos", None),
        ("en", "double", None),
        ("de", "vier sieben eins eins", "4711"),
        ("de", "zwo null", "20"),
        ("de", "meine Nummer ist vier 7 eins eins", "4711"),
        ("fr", "quatre sept un un", "4711"),
        ("fr", "zéro deux", "02"),
        ("es", "cuatro siete uno uno", "4711"),
        ("es", "doble cuatro", "44"),
    ],
)
def test_digits_may_be_said_as_words(language: str, said: str, digits: str | None):
    """With figures between them, by ones and by tens; with a word that may be a digit, nothing was understood."""
    assert hear(language, said).digits == digits


@given(st.text(max_size=200), st.sampled_from(prompts.languages()))
def test_every_word_means_something_or_nothing(said: str, language: str):
    """Whatever is said; no phrase is found that was not said."""
    words = prompts.load(language)
    found = words.found(said)
    assert len(found) <= len(phrases.words_of(said))
    assert set(found) <= {"", *phrases.MEANINGS}
    assert set(words.numerals(said)) <= set("+0123456789")


@given(st.lists(st.sampled_from(["", *phrases.MEANINGS]), max_size=6))
def test_nothing_is_both_agreed_to_and_denied(said: list[str]):
    """A yes has no no beside it, and a no has nothing but denials."""
    meant, outage = phrases.meant(said), phrases.outage(said)
    assert meant != "yes" or not {"no", "not", "unsure"} & set(said)
    assert meant != "no" or ("no" in said and set(said) <= {"no", "not", "beside"})
    assert outage != "no" or ("no" in said and set(said) <= {"no", "beside"})
    assert outage != "yes" or {"yes", "fine", "down"} & set(said)
