"""Which alert goes where. Pure: what a channel or a person is for is a value, and the answer follows from it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from libs.events.alerts import Audience, Rule
from libs.events.streams import Kind
from libs.runtime.permissions import PERMISSIONS
from libs.runtime.principal import contains


@dataclass(frozen=True, slots=True)
class Route:
    """What one channel, or one person, is for; an alert must fit all of it.

    audiences: who reads it, and may be told what all of them may know.
    scopes: `in`, states, districts. rules: which alerts. min_level: from which rung of the ladder on.
    """

    audiences: frozenset[Audience]
    scopes: tuple[str, ...] = ("in",)
    rules: frozenset[Rule] = frozenset(Rule)
    min_level: int = 1


@dataclass(frozen=True, slots=True)
class Destination:
    """Where one message goes. contact: the id of a person, where the channel is for people."""

    channel: str
    contact: str | None = None


class Routed(Protocol):
    """What of an alert decides where it goes: its first event has it, and so has a delivery."""

    @property
    def rule(self) -> Rule: ...
    @property
    def subject_code(self) -> str: ...
    @property
    def level(self) -> int: ...
    @property
    def audience(self) -> tuple[Audience, ...]: ...


MAY_KNOW: Mapping[Kind, frozenset[str]] = {
    "alerts": frozenset(PERMISSIONS["stream:alerts"]),
    "grievances": frozenset(PERMISSIONS["stream:grievances"]),
}
"""Who may read a channel that alerts in such a stream go to: of duties an operator may be told, of grievances AICC."""


def channels_for(kind: Kind, alert: Routed, routes: Mapping[str, Route]) -> Iterator[Destination]:
    """The channels that the alert goes to by itself, in the order of `routes`. `kind` is that of its stream."""
    return (Destination(name) for name, route in routes.items() if fits(route, kind, alert))


def fits(route: Route, kind: Kind, alert: Routed) -> bool:
    """Whether it is wanted there, and all who read the channel may know: of grievances AICC alone, not AICC among
    others, by who may read the alert's stream.
    """
    return (
        alert.rule in route.rules
        and alert.level >= route.min_level
        and any(contains(scope, alert.subject_code) for scope in route.scopes)
        and not route.audiences.isdisjoint(alert.audience)
        and route.audiences <= MAY_KNOW[kind]
    )
