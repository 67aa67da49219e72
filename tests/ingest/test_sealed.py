"""Sealed grievances: what is taken, who is handed what, and that erasing is for good."""

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from nacl.public import PrivateKey

from libs.events.grievances import GrievanceErased, GrievanceOpened, GrievancePolicyAdopted, GrievanceRaised
from libs.events.streams import stream_name
from libs.grievances.sealing import Content
from libs.grievances.work import do
from libs.runtime.erasable_sqlite import SCHEMA as KEYS
from libs.runtime.errors import OutcomeUnknown
from libs.runtime.grievance_keys import PublishedKeys
from libs.runtime.log import NewRecord, Record
from libs.runtime.log_sqlite import SqliteEventLog
from libs.runtime.sqlite_copy import copy_database
from services.ingest import forgetting
from services.ingest.allowance import LEAST, MOST, Allowance
from tests.contracts.sqlite_files import holding
from tests.duty.events import filed, instant
from tests.ingest.complainant import AICC, PUBLISHED, Complainant, Officer, published_key, read, sealed_body
from tests.ingest.desk import GRIEVANCES, NOW, ROSTER, SOON, TODAY, running

TEXT, NAME = "वह पैसे माँगता है, planted-text", "planted-name 98260-00000"


async def test_the_public_keys_are_there_for_everybody(tmp_path: Path) -> None:
    old = published_key(PrivateKey.generate(), retired=True)
    keys = PUBLISHED.model_copy(update={"keys": (*PUBLISHED.keys, old)})
    async with running(tmp_path, *ROSTER, published=keys) as desk:
        answer = await desk.get("/v1/grievance-keys", token="")
        assert answer.json() == PUBLISHED.model_dump(mode="json")
        assert answer.headers["cache-control"] == "public, max-age=3600"
    async with running(tmp_path) as desk:
        assert (await desk.get("/v1/grievance-keys", token="")).json() == {"keys": [], "work_bits": 0}


async def test_a_sealed_grievance_is_opened_by_aicc_alone_and_that_is_in_the_log_first(tmp_path: Path) -> None:
    mine = Complainant(TEXT, NAME)
    async with running(tmp_path, *ROSTER, published=PUBLISHED) as desk:
        assert (await mine.raises(desk)).status_code == 202
        event, data = await desk.last(GRIEVANCES)
        assert isinstance(data, GrievanceRaised)
        assert (event.type, event.actor, event.traceparent) == ("rozana.grievance.raised.v2", None, None)
        answer = await Officer(desk).open(mine)
        event, data = await desk.last(GRIEVANCES)
        assert isinstance(data, GrievanceOpened)
        assert event.actor is not None
        assert event.time == instant("2026-11-23T05:30")
        (letter,) = answer.json()["letters"]
        assert read(letter, AICC) == Content(mine.id, TEXT, NAME)
        for role, scope in (("pcc", "in-mp"), ("president", "in-mp.guna"), ("operator", "in"), ("service", "in")):
            assert (await Officer(desk).open(mine, desk.token(role, scope))).status_code == 403
        assert (await Officer(desk).open(mine, desk.token("aicc", "in-rj"))).status_code == 404
        assert (await Officer(desk).open(Complainant())).status_code == 404


async def test_the_wrapped_keys_are_not_in_the_log_and_the_text_is_nowhere(tmp_path: Path) -> None:
    mine = Complainant(TEXT, NAME)
    async with running(tmp_path, *ROSTER, published=PUBLISHED) as desk:
        assert (await mine.raises(desk)).status_code == 202
        (record,) = await desk.log.read(GRIEVANCES, 0)
        (wrapped,) = mine.body["sealed"]["keys"].values()
        assert wrapped.encode() not in record.value
        planted = [TEXT.encode(), b"planted", NAME.encode(), mine.code.encode(), mine.known.proof.encode()]
        assert [holding(tmp_path, each) for each in planted] == [[]] * len(planted)
        found = holding(tmp_path, wrapped.encode())
        assert set(found) <= {"log-keys.db", "log-keys.db-wal"}  # where in the file is SQLite's own affair
        assert found != []


