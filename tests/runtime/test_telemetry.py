"""Logs from an allow list, metrics on their own registry."""

import asyncio
import io
import json
import logging
from typing import Any

from prometheus_client import REGISTRY, generate_latest

from libs.runtime.errors import StartRefused
from libs.runtime.telemetry import Metrics, configure_logging, get_logger

CANARY = "canary-4711"


def lines_of(stream: io.StringIO) -> list[dict[str, Any]]:
    assert CANARY not in stream.getvalue()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_other_keys_are_dropped_and_counted() -> None:
    stream = io.StringIO()
    configure_logging(stream)
    get_logger("ingest").info("appended", stream="rozana.in-mp.reports", offset=17, summary=CANARY, name=CANARY)
    (line,) = lines_of(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "info",
        "component": "ingest",
        "event": "appended",
        "stream": "rozana.in-mp.reports",
        "offset": 17,
        "dropped": 2,
    }


def test_values_are_scalars() -> None:
    stream = io.StringIO()
    configure_logging(stream)
    get_logger("ingest").info("odd", reason={"body": CANARY}, outcome="x" * 1000, count=None)
    (line,) = lines_of(stream)
    assert (line["reason"], len(line["outcome"]), line["count"]) == ("<dict>", 500, None)


def test_an_exception_is_its_type_its_frames_and_our_own_words() -> None:
    stream = io.StringIO()
    configure_logging(stream)
    logger = get_logger("ingest")
    try:
        int(CANARY)
    except ValueError:
        logger.exception("broken")
    logger.error("refused", exc_info=StartRefused("ROZANA_PORT: taken"))
    broken, refused = lines_of(stream)
    assert broken["error"] == "builtins.ValueError"
    assert "message" not in broken
    assert len(broken["frames"]) == 1
    assert refused["error"] == "libs.runtime.errors.StartRefused"
    assert refused["message"] == "ROZANA_PORT: taken"


def test_levels() -> None:
    stream = io.StringIO()
    configure_logging(stream, "warning")
    get_logger("a").info("quiet")
    get_logger("a").warning("loud")
    assert [line["event"] for line in lines_of(stream)] == ["loud"]


async def test_libraries_say_where_and_not_what() -> None:
    stream = io.StringIO()
    configure_logging(stream)
    logging.getLogger("uvicorn.error").error("failed with %s", CANARY)
    logging.getLogger("uvicorn.error").info("quiet")
    loop = asyncio.get_running_loop()
    loop.call_exception_handler({"message": CANARY, "exception": KeyError(CANARY)})
    first, second = lines_of(stream)
    assert (first["component"], first["level"]) == ("uvicorn.error", "error")
    assert "test_telemetry.py:" in first["where"]
    assert second["error"] == "builtins.KeyError"


def test_metrics_have_a_registry_of_their_own() -> None:
    first, second = Metrics(), Metrics()
    first.events_received.labels("rozana.report.filed.v1", "accepted").inc()
    first.append_seconds.observe(0.1)
    text = generate_latest(first.registry).decode()
    assert 'rozana_events_received_total{outcome="accepted",type="rozana.report.filed.v1"} 1.0' in text
    assert "_created" not in text
    assert all(line.split()[2].startswith("rozana_") for line in text.splitlines() if line.startswith("# TYPE"))
    assert "accepted" not in generate_latest(second.registry).decode()
    assert "rozana" not in generate_latest(REGISTRY).decode()
