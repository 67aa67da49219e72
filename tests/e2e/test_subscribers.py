"""docs/subscribers.md, as AICC lives by it: each consumer is taken from the page, and reads a topic of a real Kafka."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from libs.events.envelope import Event
from libs.runtime.log import NewRecord
from services.notifier.records import record_of
from tests.duty.events import STATE, STREAM, clock_reached, corrected, excused, filed, on_form_2
from tests.notifier.test_digests import CLOSED, DAY, ROSTER, Stream
from tests.servers.jars import jars, need
from tests.servers.kafka import Kafka
from tests.servers.topics import ProvisionedLog

pytestmark = pytest.mark.connected
PAGE = Path(__file__).parents[2] / "docs" / "subscribers.md"


def program(language: str, file: Path) -> str:
    """The page's only block in that language, written to the file."""
    (text,) = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    file.write_text(text, encoding="utf-8")
    return str(file)


def python(folder: Path) -> list[str]:
    return [sys.executable, program("python", folder / "subscriber.py")]


def java(folder: Path) -> list[str]:
    return ["java", "-Xmx256m", "-cp", f"{jars('kafka')}/*", program("java", folder / "Subscriber.java")]


def kcat(folder: Path) -> list[str]:
    need("kcat", "kcat")
    need("jq", "jq")
    return ["sh", program("sh", folder / "subscriber.sh")]


@pytest.fixture
async def log(kafka: Kafka) -> AsyncIterator[ProvisionedLog]:
    log = ProvisionedLog(kafka.url)
    yield log
    await log.close()
    await log.remove()


def evening() -> list[Event]:
    """A day with all that a consumer must not stumble over: repeats, supplements, corrections, forms, restatements."""
    early = filed("guna", DAY, "2026-11-23T20:00")
    second = on_form_2(filed("datia", DAY, "2026-11-23T20:30"))
    stream = Stream().append(*ROSTER, early, second, filed("guna", DAY, "2026-11-23T20:40", known_as="a supplement"))
    stream.append(corrected("guna", DAY, "2026-11-23T20:45", of=early.id), early, clock_reached(CLOSED))
    stream.say()
    stream.append(filed("harda", DAY, "2026-11-24T00:40"), early)
    stream.say()
    stream.append(excused("harda", DAY, at="2026-11-24T09:00"))
    stream.say()
    return [record.event for record in stream.records]


def records(events: Sequence[Event]) -> list[NewRecord]:
    made = [record_of(event) for event in events]
    # A type that nobody knows yet, at the end: the offsets of before are those of the story.
    new = {"ce_type": b"rozana.weather.told.v1", "ce_id": b"0192f0e4-7c1a-7cc0-9d6f-3f6a1c2b4d5e"}
    stranger = replace(made[-1], headers=tuple((name, new.get(name, value)) for name, value in made[-1].headers))
    return [*made, stranger]


async def run(command: Sequence[str], kafka: Kafka, day: str = DAY.isoformat()) -> tuple[int, list[str]]:
    arguments = [kafka.url.removeprefix("kafka://"), STATE, day]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ROZANA_")}
    done = await asyncio.to_thread(
        subprocess.run,
        [*command, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=environment,
    )
    assert done.returncode in {0, 1}, done.stderr
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize("consumer", [python, java, kcat])
async def test_it_tells_every_event_once_and_that_the_digest_is_true(
    consumer: Callable[[Path], list[str]], kafka: Kafka, log: ProvisionedLog, tmp_path: Path
) -> None:
    command = consumer(tmp_path)
    events = evening()
    assert len({event.id for event in events}) == len(events) - 2
    await log.append(STREAM, records(events))
    code, (*lines, last) = await run(command, kafka)
    seen: set[str] = set()
    told = []
    for offset, event in enumerate(events):
        if event.id not in seen:
            told.append(f"{offset} {event.type} {event.subject}")
        seen.add(event.id)
    assert lines == [*told, f"{len(events)} rozana.weather.told.v1 {events[-1].subject}"]
    assert (code, last) == (0, f"{DAY}: true: 3 of 3 reports")
    code, (*_, last) = await run(command, kafka, "2026-11-24")
    assert (code, last) == (1, "2026-11-24: no digest")


@pytest.mark.parametrize("consumer", [python, java, kcat])
async def test_it_sees_that_a_report_was_withheld(
    consumer: Callable[[Path], list[str]], kafka: Kafka, log: ProvisionedLog, tmp_path: Path
) -> None:
    command = consumer(tmp_path)
    events = evening()
    kept = [clock_reached("2026-11-20T00:00") if event.subject.endswith(".datia") and "report" in event.type else event
            for event in events]  # fmt: skip
    assert kept != events
    await log.append(STREAM, records(kept))
    code, (*_, last) = await run(command, kafka)
    assert (code, last) == (1, f"{DAY}: FALSE: 2 of 3 reports")
