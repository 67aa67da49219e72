"""Which alert goes to which channel, as a table."""

from collections.abc import Mapping
from itertools import product

import pytest

from libs.events.alerts import AlertRaised, Audience, Rule
from libs.events.streams import Kind
from libs.events.values import Cause
from services.notifier.channels.log import LogChannel
from services.notifier.routing import Route, channels_for
from tests.duty.events import named


def raised(
    rule: Rule = Rule.MISSED_REPORT,
    audience: tuple[Audience, ...] = ("president", "pcc"),
    *,
    district: str = "in-mp.guna",
    level: int = 1,
) -> AlertRaised:
    return AlertRaised.model_validate(
        {
            "state": district[:5],
            "alert_id": named("alert"),
            "rule": rule,
            "subject": district,
            "tenure_id": None,
            "period": "2026-11-23",
            "level": level,
            "audience": audience,
            "at": "2026-11-23T18:30:00Z",
            "evidence": (),
            "cause": Cause(stream="rozana.in-mp.reports", offset=7),
            "escalate_minutes": (),
        }
    )


def route(
    *audiences: Audience, scopes: tuple[str, ...] = ("in",), rules: tuple[Rule, ...] = tuple(Rule), min_level: int = 1
) -> Route:
    return Route(frozenset(audiences), scopes, frozenset(rules), min_level)


def went(kind: Kind, alert: AlertRaised, routes: Mapping[str, Route]) -> list[str]:
    return [destination.channel for destination in channels_for(kind, alert, routes)]


MISSED, HIGH = raised(), raised(level=3, audience=("president", "pcc", "aicc"))
SOON = raised(Rule.DUE_SOON, ("president",))
GRIEVANCE = raised(Rule.GRIEVANCE_RAISED, ("aicc",))


@pytest.mark.parametrize(
    ("kind", "alert", "to", "goes"),
    [
        # audience
        ("alerts", MISSED, route("pcc"), True),
        ("alerts", MISSED, route("president"), True),
        ("alerts", MISSED, route("aicc"), False),
        ("alerts", MISSED, route("pcc", "aicc"), True),
        ("alerts", HIGH, route("aicc"), True),
        ("alerts", SOON, route("pcc", "aicc"), False),
        ("alerts", MISSED, LogChannel.route, True),
        ("alerts", SOON, LogChannel.route, True),
        # who may know
        ("grievances", GRIEVANCE, route("aicc"), True),
        ("grievances", GRIEVANCE, route("pcc"), False),
        ("grievances", GRIEVANCE, route("pcc", "aicc"), False),
        ("grievances", GRIEVANCE, route("president", "pcc", "aicc"), False),
        ("grievances", raised(Rule.GRIEVANCE_RAISED, ("pcc", "aicc")), route("pcc"), False),
        ("grievances", GRIEVANCE, LogChannel.route, False),
        # scope, by hierarchy and never by prefix
        ("alerts", MISSED, route("pcc", scopes=("in-mp",)), True),
        ("alerts", MISSED, route("pcc", scopes=("in-mp.guna",)), True),
        ("alerts", MISSED, route("pcc", scopes=("in-cg", "in-mp.guna")), True),
        ("alerts", MISSED, route("pcc", scopes=("in-cg",)), False),
        ("alerts", MISSED, route("pcc", scopes=("in-mp.gun",)), False),
        ("alerts", raised(district="in-mp.guna-city"), route("pcc", scopes=("in-mp.guna",)), False),
        # rule and level
        ("alerts", MISSED, route("pcc", rules=(Rule.MISSED_REPORT,)), True),
        ("alerts", MISSED, route("pcc", rules=(Rule.DUE_SOON, Rule.GRIEVANCE_RAISED)), False),
        ("alerts", MISSED, route("pcc", min_level=2), False),
        ("alerts", raised(level=2), route("pcc", min_level=2), True),
        ("alerts", HIGH, route("pcc", min_level=2), True),
    ],
)
def test_it_goes_there(kind: Kind, alert: AlertRaised, to: Route, goes: bool) -> None:
    assert went(kind, alert, {"here": to}) == (["here"] if goes else [])


def test_each_channel_for_itself_and_in_order() -> None:
    routes = {"z": route("pcc"), "a": route("aicc"), "log": LogChannel.route}
    assert went("alerts", MISSED, routes) == ["z", "log"]
    assert went("alerts", HIGH, routes) == ["z", "a", "log"]
    assert went("alerts", MISSED, {}) == []


def test_no_audience_but_aicc_alone_ever_hears_of_a_grievance() -> None:
    everybody: tuple[Audience, ...] = ("president", "pcc", "aicc")
    for mask, told in product(range(1, 8), range(1, 8)):
        audiences = [name for bit, name in enumerate(everybody) if mask & 1 << bit]
        audience = tuple(name for bit, name in enumerate(everybody) if told & 1 << bit)
        alert = raised(Rule.GRIEVANCE_RAISED, audience)
        found = went("grievances", alert, {"there": route(*audiences)})
        assert found == (["there"] if audiences == ["aicc"] and "aicc" in audience else [])
