"""The table of rights: read it here once more, by hand."""

from typing import get_args

import pytest

from libs.events.streams import STREAMS, Reader
from libs.runtime.access import Access, Right, accesses, granted

STATES = ("in-mp", "in-up")
CONSUMERS = (Access("rozana-aicc-boards", reads=("rozana.in-mp.reports",)),)
EVERYBODY = {each.principal: each for each in accesses(STATES, CONSUMERS)}


def kinds(streams: tuple[str, ...]) -> set[str]:
    return {each.rpartition(".")[2] for each in streams}


def test_the_principals_are_the_services_the_job_the_offices_and_the_consumers_named() -> None:
    assert list(EVERYBODY) == [
        *("rozana-ingest", "rozana-aggregator", "rozana-notifier", "rozana-topics"),
        *("rozana-pcc-in-mp", "rozana-pcc-in-up", "rozana-aicc-boards"),
    ]


@pytest.mark.parametrize(
    ("principal", "reads", "writes"),
    [
        ("rozana-ingest", {"reports", "grievances", "grievance-keys", "system", "dead-letters"}, None),
        ("rozana-aggregator", set(STREAMS) - {"grievance-keys"}, {"dead-letters"}),
        ("rozana-notifier", set(STREAMS) - {"grievance-keys"}, None),
        ("rozana-topics", set(), set()),
        ("rozana-pcc-in-mp", {"reports"}, set()),
        ("rozana-aicc-boards", {"reports"}, set()),
    ],
)
def test_who_reads_and_writes_what(principal: str, reads: set[str], writes: set[str] | None) -> None:
    access = EVERYBODY[principal]
    assert kinds(access.reads) == reads
    service = principal.removeprefix("rozana-")
    assert kinds(access.writes) == (
        writes if writes is not None else {k for k, s in STREAMS.items() if service in s.writers}
    )


def test_an_office_reads_its_own_state_and_never_a_grievance() -> None:
    for state in STATES:
        assert EVERYBODY[f"rozana-pcc-{state}"].reads == (f"rozana.{state}.reports",)


def test_everything_is_granted_by_whole_names_that_are_streams() -> None:
    streams = {each.name(state) for state in STATES for each in STREAMS.values() if each.per == "state"}
    streams |= {each.name() for each in STREAMS.values() if each.per == "nation"}
    for access in EVERYBODY.values():
        topics = [right.name for right in access.rights() if right.resource == "topic"]
        assert set(topics) <= streams
        assert len(topics) == len(set(topics))


def test_a_reader_has_the_group_of_its_own_name_and_the_job_has_none() -> None:
    groups = {name: [r for r in access.rights() if r.resource == "group"] for name, access in EVERYBODY.items()}
    assert groups.pop("rozana-topics") == []
    assert groups == {name: [Right("group", name, ("Read",))] for name in groups}


def test_nobody_may_delete_or_add_partitions() -> None:
    operations = {each for access in EVERYBODY.values() for right in access.rights() for each in right.operations}
    assert operations == {"Read", "Write", "Create", "Describe", "DescribeConfigs", "AlterConfigs"}
    provisioners = {name for name, access in EVERYBODY.items() for r in access.rights() if "Create" in r.operations}
    assert provisioners == {"rozana-topics"}


@pytest.mark.parametrize(
    ("reader", "kinds_of"),
    [("aicc", {"reports", "alerts", "grievances"}), ("pcc", {"reports"}), ("operator", set())],
)
def test_what_may_be_granted_is_of_a_state(reader: Reader, kinds_of: set[str]) -> None:
    """A dead letter may hold a grievance whole: no topic of the nation is granted to anybody outside."""
    assert reader in get_args(Reader)
    assert kinds(granted(reader, STATES)) == kinds_of
