"""Reports green, grievances red: a district that reports in time, while more protest against its president than usual.

Two streams, joined when they are read: ingest's index follows both. It tells of grievances, so it is for AICC alone.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date

from pydantic import BaseModel

from libs.duty.state_duty import StateDuty
from libs.duty.transitions import Status
from libs.events.grievances import Surge
from libs.grievances.cases import Case
from libs.grievances.voices import NOBODY, heard, usual

GREEN = frozenset({Status.ON_TIME, Status.IN_GRACE, Status.EXCUSED})
LAST_DAYS = 7
FEWEST = 2
"""One voice is not many."""


class ReportedDay(BaseModel):
    day: date
    status: Status


class GreenAndRed(BaseModel):
    """A district whose reports look well, and about which more is heard than usual."""

    district: str
    reports: list[ReportedDay]
    """The last days that are judged and not locked, at most seven: each in time or excused, and one filed at least."""
    heard: int
    """Who was heard in the window of the state's grievance policy, each once."""
    usual: float
    """How many in the windows before it."""
    surge: bool
    """Whether they are so many that `grievance-surge` is raised."""


def green_and_red(cases: Iterable[Case], rule: Surge, duty: StateDuty, today: date) -> list[GreenAndRed]:
    """Of one state, by district. `today`: in UTC, as the days of grievances are."""
    voices: dict[str, dict[date, set[str]]] = defaultdict(lambda: defaultdict(set))
    for case in cases:
        voices[case.district][case.day].add(case.author or NOBODY)
    found: list[GreenAndRed] = []
    for district, by_day in sorted(voices.items()):
        now, before = heard(by_day, today, rule.days), usual(by_day, today, rule.days)
        reports = _reports(duty, district)
        if now >= FEWEST and now > before and _green(reports):
            surge = now >= max(rule.authors, rule.times * before)
            found.append(GreenAndRed(district=district, reports=reports, heard=now, usual=before, surge=surge))
    return found


def _reports(duty: StateDuty, district: str) -> list[ReportedDay]:
    judged = [day for day in duty.days.values() if day.closed and district in day.entries]
    return [ReportedDay(day=day.day, status=day.entries[district].status) for day in judged[-LAST_DAYS:]]


def _green(reports: list[ReportedDay]) -> bool:
    statuses = {each.status for each in reports}
    return statuses <= GREEN and statuses != {Status.EXCUSED} and bool(statuses)
