"""What is read of grievances: AICC's list of cases, and the counts that a state's office may know.

Both come from the fold that ingest decides by: of cases no document stands in any store.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import date

from pydantic import BaseModel

from libs.events.values import Id
from libs.grievances.cases import Case, Cases
from libs.grievances.outcomes import Status
from services.ingest.green_and_red import GreenAndRed

A_PAGE = 100


class CaseItem(BaseModel):
    """A case as AICC sees it in a list: nothing of its text, nothing of who wrote it."""

    grievance_id: Id
    district: str
    category: str
    severity: str
    day: date
    """When it was raised, in UTC."""
    status: Status
    level: int
    due: date | None
    """The day by which there must be an answer."""
    overdue: bool
    """Whether a due day has passed without an answer."""
    handler: str | None
    """The `person_id` of who deals with it."""
    letters: int
    """How many sealed texts there are."""
    supporters: int
    """How many others were merged into it."""
    duplicate_of: Id | None
    how: str | None
    """How it was closed: agreed, silence, or override."""
    erased: bool


class CaseList(BaseModel):
    """So many as fit a page."""

    items: list[CaseItem]
    next: str | None
    """Asked for as `after`, gives the next page."""
    green_and_red: list[GreenAndRed]
    """Of all that one may read here, whatever the page or status: the reports look well, and yet many protest."""


class MonthCount(BaseModel):
    """How many grievances of a category a state had in a month."""

    month: str
    """`2026-11`, in UTC."""
    category: str
    """As it was raised."""
    count: int


class Counts(BaseModel):
    """Months that are over, and of these what is not below `k`. No sums: they would give away what is left out."""

    state: str
    k: int
    items: list[MonthCount]


def listed(
    cases: Iterable[Case], status: Status | None, after: str | None, beside: list[GreenAndRed] | None = None
) -> CaseList:
    """In the order in which they were raised, by day and then by id. `after`: where the page before ended."""
    found = sorted((_place(case), case) for case in cases if status in {None, case.status})
    page = [(place, case) for place, case in found if after is None or place > after][: A_PAGE + 1]
    more = len(page) > A_PAGE
    return CaseList(
        items=[item(case) for _, case in page[:A_PAGE]],
        next=page[A_PAGE - 1][0] if more else None,
        green_and_red=beside or [],
    )


def _place(case: Case) -> str:
    return f"{case.day}.{case.grievance_id}"


def item(case: Case) -> CaseItem:
    return CaseItem(
        grievance_id=case.grievance_id,
        district=case.district,
        category=case.category,
        severity=case.severity,
        day=case.day,
        status=case.status,
        level=case.level,
        due=case.due,
        overdue=case.due in case.overdue,
        handler=case.handler,
        letters=len(case.letters),
        supporters=case.supporters,
        duplicate_of=case.duplicate_of,
        how=case.how,
        erased=case.erased,
    )


def counted(state: str, cases: Cases, today: date) -> Counts:
    """What a state's office may know. A month's counts never change once it is over, whatever becomes of the cases."""
    k = cases.policy.k
    of = Counter((f"{case.day:%Y-%m}", case.raised_as) for case in cases.by_id.values())
    this_month = f"{today:%Y-%m}"
    shown = sorted(cell for cell, count in of.items() if cell[0] < this_month and count >= k)
    items = [MonthCount(month=month, category=category, count=of[month, category]) for month, category in shown]
    return Counts(state=state, k=k, items=items)
