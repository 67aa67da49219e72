"""When things go wrong: logs that fail, clients that hang up, an index that lags; and every order of retries."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.events.codec import decode
from libs.runtime.clock import Clock, ManualClock
from libs.runtime.consumer import consume
from libs.runtime.errors import Unavailable
from libs.runtime.log import NewRecord, Record
from libs.runtime.log_sqlite import SqliteEventLog, open_log
from libs.runtime.principal import Principal
from libs.runtime.sqlite import DatabaseFile
from libs.runtime.telemetry import Metrics
from services.ingest.index import Index
from services.ingest.intake import Intake
from tests.contracts.sqlite_files import write_lock
from tests.duty.events import STATE, STREAM, added, appointed, corrected, filed, instant, named, policy
from tests.ingest.desk import NOW, ROSTER, SOON, TODAY, Desk, running

REPORT = filed("guna", TODAY, NOW)
OTHER = filed("guna", TODAY, NOW, summary="another report")


def unavailable(answer: httpx.Response) -> bool:
    return (answer.status_code, answer.headers.get("retry-after")) == (503, "1")


async def test_a_full_disk_is_503_and_a_retry_succeeds(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        assert desk.file.writer is not None
        pages = int(desk.file.writer.pragma("page_count"))
        desk.file.writer.pragma("max_page_count", pages)
        large = filed("guna", TODAY, NOW, summary="क" * 2000)
        answers = await asyncio.gather(*(desk.report(large) for _ in range(3)))
        assert all(unavailable(answer) for answer in answers)
        assert await desk.log.end(STREAM) == 5
        desk.file.writer.pragma("max_page_count", pages + 1000)
        assert (await desk.report(large)).status_code == 202
        assert (await desk.report(large)).status_code == 200
        assert (await desk.ids())[5:] == [large.id]


async def test_a_commit_of_unknown_outcome_is_503_and_a_retry_is_appended(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        desk.fail_commits(1)
        answer = await desk.report(REPORT)
        assert unavailable(answer)
        assert "retry with the same id" in answer.json()["detail"]
        assert (await desk.report(REPORT)).status_code == 202
        assert (await desk.ids())[5:] == [REPORT.id]
        assert desk.count(REPORT.type, "unavailable") == 1


async def test_an_append_that_lands_after_its_503_is_found_by_the_retry(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER, append_deadline=0.1) as desk:
        with write_lock(tmp_path / "log.db"):
            assert unavailable(await desk.report(REPORT))
        async with desk.log.reader({STREAM: 5}) as reader:
            assert await reader.poll(timeout=SOON)
        assert (await desk.report(REPORT)).status_code == 200
        assert (await desk.ids())[5:] == [REPORT.id]


async def test_a_retry_waits_for_what_is_still_being_written(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER, append_deadline=0.6) as desk:
        with write_lock(tmp_path / "log.db"):
            assert unavailable(await desk.report(REPORT))
            retry = asyncio.create_task(desk.report(REPORT))
            await asyncio.wait([retry], timeout=0.2)
        first = await retry
        again = await desk.report(REPORT)
        assert (first.status_code, again.status_code) == (200, 200)
        assert first.json() == again.json()
        assert (await desk.ids())[5:] == [REPORT.id]


async def test_a_closed_log_is_503_and_the_next_process_takes_the_retry(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        assert (await desk.report(OTHER)).status_code == 202
    async with running(tmp_path, reads=False) as desk:
        await desk.log.close()
        assert unavailable(await desk.report(REPORT))
        assert unavailable(await desk.get(f"/v1/receipts/{OTHER.id}"))
    async with running(tmp_path) as desk:
        assert (await desk.report(REPORT)).status_code == 202
        assert (await desk.ids())[5:] == [OTHER.id, REPORT.id]


class GatedLog(SqliteEventLog):
    """A log that says when it is asked to append, and waits until it is let."""

    def __init__(self, file: DatabaseFile, clock: Clock, append_deadline: float) -> None:
        super().__init__(file, clock, append_deadline)
        self.asked, self.gate = asyncio.Event(), asyncio.Event()
        self.gate.set()

    async def append(self, stream: str, records: Sequence[NewRecord]) -> Sequence[Record]:
        self.asked.set()
        await self.gate.wait()
        return await super().append(stream, records)


async def test_a_client_that_hangs_up_breaks_nothing_for_those_who_wait_with_it(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER, log_type=GatedLog) as desk:
        log = desk.log
        assert isinstance(log, GatedLog)
        log.gate.clear()
        log.asked.clear()
        tasks = [asyncio.create_task(desk.report(REPORT)) for _ in range(4)]
        other = asyncio.create_task(desk.report(REPORT, summary="another body"))
        await log.asked.wait()
        for task in tasks[:2]:  # the one that appends, and one of its copies
            task.cancel()
        await asyncio.wait(tasks[:2])
        log.gate.set()
        assert [(await task).status_code for task in tasks[2:]] == [200, 200]
        assert (await other).status_code == 409
        assert (await desk.ids())[5:] == [REPORT.id]


async def test_an_append_that_nobody_waits_for_any_more_lands_all_the_same(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER, log_type=GatedLog) as desk:
        log = desk.log
        assert isinstance(log, GatedLog)
        log.gate.clear()
        log.asked.clear()
        task = asyncio.create_task(desk.report(REPORT))
        await log.asked.wait()
        task.cancel()
        await asyncio.wait([task])
        log.gate.set()
        assert (await desk.report(REPORT)).status_code == 200
        assert (await desk.ids())[5:] == [REPORT.id]


async def test_what_is_durable_is_acknowledged_though_the_index_lags(tmp_path: Path) -> None:
    log = open_log(tmp_path / "log.db", ManualClock(instant(NOW)))
    index = Index([STATE])  # nobody feeds it
    intake = Intake(log, index, Metrics(), deadline_seconds=0.05)
    office = Principal("pcc", STATE, "office")
    assert (await intake.accept(ROSTER[0], office))[0] == 202
    status, receipt = await intake.accept(ROSTER[0], office)
    assert (status, receipt.offset) == (200, 0)
    assert await intake.find(ROSTER[0].id, office) == receipt
    # Whether the district is known cannot be said, so the appointment is not refused either.
    with pytest.raises(Unavailable, match="has not caught up"):
        await intake.accept(ROSTER[2], office)
    await log.close()


async def test_an_index_that_lags_lets_no_two_events_through_that_exclude_each_other(tmp_path: Path) -> None:
    """Of two appointments that both get a 202, the fold would ignore one: nobody would know."""
    log = open_log(tmp_path / "log.db", ManualClock(instant(NOW)))
    index = Index([STATE])
    feeding = asyncio.create_task(consume("index", log, index.positions, index, metrics=Metrics()))
    intake = Intake(log, index, Metrics(), deadline_seconds=0.2)
    office = Principal("pcc", STATE, "office")
    for event in (policy(), added("guna")):
        assert (await intake.accept(event, office))[0] == 202
    feeding.cancel()
    await asyncio.wait([feeding])
    assert (await intake.accept(appointed("guna", "one"), office))[0] == 202
    with pytest.raises(Unavailable, match="has not caught up"):
        await intake.accept(appointed("guna", "another"), office)
    assert (await intake.accept(appointed("guna", "one"), office))[0] == 200
    await log.close()


@dataclass(frozen=True)
class Post:
    number: int
    """Which id."""
    body: int
    hangs_up_after: int | None
    """So many turns of the event loop; None waits for the answer."""


POSTS = st.lists(
    st.builds(Post, st.integers(0, 2), st.integers(0, 1), st.none() | st.integers(0, 40)), min_size=1, max_size=8
)
STEPS = st.lists(POSTS | st.sampled_from(["restart", "a commit fails"]), max_size=6)


async def send(desk: Desk, post: Post) -> httpx.Response | None:
    task = asyncio.create_task(desk.report(REPORT, id=named(f"report {post.number}"), summary=str(post.body)))
    if post.hangs_up_after is not None:
        for _ in range(post.hangs_up_after):
            await asyncio.sleep(0)
        task.cancel()
    await asyncio.wait([task])
    return None if task.cancelled() else task.result()


@settings(max_examples=25)
@given(steps=STEPS)
async def test_no_order_of_retries_puts_an_id_into_the_log_twice(steps: list[list[Post] | str]) -> None:
    answers: list[tuple[Post, httpx.Response | None]] = []
    with TemporaryDirectory() as folder:
        async with AsyncExitStack() as stack:
            desk = await stack.enter_async_context(running(Path(folder), *ROSTER))
            for step in steps:
                match step:
                    case "restart":
                        await stack.aclose()
                        desk = await stack.enter_async_context(running(Path(folder)))
                    case "a commit fails":
                        desk.fail_commits(1)
                    case list() as posts:
                        answers += zip(posts, await asyncio.gather(*(send(desk, post) for post in posts)), strict=True)
                    case _:
                        raise AssertionError(step)
            desk.fail_commits(0)
            # Whatever has happened: who asks once more, gets a receipt for what stands in the log, once.
            for number in range(3):
                post = Post(number, 0, None)
                answers.append((post, await send(desk, post)))
            ids = (await desk.ids())[5:]
        assert sorted(ids) == sorted(set(ids))
        assert set(ids) == {named(f"report {number}") for number in range(3)}
    for number in range(3):
        of_it = [(post.body, answer) for post, answer in answers if post.number == number and answer is not None]
        assert {answer.status_code for _, answer in of_it} <= {202, 200, 409, 503}
        receipts = {answer.text for _, answer in of_it if answer.status_code in {200, 202}}
        assert len(receipts) <= 1
        taken = {body for body, answer in of_it if answer.status_code in {200, 202}}
        assert len(taken) <= 1
        assert not taken & {body for body, answer in of_it if answer.status_code == 409}
        assert sum(answer.status_code == 202 for _, answer in of_it) <= 1


async def test_of_corrections_of_one_version_at_once_one_is_taken(tmp_path: Path) -> None:
    async with running(tmp_path, *ROSTER) as desk:
        assert (await desk.report(REPORT)).status_code == 202
        better = [corrected("guna", TODAY, NOW, of=REPORT.id, summary=str(number)) for number in range(6)]
        answers = await asyncio.gather(*(desk.report(each) for each in better))
        assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409, 409, 409]
        assert len((await desk.ids())[5:]) == 2


async def test_of_appointments_to_one_district_at_once_one_is_taken(tmp_path: Path) -> None:
    async with running(tmp_path, policy(), added("guna")) as desk:
        office = desk.token("pcc", STATE)
        rivals = [appointed("guna", f"holder {number}") for number in range(6)]
        answers = await asyncio.gather(*(desk.event(each, token=office) for each in rivals))
        assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409, 409, 409]
        assert len((await desk.ids())[2:]) == 1


async def test_an_event_in_memory_is_what_its_record_decodes_to(tmp_path: Path) -> None:
    """Readers in this process take the event that ingest made: it must not differ from what is read from the file."""
    async with running(tmp_path, *ROSTER) as desk, desk.log.reader({STREAM: len(ROSTER)}) as reader:
        report = filed("guna", TODAY, NOW)
        await desk.report(report)
        await desk.report(corrected("guna", TODAY, NOW, of=report.id))
        await desk.event(added("datia"), token=desk.token("pcc", STATE))
        found: list[Record] = []
        while len(found) < 3:
            found += (await reader.poll(timeout=SOON))[STREAM]
    assert [each.event for each in found] == [decode(each.headers, each.value) for each in found]


async def test_a_correction_right_behind_its_report_is_not_refused_for_an_index_that_lags(tmp_path: Path) -> None:
    """The receipt of a report does not wait for the index; a refusal does."""
    async with running(tmp_path, *ROSTER) as desk:
        for number in range(5):
            report = filed("guna", TODAY, NOW, known_as=f"{number}")
            assert (await desk.report(report)).status_code == 202
            correction = corrected("guna", TODAY, NOW, of=report.id)
            assert (await desk.report(correction)).status_code == (202 if number == 0 else 409)