async def test_a_retry_is_byte_identical_and_answers_the_same(tmp_path: Path) -> None:
    mine = Complainant()
    async with running(tmp_path, *ROSTER, published=PUBLISHED) as desk:
        first = await mine.raises(desk)
        assert [(await mine.raises(desk)).status_code for _ in range(3)] == [200, 200, 200]
        assert (await mine.raises(desk)).json() == first.json()
        assert await desk.log.end(GRIEVANCES) == 1
        other = Complainant()
        other.body |= {"id": mine.id, "work": mine.body["work"]}
        assert (await other.raises(desk)).status_code == 409
        (letter,) = (await Officer(desk).open(mine)).json()["letters"]
        assert read(letter, AICC).about == mine.id


def spoilt(change: Callable[[dict[str, Any]], object]) -> Complainant:
    mine = Complainant()
    change(mine.body)
    return mine


@pytest.mark.parametrize(
    ("pointer", "change"),
    [
        ("/text", lambda body: body.update(text=TEXT)),
        ("/work", lambda body: body.update(work=None)),
        ("/work", lambda body: body.update(work="planted")),
        ("/sealed/ciphertext", lambda body: body["sealed"].update(ciphertext=body["sealed"]["ciphertext"][:-8])),
        ("/sealed/ciphertext", lambda body: body["sealed"].update(ciphertext="planted" * 300 + "=")),
        ("/sealed/sha256", lambda body: body["sealed"].update(sha256="0" * 64)),
        ("/sealed/keys", lambda body: body["sealed"].update(keys={})),
        (
            "/sealed/keys",
            lambda body: body["sealed"].update(keys={"0" * 16: next(iter(body["sealed"]["keys"].values()))}),
        ),
        ("/sealed/text", lambda body: body["sealed"].update(text=TEXT)),
        ("/tracking/locator", lambda body: body["tracking"].update(locator="12345")),
        ("/tracking/reply_to", lambda body: body["tracking"].update(reply_to="A" * 44)),
        ("/author", lambda body: body.update(author=NAME)),
        ("/identity", lambda body: body.update(identity=NAME)),
    ],
)
async def test_what_is_not_sealed_as_it_should_be_is_refused_and_not_repeated(
    tmp_path: Path, pointer: str, change: Callable[[dict[str, Any]], object]
) -> None:
    async with running(tmp_path, *ROSTER, published=PUBLISHED) as desk:
        answer = await spoilt(change).raises(desk)
        assert answer.status_code == 422
        named = [error["pointer"] for error in answer.json()["errors"]]
        assert all(each == pointer or each == pointer.rpartition("/")[0] for each in named), named
        assert "planted" not in answer.text
        assert await desk.log.end(GRIEVANCES) == 0


@pytest.mark.parametrize("wrapped", ["", "AAAA", "not base64!", "AAA" * 30])
async def test_a_wrapped_key_that_is_none_is_refused(tmp_path: Path, wrapped: str) -> None:
    mine = Complainant()
    mine.body["sealed"]["keys"] = dict.fromkeys(mine.body["sealed"]["keys"], wrapped)
    async with running(tmp_path, *ROSTER, published=PUBLISHED) as desk:
        assert (await mine.raises(desk)).status_code == 422


async def test_what_was_sealed_to_a_key_that_has_been_retired_is_still_taken(tmp_path: Path) -> None:
    keys = PublishedKeys(keys=(published_key(AICC, retired=True), published_key(PrivateKey.generate())), work_bits=4)
    async with running(tmp_path, *ROSTER, published=keys) as desk:
        assert (await Complainant().raises(desk)).status_code == 202


