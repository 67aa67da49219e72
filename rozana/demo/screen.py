"""How the demo shows itself: lines on stderr, or a live screen where somebody is watching."""

import sys
from collections import deque
from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from rozana.board import board, counted, rate
from rozana.demo.script import ZONE

FEED_LINES, BOARD_LINES = 12, 17
"""At most, and what the board and the frames take of a terminal's height."""


class Screen(Protocol):
    """What the demo tells. Instants are the system's clock's."""

    watched: bool
    """Whether a board is worth fetching after every act."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def say(self, at: datetime | None, line: str) -> None:
        """Something happened."""
        ...

    def look(self, at: datetime, told: str, day: Mapping[str, Any]) -> None:
        """The board at a moment that matters."""
        ...

    def show(self, at: datetime, day: Mapping[str, Any]) -> None:
        """The board as it is now."""
        ...


class Lines:
    """Plain lines on stderr, for a pipe, a file or CI."""

    watched = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def say(self, at: datetime | None, line: str) -> None:
        print(f"{_clock(at)}  {line}", file=sys.stderr, flush=True)

    def look(self, at: datetime, told: str, day: Mapping[str, Any]) -> None:
        self.say(at, f"{told}: {counted(day['counts'])} · filed {rate(day['completeness'])}")

    def show(self, at: datetime, day: Mapping[str, Any]) -> None:
        pass


class Picture:
    """The board filling, and beside it what happens, redrawn in place."""

    watched = True

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=8, transient=False)
        self._feed: deque[Text] = deque(maxlen=max(3, min(FEED_LINES, console.height - BOARD_LINES)))
        self._day: Mapping[str, Any] | None = None
        self._at: datetime | None = None

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def say(self, at: datetime | None, line: str) -> None:
        self._feed.append(Text.assemble((_clock(at), "cyan"), "  ", line, overflow="ellipsis", no_wrap=True))
        self._draw(at)

    def look(self, at: datetime, told: str, day: Mapping[str, Any]) -> None:
        self._day = day
        self.say(at, f"{told}: filed {rate(day['completeness'])}, missed {day['counts']['missed']}")

    def show(self, at: datetime, day: Mapping[str, Any]) -> None:
        self._day = day
        self._draw(at)

    def _draw(self, at: datetime | None) -> None:
        self._at = at or self._at
        feed = Panel(Group(*self._feed), title="what happens", title_align="left", border_style="grey50")
        if self._day is None:
            self._live.update(feed)
            return
        due = datetime.fromisoformat(self._day["due_at"]).astimezone(ZONE)
        grace = datetime.fromisoformat(self._day["grace_until"]).astimezone(ZONE)
        title = (
            f"Madhya Pradesh · the day {self._day['day']} · it is {_clock(self._at)}"
            f" · due {due:%H:%M}, judged {grace:%d %b %H:%M}"
        )
        self._live.update(Group(Panel(board(self._day), title=title, title_align="left"), feed))


def _clock(at: datetime | None) -> str:
    return " " * 12 if at is None else f"{at.astimezone(ZONE):%d %b %H:%M}"
