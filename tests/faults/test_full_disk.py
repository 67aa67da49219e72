"""A disk that is full: what is acknowledged is kept, what cannot be kept is said, and room is all that is needed."""

import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from libs.runtime.errors import RozanaError
from rozana.client import Client
from rozana.demo.cast import STATE
from rozana.process import LOG_FILE, Up, start_up
from tests.e2e.running import DAY, Office, cast, recorded

HERE = "in-mp.guna"
MOST_POSTS = 3000
"""The write-ahead log has grown to the disk's size long before."""
SETTINGS = {"ROZANA_STATES": STATE, "ROZANA_CLOCK_START": "2026-11-23T12:00:00+05:30", "ROZANA_RATE": "1000000/1000000"}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3M", "tmpfs", str(folder)], check=False)
    if mounted.returncode and os.environ.get("REQUIRE_TOOLS") != "1":
        pytest.skip("cannot mount a small disk here: that needs root; in CI (REQUIRE_TOOLS=1) it must be possible")
    assert mounted.returncode == 0
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Take all the room that is left."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return ballast


class Phone:
    """Files one report after another, each once."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self.acknowledged: list[str] = []
        self.unanswered: dict[str, Any] = {}

    async def file(self) -> httpx.Response:
        body, token = self._office.report(HERE, DAY, str(uuid.uuid4()))
        return await self.send(body | {"summary": "x" * 1500}, token)

    async def send(self, body: Any, token: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        answer = await self._office.client.http.post("/v1/reports", json=body, headers=headers)
        if answer.status_code == 202:
            self.acknowledged.append(body["id"])
        else:
            self.unanswered = {"body": body, "token": token}
        return answer

    async def until_refused(self) -> httpx.Response:
        for _ in range(MOST_POSTS):
            answer = await self.file()
            if answer.status_code != 202:
                return answer
        raise AssertionError("the disk was never full")


async def start(data: Path, **more: str) -> Up:
    return await start_up(data, settings=SETTINGS | more)


async def test_a_full_disk_below_the_log_is_503_and_recovers_without_a_restart(tmp_path: Path, disk: Path) -> None:
    up = await start(tmp_path, ROZANA_LOG=f"sqlite:///{disk}/log.db")
    async with Client(up.url) as client:
        office = Office(tmp_path, client)
        await office.import_roster(cast((HERE,)))
        phone = Phone(office)
        assert (await phone.file()).status_code == 202
        ballast = fill(disk)
        refused = await phone.until_refused()
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) >= 1
        assert refused.headers["Content-Type"] == "application/problem+json"
        again = await phone.send(**phone.unanswered)
        assert again.status_code == 503
        assert up.process.returncode is None
        ballast.unlink()
        assert (await phone.send(**phone.unanswered)).status_code == 202
        assert (await phone.file()).status_code == 202
    assert await up.stop() == 0
    (tmp_path / "log.db").symlink_to(disk / "log.db")
    await stands_once(tmp_path, phone)


async def test_a_full_disk_below_the_store_ends_the_process_in_one_line_and_loses_nothing(
    tmp_path: Path, disk: Path
) -> None:
    up = await start(tmp_path, ROZANA_STORE=f"sqlite:///{disk}/store.db")
    async with Client(up.url) as client:
        office = Office(tmp_path, client)
        await office.import_roster(cast((HERE,)))
        phone = Phone(office)
        ballast = fill(disk)
        await until_gone(phone)
    assert await up.process.wait() == 1
    assert "full" in last_line(tmp_path)
    with pytest.raises(RozanaError, match="full"):  # it cannot start either, and says so
        await start(tmp_path, ROZANA_STORE=f"sqlite:///{disk}/store.db")
    ballast.unlink()
    up = await start(tmp_path, ROZANA_STORE=f"sqlite:///{disk}/store.db")
    async with Client(up.url) as client:
        phone_again = Phone(Office(tmp_path, client))
        assert (await phone_again.file()).status_code == 202
        last = phone.acknowledged[-1]
        shown = await client.get(f"/v1/reports/{last}", office.token("pcc", STATE))
        assert shown["id"] == last
    assert await up.stop() == 0
    (tmp_path / "store.db").symlink_to(disk / "store.db")
    await stands_once(tmp_path, phone)


async def until_gone(phone: Phone) -> None:
    for _ in range(MOST_POSTS):
        try:
            await phone.file()
        except httpx.TransportError:
            return
    raise AssertionError("the disk was never full")


def last_line(data: Path) -> str:
    return (data / LOG_FILE).read_text(encoding="utf-8").strip().splitlines()[-1]


async def stands_once(data: Path, phone: Phone) -> None:
    """All that was acknowledged is in the log, once."""
    ids = [event.id for event in await recorded(data, f"rozana.{STATE}.reports")]
    assert len(ids) == len(set(ids))
    assert set(phone.acknowledged) <= set(ids)
