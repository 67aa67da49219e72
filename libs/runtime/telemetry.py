"""Logs and metrics. Logs are JSON lines made from an allow list of keys, so that no payload can slip into one."""

import logging
import sys
import traceback
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import TracebackType
from typing import Any, TextIO, cast

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from structlog.typing import FilteringBoundLogger, WrappedLogger

from libs.runtime.errors import RozanaError

Logger = FilteringBoundLogger
"""`logger.info("what happened", stream=…, offset=…)`: first a constant, then keys of ALLOWED_KEYS."""

ALLOWED_KEYS = frozenset(
    # the line itself, and an exception as `_exception` writes it
    {"timestamp", "level", "component", "event", "where", "error", "message", "frames", "caused_by", "dropped"}
    # what it is about
    | {"state", "district", "day", "stream", "offset", "end", "position", "consumer", "projection", "event_type"}
    | {"alert_id", "delivery", "audience", "rule", "alert_level", "channel", "outcome", "reason"}
    | {"count", "seconds", "attempt"}
    | {"method", "route", "status", "duration_ms", "host", "port", "env", "version", "speed"}
)
LONGEST_VALUE = 500
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}

_Line = MutableMapping[str, Any]


def configure_logging(stream: TextIO, level: str = "info") -> None:
    """Send all logs of the process to `stream`, one JSON object a line; levels are debug, info, warning and error."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _exception,
            _allow_list,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_Foreign()], level=logging.WARNING, force=True)


def get_logger(component: str) -> Logger:
    """A logger whose lines carry the component's name."""
    return cast("Logger", structlog.get_logger(component=component))


class _Foreign(logging.Handler):
    """Lines of libraries. Their texts may hold anything, so only where they were written is kept, and the exception."""

    def emit(self, record: logging.LogRecord) -> None:
        where = f"{record.pathname}:{record.lineno}"
        level = min(max(record.levelno, logging.DEBUG), logging.ERROR)
        get_logger(record.name).log(level, "a library says something", where=where, exc_info=record.exc_info)


def _exception(_logger: WrappedLogger, _method: str, line: _Line) -> _Line:
    """Exceptions become their type, their frames as file:line, and their message only if it is ours: no data in it."""
    error = line.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    elif isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        line["error"] = _name(error)
        if isinstance(error, RozanaError):
            line["message"] = str(error)
        line["frames"] = _frames(error.__traceback__)
        causes: list[str] = []
        while (error := error.__cause__ or error.__context__) and len(causes) < 5:  # noqa: PLR2004 (enough to see)
            causes.append(" ".join([_name(error), *_frames(error.__traceback__)[-1:]]))
        if causes:
            line["caused_by"] = causes
    return line


def _name(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}"


def _frames(trace: TracebackType | None) -> list[str]:
    return [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(trace, limit=-20)]


def _allow_list(_logger: WrappedLogger, _method: str, line: _Line) -> _Line:
    kept = {key: _plain(value) for key, value in line.items() if key in ALLOWED_KEYS}
    if dropped := len(line) - len(kept):
        kept["dropped"] = dropped
    return kept


def _plain(value: object) -> object:
    """Scalars and lists of text; a model or a record would bring its fields along."""
    match value:
        case bool() | int() | float() | None:
            return value
        case str():
            return value[:LONGEST_VALUE]
        case list():
            return [str(item)[:LONGEST_VALUE] for item in value if isinstance(item, str)]
        case _:
            return f"<{type(value).__name__}>"


@dataclass(frozen=True, slots=True)
class Metric:
    """What docs/metrics.md says of one."""

    subject: str
    name: str
    kind: str
    labels: tuple[str, ...]
    text: str


