"""What docs/deployment.md tells a small office to do makes keys and tokens that the services take."""

import stat
from pathlib import Path
from uuid import UUID

import pytest

from libs.runtime.auth import Unauthenticated, Verifier
from libs.runtime.keys import read_jwks
from tests.deploy.office import SmallOffice

TENURE = str(UUID(int=7))


def test_the_office_s_tokens_are_taken(tmp_path: Path) -> None:
    office = SmallOffice(tmp_path)
    verifier = Verifier(read_jwks(office.jwks))
    clerk = verifier.verify(office.token("pcc", "in-mp", "asha"))
    assert (clerk.role, clerk.scope, clerk.subject) == ("pcc", "in-mp", "asha")
    president = verifier.verify(office.token("president", "in-mp.guna", "guna-2026", TENURE))
    assert (president.role, president.scope, president.tenure_id) == ("president", "in-mp.guna", TENURE)


def test_the_private_key_is_its_owner_s_alone_and_is_never_made_twice(tmp_path: Path) -> None:
    office = SmallOffice(tmp_path)
    key = tmp_path / "office-key.json"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert '"d"' not in office.jwks.read_text()
    before = key.read_text()
    with pytest.raises(AssertionError, match="FileExistsError"):
        office.run("make_key.py")
    assert key.read_text() == before


def test_another_office_s_token_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    ours, theirs = SmallOffice(tmp_path / "a"), SmallOffice(tmp_path / "b")
    with pytest.raises(Unauthenticated):
        Verifier(read_jwks(ours.jwks)).verify(theirs.token("aicc", "in", "somebody"))
