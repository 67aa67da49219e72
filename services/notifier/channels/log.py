"""The channel of a system that has no other yet: a line in the log for each message, of ids and no names."""

from libs.events.alerts import Rule
from libs.runtime.telemetry import Logger
from services.notifier.channels.channel import Message
from services.notifier.routing import EVERYTHING


class LogChannel:
    """Writes what would have been sent to whom."""

    name = "log"
    route = EVERYTHING

    def __init__(self, logger: Logger) -> None:
        self._logger = logger

    async def send(self, message: Message) -> None:
        about: dict[str, str | int] = {}
        if message.rule is not Rule.GRIEVANCE_RAISED:
            # Operators read logs: a line with a time, and an id that leads to a district, would point at a complainant.
            about = {
                "delivery": message.key,
                "alert_id": message.alert_id,
                "state": message.state,
                "district": message.subject,
                "day": message.period,
            }
        self._logger.info(
            "alert delivered",
            channel=self.name,
            rule=message.rule.value,
            alert_level=message.level,
            audience=list(message.audience),
            **about,
        )
