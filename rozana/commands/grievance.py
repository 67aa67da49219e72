"""`rozana grievance-keys`, and `rozana grievance file | track | say | agree | appeal | open | answer | erase`."""

# ruff: noqa: PLC0415 -- what a command needs is imported when it runs

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from libs.runtime.errors import RozanaError
from rozana.commands.shared import StateOption, aicc_client, settings_from, tell

if TYPE_CHECKING:
    from rozana.client import Client

commands = typer.Typer()
grievance = typer.Typer(help="Grievances: raised and tracked without a name, opened by AICC.", no_args_is_help=True)
commands.add_typer(grievance, name="grievance")

Id = Annotated[str, typer.Argument(help="The grievance's id.")]
KeyFile = Annotated[Path, typer.Option("--key", help="A private key of AICC's, made by `rozana grievance-keys`.")]
TextFile = Annotated[
    Path | None, typer.Option("--text", help="A file with the text; without it, it is read from standard input.")
]
CodeFile = Annotated[Path | None, typer.Option("--code", help="A file with the code; without it, it is asked for.")]


@commands.command("grievance-keys")
def grievance_keys(
    folder: Annotated[Path, typer.Argument(help="Where the private halves go: a folder of AICC's, on no server.")],
    public: Annotated[Path, typer.Option(help="The file of public halves, which servers publish; added to.")],
    count: Annotated[int, typer.Option(min=1, max=8, help="How many pairs.")] = 1,
    *,
    retire: Annotated[bool, typer.Option("--retire", help="Offer those that are in the file already no more.")] = False,
) -> None:
    """Make key pairs that grievances are sealed to."""
    from rozana.grievances.keys import make_keys

    for name in make_keys(folder, public, count, retire=retire):
        print(name)
    tell(f"servers publish {public} (ROZANA_GRIEVANCE_KEYS); keep {folder} off them, and a copy of it safe")


@grievance.command("file")
def file_grievance(
    district: Annotated[str, typer.Option(help="The district that it is about, such as in-mp.guna.")],
    category: Annotated[str, typer.Option(help="What it is about, as one word such as conduct.")],
    severity: Annotated[str, typer.Option(help="low, medium or high.")],
    text: TextFile = None,
    identity: Annotated[
        Path | None, typer.Option(help="A file with name and number, if AICC may know them; sealed like the text.")
    ] = None,
    device: Annotated[
        Path | None, typer.Option(help="A file with a secret of this device: several then count as one author's.")
    ] = None,
    expect: Annotated[
        list[str] | None, typer.Option("--expect-key", help="An id of AICC's keys, told by AICC itself; all of them.")
    ] = None,
) -> None:
    """Raise a grievance. Prints its tracking code, which is kept nowhere else."""
    from libs.grievances.codes import for_people
    from rozana.grievances import complainant

    about = complainant.Complaint(
        district,
        category,
        severity,
        _text(text),
        None if identity is None else _text(identity),
        None if device is None else _bytes(device),
    )

    async def run(client: "Client") -> None:
        filing = complainant.prepare(about, await complainant.published_keys(client, expect or ()))
        print(for_people(filing.code), flush=True)  # before it is sent: an answer that is lost loses nothing
        await complainant.file(client, filing)

    _without_token(run)
    tell("it is kept. Note the code: it alone shows where it stands, and nobody can give it to you again")


@grievance.command()
def track(state: StateOption, code: CodeFile = None) -> None:
    """Show where one's own grievance stands, and what was answered."""
    from rozana.grievances import complainant

    async def run(client: "Client") -> None:
        told, replies = await complainant.track(client, state, _code(code))
        print(f"{told['status']}, level {told['level']}, answer due {told['due'] or '-'}")
        for letter, reply in zip(told["letters"], replies, strict=True):
            print(f"\n{letter['day']}\n{'(erased)' if reply is None else reply}")

    _without_token(run)


@grievance.command()
def say(state: StateOption, text: TextFile = None, code: CodeFile = None) -> None:
    """Write more to one's own grievance."""
    _act(state, code, "say", _text(text))


@grievance.command()
def agree(state: StateOption, code: CodeFile = None) -> None:
    """Agree that one's own grievance is closed."""
    _act(state, code, "agree")


@grievance.command()
def appeal(state: StateOption, code: CodeFile = None) -> None:
    """Have the next level look at one's own grievance."""
    _act(state, code, "appeal")


@grievance.command("open")
def open_grievance(grievance_id: Id, key: KeyFile) -> None:
    """Show a grievance's texts, on AICC's own machine. That they were asked for is in the log before."""
    from rozana.grievances import officer
    from rozana.grievances.keys import read_private

    private = read_private(key)

    async def run(client: "Client") -> None:
        case, letters = await officer.open_case(client, grievance_id, private)
        print(f"{case['district']}  {case['category']}  {case['severity']}  raised {case['day']}  {case['status']}")
        for letter in letters:
            print(f"\n{letter.day}, {letter.by}")
            if letter.content is None:
                print(f"({letter.why_not})")
                continue
            if letter.content.identity:
                print(f"from {letter.content.identity}")
            print(letter.content.text)

    _as_aicc(run)


@grievance.command()
def answer(
    grievance_id: Id,
    key: KeyFile,
    text: TextFile = None,
    due: Annotated[str | None, typer.Option(help="An interim reply: the new day, such as 2026-12-01.")] = None,
) -> None:
    """Answer the complainant, sealed to the key of his code."""
    from rozana.grievances import officer
    from rozana.grievances.keys import read_private

    private, written = read_private(key), _text(text)
    _as_aicc(lambda client: officer.answer(client, grievance_id, private, written, due))


@grievance.command()
def erase(grievance_id: Id) -> None:
    """Destroy the keys of all texts of a grievance, for good. It still counts."""
    from rozana.grievances import officer

    _as_aicc(lambda client: officer.erase(client, grievance_id))
    tell("nobody can read it any more. Backups of the keys from before still hold them: delete those too")


def _act(state: str, code: Path | None, what: str, text: str | None = None) -> None:
    from rozana.grievances import complainant

    _without_token(lambda client: complainant.act(client, state, _code(code), what, text))


def _without_token(run: "Callable[[Client], Awaitable[None]]") -> None:
    from rozana.client import Client

    settings = settings_from()

    async def main() -> None:
        async with Client(settings.url) as client:
            await run(client)

    asyncio.run(main())


def _as_aicc(run: "Callable[[Client], Awaitable[None]]") -> None:
    settings = settings_from()

    async def main() -> None:
        async with aicc_client(settings) as client:
            await run(client)

    asyncio.run(main())


def _text(file: Path | None) -> str:
    """From a file, or from standard input to its end. Raises RozanaError."""
    if file is None:
        if sys.stdin.isatty():
            tell("write the text, and end it with Ctrl-D on a line of its own")
        written = sys.stdin.read()
    else:
        written = _bytes(file).decode(errors="replace")
    if not written.strip():
        raise RozanaError("there is no text")
    return written.strip()


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise RozanaError(f"{file} cannot be read ({error.strerror})") from None


def _code(file: Path | None) -> str:
    from libs.grievances.codes import from_people

    if file is None:
        typed = typer.prompt("Tracking code", hide_input=True, err=True)
    else:
        typed = _bytes(file).decode("ascii", "replace")
    try:
        return from_people(typed)
    except ValueError as error:
        raise RozanaError(str(error)) from None
