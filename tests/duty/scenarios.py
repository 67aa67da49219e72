"""Random weeks of a small state, for property tests: what is logged when, and the timekeeper who follows it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from hypothesis import strategies as st

from libs.duty.outages import Gap, exhausted, owing
from libs.duty.outcomes import Outcome
from libs.duty.state_duty import StateDuty, Step
from libs.duty.transitions import Transition
from libs.events.calendar import HolidayDeclared
from libs.events.envelope import Event, Recorded
from libs.events.reports import ReportCorrected, ReportFiled
from tests.duty import events as say
from tests.duty.events import APPEND_DEADLINE, STATE, instant, recorded

FIRST = date(2026, 11, 20)
DAYS = 5
END = instant(f"{FIRST + timedelta(days=DAYS + 4)}T00:00")
"""By now every day of the story has locked."""
AFTER_ALL = END + timedelta(days=14)
"""By now the slowest timekeeper has said so."""
DISTRICTS = ("guna", "dhar", "rewa")
QUICK = (0, 0, 0, 1, 4)
ZONES = ("Asia/Kolkata", "Asia/Kolkata", "Asia/Tokyo", "Europe/Berlin")
RULES = (("21:00", 180, 1), ("21:00", 180, 0), ("12:00", 0, 2), ("06:00", 600, 1), ("23:00", 1440, 2), ("00:01", 0, 0))
"""Due, grace, lock."""
HOURS = (0, 6, 10, 12, 16, 19, 21, 23, 24)
"""The hours near which these fall due."""
HOLDS = (None, None, None, (60, 5), (34, 30))
CREDITS = (None, 30, 240)


@dataclass(frozen=True)
class Logged:
    """An event, and when the log took it."""

    event: Event
    appended_at: datetime


@st.composite
def instants(draw: st.DrawFn) -> datetime:
    begins = instant(f"{FIRST + timedelta(days=draw(st.integers(0, DAYS - 1)))}T00:00")
    seconds = draw(st.sampled_from((-2, 0, 0, 1, 3, 7, 1800)))
    return begins + timedelta(hours=draw(st.sampled_from(HOURS)), seconds=seconds)


@st.composite
def credits_and_holds(draw: st.DrawFn, lock: int) -> tuple[int | None, tuple[int, int] | None]:
    """A credit must end before the lock."""
    return draw(st.sampled_from(CREDITS)) if lock else None, draw(st.sampled_from(HOLDS))


@st.composite
def outages(draw: st.DrawFn) -> list[Gap]:
    """One after the other, near the hours at which days fall due."""
    begins = sorted({draw(instants()) for _ in range(draw(st.integers(0, 5)))})
    lasts = (timedelta(minutes=2), timedelta(minutes=40), timedelta(minutes=90), timedelta(hours=7))
    found: list[Gap] = []
    for begin in begins:
        if not found or (found[-1].end or begin) < begin:
            found.append(Gap(begin, begin + draw(st.sampled_from(lasts))))
    return found


def without(log: Sequence["Logged"], gaps: Sequence[Gap]) -> list["Logged"]:
    """What could be said at all: in an outage nobody takes anything."""
    return [
        each
        for each in log
        if not any(gap.begin < each.event.time and gap.end and each.event.time < gap.end for gap in gaps)
    ]


@st.composite
def told(draw: st.DrawFn, at: datetime, earlier: Sequence[Event]) -> Event:  # noqa: PLR0912 -- one case a kind
    """Something said at the instant `at`."""
    district, holder = draw(st.sampled_from(DISTRICTS)), draw(st.sampled_from(("asha", "asha", "asha", "bina")))
    today = at.astimezone(say.INDIA).date()
    day = today + timedelta(days=draw(st.sampled_from((0, 0, 0, -1, -1, -2, 1))))
    number = draw(st.integers(0, 3))
    reports = [each for each in earlier if isinstance(each.data, ReportFiled | ReportCorrected)]
    holidays = [each.data.day for each in earlier if isinstance(each.data, HolidayDeclared)]
    match draw(st.sampled_from("fffffffrrccsxlhhnneepgkkd")):
        case "r" if reports:  # a retry, with a time of its own
            return replace(draw(st.sampled_from(reports)), time=at)
        case "c" if reports:
            of = draw(st.sampled_from(reports)).id
            return say.corrected(district, day, at, of=of, holder=holder, summary=str(number))
        case "s":
            return say.filed(district, day, at, holder=holder, summary=f"more {number}")
        case "x" if reports:  # the same id in other words
            first = draw(st.sampled_from(reports))
            assert isinstance(first.data, ReportFiled | ReportCorrected)
            return replace(say.saying(first, summary=f"conflict {number}"), time=at)
        case "l":
            return say.on_leave(district, day, day + timedelta(days=number), holder=holder, at=at)
        case "h":
            return say.holiday(day, at=at, known_as=f"holiday {day} {number}")
        case "n" if holidays:
            day = draw(st.sampled_from(holidays))
            return say.no_holiday(day, at=at, known_as=f"no holiday {day} {number}")
        case "e":
            return say.excused(district, day, at=at)
        case "p":
            due, grace, lock = draw(st.sampled_from(RULES))
            tz = draw(st.sampled_from(ZONES))
            credit, hold = draw(credits_and_holds(lock))
            return say.policy(
                due, grace, version=number + 1, effective_from=day, tz=tz, lock=lock, credit=credit, hold=hold, at=at
            )
        case "g":
            return say.relieved(district, holder, until=day, at=at)
        case "d":
            return say.closed_district(district, at=at)
        case "k":
            return say.appointed(district, holder, since=day, at=at)
        case _:
            return say.filed(district, day, at, holder=holder)


@st.composite
def logs(draw: st.DrawFn, *, delays: Sequence[int] = QUICK) -> list[Logged]:
    """What is logged in some days, in the order of the log.

    delays: seconds from received to appended, of reports; all else is quick, the first policy at once.
    """
    before = instant(f"{FIRST}T00:00") - timedelta(hours=2)
    in_time = st.one_of(st.just(before), st.just(before), st.just(before), instants())
    due, grace, lock = draw(st.sampled_from(RULES))
    remind = draw(st.sampled_from((0, 120, 1440)))
    since = date(2026, 8, 16)
    credit, hold = draw(credits_and_holds(lock))
    first = say.policy(
        due, grace, effective_from=FIRST, lock=lock, remind=remind, credit=credit, hold=hold, at=draw(in_time)
    )
    said = [first]
    for district in DISTRICTS:
        said.append(say.added(district, at=draw(in_time)))
        said.append(say.appointed(district, since=since, at=max(said[-1].time, draw(in_time))))
    for at in sorted(draw(st.lists(instants(), min_size=4, max_size=20))):
        said.append(draw(told(at, said)))
    logged = [Logged(said[0], said[0].time)]
    for event in said[1:]:
        report = isinstance(event.data, ReportFiled | ReportCorrected)
        delay = draw(st.sampled_from(delays if report else QUICK))
        logged.append(Logged(event, event.time + timedelta(seconds=delay)))
    return sorted(logged, key=lambda each: each.appended_at)


@dataclass
class Run:
    """A fold of a log, with a timekeeper that appends clock.reached so much after it is due."""

    lag: timedelta = APPEND_DEADLINE
    leaps: bool = False
    """Whether it asks for all that is due at once, not for one instant after the other."""
    gaps: Sequence[Gap] = ()
    """The outages that it finds, once they are over or have given all that they can give."""
    duty: StateDuty = field(default_factory=lambda: StateDuty(STATE))
    steps: list[tuple[Recorded, Step]] = field(default_factory=list)

    def through(self, log: Sequence[Logged]) -> "Run":
        for each in log:
            self.clock_until(each.appended_at)
            self.fold(each.event, each.appended_at)
        self.clock_until(END + self.lag + timedelta(seconds=1))
        self.fold(say.clock_reached(END, appended_at=END + self.lag), END + self.lag)
        self.fold(
            say.reviewed("guna", say.named("any"), at=AFTER_ALL), AFTER_ALL
        )  # the days that begin meanwhile, begin
        return self

    def clock_until(self, now: datetime) -> None:
        """All the clocks that have been appended before `now`."""
        while (due := self.duty.next_due()) is not None and due + self.lag < now:
            if self.gaps and (found := self.credits(due)):
                if found[0].time >= now:
                    return
                for event in found:
                    self.fold(event, event.time)
                continue
            reached = max(due, now - self.lag - timedelta(seconds=1)) if self.leaps else due
            self.fold(say.clock_reached(reached, appended_at=reached + self.lag), reached + self.lag)
            after = self.duty.next_due()
            assert after is None or self.duty.clock is None or after > self.duty.clock

    def credits(self, due: datetime) -> list[Event]:
        """What is to be credited before `due` is judged; `time` is when it is known."""
        for day in self.duty.judged_at(due):
            credit, moment = self.duty.policies.on(day.day).policy.credit, due + self.lag
            found = owing(day, credit, self._seen(moment))
            if not found.credits and found.wait_until is not None:
                ends = [gap.end for gap in self.gaps if gap.end and gap.end > moment]
                moment = min([*ends, found.wait_until + self.lag])
                waited = exhausted if moment > found.wait_until else owing
                found = waited(day, credit, self._seen(moment))
            if found.credits:
                return [say.credited(day.day, *each, at=moment) for each in found.credits]
        return []

    def _seen(self, moment: datetime) -> list[Gap]:
        return [
            gap if gap.end and gap.end <= moment else Gap(gap.begin, None) for gap in self.gaps if gap.begin <= moment
        ]

    def fold(self, event: Event, appended_at: datetime) -> Step:
        record = recorded(event, len(self.steps), appended_at)
        step = self.duty.evolve(record)
        self.steps.append((record, step))
        return step

    @property
    def transitions(self) -> Iterator[Transition]:
        return (each for _, step in self.steps for each in step.transitions)

    def outcomes(self) -> Iterator[tuple[Event, Outcome]]:
        return ((record.event, step.outcome) for record, step in self.steps)
