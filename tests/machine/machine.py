"""The rules: everything that anybody does to the system, in any order, and what must be so after each of them."""

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, TypeVar, cast
from uuid import UUID

import httpx
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from libs.events.calendar import DayExcused, HolidayDeclared, HolidayRevoked
from libs.events.districts import DistrictAdded
from libs.events.policy import PolicyAdopted
from libs.events.presidents import LeaveGranted, LeaveReason, PresidentAppointed, PresidentRelieved
from libs.events.reports import ReportReviewed
from libs.events.reports_v1 import Activities
from libs.events.values import EventData
from libs.runtime.clock import ManualClock
from tests.machine.model import INDIA, LADDER, LOCK_DAYS, ONE_DAY, Filed, Model, Policy, Tenure
from tests.machine.system import STATE, System, cloud_event

T = TypeVar("T")

START = datetime(2026, 11, 23, 9, 0, tzinfo=INDIA)
MOST_DAYS_OF_PROTEST = 4
FIRST = date(2026, 11, 23) - ONE_DAY * LOCK_DAYS
"""The first day that there is: the oldest one that could still be filed when the first policy came."""
DISTRICTS = ("in-mp.guna", "in-mp.bhind", "in-mp.dhar")
EVENT = "application/cloudevents+json"
SELDOM = 8
"""Starting again takes as long as a dozen other steps, so there are as many between two starts."""
MOMENT = timedelta(milliseconds=1)
"""No two things are taken at one instant: the model knows no other order."""
APPEND_DEADLINE = timedelta(seconds=5)
REMEMBERED = timedelta(days=45)
"""A receipt is shown again for at least so long."""
OFFICE = ("pcc", STATE, None)
NOTHING_DONE = dict.fromkeys(Activities.model_fields, 0)

districts = st.sampled_from(DISTRICTS)
ago = st.integers(0, LOCK_DAYS + 1)
"""So many days before today."""
ahead = st.integers(-2, 2)
"""So many days after today, or before."""


@dataclass(frozen=True)
class Sent:
    """What was once posted, and the answer to it."""

    path: str
    who: tuple[str, str, str | None] | None
    body: Mapping[str, Any]
    content_type: str
    receipt: Mapping[str, Any]


Alerts = dict[tuple[str, str, str, int], Mapping[str, Any]]
"""By rule, district, day and level."""


