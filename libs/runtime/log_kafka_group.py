"""Kafka's group protocol, a question at a time, and the words in which states are shared out.

aiokafka's own coordinator is not used: it fetches by what it is given, swallows what goes wrong in its listeners, tells
nobody when its last heartbeat was good, and cannot leave a group that it is a static member of.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.coordinator.protocol import ConsumerProtocol
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    IllegalGenerationError,
    InconsistentGroupProtocolError,
    InvalidSessionTimeoutError,
    KafkaError,
    MemberIdRequired,
    NoError,
    RebalanceInProgressError,
    UnknownMemberIdError,
    for_code,
)
from aiokafka.protocol.group import HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, SyncGroupRequest

from libs.events.streams import STREAMS, state_of
from libs.runtime.errors import StartRefused
from libs.runtime.log_kafka_client import CLIENT, Cluster, close_whole, unavailable
from libs.runtime.sharing_out import Member, share_out

ASSIGNOR = "rozana-states"
FENCED_INSTANCE_ID = 82
"""Kafka's number for "another has joined under your name"; aiokafka has no class for it."""
ANEW = (RebalanceInProgressError, IllegalGenerationError)
SPARE_SECONDS = 5.0
"""Longer than Kafka waits for the others, so that it is Kafka that ends the waiting."""


class JoinAgain(Exception):
    """The states are shared out anew. With the same member id: only so a member hears that another has its name."""


class Forgotten(JoinAgain):
    """The group does not know this member any more. Who hears it when it joins, joins with no id."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A place in one generation of the group. `shares` are worked out by the leader, and empty for all others."""

    member_id: str
    generation: int
    shares: Mapping[str, bytes]


class Group:
    """Made by `opened_group`. Each question raises JoinAgain, Unavailable, or StartRefused where asking is in vain."""

    def __init__(
        self, cluster: Cluster, client: Any, node: int, name: str, instance: str | None, session: float
    ) -> None:
        self._cluster = cluster
        self._client = client
        self._node = node
        self._name = name
        self._instance = instance
        self._session = session

    async def join(self, member_id: str, member: Member) -> Joined:
        """Waits until all members have joined, or were thrown out. `member_id` is "" at first."""
        milliseconds = round(self._session * 1000)
        offered = [(ASSIGNOR, _offer(member))]
        words = (ConsumerProtocol.PROTOCOL_TYPE, offered)
        while True:
            answer = await self._ask(
                JoinGroupRequest(self._name, milliseconds, milliseconds, member_id, self._instance, *words),
                self._session + SPARE_SECONDS,
            )
            if for_code(answer.error_code) is not MemberIdRequired:
                break
            member_id = answer.member_id
        self._check(answer.error_code)
        leads = answer.leader_id == answer.member_id
        members = {each[0]: _offered(each[-1]) for each in answer.members} if leads else {}
        shares = {name: _assignment(states, members[name].wants) for name, states in share_out(members).items()}
        return Joined(answer.member_id, answer.generation_id, shares)

    async def sync(self, joined: Joined, wants: frozenset[str]) -> frozenset[str]:
        """This member's states, once the leader has shared them out. Raises Forgotten when that was for other
        settings: a static member that comes back is given what it had, unasked."""
        answer = await self._ask(
            SyncGroupRequest(
                self._name, joined.generation, joined.member_id, self._instance, list(joined.shares.items())
            ),
            self._session + SPARE_SECONDS,
        )
        self._check(answer.error_code)
        assignment = ConsumerProtocol.ASSIGNMENT.decode(answer.member_assignment)
        if frozenset(json.loads(assignment.user_data)) != wants:
            await self.leave(joined.member_id)
            raise Forgotten
        return frozenset(state for topic, _ in assignment.assignment if (state := state_of(topic)))

    async def beat(self, joined: Joined) -> None:
        """Say that this member lives."""
        answer = await self._ask(HeartbeatRequest(self._name, joined.generation, joined.member_id), self._session / 2)
        self._check(answer.error_code)

    async def leave(self, member_id: str) -> None:
        """The others need not wait for the session to end."""
        await self._ask(LeaveGroupRequest(self._name, member_id), self._session / 2)

    async def _ask(self, question: Any, seconds: float) -> Any:
        try:
            async with asyncio.timeout(seconds):
                return await self._client.send(self._node, question, group=ConnectionGroup.COORDINATION)
        except (KafkaError, OSError, TimeoutError) as error:
            raise unavailable(self._cluster, error) from None

    def _check(self, code: int) -> None:
        error = for_code(code)
        if error is NoError:
            return
        if code == FENCED_INSTANCE_ID:
            raise StartRefused(
                f"another process takes part in {self._name} as {self._instance}: give each its own ROZANA_MEMBER"
            )
        if error is UnknownMemberIdError:
            raise Forgotten
        if error in ANEW:
            raise JoinAgain
        if error is GroupAuthorizationFailedError:
            raise StartRefused(f"Kafka does not let us take part in the group {self._name}: see `rozana topics acls`")
        if error is InvalidSessionTimeoutError:
            raise StartRefused(
                f"ROZANA_SESSION: Kafka allows no session of {self._session:g} s (group.min.session.timeout.ms,"
                " group.max.session.timeout.ms)"
            )
        if error is InconsistentGroupProtocolError:
            raise StartRefused(f"the group {self._name} is used by something else: it shares out no states")
        raise unavailable(self._cluster, error())


@contextlib.asynccontextmanager
async def opened_group(cluster: Cluster, name: str, instance: str | None, session: float) -> AsyncIterator[Group]:
    """Ask the broker that coordinates the group. Raises Unavailable."""
    settings = {**CLIENT, "request_timeout_ms": round((session + 2 * SPARE_SECONDS) * 1000)}
    client = AIOKafkaClient(**cluster.client(), **settings)
    try:
        try:
            async with asyncio.timeout(session):
                await client.bootstrap()
                node = await client.coordinator_lookup(CoordinationType.GROUP, name)
        except GroupAuthorizationFailedError:
            raise StartRefused(
                f"Kafka does not let us take part in the group {name}: see `rozana topics acls`"
            ) from None
        except (KafkaError, OSError, TimeoutError) as error:
            raise unavailable(cluster, error) from None
        yield Group(cluster, client, node, name, instance, session)
    finally:
        await close_whole(client.close())


def _streams(states: frozenset[str]) -> list[str]:
    """What tools show as the member's topics."""
    return [each.name(state) for state in sorted(states) for each in STREAMS.values() if each.per == "state"]


def _offer(member: Member) -> bytes:
    said = {"had": sorted(member.had), "generation": member.generation}
    metadata: bytes = ConsumerProtocol.METADATA(0, _streams(member.wants), json.dumps(said).encode()).encode()
    return metadata


def _offered(metadata: bytes) -> Member:
    read = ConsumerProtocol.METADATA.decode(metadata)
    said = json.loads(read.user_data)
    wants = frozenset(state for topic in read.subscription if (state := state_of(topic)))
    return Member(wants, frozenset(said["had"]), said["generation"])


def _assignment(states: frozenset[str], wants: frozenset[str]) -> bytes:
    topics = [(stream, [0]) for stream in _streams(states)]
    assignment: bytes = ConsumerProtocol.ASSIGNMENT(0, topics, json.dumps(sorted(wants)).encode()).encode()
    return assignment
