"""What ingest does not decode when it starts: it decides as if it had folded all of the log."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.events.codec import decode, encode
from libs.events.envelope import Event, Recorded
from libs.events.reports import ReportReviewed
from libs.runtime.batch import Batch, Checkpoint
from libs.runtime.clock import ManualClock
from libs.runtime.consumer import consume
from libs.runtime.errors import ReadStopped
from libs.runtime.log import NewRecord, Record
from libs.runtime.log_sqlite import open_log
from libs.runtime.telemetry import Metrics
from services.ingest.decide import decide
from services.ingest.index import REMEMBERED, Index
from services.ingest.known import Known
from services.ingest.skim import PAGE, End, look_at_end
from tests.duty.events import STATE, STREAM, clock_reached, corrected, excused, filed, instant, policy, reviewed
from tests.duty.scenarios import AFTER_ALL, Logged, Run, logs
from tests.duty.test_properties import LAGS
from tests.ingest.desk import ROSTER, TODAY, running

NOW = instant("2027-03-01T20:00")
A_DAY = timedelta(days=1)


def record(event: Event, offset: int, appended_at: datetime | None = None) -> Record:
    """As ingest writes what clients post."""
    headers, value = encode(replace(event, sha256=event.body_hash()))
    return Record(STREAM, offset, appended_at or event.time, event.subject, headers, value)


def records(*events: Event) -> list[Record]:
    return [record(event, offset) for offset, event in enumerate(events)]


async def started(
    log: Sequence[Record], cut: int = 1000, *, skims: bool = True, remembered: timedelta = REMEMBERED
) -> Index:
    """An index that has read the log, so many records a batch, as `consume` does. `skims`: or folds all of it."""
    index = Index([STATE], remembered=remembered)
    if skims:
        index.begin(STATE, End().look(reversed(log)))
    for first in range(0, len(log), cut):
        batch = log[first : first + cut]
        needed = [each for each in batch if not index.skim(each)]
        items = [Recorded(decode(one.headers, one.value), STREAM, one.offset, one.appended_at) for one in needed]
        await index.fold(Batch(STREAM, items, Checkpoint(batch[-1].offset, "", "a log")))
    return index


def duty_of(index: Index) -> Any:
    """All of it but the misses, which ingest asks nobody for."""
    found: Any = index.duties[STATE].dump()
    for district in found["roster"]["districts"].values():
        district.pop("misses", None)
    return found


def without_distant_copies(log: Sequence[Logged]) -> list[Logged]:
    """Copies of one event come from replicas that race: within seconds, not days."""
    first: dict[str, datetime] = {}
    return [each for each in log if each.event.time - first.setdefault(each.event.id, each.event.time) < A_DAY / 2]


@settings(max_examples=200)
@given(
    logs(delays=(0, 0, 3, 7, 4000)),
    st.sampled_from(LAGS),
    st.booleans(),
    st.integers(1, 40),
    st.sampled_from([REMEMBERED, *(timedelta(days=days) for days in (6, 18, 20, 21))]),
)
async def test_it_decides_as_if_all_had_been_folded(
    log: list[Logged], lag: timedelta, leaps: bool, cut: int, remembered: timedelta
) -> None:
    run = Run(lag=lag, leaps=leaps).through(without_distant_copies(log))
    found = [record(step.event, step.offset, step.appended_at) for step, _ in run.steps]
    full = await started(found, skims=False, remembered=remembered)
    skimmed = await started(found, cut, remembered=remembered)
    assert duty_of(skimmed) == duty_of(full)
    assert skimmed.known == full.known
    for event in {step.event for step, _ in run.steps if not isinstance(step.event.data, ReportReviewed)}:
        for asked in (event, replace(event, time=AFTER_ALL), replace(event, id=AFTER_ALL.isoformat(), time=AFTER_ALL)):
            tenure_id = getattr(event.data, "tenure_id", None)
            answers = [decide(asked, each.duties[STATE], each.known, tenure_id) for each in (full, skimmed)]
            assert answers[0] == answers[1]


OLD = [filed("guna", f"2026-11-{number}", f"2026-11-{number}T20:00") for number in range(23, 30)]
YOUNG = filed("guna", "2027-02-28", NOW - A_DAY)
CLOCK = clock_reached(NOW, appended_at=NOW)


async def skims(*log: Event) -> list[bool]:
    """Of each event of a log that goes on until NOW, in batches of one, whether it is skimmed."""
    index = Index([STATE])
    index.begin(STATE, End().look(reversed(records(*log, YOUNG, CLOCK))))
    said = []
    for offset, event in enumerate(log):
        said.append(index.skim(record(event, offset)))
        items = [] if said[-1] else [Recorded(event, STREAM, offset, event.time)]
        await index.fold(Batch(STREAM, items, Checkpoint(offset, "", "a log")))
    return said


async def test_reports_and_reviews_of_locked_days_are_skimmed_and_nothing_else_is() -> None:
    review = reviewed("guna", OLD[0].id, at=OLD[0].time)
    excuse = excused("guna", TODAY, at=OLD[0].time)
    correction = corrected("guna", TODAY, OLD[0].time, of=OLD[0].id)
    clock = clock_reached("2026-11-24T00:00")
    assert await skims(*ROSTER, OLD[0], review, excuse, correction, clock) == [
        *[False] * 5,
        True,
        True,
        False,
        True,
        False,
    ]


async def test_it_folds_from_the_first_report_on_whose_day_may_stand_open() -> None:
    locked, opened = (
        filed("guna", "2027-02-19", NOW - 10 * A_DAY - A_DAY / 24),
        filed("guna", "2027-02-20", NOW - 10 * A_DAY),
    )
    assert await skims(*ROSTER, locked, opened, OLD[0]) == [*[False] * 5, True, False, False]


async def test_what_a_retry_is_recognised_by_is_taken_from_the_headers() -> None:
    recent = filed("guna", "2027-02-01", "2027-02-01T20:00")
    index = await started(records(*ROSTER, OLD[0], recent, YOUNG, CLOCK), 1)
    assert index.known[recent.id] == Known.at(recent, STREAM, len(ROSTER) + 1)
    assert OLD[0].id not in index.known


async def test_a_policy_that_is_not_folded_yet_may_lock_later() -> None:
    later = policy(version=2, effective_from="2026-11-25", lock=31, at=OLD[0].time)
    log = records(*ROSTER, later, *OLD, YOUNG, CLOCK)
    index = Index([STATE])
    index.begin(STATE, End().look(reversed(log)))
    assert [index.skim(each) for each in log] == [False] * len(log)


@pytest.mark.parametrize(
    "end",
    [
        End(None, NOW),
        End(NOW, None),
        End().look([record(clock_reached(NOW + timedelta(seconds=6)), 1, NOW), record(YOUNG, 0)]),
        End(OLD[0].time, NOW),
    ],
    ids=["no clock", "no report", "a clock that is ahead of the log's", "a timekeeper who has been down"],
)
async def test_without_a_clock_that_counts_all_is_folded(end: End) -> None:
    index = await started(records(*ROSTER))
    index.begin(STATE, end)
    assert not index.skim(record(OLD[0], 5))


async def test_before_there_is_a_policy_nothing_is_skimmed() -> None:
    assert await skims(OLD[0]) == [False]


@pytest.mark.parametrize(
    ("header", "raw"),
    [
        ("ce_specversion", b"0.3"),
        ("content-type", b"text/plain"),
        ("ce_id", b"42"),
        ("ce_sha256", b""),
        ("ce_time", b"yesterday"),
        ("ce_time", b"\xff"),
        ("ce_time", None),
        ("ce_type", b"rozana.report.filed.v9"),
        ("ce_type", None),
    ],
)
async def test_a_record_with_other_headers_than_ingest_writes_is_left_to_the_codec(
    header: str, raw: bytes | None
) -> None:
    recent = record(filed("guna", "2027-02-01", "2027-02-01T20:00"), 5)
    headers = {name: value for name, value in recent.headers if name != header} | (
        {header: raw} if raw is not None else {}
    )
    index = await started(records(*ROSTER))
    index.begin(STATE, End().look(reversed(records(YOUNG, CLOCK))))
    assert index.skim(recent)
    assert not index.skim(replace(recent, headers=tuple(headers.items())))


async def test_a_clock_that_cannot_be_read_says_nothing() -> None:
    spoilt = replace(record(CLOCK, 1), value=b"{")
    assert End().look([spoilt]).clock is None
    assert End().look([spoilt, record(clock_reached(OLD[0].time), 0)]).clock == OLD[0].time


async def test_only_reports_streams_that_are_read_from_their_beginning_are_skimmed() -> None:
    index = await started(records(*ROSTER), skims=False)
    assert not index.skim(record(OLD[0], 5))


async def test_the_end_is_looked_for_as_far_back_as_it_stands(tmp_path: Path) -> None:
    log = open_log(tmp_path / "log.db", ManualClock(NOW))
    try:
        assert await look_at_end(log, STREAM) == End()
        many = [CLOCK, YOUNG, *[replace(ROSTER[1], id=str(number)) for number in range(2 * PAGE)]]
        await log.append(STREAM, [NewRecord(each.subject, *encode(each)) for each in many])
        assert await look_at_end(log, STREAM) == End(NOW, YOUNG.time)
    finally:
        await log.close()


async def test_a_start_that_skims_answers_as_before(tmp_path: Path) -> None:
    report = filed("guna", TODAY, "2026-11-23T19:00")
    async with running(tmp_path, *ROSTER) as desk:
        first = await desk.report(report)
        assert first.status_code == 202
        await desk.stands(filed("guna", "2026-12-20", "2026-12-19T20:00"))
        desk.clock.advance_to(instant("2026-12-20T00:01"))
        await desk.stands(clock_reached("2026-12-20T00:00"))
    async with running(tmp_path) as desk:
        desk.clock.advance_to(instant("2026-12-20T09:00"))
        again = await desk.report(report)
        assert (again.status_code, again.json()) == (200, first.json())
        refused = await desk.report(filed("guna", TODAY, NOW, known_as="another"))
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/day")


async def test_a_newer_version_among_what_is_skimmed_still_stops_the_reader(tmp_path: Path) -> None:
    log = open_log(tmp_path / "log.db", ManualClock(NOW))
    try:
        said = [record(each, 0) for each in (*ROSTER, OLD[0], OLD[1], YOUNG, CLOCK)]
        newer = dict(said[6].headers) | {"ce_type": b"rozana.report.filed.v9"}
        said[6] = replace(said[6], headers=tuple(newer.items()))
        await log.append(STREAM, [NewRecord(each.key, each.headers, each.value) for each in said])
        index, metrics = Index([STATE]), Metrics()
        await index.look_ahead(log)
        with pytest.raises(ReadStopped, match=r"offset 6: report\.filed is known up to version"):
            await consume("ingest", log, index.positions, index, metrics=metrics, skim=index.skim, max_records=5)
    finally:
        await log.close()


async def test_a_day_that_began_with_what_is_skimmed_is_not_ruled_by_a_policy_behind_it() -> None:
    begins = filed("guna", "2026-11-25", "2026-11-25T00:00:01")
    raced = policy(version=2, effective_from="2026-11-25", lock=31, at="2026-11-24T23:59:59")
    log = records(*ROSTER, OLD[0], begins, raced, YOUNG, CLOCK)
    full, skimmed = await started(log, skims=False), await started(log, len(ROSTER))
    assert duty_of(skimmed) == duty_of(full)
    assert [each.first_day.isoformat() for each in skimmed.duties[STATE].policies.adopted] == [
        "2026-11-23",
        "2026-11-26",
    ]
