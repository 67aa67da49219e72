"""Alerts to people, by mail: who is told, in which language, together, when not, and never of what is not for them."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

from libs.events.envelope import Event
from services.notifier.channels.mail import MailChannel, Relay
from services.notifier.contacts import Contact
from tests.duty.events import added, appointed, code, policy
from tests.notifier.mailbox import Mailbox, text_of
from tests.notifier.test_delivery import EVENING, PostOffice, post_office

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
