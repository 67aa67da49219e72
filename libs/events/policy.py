"""A state's dated rules: today's version.

What version 2 has not changed is that of version 1 (`policy_v1`), which nobody edits.
"""

from itertools import pairwise
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, Field, model_validator

from libs.events.policy_v1 import MINUTES_A_DAY, Policy, minutes
from libs.events.values import Model, broken

MOST_HELD_HOURS = 72


def _rising(value: tuple[int, ...]) -> tuple[int, ...]:
    if any(low >= high for low, high in pairwise(value)):
        raise broken("each escalation comes later than the one before")
    return value


class Credit(Model):
    """What an outage of our own gives back to a day."""

    max_minutes: Annotated[int, Field(ge=1, le=MINUTES_A_DAY)]
    """The most minutes by which outages may move the end of a day's grace, all of them together."""


class Hold(Model):
    """When so many are silent at once, the fault is sooner ours than theirs."""

    share_percent: Annotated[int, Field(ge=1, le=100)]
    """From this share of the districts that could be judged on, a judgement is held."""
    hours: Annotated[int, Field(ge=1, le=MOST_HELD_HOURS)]
    """Hours after the end of the grace, until which a named person may confirm it; then it stands by itself."""


class PolicyAdopted(Policy):
    """From `effective_from` on, days are due, judged and locked like this. Never retroactive (guarantee 5)."""

    NAME: ClassVar[str] = "policy.adopted"
    VERSION: ClassVar[int] = 2

    credit: Credit | None = Credit(max_minutes=240)
    """How outages of our own move the end of the grace; null: they do not."""
    hold: Hold | None = Hold(share_percent=60, hours=24)
    """When a judgement is held as `unknown` until a person confirms it; null: never."""
    escalate_minutes: Annotated[
        tuple[Annotated[int, Field(ge=1, le=7 * MINUTES_A_DAY)], ...], Field(max_length=5), AfterValidator(_rising)
    ] = (720, 1440)
    """Minutes from when an alert is raised, after which it goes up a level unless somebody has acknowledged it."""

    @model_validator(mode="after")
    def _credited_in_time(self) -> Self:
        credit = 0 if self.credit is None else self.credit.max_minutes
        if minutes(self.due) + self.grace_minutes + credit > MINUTES_A_DAY * (1 + self.lock_after_days):
            raise broken("the grace and the longest credit must end before the day locks")
        return self
