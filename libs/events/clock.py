"""The stream's own clock: silence becomes a fact only by an event."""

from typing import ClassVar

from libs.events.values import EventData, Instant


class ClockReached(EventData):
    """This stream's clock has reached `at`: all that was received by then is already before this event.

    Appended at `at` plus the append deadline, and only when something falls due (guarantee 5).
    """

    NAME: ClassVar[str] = "clock.reached"

    at: Instant
    """The instant that the clock has reached."""