async def test_where_no_keys_are_published_nothing_sealed_is_taken(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        assert (await Complainant().raises(desk)).status_code == 422
        assert await desk.log.end(GRIEVANCES) == 0


async def test_without_a_text_it_is_tracked_all_the_same(tmp_path: Path) -> None:
    mine = Complainant()
    mine.body["sealed"] = None
    async with running(tmp_path, *ROSTER, published=PUBLISHED) as desk:
        assert (await mine.raises(desk)).status_code == 202
        assert (await mine.track(desk)).json()["status"] == "raised"
        assert (await Officer(desk).open(mine)).json()["letters"] == []


async def test_who_has_the_code_hears_where_it_stands_and_reads_the_replies_never_the_text(tmp_path: Path) -> None:
    mine, officer_text = Complainant(TEXT, NAME), "हम देख रहे हैं"
    async with running(tmp_path, *ROSTER, published=PUBLISHED) as desk:
        assert (await mine.raises(desk)).status_code == 202
        told = (await mine.track(desk)).json()
        assert told == {
            "status": "raised",
            "day": "2026-11-23",
            "level": 1,
            "due": None,
            "erased": False,
            "letters": [],
        }
        officer = Officer(desk)
        assert (await officer.assign(mine)).status_code == 202
        assert (await officer.answer(mine, officer_text, "2026-12-08")).status_code == 202
        told = (await mine.track(desk)).json()
        assert (told["status"], told["due"]) == ("answered", "2026-12-08")
        (letter,) = told["letters"]
        assert read(letter, mine.known.reply_key).text == officer_text
        assert (await mine.act(desk, "say", "और भी बात है")).status_code == 202
        first, reply, second = (await officer.open(mine)).json()["letters"]
        assert [each["by"] for each in (first, reply, second)] == ["complainant", "aicc", "complainant"]
        assert [read(each, AICC).text for each in (first, reply, second)] == [TEXT, officer_text, "और भी बात है"]
        assert len((await mine.track(desk)).json()["letters"]) == 1


async def test_a_wrong_code_is_told_nothing(tmp_path: Path) -> None:
    mine, other = Complainant(), Complainant()
    async with running(tmp_path, *ROSTER, published=PUBLISHED) as desk:
        assert (await mine.raises(desk)).status_code == 202
        wrong = [
            await other.track(desk),
            await mine.track(desk, state="in-rj"),
            await mine.track(desk, state="in-up"),
            await mine.track(desk, proof=mine.known.verifier),
            await mine.track(desk, locator="0000" if mine.known.locator != "0000" else "1111"),
            await other.act(desk, "agree"),
        ]
        assert {answer.status_code for answer in wrong} == {404}
        assert len({answer.text for answer in wrong}) == 1


async def test_erased_it_is_read_by_nobody_and_still_counts(tmp_path: Path) -> None:
    mine, other = Complainant(TEXT, NAME), Complainant(TEXT, NAME)
    async with running(tmp_path, *ROSTER, published=PUBLISHED) as desk:
        officer = Officer(desk)
        for each in (mine, other):
            assert (await each.raises(desk)).status_code == 202
        assert (await officer.assign(mine)).status_code == 202
        assert (await officer.answer(mine, "Soon.")).status_code == 202
        assert (await mine.act(desk, "say", "More.")).status_code == 202
        before = [(each.key, each.headers, each.value) for each in await desk.log.read(GRIEVANCES, 0)]
        (wrapped,) = mine.body["sealed"]["keys"].values()
        assert (await officer.erase(mine)).status_code == 202
        # The log is untouched but for the tombstone; the key is in no file any more.
        after = [(each.key, each.headers, each.value) for each in await desk.log.read(GRIEVANCES, 0)]
        assert after[: len(before)] == before
        assert len(after) == len(before) + 1
        assert holding(tmp_path, wrapped.encode()) == []
        opened = (await officer.open(mine)).json()
        assert (opened["erased"], [each["keys"] for each in opened["letters"]]) == (True, [{}, {}, {}])
        told = (await mine.track(desk)).json()
        assert (told["erased"], [each["keys"] for each in told["letters"]]) == (True, [{}])
        assert (await mine.act(desk, "say", "Again.")).status_code == 409
        assert (await officer.answer(mine, "Again.")).status_code == 409
        assert (await officer.erase(mine)).status_code == 202
        (letter,) = (await officer.open(other)).json()["letters"]
        assert read(letter, AICC).text == TEXT
    async with running(tmp_path, published=PUBLISHED) as desk:
        assert (await mine.raises(desk)).status_code == 200  # a retry brings no key back
        assert [each["keys"] for each in (await Officer(desk).open(mine)).json()["letters"]] == [{}, {}, {}]
        assert (await Officer(desk).erase(mine, desk.token("pcc", "in-mp"))).status_code == 403


async def test_a_copy_of_the_keys_from_before_an_erasure_brings_nothing_back(tmp_path: Path) -> None:
    """The log has the tombstone: what it names is destroyed again as soon as ingest starts."""
    mine, other = Complainant(TEXT, NAME), Complainant(TEXT, NAME)
    data, copy = tmp_path / "data", tmp_path / "copies" / "keys"
    data.mkdir()
    keys = data / "log-keys.db"
    async with running(data, *ROSTER, published=PUBLISHED) as desk:
        for each in (mine, other):
            assert (await each.raises(desk)).status_code == 202
        copy_database(keys, copy, KEYS)
        assert (await Officer(desk).erase(mine)).status_code == 202
    (wrapped,) = mine.body["sealed"]["keys"].values()
    keys.unlink()
    copy_database(copy, keys, KEYS)
    assert holding(data, wrapped.encode()) == [keys.name]
    async with running(data, published=PUBLISHED) as desk:
        async with asyncio.timeout(SOON):
            while holding(data, wrapped.encode()):  # noqa: ASYNC110 -- files tell nobody
                await asyncio.sleep(0.01)
        assert [each["keys"] for each in (await Officer(desk).open(mine)).json()["letters"]] == [{}]
        (letter,) = (await Officer(desk).open(other)).json()["letters"]
        assert read(letter, AICC).text == TEXT


async def test_a_text_is_erased_when_its_policys_days_have_passed(tmp_path: Path) -> None:
    mine, going_on = Complainant(TEXT, NAME), Complainant(TEXT, NAME)
    rules = {"state": "in-mp", "version": 1, "due_days": (7,), "silence_days": 10, "keep_days": 30, "k": 5}
    (wrapped,) = mine.body["sealed"]["keys"].values()
    async with running(tmp_path, *ROSTER, published=PUBLISHED) as desk:
        officer = Officer(desk)
        assert (await officer.says(GrievancePolicyAdopted.model_validate(rules))).status_code == 202
        for each in (mine, going_on):
            assert (await each.raises(desk)).status_code == 202
        assert (await officer.close(mine)).status_code == 202
        before = await desk.log.read(GRIEVANCES, 0)
        desk.clock.advance_to(desk.clock.now() + timedelta(days=30))
        assert len(await desk.log.read(GRIEVANCES, 0)) == len(before)
        counts = (await desk.get("/v1/grievance-counts?state=in-mp", token=officer.token)).json()
        desk.clock.advance_to(desk.clock.now() + timedelta(days=1))
        async with asyncio.timeout(SOON):
            while holding(tmp_path, wrapped.encode()):  # noqa: ASYNC110 -- files tell nobody
                await asyncio.sleep(0.01)
        event, data = await desk.last(GRIEVANCES)
        assert (type(data), event.actor, event.time.time()) == (GrievanceErased, None, time())
        assert (await desk.log.read(GRIEVANCES, 0))[: len(before)] == before
        opened = (await officer.open(mine)).json()
        assert (opened["erased"], [each["keys"] for each in opened["letters"]]) == (True, [{}])
        (letter,) = (await officer.open(going_on)).json()["letters"]
        assert read(letter, AICC).text == TEXT
        listed = (await desk.get("/v1/grievances?state=in-mp", token=officer.token)).json()["items"]
        assert sorted(each["erased"] for each in listed) == [False, True]
        assert (await desk.get("/v1/grievance-counts?state=in-mp", token=officer.token)).json() == counts
        # What is decided stands: a policy that keeps longer brings nothing back, and nothing is said twice.
        longer = GrievancePolicyAdopted.model_validate(rules | {"version": 2, "keep_days": 9999})
        assert (await officer.says(longer)).status_code == 202
    async with running(tmp_path, published=PUBLISHED) as desk:
        assert (await Officer(desk).open(mine)).json()["erased"]
        assert [(await desk.ids(GRIEVANCES)).count(event.id)] == [1]


class LosesAnAnswer(SqliteEventLog):
    """The first append of an erasure is durable, and nobody is told."""

    lost = False

    async def append(self, stream: str, records: Sequence[NewRecord]) -> Sequence[Record]:
        appended = await super().append(stream, records)
        erases = any(b"grievance.erased" in value for record in records for _, value in record.headers)
        if erases and not self.lost:
            self.lost = True
            raise OutcomeUnknown("the answer was lost")
        return appended


async def test_an_erasure_whose_answer_is_lost_is_said_once_and_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "AGAIN_SECONDS", 0.0)
    mine = Complainant(TEXT, NAME)
    rules = {"state": "in-mp", "version": 1, "due_days": (7,), "silence_days": 10, "keep_days": 30}
    (wrapped,) = mine.body["sealed"]["keys"].values()
    async with running(tmp_path, *ROSTER, published=PUBLISHED, log_type=LosesAnAnswer) as desk:
        officer = Officer(desk)
        assert (await officer.says(GrievancePolicyAdopted.model_validate(rules))).status_code == 202
        assert (await mine.raises(desk)).status_code == 202
        assert (await officer.reject(mine)).status_code == 202
        desk.clock.advance_to(desk.clock.now() + timedelta(days=31))
        async with asyncio.timeout(SOON):
            while holding(tmp_path, wrapped.encode()):  # noqa: ASYNC110 -- files tell nobody
                await asyncio.sleep(0.01)
        assert isinstance(desk.log, LosesAnAnswer)
        assert desk.log.lost
        said = [dict(each.headers)["ce_type"] for each in await desk.log.read(GRIEVANCES, 0)]
        assert said.count(b"rozana.grievance.erased.v1") == 1


