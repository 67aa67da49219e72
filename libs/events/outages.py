"""What a state's stream says of outages of our own: what was given back for one, and who confirmed a held judgement."""

from typing import Annotated, ClassVar

from pydantic import Field

from libs.events.policy_v1 import MINUTES_A_DAY
from libs.events.values import Day, EventData, Instant, Name


class OutageCredited(EventData):
    """Nobody could report for a while, by our fault: the day's grace ends as much later, within the policy's bound."""

    NAME: ClassVar[str] = "outage.credited"

    day: Day
    """The day whose grace is longer by this."""
    from_: Annotated[Instant, Field(alias="from")]
    """The last sign of life before the gap. With the day it makes the event's id: one outage is credited once."""
    to: Instant
    """The first sign of life after it; or, where there was none yet, the end of the longest grace that it can give."""
    minutes: Annotated[int, Field(ge=1, le=MINUTES_A_DAY)]
    """Whole minutes of the gap that lie between the day's reminder and the end of its grace, rounded up."""


class JudgementConfirmed(EventData):
    """A named person says that a held judgement stands: who has not reported has missed the day."""

    NAME: ClassVar[str] = "judgement.confirmed"

    day: Day
    """The day whose judgement is held."""
    by: Name
    """Who has looked into it."""
