"""Texts that were once read wrongly: each way in which people say the opposite of what their words look like."""

import pytest

from triage import facts


def fact(name: str, body: str, subject: str = "") -> str | None:
    """The value read for a fact, or None where it is unknown."""
    return next((one.value for one in facts.read(subject, body) if one.name == name), None)


@pytest.mark.parametrize(
    "body",
    [
        "no, there is no workaround",
        "No, there is no workaround that we know of.",
        "No no, no workaround, none whatsoever.",
        "Nein, es gibt keinen Workaround.",
        "Non, il n'y a aucun contournement.",
        "No, no hay ninguna alternativa.",
    ],
)
def test_a_no_before_the_comma_does_not_swallow_the_no_after_it(body: str):
    """Both negations stand: there is no workaround."""
    assert fact("workaround", body) == "no"


@pytest.mark.parametrize(
    "body",
    [
        "The workaround you proposed does not work.",
        "We applied the workaround, it did not help.",
        "Your workaround (clear the cache, restart) makes no difference.",
        "So the workaround is none.",
        "Die Umgehung von gestern bringt leider nichts.",
    ],
)
def test_a_workaround_that_fails_is_none(body: str):
    """What was tried in vain helps nobody."""
    assert fact("workaround", body) == "no"


@pytest.mark.parametrize(
    "body",
    [
        "A workaround is no longer needed.",
        "The workaround is not needed any more, thank you.",
        "Workaround: none needed.",
        "Workaround asked for.",
    ],
)
def test_a_workaround_nobody_needs_says_nothing(body: str):
    """Neither that there is one nor that there is none."""
    assert fact("workaround", body) is None


@pytest.mark.parametrize(
    "body",
    [
        "Is there any way? - No, none.",
        "Is there any way around it? No.",
        "Agent: Is there any other way to get in?\nCaller: No, nothing at all.",
        "Agent: Is there a workaround? Caller: Um, no, we looked.",
        "Operator: Could you manage without it? Caller: Well, not really.",
        "we are down / operator: is there any way your people can work around it / no there isn't",
        "Support: Gibt es eine andere Möglichkeit?\nAnrufer: Nein, leider nicht.",
        "Agent : Y a-t-il un autre moyen ?\nAppelante : Non.",
        "Is there a workaround, some switch? We tried the one in the manual. So no, there is none.",
    ],
)
def test_a_question_is_answered_in_the_next_turn(body: str):
    """The answer is the statement, whoever asked."""
    assert fact("workaround", body) == "no"


@pytest.mark.parametrize(
    "body",
    [
        "Agent: There is a workaround, you restart the node. Caller: That is what we are doing since noon.",
        "Operator: So you have a workaround? Caller: I have to ask.",
        "Agent: Is it only staging? Caller: I do not know.",
    ],
)
def test_what_the_operator_says_is_not_stated_by_the_caller(body: str):
    """Only the caller knows how it is at their place."""
    assert fact("workaround", body) is None
    assert fact("environment", body) is None


@pytest.mark.parametrize(
    "quoted",
    [
        "> We have a workaround, it is only our staging system.\n> It works again.",
        "-----Original Message-----\nFrom: a@example.com\nWe have a workaround, it is only our staging system.",
        "From: a@example.com\nSent: Monday\nTo: b@example.com\nWe have a workaround on our staging system.",
        "On Monday, 3 March, Ann Sample wrote:\nWe have a workaround, it is only our staging system.",
        "Am Montag, 3. März, schrieb Ann Beispiel:\nWir haben einen Workaround, nur das Testsystem hängt.",
    ],
)
def test_older_mail_below_states_nothing(quoted: str):
    """What was true when the answered mail was written need not be true now."""
    body = f"It is worse today: our production gateway is down and there is no workaround.\n\n{quoted}"
    assert fact("workaround", body) == "no"
    assert fact("environment", body) == "production"
    assert fact("down", body) == "full"


def test_a_mail_sent_on_without_a_word_is_read():
    """Where nothing else is written, the older mail is what is meant."""
    body = "fyi\n\n-----Original Message-----\nFrom: a@example.com\nOur production gateway is down."
    assert fact("down", body, "Fwd: gateway") == "full"


