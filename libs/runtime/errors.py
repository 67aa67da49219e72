"""What can go wrong at the edges, as one tree.

    RozanaError
    +-- StartRefused        a setting, a file, a port: said in one line, the process does not start
    |   +-- WrongDatabase   another program's file, a newer schema, damaged, or held by another process
    |   +-- LogMismatch     the log is shorter than the checkpoint, or another log (guarantee 9)
    +-- Unavailable         the log or the store did not do it for certain; the same call may be tried again
    |   +-- OutcomeUnknown  an append that may or may not be durable (guarantee 1): answer 503, retry with the same id
    +-- ReadStopped         a reader met what it must not skip: an unknown version, a gap, too many dead letters
    +-- Reopen              what a projector holds in memory no longer goes with the store: it must begin from the store
    +-- Unauthenticated     a token that is not good (auth.py)
    +-- BackgroundEnded     a loop beside the server has ended, so the process must (service.py)

Every message is one line for an operator: what happened, and what to do. None holds a payload.
"""


class RozanaError(Exception):
    """The root: anything Rozana raises on purpose outside its pure core."""


class StartRefused(RozanaError):
    """The process must not start; the message says why and what to do."""


class WrongDatabase(StartRefused):
    """A database file is foreign, newer, damaged, or in use by another process."""


class LogMismatch(StartRefused):
    """The log does not hold, at a checkpoint, the event that the checkpoint remembers."""


class Unavailable(RozanaError):
    """Log or store refused or failed; nothing happened, or the same call is safe to repeat."""


class OutcomeUnknown(Unavailable):
    """An append whose durability is not known. Repeat it with the same event id."""


class ReadStopped(RozanaError):
    """A reader stopped without moving its checkpoint: lag, never loss."""


class Reopen(RozanaError):
    """Another collection is live, or the store holds less than was written: go on from what the store says now."""
