"""Who gets which state: evenly, moving few, and the same whoever works it out."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from libs.runtime.sharing_out import Member, share_out

STATES = [f"in-{letters}" for letters in ("ap", "as", "br", "dl", "ga", "gj", "ka", "mp", "rj", "up")]
some = st.frozensets(st.sampled_from(STATES))
members = st.dictionaries(
    st.sampled_from("abcdef"), st.builds(Member, some, some, st.integers(-1, 3)), min_size=1, max_size=6
)


def all_of(*names: str) -> dict[str, Member]:
    return {name: Member(frozenset(STATES)) for name in names}


def next_time(before: Mapping[str, frozenset[str]], generation: int = 1) -> dict[str, Member]:
    """What the members say who have been given these."""
    return {name: Member(frozenset(STATES), states, generation) for name, states in before.items()}


def sizes(given: Mapping[str, frozenset[str]]) -> list[int]:
    return sorted(map(len, given.values()))


@given(members)
def test_each_state_goes_to_one_member_that_wants_it(asked: dict[str, Member]) -> None:
    shares = share_out(asked)
    given = [state for states in shares.values() for state in states]
    assert sorted(given) == sorted({state for member in asked.values() for state in member.wants})
    assert all(shares[name] <= member.wants for name, member in asked.items())


@given(members)
def test_it_is_the_same_in_whatever_order_they_come_and_settled_at_once(asked: dict[str, Member]) -> None:
    shares = share_out(asked)
    assert share_out(dict(reversed(asked.items()))) == shares
    settled = {name: Member(member.wants, shares[name], 9) for name, member in asked.items()}
    assert share_out(settled) == shares


@given(st.integers(1, 6), st.integers(1, 6))
def test_where_all_want_all_nobody_has_two_more_than_another_and_few_move(before: int, after: int) -> None:
    first = share_out(all_of(*"abcdef"[:before]))
    assert sizes(first)[-1] - sizes(first)[0] <= 1
    staying = {name: states for name, states in first.items() if name in "abcdef"[:after]}
    second = share_out(all_of(*"abcdef"[:after]) | next_time(staying))
    assert sizes(second)[-1] - sizes(second)[0] <= 1
    moved = sum(len(second[name] - staying.get(name, frozenset())) for name in second)
    assert moved == sum(max(0, len(second[name]) - len(staying.get(name, ()))) for name in second)


def test_of_two_that_claim_a_state_the_one_that_had_it_last_keeps_it() -> None:
    """A member that was frozen claims what others were given meanwhile."""
    woken = Member(frozenset(STATES), frozenset(STATES), 4)
    other = Member(frozenset(STATES), frozenset(STATES[:5]), 5)
    assert share_out({"other": other, "woken": woken})["other"] == frozenset(STATES[:5])


def test_a_state_that_one_member_alone_wants_is_its_own_however_many_it_has() -> None:
    shares = share_out({"all": Member(frozenset(STATES)), "one": Member(frozenset(STATES[:1]))})
    assert shares == {"all": frozenset(STATES[1:]), "one": frozenset(STATES[:1])}
