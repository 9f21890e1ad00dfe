"""A missed target climbs its ladder: real beats, real workers, each step told once."""

import re
import subprocess
import sys
from collections import Counter
from importlib.resources import files

LADDER = {
    "level: P1, kind: response, within: 1 h": "level: P1, kind: response, within: 4 s",
    "label: Support lead, after: 15 min": "label: Support lead, after: 3 s",
    "label: Support leadership, after: 1 h": "label: Support leadership, after: 6 s",
    "label: Product leads, after: 2 h": "label: Product leads, after: 24 h",
}
"""The built-in ladder with seconds for hours."""
RECIPIENTS = "on-call=night@example.com; support-leadership=leaders@example.com"


def quick_policies(folder) -> str:
    """A directory with the WSO2 pack whose clocks and ladder run in seconds."""
    text = files("triage").joinpath("policies", "wso2.yaml").read_text()
    for before, after in LADDER.items():
        assert before in text
        text = text.replace(before, after)
    folder.mkdir()
    (folder / "wso2.yaml").write_text(text)
    return str(folder)


def told(house) -> Counter[str]:
    """How many notices lie in the outbox for each address."""
    return Counter(str(mail["To"]) for mail in house.replies() if "SB-" in str(mail["Subject"]))


def test_two_beats_and_two_workers_tell_each_step_once(run_house, stores, tmp_path, eventually):
    """A P1 nobody answers: the engineer on call, the lead, the leadership, in this order; taking it on ends it."""
    house = run_house(
        SWITCHBOARD_DATABASE_URL=stores.instance.database_url,
        SWITCHBOARD_REDIS_URL=stores.instance.redis_url,
        SWITCHBOARD_SECRET_KEY="sample-secret-of-the-journeys-0123456789",
        SWITCHBOARD_POLICY_DIR=quick_policies(tmp_path / "policies"),
        SWITCHBOARD_RECIPIENTS=RECIPIENTS,
        SWITCHBOARD_SWEEP_SECONDS="1",
    )
    assert house.command("user", "add", "lena", "--role", "lead").returncode == 0
    assert house.command("user", "reach", "lena", "--address", "lena@example.com").returncode == 0
    more = [
        subprocess.Popen(
            [sys.executable, "-m", "switchboard.cli", name],
            env=house.environment,
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for name in ("beat", "worker")
    ]
    try:
        climb(house, eventually)
    finally:
        for process in more:
            process.terminate()
        for process in more:
            process.wait(timeout=30)


def climb(house, eventually) -> None:
    """Raise it on the portal's side, decide it, and watch who is told."""
    body = {"subject": "Gateway", "text": "Production is down.", "channel": "portal"}
    made = house.api("POST", "/requests", json=body, headers={"Idempotency-Key": "one"}).json()
    path = f"/requests/{made['reference']}"

    def decided() -> bool:
        version = house.api("GET", path).json()["version"]
        body = {"type": "incident", "priority": "P1"}
        answer = house.api("POST", f"{path}/decision", json=body, headers={"If-Match": str(version)})
        return answer.status_code == 200

    eventually(decided)
    expected = {"night@example.com", "lena@example.com", "leaders@example.com"}
    eventually(lambda: set(told(house)) == expected, 60)
    steps = house.api("GET", path).json()["escalation"]["steps"]
    assert [(step["rung"], step["state"]) for step in steps] == [
        ("on-call", "told"),
        ("support-lead", "told"),
        ("support-leadership", "told"),
    ]
    assert set(told(house).values()) == {1}
    subjects = [str(mail["Subject"]) for mail in house.replies() if str(mail["To"]) == "lena@example.com"]
    assert re.search(rf"\[{made['reference']}\]", subjects[0])
    version = house.api("GET", path).json()["version"]
    taken = house.api("POST", f"{path}/acknowledge", json={}, headers={"If-Match": str(version)})
    assert taken.status_code == 200, taken.text
    clock = next(one for one in house.api("GET", path).json()["clocks"] if one["kind"] == "response")
    assert (clock["state"], clock["assumed"]) == ("breached", True)
    assert any("missed" in line["text"] for line in clock["explain"])
