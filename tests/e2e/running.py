"""What the end-to-end tests share: a small roster, who posts what, and what stands in the files afterwards."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from libs.events.codec import decode
from libs.events.envelope import Event
from libs.events.streams import stream_name
from libs.events.values import DistrictData, EventData
from libs.runtime.auth import issue_demo_token
from libs.runtime.keys import demo_keys
from libs.runtime.settings import Settings, load_settings
from rozana.client import Client
from rozana.compose import opened
from rozana.demo.cast import POLICY, STATE, report, roster
from rozana.roster import posted
from rozana.states import state_codes
from rozana.upkeep import projections_hash, stream_ends

DAY = date(2026, 11, 23)
DISTRICTS = ("in-mp.guna", "in-mp.damoh", "in-mp.dhar", "in-mp.harda", "in-mp.katni-city", "in-mp.seoni")
PATIENCE = 30.0


FURTHEST_WEST = -12
"""Hours from UTC."""


def _morning() -> ZoneInfo:
    east = 8 - datetime.now(UTC).hour
    west = -east if east >= FURTHEST_WEST else -east - 24
    return ZoneInfo(f"Etc/GMT{west:+d}")


MORNING = _morning()
"""Where it is about eight now: on a real Kafka, whose clock is the real one, a test must not depend on India's hour."""


def cast(districts: Sequence[str] = DISTRICTS, tz: str = POLICY.tz) -> list[EventData]:
    """A policy, these districts and their holders; nobody is on leave.

    Where a test makes the clock leap, or stops for hours, no outage is credited and no judgement held.
    """
    people = [data for data in roster() if isinstance(data, DistrictData) and data.district in districts]
    return [POLICY.model_copy(update={"credit": None, "hold": None, "tz": tz}), *people]


@dataclass(frozen=True, slots=True)
class Office:
    """Posts and asks with the demo keys of the folder `data`."""

    data: Path
    client: Client

    def token(self, role: str, scope: str, tenure_id: str | None = None) -> str:
        return issue_demo_token(demo_keys(self.data), role, scope, tenure_id)

    async def import_roster(self, events: Sequence[EventData]) -> None:
        answers = await self.client.post_events([posted(data) for data in events], self.token("pcc", STATE))
        assert {answer.status for answer in answers} == {202}

    async def file(self, district: str, day: date = DAY, copy: str = "first") -> Mapping[str, Any]:
        """File a report, and its receipt."""
        body, token = self.report(district, day, copy)
        answer = await self.client.post("/v1/reports", body, token)
        assert answer.status == 202, answer
        receipt: Mapping[str, Any] = answer.body
        return receipt

    def report(self, district: str, day: date = DAY, copy: str = "first") -> tuple[dict[str, Any], str]:
        tenure = TENURES[district]
        return report(district, day, tenure, copy), self.token("president", district, tenure)

    async def alerts(self, **where: str) -> Sequence[Mapping[str, Any]]:
        found = await self.client.get("/v1/alerts", self.token("aicc", "in"), state=STATE, **where)
        assert found["next"] is None
        items: Sequence[Mapping[str, Any]] = found["items"]
        return items

    async def now(self) -> datetime:
        return datetime.fromisoformat((await self.client.get("/live"))["now"])


TENURES: Mapping[str, str] = {
    str(data.subject): str(getattr(data, "tenure_id", "")) for data in roster() if hasattr(data, "person_id")
}


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    """Ask a running system again and again, until it says yes."""
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110 -- another process, which cannot wake us
            await asyncio.sleep(0.05)


def settings_of(data: Path) -> Settings:
    return load_settings({"ROZANA_DATA": str(data), "ROZANA_STATES": STATE}, state_codes())


async def standing(data: Path) -> tuple[Mapping[str, int], str]:
    """The ends of the streams, but for that of the heartbeats, and the hash of the projections, from the files."""
    async with opened(settings_of(data), read_only=True) as adapters:
        ends = await stream_ends(adapters, [STATE])
        return {stream: end for stream, end in ends.items() if stream != "rozana.system"}, await projections_hash(
            adapters.store
        )


async def recorded(data: Path, stream: str) -> list[Event]:
    """All events of a stream, in order: the offset is the index."""
    events: list[Event] = []
    async with opened(settings_of(data), read_only=True) as adapters:
        while records := await adapters.log.read(stream, len(events)):
            assert [record.offset for record in records] == list(range(len(events), len(events) + len(records)))
            events += [decode(record.headers, record.value) for record in records]
    return events


async def day_is_told(data: Path, day: date = DAY) -> bool:
    """Whether the digest of the closed day stands in the log, the last that a quiet night brings."""
    told = (b"rozana.state.day_closed.v1", f'"day":"{day}"'.encode())
    async with opened(settings_of(data), read_only=True) as adapters:
        records = await adapters.log.read(stream_name("reports", STATE), 0)
    return any(dict(record.headers).get("ce_type") == told[0] and told[1] in record.value for record in records)
