"""What each webhook of a conversation asks of PostgreSQL: `python bench/_webhooks_statements.py DATABASE_URL`.

The application runs in this process and takes two calls, one after the other; the second one counts. Prints one JSON
line: statements by kind of webhook (BEGIN and COMMIT come on top).
"""

import asyncio
import json
import sys
from collections import Counter

from _webhooks_load import ACCOUNT, TOKEN, Load
from fastapi.testclient import TestClient
from sqlalchemy import event
from twilio.request_validator import RequestValidator

from switchboard.lines import Sites, Switchboard
from switchboard.settings import load
from switchboard.web import build

ORIGIN = "http://127.0.0.1:1"


class Counted:
    """A caller's connection that counts what its webhooks cost."""

    def __init__(self, client: TestClient) -> None:
        self.client, self.now = client, 0
        self.origin = ORIGIN
        self.of: Counter[str] = Counter()

    def note(self, *_arguments: object) -> None:
        """One statement."""
        self.now += 1

    async def post(self, path: str, form: dict[str, str]) -> str:
        """Post a form, signed."""
        made = RequestValidator(TOKEN).compute_signature(ORIGIN + path, form)
        self.now = 0
        answer = self.client.post(path, data=form, headers={"X-Twilio-Signature": made})
        assert answer.status_code in {200, 204}, answer.text
        self.of[path.removeprefix("/voice/").replace("turn?step=", "").partition("&")[0]] += self.now
        return answer.text


def main(database_url: str) -> dict[str, int]:
    """Statements by webhook."""
    settings = load(public_url=ORIGIN, twilio_account_sid=ACCOUNT, twilio_auth_token=TOKEN)
    house = Switchboard(settings, Sites(database_url=database_url, redis_url="redis://127.0.0.1:1/0", secret="s" * 40))
    house.__dict__["wake"] = lambda: None
    caller = Counted(TestClient(build(house), base_url=ORIGIN))
    event.listen(house.telephony.engine, "before_cursor_execute", caller.note)
    for _ in range(2):
        caller.of.clear()
        asyncio.run(Load(1, 0.0, 0).call(caller))
    house.telephony.engine.dispose()
    return dict(caller.of)


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
