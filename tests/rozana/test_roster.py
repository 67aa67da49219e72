"""A roster file becomes events, or one line that names row and column."""

from collections.abc import Callable
from pathlib import Path

import pytest

from libs.events.districts import DistrictAdded
from libs.events.presidents import PresidentAppointed
from rozana.demo.cast import STATE
from rozana.process import start_up
from rozana.roster import BadFile, posted, read_policy, read_roster
from rozana.states import districts_of
from tests.rozana.command import one_line, rozana
from tests.rozana.conftest import Command

HEADER = "code,name_en,name_hi,kind,grid_row,grid_col,tenure_id,person_id,name,since"
TENURE, PERSON = "0192f0c1-7c3e-7000-8000-000000000001", "0192f0c1-7c3e-7000-8000-000000000002"
GUNA = f"guna,Guna,गुना,whole,3,5,{TENURE},{PERSON},Holder of Guna,2026-08-16"
DHAR = "dhar,Dhar,धार,whole,6,1,,,,"
POLICY_TEXT = (
    '{"version": 1, "effective_from": "2026-11-01", "tz": "Asia/Kolkata", "due": "21:00", "grace_minutes": 180,'
    ' "lock_after_days": 7, "remind_minutes_before": 120, "ladder": [1, 3, 7]}'
)

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(*lines: str, encoding: str = "utf-8") -> Path:
        path = tmp_path / "roster.csv"
        path.write_text("\n".join(lines) + "\n", encoding=encoding)
        return path

    return to_file


def test_districts_come_before_their_holders(write: Write) -> None:
    found = read_roster(write(HEADER, GUNA, DHAR, encoding="utf-8-sig"), STATE)
    assert [type(data) for data in found] == [DistrictAdded, DistrictAdded, PresidentAppointed]
    assert [data.subject for data in found] == ["in-mp.guna", "in-mp.dhar", "in-mp.guna"]


def test_the_real_table_of_the_state_is_a_roster_without_holders() -> None:
    path = Path(__file__).resolve().parents[2] / "rozana" / "data" / "in-mp-districts.csv"
    assert len(read_roster(path, STATE)) == len(districts_of(STATE)) == 71


def test_ids_follow_from_the_content(write: Write) -> None:
    first, second = ([posted(data) for data in read_roster(write(HEADER, GUNA, DHAR), STATE)] for _ in range(2))
    assert first == second
    moved = [posted(data) for data in read_roster(write(HEADER, GUNA.replace(",3,5,", ",3,6,"), DHAR), STATE)]
    assert moved[0]["id"] != first[0]["id"]
    assert moved[1:] == first[1:]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["code,name_en,name_hi,kind,grid_row", "guna,Guna,गुना,whole,3"], "row 1: column grid_col is missing"),
        ([HEADER, GUNA, DHAR.replace(",6,1,", ",six,1,")], "row 3, column grid_row: must be a whole number"),
        (
            [HEADER, GUNA.replace(",3,5,", ",100,5,")],
            "row 2, column grid_row: input should be less than or equal to 99",
        ),
        ([HEADER, GUNA.replace("whole", "half")], "row 2, column kind: input should be 'whole', 'city' or 'rural'"),
        ([HEADER, GUNA.replace("2026-08-16", "16.8.2026")], "row 2, column since: a day is written YYYY-MM-DD"),
        ([HEADER, GUNA.replace("Holder of Guna", "")], "row 2, column name: field required"),
        ([HEADER, GUNA.replace("guna,", "GUNA,", 1)], "row 2, column code: string should match pattern"),
        (
            [HEADER, GUNA.replace("guna,", "in-cg.guna,", 1)],
            "row 2, column code: the district belongs to another state",
        ),
        ([HEADER, GUNA, GUNA], "row 3, column code: stands there twice"),
        ([HEADER, GUNA, GUNA.replace("guna", "dhar", 1)], "row 3, column tenure_id: stands there twice"),
        ([HEADER, '"guna'], "after row 1: unexpected end of data"),
        ([HEADER], "holds no district"),
        ([""], "row 1: column code is missing"),
    ],
)
def test_what_is_wrong_is_named_by_row_and_column(lines: list[str], told: str, write: Write) -> None:
    with pytest.raises(BadFile) as caught:
        read_roster(write(*lines), STATE)
    assert told in str(caught.value)
    assert str(caught.value).endswith("nothing was sent")
    assert "\n" not in str(caught.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"cannot be read: No such file"):
        read_roster(tmp_path / "none.csv", STATE)
    latin = tmp_path / "latin.csv"
    latin.write_bytes("naïve".encode("latin-1"))
    with pytest.raises(BadFile, match="is not UTF-8 text"):
        read_roster(latin, STATE)


def test_a_policy_is_the_data_of_its_event(tmp_path: Path) -> None:
    path = tmp_path / "policy.json"
    text = POLICY_TEXT
    path.write_text(text)
    assert read_policy(path, STATE).due == "21:00"
    for spoilt, told in (
        (text.replace("21:00", "9 pm"), "member due: string should match"),
        ("{", "is not JSON"),
        ("[]", "is not a JSON object"),
    ):
        path.write_text(spoilt)
        with pytest.raises(BadFile, match=told):
            read_policy(path, STATE)


def test_a_bad_file_is_one_line_and_nothing_is_sent(write: Write, command: Command) -> None:
    path = write(HEADER, GUNA, DHAR.replace("whole", "half"))
    code, out, told = command("roster", "import", str(path), "--state", STATE, ROZANA_URL="http://127.0.0.1:9")
    assert (code, out) == (1, "")
    assert one_line(told).startswith(f"{path}, row 3, column kind: ")


async def test_importing_twice_is_a_replay(write: Write, tmp_path: Path) -> None:
    path, data = write(HEADER, GUNA, DHAR), tmp_path / "data"
    up = await start_up(data, settings={"ROZANA_STATES": STATE})
    settings = {"ROZANA_DATA": str(data), "ROZANA_URL": up.url}
    arguments = ("roster", "import", str(path), "--state", STATE)
    try:
        code, out, told = await rozana(*arguments, **settings)
        assert (code, out) == (0, "3 new, 0 known already, 0 refused\n")
        assert told == (
            "in-mp has no policy yet, so nobody owes a report: see `rozana roster import --help` (--policy)\n"
        )

        write(HEADER, GUNA.replace(",3,5,", ",3,6,"), DHAR)
        code, out, told = await rozana(*arguments, **settings)
        assert (code, out) == (1, "0 new, 2 known already, 1 refused\n")
        assert "rozana: rozana.district.added.v1 of in-mp.guna: 409 a district with this code exists already" in told

        code, _, told = await rozana(*arguments, **settings, ROZANA_TOKEN="not.a.token")
        assert code == 1
        assert one_line(told).startswith("POST /v1/events was refused with 401")

        policy = tmp_path / "policy.json"
        policy.write_text(POLICY_TEXT)
        code, out, told = await rozana(*arguments, "--policy", str(policy), **settings)
        assert "1 new, 2 known already" in out
        assert "no policy yet" not in told
    finally:
        assert await up.stop() == 0
