"""`make bench`: each budget of the design, what was measured, and how it spreads. Writes into a folder of its own.

Those on Kafka and MongoDB are left out, and that is said, where Java or Maven is not installed.
"""

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import backlog, closing, footprint, ingest, live, replay, servers, steady

EMBEDDED = {
    "ingest": ingest.measure,
    "replay": replay.measure,
    "live": live.measure,
    "closing": closing.measure,
    "footprint": footprint.measure,
}
ON_SERVERS = {"kafka": backlog.measure, "kafka-live": steady.measure, "kafka-ingest": ingest.measure_on_kafka}
BENCHES = {**EMBEDDED, **ON_SERVERS}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHES, []], help="which ones; without it, all")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and smaller logs, in some minutes")
    asked = parser.parse_args()
    missed = 0
    for name in asked.names or BENCHES:
        if name in ON_SERVERS and (needed := servers.missing()):
            print(f"\n{name}: not measured, since it runs real servers, and {', '.join(needed)} is not installed")
            continue
        started = time.monotonic()
        with TemporaryDirectory(prefix="rozana-bench-") as folder:
            lines = BENCHES[name](Path(folder), quick=asked.quick)
        print(f"\n{name} ({time.monotonic() - started:.0f} s); median (min … max) of alternating rounds", flush=True)
        for line in lines:
            print(line, flush=True)
        missed += sum(line.met is False for line in lines)
    print(f"\n{missed} budgets missed" if missed else "\nall budgets met")
    return 0


if __name__ == "__main__":
    sys.exit(main())