FAST = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Seconds: up to the append deadline."""
SLOW = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0)


def real_today() -> date:
    return datetime.now(UTC).date()


class Metrics:
    """All metrics, by name, on a registry of their own. Labels are bounded: no ids, no paths, no districts.

    `today` is the date of the system's clock (UTC): when what is counted for later may be shown.
    """

    def __init__(  # noqa: PLR0915 -- it lists them all
        self, registry: CollectorRegistry | None = None, *, today: Callable[[], date] = real_today
    ) -> None:
        # A `_created` sample would tell when the first grievance since the start came in.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry or CollectorRegistry()
        self.listed: list[Metric] = []
        self._today = today
        self._day = today()
        self._unhurried: dict[tuple[Counter, tuple[str, ...]], float] = {}
        """What was counted on that day."""
        subject = ""

        def listed(kind: str, name: str, text: str, labels: tuple[str, ...]) -> None:
            self.listed.append(Metric(subject, f"rozana_{name}", kind, labels, text))

        def counter(name: str, text: str, *labels: str) -> Counter:
            listed("counter", f"{name}_total", text, labels)
            return Counter(f"rozana_{name}", text, labels, registry=self.registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            listed("gauge", name, text, labels)
            return Gauge(f"rozana_{name}", text, labels, registry=self.registry)

        def histogram(name: str, text: str, *labels: str, buckets: Sequence[float]) -> Histogram:
            listed("histogram", name, text, labels)
            return Histogram(f"rozana_{name}", text, labels, registry=self.registry, buckets=buckets)

        subject = "Reports and days"
        self.events_received = counter(
            "events_received", "Events sent to ingest, by what was answered", "type", "outcome"
        )
        self.outcomes = counter("outcomes", "Events that the fold found to be no news or invalid", "state", "outcome")
        self.district_days = gauge(
            "district_days", "Districts of a state by how their day stands", "state", "day", "status"
        )
        self.completeness_numerator = gauge(
            "completeness_numerator", "Districts of a state that have reported for the day", "state", "day"
        )
        self.completeness_denominator = gauge(
            "completeness_denominator", "Districts of a state that are expected to report for the day", "state", "day"
        )
        self.judgement_overdue_seconds = gauge(
            "judgement_overdue_seconds", "Since when a day that is not judged should have been; 0: none", "state"
        )
        self.outage_minutes_credited = counter(
            "outage_minutes_credited", "Minutes by which outages of our own have moved ends of grace", "state"
        )
        self.judgements_held = gauge("judgements_held", "Days whose judgement is held", "state")
        self.unread_records = gauge(
            "unread_records", "Records of a state's reports that cannot be read and are not set aside", "state"
        )
        self.append_seconds = histogram("append_seconds", "Until what ingest appends is durable", buckets=FAST)
        self.board_seconds = histogram(
            "board_seconds", "From an event's receipt until the board shows it, by the system's clock", buckets=SLOW
        )

        subject = "Alerts"
        self.alerts_raised = counter("alerts_raised", "Alerts raised since the start", "rule", "level")
        self.alerts_escalated = counter("alerts_escalated", "Alerts gone up since the start", "rule", "level")
        self.alerts_resolved = counter("alerts_resolved", "Alerts resolved since the start", "rule", "how")
        self.alerts_open = gauge(
            "alerts_open",
            "Alerts that are not resolved: on duties, of the states owned here; else of all states",
            "rule",
            "level",
        )
        self.deliveries = counter("deliveries", "Attempts to deliver an alert", "channel", "outcome")
        self.outbox_age_seconds = gauge(
            "outbox_age_seconds", "Age of the oldest alert on a duty that waits to be delivered; 0: none"
        )

        subject = "Reading"
        self.events_consumed = counter("events_consumed", "Events folded", "consumer", "stream_kind")
        self.events_skipped = counter("events_skipped", "Records read and not folded", "consumer", "reason")
        self.consumer_position = gauge("consumer_position", "The next offset to read", "consumer", "stream")
        self.consumer_lag = gauge("consumer_lag", "Records not read yet, when last looked", "consumer", "stream")
        self.consumer_last_progress_timestamp_seconds = gauge(
            "consumer_last_progress_timestamp_seconds", "When it last moved, Unix time", "consumer", "stream"
        )
        self.dead_letters = counter("dead_letters", "Records set aside since the start", "stream")

        subject = "Members"
        self.state_owned = gauge("state_owned", "1: this member of the service works for the state", "service", "state")
        self.state_stopped = gauge(
            "state_stopped", "1: the member cannot read the state's streams, /ready says why", "service", "state"
        )

        subject = "The process"
        self.ready = gauge("ready", "1: this part works; 0: /ready says why not", "check")
        self.looked_timestamp_seconds = gauge(
            "looked_timestamp_seconds", "When a service last looked after its gauges, Unix time", "service"
        )
        self.http_requests = counter("http_requests", "Requests answered", "method", "route", "status")
        self.http_request_seconds = histogram(
            "http_request_seconds", "Until a request is answered", "method", "route", buckets=FAST
        )
        self.subscribers = gauge("subscribers", "Readers of a state's changes, connected now", "state")
        self.subscribers_dropped = counter("subscribers_dropped", "Readers dropped: they took nothing", "state")

    def later(self, counter: Counter, *labels: str, amount: float = 1) -> None:
        """Count what has to do with a grievance: it is shown once its day is over, so that no sample tells an hour."""
        self._turn_the_day()
        key = (counter, labels)
        self._unhurried[key] = self._unhurried.get(key, 0) + amount

    def exposition(self) -> bytes:
        """What /metrics answers."""
        self._turn_the_day()
        return generate_latest(self.registry)

    def _turn_the_day(self) -> None:
        """Before each count as well: else the first who asks on a new day would be shown what this day has brought."""
        today = self._today()
        if today > self._day:
            self._day = today
            for (counter, labels), amount in self._unhurried.items():
                counter.labels(*labels).inc(amount)
            self._unhurried.clear()
