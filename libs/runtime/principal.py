"""Who asks: a role, and a scope that holds states and districts by hierarchy."""

import re
from dataclasses import dataclass, field
from math import inf
from typing import Literal, get_args

Role = Literal["president", "pcc", "aicc", "operator", "service"]
ROLES: tuple[Role, ...] = get_args(Role)

_SCOPE = re.compile(r"in(-[a-z]{2}(\.[a-z0-9]+(-[a-z0-9]+)*)?)?")


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks. `subject` is opaque; `tenure_id` is set for presidents; `until`: when the token ends, a Unix time."""

    role: Role
    scope: str
    subject: str
    tenure_id: str | None = None
    until: float = field(default=inf, compare=False)


def is_scope(text: str) -> bool:
    """`in`, a state such as `in-mp`, or a district such as `in-mp.guna`."""
    return _SCOPE.fullmatch(text) is not None


def contains(scope: str, code: str) -> bool:
    """Whether a scope holds a state or district, by hierarchy (`in` > `in-mp` > `in-mp.guna`), never by prefix."""
    return is_scope(code) and scope in (code, code.partition(".")[0], "in")