@pytest.mark.parametrize(
    "body",
    ["URGENT!!! HIGHEST PRIORITY!!! There is a spelling mistake on the start page.", "CRITICAL: typo in the footer!!!"],
)
def test_shouting_about_a_spelling_mistake_is_cosmetic(body: str):
    """The words count, not how loudly they are said."""
    assert fact("cosmetic", body) == "yes"
    assert fact("down", body) is None
    assert fact("business_impact", body) is None


def test_a_calm_total_outage_is_one():
    """Politeness lowers nothing."""
    body = (
        "Good morning. I would just like to let you know, whenever you find the time, that our production platform "
        "is not reachable at the moment and none of our customers can log in. With kind regards"
    )
    assert fact("down", body) == "full"
    assert fact("environment", body) == "production"
    assert fact("scope", body) == "all"


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("Our environment called PROD-LIKE fails under load.", "staging"),
        ("The production-like stage does not start.", "staging"),
        ("The pre-production cluster does not start.", "staging"),
        ("Staging is fine, production is not working.", "production"),
        ("The staging clone is fine. Our live system does not start.", "production"),
        ("Production has not been launched yet; our UAT system does not answer.", "staging"),
        ("Staging does not start. QA and production run the released version and are fine.", "staging"),
    ],
)
def test_staging_named_like_production_is_staging(body: str, value: str | None):
    """And where both are named, the one that is not fine."""
    assert fact("environment", body) == value


@pytest.mark.parametrize(
    "body",
    [
        "The shop was down from nine to ten, it works again now.",
        "On Sunday the server crashed. It restarted itself and has been running ever since.",
        "Our gateway was unreachable yesterday. Everything has been fine since then.",
        "Gestern war der Server nicht erreichbar, jetzt läuft alles wieder.",
    ],
)
def test_a_past_outage_that_works_now_is_none(body: str):
    """What counts is how it is now."""
    assert fact("down", body) == "no"
    assert fact("stabilised", body) == "yes"


def test_an_outage_that_came_back_is_one():
    """It worked in between, it does not now."""
    assert fact("down", "It was back up for ten minutes, then the shop went down again.") == "full"


@pytest.mark.parametrize(
    "body",
    [
        "I read that another customer's cluster was down this morning. Could that happen to us?",
        "Another customer of yours had its whole platform down for a day. Are we affected?",
        "Our supplier's site is down since noon. Do you know more?",
        "A partner told us their gateway was down. Is that known?",
        "Bei unserem Lieferanten ist das System ausgefallen. Wissen Sie mehr?",
    ],
)
def test_other_peoples_outage_is_not_ours(body: str):
    """Who is spoken of counts."""
    assert fact("down", body) is None


def test_somebody_elses_outage_may_be_why_ours_happens():
    """The sentence turns to us, so it states something of us."""
    assert fact("down", "Our provider had an outage, so our shop is down.") == "full"


@pytest.mark.parametrize(
    "body",
    [
        'A colleague sent you "TOTAL FAILURE, NOTHING WORKS" an hour ago. It was her browser.',
        'The gate stops with "policy engine is unreachable" in one product.',
        "Suppose both clusters were down one day: what would still run?",
    ],
)
def test_what_is_only_quoted_or_supposed_is_not_claimed(body: str):
    """A message on a screen, somebody else's words and a thought are no outage."""
    assert fact("down", body) is None


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("The import fails. In the meantime we enter the orders by hand.", "yes"),
        ("Search fails. Reload the page and it works.", "easy"),
        ("The upload fails. The second try always works.", "easy"),
        ("The nightly job fails, we run it manually each morning and that works.", "yes"),
        ("Seit heute fehlt der Export. Bis dahin verschicken wir die Listen per Telefon.", "yes"),
        ("Restarting helps for two minutes, then it hangs again.", None),
        ("We copy them by hand today. It would be nice to have a button.", None),
        ("Could we enter them by hand until then?", None),
        ("Nobody can enter the orders by hand.", None),
        ("The whole production platform is down for everybody. They phone us instead.", None),
    ],
)
def test_how_people_manage_is_a_workaround_only_where_it_holds(body: str, value: str | None):
    """What helps for minutes, what is wished away and what nobody can do eases nothing."""
    assert fact("workaround", body) == value


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ("All our customers get an error.", "all"),
        ("A handful of users get an error.", "some"),
        ("The export fails. Nobody is blocked.", None),
        ("One user gets an error, everyone else is fine.", "one"),
        ("We expect 900 users at the opening next year.", None),
    ],
)
def test_who_is_affected_is_read_where_something_is_wrong(body: str, value: str | None):
    """People who are only mentioned are not affected."""
    assert fact("scope", body) == value


