"""A reports stream as ingest of release 0.1.0 wrote it, before there was a version 2 or a written hash. Never changed.

Guna files a report, corrects it and sends a supplement; the office returns the correction; Bhind files in grace.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from libs.runtime.log import NewRecord

FILE = Path(__file__).parent / "records" / "0.1.0.jsonl"


class Old(NamedTuple):
    record: NewRecord
    receipt: Mapping[str, Any]
    """What was answered for it."""

    def body(self) -> dict[str, Any]:
        """A report's, as it was sent to `POST /v1/reports`."""
        data = json.loads(self.record.value)
        del data["state"]
        return {"id": self.receipt["id"], **data}


def _read(line: str) -> Old:
    found = json.loads(line)
    headers = tuple((name, text.encode()) for name, text in found["headers"])
    return Old(NewRecord(found["key"], headers, found["value"].encode()), found["receipt"])


OLD_LOG = tuple(_read(line) for line in FILE.read_text(encoding="utf-8").splitlines())
FIRST, CORRECTION, SUPPLEMENT, REVIEW, OF_BHIND = OLD_LOG[5:]
REPORTS = (FIRST, CORRECTION, SUPPLEMENT, OF_BHIND)
