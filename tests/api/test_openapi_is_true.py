"""Whatever is sent, right or wrong, by whomever: what comes back is what the OpenAPI document says, and never a 5xx.

Schemathesis makes the requests from the documents. The answers' schemas are closed first, so that a member that is
answered and not described is found as well as one that is missing.
"""

import contextlib
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from hypothesis.errors import FlakyStrategyDefinition
from hypothesis.stateful import run_state_machine_as_test
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection

from rozana.assembly import SERVICES
from tests.api.serving import TOKENS, Serving, serving
from tests.ingest.desk import BATCH

DOCUMENTS = {**{name: (name,) for name in SERVICES}, "up": SERVICES}
ROLES = (None, *TOKENS)


@pytest.fixture(scope="module", params=list(DOCUMENTS))
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with ExitStack() as stack:
        yield stack.enter_context(serving(tmp_path_factory.mktemp("api"), DOCUMENTS[request.param]))


def schema_of(served: Serving) -> Any:
    config = schemathesis.Config.from_dict(
        {
            "request-timeout": 20,
            "max-stream-events": 3,
            "checks": {
                # A body can fit its schema and still name a district that is not there, or a day that is locked.
                "positive_data_acceptance": {"enabled": False},
                "negative_data_rejection": {
                    "expected-statuses": ["400", "401", "403", "404", "409", "413", "415", "422"]
                },
            },
        }
    )
    schema = schemathesis.openapi.from_dict(closed(served.document), config=config)
    schema.config.update(base_url=served.url)
    return schema


def closed(part: Any) -> Any:
    """No object may have members that its schema does not name, unless it says which."""
    if isinstance(part, list):
        return [closed(each) for each in part]
    if not isinstance(part, dict):
        return part
    # Of a server-sent event the parser itself adds members, such as its type.
    found = {name: each if name == "itemSchema" else closed(each) for name, each in part.items()}
    if part.get("type") == "object" and "properties" in part:
        found.setdefault("additionalProperties", False)
    return found


def ask(served: Serving, data: st.DataObject, operation: Any, mode: GenerationMode) -> None:
    case = data.draw(operation.as_strategy(generation_mode=mode))
    role = data.draw(st.sampled_from(ROLES))
    if mode is GenerationMode.POSITIVE and data.draw(st.booleans()):
        case.body = named(case.body, served.known)
        case.path_parameters = named(case.path_parameters, served.known)
    if case.operation.path.endswith("/changes"):
        case.query = {"after": "-1"} | dict(case.query or {})  # or it is quiet, and an answer never ends
    case.call_and_validate(headers=served.headers(role), excluded_checks=excluded(case))


def excluded(case: Any) -> list[Any]:
    """A batch is answered with 200 and a result an item; the one that is wrong is refused in its place.

    Of the changes the query is made ours after it was drawn: what was wrong with it may be so no longer. Members of a
    query that nobody knows are passed over, as everywhere.
    """
    known = {parameter.name for parameter in case.operation.query}
    passed_over = case.query and not known.issuperset(case.query)
    ours = case.media_type == BATCH or case.operation.path.endswith("/changes")
    return [negative_data_rejection] if ours or passed_over else []


def named(part: Any, known: dict[str, str]) -> Any:
    """The same with what is there in place of what is not."""
    if isinstance(part, dict):
        return {
            name: known[name] if name in known and isinstance(each, str) else named(each, known)
            for name, each in part.items()
        }
    return [named(each, known) for each in part] if isinstance(part, list) else part


def fuzz(served: Serving, examples: int) -> None:
    for result in schema_of(served).get_all_operations():
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            operation = result.ok()
            if mode is GenerationMode.POSITIVE or operation.body or list(operation.iter_parameters()):
                fuzz_one(served, operation, mode, examples)


def fuzz_one(served: Serving, operation: Any, mode: GenerationMode, examples: int) -> None:
    @hypothesis.settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def answers_as_it_says(data: st.DataObject) -> None:
        ask(served, data, operation, mode)

    answers_as_it_says()


def wander(served: Serving, runs: int, steps: int) -> None:
    """Follow the links of the document from answer to answer.

    The system lives: asked again it may answer otherwise, which hypothesis takes for a fault of the test and ends. So
    what is wrong with an answer is kept here, too.
    """
    machine = schema_of(served).as_state_machine()
    faults: list[Exception] = []
    asked = 0

    class Wandering(machine):  # type: ignore[misc, valid-type]
        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            if case.operation.path.endswith("/changes"):
                case.query = {"after": "-1"} | dict(case.query or {})
            return {"headers": served.headers("aicc")}

        def validate_response(self, response: Any, case: Any, *_: Any, **kwargs: Any) -> None:
            nonlocal asked
            asked += 1
            try:
                case.validate_response(
                    response,
                    # A token is always sent along, and unknown members of a query are passed over: `fuzz` asks wrongly.
                    excluded_checks=[negative_data_rejection],
                    transport_kwargs=kwargs or None,
                    recorder=getattr(self, "recorder", None),
                )
            except Exception as error:
                faults.append(error)
                raise

    with contextlib.suppress(FlakyStrategyDefinition):
        run_state_machine_as_test(
            Wandering,
            settings=hypothesis.settings(
                max_examples=runs,
                stateful_step_count=steps,
                deadline=None,
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    assert faults == []
    assert asked >= steps


def test_every_answer_is_in_the_document(served: Serving) -> None:
    fuzz(served, 5)


def test_where_answers_lead_to_is_in_the_document(served: Serving) -> None:
    wander(served, 3, 6)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_thousands_of_answers_are_in_the_document(served: Serving) -> None:
    fuzz(served, 150)
    wander(served, 60, 20)
