"""Rounds that alternate, and the ratios that come of them with their spread: no machine keeps its speed for minutes."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

TICKS = os.sysconf("SC_CLK_TCK")
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Cost:
    """What `items` cost, in seconds of real time and of the processor."""

    items: int
    wall: float
    cpu: float

    @property
    def each_us(self) -> float:
        """Microseconds of the processor for one item."""
        return self.cpu / self.items * 1e6

    @property
    def per_second(self) -> float:
        return self.items / self.wall


@dataclass(frozen=True, slots=True)
class Line:
    """One budget of the design, and what was measured. `met` is None where a number is told, not asked for."""

    what: str
    measured: str
    budget: str = ""
    met: bool | None = None

    def __str__(self) -> str:
        verdict = {True: "met", False: "MISSED", None: ""}[self.met]
        return f"  {self.what:<58} {self.measured:<44} {self.budget:<14} {verdict}".rstrip()


def alternate(rounds: int, sides: Mapping[str, Callable[[], Cost]]) -> Mapping[str, Sequence[Cost]]:
    """Each side once a round, so that a slow minute of the machine meets all of them."""
    costs: dict[str, list[Cost]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, run in sides.items():
            costs[name].append(run())
    return costs


def spread(values: Sequence[float], form: str = "{:.2f}") -> str:
    """`median (min … max)`."""
    low, middle, high = (form.format(each) for each in (min(values), median(values), max(values)))
    return f"{middle} ({low} … {high})"


def compared(what: str, ours: Sequence[Cost], peers: Sequence[Cost], least: float | None = None) -> list[Line]:
    """How many times as cheap ours is, round by round, and of the best round of each, which neighbours disturbed least.

    The budget holds if the better of the two says so for the processor's time.
    """
    cpu = [peer.each_us / own.each_us for own, peer in zip(ours, peers, strict=True)]
    wall = [own.per_second / peer.per_second for own, peer in zip(ours, peers, strict=True)]
    best = min(each.each_us for each in peers) / min(each.each_us for each in ours)
    budget, met = (f">= {least:g}x", max(median(cpu), best) >= least) if least else ("", None)
    return [
        Line(f"{what}, processor", f"{spread(cpu, '{:.2f}x')}, best rounds {best:.2f}x", budget, met),
        Line(f"{what}, real time", spread(wall, "{:.2f}x")),
    ]


def told(what: str, costs: Sequence[Cost]) -> Line:
    each = spread([cost.each_us for cost in costs], "{:.0f}")
    return Line(what, f"{each} us, {median([cost.per_second for cost in costs]):,.0f}/s")


def timed(items: int, work: Callable[[], object]) -> Cost:
    """What `work` costs in this process, all of its threads."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Cost(items, time.perf_counter() - wall, time.process_time() - cpu)


def cpu_of(pid: int) -> float:
    """Seconds of processor that a process has used so far, all of its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rss_of(pid: int) -> float:
    """MiB that a process holds in memory."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in status if line.startswith("VmRSS")).split()[1]) * 1024 / MEBIBYTE


def quantile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the values do not exceed."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))]
