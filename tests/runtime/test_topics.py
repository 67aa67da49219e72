"""What Kafka's topics should be, and how they differ from that."""

from dataclasses import replace

import pytest

from libs.events.streams import STREAMS
from libs.runtime.topics import MOST_BYTES, Alteration, Differences, Refusal, Topic, differences, topic, topics

REPORTS = topic("rozana.in-mp.reports", 3)


def by_name(*found: Topic) -> dict[str, Topic]:
    return {each.name: each for each in found}


def test_every_stream_of_the_states_and_the_nation_is_one_topic_of_one_partition() -> None:
    found = topics(["in-mp", "in-up"], 3)
    assert [each.name for each in found] == [
        *("rozana.in-mp.reports", "rozana.in-mp.alerts", "rozana.in-mp.grievances", "rozana.in-mp.grievance-keys"),
        *("rozana.in-up.reports", "rozana.in-up.alerts", "rozana.in-up.grievances", "rozana.in-up.grievance-keys"),
        *("rozana.system", "rozana.dead-letters"),
    ]
    assert {each.partitions for each in found} == {1}
    assert {each.replicas for each in found} == {3}


@pytest.mark.parametrize(("replicas", "in_sync"), [(1, "1"), (3, "2")])
def test_records_are_kept_for_ever_and_by_more_than_one_broker(replicas: int, in_sync: str) -> None:
    assert topic("rozana.in-mp.reports", replicas).config == {
        "cleanup.policy": "delete",
        "max.message.bytes": "1100000",
        "message.timestamp.after.max.ms": "9223372036854775807",
        "message.timestamp.type": "LogAppendTime",
        "min.insync.replicas": in_sync,
        "retention.bytes": "-1",
        "retention.ms": "-1",
        "unclean.leader.election.enable": "false",
    }


def test_only_the_keys_of_sealed_texts_are_compacted_and_within_a_day() -> None:
    compacted = {each.name: each.config for each in topics(["in-mp"], 1) if each.config["cleanup.policy"] != "delete"}
    (config,) = compacted.values()
    assert list(compacted) == ["rozana.in-mp.grievance-keys"]
    assert config["cleanup.policy"] == "compact"
    assert int(config["segment.ms"]) == int(config["max.compaction.lag.ms"]) < 24 * 60 * 60 * 1000


def test_a_dead_letter_fits_that_holds_the_largest_append_in_base64() -> None:
    assert int(topic("rozana.dead-letters", 1).config["max.message.bytes"]) > MOST_BYTES * 4 // 3 * 2


def test_the_broker_stamps_no_time_on_what_keeps_no_hours() -> None:
    stamped = {each.name: each.config["message.timestamp.type"] for each in topics(["in-mp"], 1)}
    assert {name for name, by in stamped.items() if by == "CreateTime"} == {
        "rozana.in-mp.grievances",
        "rozana.in-mp.grievance-keys",
        "rozana.dead-letters",
    }
    assert len(stamped) == len(STREAMS)
    on_own_clock = topics(["in-mp"], 1, own_clock=True)
    assert {each.config["message.timestamp.type"] for each in on_own_clock} == {"CreateTime"}


def test_what_is_as_it_should_be_does_not_differ() -> None:
    there = replace(REPORTS, config={**REPORTS.config, "segment.bytes": "1000000"})
    assert differences([REPORTS], by_name(there, topic("somebody.elses", 1))) == Differences()


def test_what_is_missing_is_made() -> None:
    assert differences([REPORTS], {}) == Differences(create=(REPORTS,))


def test_what_is_set_otherwise_or_left_to_the_broker_is_set() -> None:
    config = {**REPORTS.config, "retention.ms": "604800000"}
    del config["min.insync.replicas"]
    was = {"min.insync.replicas": None, "retention.ms": "604800000"}
    there = replace(REPORTS, config=config)
    assert differences([REPORTS], by_name(there)) == Differences(alter=(Alteration(REPORTS, was),))


@pytest.mark.parametrize(
    ("there", "why"),
    [
        (replace(REPORTS, partitions=2), "it has 2 partitions and must have 1"),
        (replace(REPORTS, partitions=2, config={}), "ADR 0002"),
        (replace(REPORTS, replicas=1), "kept by 1 brokers and should be by 3"),
    ],
)
def test_another_order_or_another_number_of_brokers_is_refused_and_nothing_of_it_set(there: Topic, why: str) -> None:
    differing = differences([REPORTS], by_name(there))
    assert differing.refused == (Refusal(REPORTS, differing.refused[0].why),)
    assert why in differing.refused[0].why
    assert (differing.create, differing.alter) == ((), ())
