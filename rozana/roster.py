"""A state's roster as a CSV file, turned into events. Importing it twice is a replay: ids follow from the content."""

import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar
from uuid import NAMESPACE_URL, uuid5

from pydantic import ValidationError

from libs.events.canonical import canonical_hash
from libs.events.districts import DistrictAdded
from libs.events.policy import PolicyAdopted
from libs.events.presidents import PresidentAppointed
from libs.events.values import EventData
from libs.runtime.errors import RozanaError

DISTRICT_COLUMNS = ("code", "name_en", "name_hi", "kind", "grid_row", "grid_col")
HOLDER_COLUMNS = ("tenure_id", "person_id", "name", "since")
Data = TypeVar("Data", bound=EventData)


class BadFile(RozanaError):
    """The file cannot be imported; nothing of it was sent. One line that names row and column."""


def posted(data: EventData) -> dict[str, object]:
    """The CloudEvent to post, as ingest wants it. The id is worked out from the content."""
    body = data.model_dump(mode="json")
    identity = f"urn:rozana:import:{data.type_name()}:{canonical_hash(body)}"
    return {
        "specversion": "1.0",
        "id": str(uuid5(NAMESPACE_URL, identity)),
        "source": f"urn:rozana:office:{data.state}",
        "type": data.type_name(),
        "subject": data.subject,
        "data": body,
    }


def read_policy(path: Path, state: str) -> PolicyAdopted:
    """A policy as JSON: the data of policy.adopted, without `state`. Raises BadFile."""
    try:
        body = json.loads(_text(path))
    except ValueError:
        raise BadFile(f"{path} is not JSON: nothing was sent") from None
    if not isinstance(body, dict):
        raise BadFile(f"{path} is not a JSON object: nothing was sent")
    return _checked(PolicyAdopted, {"state": state} | body, f"{path}, member")


def read_roster(path: Path, state: str) -> list[EventData]:
    """All districts, then all holders, in the order of the rows. Raises BadFile."""
    rows = csv.DictReader(io.StringIO(_text(path), newline=""), restval="", strict=True)
    districts: dict[str, DistrictAdded] = {}
    holders: dict[str, PresidentAppointed] = {}
    try:
        for name in DISTRICT_COLUMNS:
            if name not in (rows.fieldnames or ()):
                raise BadFile(f"{path}, row 1: column {name} is missing: nothing was sent")
        for row in rows:
            where = f"{path}, row {rows.line_num}, column"  # as a spreadsheet counts: the header is row 1
            added, holder = _row(_cells(row), state, where)
            if districts.setdefault(added.district, added) is not added:
                raise BadFile(f"{where} code: stands there twice: nothing was sent")
            if holder and holders.setdefault(holder.tenure_id, holder) is not holder:
                raise BadFile(f"{where} tenure_id: stands there twice: nothing was sent")
    except csv.Error as error:
        raise BadFile(f"{path}, after row {rows.line_num}: {error}: nothing was sent") from None
    if not districts:
        raise BadFile(f"{path} holds no district: nothing was sent")
    return [*districts.values(), *holders.values()]


def _cells(row: Mapping[str | None, object]) -> Mapping[str, str]:
    return {name: text.strip() for name, text in row.items() if name and isinstance(text, str)}


def _row(row: Mapping[str, str], state: str, where: str) -> tuple[DistrictAdded, PresidentAppointed | None]:
    code = row["code"] if "." in row["code"] else f"{state}.{row['code']}"
    place = {"state": state, "district": code}
    grid = {name: _number(row[name], f"{where} {name}") for name in ("grid_row", "grid_col")}
    names = {name: row[name] for name in ("name_en", "name_hi", "kind")}
    added = _checked(DistrictAdded, {**place, **names, **grid}, where)
    holder = {name: row[name] for name in HOLDER_COLUMNS if row.get(name)}
    if not holder:
        return added, None
    return added, _checked(PresidentAppointed, {**place, **holder, "kind": "substantive"}, where)


def _number(text: str, where: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise BadFile(f"{where}: must be a whole number: nothing was sent")
    return int(text)


def _checked(model: type[Data], body: Mapping[str, object], where: str) -> Data:
    try:
        return model.model_validate_json(json.dumps(body))
    except ValidationError as error:
        first, *others = error.errors(include_url=False)
        raise BadFile(
            f"{where} {_fault(first)}{f' (and {len(others)} more)' if others else ''}: nothing was sent"
        ) from None


def _fault(item: Any) -> str:
    column = str(item["loc"][0]) if item["loc"] else "code"
    text = str(item["msg"]).removeprefix("Value error, ")
    return f"{'code' if column == 'district' else column}: {text[:1].lower()}{text[1:]}"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadFile(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadFile(f"{path} is not UTF-8 text: save it as CSV in UTF-8") from None
