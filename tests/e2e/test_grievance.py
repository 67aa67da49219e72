"""A grievance from one end to the other, by the commands alone; and what was planted in it is nowhere afterwards."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pymongo
import pytest

from libs.events.streams import STREAMS
from libs.runtime.log_kafka_admin import create_topics
from rozana.client import Client
from rozana.process import start_up
from tests.e2e.running import Office, cast, until
from tests.rozana.command import one_line, rozana
from tests.servers.kafka import Kafka
from tests.servers.mongo import Mongo

HERE = "in-mp.guna"
TEXT, MORE, REPLY = "planted-text: वह टिकट के पैसे माँगता है", "planted-more", "planted-reply: हम देख रहे हैं"
NAME, PHONE = "planted-name", "98260-55555"
PLANTED = (TEXT, "वह टिकट", MORE, REPLY, "planted", NAME, PHONE)


@dataclass(frozen=True)
class Ground:
    """What log and store are, and every folder in which they or Rozana write."""

    folders: tuple[Path, ...]
    settings: Mapping[str, str] = field(default_factory=dict)
    database: str | None = None

    def holding(self, planted: str) -> list[Path]:
        """The files in which the text stands; a collection's name where a server answers it."""
        files = [each for folder in self.folders for each in folder.rglob("*") if each.is_file()]
        found = [each for each in files if planted.encode() in each.read_bytes()]
        if self.database is not None:
            with pymongo.MongoClient[dict[str, object]](self.settings["ROZANA_STORE"]) as client:
                there = client[self.database]
                names = there.list_collection_names()
                assert any(name.startswith("grievance_alerts") for name in names)
                found += [Path(name) for name in names if planted in str(list(there[name].find()))]
        return found


@contextlib.asynccontextmanager
async def in_files(folder: Path) -> AsyncIterator[Ground]:
    yield Ground((folder / "data",))


@contextlib.asynccontextmanager
async def on_servers(folder: Path) -> AsyncIterator[Ground]:
    """Its own, whose files hold nothing else."""
    kafka, mongo, database = Kafka(folder / "kafka"), Mongo(folder / "mongo"), uuid4().hex
    try:
        for server in (kafka, mongo):
            await asyncio.to_thread(server.start)
        await create_topics(
            kafka.url, [each.name("in-mp" if each.per == "state" else None) for each in STREAMS.values()]
        )
        settings = {"ROZANA_LOG": kafka.url, "ROZANA_STORE": f"{mongo.url}/{database}"}
        yield Ground((folder / "data", folder / "kafka", folder / "mongo"), settings, database)
    finally:
        for server in (kafka, mongo):
            await asyncio.to_thread(server.stop)


@pytest.mark.parametrize(
    "ground", [pytest.param(in_files, marks=pytest.mark.long), pytest.param(on_servers, marks=pytest.mark.connected)]
)
async def test_a_grievance_from_one_end_to_the_other(
    tmp_path: Path, ground: Callable[[Path], contextlib.AbstractAsyncContextManager[Ground]]
) -> None:
    async with ground(tmp_path) as place:
        await _from_one_end_to_the_other(tmp_path, place)


async def _from_one_end_to_the_other(tmp_path: Path, place: Ground) -> None:
    data, aicc, public = tmp_path / "data", tmp_path / "aicc", tmp_path / "public.json"
    code, out, _ = await rozana("grievance-keys", str(aicc), "--public", str(public))
    assert code == 0
    key_name = out.strip()
    key = aicc / f"{key_name}.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert key.read_text().strip() not in public.read_text()
    texts = {name: tmp_path / name for name in ("text", "more", "reply", "identity", "code")}
    for name, text in (("text", TEXT), ("more", MORE), ("reply", REPLY), ("identity", f"{NAME}, {PHONE}")):
        texts[name].write_text(text, encoding="utf-8")
    settings = {"ROZANA_STATES": "in-mp", "ROZANA_GRIEVANCE_KEYS": str(public)} | dict(place.settings)
    up = await start_up(data, settings=settings)
    told = {"ROZANA_DATA": str(data), "ROZANA_URL": up.url}

    async def said(*arguments: str) -> str:
        code, out, err = await rozana("grievance", *arguments, **told)
        assert code == 0, err
        return out

    try:
        async with Client(up.url) as client:
            office = Office(data, client)
            await office.import_roster(cast((HERE,)))
            about = ("--district", HERE, "--category", "conduct", "--severity", "high", "--text", str(texts["text"]))
            who = ("--identity", str(texts["identity"]))
            code, _, err = await rozana("grievance", "file", *about, "--expect-key", "0" * 16, **told)
            assert (code, "not those expected" in one_line(err)) == (1, True)
            out = await said("file", *about, *who, "--expect-key", key_name)
            texts["code"].write_text(out)
            mine = ("--state", "in-mp", "--code", str(texts["code"]))
            assert (await said("track", *mine)).startswith("raised, level 1")

            await until(lambda: alert_of(office))
            grievance_id = (await office.alerts(rule="grievance-raised"))[0]["period"]
            out = await said("open", grievance_id, "--key", str(key))
            assert all(each in out for each in (TEXT, NAME, PHONE))
            event = {
                "specversion": "1.0",
                "id": "3d6c2a4e-8f1b-4c60-9b1d-2f4f0a3d9c11",
                "source": "urn:rozana:aicc",
                "type": "rozana.grievance.assigned.v1",
                "subject": HERE,
                "data": {
                    "state": "in-mp",
                    "district": HERE,
                    "grievance_id": grievance_id,
                    "handler": "5d6c2a4e-8f1b-4c60-9b1d-2f4f0a3d9c11",
                    "due": "2199-01-01",
                },
            }
            (answer,) = await client.post_events([event], office.token("aicc", "in"))
            assert answer.status == 202, answer
            await said("answer", grievance_id, "--key", str(key), "--text", str(texts["reply"]))
            assert REPLY in await said("track", *mine)
            await said("say", *mine, "--text", str(texts["more"]))
            out = await said("open", grievance_id, "--key", str(key))
            assert all(each in out for each in (TEXT, MORE, REPLY))
            # The wrong key opens nothing, and says so without a word of it.
            _, other, _ = await rozana("grievance-keys", str(aicc), "--public", str(tmp_path / "other.json"))
            assert "planted" not in other

            copies = await nothing_planted(tmp_path, place, office, grievance_id)
            await comes_back(copies, tmp_path / "anew", public, grievance_id, key)
            await said("erase", grievance_id)
            out = await said("open", grievance_id, "--key", str(key))
            assert "planted" not in out
            assert out.count("(its keys are erased)") == 3
            assert "(erased)" in await said("track", *mine)
            assert len(await office.alerts(rule="grievance-raised")) == 1
    finally:
        assert await up.stop() == 0
    for each in PLANTED:
        assert place.holding(each) == []


