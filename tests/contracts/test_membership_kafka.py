"""`Membership` on a real Kafka: who owns what as members come, leave, die, are cut off, or are mistaken for others."""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from uuid import uuid4

import pytest

from libs.runtime.errors import StartRefused, Unavailable
from libs.runtime.log_kafka_client import cluster_of
from libs.runtime.log_kafka_group import Forgotten, Group, opened_group
from libs.runtime.membership import Membership
from libs.runtime.membership_kafka import KafkaMembership
from libs.runtime.sharing_out import Member
from libs.runtime.telemetry import configure_logging, get_logger
from tests.servers.kafka import Kafka

pytestmark = pytest.mark.connected
STATES = ("in-ka", "in-mp", "in-rj", "in-up")
SESSION = 2.0
PATIENCE = 30.0


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 -- of several memberships at once
            await asyncio.sleep(0.01)


class Members:
    """Of a group of their own."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._group = f"rozana-test-{uuid4()}"
        configure_logging(io.StringIO())

    @contextlib.asynccontextmanager
    async def member(
        self, name: str | None = None, *states: str, session: float = SESSION
    ) -> AsyncIterator[KafkaMembership]:
        made = KafkaMembership(cluster_of(self._url), self._group, name, states or STATES, session, get_logger("test"))
        async with made.joined():
            yield made

    def group(self, name: str | None, session: float = SESSION) -> AbstractAsyncContextManager[Group]:
        """The bare protocol: a member that does what the test says, and ends without a word."""
        return opened_group(cluster_of(self._url), self._group, name, session)


@pytest.fixture
def members(kafka: Kafka) -> Members:
    return Members(kafka.url)


def shared(*among: Membership) -> bool:
    """Each state is surely one's, and as many are each's."""
    owned = [state for member in among for state in member.owned if sure(member, state)]
    return sorted(owned) == sorted(STATES) and len({len(member.owned) for member in among}) == 1


def sure(member: Membership, state: str) -> bool:
    try:
        with member.sure(state):
            return True
    except Unavailable:
        return False


async def test_one_alone_has_all_and_gives_half_to_another_who_gives_it_back_at_once(members: Members) -> None:
    async with members.member("one", session=60.0) as one:
        assert (one.owned, one.trouble()) == (frozenset(STATES), None)
        async with members.member("two", session=60.0) as two:
            await until(lambda: shared(one, two))
        await until(lambda: shared(one))  # sooner by far than a session ends


async def test_what_may_be_given_away_is_not_sure_before_it_is_given(members: Members) -> None:
    """An append that is under way holds up the sharing out; none is begun while it goes on."""
    async with members.member("one", session=20.0) as one, contextlib.AsyncExitStack() as coming:
        with one.sure("in-mp"):
            two = asyncio.ensure_future(coming.enter_async_context(members.member("two", session=20.0)))
            await until(lambda: not sure(one, "in-ka"))
            assert not two.done()
            assert one.trouble() is None
        other = await two
        await until(lambda: shared(one, other))


async def test_who_sends_no_heartbeats_is_thrown_out_and_its_claims_are_old_when_it_comes_back(
    members: Members,
) -> None:
    async with members.group("dead") as dead:
        joined = await dead.join("", Member(frozenset(STATES)))
        assert await dead.sync(joined, frozenset(STATES)) == frozenset(STATES)
        async with members.member("one") as one:  # Kafka waits for the session of the other to end
            assert one.owned == frozenset(STATES)
            with pytest.raises(Forgotten):
                await dead.beat(joined)
            with pytest.raises(Forgotten):
                await dead.join(joined.member_id, Member(frozenset(STATES)))
            rejoined = await dead.join("", Member(frozenset(STATES), frozenset(STATES), joined.generation))
            theirs = await dead.sync(rejoined, frozenset(STATES))
            await until(lambda: one.owned == frozenset(STATES) - theirs)
            assert len(theirs) == 2


async def test_after_a_kill_a_member_of_the_same_name_goes_on_at_once_and_nobody_else_notices(members: Members) -> None:
    async with members.group("one", 60.0) as killed:
        joined = await killed.join("", Member(frozenset(STATES)))
        await killed.sync(joined, frozenset(STATES))
    async with members.member("one", session=60.0) as one:
        assert one.owned == frozenset(STATES)


async def test_after_a_kill_a_member_that_has_other_states_now_is_given_those(members: Members) -> None:
    async with members.group("one", 60.0) as killed:
        joined = await killed.join("", Member(frozenset(STATES)))
        await killed.sync(joined, frozenset(STATES))
    async with members.member("one", "in-mp", "in-br", session=60.0) as one:
        assert one.owned == {"in-mp", "in-br"}


async def test_two_of_one_name_are_told_so(members: Members) -> None:
    async with members.member("one") as one, members.member("one") as two:
        with pytest.raises(StartRefused, match=r"another process takes part in .* as one: .* ROZANA_MEMBER"):
            await one.changed(one.owned)
        assert two.owned == frozenset(STATES)
        assert not any(sure(one, state) for state in STATES)


async def test_a_session_that_kafka_does_not_allow_is_refused(members: Members) -> None:
    with pytest.raises(StartRefused, match=r"ROZANA_SESSION"):
        async with members.member(session=0.5):
            pass


async def test_while_kafka_is_away_nothing_is_sure_and_afterwards_all_is_as_it_was(tmp_path: Path) -> None:
    kafka = Kafka(tmp_path)
    kafka.start()
    try:
        members = Members(kafka.url)
        async with members.member("one") as one, members.member("two") as two:
            await until(lambda: shared(one, two))
            before = one.owned, two.owned
            await asyncio.to_thread(kafka.kill)
            await until(lambda: not any(sure(each, state) for each in (one, two) for state in STATES))
            assert (one.trouble() or "").startswith("has lost touch with the group ")
            await asyncio.to_thread(kafka.start)
            await until(lambda: shared(one, two))
            assert (one.owned, two.owned) == before
            assert one.trouble() is None
    finally:
        kafka.stop()


async def test_who_cannot_reach_kafka_says_so_and_joins_when_it_is_there(tmp_path: Path) -> None:
    kafka = Kafka(tmp_path)
    member = KafkaMembership(cluster_of(kafka.url), "rozana-test", None, STATES, SESSION, get_logger("test"))
    assert member.trouble() == "has not joined the group rozana-test yet"
    try:
        async with contextlib.AsyncExitStack() as stack:
            joining = asyncio.ensure_future(stack.enter_async_context(member.joined()))
            await until(lambda: "see whether Kafka runs there" in (member.trouble() or ""))
            await asyncio.to_thread(kafka.start)
            await joining
            assert member.owned == frozenset(STATES)
    finally:
        kafka.stop()
