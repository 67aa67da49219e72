"""The embedded store: the contract, and what only a file can suffer."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from libs.runtime.clock import SystemClock
from libs.runtime.errors import Unavailable, WrongDatabase
from libs.runtime.log_sqlite import open_log
from libs.runtime.sqlite import open_file
from libs.runtime.store import INDEXED, INDEXES
from libs.runtime.store_sqlite import SCHEMA, SqliteDocumentStore, open_store
from tests.contracts.sqlite_files import REFUSALS, Spoil, write_lock
from tests.contracts.store_contract import StoreContract, doc


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "store.db"


class TestSqliteDocumentStore(StoreContract):
    @pytest.fixture
    async def store(self, path: Path) -> AsyncIterator[SqliteDocumentStore]:
        store = open_store(path)
        yield store
        await store.close()


async def test_everything_is_there_after_reopening(path: Path) -> None:
    store = open_store(path)
    await store.put("days", [doc("a", 3, text="x" * 20_000), doc("b", 4)])
    await store.close()
    store = open_store(path)
    assert await store.get_many("days", ["a", "b"]) == {"a": doc("a", 3, text="x" * 20_000), "b": doc("b", 4)}
    assert list(await store.put("days", [doc("a", 3), doc("b", 5)])) == [False, True]
    await store.close()


PUT_FOR_EVER = """
import asyncio, sys
from libs.runtime.store import Document
from libs.runtime.store_sqlite import open_store

async def main():
    store = open_store(sys.argv[1])
    version = 0
    while True:
        version += 1
        await store.put("days", [Document(name, version, {"n": version}) for name in ("first", "second", "last")])
        print(version, flush=True)

asyncio.run(main())
"""


async def test_kill_9_loses_nothing_and_keeps_the_order(path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PUT_FOR_EVER, str(path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(20):
        for _ in range(100):
            await process.stdout.readline()
    with pytest.raises(WrongDatabase, match=f"in use by process {process.pid}: stop it"):
        open_store(path)
    beside = open_store(path, read_only=True)
    assert await beside.ids("days") == ["first", "last", "second"]
    with pytest.raises(Unavailable, match="reading only"):
        await beside.put("days", [doc("a")])
    with pytest.raises(Unavailable, match="reading only"):
        await beside.drop("days")
    await beside.close()
    process.kill()
    rest, _ = await process.communicate()
    acknowledged = 100 + rest.count(b"\n")
    store = open_store(path)
    found = await store.get_many("days", ["first", "second", "last"])
    versions = [found[name].version for name in ("first", "second", "last")]
    assert versions == sorted(versions, reverse=True)
    assert versions[-1] >= acknowledged
    await store.close()


async def test_puts_at_once_share_their_commits(path: Path) -> None:
    file = open_file(path, SCHEMA, read_only=False)
    commits: list[None] = []

    def committed() -> bool:
        commits.append(None)
        return False

    assert file.writer is not None
    file.writer.set_commit_hook(committed)
    store = SqliteDocumentStore(file)
    await asyncio.gather(*(store.put("c", [doc(str(number))]) for number in range(200)))
    assert 1 <= len(commits) <= 20
    await store.close()


async def test_a_full_disk_is_unavailable_and_the_store_goes_on_when_there_is_room(path: Path) -> None:
    file = open_file(path, SCHEMA, read_only=False)
    assert file.writer is not None
    store = SqliteDocumentStore(file)
    pages = int(file.writer.pragma("page_count"))
    file.writer.pragma("max_page_count", pages)
    with pytest.raises(Unavailable, match="full"):
        await store.put("c", [doc("small"), doc("big", text="x" * 9000)])
    assert await store.ids("c") == []
    file.writer.pragma("max_page_count", pages + 1000)
    assert list(await store.put("c", [doc("small"), doc("big", text="x" * 9000)])) == [True, True]
    await store.close()


async def test_a_put_waits_for_another_program_s_lock(path: Path) -> None:
    store = open_store(path)
    with write_lock(path):
        put = asyncio.create_task(store.put("c", [doc("a")]))
        assert await store.ids("c") == []
    assert list(await put) == [True]
    await store.close()


def test_every_indexed_member_leads_an_index() -> None:
    """All but one, which only orders what waits in a queue."""
    assert {names[0] for names in INDEXES} == set(INDEXED) - {"due_at", "told_from", "tenure_id"}


@pytest.mark.parametrize(
    ("where", "order_by"),
    [
        ("state", "day"),
        ("state", "raised_at"),
        ("district", "day"),
        ("status", "raised_at"),
        ("rule", None),
        ("queue", "due_at"),
        ("day", None),
    ],
)
async def test_find_uses_an_index(path: Path, where: str, order_by: str | None) -> None:
    file = open_file(path, SCHEMA, read_only=False)
    store = SqliteDocumentStore(file)
    asked: list[str] = []

    def note(cursor: apsw.Cursor, statement: str, bindings: object) -> bool:
        asked.append(statement)
        return True

    file.reader.set_exec_trace(note)
    await store.find("alerts", {where: "x"}, order_by=order_by, descending=True, after=("x", "x"))
    await store.close()
    raw = apsw.Connection(str(path))
    bindings = ("alerts", "x", *(["x"] if order_by else []), "x", 100)
    plan = " ".join(str(row[3]) for row in raw.execute(f"EXPLAIN QUERY PLAN {asked[-1]}", bindings))
    raw.close()
    assert f"USING INDEX by_{where}" in plan
    assert order_by is None or "TEMP B-TREE" not in plan


@pytest.mark.parametrize("spoil", REFUSALS, ids=lambda spoil: spoil.__name__)
async def test_a_wrong_file_is_refused_in_one_line(path: Path, spoil: Spoil) -> None:
    store = open_store(path)
    await store.put("days", [doc(str(number), state="in-mp", text="x" * 500) for number in range(300)])
    await store.close()
    path, said = spoil(path)
    with pytest.raises(WrongDatabase, match=said) as caught:
        open_store(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


async def test_a_log_is_not_a_store(path: Path) -> None:
    await open_log(path, SystemClock()).close()
    with pytest.raises(WrongDatabase, match="is not a Rozana store"):
        open_store(path)