def test_people_at_work_without_a_named_place_are_in_production():
    """Nobody whose customers wait says that it is production; a trial says what it is."""
    assert fact("environment", "Our customers cannot order, the shop answers with an error.") == "production"
    assert fact("environment", "We evaluate the trial; our users cannot log in.") is None


def test_a_place_without_trouble_is_no_ground_to_wait():
    """An order for a staging environment, or a question about one, does not say that something fails there."""
    assert fact("environment", "Please load the dump into UAT.") is None
    assert fact("environment", "How do we protect our staging environment with a password?") is None


def test_every_fact_that_eases_shows_its_words():
    """A downgrade can be checked by the words that led to it."""
    body = "It fails on our staging system. As a workaround we use the old client."
    eased = [one for one in facts.read("Export", body) if one.name in {"workaround", "environment"}]
    assert [one.name for one in eased] == ["environment", "workaround"]
    for one in eased:
        assert one.span is not None
        assert " ".join(f"Export\n\n{body}"[slice(*one.span)].split()) == one.evidence


@pytest.mark.parametrize(
    "body",
    [
        "Production is down right now. Staging is fine.",
        "Production is down, staging works.",
        "Production is down and staging is fine.",
        "Production is dead, everything else works fine. We tested staging too.",
        "Production is down without any warning, staging is stable.",
        "Nothing goes through in production. Staging works.",
        "On production: search is fine, checkout is dead. Staging is fine.",
        "The data is not there in production. On staging it is right.",
        "In Produktion geht nichts mehr, das Testsystem läuft gut.",
        "Die Produktion ist noch nicht wieder erreichbar. Die Testumgebung läuft normal.",
        "La production n'est pas disponible, l'environnement de test fonctionne.",
        "En producción no funciona nada; en el entorno de pruebas funciona bien.",
    ],
)
def test_production_is_never_cleared_by_what_is_told_of_another_place(body: str):
    """An outage of production must not be read away, however well staging runs."""
    assert fact("environment", body) == "production"


@pytest.mark.parametrize(
    "body",
    [
        "Staging does not start. Prod was done last week and is OK.",
        "It fails on staging. Production: OK.",
        "It fails on staging. Production, which remains on the old level, is unaffected.",
        "It fails on staging. On production the prices are right.",
        "It fails on staging, size as production.",
    ],
)
def test_production_that_is_fine_is_not_where_it_happens(body: str):
    """Where production is said to be well, the other place counts."""
    assert fact("environment", body) == "staging"


@pytest.mark.parametrize(
    "body",
    [
        "Entering them manually would take weeks.",
        "We enter the data by hand anyway, that is not the problem.",
        "Last time we used the old server instead.",
        "Please switch us to the old server in the meantime.",
        "The import fails. In the meantime nobody can work.",
        "The import fails. Meanwhile we send people home.",
        "We have switched off the shop for now.",
        "For the moment we use nothing at all.",
        "We moved to the new server and now nothing works.",
        "We put a notice on the door for now.",
        "There is a workaround in your forum which made it worse.",
        "We know the workaround but are not allowed to use it.",
        "After a reload it works for ten seconds.",
        "The second attempt never works.",
        "We tried to restart; reload helps nothing.",
        "We use the emergency system but it is down too.",
        "Our partners can work around it, we cannot.",
        "Support told us to do it manually.",
        "If all fails we do it manually.",
        "The page hangs so people just leave.",
        "Derzeit nutzen wir nichts.",
        "Bis dahin verlieren wir Aufträge.",
        "En attendant nous perdons des clients.",
        "Mientras tanto perdemos ventas.",
    ],
)
def test_what_people_do_without_getting_by_eases_nothing(body: str):
    """Waiting, losing and what somebody else can do is no workaround."""
    assert fact("workaround", body) in {None, "no"}
