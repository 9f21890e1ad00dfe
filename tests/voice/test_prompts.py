"""What the line says: its languages by number or key, and what an operator says instead."""

from pathlib import Path

import pytest

from voice import phrases, prompts

OWN = """
voice = "Polly.Vicki"
yes = ["ja", "freilich"]

[say]
greeting = "Grüß Gott."
"""
DANISH = 'tag = "da-DK"\nyes = ["ja"]\nno = ["nej", "nej tak"]\n[say]\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An operator's folder with a few words of German."""
    (tmp_path / "de.toml").write_text(OWN, encoding="utf-8")
    return tmp_path


def test_an_operator_words_single_sentences(folder: Path):
    """What they do not say is said as before, in their voice; other languages are untouched."""
    words, ours = prompts.load("de", folder), prompts.load("de")
    assert (words.say("greeting"), words.voice, words.key_of("freilich")) == ("Grüß Gott.", "Polly.Vicki", "1")
    assert words.say("problem") == ours.say("problem")
    assert (words.tag, words.lists["no"]) == (ours.tag, ours.lists["no"])
    assert prompts.load("fr", folder) == prompts.load("fr")
    assert not ours.voice
    assert not prompts.check_folder(folder)


def test_an_operators_voice_says_everything(run_line, phone, folder: Path):
    """Every sentence, and the same call in English has Twilio's own voice."""
    with run_line("de", wording=lambda language: prompts.load(language, folder)) as line:
        guest = phone(line).dials().hears("Grüß Gott")
        assert {each.get("voice") for each in guest.says_with} == {"Polly.Vicki"}
    with run_line("en") as line:
        assert {each.get("voice") for each in phone(line, 2).dials().says_with} == {None}


def test_a_language_we_have_not_is_allowed_when_it_is_complete(tmp_path: Path):
    """It is loaded like ours, without transcripts."""
    english = prompts.load("en").words
    lines = "\n".join(f'{name} = "{sentence}"'.replace("\\", "") for name, sentence in english.items())
    (tmp_path / "da.toml").write_text(DANISH + lines, encoding="utf-8")
    assert not prompts.check_folder(tmp_path)
    words = prompts.load("da", tmp_path)
    assert (words.tag, words.transcribed, words.key_of("nej tak")) == ("da-DK", False, "2")
    assert (words.key_of("nej det ved jeg ikke"), words.numerals("4 7"), words.counted("2")) == ("", "47", "2")
    assert not words.numerals("fire 7")
    assert prompts.load("sv", tmp_path).tag == "en-US"


def test_an_operator_says_what_words_mean(tmp_path: Path):
    """Their list stands in place of ours; the other lists, and the other languages, are untouched."""
    (tmp_path / "en.toml").write_text('unsure = ["search me"]\ndown = ["toast"]', encoding="utf-8")
    assert not prompts.check_folder(tmp_path)
    words = prompts.load("en", tmp_path)
    assert words.found("it's toast, search me") == ("beside", "down", "unsure")
    assert (words.found("no idea"), prompts.load("en").found("no idea")) == (("no", ""), ("unsure",))


@pytest.mark.parametrize("language", prompts.languages())
def test_every_phrase_means_one_thing(language: str):
    """None stands in two lists, so that their order decides nothing; every list is there, and every digit."""
    words = prompts.load(language)
    assert all(words.lists[name] for name in prompts.LISTS)
    said = [phrases.words_of(phrase) for name in phrases.MEANINGS for phrase in words.lists[name]]
    assert len(said) == len(set(said)) == len(words.phrases)
    assert set(words.digits.values()) == {str(number) for number in range(100)}


