"""The mail channel against real mail servers: what it says, whom it trusts, and what it makes of each answer."""

import ssl
from pathlib import Path

import pytest

from libs.events.alerts import Rule
from services.notifier.channels.channel import About, Message, NotNow, Recipient, Undeliverable
from services.notifier.channels.mail import MailChannel, Relay
from tests.notifier.mailbox import Mailbox, text_of
from tests.notifier.sink import certificate
from tests.servers.server import free_port

ALERT = About(
    alert_id="6f0d4a3e-5b0c-5d3a-9a53-0d6c7ee0b7a1",
    rule=Rule.MISSED_REPORT,
    state="in-mp",
    subject="in-mp.guna",
    period="2026-11-23",
    level=1,
    audience=("pcc",),
    raised_at="2026-11-23T18:30:00Z",
    name_en="Guna",
    name_hi="गुना",
)
KEY = "0a4a8c1e-5b0c-5d3a-9a53-0d6c7ee0b7a1/mail/6f0d4a3e-5b0c-4d3a-9a53-0d6c7ee0b7a1"
ANIL = Recipient("अनिल, कार्यालय", "anil@bhopal.example", "hi")
MESSAGE = Message(KEY, (ALERT,), ANIL)


def relay(port: int, tls: str = "none", **more: str) -> Relay:
    return Relay("mail", "localhost", port, "alerts@rozana.example", tls, **more)  # type: ignore[arg-type]


async def test_a_mail_is_in_hindi_whole_and_known_again() -> None:
    async with Mailbox().serving() as mailbox:
        await MailChannel(relay(mailbox.port)).send(MESSAGE)
        await MailChannel(relay(mailbox.port)).send(MESSAGE)
        one, again = mailbox.mails
        assert one["Message-ID"] == again["Message-ID"] == f"<{KEY.replace('/', '.')}@rozana.example>"
        assert (one["From"], one["Auto-Submitted"]) == ("Rozana <alerts@rozana.example>", "auto-generated")
        assert str(one["To"].addresses[0].display_name) == ANIL.name
        assert one["Subject"] == "गुना से 23 नवंबर 2026 की रिपोर्ट नहीं आई"
        assert text_of(one).startswith("गुना: 23 नवंबर 2026 की रिपोर्ट नहीं आई (स्तर 1)\n")
        assert text_of(one) == text_of(again)


async def test_it_is_encrypted_before_the_first_word_and_says_who_it_is(tmp_path: Path) -> None:
    server, trusting = certificate(tmp_path, "localhost")
    mailbox = Mailbox(users={"rozana": "pass word"})
    async with mailbox.serving(tls=server):
        good = relay(mailbox.port, "starttls", user="rozana", password="pass word")
        await MailChannel(good, tls=trusting).send(MESSAGE)
        assert len(mailbox.mails) == 1
        for wrong, tls, reason in (
            (relay(mailbox.port, "starttls", user="rozana", password="other"), trusting, "not-let-in"),
            (good, ssl.create_default_context(), "tls-failed"),
        ):
            with pytest.raises(NotNow) as refused:
                await MailChannel(wrong, tls=tls).send(MESSAGE)
            assert refused.value.reason == reason
    assert "pass word" not in repr(good)


async def test_a_server_without_starttls_is_told_nothing() -> None:
    async with Mailbox().serving() as mailbox:
        with pytest.raises(NotNow) as refused:
            await MailChannel(relay(mailbox.port, "starttls")).send(MESSAGE)
        assert (refused.value.reason, mailbox.mails) == ("tls-failed", [])


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        ("550 no such user", Undeliverable, "refused"),
        ("554 we think it is spam", Undeliverable, "refused"),
        ("451 greylisted", NotNow, "busy"),
        ("421 too many connections", NotNow, "busy"),
        ("530 who are you", NotNow, "not-let-in"),
    ],
)
async def test_what_a_server_says(answer: str, error: type[NotNow | Undeliverable], reason: str) -> None:
    async with Mailbox(says=lambda _mail: answer).serving() as mailbox:
        with pytest.raises(error) as refused:
            await MailChannel(relay(mailbox.port)).send(MESSAGE)
        assert getattr(refused.value, "reason", None) == reason


async def test_a_server_that_is_none() -> None:
    with pytest.raises(NotNow) as refused:
        await MailChannel(relay(free_port())).send(MESSAGE)
    assert refused.value.reason == "unreachable"


async def test_a_mail_for_nobody_is_not_sent() -> None:
    with pytest.raises(Undeliverable):
        await MailChannel(relay(1)).send(Message(KEY, (ALERT,)))
