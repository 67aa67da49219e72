"""/v1/contacts: who keeps whose, what is refused and where, and that nothing of a person is anywhere else."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from services.notifier.channels.log import LogChannel
from services.notifier.contacts import CONTACTS
from tests.duty.events import added, appointed, clock_reached, policy
from tests.notifier.office import Office, office
from tests.notifier.test_delivery import Wire
from tests.notifier.world import until

ID, OTHER = (str(UUID(int=number, version=4)) for number in (1, 2))
ROUTE = f"/v1/contacts/in-mp/{ID}"
CANARY = "Zebediah Quux"
ADDRESS = "zebediah.quux@canary.example"
EVENING = [policy(), added("guna"), appointed("guna"), clock_reached("2026-11-24T00:00")]


def body(**members: object) -> dict[str, Any]:
    said = {
        "name": CANARY,
        "audience": "pcc",
        "language": "en",
        "ways": [{"channel": "mail", "address": ADDRESS}],
        "quiet": {"from": "22:00", "until": "07:00"},
        "from": "2026-11-01",
    }
    return {name: value for name, value in (said | members).items() if value is not ...}


def mail() -> Wire:
    return Wire("mail", route=None, gathers=True)


async def test_kept_shown_changed_and_gone(tmp_path: Path) -> None:
    async with office(tmp_path, channels=(mail(),)) as place:
        for _ in range(2):
            answer = await place.send("PUT", ROUTE, body())
            assert (answer.status_code, answer.json()["id"]) == (200, ID)
        listed = (await place.ask("/v1/contacts/in-mp")).json()["items"]
        assert [(each["id"], each["name"], each["ways"][0]["address"]) for each in listed] == [(ID, CANARY, ADDRESS)]
        assert listed[0]["quiet"] == {"from": "22:00", "until": "07:00"}
        assert (await place.send("PUT", ROUTE, body(until="2026-12-01"))).json()["until"] == "2026-12-01"
        for _ in range(2):
            assert (await place.send("DELETE", ROUTE)).status_code == 204
        assert (await place.ask("/v1/contacts/in-mp")).json() == {"items": []}
        kept = await place.store.get(CONTACTS, f"in-mp/{ID}")
        assert kept is not None
        assert kept.body == {}


@pytest.mark.parametrize(
    ("sent", "pointer"),
    [
        (body(name=f"{CANARY}\n{ADDRESS}"), "/name"),
        (body(audience="operator"), "/audience"),
        (body(language="ur"), "/language"),
        (body(ways=[]), "/ways"),
        (body(ways=[{"channel": "mail", "address": f"{ADDRESS}>"}]), "/ways/0/address"),
        (body(ways=[{"channel": "pigeon", "address": ADDRESS}]), "/ways/0/channel"),
        (body(ways=[{"channel": "log", "address": ADDRESS}]), "/ways/0/channel"),
        (body(ways=[{"channel": "mail", "address": ADDRESS}] * 2), ""),
        (body(districts=["in-up.agra"]), "/districts/0"),
        (body(audience="president"), ""),
        (body(rules=["noise"]), "/rules/0"),
        (body(quiet={"from": "22:00", "until": "22:00"}), "/quiet"),
        (body(quiet={"from": "25:00", "until": "07:00"}), "/quiet/from"),
        (body(tz="Mars/Olympus"), "/tz"),
        (body(daily_cap=0), "/daily_cap"),
        (body(until="2026-11-01"), ""),
        (body(**{"from": "2026-02-31"}), "/from"),
        (body(url="json://localhost"), ""),
    ],
)
async def test_what_is_refused_says_where_and_repeats_nothing(
    tmp_path: Path, sent: dict[str, Any], pointer: str
) -> None:
    async with office(tmp_path, channels=(mail(), LogChannel.__new__(LogChannel))) as place:
        answer = await place.send("PUT", ROUTE, sent)
        assert answer.status_code == 422
        assert pointer in [each["pointer"] for each in answer.json()["errors"]]
        for secret in (CANARY, "canary", "quux", "pigeon", "Olympus"):
            assert secret not in answer.text
            assert secret not in place.lines.getvalue()
        assert (await place.ask("/v1/contacts/in-mp")).json() == {"items": []}


async def test_aiccs_own_people_are_aiccs_business(tmp_path: Path) -> None:
    """Else a state's office could have itself told of grievances, or find out who is."""
    async with office(tmp_path, channels=(mail(),)) as place:
        assert (await place.send("PUT", ROUTE, body(audience="aicc"))).status_code == 403
        assert (await place.send("PUT", ROUTE, body(audience="aicc"), "aicc", "in")).status_code == 200
        assert (await place.ask("/v1/contacts/in-mp")).json() == {"items": []}
        assert len((await place.ask("/v1/contacts/in-mp", "aicc", "in")).json()["items"]) == 1
        assert (await place.send("PUT", ROUTE, body())).status_code == 403
        assert (await place.send("DELETE", ROUTE)).status_code == 403
        assert len((await place.ask("/v1/contacts/in-mp", "aicc", "in")).json()["items"]) == 1


