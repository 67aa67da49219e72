"""`rozana backup` out of Kafka and `rozana restore` into it again: every record where and when it was, or nothing."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from libs.events.codec import encode
from libs.events.streams import erasable, stream_name
from libs.runtime.clock import SystemClock
from libs.runtime.erasable_kafka import open_erasable
from libs.runtime.errors import RozanaError
from libs.runtime.log import NewRecord, Record
from libs.runtime.log_kafka import open_log as open_kafka
from libs.runtime.log_kafka_admin import create_topics
from libs.runtime.log_sqlite import open_log
from libs.runtime.log_sqlite_export import ends_in
from libs.runtime.settings import load_settings
from libs.runtime.topics import streams_of
from rozana.restore_kafka import _fill
from rozana.states import state_codes
from tests.duty.events import added, appointed, filed, policy
from tests.rozana.command import one_line, rozana
from tests.runtime.broken import BROKEN
from tests.servers.kafka import Kafka
from tests.servers.topics import delete_topics

pytestmark = pytest.mark.connected
STATES = ("in-mp", "in-rj")
STREAMS = [each for each in streams_of(STATES) if not erasable(each)]
REPORTS, TEXTS = stream_name("reports", "in-mp"), stream_name("grievance-keys", "in-mp")
SAID = (policy(), added("guna"), appointed("guna"), filed("guna", "2026-11-23", "2026-11-23T20:00"))


@pytest.fixture
async def told(tmp_path: Path, kafka: Kafka) -> AsyncIterator[Mapping[str, str]]:
    """The settings of a Kafka that holds some records, one that nobody can read among them, and a key."""
    await create_topics(kafka.url, streams_of(STATES))
    log, texts = open_kafka(kafka.url, SystemClock()), open_erasable(kafka.url, SystemClock())
    for event in SAID:
        await log.append(REPORTS, [NewRecord(event.subject, *encode(event))])
    await log.append(REPORTS, [BROKEN["every byte"]])
    large = NewRecord("in-mp.guna", (("ce_id", b"large"),), b"x" * 60_000)
    await log.append(stream_name("alerts", "in-rj"), [large] * 12)
    for stream in (stream_name("grievances", "in-rj"), stream_name("system")):
        await log.append(stream, [NewRecord("in-rj.kota", (("ce_id", b"1"),), b"{}")] * 3)
    await texts.put(TEXTS, "one", b"a wrapped key")
    await log.close()
    await texts.close()
    yield {"ROZANA_LOG": kafka.url, "ROZANA_STATES": ",".join(STATES), "ROZANA_DATA": str(tmp_path)}
    await delete_topics(kafka.url, streams_of(STATES))


async def standing(kafka: Kafka) -> Mapping[str, Sequence[Record]]:
    log = open_kafka(kafka.url, SystemClock())
    try:
        return {stream: await log.read(stream, 0) for stream in STREAMS}
    finally:
        await log.close()


async def anew(kafka: Kafka) -> None:
    await delete_topics(kafka.url, streams_of(STATES))
    await create_topics(kafka.url, streams_of(STATES))


async def test_what_is_put_back_stands_where_and_when_it_was(
    told: Mapping[str, str], kafka: Kafka, tmp_path: Path
) -> None:
    copies = [str(tmp_path / name) for name in ("log.db", "keys.db")]
    before = await standing(kafka)
    code, _, err = await rozana("backup", copies[0], "--keys", copies[1], **told)
    assert code == 0, err
    assert ends_in(tmp_path / "log.db") == {stream: len(found) for stream, found in before.items() if found}

    code, _, err = await rozana("restore", copies[0], **told)
    assert code == 1
    assert "records, and nothing is put behind them: stop the services, delete the topics" in one_line(err)
    assert await standing(kafka) == before

    await anew(kafka)
    code, out, err = await rozana("restore", copies[0], "--keys", copies[1], **told)
    assert (code, err) == (0, ""), err
    count = sum(map(len, before.values()))
    assert out.splitlines() == [
        f"log    {kafka.url}  {count} records, each compared with the copy",
        f"keys   {kafka.url}  1 keys",
    ]
    assert await standing(kafka) == before
    texts = open_erasable(kafka.url, SystemClock())
    assert await texts.all(TEXTS) == {"one": b"a wrapped key"}
    await texts.close()

    code, out, err = await rozana("topics", "show", **told)  # brokers stamp again what comes
    assert (code, "all is as it should be" in out) == (0, True), out + err
    log = open_kafka(kafka.url, SystemClock())
    asked_at = datetime.now(UTC) - timedelta(milliseconds=1)
    (next_one,) = await log.append(REPORTS, [NewRecord(SAID[-1].subject, *encode(SAID[-1]))])
    assert next_one.offset == len(before[REPORTS])
    assert next_one.appended_at >= asked_at
    await log.close()


async def test_what_is_refused_writes_nothing(told: Mapping[str, str], kafka: Kafka, tmp_path: Path) -> None:
    copy = tmp_path / "log.db"
    assert (await rozana("backup", str(copy), **told))[0] == 0
    await anew(kafka)
    code, _, err = await rozana("restore", str(copy), **{**told, "ROZANA_STATES": "in-mp"})
    assert code == 1
    assert one_line(err).startswith("the copy holds rozana.in-rj.alerts, rozana.in-rj.grievances: name all of its")
    damaged = tmp_path / "damaged"
    whole = copy.read_bytes()
    damaged.write_bytes(whole[: len(whole) // 2] + b"\xff" * 8192 + whole[len(whole) // 2 + 8192 :])
    code, _, err = await rozana("restore", str(damaged), **told)
    assert (code, f"{damaged} is damaged" in one_line(err)) == (1, True)
    assert (await rozana("restore", str(copy), "--store", str(copy), **told))[0] == 2
    assert not any((await standing(kafka)).values())


async def test_who_writes_there_meanwhile_is_noticed(told: Mapping[str, str], kafka: Kafka, tmp_path: Path) -> None:
    copy = tmp_path / "log.db"
    assert (await rozana("backup", str(copy), **told))[0] == 0
    here = open_log(copy, SystemClock(), read_only=True)
    with pytest.raises(RozanaError, match=f"^{REPORTS} is not what the copy holds: something else writes there"):
        await _fill(load_settings(told, state_codes()), here, REPORTS, len(SAID) + 1)  # behind what stands there
    await here.close()
