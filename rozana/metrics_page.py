"""docs/metrics.md, written from the metrics themselves."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from libs.runtime.telemetry import Metric, Metrics

LABELS: Mapping[str, str] = {
    "channel": "the configured channels: `log` and those of the routes file",
    "check": "the parts that `/ready` asks",
    "consumer": "the readers of streams: one a projection, `ingest`, `watcher`, the outbox",
    "day": "`today`, `yesterday`, by the state's own calendar",
    "how": "what resolved an alert, such as `late` or `received-in-time`",
    "level": "`1` to `3`",
    "method": "the HTTP methods, or `other`",
    "outcome": "a fixed word for each way to end: of ingest, of the fold (`libs/duty/outcomes.py`), of a delivery",
    "reason": "`unknown-type`, `unreadable`",
    "route": "the route's template, or `unmatched`",
    "rule": "`missed-report`, `due-soon`, `grievance-raised`, `grievance-overdue`",
    "service": "`ingest`, `aggregator`, `notifier`",
    "state": "the states of `ROZANA_STATES`",
    "status": "a district's day as in the board's counts, less `expected`; of a request its HTTP status, or `aborted`",
    "stream": "the streams of [events.md](events.md), less those of grievances",
    "stream_kind": "`reports`, `alerts`, `grievances`",
    "type": "the event types of [events.md](events.md), or `unread`",
}
"""Label -> where its values come from. All are bounded."""

HEAD = """# Metrics

*Written by `make generate` from `libs/runtime/telemetry.py`; do not edit.*

Every service answers `GET /metrics` in Prometheus' text format, without a token.
[deploy/prometheus](../deploy/prometheus) has a configuration that asks for them, and rules that watch them.

Nothing here tells an hour of a grievance, or that a given state had one: what counts grievances has no state, and moves
once a day, when their day is over (UTC). Streams of grievances have no position, no lag and no time here; readiness
watches them.

Gauges of days, alerts and the outbox are looked after every 15 seconds. Counters begin at 0 when the process starts.
"""


def metrics_markdown() -> str:
    parts = [HEAD]
    for subject, metrics in groupby(Metrics().listed, key=lambda metric: metric.subject):
        parts += [f"## {subject}", _table(("metric", "kind", "labels", "what it says"), map(_row, metrics))]
    parts += ["## Labels", _table(("label", "values"), ((f"`{name}`", values) for name, values in LABELS.items()))]
    return "\n".join(parts)


def _row(metric: Metric) -> Sequence[str]:
    return f"`{metric.name}`", metric.kind, ", ".join(f"`{label}`" for label in metric.labels), metric.text


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
