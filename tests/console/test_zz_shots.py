"""Screens (temporary)."""
import os
from datetime import timedelta
import pytest
from console import opened
from models.terms import *
from tests.console.test_browser import browser, address, problems, sign_in  # noqa
from models.store import transaction
from models import tables

def test_shots(desk, lines, stands, suggested, browser, address, problems):
    """Pictures."""
    house=desk
    lines.on_duty(house)
    object.__setattr__(house.desk,"rehearse",lambda language: lines.played(house, language or "en"))
    object.__setattr__(house.desk,"languages",("en","de"))
    one = stands.raise_one(desk, suggested, "wso2")
    call = lines.add_call(house, one, said={"orders fail everywhere since six": .42})
    for step, after, params in (("consent",4,{"Digits":"1"}),("account",12,{"Digits":"4711"}),("problem",21,{"SpeechResult":"orders fail everywhere since six","Confidence":"0.42"}),("down",29,{"Digits":"1"}),("phone",31,{"Digits":"1"})):
        lines.turned(house, call, step, after, **params)
    lines.nights(house, call)
    lines.note(house, call, "account", "account number or PIN ending in 11, confirmed")
    lines.recorded(house, call, transcript="orders fail everywhere")
    lines.recorded(house, call, sound=None, erased_at=house.now, removed_at=house.now)
    lines.receipt(house, call)
    lines.receipt(house, call, "sms", OutgoingState.FAILED, error="30006 landline")
    lines.owed(house, one, minutes=-12)
    two = stands.raise_one(desk, suggested, "parallels")
    lines.add_call(house, two, answers={"known":"no"}, from_number="anonymous", step="problem", recovered_at=house.now)
    live = lines.add_call(house, two, live=True, seconds_ago=95, step="connect")
    lines.rang(house, live, "Ben Muster", LegState.NO_ANSWER, after=30, ended=20)
    lines.rang(house, live, "Priya Sample", LegState.RINGING, after=60, round=2)
    lines.owed(house, two, minutes=25, number=None, why="nobody could be reached", automatic=True)
    parent, *others = lines.outage(house, 4, policy="wso2", content=suggested("P1"))
    for each in others[:2]: lines.fold(house, each, parent)
    out="/tmp/shots"
    for colours, size in (("light",(1440,1000)),("dark",(1440,1000)),("light",(390,844))):
        tag=f"{colours}-{size[0]}"
        with browser.new_context(color_scheme=colours, viewport={"width":size[0],"height":size[1]}) as context:
            page=sign_in(context,address,problems,"lea")
            for name, path in (("call",f"/requests/{one}"),("two",f"/requests/{two}"),("parent",f"/requests/{parent}"),("child",f"/requests/{others[0]}"),("queue","/triage"),("calls","/calls"),("owed","/calls/owed"),("oncall","/on-call"),("requests","/requests")):
                page.goto(address+path)
                page.wait_for_load_state("load")
                if name in ("call","two","parent","child") and size[0]>1000:
                    page.set_viewport_size({"width":1440,"height":2200})
                if name=="call" and size[0]>1000:
                    page.locator("#story-1 summary").click(); page.locator("#called > summary").click()
                page.screenshot(path=f"{out}/{name}-{tag}.png", full_page=True)
                w=page.evaluate("document.documentElement.scrollWidth")
                if w!=size[0]: print("WIDTH",name,tag,w)
                page.set_viewport_size({"width":size[0],"height":size[1]})
            page.goto(address+"/on-call")
            page.get_by_role("button",name="Rehearse a call").click()
            page.wait_for_load_state("load")
            page.screenshot(path=f"{out}/rehearsal-{tag}.png", full_page=True)
