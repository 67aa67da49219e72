"""From data as it was written to data as today's code understands it: each older version is lifted to the next.

A published version is never edited and never goes away: its model stays, with an upcaster beside it. So only this room
knows older versions, and all that folds events sees the latest alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from libs.events import reports_v1
from libs.events.envelope import Event
from libs.events.reports import Activities, ReportCorrected, ReportFiled
from libs.events.values import EventData

Upcaster = Callable[[Any], EventData]
"""A pure function from an older version's data to the next one's."""
Upcasters = Mapping[type[EventData], Upcaster]


def _report(data: reports_v1.Report) -> dict[str, Any]:
    """The members of a report of version 2. `form` goes on saying what was filled in.

    For model_construct: the model of version 1 has checked all of it, and that of version 2 would not take `daily.v1`.
    By `vars`, since every old record comes this way: walking over a model's fields takes three times as long.
    """
    activities = vars(data.activities).copy()
    activities["press_mentions"] = activities.pop("media_mentions")
    return {**vars(data), "activities": Activities(**activities), "digital": None}


def report_filed_v2(data: reports_v1.ReportFiled) -> ReportFiled:
    return ReportFiled.model_construct(**_report(data))


def report_corrected_v2(data: reports_v1.ReportCorrected) -> ReportCorrected:
    return ReportCorrected.model_construct(**_report(data))


UPCASTERS: Upcasters = {
    reports_v1.ReportFiled: report_filed_v2,
    reports_v1.ReportCorrected: report_corrected_v2,
}
"""By the model that is lifted. They stay here for ever."""


def lift(event: Event, upcasters: Upcasters = UPCASTERS) -> Event:
    """The same event with its data in the latest version; `written` keeps what stands, or will stand, in the log."""
    data = event.data
    while upcaster := upcasters.get(type(data)):
        data = upcaster(data)
    return event if data is event.data else replace(event, data=data, written=event.data)
