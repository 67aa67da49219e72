"""Who gets which state: pure. Whoever leads a group works it out for all its members (ADR 0018)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Member:
    """What a member says when it joins. `generation` counts the times that states were shared out: the later claim of
    two counts, since whoever was frozen still claims what it had."""

    wants: frozenset[str]
    """The states of its settings."""
    had: frozenset[str] = frozenset()
    generation: int = -1


def share_out(members: Mapping[str, Member]) -> Mapping[str, frozenset[str]]:
    """Each state to one of the members that want it, as evenly as can be, moving as few as can be.

    The same for whoever works it out.
    """
    wanted = sorted({state for member in members.values() for state in member.wants})
    given: dict[str, set[str]] = {name: set() for name in sorted(members)}
    free = [state for state in wanted if not _keep(state, members, given)]
    for state in free:
        given[_idlest(state, members, given)].add(state)
    while move := _better(members, given):
        state, giver, taker = move
        given[giver].remove(state)
        given[taker].add(state)
    return {name: frozenset(states) for name, states in given.items()}


def _keep(state: str, members: Mapping[str, Member], given: Mapping[str, set[str]]) -> bool:
    """Leave it with whom had it last. Whether there is one."""
    had = [name for name in given if state in members[name].had & members[name].wants]
    if had:
        given[max(had, key=lambda name: members[name].generation)].add(state)
    return bool(had)


def _idlest(state: str, members: Mapping[str, Member], given: Mapping[str, Collection[str]]) -> str:
    return min((name for name in given if state in members[name].wants), key=lambda name: len(given[name]))


def _better(members: Mapping[str, Member], given: Mapping[str, Collection[str]]) -> tuple[str, str, str] | None:
    """A move from a member to one that has at least two fewer."""
    for giver in sorted(given, key=lambda name: -len(given[name])):
        for state in sorted(given[giver], reverse=True):
            taker = _idlest(state, members, given)
            if len(given[giver]) - len(given[taker]) > 1:
                return state, giver, taker
    return None
