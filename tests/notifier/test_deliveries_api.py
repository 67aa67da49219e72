"""/v1/deliveries and the deliveries of an alert: who sees what of them, and another try for what is parked."""

import base64
from pathlib import Path

import pytest

from libs.events.alerts import Rule, alert_id
from services.notifier.channels.channel import NotNow, Undeliverable
from services.notifier.outbox import OUTBOX
from services.notifier.paging import PAGE
from services.notifier.routing import Route
from tests.duty.events import added, appointed, clock_reached, code, named, policy
from tests.notifier.office import Office, office
from tests.notifier.stories import grievance
from tests.notifier.test_delivery import Wire
from tests.notifier.world import until

EVENING = [
    policy(),
    *(each for name in ("guna", "datia") for each in (added(name), appointed(name))),
    clock_reached("2026-11-24T00:00"),
]
MISSED = alert_id(Rule.MISSED_REPORT, code("guna"), "2026-11-23", 1)
GRIEVANCE = alert_id(Rule.GRIEVANCE_RAISED, code("guna"), named("one"), 1)
PCC = Route(frozenset({"pcc"}), rules=frozenset({Rule.MISSED_REPORT}))
SECRET_OF_ALL = ("guna", "datia", "in-mp", "2026-11-23", MISSED)


async def settled(place: Office, count: int) -> None:
    """There are so many deliveries, and all but the held ones have been tried."""

    async def done() -> bool:
        found = await place.store.get_many(OUTBOX, await place.store.ids(OUTBOX))
        waiting = [each for each in found.values() if each.body["status"] in {"due", "claimed"}]
        return len(found) == count and all(each.body["attempts"] or each.body["held_until"] for each in waiting)

    await until(done)


async def test_an_alert_shows_who_was_told(tmp_path: Path) -> None:
    gone, slow = (
        Wire("gone", fails=[Undeliverable("gone")] * 9, route=PCC),
        Wire("slow", fails=[NotNow("busy")] * 9, route=PCC),
    )
    async with office(tmp_path, EVENING, channels=(gone, slow, Wire("well", route=PCC))) as place:
        await settled(place, 6)
        await until(lambda: _all_have_outcomes(place))
        alert = (await place.ask(f"/v1/alerts/{MISSED}")).json()
        [first, second, third] = alert["deliveries"]
        assert set(first) == {"channel", "status", "configured", "attempts", "next_attempt"}
        assert (first["channel"], first["status"], first["next_attempt"]) == ("gone", "parked", None)
        assert [(each["outcome"], each["reason"]) for each in first["attempts"]] == [("parked", "gone")]
        assert (second["channel"], second["status"], second["configured"]) == ("slow", "due", True)
        assert second["attempts"][0]["reason"] == "busy"
        assert second["next_attempt"] > second["attempts"][0]["at"]
        assert (third["channel"], third["status"]) == ("well", "sent")
        assert "reason" not in third["attempts"][0]
        assert "deliveries" not in (await place.ask(f"/v1/alerts/{MISSED}", "president", "in-mp.guna")).json()
        listed = (await place.ask("/v1/alerts")).json()["items"]
        assert all("deliveries" not in each for each in listed)


async def _all_have_outcomes(place: Office) -> bool:
    found = await place.store.get_many(OUTBOX, await place.store.ids(OUTBOX))
    return all(each["outcome"] for one in found.values() for each in one.body["attempts"])  # type: ignore[index,union-attr,call-overload]