async def test_keys_that_are_not_those_of_the_event_are_not_handed_out(tmp_path: Path) -> None:
    mine = Complainant()
    async with running(tmp_path, *ROSTER, published=PUBLISHED) as desk:
        assert (await mine.raises(desk)).status_code == 202
        keys = stream_name("grievance-keys", "in-mp")
        import apsw

        other = apsw.Connection(str(tmp_path / "log-keys.db"))
        other.set_busy_timeout(30_000)  # ingest tidies up as it starts
        foreign = json.dumps(sealed_body(Content(mine.id, "x"))["keys"]).encode()
        other.execute("UPDATE kept SET value = ? WHERE stream = ?", (foreign, keys))
        other.close()
        assert [each["keys"] for each in (await Officer(desk).open(mine)).json()["letters"]] == [{}]


async def test_nobody_deals_with_a_grievance_about_himself(tmp_path: Path) -> None:
    mine = Complainant()
    async with running(tmp_path, *ROSTER, published=PUBLISHED) as desk:
        assert (await mine.raises(desk)).status_code == 202
        officer = Officer(desk)
        holder = ROSTER[2].data.model_dump()["person_id"]
        answer = await officer.assign(mine, handler=holder)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (403, "/data/handler")
        assert holder not in answer.text
        assert (await officer.assign(mine)).status_code == 202