@pytest.mark.parametrize(
    ("name", "text", "mistake"),
    [
        ("de", "[say\n", "no TOML"),
        ("de", '[say]\nhello = "Hallo."', "no sentence is called 'hello'"),
        ("de", '[say]\nreceipt = "Fertig."', "receipt: $reference is missing"),
        ("de", '[say]\ngreeting = "Hallo $name."', "greeting: there is no $name"),
        ("de", '[say]\ngreeting = "Hallo $."', "dollar"),
        ("de", '[say]\ngreeting = "  "', "greeting says nothing"),
        ("de", "[say]\ngreeting = 7", "greeting says nothing"),
        ("de", '[say]\ngoodbye = "Tschüss \\u0001"', "goodbye: holds a sign that cannot be spoken (U+0001)"),
        ("de", '[say]\ngoodbye = "Tschüss \\uffff"', "goodbye: holds a sign that cannot be spoken (U+FFFF)"),
        ("de", f'[say]\ngreeting = "{"la " * 300}"', "longer than"),
        ("de", "say = 7", "say is a table"),
        ("de", 'stimme = "Vicki"', "nothing is called 'stimme'"),
        ("de", 'voice = "<Vicki>"', "voice is written like"),
        ("de", 'tag = "deutsch"', "tag is written like"),
        ("de", "transcribed = 1", "transcribed is true or false"),
        ("de", "yes = []", "yes is a list"),
        ("de", 'no = ["Nein"]', "no is a list of phrases in small letters"),
        ("de", 'unsure = ["weiß nicht, nein"]', "unsure is a list of phrases in small letters"),
        ("de", 'down = [" "]', "down is a list of phrases in small letters"),
        ("de", 'count = ["die eins"]', "count is a list of single words in small letters"),
        ("de", 'digits = [["null"]]', "digits are ten lists of single words in small letters, from 0 to 9"),
        ("de", f"digits = {[['eins zwei']] * 10}", "digits are ten lists of single words"),
        ("de", 'numbers = [["zehn"]]', "numbers are ninety lists of phrases in small letters, from 10 to 99"),
        ("de", 'filler = ["am Telefon"]', "filler is a list of single words in small letters"),
        ("da", DANISH, "sentences are missing: "),
        ("da", "[say]", "it needs tag"),
        ("dansk", "", "the name is that of a language"),
    ],
)
def test_every_mistake_of_an_operator_is_named(tmp_path: Path, name: str, text: str, mistake: str):
    """With the file it is in."""
    (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    found = prompts.check_folder(tmp_path)
    assert any(each.startswith(f"{name}.toml: ") and mistake in each for each in found), found


def test_all_mistakes_are_named_together(tmp_path: Path):
    """Of all files."""
    (tmp_path / "de.toml").write_text('voice = 1\n[say]\nhello = "x"\nreceipt = "y"', encoding="utf-8")
    (tmp_path / "fr.toml").write_text("=", encoding="utf-8")
    assert len(prompts.check_folder(tmp_path)) == 4
    assert "no such folder" in prompts.check_folder(tmp_path / "away")[0]


@pytest.mark.parametrize("language", prompts.languages())
def test_what_we_ship_would_pass_for_an_operators(tmp_path: Path, language: str):
    """Our own files keep the rules we set."""
    ours = Path(prompts.__file__).parent / "prompts" / f"{language}.toml"
    (tmp_path / f"{language}.toml").write_text(ours.read_text(encoding="utf-8"), encoding="utf-8")
    assert not prompts.check_folder(tmp_path)


@pytest.mark.parametrize("language", prompts.languages())
def test_every_question_says_its_keys(language: str):
    """Somebody who only presses keys can answer each; star and zero are told once."""
    words = prompts.load(language)
    for name in (
        "consent",
        "announce",
        "down",
        "phone",
        "account_check",
        "phone_check",
        "open_keys",
        "or_record",
        "note",
    ):
        assert "1" in words.say(name), name
    for name in ("consent", "announce", "down", "open_keys"):
        assert "2" in words.say(name), name
    assert "3" in words.say("open_keys")
    assert "0" in words.say("anytime_person")


def test_the_number_called_decides_the_language(run_line, phone, told):
    """One number in German, one that asks; any other as the line is."""
    numbers = {"+493055500100": ("de",), "+442055500100": ("en", "fr"), "+15550100": ()}
    with run_line("en", numbers=numbers) as line:
        phone(line, To="+493055500100").dials().hears("Willkommen").hears("aufzeichnen")
        phone(line, 2, To="+442055500100").dials().hears("français").presses("2").hears("enregistrer")
        phone(line, 3, To="+15550100").dials().hears("would like to record")


def test_the_language_holds_when_the_number_called_is_told_late(run_line, phone):
    """A callback that names no numbers may come first."""
    with run_line("en", numbers={"+493055500100": ("de",)}) as line:
        guest = phone(line)
        line.post("/voice/recording", CallSid=guest.sid, RecordingSid="RE" + "1" * 32, From="", To="+493055500100")
        guest.dials().hears("Willkommen").presses("2").hears("Kundennummer")


def test_what_is_put_in_has_no_sign_that_xml_cannot_hold():
    """Twilio would end the call of whoever listens to such an update; what is markup is left to be escaped."""
    said = prompts.load("en").say("open_update", update="We restart\x01\ufffe the <Dial> node \U0001f600")
    assert said.endswith("We restart   the <Dial> node \U0001f600")


@pytest.mark.parametrize("language", prompts.languages())
@pytest.mark.parametrize("name", ["page", "page_plain"])
def test_a_page_is_a_sentence_and_no_line_of_a_log(language: str, name: str):
    """Dashes and dots between words are pauses; hyphens and ranges stay."""
    step = "Stuck\u2014Support-dev \u00b7 on-call \u2013 9\u201317 - lead"
    said = prompts.load(language).say(name, level="P1", reference="S B 1", step=step)
    assert "Stuck, Support-dev, on-call, 9\u201317, lead." in said
    assert not said.startswith("Switchboard. P1")
