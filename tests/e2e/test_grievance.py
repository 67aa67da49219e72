"""A grievance from one end to the other, by the commands alone; and what was planted in it is nowhere afterwards."""

import asyncio
from pathlib import Path

import pytest

from rozana.client import Client
from rozana.process import Up, start_up
from tests.contracts.sqlite_files import holding
from tests.e2e.running import Office, cast, until
from tests.rozana.command import one_line, rozana

HERE = "in-mp.guna"
TEXT, MORE, REPLY = "planted-text: वह टिकट के पैसे माँगता है", "planted-more", "planted-reply: हम देख रहे हैं"
NAME, PHONE = "planted-name", "98260-55555"
PLANTED = (TEXT, "वह टिकट", MORE, REPLY, "planted", NAME, PHONE)


@pytest.mark.long
async def test_a_grievance_from_one_end_to_the_other(tmp_path: Path) -> None:
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
    settings = {"ROZANA_STATES": "in-mp", "ROZANA_GRIEVANCE_KEYS": str(public)}
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

            await nothing_planted(tmp_path, data, up, office, grievance_id)
            await said("erase", grievance_id)
            out = await said("open", grievance_id, "--key", str(key))
            assert "planted" not in out
            assert out.count("(its keys are erased)") == 3
            assert "(erased)" in await said("track", *mine)
            assert len(await office.alerts(rule="grievance-raised")) == 1
    finally:
        assert await up.stop() == 0
    for each in PLANTED:
        assert holding(data, each.encode()) == []


async def alert_of(office: Office) -> bool:
    return bool(await office.alerts(rule="grievance-raised"))


async def nothing_planted(folder: Path, data: Path, up: Up, office: Office, grievance_id: str) -> None:
    """No topic, collection, log, metric, backup, alert or delivery holds what was planted; nor the id, who may not."""
    code, _, err = await rozana(
        "backup", str(folder / "copy.db"), "--store", str(folder / "copy-store.db"), ROZANA_DATA=str(data)
    )
    assert code == 0, err
    copies = [folder / "copy.db", folder / "copy-store.db"]
    for each in PLANTED:
        assert holding(data, each.encode()) == []
        assert not any(each.encode() in copy.read_bytes() for copy in copies)
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