async def test_what_aicc_says_of_a_grievance_keeps_the_day_and_no_trace(tmp_path: Path) -> None:
    mine = Complainant()
    async with running(tmp_path, *ROSTER, published=PUBLISHED) as desk:
        assert (await mine.raises(desk)).status_code == 202
        assert (await Officer(desk).triage(mine)).status_code == 202
        event, _ = await desk.last(GRIEVANCES)
        assert (event.time, event.traceparent) == (instant("2026-11-23T05:30"), None)
        assert event.actor is not None
        assert desk.count("rozana.grievance.triaged.v1", "accepted") == 0
        assert "grievance" not in desk.logged.getvalue()


def test_the_allowance_of_a_district_is_drawn_anew_each_day() -> None:
    allowance = Allowance(lambda: 2)
    today, tomorrow = date(2026, 11, 23), date(2026, 11, 24)
    assert [allowance.take("in-mp.guna", today) for _ in range(4)] == [True, True, False, False]
    assert allowance.take("in-mp.bhind", today)
    assert allowance.take("in-mp.guna", tomorrow)


def test_nobody_can_know_how_many_are_left() -> None:
    def most() -> int:
        allowance, taken = Allowance(), 0
        while allowance.take("in-mp.guna", date(2026, 11, 23)):
            taken += 1
        return taken

    drawn = {most() for _ in range(30)}
    assert LEAST <= min(drawn) < max(drawn) <= MOST


async def test_a_flood_about_one_district_is_stopped_and_reports_go_on(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER, published=PUBLISHED) as desk:
        answers: list[httpx.Response] = []
        while not answers or answers[-1].status_code == 202:
            event_id = str(uuid4())
            body = {"id": event_id, "district": "in-mp.guna", "category": "flood", "severity": "low"}
            answers.append(await desk.post("/v1/grievances", body | {"work": do(event_id, 4)}, token=""))
        assert LEAST < len(answers) <= MOST + 1
        assert (answers[-1].status_code, answers[-1].headers["retry-after"]) == (429, "3600")
        assert (await Complainant(district="in-mp.bhind").raises(desk)).status_code == 202
        assert (await desk.report(filed("guna", TODAY, NOW))).status_code == 202
