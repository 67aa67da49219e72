"""The channel of a system that has no other yet: a line in the log for each message, of ids and no names."""

from typing import get_args

from libs.events.alerts import Audience
from libs.runtime.telemetry import Logger
from services.notifier.channels.channel import Message
from services.notifier.routing import Route


class LogChannel:
    """Writes what would have been sent to whom."""

    name = "log"
    gathers = False
    hears_the_end = False
    route = Route(audiences=frozenset(get_args(Audience)))
    """Read by anybody: so nothing about grievances comes this way. Operators read logs, and a line has a time."""

    def __init__(self, logger: Logger) -> None:
        self._logger = logger

    async def send(self, message: Message) -> None:
        for alert in message.about:
            self._logger.info(
                "alert delivered",
                channel=self.name,
                delivery=message.key,
                rule=alert.rule.value,
                alert_id=alert.alert_id,
                alert_level=alert.level,
                state=alert.state,
                district=alert.subject,
                day=alert.period,
                audience=list(alert.audience),
            )
