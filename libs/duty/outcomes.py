"""The table of guarantee 3: what becomes of an event, given all that stands before it in its stream.

ingest asks the same question before it appends (services/ingest/decide.py maps the answer to HTTP), the fold asks it
again at the event's offset, where replicas may have raced. One table, so the two cannot disagree.
"""

from enum import StrEnum


class Effect(StrEnum):
    """What the fold does with the event."""

    APPLIED = "applied"
    KEPT = "kept"
    """Shown beside the day's effective report; changes no status and no number."""
    IGNORED = "ignored"
    """Counted and logged; changes nothing."""


class Outcome(StrEnum):
    """What an event turns out to be, at its place in the stream."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    SUPPLEMENT = "supplement"
    STALE_CORRECTION = "stale-correction"
    NO_POLICY = "no-policy"
    OLD_VERSION = "old-version"
    RETROACTIVE = "retroactive"
    UNKNOWN_DISTRICT = "unknown-district"
    KNOWN_DISTRICT = "known-district"
    CLOSED_DISTRICT = "closed-district"
    SECOND_HOLDER = "second-holder"
    UNKNOWN_TENURE = "unknown-tenure"
    NOT_HOLDER = "not-holder"
    FUTURE_DAY = "future-day"
    LOCKED = "locked"
    JUDGED = "judged"
    NO_HOLIDAY = "no-holiday"
    CLOCK_AHEAD = "clock-ahead"
    NO_CREDIT = "no-credit"
    NOT_HELD = "not-held"
    NOT_UNREAD = "not-unread"


EFFECTS: dict[Outcome, Effect] = {
    Outcome.APPLIED: Effect.APPLIED,
    Outcome.DUPLICATE: Effect.IGNORED,  # the earlier received_at counts
    Outcome.CONFLICT: Effect.IGNORED,  # same id, another body: the first wins
    Outcome.SUPPLEMENT: Effect.KEPT,  # a second independent report of a day
    Outcome.STALE_CORRECTION: Effect.KEPT,  # does not name the latest version of the effective report
    Outcome.NO_POLICY: Effect.IGNORED,  # a report before the state has rules
    Outcome.OLD_VERSION: Effect.IGNORED,  # a policy whose version is not above the last one's
    Outcome.RETROACTIVE: Effect.APPLIED,  # a later policy for a day that has begun: from the next day on
    Outcome.UNKNOWN_DISTRICT: Effect.IGNORED,
    Outcome.KNOWN_DISTRICT: Effect.IGNORED,  # a code that is taken: it never changes
    Outcome.CLOSED_DISTRICT: Effect.IGNORED,
    Outcome.SECOND_HOLDER: Effect.IGNORED,  # somebody else holds the district from that day on
    Outcome.UNKNOWN_TENURE: Effect.IGNORED,  # not a tenure of this district
    Outcome.NOT_HOLDER: Effect.IGNORED,  # the tenure did not hold the district on that day
    Outcome.FUTURE_DAY: Effect.IGNORED,
    Outcome.LOCKED: Effect.IGNORED,
    Outcome.JUDGED: Effect.IGNORED,  # a holiday or leave that touches only days already judged
    Outcome.NO_HOLIDAY: Effect.IGNORED,  # nothing to revoke
    Outcome.CLOCK_AHEAD: Effect.IGNORED,  # a clock that lies ahead of the log's own: alarmed
    Outcome.NO_CREDIT: Effect.IGNORED,  # the day's policy gives none for outages, or no more
    Outcome.NOT_HELD: Effect.IGNORED,  # a confirmation of a judgement that is not held
    Outcome.NOT_UNREAD: Effect.IGNORED,  # no unreadable record stands there, or it is set aside already
}