async def test_the_list_for_each_office(tmp_path: Path) -> None:
    bad = Wire("bad", fails=[Undeliverable("redirected")] * 9, route=PCC)
    async with office(tmp_path, EVENING, channels=(bad, Wire("well", route=PCC))) as place:
        await settled(place, 4)
        await until(lambda: _all_have_outcomes(place))
        for role, scope, count in (
            ("pcc", "in-mp", 4),
            ("aicc", "in", 4),
            ("pcc", "in-up", 0),
            ("pcc", "in-mp.guna", 2),
        ):
            items = (await place.ask("/v1/deliveries", role, scope)).json()["items"]
            assert len(items) == count
            assert all(each["subject"].startswith("in-mp.") and each["alert_id"] for each in items)
        parked = (await place.ask("/v1/deliveries?status=parked")).json()["items"]
        assert {each["channel"] for each in parked} == {"bad"}
        assert {each["subject"] for each in parked} == {"in-mp.guna", "in-mp.datia"}
        assert (await place.ask("/v1/deliveries?rule=due-soon")).json() == {"items": [], "next": None}
        assert (await place.ask("/v1/deliveries?state=in-up")).status_code == 404
        assert (await place.ask("/v1/deliveries?status=lost")).status_code == 422
        assert (await place.ask("/v1/deliveries?cursor=x")).status_code == 422
        assert (await place.ask("/v1/deliveries", "president", "in-mp.guna")).status_code == 403


async def test_an_operator_sees_that_a_channel_fails_and_not_about_whom(tmp_path: Path) -> None:
    bad = Wire("bad", fails=[Undeliverable("redirected")] * 9, route=PCC)
    async with office(tmp_path, EVENING, channels=(bad,)) as place:
        await settled(place, 2)
        await until(lambda: _all_have_outcomes(place))
        answer = await place.ask("/v1/deliveries?status=parked", "operator", "in")
        items = answer.json()["items"]
        assert len(items) == 2
        for item in items:
            assert set(item) == {"channel", "status", "configured", "rule", "attempts", "next_attempt"}
            assert (item["channel"], item["rule"], item["attempts"][0]["reason"]) == (
                "bad",
                "missed-report",
                "redirected",
            )
        assert not any(secret in answer.text for secret in SECRET_OF_ALL)
        assert (await place.ask(f"/v1/alerts/{MISSED}", "operator", "in")).status_code == 403


async def test_of_grievances_aicc_alone_hears_and_of_no_hour(tmp_path: Path) -> None:
    national = Wire("aicc", fails=[NotNow("busy")] * 9, route=Route(frozenset({"aicc"})))
    events = [*EVENING, grievance("one", "guna", "2026-11-24")]
    async with office(tmp_path, events, channels=(national,)) as place:
        await settled(place, 1)
        for role in ("operator", "pcc"):
            for query in ("", "?rule=grievance-raised", "?status=due"):
                assert (await place.ask(f"/v1/deliveries{query}", role, "in")).json() == {"items": [], "next": None}
        [item] = (await place.ask("/v1/deliveries", "aicc", "in")).json()["items"]
        assert (item["status"], item["attempts"]) == ("due", [])
        assert item["next_attempt"] == "2026-11-25T01:00:00Z"
        place.clock.advance_to(clock_reached("2026-11-25T07:00").time)

        async def tried() -> bool:
            [shown] = (await place.ask(f"/v1/alerts/{GRIEVANCE}", "aicc", "in")).json()["deliveries"]
            return bool(shown["attempts"] and shown["attempts"][0]["outcome"])

        await until(tried)
        [shown] = (await place.ask(f"/v1/alerts/{GRIEVANCE}", "aicc", "in")).json()["deliveries"]
        assert shown["next_attempt"] is None
        assert shown["attempts"][0]["at"].endswith("T00:00:00Z")


@pytest.mark.parametrize(
    ("role", "scope", "count"),
    [("operator", "in", 2), ("aicc", "in", 2), ("pcc", "in-mp.guna", 1), ("pcc", "in-up", 0)],
)
async def test_what_is_parked_is_tried_again(tmp_path: Path, role: str, scope: str, count: int) -> None:
    bad, other = (
        Wire("bad", fails=[Undeliverable("refused")] * 2, route=PCC),
        Wire("other", fails=[Undeliverable("refused")] * 2, route=PCC),
    )
    async with office(tmp_path, EVENING, channels=(bad, other)) as place:
        await settled(place, 4)
        await until(lambda: _parked(place, 4))
        answer = await place.ask("/v1/deliveries/retry", role, scope, post={"channel": "bad"})
        assert (answer.status_code, answer.json()) == (200, {"retried": count})
        await until(lambda: _parked(place, 4 - count))
        assert (len(bad.sent), len(other.sent)) == (count, 0)
        again = await place.ask("/v1/deliveries/retry", role, scope, post={"channel": "bad"})
        assert again.json() == {"retried": 0}
        if count:
            sent = (await place.ask("/v1/deliveries?status=sent")).json()["items"]
            assert [each["outcome"] for each in sent[0]["attempts"]] == ["parked", "sent"]


