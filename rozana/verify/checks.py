"""What a check is. Pure."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Check:
    """One line of the answer: how much was looked at, and the first thing that is wrong."""

    name: str
    looked_at: dict[str, int] = field(default_factory=dict)
    """What -> how many, in words: `{"records": 17}`."""
    different: str | None = None
    others: int = 0
    """How many more are wrong."""
    discreet: bool = False
    """How much there was is not told: of grievances, one more since the last time would say that a state had one."""

    def count(self, what: str, number: int = 1) -> None:
        self.looked_at[what] = self.looked_at.get(what, 0) + number

    def wrong(self, line: str) -> None:
        if self.different is None:
            self.different = line
        else:
            self.others += 1

    def also(self, other: "Check") -> None:
        """What is wrong there is wrong here, whatever was looked at."""
        if other.different is not None:
            self.wrong(other.different)
            self.others += other.others

    def line(self) -> str:
        """`offsets            ok         5 streams, 120 records`."""
        if self.different is None:
            seen = ", ".join(f"{number} {what}" for what, number in self.looked_at.items()) or "nothing to look at"
            return f"{self.name:<18} ok         {'how many is not told' if self.discreet else seen}"
        more = f" (and {self.others} more)" if self.others else ""
        return f"{self.name:<18} DIFFERENT  {self.different}{more}"
