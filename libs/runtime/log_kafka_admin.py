"""Setting up Kafka's topics: what there is, and making it what `topics` says. The job's own; no service does this."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from libs.runtime.errors import RozanaError
from libs.runtime.log_kafka_client import Cluster, cluster_of, new_admin, unavailable
from libs.runtime.topics import Alteration, Topic, topic

KNOWN_SECONDS = 10.0
"""Until brokers know a topic that was just made, or another setting of one."""
LOOK_EVERY = 0.1
ON_THE_TOPIC = 1
"""Where a setting comes from, in Kafka's words: DYNAMIC_TOPIC_CONFIG."""


@dataclass(frozen=True, slots=True)
class TopicsAdmin:
    """Made by `opened_admin`. Every call raises Unavailable, or RozanaError with what Kafka does not allow."""

    cluster: Cluster
    client: Any

    async def found(self, names: Collection[str]) -> Mapping[str, Topic]:
        """Those of the topics that there are."""
        there = {each["topic"]: each["partitions"] for each in await self.client.describe_topics()}
        asked = [name for name in names if name in there]
        configs = await self._configs(asked)
        return {
            name: Topic(name, len(there[name]), min(len(each["replicas"]) for each in there[name]), configs[name])
            for name in asked
        }

    async def not_whole(self, names: Collection[str]) -> Mapping[str, str]:
        """Of these topics, those without a leader, or with fewer copies in step than there are; in words."""
        told = {}
        for each in await self.client.describe_topics():
            for partition in each["partitions"] if each["topic"] in names else ():
                if partition["leader"] < 0:
                    told[each["topic"]] = "has no leader"
                elif len(partition["isr"]) < len(partition["replicas"]):
                    told[each["topic"]] = f"{len(partition['isr'])} of {len(partition['replicas'])} copies are in step"
        return told

    async def create(self, topics: Collection[Topic]) -> None:
        """Return when brokers know them. One that is there by now stays as it is."""
        new = [NewTopic(each.name, each.partitions, each.replicas, topic_configs=dict(each.config)) for each in topics]
        answer = await self.client.create_topics(new)
        for name, code, *_ in answer.topic_errors:
            if for_code(code) is not TopicAlreadyExistsError:
                _check(name, code)
        names = {each.name for each in topics}
        async with asyncio.timeout(KNOWN_SECONDS):
            while not names.issubset(each["topic"] for each in await self.client.describe_topics()):  # noqa: ASYNC110 -- Kafka tells nobody
                await asyncio.sleep(LOOK_EVERY)

    async def alter(self, alterations: Collection[Alteration], found: Mapping[str, Topic]) -> None:
        """Return when it is so. aiokafka knows only the request that sets all of a topic's settings, or unsets them:
        so what was `found` beside ours is sent along."""
        wanted = {each.topic.name: {**found[each.topic.name].config, **each.topic.config} for each in alterations}
        resources = [ConfigResource(ConfigResourceType.TOPIC, name, config) for name, config in wanted.items()]
        for answer in await self.client.alter_configs(resources):
            for code, _, _, name in answer.resources:
                _check(name, code)
        async with asyncio.timeout(KNOWN_SECONDS):
            while await self._configs(wanted) != wanted:  # noqa: ASYNC110 -- as above
                await asyncio.sleep(LOOK_EVERY)

    async def _configs(self, names: Collection[str]) -> Mapping[str, Mapping[str, str]]:
        """What is set on the topics themselves."""
        if not names:
            return {}
        asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        configs = {}
        for answer in await self.client.describe_configs(asked):
            for code, _, _, name, entries in answer.resources:
                _check(name, code)
                configs[name] = {key: value for key, value, _, source, *_ in entries if source == ON_THE_TOPIC}
        return configs


@contextlib.asynccontextmanager
async def opened_admin(cluster: Cluster) -> AsyncIterator[TopicsAdmin]:
    """Raises Unavailable, also for what aiokafka raises inside."""
    client = new_admin(cluster)
    try:
        await client.start()
        yield TopicsAdmin(cluster, client)
    except (KafkaError, OSError, TimeoutError) as error:
        raise unavailable(cluster, error) from None
    finally:
        await client.close()


async def create_topics(url: str, streams: Iterable[str], *, replicas: int = 1, own_clock: bool = False) -> None:
    """Make the topics that are missing; those that are there stay as they are. Raises Unavailable."""
    async with opened_admin(cluster_of(url)) as admin:
        await admin.create([topic(stream, replicas, own_clock=own_clock) for stream in streams])


def _check(name: str, code: int) -> None:
    if code:
        kind = for_code(code).__name__.removesuffix("Error")
        raise RozanaError(f"Kafka did not do it for {name} ({kind}): see the brokers, and who may set up topics")
