"""Events in few words, for tests of anything that folds a reports stream: `filed("guna", "2026-11-23", "…T20:00")`.

Instants without an offset are Indian time. Ids are worked out from what is said, so that the same words are the same
event, whenever they are received; `known_as` gives it another id, and makes it a second event in the same words.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from uuid import NAMESPACE_URL, uuid5
from zoneinfo import ZoneInfo

from libs.events import reports, reports_v1
from libs.events.calendar import DayExcused, HolidayDeclared, HolidayRevoked
from libs.events.clock import ClockReached
from libs.events.districts import DistrictAdded, DistrictClosed
from libs.events.envelope import Event, Recorded
from libs.events.outages import JudgementConfirmed, OutageCredited
from libs.events.policy import Credit, Hold, PolicyAdopted
from libs.events.presidents import LeaveGranted, LeaveReason, PresidentAppointed, PresidentRelieved
from libs.events.reports import Digital, ReportReviewed
from libs.events.system import RecordSetAside
from libs.events.upcasters import lift
from libs.events.values import EventData

STATE = "in-mp"
STREAM = f"rozana.{STATE}.reports"
INDIA = ZoneInfo("Asia/Kolkata")
EARLY = "2026-11-22T09:00"
"""When everything is logged whose time is not said: the day before the first day of most stories."""
APPEND_DEADLINE = timedelta(seconds=5)
NOTHING_DONE = reports_v1.Activities(**dict.fromkeys(reports_v1.Activities.model_fields, 0))
NOTHING_DONE_V2 = reports.Activities(**dict.fromkeys(reports.Activities.model_fields, 0))


def instant(text: str | datetime) -> datetime:
    found = text if isinstance(text, datetime) else datetime.fromisoformat(text)
    return (found if found.tzinfo else found.replace(tzinfo=INDIA)).astimezone(UTC)


def day(text: str | date) -> date:
    return text if isinstance(text, date) else date.fromisoformat(text)


def code(district: str) -> str:
    return f"{STATE}.{district}"


def named(name: str) -> str:
    """The id that goes by `name`."""
    return str(uuid5(NAMESPACE_URL, name))


def event(data: EventData, at: str | datetime, known_as: str | None = None) -> Event:
    return lift(Event(named(known_as or f"{data!r}"), f"urn:rozana:test:{STATE}", instant(at), data))


def recorded(said: Event, offset: int, appended_at: datetime | None = None) -> Recorded:
    """The event at its place in the log, which takes it at once unless said otherwise."""
    return Recorded(said, STREAM, offset, appended_at or said.time)


def policy(
    due: str = "21:00",
    grace: int = 180,
    *,
    version: int = 1,
    effective_from: str | date = "2026-11-23",
    tz: str = "Asia/Kolkata",
    lock: int = 7,
    remind: int = 120,
    ladder: tuple[int, ...] = (1, 3, 7),
    credit: int | None = None,
    hold: tuple[int, int] | None = None,
    escalate: tuple[int, ...] = (),
    at: str | datetime = EARLY,
) -> Event:
    """credit: most minutes. hold: from so many percent, for so many hours."""
    data = PolicyAdopted(
        state=STATE,
        version=version,
        effective_from=day(effective_from),
        tz=tz,
        due=due,
        grace_minutes=grace,
        lock_after_days=lock,
        remind_minutes_before=remind,
        ladder=ladder,
        credit=None if credit is None else Credit(max_minutes=credit),
        hold=None if hold is None else Hold(share_percent=hold[0], hours=hold[1]),
        escalate_minutes=escalate,
    )
    return event(data, at)


def added(district: str, *, at: str | datetime = EARLY, name: str | None = None) -> Event:
    data = DistrictAdded(
        state=STATE,
        district=code(district),
        name_en=name or district,
        name_hi=district,
        kind="whole",
        grid_row=0,
        grid_col=0,
    )
    return event(data, at)


def closed_district(district: str, *, at: str | datetime) -> Event:
    return event(DistrictClosed(state=STATE, district=code(district), reason="merged"), at)


def tenure(district: str, holder: str = "asha") -> str:
    return named(f"tenure of {holder} in {district}")


def appointed(
    district: str,
    holder: str = "asha",
    *,
    since: str | date = "2026-08-16",
    acting: bool = False,
    at: str | datetime = EARLY,
) -> Event:
    data = PresidentAppointed(
        state=STATE,
        district=code(district),
        tenure_id=tenure(district, holder),
        person_id=named(holder),
        name=holder,
        kind="acting" if acting else "substantive",
        since=day(since),
    )
    return event(data, at)


def relieved(district: str, holder: str = "asha", *, until: str | date, at: str | datetime) -> Event:
    data = PresidentRelieved(
        state=STATE, district=code(district), tenure_id=tenure(district, holder), until=day(until), reason="moved"
    )
    return event(data, at)


def on_leave(
    district: str, first: str | date, last: str | date, *, holder: str = "asha", at: str | datetime = EARLY
) -> Event:
    data = LeaveGranted(
        state=STATE,
        district=code(district),
        tenure_id=tenure(district, holder),
        from_=day(first),
        to=day(last),
        reason=LeaveReason.FAMILY,
    )
    return event(data, at)


def holiday(on: str | date, *, at: str | datetime = EARLY, known_as: str | None = None) -> Event:
    return event(HolidayDeclared(state=STATE, day=day(on), name="Diwali"), at, known_as)


def no_holiday(on: str | date, *, at: str | datetime, known_as: str | None = None) -> Event:
    return event(HolidayRevoked(state=STATE, day=day(on)), at, known_as)


def excused(district: str, on: str | date, *, at: str | datetime) -> Event:
    data = DayExcused(state=STATE, district=code(district), day=day(on), reason="flood", by="State office")
    return event(data, at)


def filed(
    district: str,
    on: str | date,
    received_at: str | datetime,
    *,
    holder: str = "asha",
    summary: str = "",
    known_as: str | None = None,
) -> Event:
    data = reports_v1.ReportFiled(
        state=STATE,
        district=code(district),
        day=day(on),
        tenure_id=tenure(district, holder),
        form="daily.v1",
        activities=NOTHING_DONE,
        summary=summary,
        captured_at="2026-11-23T20:11:05+05:30",
    )
    return event(data, received_at, known_as)


def corrected(
    district: str,
    on: str | date,
    received_at: str | datetime,
    *,
    of: str,
    holder: str = "asha",
    summary: str = "",
    known_as: str | None = None,
) -> Event:
    """`of` is the id of the version that it replaces."""
    data = reports_v1.ReportCorrected(
        state=STATE,
        district=code(district),
        day=day(on),
        tenure_id=tenure(district, holder),
        form="daily.v1",
        activities=NOTHING_DONE,
        summary=summary,
        captured_at="2026-11-23T20:11:05+05:30",
        supersedes=of,
    )
    return event(data, received_at, known_as)


def on_form_2(report: Event, digital: Digital | None = None) -> Event:
    """The same report filled in on form `daily.v2`, and with an id of its own."""
    written = report.as_written.model_dump()
    said = written | {"form": "daily.v2", "activities": NOTHING_DONE_V2, "digital": digital}
    model = reports.ReportCorrected if written["supersedes"] else reports.ReportFiled
    return event(model.model_validate(said), report.time)


def saying(said: Event, **changes: object) -> Event:
    """The event under its own id, and with other data."""
    return lift(replace(said, data=said.as_written.model_copy(update=changes), written=None))


def reviewed(
    district: str,
    report: str,
    *,
    at: str | datetime,
    verdict: Literal["approved", "returned"] = "returned",
    comment: str = "",
    known_as: str | None = None,
) -> Event:
    data = ReportReviewed(state=STATE, district=code(district), report_id=report, verdict=verdict, comment=comment)
    return event(data, at, known_as or f"review {report}")


def credited(on: str | date, begin: str | datetime, end: str | datetime, minutes: int, *, at: str | datetime) -> Event:
    data = OutageCredited(state=STATE, day=day(on), from_=instant(begin), to=instant(end), minutes=minutes)
    return event(data, at, f"credit of {data.day} {data.from_}")


def confirmed(on: str | date, *, at: str | datetime, known_as: str | None = None) -> Event:
    return event(JudgementConfirmed(state=STATE, day=day(on), by="State office"), at, known_as)


def set_aside(offset: int, *, at: str | datetime) -> Event:
    return event(RecordSetAside(state=STATE, offset=offset, reason="a broken pen", by="Operator"), at)


def clock_reached(at: str | datetime, *, appended_at: str | datetime | None = None) -> Event:
    """Appended at `at` plus the append deadline, unless said otherwise: the event's time is when it was appended."""
    reached = instant(at)
    return event(ClockReached(state=STATE, at=reached), appended_at or reached + APPEND_DEADLINE)
