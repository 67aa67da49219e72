"""The catalogue is whole: every model, every event of the design, an example and a schema for each."""

from collections.abc import Iterator

import pytest

from libs.events.catalogue import CATALOGUE, TYPES
from libs.events.export import example_name, json_schemas
from libs.events.streams import STREAMS, Kind
from libs.events.values import DistrictData, EventData
from tests.events import golden

# design.md, section 3, the table. Left out, for they come in their own issues: outage.credited, judgement.confirmed
# and the life cycle of a grievance.
ALERTING: tuple[Kind, ...] = ("alerts", "grievances")
DESIGN: dict[str, tuple[Kind, ...]] = {
    "policy.adopted": ("reports",),
    "district.added": ("reports",),
    "district.closed": ("reports",),
    "holiday.declared": ("reports",),
    "holiday.revoked": ("reports",),
    "president.appointed": ("reports",),
    "president.relieved": ("reports",),
    "leave.granted": ("reports",),
    "report.filed": ("reports",),
    "report.corrected": ("reports",),
    "report.reviewed": ("reports",),
    "day.excused": ("reports",),
    "clock.reached": ("reports", "alerts", "grievances"),
    "state.day_closed": ("reports",),
    "outage.credited": ("reports",),
    "judgement.confirmed": ("reports",),
    "grievance.raised": ("grievances",),
    "alert.raised": ALERTING,
    "alert.escalated": ALERTING,
    "alert.acknowledged": ALERTING,
    "alert.snoozed": ALERTING,
    "alert.reopened": ALERTING,
    "alert.resolved": ALERTING,
}


def _models(base: type[EventData]) -> Iterator[type[EventData]]:
    """All that are named, of our own: a test may have made others."""
    for model in base.__subclasses__():
        if "NAME" in vars(model) and model.__module__.startswith("libs."):
            yield model
        yield from _models(model)


def test_every_named_model_is_in_the_catalogue_once() -> None:
    named = sorted(model.type_name() for model in _models(EventData))
    assert named == sorted(TYPES) == sorted(entry.data.type_name() for entry in TYPES.values())


def test_a_name_stands_for_its_latest_version_and_all_before_it_are_there() -> None:
    for name, entry in CATALOGUE.items():
        versions = sorted(each.data.VERSION for each in TYPES.values() if name == each.data.NAME)
        assert versions == list(range(1, entry.data.VERSION + 1))
    assert CATALOGUE["report.filed"].data.VERSION == CATALOGUE["report.corrected"].data.VERSION == 2
    assert CATALOGUE["policy.adopted"].data.VERSION == CATALOGUE["alert.raised"].data.VERSION == 2


def test_every_event_of_the_design_is_there_in_its_streams() -> None:
    assert {name: CATALOGUE[name].streams for name in DESIGN} == DESIGN
    # Beyond the table: the dead letter, of guarantee 8, who sets it aside, heartbeats, and the life of a grievance.
    own = {"record.dead_lettered", "record.set_aside", "heartbeat.appended"}
    beyond = CATALOGUE.keys() - DESIGN.keys() - own
    assert all(name.startswith(("grievance.", "grievance_policy.")) for name in beyond)
    assert {CATALOGUE[name].streams for name in beyond} == {("grievances",)}


@pytest.mark.parametrize("name", list(CATALOGUE))
def test_an_entry_agrees_with_itself(name: str) -> None:
    entry = CATALOGUE[name]
    assert name == entry.data.NAME
    assert TYPES[f"rozana.{name}.v{entry.data.VERSION}"] is entry
    assert set(entry.streams) <= set(STREAMS)
    assert entry.data.model_fields.keys() >= entry.data.SET_BY_INGEST
    assert entry.data.__doc__


def test_the_systems_own_events_are_not_taken_from_clients() -> None:
    own = {name for name, entry in CATALOGUE.items() if not entry.from_clients}
    of_cases = {f"grievance.{what}" for what in ("answered", "message_sent", "agreed", "appealed", "opened", "erased")}
    beginnings = ("alert.", "clock.", "state.", "record.dead_lettered", "outage.", "heartbeat.")
    assert own == of_cases | {name for name in CATALOGUE if name.startswith(beginnings)}


def test_a_grievance_and_its_alerts_can_be_kept_from_the_state_office() -> None:
    for name in ("grievance.raised", *(name for name in CATALOGUE if name.startswith("alert."))):
        assert "grievances" in CATALOGUE[name].streams
    assert CATALOGUE["grievance.raised"].streams == ("grievances",)


def test_a_client_posts_to_streams_that_ingest_writes() -> None:
    for entry in CATALOGUE.values():
        if entry.from_clients:
            assert all("ingest" in STREAMS[kind].writers for kind in entry.streams)


@pytest.mark.parametrize("name", list(CATALOGUE))
def test_every_version_has_its_golden_example(name: str) -> None:
    for version in range(1, CATALOGUE[name].data.VERSION + 1):
        assert f"{name}.v{version}" in golden.TEXTS


def test_every_example_is_of_a_type_that_is_named_by_its_file() -> None:
    assert all(TYPES[item["type"]] for item in map(golden.item, golden.TEXTS))
    for name in golden.TEXTS:
        assert f"rozana.{name}.".startswith(golden.item(name)["type"] + ".")


def test_every_example_stands_in_a_stream_of_its_own_id() -> None:
    ids = [golden.item(name)["id"] for name in golden.TEXTS]
    assert len(set(ids)) == len(ids)


def test_examples_hold_no_person_who_could_be_real() -> None:
    holders = {
        golden.data(name)[member]
        for name in golden.TEXTS
        for member in ("name", "by")
        if name.startswith(("president.", "day.", "alert.")) and golden.data(name).get(member)
    }
    assert holders == {"Holder of Guna", "गुना के पदधारी", "Secretary of the state office", "S"}


def test_the_schemas_are_those_of_the_catalogue() -> None:
    schemas = json_schemas()
    assert list(schemas) == [example_name(entry) for entry in TYPES.values()]
    for entry in TYPES.values():
        schema = schemas[example_name(entry)]
        assert schema["$id"] == f"urn:rozana:schema:{example_name(entry)}"
        assert schema["title"] == entry.data.type_name()
        assert schema["additionalProperties"] is False
        assert schema["properties"].keys() == golden.data(example_name(entry)).keys()
        assert ("district" in schema["required"]) == issubclass(entry.data, DistrictData)
