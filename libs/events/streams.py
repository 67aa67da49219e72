"""The one table of streams: what each is keyed by, who writes it, who may read it, how long it is kept."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Kind = Literal["reports", "alerts", "grievances", "grievance-keys", "system", "dead-letters"]
Service = Literal["ingest", "aggregator", "notifier"]
Reader = Literal["aicc", "pcc", "operator"]


@dataclass(frozen=True, slots=True)
class Stream:
    kind: Kind
    per: Literal["state", "nation"]
    key: str
    writers: tuple[Service, ...]
    readers: tuple[Reader, ...]
    """People outside; each of the three services may read every stream of events."""
    retention: str = "forever"
    keeps_hours: bool = True
    """False: nothing that is kept or shown of its records may tell more of their time than the day."""
    erasable: bool = False
    """True: no stream of events but values by key, of which each can be destroyed (libs/runtime/erasable.py)."""

    def name(self, state: str | None = None) -> str:
        """The stream's name, which is also its Kafka topic: `rozana.in-mp.reports`, `rozana.system`."""
        if (self.per == "state") != (state is not None):
            raise ValueError(f"there is one {self.kind} stream per {self.per}")
        return f"rozana.{state}.{self.kind}" if state else f"rozana.{self.kind}"


STREAMS: dict[Kind, Stream] = {
    stream.kind: stream
    for stream in (
        Stream("reports", "state", "district or state", ("ingest", "notifier"), ("aicc", "pcc")),
        # Also what only AICC and operators are told of an office: ADR 0024.
        Stream("alerts", "state", "district or state", ("notifier",), ("aicc",)),
        Stream("grievances", "state", "district or state", ("ingest", "notifier"), ("aicc",), keeps_hours=False),
        Stream(
            "grievance-keys",
            "state",
            "sealed text",
            ("ingest",),
            (),
            retention="until erased",
            keeps_hours=False,
            erasable=True,
        ),
        Stream("system", "nation", "service", ("ingest",), ("operator",)),
        # A letter may hold a grievance: then its own time must not tell the hour either.
        Stream(
            "dead-letters",
            "nation",
            "stream",
            ("ingest", "aggregator", "notifier"),
            ("operator",),
            keeps_hours=False,
        ),
    )
}


def stream_name(kind: Kind, state: str | None = None) -> str:
    return STREAMS[kind].name(state)


def state_of(stream: str) -> str | None:
    """`rozana.in-mp.reports` -> `in-mp`; None for a stream of no state."""
    parts = stream.split(".")
    return parts[1] if len(parts) == 3 else None  # noqa: PLR2004 -- rozana, state, kind


def erasable(stream: str) -> bool:
    """Whether it holds values that can be destroyed, and no events."""
    return any(each.erasable for each in STREAMS.values() if stream.endswith(f".{each.kind}"))


@lru_cache(maxsize=1024)  # asked of every record
def keeps_hours(stream: str) -> bool:
    """Whether the times of a stream's records may be kept and shown; of grievances they would point at somebody."""
    return all(each.keeps_hours for each in STREAMS.values() if stream.endswith(f".{each.kind}"))
