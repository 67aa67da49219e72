"""The channel for the many other services: Telegram, WhatsApp, ntfy, MSG91 and some 170 more, by Apprise.

Apprise is an extra (`pip install rozana[apprise]`), imported when the channel is made. Its URLs hold passwords and come
from the operator's configuration alone.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from libs.runtime.errors import StartRefused
from services.notifier.channels.channel import Language, Message, NotNow
from services.notifier.messages import letter
from services.notifier.routing import Route

MISSING = "apprise is not installed: pip install 'rozana[apprise]', or take [[apprise]] out of the routes file"


@dataclass(frozen=True, slots=True)
class Others:
    """One [[apprise]] of the routes file, already checked (routes_entries.py)."""

    name: str
    urls: tuple[str, ...] = field(repr=False)
    route: Route
    language: Language


class OthersChannel:
    """One group of services, which are told together. They know no keys: after a crash they may hear a thing twice."""

    gathers = True
    hears_the_end = False

    def __init__(self, others: Others) -> None:
        """Raises StartRefused: Apprise is missing, or does not know a URL."""
        self.name = others.name
        self.route = others.route
        self._language = others.language
        self._notify = _notifier(others)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="apprise")

    async def send(self, message: Message) -> None:
        written = letter(message, self._language)
        told = await asyncio.get_running_loop().run_in_executor(
            self._thread, lambda: self._notify(title=written.title, body=written.text)
        )
        if not told:
            raise NotNow("failing")  # it does not say why


def _notifier(others: Others) -> Callable[..., Any]:
    try:
        import apprise  # noqa: PLC0415 -- an extra
    except ImportError:
        raise StartRefused(MISSING) from None
    services = apprise.Apprise()
    for number, url in enumerate(others.urls, start=1):
        if not services.add(url):
            raise StartRefused(f"ROZANA_ROUTES: apprise ({others.name}): url {number}: Apprise knows no such service")
    return services.notify
