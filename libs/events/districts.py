"""The districts of a state: organisational units of the party."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from libs.events.values import DistrictData, Name, Reason

Tile = Annotated[int, Field(ge=0, le=99)]


class DistrictAdded(DistrictData):
    """A district exists from now on. Row and column place it on the tile map, from the north-west."""

    NAME: ClassVar[str] = "district.added"

    name_en: Name
    """The name in English."""
    name_hi: Name
    """The name in Hindi."""
    kind: Literal["whole", "city", "rural"]
    """Whether it covers a whole revenue district, its city, or the rest."""
    grid_row: Tile
    """Row on the tile map, from the north."""
    grid_col: Tile
    """Column on the tile map, from the west."""


class DistrictClosed(DistrictData):
    """A district owes nothing from the day of this event on. Its history stays."""

    NAME: ClassVar[str] = "district.closed"

    reason: Reason
    """Why it was closed."""
