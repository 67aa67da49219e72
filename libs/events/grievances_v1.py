"""Grievances as they were before a text could be sealed; the codec lifts them. Not to be edited: published."""

from typing import Annotated, ClassVar

from pydantic import Field

from libs.events.grievances import Category, Severity
from libs.events.values import DistrictData, Id


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
