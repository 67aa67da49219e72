"""One message to see whether a channel works: sent from here, past outbox, quiet hours and caps."""

import asyncio
from uuid import uuid4

from libs.runtime.errors import RozanaError
from libs.runtime.settings import Settings
from rozana.compose import channels_of, opened_store
from services.notifier.channels.channel import Channel, Message, NotNow, Recipient, Undeliverable
from services.notifier.contacts import Contacts
from services.notifier.dispatch import SEND_SECONDS


async def send_test(settings: Settings, channel: str, state: str, contact: str | None) -> int:
    """Send it and print the line. The exit code: 0 when it is handed on. Raises RozanaError for what is not there."""
    channels = {each.name: each for each in channels_of(settings)}
    if channel not in channels:
        there = ", ".join(channels) or "none (ROZANA_ROUTES)"
        raise RozanaError(f"no such channel in the routes file; there are: {there}")
    to = await _recipient(settings, channels[channel], state, contact)
    outcome = await _outcome(channels[channel], Message(f"test-{uuid4()}", (), to))
    person = f" to contact {contact}" if to is not None else ""
    if outcome is None:
        print(f"sent by {channel}{person}")
        return 0
    print(f"not sent by {channel}{person}: {outcome} (docs/delivery.md says what that means)")
    return 1


async def _recipient(settings: Settings, channel: Channel, state: str, contact: str | None) -> Recipient | None:
    if channel.route is not None:
        return None
    if contact is None:
        raise RozanaError(
            f"{channel.name} is for people: say whom by --contact ID (GET /v1/contacts/{state} lists them)"
        )
    async with opened_store(settings) as store:
        found = await Contacts(store).who(state, contact.lower(), channel.name)
    address = None if found is None else found.address(channel.name)
    if found is None or address is None:
        raise RozanaError(f"{state} has no such contact that is reached by {channel.name}")
    return Recipient(found.name, address, found.language)


async def _outcome(channel: Channel, message: Message) -> str | None:
    """None when it is handed on, else why not, in the fixed words of attempts."""
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await channel.send(message)
    except (NotNow, Undeliverable) as error:
        return error.reason
    except TimeoutError:
        return "too-slow"
    return None
