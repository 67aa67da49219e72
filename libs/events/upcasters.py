"""From data as it was written to data as today's code understands it: each older version is lifted to the next.

A published version is never edited and never goes away: its model stays, with an upcaster beside it. So only this room
knows older versions, and all that folds events sees the latest alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from libs.events.envelope import Event
from libs.events.values import EventData

Upcaster = Callable[[Any], EventData]
"""A pure function from an older version's data to the next one's."""
Upcasters = Mapping[type[EventData], Upcaster]

UPCASTERS: Upcasters = {}
"""By the model that is lifted. They stay here for ever."""


def lift(event: Event, upcasters: Upcasters = UPCASTERS) -> Event:
    """The same event with its data in the latest version; `written` keeps what stands, or will stand, in the log."""
    data = event.data
    while upcaster := upcasters.get(type(data)):
        data = upcaster(data)
    return event if data is event.data else replace(event, data=data, written=event.data)
