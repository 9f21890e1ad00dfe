"""What was newly written, apart from history and signature, in many languages."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intake.reading.text import newly_written

NEW = "The gateway answers 503 again.\nSince ten minutes."
OLD = "> Did the restart help?\n>\n> Jon"

ATTRIBUTIONS = [
    "On Sat, Nov 21, 2026 at 9:30 AM Jon Sample <jon@x.example> wrote:",
    "On Sat, Nov 21, 2026 at 9:30 AM Jon Sample <\njon@x.example> wrote:",
    "On 21 Nov 2026, at 9:30, Jon Sample wrote:",
    "Am 21.11.2026 um 09:30 schrieb Jon Sample:",
    "Jon Sample <jon@x.example> schrieb am Sa., 21. Nov. 2026,\n09:30:",
    "Le sam. 21 nov. 2026 à 09:30, Jon Sample <jon@x.example> a écrit :",
    "El sáb, 21 nov 2026 a las 9:30, Jon Sample (<jon@x.example>) escribió:",
    "Il giorno sab 21 nov 2026 alle ore 09:30 Jon Sample <jon@x.example> ha scritto:",
    "Em sáb., 21 de nov. de 2026 às 09:30, Jon Sample <jon@x.example> escreveu:",
    "Op za 21 nov. 2026 om 09:30 schreef Jon Sample <jon@x.example>:",
    "sob., 21 lis 2026 o 09:30 Jon Sample <jon@x.example> napisał(a):",
    "Den lör 21 nov. 2026 kl 09:30 skrev Jon Sample <jon@x.example>:",
    "2026年11月21日(土) 9:30 Jon Sample <jon@x.example>:",
    "Jon Sample <jon@x.example> 于2026年11月21日周六 09:30写道：",
    "сб, 21 нояб. 2026 г. в 09:30, Jon Sample <jon@x.example> написал:",
    "21 Kas 2026 Cmt, 09:30 tarihinde Jon Sample <jon@x.example> şunu yazdı:",
]


@pytest.mark.parametrize("attribution", ATTRIBUTIONS)
def test_history_behind_an_attribution_is_apart(attribution):
    """Whatever language the mail program speaks."""
    split = newly_written(f"{NEW}\n\n{attribution}\n\n{OLD}\n")
    assert split.new_text == NEW
    assert "restart help" in split.quoted


@pytest.mark.parametrize(
    "block",
    [
        "From: Jon Sample <jon@x.example>\nSent: Saturday, November 21, 2026 9:30\nTo: Support\nSubject: RE: 503",
        "Von: Jon Sample <jon@x.example>\nGesendet: Samstag, 21. November 2026 09:30\nAn: Support\nBetreff: AW: 503",
        "________________________________\nDe : Jon Sample <jon@x.example>\nEnvoyé : samedi\nÀ : Support\nObjet : 503",
        "*From:* Jon <jon@x.example>\n*Date:* Saturday\n*To:* Support\n*Subject:* 503",
        "-----Original Message-----\nFrom: Jon",
        "-----Ursprüngliche Nachricht-----\nVon: Jon",
        "差出人: Jon <jon@x.example>\n送信日時: 2026年11月21日\n宛先: Support\n件名: 503",
    ],
)
def test_history_behind_headers_is_apart(block):
    """As Outlook and its like put it."""
    assert newly_written(f"{NEW}\n\n{block}\n\nDid the restart help?").new_text == NEW


def test_signs_that_turn_text_round_hide_no_history():
    """Some programs put them around names and addresses."""
    attribution = "\u202aOn Sat, Nov 21, 2026 at 9:30 AM \u202aJon\u202c <\u202ajon@x.example\u202c>\u202c wrote:\u202c"
    assert newly_written(f"{NEW}\n\n{attribution}\n{OLD}").new_text == NEW


def test_words_before_a_forwarded_mail_go_with_it():
    """In an answer too, where the forwarded mail is history."""
    block = "From: Jon Sample <jon@x.example>\nDate: 21 November 2026\nSubject: 503\nTo: Support"
    assert newly_written(f"{NEW}\n\nBegin forwarded message:\n\n{block}\n\nDid the restart help?").new_text == NEW


def test_answers_between_quotes_are_kept_with_what_they_answer():
    """An answer without its question says nothing."""
    text = (
        "Hello,\n\nOn Sat, Nov 21, 2026, Jon <jon@x.example> wrote:\n> Is it down?\n\nYes, since 06:42.\n\n"
        "> A workaround?\n\nNone.\n"
    )
    new = newly_written(text).new_text
    assert new == "Hello,\n\n> Is it down?\n\nYes, since 06:42.\n\n> A workaround?\n\nNone."


def test_a_text_below_a_whole_quoted_mail_is_the_text():
    """The mail program quoted it, nobody picked it."""
    text = f"On Sat, Nov 21, 2026, Jon <jon@x.example> wrote:\n{OLD}\n\n{NEW}\n"
    assert newly_written(text).new_text == NEW


@pytest.mark.parametrize(
    "text",
    [
        "At 09:30 our proxy wrote:\nERROR upstream timed out",
        "In 2026-11-21 the server said:\nnothing",
        "2026-11-21 08:00:01 ERROR gateway: refused\n2026-11-21 08:00:02 ERROR gateway: refused",
        "From: the start\nit did not work",
        "Steps:\n----------\n1. start\n2. stop",
        "x" * 5_000,
        "It says:\n\nSQL> select 1 from dual;\nORA-01034",
        "Our table:\n\n| id | name |\n| 1 | a |",
        "On 21 November 2026 at 09:30 the gateway wrote:\nERROR upstream timed out",
        "Best practice says otherwise.\nWe follow it.",
    ],
)
def test_what_only_looks_like_history_stays(text):
    """Logs, rules and long lines are what a support desk reads (issue: the cutter ate the content)."""
    assert newly_written(text).new_text == text


@pytest.mark.parametrize(
    ("ending", "signature"),
    [
        ("-- \nMarta Sample\nNordhandel", "Marta Sample\nNordhandel"),
        ("Sent from my iPhone", "Sent from my iPhone"),
        ("Von meinem iPhone gesendet", "Von meinem iPhone gesendet"),
        ("Envoyé de mon iPad", "Envoyé de mon iPad"),
        ("iPhoneから送信", "iPhoneから送信"),
        ("Get Outlook for iOS", "Get Outlook for iOS"),
        ("Kind regards,\nMarta Sample\n+49 30 5550 100", "Kind regards,\nMarta Sample\n+49 30 5550 100"),
        (
            "Marta Sample\nmarta@nordhandel.example\n+49 30 5550 100",
            "Marta Sample\nmarta@nordhandel.example\n+49 30 5550 100",
        ),
    ],
)
def test_signatures_are_apart(ending, signature):
    """What was not typed for this mail."""
    split = newly_written(f"{NEW}\n\n{ending}\n")
    assert (split.new_text, split.signature) == (NEW, signature)


def test_a_closing_and_a_name_stay_and_are_the_signature_too():
    """People type them; cutting there has eaten mails."""
    split = newly_written(f"{NEW}\n\nThanks,\nMarta")
    assert split.new_text == f"{NEW}\n\nThanks,\nMarta"
    assert split.signature == "Thanks,\nMarta"


def test_a_paragraph_longer_than_any_line_is_whole():
    """Mail programs that do not wrap send a paragraph as one line."""
    long = "word " * 2_000
    assert newly_written(f"{long}\n\nOn 21 Nov 2026, Jon wrote:\n{OLD}").new_text == long.strip()


@pytest.mark.parametrize(
    "text", ["> " * 100_000, "-" * 200_000, "To: a@b.example,\n" * 20_000, "a@" * 100_000, "Thanks,\n" * 50_000]
)
def test_hostile_text_costs_little(text):
    """No pattern is quadratic (B14)."""
    start = time.process_time()
    newly_written(text)
    assert time.process_time() - start < 5


@given(st.text(alphabet=st.sampled_from("ab>:-@\n OnFromDate2026,<>|")))
def test_nothing_is_invented(text):
    """Every line of the new text stands in the text."""
    lines = {line.strip() for line in text.split("\n")}
    assert all(line.strip() in lines for line in newly_written(text).new_text.split("\n") if line.strip())
