"""Two hundred callers at once are two hundred calls, and one caller heard fifty times is one."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Engine, func, select

from models import tables
from models.store import transaction

CALLERS = 200


def test_two_hundred_calls_at_once_are_two_hundred_rows(line, engine: Engine):
    """Every one is answered with its menu, if need be after a moment, and has its own incident and reference."""

    def ring(number: int) -> tuple[int, bool]:
        path = "/voice/inbound"
        for again in ("", "?again=1", "?again=2", "?again=3"):
            answer = line.post(path + again, CallSid=f"CA{number:032x}", CallStatus="ringing")
            if "again=" not in answer.text:
                break
        return answer.status_code, "<Gather" in answer.text

    with ThreadPoolExecutor(CALLERS) as pool:
        assert Counter(pool.map(ring, range(CALLERS))) == {(200, True): CALLERS}
    with transaction(engine) as session:
        calls = session.scalars(select(tables.calls.Call)).all()
        assert session.scalar(select(func.count()).select_from(tables.requests.Request)) == CALLERS
    assert len({call.call_sid for call in calls}) == len({call.request_id for call in calls}) == CALLERS
    assert len({call.answers["reference"] for call in calls}) == CALLERS


def test_one_webhook_fifty_times_at_once_is_one_call(line, engine: Engine):
    """The same answer every time, one row, one event, one incident."""

    def ring(_number: int) -> tuple[int, str]:
        answer = line.post("/voice/inbound", CallSid="CA" + "1" * 32, CallStatus="ringing")
        return answer.status_code, answer.text

    with ThreadPoolExecutor(50) as pool:
        ((status, _document),) = set(pool.map(ring, range(50)))
    assert status == 200
    kinds = (tables.calls.Call, tables.calls.CallEvent, tables.requests.Request)
    with transaction(engine) as session:
        assert [session.scalar(select(func.count()).select_from(kind)) for kind in kinds] == [1, 1, 1]