async def alert_of(office: Office) -> bool:
    return bool(await office.alerts(rule="grievance-raised"))


async def nothing_planted(folder: Path, place: Ground, office: Office, grievance_id: str) -> list[Path]:
    """No topic, collection, log, metric, backup, alert or delivery holds what was planted; nor the id, who may not.

    Answers the copies of log and keys.
    """
    data = office.data
    copies = [folder / "copies" / name for name in ("log.db", "keys.db", "store.db")]
    store = () if place.settings else ("--store", str(copies[2]))
    told = {"ROZANA_DATA": str(data), "ROZANA_STATES": "in-mp", **place.settings}
    code, _, err = await rozana("backup", str(copies[0]), "--keys", str(copies[1]), *store, **told)
    assert code == 0, err
    for each in PLANTED:
        assert place.holding(each) == []
        assert not any(each.encode() in copy.read_bytes() for copy in copies if copy.exists())
    shown = [(await office.client.http.get("/metrics")).text, (data / "rozana.jsonl").read_text()]
    paths = ("/v1/alerts", "/v1/deliveries", "/v1/states", f"/v1/districts/{HERE}", f"/v1/receipts/{grievance_id}")
    for role, scope in (("aicc", "in"), ("pcc", "in-mp"), ("operator", "in")):
        for path in paths:
            token = office.token(role, scope)
            answer = await office.client.http.get(path, headers={"Authorization": f"Bearer {token}"})
            shown.append(answer.text)
            assert role == "aicc" or grievance_id not in answer.text.replace(path, "")
    for text in shown:
        assert not any(each in text for each in PLANTED)
    assert grievance_id not in shown[0] + shown[1]
    return copies[:2]


async def comes_back(copies: list[Path], data: Path, public: Path, grievance_id: str, key: Path) -> None:
    """Put back into files, log and keys are a system in which AICC opens the texts."""
    told = {"ROZANA_DATA": str(data), "ROZANA_STATES": "in-mp", "ROZANA_GRIEVANCE_KEYS": str(public)}
    code, _, err = await rozana("restore", str(copies[0]), "--keys", str(copies[1]), **told)
    assert code == 0, err
    up = await start_up(data, settings={name: text for name, text in told.items() if name != "ROZANA_DATA"})
    code, out, err = await rozana("grievance", "open", grievance_id, "--key", str(key), **told, ROZANA_URL=up.url)
    assert (code, all(each in out for each in (TEXT, MORE, REPLY))) == (0, True), err
    assert await up.stop() == 0


async def test_commands_say_in_one_line_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text(" \n")
    (tmp_path / "code").write_text("1234")
    (tmp_path / "key").write_text("no key")
    about = ("--district", HERE, "--category", "conduct", "--severity", "high")
    cases = [
        (("file", *about, "--text", str(tmp_path / "empty")), "there is no text"),
        (("file", *about, "--text", str(tmp_path / "none")), "cannot be read"),
        (("track", "--state", "in-mp", "--code", str(tmp_path / "code")), "a tracking code has 16 digits"),
        (("open", "x", "--key", str(tmp_path / "key")), "holds no private key"),
        (("erase", "x"), "nothing answers"),
    ]
    told = {"ROZANA_DATA": str(tmp_path / "data"), "ROZANA_URL": "http://127.0.0.1:9"}
    answers = await asyncio.gather(*(rozana("grievance", *arguments, **told) for arguments, _ in cases))
    for (_, wanted), (code, out, err) in zip(cases, answers, strict=True):
        assert (code, out) == (1, "")
        assert wanted in one_line(err)