@pytest.mark.parametrize(
    ("role", "scope", "status"),
    [("president", "in-mp.guna", 403), ("operator", "in", 403), ("pcc", "in-up", 404), ("pcc", "in-mp.guna", 404)],
)
async def test_who_has_nothing_to_do_with_them(tmp_path: Path, role: str, scope: str, status: int) -> None:
    async with office(tmp_path, channels=(mail(),)) as place:
        assert (await place.send("PUT", ROUTE, body())).status_code == 200
        for answer in (
            await place.send("PUT", ROUTE, body(), role, scope),
            await place.send("DELETE", ROUTE, None, role, scope),
            await place.ask("/v1/contacts/in-mp", role, scope),
        ):
            assert answer.status_code == status
        assert len((await place.ask("/v1/contacts/in-mp")).json()["items"]) == 1


async def test_a_delivery_shows_whom_and_neither_name_nor_address(tmp_path: Path) -> None:
    wire = mail()
    async with office(tmp_path, EVENING[:-1], channels=(wire,)) as place:
        await place.send("PUT", ROUTE, body(quiet=None))
        await place.send(
            "PUT", f"/v1/contacts/in-mp/{OTHER}", body(audience="aicc", min_level=1, quiet=None), "aicc", "in"
        )
        await place.write(EVENING[-1:])
        await until(lambda: _sent(wire))
        [sent] = wire.sent
        assert sent.to is not None
        assert (sent.to.address, sent.to.name) == (ADDRESS, CANARY)
        assert CANARY not in repr(sent)

        async def marked() -> bool:
            return [each["status"] for each in (await place.ask("/v1/deliveries")).json()["items"]] == ["sent"]

        await until(marked)
        for role, scope in (("pcc", "in-mp"), ("aicc", "in"), ("operator", "in")):
            answer = await place.ask("/v1/deliveries", role, scope)
            [item] = answer.json()["items"]
            assert (item.get("contact"), item.get("to")) == (
                (None, None) if role == "operator" else (ID, "z…@canary.example")
            )
            assert CANARY not in answer.text
            assert ADDRESS not in answer.text
        everywhere = [place.lines.getvalue(), *(await _all_but_contacts(place))]
        assert not any(secret in text for text in everywhere for secret in (CANARY, ADDRESS, "zebediah"))


async def _sent(wire: Wire) -> bool:
    return len(wire.sent) == 1


async def _all_but_contacts(place: Office) -> list[str]:
    """All that is in the log and the store, as text."""
    texts: list[str] = []
    for collection in await place.store.collections():
        if collection != CONTACTS:
            found = await place.store.get_many(collection, await place.store.ids(collection))
            texts += [f"{key} {json.dumps(each.body)}" for key, each in found.items()]
    for kind in ("reports", "alerts", "grievances"):
        stream = f"rozana.in-mp.{kind}"
        texts += [f"{each.headers} {each.value!r}" for each in await place.log.read(stream, 0)]
    return texts
