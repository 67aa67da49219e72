"""The districts of a state: organisational units of the party."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from libs.events.values import DistrictData, Name, Reason

Tile = Annotated[int, Field(ge=0, le=99)]


class DistrictAdded(DistrictData):
    """A district exists from now on. Row and column place it on the tile map, from the north-west."""

    NAME: ClassVar[str] = "district.added"

    name_en: Name
    name_hi: Name
    kind: Literal["whole", "city", "rural"]
    grid_row: Tile
    grid_col: Tile


class DistrictClosed(DistrictData):
    """A district owes nothing from the day of this event on. Its history stays."""

    NAME: ClassVar[str] = "district.closed"

    reason: Reason
