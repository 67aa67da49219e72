"""The frames that all readers share: what is held, what is let go, and where a reader must see the log."""

from libs.events.envelope import Recorded
from libs.runtime.batch import Batch, Checkpoint, Item, Unreadable
from libs.runtime.http import Stopping
from libs.runtime.positions import Positions
from services.aggregator.feed import CHUNK_BYTES, MOST_BYTES, MOST_FRAMES, Feed, frame
from tests.duty.events import STREAM, filed, instant

ON = "2026-11-23"
AT = instant(f"{ON}T20:00")


def item(offset: int, summary: str = "") -> Recorded:
    return Recorded(filed("guna", ON, f"{ON}T20:00", known_as=f"{offset}", summary=summary), STREAM, offset, AT)


class Told:
    """A feed and the positions that the consumer moves."""

    def __init__(self, begun_at: int = 0) -> None:
        self.positions = Positions([STREAM])
        self.positions.move(STREAM, begun_at)
        self.feed = Feed(STREAM, self.positions)

    def tell(self, *items: Item) -> None:
        self.feed.told(Batch(STREAM, items, Checkpoint(items[-1].offset, "", "")))
        self.positions.move(STREAM, items[-1].offset + 1)

    def offsets(self, after: int) -> list[int] | None:
        """All that the feed gives from an offset on."""
        found: list[int] = []
        while after < self.feed.held:
            given = self.feed.after(after)
            if given is None:
                return None
            chunk, after = given
            found += [int(line[4:]) for line in chunk.decode().splitlines() if line.startswith("id: ")]
        return found


async def test_nothing_is_held_while_nobody_follows() -> None:
    told = Told()
    told.tell(item(0), item(1))
    assert told.offsets(0) is None
    with told.feed.followed(Stopping()):
        told.tell(item(2))
        assert told.offsets(2) == [2]
        assert told.offsets(1) is None
    assert told.offsets(2) is None


async def test_a_reader_who_was_there_before_the_projector_begun_sees_the_log() -> None:
    told = Told()
    with told.feed.followed(Stopping()):
        told.positions.move(STREAM, 50)
        assert told.offsets(10) is None
        told.tell(item(50), item(51))
        assert told.offsets(49) is None
        assert told.offsets(50) == [50, 51]


async def test_records_that_give_no_event_are_passed_over() -> None:
    told = Told()
    with told.feed.followed(Stopping()):
        told.tell(Unreadable(STREAM, 0, "in-mp.guna", AT), item(1), Unreadable(STREAM, 2, "in-mp.guna", AT))
        assert told.offsets(0) == [1]
        assert told.feed.after(2) == (b"", 3)


async def test_what_is_sent_at_once_is_bounded() -> None:
    told = Told()
    with told.feed.followed(Stopping()):
        told.tell(*(item(offset, "क" * 2000) for offset in range(100)))
        chunk, behind = told.feed.after(0) or (b"", 0)
        assert CHUNK_BYTES * 0.8 < len(chunk) <= CHUNK_BYTES
        assert chunk.endswith(b"\n\n")
        assert chunk.count(b"\n\n") == behind
        assert told.offsets(0) == list(range(100))


async def test_the_oldest_are_let_go() -> None:
    told = Told()
    with told.feed.followed(Stopping()):
        for offset in range(MOST_FRAMES + 1):
            told.tell(item(offset))
        assert told.offsets(0) is None
        assert told.offsets(MOST_FRAMES // 2 + 1) == list(range(MOST_FRAMES // 2 + 1, MOST_FRAMES + 1))
        for offset in range(MOST_FRAMES + 1, MOST_FRAMES + 1001):
            told.tell(item(offset, "क" * 2000))
            assert told.feed.size <= MOST_BYTES
        assert told.offsets(MOST_FRAMES + 1000) == [MOST_FRAMES + 1000]


def test_no_line_of_a_frame_breaks_in_another_place_than_its_end() -> None:
    told = frame(item(7, "one\u2028two\u2029three\x85four\nfive").event, 7).decode()
    assert [line.partition(":")[0] for line in told.splitlines()] == ["data", "id", ""]
    assert "one\\u2028two\\u2029three\\u0085four\\nfive" in told
