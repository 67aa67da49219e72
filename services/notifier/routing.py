"""Which alert goes to which channel. Pure: what a channel is for is a value, and the answer follows from it."""

from collections.abc import Mapping
from dataclasses import dataclass

from libs.events.alerts import AlertRaised, Audience, Rule
from libs.events.streams import Kind
from libs.runtime.permissions import PERMISSIONS
from libs.runtime.principal import contains


@dataclass(frozen=True, slots=True)
class Route:
    """What one channel is for; an alert must fit all of it.

    audiences: who reads it, and may be told what all of them may know.
    scopes: `in`, states, districts. rules: which alerts. min_level: from which rung of the ladder on.
    """

    audiences: frozenset[Audience]
    scopes: tuple[str, ...] = ("in",)
    rules: frozenset[Rule] = frozenset(Rule)
    min_level: int = 1


def channels_for(kind: Kind, alert: AlertRaised, routes: Mapping[str, Route]) -> list[str]:
    """The names of the channels that the alert goes to, in the order of `routes`. `kind` is that of its stream."""
    return [name for name, route in routes.items() if _wants(route, alert) and _may_know(route, kind)]


def _wants(route: Route, alert: AlertRaised) -> bool:
    return (
        alert.rule in route.rules
        and alert.level >= route.min_level
        and any(contains(scope, alert.subject_code) for scope in route.scopes)
        and not route.audiences.isdisjoint(alert.audience)
    )


def _may_know(route: Route, kind: Kind) -> bool:
    """All who read the channel may read the alert's stream: of grievances, AICC alone, not AICC among others."""
    return route.audiences <= PERMISSIONS[f"stream:{kind}"]
