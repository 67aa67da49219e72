"""Alerts to people, by mail: who is told, in which language, together, when not, and never of what is not for them."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from libs.events.alerts import AlertSnoozed, Rule
from libs.events.envelope import Event
from services.notifier.channels.mail import MailChannel, Relay
from services.notifier.contacts import Contact, Contacts
from services.notifier.dispatch import LEASE
from services.notifier.messages import WORDS, Words
from tests.duty.events import STATE, added, appointed, clock_reached, code, filed, instant, policy
from tests.notifier.mailbox import Mailbox, text_of
from tests.notifier.stories import grievance
from tests.notifier.test_delivery import EVENING, FrailStore, Killed, PostOffice, post_office

ANIL, BINA = (str(UUID(int=number, version=4)) for number in (1, 2))
MANY = [f"district-{number:02}" for number in range(20)]
DEADLINE = [policy(), *(each for name in MANY for each in (added(name), appointed(name))), EVENING[-1]]


def contact(address: str = "anil@bhopal.example", **members: object) -> Contact:
    said = {"name": "Anil", "audience": "pcc", "language": "en", "from": "2026-11-01"}
    return Contact.model_validate_json(json.dumps(said | {"ways": [{"channel": "mail", "address": address}]} | members))


@asynccontextmanager
async def office_of(
    folder: Path, people: Mapping[str, Contact], events: Sequence[Event] = EVENING
) -> AsyncIterator[tuple[PostOffice, Mailbox]]:
    """A mail server, and a post office whose people are known before the outbox is filled."""
    mailbox = Mailbox()
    async with mailbox.serving():
        relay = Relay("mail", "127.0.0.1", mailbox.port, "alerts@rozana.example", "none")
        channel = MailChannel(relay)
        async with post_office(folder, channel, events=events, people=people) as office:
            yield office, mailbox


async def test_twenty_misses_at_a_deadline_are_one_mail(tmp_path: Path) -> None:
    async with office_of(tmp_path, {ANIL: contact()}, DEADLINE) as (office, mailbox):
        await office.sweep()
        [mail] = mailbox.mails
        assert mail["Subject"] == "No report from 20 districts for 23 November 2026"
        assert mailbox.recipients == ["anil@bhopal.example"]
        lines = text_of(mail).splitlines()
        assert len(lines) == 21
        assert {line.partition(":")[0] for line in lines[:20]} == {code(name).title() for name in MANY}
        outbox = await office.outbox()
        [lead] = [key for key, kept in outbox.items() if kept.status == "sent"]
        assert mailbox.keys == [lead.replace("/", ".")]
        assert {kept.lead for key, kept in outbox.items() if key != lead} == {lead}
        await office.sweep()
        assert len(mailbox.mails) == 1


async def test_in_the_language_of_the_reader(tmp_path: Path) -> None:
    people = {ANIL: contact(), BINA: contact("bina@bhopal.example", language="hi", districts=[code("guna")])}
    async with office_of(tmp_path, people) as (office, mailbox):
        await office.sweep()
        assert {(str(mail["To"]).split()[-1], mail["Subject"]) for mail in mailbox.mails} == {
            ("<anil@bhopal.example>", "No report from 2 districts for 23 November 2026"),
            ("<bina@bhopal.example>", "In-Mp.Guna से 23 नवंबर 2026 की रिपोर्ट नहीं आई"),
        }


async def test_by_night_it_waits_for_the_morning_and_is_one_mail_then(tmp_path: Path) -> None:
    person = contact(quiet={"from": "22:00", "until": "07:00"})
    async with office_of(tmp_path, {ANIL: person}) as (office, mailbox):
        await office.sweep()
        assert mailbox.mails == []
        assert {kept.held_until for kept in (await office.outbox()).values()} == {instant("2026-11-24T07:00")}
        office.state.clock.advance_to(instant("2026-11-24T06:59:59"))
        await office.sweep()
        assert mailbox.mails == []
        office.state.clock.advance_to(instant("2026-11-24T07:00"))
        await office.sweep()
        assert [mail["Subject"] for mail in mailbox.mails] == ["No report from 2 districts for 23 November 2026"]


async def test_who_files_in_the_night_is_not_told_of_in_the_morning(tmp_path: Path) -> None:
    person = contact(quiet={"from": "22:00", "until": "07:00"})
    async with office_of(tmp_path, {ANIL: person}) as (office, mailbox):
        await office.sweep()
        await office.happens(filed("guna", "2026-11-23", "2026-11-24T05:00"))
        assert await office.statuses() == ["due", "due"]
        await office.sweep()
        assert await office.statuses() == ["dropped", "due"]  # at once, and not when its time would have come
        office.state.clock.advance_to(instant("2026-11-24T07:00"))
        await office.sweep()
        assert [mail["Subject"] for mail in mailbox.mails] == ["No report from In-Mp.Datia for 23 November 2026"]


async def test_what_reaches_the_third_rung_wakes_people(tmp_path: Path) -> None:
    days = ["2026-11-24T00:00", "2026-11-25T00:00", "2026-11-26T00:00", "2026-11-27T00:00"]
    events = [
        policy(ladder=(1, 2, 3)), added("guna"), appointed("guna"), *(clock_reached(each) for each in days[:3])
    ]  # fmt: skip
    person = contact(quiet={"from": "22:00", "until": "07:00"}, audience="aicc", daily_cap=1)
    async with office_of(tmp_path, {ANIL: person}, events) as (office, mailbox):
        await office.sweep()
        assert [text_of(mail).splitlines()[0] for mail in mailbox.mails] == [
            "In-Mp.Guna: no report for 25 November 2026 (level 3)"
        ]


async def test_beyond_the_cap_all_is_one_mail_the_next_morning(tmp_path: Path) -> None:
    names = ["guna", "datia", "dhar"]
    evening = [policy(), *(each for name in names for each in (added(name), appointed(name))), EVENING[-1]]
    people = {ANIL: contact(daily_cap=1), BINA: contact("bina@bhopal.example")}
    async with office_of(tmp_path, people, evening) as (office, mailbox):
        await office.sweep()
        assert len(mailbox.mails) == 2
        for number, name in enumerate(names):
            await office.raises(name, f"by hand {number}", "2026-11-24T08:00")
        await office.sweep()
        assert mailbox.recipients.count("anil@bhopal.example") == 1
        assert mailbox.recipients.count("bina@bhopal.example") == 4
        office.state.clock.advance_to(instant("2026-11-25T00:00"))
        await office.sweep()
        assert mailbox.recipients.count("anil@bhopal.example") == 2
        assert len([line for line in text_of(mailbox.mails[-1]).splitlines() if "by hand" in line]) == 3
        assert "anil" in str(mailbox.mails[-1]["To"])


async def test_of_a_grievance_aicc_alone_hears_that_there_is_one_whatever_else_is_said(tmp_path: Path) -> None:
    """A state's contact is never told, not even one that shares a mailbox with AICC's."""
    chitra = "6f0d4a3e-5b0c-4d3a-9a53-0d6c7ee0b7a1"
    people = {
        ANIL: contact(rules=["grievance-raised"]),
        BINA: contact("bina@delhi.example", audience="aicc", rules=["grievance-raised"]),
        chitra: contact("Anil@bhopal.example", audience="aicc"),
    }
    events = [*EVENING, *(grievance(name, "guna", "2026-11-24") for name in ("one", "two"))]
    async with office_of(tmp_path, people, events) as (office, mailbox):
        office.state.clock.advance_to(datetime(2026, 11, 25, 1, tzinfo=UTC))
        await office.sweep()
        [mail] = mailbox.mails
        assert mailbox.recipients == ["bina@delhi.example"]
        assert (mail["Subject"], text_of(mail)) == ("A grievance has come in", "It waits in Rozana, for you to open.")
        assert "guna" not in mail.as_string().casefold()
        told = {kept.contact: kept.status for kept in (await office.outbox()).values() if kept.kind == "grievances"}
        assert set(told) == {BINA, chitra}
        assert told[chitra] == "dropped"


@pytest.mark.parametrize("changed", [None, contact(until="2026-11-24"), contact(rules=["due-soon"])])
async def test_who_is_no_longer_a_contact_is_not_told_what_waits(tmp_path: Path, changed: Contact | None) -> None:
    async with office_of(tmp_path, {ANIL: contact()}) as (office, mailbox):
        await Contacts(office.store).put(STATE, ANIL, changed)
        await office.sweep()
        assert mailbox.mails == []
        assert await office.statuses() == ["dropped", "dropped"]


async def test_days_bound_who_is_told(tmp_path: Path) -> None:
    people = {ANIL: contact(**{"from": "2026-11-25"}), BINA: contact("bina@bhopal.example", until="2026-11-24")}
    async with office_of(tmp_path, people) as (office, _mailbox):
        assert await office.outbox() == {}


async def test_one_bad_mailbox_stops_none_of_the_others(tmp_path: Path) -> None:
    people = {ANIL: contact("nobody@bhopal.example"), BINA: contact("bina@bhopal.example")}
    async with office_of(tmp_path, people) as (office, mailbox):
        mailbox.says = lambda mail: "550 no such user" if "nobody" in str(mail["To"]) else None
        await office.sweep()
        assert mailbox.recipients == ["bina@bhopal.example"]
        statuses = sorted((kept.status, kept.contact == ANIL) for kept in (await office.outbox()).values())
        assert statuses == [("gathered", False), ("gathered", True), ("parked", True), ("sent", False)]
        assert "nobody" not in office.state.lines.getvalue()


async def test_one_bad_template_stops_none_of_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Words("{nothing}", "{nothing}", "", "")
    monkeypatch.setitem(WORDS, Rule.MISSED_REPORT, {**WORDS[Rule.MISSED_REPORT], "hi": broken})
    people = {ANIL: contact(language="hi"), BINA: contact("bina@bhopal.example")}
    async with office_of(tmp_path, people) as (office, mailbox):
        await office.sweep()
        assert mailbox.recipients == ["bina@bhopal.example"]
        assert sorted(kept.status for kept in (await office.outbox()).values()) == [
            "due",
            "gathered",
            "gathered",
            "sent",
        ]
        assert "anil" not in office.state.lines.getvalue().casefold()


@pytest.mark.parametrize("writes", range(4))
@pytest.mark.parametrize("after", [False, True])
async def test_a_mail_of_many_survives_a_crash_around_each_write(tmp_path: Path, writes: int, after: bool) -> None:
    """Claim, gathering, allowance, mark: whatever comes twice has the same Message-ID and the same words."""
    async with office_of(tmp_path, {ANIL: contact()}, DEADLINE) as (office, mailbox):
        with pytest.raises(Killed):
            await office.sweep(FrailStore(office.store, writes, after=after))  # type: ignore[arg-type]
        office.now += LEASE
        await office.sweep()
        said = {key: text_of(mail) for key, mail in zip(mailbox.keys, mailbox.mails, strict=True)}
        assert [said[key] for key in mailbox.keys] == [text_of(mail) for mail in mailbox.mails]
        lines = [line for text in said.values() for line in text.splitlines() if ": no report" in line]
        assert len(lines) == len(set(lines)) == 20
        assert set(await office.statuses()) == {"sent", "gathered"}


async def test_somebody_acts_on_one_of_many(tmp_path: Path) -> None:
    async with office_of(tmp_path, {ANIL: contact()}, DEADLINE) as (office, mailbox):
        await office.say(AlertSnoozed, MANY[0], until="2026-11-24T08:00")
        await office.sweep()
        assert mailbox.mails[0]["Subject"] == "No report from 19 districts for 23 November 2026"
        office.state.clock.advance_to(instant("2026-11-24T08:00"))
        await office.sweep()
        assert len(mailbox.mails) == 2


async def test_down_for_half_an_hour_each_message_comes_once(tmp_path: Path) -> None:
    """The mail server is gone, then slow to say no; what was resolved meanwhile is not told."""
    people = {ANIL: contact(), BINA: contact("bina@bhopal.example")}
    async with office_of(tmp_path, people) as (office, mailbox):
        mailbox.says = lambda _mail: "451 try later"
        begun = office.now
        while office.now < begun + timedelta(minutes=30):
            await office.sweep()
            office.now += timedelta(seconds=20)
        assert mailbox.mails == []
        mailbox.says = lambda _mail: None
        while mailbox.recipients != sorted(mailbox.recipients) or len(mailbox.mails) < 2:
            office.now += timedelta(minutes=1)
            assert office.now < begun + timedelta(minutes=50)
            await office.sweep()
        office.now += timedelta(hours=1)
        await office.sweep()
        assert len(mailbox.keys) == len(set(mailbox.keys)) == 2
