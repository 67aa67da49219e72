"""The table of a case: which event is allowed in which status, and what it becomes. As guarantee 3, for grievances.

ingest asks before it appends, the fold asks again at the event's offset.
"""

from collections.abc import Mapping
from enum import StrEnum

from libs.events.grievances import (
    CaseData,
    GrievanceAgreed,
    GrievanceAnswered,
    GrievanceAppealed,
    GrievanceAssigned,
    GrievanceClosed,
    GrievanceCloseProposed,
    GrievanceErased,
    GrievanceMerged,
    GrievanceMessageSent,
    GrievanceOpened,
    GrievanceRejected,
    GrievanceTriaged,
)


class Status(StrEnum):
    RAISED = "raised"
    TRIAGED = "triaged"
    ASSIGNED = "assigned"
    ANSWERED = "answered"
    CLOSE_PROPOSED = "close-proposed"
    APPEALED = "appealed"
    CLOSED = "closed"
    REJECTED = "rejected"
    MERGED = "merged"


class Finding(StrEnum):
    """What an event about a case turns out to be, at its place in the stream. All but APPLIED change nothing."""

    APPLIED = "applied"
    RAISED_ALREADY = "raised-already"
    NO_SUCH_CASE = "no-such-case"
    NOT_NOW = "not-now"
    ERASED = "erased"
    NO_HIGHER_LEVEL = "no-higher-level"
    NO_SUCH_TARGET = "no-such-target"
    OLD_RULES = "old-rules"


ALL = frozenset(Status)
OPEN = ALL - {Status.CLOSED, Status.REJECTED, Status.MERGED}
"""Somebody still has to do something."""
UNSEEN = frozenset({Status.RAISED, Status.TRIAGED})

TABLE: Mapping[type[CaseData], tuple[frozenset[Status], Status | None]] = {
    GrievanceTriaged: (UNSEEN, Status.TRIAGED),
    GrievanceAssigned: (OPEN - {Status.CLOSE_PROPOSED}, Status.ASSIGNED),
    GrievanceAnswered: (frozenset({Status.ASSIGNED, Status.ANSWERED}), Status.ANSWERED),
    GrievanceMessageSent: (ALL, None),
    GrievanceCloseProposed: (frozenset({Status.ASSIGNED, Status.ANSWERED}), Status.CLOSE_PROPOSED),
    GrievanceAgreed: (frozenset({Status.CLOSE_PROPOSED}), Status.CLOSED),
    GrievanceAppealed: (frozenset({Status.CLOSE_PROPOSED, Status.CLOSED, Status.REJECTED}), Status.APPEALED),
    GrievanceClosed: (OPEN, Status.CLOSED),
    GrievanceRejected: (UNSEEN, Status.REJECTED),
    GrievanceMerged: (OPEN, Status.MERGED),
    GrievanceOpened: (ALL, None),
    GrievanceErased: (ALL, None),
}
"""By event: in which status it may come, and the status after it; None: the same as before."""
EVEN_ERASED = frozenset({GrievanceClosed, GrievanceErased, GrievanceRejected})
"""All else needs its texts."""