async def _parked(place: Office, count: int) -> bool:
    found = await place.store.find(OUTBOX, {"status": "parked"}, limit=1000)
    done = await place.store.find(OUTBOX, {"status": ("due", "claimed")})
    return len(found) == count and not done


async def test_what_cannot_be_tried_again(tmp_path: Path) -> None:
    async with office(tmp_path) as place:
        for body, status in (
            ({}, 422),
            ({"channel": ""}, 422),
            ({"channel": 3}, 422),
            ({"channel": "a", "x": 1}, 422),
            ([], 422),
        ):
            assert (await place.ask("/v1/deliveries/retry", post=body)).status_code == status
        assert (await place.ask("/v1/deliveries/retry", content=b"{")).status_code == 400
        president = await place.ask("/v1/deliveries/retry", "president", "in-mp.guna", post={"channel": "log"})
        assert president.status_code == 403


async def test_a_hundred_a_page_and_the_rest_behind_it(tmp_path: Path) -> None:
    names = [f"district-{number}" for number in range(60)]
    events = [policy(), *(each for name in names for each in (added(name), appointed(name))), EVENING[-1]]
    bad = Wire("a-bad", fails=[Undeliverable("gone")] * 200, route=PCC)
    async with office(tmp_path, events, channels=(bad, Wire("well", route=PCC))) as place:
        await settled(place, 120)
        await until(lambda: _parked(place, 60))
        cursor = ""
        for role, scope in (("pcc", "in-mp"), ("operator", "in")):
            first = (await place.ask("/v1/deliveries", role, scope)).json()
            second = (await place.ask(f"/v1/deliveries?cursor={first['next']}", role, scope)).json()
            assert (len(first["items"]), len(second["items"]), second["next"]) == (PAGE, 20, None)
            if role == "pcc":
                items = first["items"] + second["items"]
                assert len({(each["alert_id"], each["channel"]) for each in items}) == 120
            cursor = first["next"]
            told = base64.urlsafe_b64decode(cursor + "==")
            assert not any(each.encode() in told for each in ("in-mp", "a-bad", "well", "2026"))
        answer = await place.ask("/v1/deliveries/retry", post={"channel": "a-bad"})
        assert answer.json() == {"retried": 60}
        # It holds where a page ends for the same cursors alone, and is good after a restart.
        changed = cursor[:-6] + "AAAAAA"
        assert (await place.ask(f"/v1/deliveries?cursor={changed}")).status_code == 422
    async with office(tmp_path, channels=(bad,)) as place:
        assert (await place.ask(f"/v1/deliveries?cursor={cursor}", "operator", "in")).status_code == 200


async def test_a_channel_that_is_gone_is_said_to_be(tmp_path: Path) -> None:
    async with office(tmp_path, EVENING, channels=(Wire("old", fails=[NotNow("busy")] * 9, route=PCC),)) as place:
        await settled(place, 2)
        await until(lambda: _all_have_outcomes(place))
    async with office(tmp_path, channels=(Wire("new", route=PCC),)) as place:
        await until(lambda: _shown(place, 2))
        items = (await place.ask("/v1/deliveries?status=due", "operator", "in")).json()["items"]
        assert [(each["channel"], each["configured"], each["next_attempt"]) for each in items] == [
            ("old", False, None)
        ] * 2


async def _shown(place: Office, count: int) -> bool:
    return len((await place.ask("/v1/deliveries")).json()["items"]) == count