class Machine(RuleBasedStateMachine):
    """One run of it. `steps` counts those of all runs."""

    steps: ClassVar[Counter[str]] = Counter()
    keys: ClassVar[Path]
    """A folder for the keys that tokens are signed with; making them anew each time would be most of the work."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = ManualClock(START.astimezone(UTC))
        self.model = Model(START - APPEND_DEADLINE)
        self.system = System(self.folder, self.keys, self.clock)
        self.runner = asyncio.Runner()
        self.sent: list[Sent] = []
        self.grievances = 0
        self.unreadable = 0
        self.grieved: dict[str, set[date]] = {}
        self.reviews: Counter[str] = Counter()
        self.acknowledged: dict[str, str] = {}
        self.calm = 0
        """Steps since the last start."""
        self.starts = 0
        self._boards: dict[date, tuple[object, Any]] = {}
        self._known_alerts: tuple[object, Alerts] = (None, {})
        self.taken_at = START
        self._ids = 0
        self.run(self.system.start())

    def run(self, work: Coroutine[object, object, T]) -> T:
        return self.runner.run(work)

    def teardown(self) -> None:
        try:
            if not self.system.fuse.blown:
                self._compare_all()
        finally:
            self.run(self.system.stop())
            self.runner.close()
            shutil.rmtree(self.folder)

    # -- what there is at first --

    @initialize(
        holders=st.lists(st.booleans(), min_size=len(DISTRICTS), max_size=len(DISTRICTS)), back=st.integers(0, 2)
    )
    def begin(self, holders: list[bool], back: int) -> None:
        """A policy, three districts, and a holder or none."""
        self.adopt(days=-back, due_hour=21, grace_minutes=180, remind_minutes=120)
        for code, held in zip(DISTRICTS, holders, strict=True):
            data = DistrictAdded(
                state=STATE, district=code, name_en=code, name_hi=code, kind="whole", grid_row=0, grid_col=0
            )
            if self._say(data, 202):
                self.model.added[code] = self.taken_at
                self.model.tenures[code] = []
            if held:
                self.appoint(code, -10)

    # -- reports --

    @rule(code=districts, back=ago, stranger=st.booleans())
    def report(self, code: str, back: int, stranger: bool) -> None:
        """File a report: the first of its day, or a supplement."""
        day = self.today - ONE_DAY * back
        self._file(code, day, self._reporter(code, day, stranger=stranger), None)

    @rule(code=districts)
    def report_tomorrow(self, code: str) -> None:
        day = self.today + ONE_DAY
        self._file(code, day, self._reporter(code, day, stranger=False), None)

    @rule(code=districts, back=ago, stale=st.booleans())
    def correct(self, code: str, back: int, stale: bool) -> None:
        """Correct the day's report: its latest version, or another one."""
        day = self.today - ONE_DAY * back
        versions = self.model.day(code, day).versions
        if not versions:
            supersedes = self._new_id()
        elif stale:
            supersedes = versions[0].id if len(versions) > 1 else self._new_id()
        else:
            supersedes = versions[-1].id
        self._file(code, day, self._reporter(code, day, stranger=False), supersedes)

    @rule(data=st.data())
    @precondition(lambda self: self.sent)
    def retry(self, data: st.DataObject) -> None:
        """The same id and body again: the first receipt, for ever."""
        sent = data.draw(st.sampled_from(self.sent))
        answer = self.run(self.system.ask("POST", sent.path, sent.who, sent.body, sent.content_type))
        if answer is not None:
            assert (answer.status_code, answer.json()) == (200, sent.receipt)

    @rule(data=st.data())
    @precondition(lambda self: self.sent)
    def same_id_other_body(self, data: st.DataObject) -> None:
        """Refused, whatever else it is."""
        sent = data.draw(st.sampled_from(self.sent))
        body = dict(sent.body)
        if sent.path == "/v1/reports":
            body["summary"] = "something else"
        elif sent.path == "/v1/grievances":
            body["category"] = "something-else"
        else:
            event = HolidayDeclared(state=STATE, day=date(2030, 1, 1), name="something else")
            body = cloud_event(event, sent.receipt["id"])
        answer = self.run(self.system.ask("POST", sent.path, sent.who, body, sent.content_type))
        assert answer is None or answer.status_code == 409, answer.text

    @rule(data=st.data(), verdict=st.sampled_from(["approved", "returned"]))
    @precondition(lambda self: self.sent)
    def review(self, data: st.DataObject, verdict: str) -> None:
        """Changes no number."""
        sent = data.draw(st.sampled_from(self.sent))
        known = sent.path == "/v1/reports"
        code = sent.body["district"] if known else DISTRICTS[0]
        review = ReportReviewed(state=STATE, district=code, report_id=sent.receipt["id"], verdict=cast("Any", verdict))
        if self._say(review, 202 if known else 404):
            self.reviews[sent.receipt["id"]] += 1

    # -- roster, calendar, policy --

    @rule(code=districts, days=ahead)
    def appoint(self, code: str, days: int) -> None:
        since = self.today + ONE_DAY * days
        taken = any(each.until is None or each.until > max(each.since, since) for each in self.model.tenures[code])
        tenure = self._new_id()
        data = PresidentAppointed(
            state=STATE,
            district=code,
            tenure_id=tenure,
            person_id=tenure,
            name="somebody",
            kind="substantive",
            since=since,
        )
        if self._say(data, 409 if taken else 202):
            self.model.tenures[code].append(Tenure(tenure, since, self.taken_at))

    @rule(code=districts, days=ahead)
    def relieve(self, code: str, days: int) -> None:
        tenure = next(reversed(self.model.tenures[code]), None)
        until = self.today + ONE_DAY * days
        data = PresidentRelieved(
            state=STATE,
            district=code,
            tenure_id=tenure.id if tenure else self._new_id(),
            until=until,
            reason="moved",
        )
        if tenure is None:
            self._say(data, 422)
        elif tenure.until is not None:
            self._say(data, 409)
        elif until < tenure.since:
            self._say(data, 422)
        elif self._say(data, 202):
            tenure.until, tenure.relieved = until, self.taken_at

    @rule(code=districts, days=ahead, length=st.integers(0, 3))
    def leave(self, code: str, days: int, length: int) -> None:
        tenure = next(reversed(self.model.tenures[code]), None)
        first, last = self.today + ONE_DAY * days, self.today + ONE_DAY * (days + length)
        data = LeaveGranted(
            state=STATE,
            district=code,
            tenure_id=tenure.id if tenure else self._new_id(),
            from_=first,
            to=last,
            reason=LeaveReason.FAMILY,
        )
        if tenure is None:
            self._say(data, 422)
        elif any((first, last) == known[:2] for known in tenure.leaves):
            self._say(data, 409)
        elif self.now >= self.model.grace(last):
            self._say(data, 422)
        elif self._say(data, 202):
            tenure.leaves.append((first, last, self.taken_at))

    @rule(days=ahead, declared=st.booleans())
    def holiday(self, days: int, declared: bool) -> None:
        day = self.today + ONE_DAY * days
        known = self.model.holidays.setdefault(day, [])
        stands = bool(known) and known[-1][1]
        data = (
            HolidayDeclared(state=STATE, day=day, name="Diwali") if declared else HolidayRevoked(state=STATE, day=day)
        )
        if stands == declared:
            self._say(data, 409)
        elif self.now >= self.model.grace(day):
            self._say(data, 422)
        elif self._say(data, 202):
            known.append((self.taken_at, declared))

    @rule(code=districts, days=st.integers(-3, 1))
    def excuse(self, code: str, days: int) -> None:
        day = self.today + ONE_DAY * days
        said = self.model.day(code, day)
        data = DayExcused(state=STATE, district=code, day=day, reason="flood", by="State office")
        if said.excused is not None:
            self._say(data, 409)
        elif not self._open(day):
            self._say(data, 422)
        elif self._say(data, 202):
            said.excused = self.taken_at

    @rule(
        days=st.integers(0, 2),
        due_hour=st.sampled_from([18, 21, 22]),
        grace_minutes=st.sampled_from([0, 60, 180]),
        remind_minutes=st.sampled_from([0, 120, 1200]),
    )
    def adopt(self, days: int, due_hour: int, grace_minutes: int, remind_minutes: int) -> None:
        first_day = self.today + ONE_DAY * days
        data = PolicyAdopted(
            state=STATE,
            version=len(self.model.policies) + 1,
            effective_from=first_day,
            tz="Asia/Kolkata",
            due=f"{due_hour}:00",
            grace_minutes=grace_minutes,
            lock_after_days=LOCK_DAYS,
            remind_minutes_before=remind_minutes,
            ladder=LADDER,
            credit=None,
            hold=None,
            escalate_minutes=(),
        )
        if self.model.policies and days == 0:
            self._say(data, 422)
        elif self._say(data, 202):
            minutes = timedelta(minutes=1)
            self.model.policies.append(
                Policy(first_day, due_hour, grace_minutes * minutes, remind_minutes * minutes, self.taken_at)
            )

    # -- grievances, alerts --

    @rule(code=districts)
    def grieve(self, code: str) -> None:
        """On no more days than are no surge yet: what one is, tests/notifier/test_grievance_surge.py tells."""
        days = self.grieved.setdefault(code, set())
        today = self.now.astimezone(UTC).date()
        if len(days | {today}) > MOST_DAYS_OF_PROTEST:
            return
        days.add(today)
        body = {"id": self._new_id(), "district": code, "category": "working-style", "severity": "low"}
        if self._post("/v1/grievances", None, body, 202):
            self.grievances += 1

    @rule(data=st.data(), snooze=st.booleans())
    def acknowledge(self, data: st.DataObject, snooze: bool) -> None:
        alerts = self._alerts()
        if not alerts:
            return
        key = data.draw(st.sampled_from(sorted(alerts)))
        alert = alerts[key]
        body = {"until": "2099-01-01T00:00:00Z"} if snooze else {"note": "seen"}
        path = f"/v1/alerts/{alert['alert_id']}/{'snooze' if snooze else 'acknowledge'}"
        answer = self.run(self.system.ask("POST", path, body=body))
        if answer is None:
            self.acknowledged[alert["alert_id"]] = "perhaps"
        elif alert["status"] == "resolved":
            assert answer.status_code == 409, answer.text
        else:
            assert answer.status_code == 200, answer.text
            self.acknowledged[alert["alert_id"]] = "snoozed" if snooze else "acknowledged"

    # -- time --

    @rule(minutes=st.integers(1, 300))
    def wait(self, minutes: int) -> None:
        self._move(self.now + timedelta(minutes=minutes))

    @rule(
        moment=st.sampled_from(["remind", "due", "grace", "opens", "lock"]),
        seconds=st.sampled_from([-1, 0, 1, 4, 5, 6]),
        days=st.integers(0, 1),
    )
    def wait_for(self, moment: str, seconds: int, days: int) -> None:
        """To just before, at, or just after what falls due next."""
        day = self.today + ONE_DAY * (days if moment != "lock" else -LOCK_DAYS)
        self._move(getattr(self.model, moment)(day) + timedelta(seconds=seconds))

    @rule(days=st.integers(1, 3))
    def wait_days(self, days: int) -> None:
        self._move(self.now + ONE_DAY * days)

    @rule()
    def stop_or_start_the_timekeeper(self) -> None:
        """Stopped, nothing is judged; started again, all of it is, as if it had been in time."""

        async def turn() -> None:
            self.system.set_timekeeper(running=not self.system.keeps_time)
            await asyncio.sleep(0)

        self.run(turn())

    # -- faults --

    @rule(writes=st.integers(1, 8), after=st.booleans())
    @precondition(lambda self: self.calm > SELDOM)
    def crash_soon(self, writes: int, after: bool) -> None:
        """The process dies at the n-th write from now, of anybody, before it is durable or after."""
        self.system.fuse.set(writes, after=after)

    @rule()
    @precondition(lambda self: self.calm > SELDOM)
    def crash(self) -> None:
        self.system.fuse.blown = True

    @rule(store=st.booleans())
    @precondition(lambda self: self.calm > SELDOM)
    def rebuild(self, store: bool) -> None:
        """Throw the projections away, in order or by losing the file of the store."""
        self.calm = 0
        self.starts += 1
        self.run(self.system.stop())
        if store:
            for path in self.folder.glob("store.db*"):
                path.unlink()
        else:
            self.run(self.system.rebuild())
        self.run(self.system.start())

    @rule(code=st.sampled_from([*DISTRICTS, STATE]))
    @precondition(lambda self: self.unreadable < 8)
    def poison(self, code: str) -> None:
        """A record that nobody can read: whoever it is about is accused no more, of open days and of those to come."""
        model, now, clock = self.model, self.now, self.model.clock
        self.run(self.system.write_unreadable(code))
        self._settle()
        if self.system.unreadable == self.unreadable:
            return  # it died first
        self.unreadable += 1
        for each in DISTRICTS:
            if code in {each, STATE}:
                model.unread.setdefault(each, now)
        day = FIRST
        while model.opens(day) <= now:
            for each in DISTRICTS:
                said = model.day(each, day)
                if code in {each, STATE} and clock < model.grace(day) and not said.versions:
                    # Who still owed it is not even reminded; an excuse keeps its place in what was before.
                    owed = clock < model.remind(day) and model.now(each, day, now).status == "pending"
                    since = model.opens(day) if owed else min(now, model.grace(day))
                    said.held = said.held or since
                    model.instants.add(said.held)
            day += ONE_DAY
        self._move(now + MOMENT)

    # -- what must be so --

    @invariant()
    def agrees(self) -> None:
        if not self.model.policies:
            return
        Machine.steps["steps"] += 1
        self.calm += 1
        self._settle()
        self._compare_log()
        self._compare_days(self.today - ONE_DAY * 2)
        self._compare_alerts()

    def _settle(self) -> None:
        """Let it say all it has to say; if it has died, or dies of that, begin again from what is on the disk."""
        if self.system.keeps_time:
            self.model.clock = self.now - APPEND_DEADLINE
        wanted = max((each for each in self._wanted() if each <= self.model.clock), default=None)
        while True:
            self.run(self.system.settle(wanted))
            if not self.system.fuse.blown:
                return
            self._revive()

    def _wanted(self) -> Sequence[datetime]:
        """The instants at which the stream's clock has to say something."""
        days = [FIRST + ONE_DAY * each for each in range((self.today - FIRST).days + 1)]
        reminders = [self.model.remind(day) for day in days[-2:] if self.model.reminds(day)]
        return [*(self.model.grace(day) for day in days), *reminders]

    def _compare_log(self) -> None:
        """No id twice; all that was acknowledged is there, where its receipt says."""
        assert self.system.repeated == []
        assert self.system.unreadable == self.unreadable
        for sent in self.sent[-3:]:
            self._stands(sent)

    def _stands(self, sent: Sent) -> None:
        stream, offset = self.system.ids[sent.receipt["id"]]
        if stream.endswith(".grievances"):  # its receipt does not say how many there are
            assert sent.receipt.keys().isdisjoint({"stream", "offset"})
        else:
            assert (stream, offset) == (sent.receipt["stream"], sent.receipt["offset"])

    def _compare_days(self, day: date) -> None:
        day = max(day, FIRST)
        while self.model.opens(day) <= self.now:
            self._compare_day(day)
            day += ONE_DAY

    def _compare_day(self, day: date) -> None:
        board = self._board(day)
        model, now = self.model, self.now
        if model.opens(day) > self.system.latest and (board is None or board["as_of"]["offset"] + 1 < self.system.end):
            return  # a day that no event has opened is shown from a snapshot, which says that it is older
        assert board is not None, day
        assert board["closed"] == (model.clock >= model.grace(day)), day
        codes = [code for code in sorted(DISTRICTS) if model.listed(code, day)]
        found = {each["district"]: each for each in board["districts"]}
        assert list(found) == codes, day
        counts: Counter[str] = Counter()
        for code in codes:
            status, said = model.now(code, day, now), model.day(code, day)
            received = said.received(now)
            shown = found[code]
            counts[status.status] += 1
            assert (shown["status"], shown["reason"]) == (status.status, status.reason), (code, day)
            assert shown["report_id"] == (said.versions[0].id if said.versions else None), (code, day)
            assert shown["version_id"] == (said.versions[-1].id if said.versions else None), (code, day)
            assert shown["supplements"] == [each.id for each in said.supplements], (code, day)
            assert (shown["received_at"] and datetime.fromisoformat(shown["received_at"])) == received, (code, day)
        expected = len(codes) - counts["excused"]
        assert board["counts"] == {name: counts[name] for name in board["counts"]} | {"expected": expected}, day
        filed = counts["on_time"] + counts["in_grace"]
        assert board["timeliness"]["numerator"] == filed, day
        assert board["completeness"]["numerator"] == filed + counts["late"], day

    def _board(self, day: date) -> Any:
        """As it is answered, asked for again when anything was written since."""
        written = (self.system.end, self.starts)
        if self._boards.get(day, (None, None))[0] != written:
            self._boards[day] = written, self.run(self.system.get(f"/v1/states/{STATE}/days/{day}"))
        return self._boards[day][1]

    def _compare_alerts(self) -> None:
        """Each condition raised once, each resolved as it was; nothing besides."""
        alerts = self._alerts()
        for alert in alerts.values():
            done = self.acknowledged.get(alert["alert_id"], "open")
            assert done == "perhaps" or alert["status"] in {done, "resolved"}, alert
        found = {key: alert["how"] for key, alert in alerts.items()}
        expected = self.model.alerts(FIRST, self.today, self.now)
        assert found == expected, f"said {found.items() - expected.items()}, not {expected.items() - found.items()}"

    def _compare_all(self) -> None:
        self.agrees()
        self._compare_days(FIRST)
        for sent in self.sent:
            self._stands(sent)
            answer = self.run(self.system.ask("GET", f"/v1/receipts/{sent.receipt['id']}"))
            assert answer is not None
            old = datetime.fromisoformat(sent.receipt["received_at"]) < self.now - REMEMBERED
            assert (
                old and answer.status_code == httpx.codes.NOT_FOUND
            ) or answer.json().items() >= sent.receipt.items()
            if sent.path == "/v1/reports":
                report = cast("Any", self.run(self.system.get(f"/v1/reports/{sent.receipt['id']}")))
                assert len(report["reviews"]) == self.reviews[sent.receipt["id"]]

    # -- in few words --

    @property
    def now(self) -> datetime:
        return self.clock.now()

    @property
    def today(self) -> date:
        return self.now.astimezone(INDIA).date()

    def _new_id(self) -> str:
        """Version 4 in form, and always the same ones."""
        self._ids += 1
        return str(UUID(int=self._ids, version=4))

    def _move(self, to: datetime) -> None:
        async def move() -> None:
            self.clock.advance_to(to.astimezone(UTC))

        self.run(move())

    def _open(self, day: date) -> bool:
        return self.model.opens(day) <= self.now < self.model.lock(day)

    def _reporter(self, code: str, day: date, *, stranger: bool) -> str:
        holder = None if stranger else self.model.accountable(code, day, self.now)
        return holder.id if holder else self._new_id()

    def _file(self, code: str, day: date, tenure: str, supersedes: str | None) -> None:
        said = self.model.day(code, day)
        accountable = self.model.accountable(code, day, self.now)
        if not self._open(day) or accountable is None or accountable.id != tenure:
            expected = 422
        elif supersedes is not None and (not said.versions or said.versions[-1].id != supersedes):
            expected = 409
        else:
            expected = 202
        body: dict[str, Any] = {
            "id": self._new_id(),
            "district": code,
            "day": day.isoformat(),
            "tenure_id": tenure,
            "form": "daily.v1",
            "supersedes": supersedes,
            "captured_at": "2026-11-23T20:11:05+05:30",
            "activities": NOTHING_DONE,
            "summary": "",
            "evidence": [],
        }
        if self._post("/v1/reports", ("president", code, tenure), body, expected):
            filed = Filed(str(body["id"]), tenure, self.taken_at)
            first = supersedes is not None or not said.versions
            (said.versions if first else said.supplements).append(filed)

    def _say(self, data: EventData, expected: int) -> bool:
        body = cloud_event(data, self._new_id())
        return self._post("/v1/events", OFFICE, body, expected, EVENT)

    def _post(
        self,
        path: str,
        who: tuple[str, str, str | None] | None,
        body: Mapping[str, Any],
        expected: int,
        content_type: str = "application/json",
    ) -> bool:
        """Post, compare the answer's status, and say whether it stands in the log now."""
        answer = self.run(self.system.ask("POST", path, who, body, content_type))
        if answer is None:  # nobody knows: the log does
            self._revive()
            known = self.run(self.system.stands(body["id"])) is not None
            assert expected == 202 or not known
            Machine.steps["unknown outcomes"] += 1
            answer = self.run(self.system.ask("POST", path, who, body, content_type))  # the same once more
            assert answer is not None
            if known:
                assert answer.status_code == 200, answer.text
                self._took(path, who, body, content_type, answer.json())
                return True
        assert answer.status_code == expected, (answer.status_code, answer.text, body)
        if expected == 202:
            self._took(path, who, body, content_type, answer.json())
        return expected == 202

    def _took(
        self,
        path: str,
        who: tuple[str, str, str | None] | None,
        body: Mapping[str, Any],
        content_type: str,
        receipt: Mapping[str, Any],
    ) -> None:
        self.sent.append(Sent(path, who, body, content_type, receipt))
        self.model.instants.add(self.now)
        self.taken_at = self.now
        self._move(self.now + MOMENT)

    def _revive(self) -> None:
        Machine.steps["crashes"] += 1
        self.calm = 0
        self.starts += 1
        self.run(self.system.stop())
        self.run(self.system.start())

    def _alerts(self) -> Alerts:
        """As they are answered, asked for again when anything was written since."""
        written = (self.system.alerts_end, self.grievances, self.starts)
        if self._known_alerts[0] != written:
            while not self.run(self._read_alerts()):
                self.run(self.system.until(self._read_alerts))
                self._settle()  # it may have died of that
            self._known_alerts = (written, self._found_alerts)
        return self._known_alerts[1]

    async def _read_alerts(self) -> bool:
        """Whether every grievance has been heard; the positions of their stream are shown to nobody."""
        self._found_alerts: Alerts = {}
        grievances, cursor = 0, ""
        while True:
            page = cast("Any", await self.system.get(f"/v1/alerts?state={STATE}{cursor}"))
            for alert in page["items"]:
                key = (alert["rule"], alert["subject"], alert["period"], alert["level"])
                assert key not in self._found_alerts
                if alert["rule"] == "grievance-raised":
                    grievances += 1
                else:
                    self._found_alerts[key] = alert
            if page["next"] is None:
                return grievances == self.grievances
            cursor = f"&cursor={page['next']}"
