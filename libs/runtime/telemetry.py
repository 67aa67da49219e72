"""Logs and metrics. Logs are JSON lines made from an allow list of keys, so that no payload can slip into one."""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any, TextIO, cast

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
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


class Metrics:
    """All metrics, by name, on a registry of their own. Labels are bounded: no ids, no paths, no districts."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        # A `_created` sample would tell when the first grievance since the start came in.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry or CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"rozana_{name}", text, labels, registry=self.registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"rozana_{name}", text, labels, registry=self.registry)

        def histogram(name: str, text: str, *labels: str) -> Histogram:
            return Histogram(f"rozana_{name}", text, labels, registry=self.registry)

        self.events_received = counter(
            "events_received", "Events sent to ingest, by what was answered", "type", "outcome"
        )
        self.events_consumed = counter("events_consumed", "Events folded", "consumer", "stream_kind")
        self.events_skipped = counter("events_skipped", "Events read and not folded", "consumer", "reason")
        self.consumer_position = gauge("consumer_position", "The next offset to read", "consumer", "stream")
        self.consumer_last_progress_timestamp = gauge(
            "consumer_last_progress_timestamp", "When a consumer last moved, Unix seconds", "consumer", "stream"
        )
        self.dead_letters = counter("dead_letters", "Records set aside", "stream")
        self.outcomes = counter("outcomes", "What the fold decided about invalid events", "state", "outcome")
        self.alerts_raised = counter("alerts_raised", "Alerts raised", "rule", "level")
        self.alerts_resolved = counter("alerts_resolved", "Alerts resolved", "rule", "how")
        self.deliveries = counter("deliveries", "Attempts to deliver an alert", "channel", "outcome")
        self.append_seconds = histogram("append_seconds", "Time until an append is durable")
        self.http_requests = counter("http_requests", "Requests answered", "method", "route", "status")
        self.http_request_seconds = histogram("http_request_seconds", "Time to answer a request", "method", "route")
        self.subscribers = gauge("subscribers", "Readers of a state's changes, connected now", "state")
        self.subscribers_dropped = counter("subscribers_dropped", "Readers dropped because they took nothing", "state")
