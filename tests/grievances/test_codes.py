"""The tracking code, the blind author, and the work: what other clients must come to as well."""

import pytest

from libs.grievances.codes import author_token, for_people, from_people, known_by, new_code, verifier
from libs.grievances.sealing import Content, seal, unseal
from libs.grievances.work import do, is_done

CODE = "4711000000000042"


def test_a_code_is_sixteen_digits_drawn_anew() -> None:
    codes = {new_code() for _ in range(50)}
    assert len(codes) == 50
    assert {len(code) for code in codes} == {16}
    assert all(code.isdigit() for code in codes)


def test_people_write_it_in_groups_of_four() -> None:
    assert for_people(CODE) == "4711-0000-0000-0042"
    for typed in (CODE, for_people(CODE), " 4711 0000 0000 0042\n"):
        assert from_people(typed) == CODE


@pytest.mark.parametrize("typed", ["", "4711", CODE + "0", "4711-0000-0000-004x", "४७११०००००००००४२१"])
def test_what_is_no_code_is_not_repeated(typed: str) -> None:
    with pytest.raises(ValueError, match=r"^a tracking code has 16 digits$"):
        from_people(typed)


def test_what_follows_from_a_code_is_the_same_every_time_and_another_for_every_digit() -> None:
    known, again = known_by(CODE), known_by(CODE)
    assert (known.locator, known.proof, bytes(known.reply_key)) == ("4711", again.proof, bytes(again.reply_key))
    others = [known_by("4711000000000043"), known_by("4712000000000042")]
    assert len({known.proof, *(other.proof for other in others)}) == 3


def test_ingest_knows_the_proof_by_its_hash_alone() -> None:
    known = known_by(CODE)
    assert known.verifier == verifier(known.proof)
    assert known.verifier != known.proof
    assert CODE[4:] not in known.verifier + known.proof


def test_the_code_opens_a_reply_that_was_sealed_to_its_key() -> None:
    known = known_by(CODE)
    sealed = seal(Content("about", "We have heard you."), [known.reply_key.public_key])
    assert unseal(sealed.ciphertext, sealed.wrapped, known_by(CODE).reply_key, "about").text == "We have heard you."


def test_an_author_is_the_same_in_one_district_only_and_for_one_device_only() -> None:
    token = author_token(b"device", "in-mp.guna")
    assert token == author_token(b"device", "in-mp.guna")
    assert len({token, author_token(b"device", "in-mp.bhind"), author_token(b"other", "in-mp.guna")}) == 3
    assert len(token) == 32


def test_work_is_done_for_one_grievance() -> None:
    number = do("one", 10)
    assert is_done("one", number, 10)
    assert not is_done("one", number, 250)
    assert not all(is_done(f"other {each}", number, 10) for each in range(20))
    assert is_done("any", "", 0)
