"""What `rozana verify` says of digests: one that is not what its stream says is named; an overtaken one is right."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import date
from pathlib import Path

from libs.duty.state_duty import StateDuty
from libs.events.codec import decode
from libs.events.digest import StateDayClosed, digest_id
from libs.events.envelope import Event
from libs.events.streams import stream_name
from libs.runtime.clock import ManualClock
from libs.runtime.log_sqlite import open_log
from rozana.demo.cast import STATE
from rozana.verify.checks import Check
from rozana.verify.digests import DigestChecks
from services.notifier.digests import digest
from tests.duty.events import STREAM, added, appointed, clock_reached, excused, filed, instant, policy, recorded
from tests.e2e.test_restart import JUDGED
from tests.rozana.conftest import Command
from tests.rozana.day import append
from tests.rozana.test_verify import Verified
from tests.runtime.streams import record_of

ON = "2026-11-23"
CLOSED = clock_reached("2026-11-24T00:00")
STORY = (
    policy(),
    added("guna"),
    appointed("guna"),
    added("bhind"),
    appointed("bhind"),
    filed("guna", ON, f"{ON}T20:00"),
)


def checked(events: Sequence[Event], mended: Collection[int] = ()) -> Check:
    check = Check("digests")
    checks = DigestChecks(STREAM, STATE, mended, check)
    for offset, each in enumerate(events):
        checks.read(each, offset, each.time)
    checks.settle()
    return check


def said(
    events: Sequence[Event], covers: int, change: Callable[[StateDayClosed], StateDayClosed] | None = None
) -> Event:
    """The digest of the day behind `covers`, as the notifier would say it, or changed."""
    duty = StateDuty(STATE)
    for offset, each in enumerate(events[: covers + 1]):
        duty.evolve(recorded(each, offset))
    told = digest(STATE, duty.days[date.fromisoformat(ON)], covers, 0)
    told = change(told) if change else told
    return Event(digest_id(STATE, told.day, told.covers), "urn:rozana:notifier", instant("2026-11-24T00:01"), told)


def withheld(told: StateDayClosed) -> StateDayClosed:
    """As if nobody had reported."""
    counts = told.counts.model_copy(update={"on_time": 0, "missed": 2})
    return told.model_copy(update={"counts": counts})


def test_a_digest_is_true_of_what_it_covers_whatever_came_since() -> None:
    judged = [*STORY, CLOSED]
    late = filed("bhind", ON, "2026-11-24T08:00")
    story = [*judged, said(judged, 6), late]
    story.append(said(story, 8))
    story.append(excused("guna", ON, at="2026-11-24T09:00"))
    check = checked(story)
    assert (check.different, check.looked_at) == (None, {"digests": 2})


def test_one_that_is_not_what_its_stream_says_is_named_with_the_difference() -> None:
    judged = [*STORY, CLOSED]
    check = checked([*judged, said(judged, 6, withheld), said(judged, 6)])
    assert check.different == (
        f"{STREAM}/7: the digest of {ON} is not what the stream says up to offset 6: /counts/missed: live 2, replayed 1"
    )
    assert check.others == 0


def test_a_report_that_is_left_out_changes_the_hash() -> None:
    judged = [*STORY, CLOSED]
    check = checked([*judged, said(judged, 6, lambda told: told.model_copy(update={"reports_sha256": "0" * 64}))])
    assert "/reports_sha256: live" in str(check.different)


def test_what_it_covers_must_be_closed_and_lie_before_it() -> None:
    judged = [*STORY, CLOSED]
    early = said(judged, 6, lambda told: told.model_copy(update={"covers": 5}))
    ahead = said(judged, 6, lambda told: told.model_copy(update={"covers": 9}))
    check = checked([*judged, early, ahead])
    assert check.different == f"{STREAM}/7: the digest of {ON} covers offset 5, where the day was not closed"
    assert check.others == 1
    other = Event(digest_id(STATE, date(2026, 11, 22), 6), "urn:rozana:notifier", CLOSED.time, said(judged, 6).data)
    assert "has not the id" in str(checked([*judged, other]).different)


def test_behind_a_record_that_can_be_read_only_now_it_may_have_been_wrong_if_it_was_restated() -> None:
    """When it was said, the report of Guna was a dead letter."""
    judged = [*STORY, CLOSED]
    wrong = said(judged, 6, withheld)
    assert "the digest of 2026-11-23 is not what" in str(checked([*judged, wrong], mended=[5]).different)
    restated = [*judged, wrong, said([*judged, wrong], 7)]
    assert checked(restated, mended=[5]).different is None
    assert checked(restated).different is not None


def test_a_forged_one_in_a_log_is_found(data: Path, command: Command) -> None:
    async def last() -> Event:
        log = open_log(data / "log.db", ManualClock(JUDGED), read_only=True)
        found = [each for each in await log.read(stream_name("reports", STATE), 0) if each.key == STATE]
        await log.close()
        events = [decode(each.headers, each.value) for each in found]
        return next(each for each in reversed(events) if isinstance(each.data, StateDayClosed))

    verified = Verified(command, data)
    assert verified.different == {}
    assert verified.checks["digests"].endswith(" digests")
    true = asyncio.run(last())
    assert isinstance(true.data, StateDayClosed)
    told = withheld(true.data)
    append(data, stream_name("reports", STATE), record_of(Event(true.id, true.source, true.time, told)))
    assert "is not what the stream says up to offset" in Verified(command, data).different["digests"]
