"""Ways to spoil the file of an embedded log or store; each gives the path to open and what the refusal must say."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw

Spoil = Callable[[Path], tuple[Path, str]]


@contextlib.contextmanager
def write_lock(path: Path) -> Iterator[None]:
    """Another program holds the file's write lock."""
    other = apsw.Connection(str(path))
    try:
        other.execute("BEGIN IMMEDIATE")
        yield
    finally:
        other.close()


def holding(folder: Path, planted: bytes) -> list[str]:
    """The files that hold these bytes."""
    return sorted(path.name for path in folder.iterdir() if planted in path.read_bytes())


def empty(folder: Path) -> Path:
    path = folder / "empty.db"
    path.touch()
    return path


def linked(path: Path) -> Path:
    link = path.with_name("link.db")
    link.symlink_to(path)
    return link


def _change(path: Path, statement: str) -> None:
    connection = apsw.Connection(str(path))
    connection.execute(statement)
    connection.close()


def another_program(path: Path) -> tuple[Path, str]:
    _change(path, "PRAGMA application_id = 252006674")
    return path, "is not a Rozana .*: move it away"


def no_application_id(path: Path) -> tuple[Path, str]:
    path = path.with_name("foreign.db")
    _change(path, "CREATE TABLE theirs (x)")
    return path, "is not a Rozana .*: move it away"


def newer_schema(path: Path) -> tuple[Path, str]:
    _change(path, "PRAGMA user_version = 99")
    return path, "has schema 99, this Rozana knows 1: install"


def not_a_database(path: Path) -> tuple[Path, str]:
    path = path.with_name("notes.txt")
    path.write_text("These are somebody's notes.\n" * 400)
    return path, "is not an SQLite database: move it away"


def a_few_bytes(path: Path) -> tuple[Path, str]:
    path = path.with_name("short.txt")
    path.write_text("hello")
    return path, "is not an SQLite database: move it away"


def damaged_in_the_middle(path: Path) -> tuple[Path, str]:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2 // 4096 * 4096)
        file.write(b"\xa5" * 8192)
    return path, "is damaged .*restore a backup"


def cut_short(path: Path) -> tuple[Path, str]:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(size // 2 // 4096 * 4096)
    return path, "is damaged .*restore a backup"


def schema_page_damaged(path: Path) -> tuple[Path, str]:
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xa5" * 3900)
    return path, "is damaged .*restore a backup"


def a_folder(path: Path) -> tuple[Path, str]:
    return path.parent, "cannot be opened .*: check"


def under_a_file(path: Path) -> tuple[Path, str]:
    return path / "log.db", "cannot be opened .*: check the folder"


def a_folder_nobody_can_write(path: Path) -> tuple[Path, str]:
    return Path("/proc/rozana/log.db"), "cannot be opened .*: check the folder"


REFUSALS: tuple[Spoil, ...] = (
    another_program,
    no_application_id,
    newer_schema,
    not_a_database,
    a_few_bytes,
    damaged_in_the_middle,
    cut_short,
    schema_page_damaged,
    a_folder,
    under_a_file,
    a_folder_nobody_can_write,
)
