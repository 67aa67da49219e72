"""The file of AICC's consumers: who each is, and which streams it may read, one by one by name."""

import re
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from libs.runtime.access import PREFIX, Access, granted
from libs.runtime.errors import RozanaError

LONGEST_NAME = 40


def _name(text: str) -> str:
    if len(text) > LONGEST_NAME or not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", text):
        raise ValueError("not such a name")
    return text


class _Consumer(BaseModel):
    """One [[consumer]]. Each description says what is allowed; a refusal is made of these."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, AfterValidator(_name)] = Field(
        description="a name of its own, in small letters, digits and hyphens, at most 40"
    )
    streams: Annotated[list[str], Field(min_length=1)] = Field(
        description="a list of streams by their whole names, such as rozana.in-mp.reports"
    )


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    consumer: Annotated[list[_Consumer], Field(min_length=1)] = Field(description="one [[consumer]] or more")


def read_consumers(path: Path, states: Collection[str]) -> list[Access]:
    """In the file's order. Raises RozanaError, one line with every fault by its place, never by what was written."""
    try:
        file = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        raise RozanaError("the file of consumers cannot be read: it must be TOML, in UTF-8") from None
    except ValidationError as error:
        raise _refused([_fault(each["loc"]) for each in error.errors(include_input=False)]) from None
    allowed = set(granted("aicc", states))
    faults, names = [], set[str]()
    for number, consumer in enumerate(file.consumer, start=1):
        if consumer.name in names:
            faults.append(f"consumer {number}, name: another one has it")
        names.add(consumer.name)
        if strangers := [place for place, stream in enumerate(consumer.streams, start=1) if stream not in allowed]:
            places = ", ".join(map(str, strangers))
            faults.append(
                f"consumer {number}, streams, {places}: allowed is the whole name of a stream, of one of ROZANA_STATES,"
                " that AICC may read (docs/access.md)"
            )
    if faults:
        raise _refused(faults)
    return [Access(f"{PREFIX}aicc-{each.name}", reads=tuple(dict.fromkeys(each.streams))) for each in file.consumer]


def _fault(place: tuple[int | str, ...]) -> str:
    match place:
        case ("consumer", int(number), str(field), *_) if field in _Consumer.model_fields:
            return f"consumer {number + 1}, {field}: allowed is {_Consumer.model_fields[field].description}"
        case ("consumer", int(number), *_):
            return f"consumer {number + 1}: allowed are {' and '.join(_Consumer.model_fields)}"
        case _:
            return f"allowed is {_File.model_fields['consumer'].description}, and nothing besides"


def _refused(faults: list[str]) -> RozanaError:
    return RozanaError(f"the file of consumers: {'; '.join(dict.fromkeys(faults))}")
