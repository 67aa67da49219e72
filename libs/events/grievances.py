"""What workers raise about a district. Read by AICC only; never by the one it is about."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from libs.events.values import DistrictData, Id

Category = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*([_-][a-z0-9]+)*$", max_length=40)]
"""A slug from the client's list. No free text, which could name somebody."""


class Severity(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class GrievanceRaised(DistrictData):
    """Somebody has raised a grievance. Who, and when on the day, is not in the event."""

    NAME: ClassVar[str] = "grievance.raised"
    SET_BY_INGEST: ClassVar[frozenset[str]] = frozenset({"state", "grievance_id"})

    grievance_id: Id
    """The grievance's id; ingest takes the event's."""
    category: Category
    """What it is about: a slug from the client's list, never free text."""
    severity: Annotated[Severity, Field(strict=False)]
    """How grave it is."""
