"""Kafka's topics in the terminal: compared with what they should be, and made so."""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from libs.runtime.settings import Settings
from libs.runtime.topics import Differences, Topic, differences
from libs.runtime.topics import topics as all_topics
from rozana.compose import opened_topics

NOT_ON_KAFKA = (
    "the log is a sqlite file, which makes its streams by itself: topics are for ROZANA_LOG=kafka://host:port"
)


def wanted(settings: Settings) -> list[Topic]:
    return all_topics(settings.states, settings.kafka_replication, own_clock=settings.own_clock)


async def show(settings: Settings) -> int:
    """The exit code: 0 when all is as it should be."""
    if not settings.on_kafka:
        print(NOT_ON_KAFKA)
        return 0
    topics = wanted(settings)
    async with opened_topics(settings) as admin:
        found = await admin.found([each.name for each in topics])
    differing = differences(topics, found)
    Console(highlight=False).print(table_of(topics, found, differing))
    print(f"{len(found)} of {len(topics)} topics are there; {_summary(differing)}")
    return 1 if differing != Differences() else 0


async def apply(settings: Settings) -> int:
    """The exit code: 1 when a topic had to be refused. All others are as they should be then."""
    if not settings.on_kafka:
        print(NOT_ON_KAFKA)
        return 0
    topics = wanted(settings)
    async with opened_topics(settings) as admin:
        found = await admin.found([each.name for each in topics])
        differing = differences(topics, found)
        if differing.create:
            await admin.create(differing.create)
            for topic in differing.create:
                print(f"made     {topic.name}")
        if differing.alter:
            await admin.alter(differing.alter, found)
            for alteration in differing.alter:
                print(f"set      {alteration.topic.name}  {_settings(alteration.was, alteration.topic)}")
        for refusal in differing.refused:
            print(f"REFUSED  {refusal.topic.name}: {refusal.why}")
    left = len(topics) - len(differing.create) - len(differing.alter) - len(differing.refused)
    print(
        f"{len(differing.create)} made, {len(differing.alter)} set, {left} were right, {len(differing.refused)} refused"
    )
    return 1 if differing.refused else 0


def table_of(topics: list[Topic], found: Mapping[str, Topic], differing: Differences) -> Table:
    told = {each.name: Text("missing", "yellow") for each in differing.create}
    told |= {each.topic.name: Text(_settings(each.was, each.topic), "yellow") for each in differing.alter}
    told |= {each.topic.name: Text(each.why, "bold red") for each in differing.refused}
    table = Table(show_edge=False, pad_edge=False)
    for column in ("topic", "partitions", "replicas", "in sync", "stamped by", "how it is"):
        table.add_column(column, overflow="fold")
    for each in topics:
        there = found.get(each.name)
        by = "writer" if each.config["message.timestamp.type"] == "CreateTime" else "broker"
        table.add_row(
            each.name,
            _both(each.partitions, each.partitions if there is None else there.partitions),
            _both(each.replicas, each.replicas if there is None else there.replicas),
            each.config["min.insync.replicas"],
            by,
            told.get(each.name, Text("right")),
        )
    return table


def _both(wanted: int, there: int) -> str:
    return str(wanted) if there == wanted else f"{wanted}, is {there}"


def _settings(was: Mapping[str, str | None], topic: Topic) -> str:
    return ", ".join(f"{name}: {value or 'not set'} -> {topic.config[name]}" for name, value in was.items())


def _summary(differing: Differences) -> str:
    if differing == Differences():
        return "all is as it should be"
    todo = "`rozana topics apply` makes it so" if differing.create or differing.alter else "see `how it is`"
    create, alter, refused = map(len, (differing.create, differing.alter, differing.refused))
    return f"{create} are missing, {alter} are set otherwise, {refused} cannot be mended by settings: {todo}"
