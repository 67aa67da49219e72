"""Sealing: only the keys it was wrapped to open it, and neither its length nor its digest tells what was said."""

import hashlib
import json
from uuid import uuid4

import pytest
from nacl.public import PrivateKey, SealedBox
from nacl.secret import SecretBox

from libs.grievances.sealing import (
    CIPHERTEXTS,
    CLASSES,
    MOST_CHARACTERS,
    WRAPPED,
    CannotOpen,
    Content,
    SealedText,
    from_base64,
    key_id,
    pack,
    padded,
    seal,
    unpack,
    unseal,
    wrapped_hash,
)

ABOUT = str(uuid4())
AICC, OTHER = PrivateKey.generate(), PrivateKey.generate()
CONTENT = Content(ABOUT, "He takes money for tickets. वह टिकट बेचता है।", "Asha, 98260 00000")


def test_everyone_it_was_wrapped_to_can_read_it_and_nobody_else() -> None:
    sealed = seal(CONTENT, [AICC.public_key, OTHER.public_key])
    for private in (AICC, OTHER):
        assert unseal(sealed.ciphertext, sealed.wrapped, private, ABOUT) == CONTENT
    with pytest.raises(CannotOpen, match="not sealed to this key"):
        unseal(sealed.ciphertext, sealed.wrapped, PrivateKey.generate(), ABOUT)


def test_the_same_text_is_never_sealed_to_the_same_bytes() -> None:
    one, two = (seal(CONTENT, [AICC.public_key]) for _ in range(2))
    assert one.ciphertext != two.ciphertext
    assert one.wrapped != two.wrapped


def test_nothing_of_the_text_is_in_what_is_sent() -> None:
    sealed = seal(CONTENT, [AICC.public_key])
    for planted in (b"money", "टिकट".encode(), b"Asha", b"98260"):
        assert planted not in sealed.ciphertext + pack(sealed.wrapped)


@pytest.mark.parametrize(
    ("text", "size"),
    [("", 1024), ("x" * 900, 1024), ("x" * 1000, 4096), ("ह" * 1000, 4096), ("ह" * MOST_CHARACTERS, 16384)],
)
def test_there_are_three_lengths(text: str, size: int) -> None:
    sealed = seal(Content(ABOUT, text), [AICC.public_key])
    assert len(sealed.ciphertext) == size + 40
    assert len(sealed.ciphertext) in CIPHERTEXTS
    assert {len(value) for value in sealed.wrapped.values()} == {WRAPPED}
    assert unseal(sealed.ciphertext, sealed.wrapped, AICC, ABOUT).text == text


@pytest.mark.parametrize("content", [Content(ABOUT, "x" * (MOST_CHARACTERS + 1)), Content(ABOUT, "", "x" * 20000)])
def test_a_text_that_is_too_long_is_refused_without_a_word_of_it(content: Content) -> None:
    with pytest.raises(ValueError, match=f"^a text has at most {MOST_CHARACTERS} characters$"):
        padded(content)


def test_a_class_is_filled_to_its_last_byte() -> None:
    room = CLASSES[0] - len(padded(Content(ABOUT, "")).rstrip(b"\0"))
    assert len(padded(Content(ABOUT, "x" * room))) == CLASSES[0]
    assert len(padded(Content(ABOUT, "x" * (room + 1)))) == CLASSES[1]


def test_what_was_changed_does_not_open() -> None:
    sealed = seal(CONTENT, [AICC.public_key])
    spoilt = bytes([sealed.ciphertext[0] ^ 1]) + sealed.ciphertext[1:]
    foreign = seal(CONTENT, [AICC.public_key]).wrapped
    for ciphertext, wrapped in ((spoilt, sealed.wrapped), (sealed.ciphertext, foreign), (b"short", sealed.wrapped)):
        with pytest.raises(CannotOpen, match="changed"):
            unseal(ciphertext, wrapped, AICC, ABOUT)


def test_a_ciphertext_cannot_be_passed_off_as_another_grievance_s() -> None:
    sealed = seal(CONTENT, [AICC.public_key])
    with pytest.raises(CannotOpen, match="another grievance"):
        unseal(sealed.ciphertext, sealed.wrapped, AICC, str(uuid4()))


@pytest.mark.parametrize(
    "plain", [b"", b"\x00\x00\x00\x02{}", b"\x00\x00\x00\x02[]", b"\x00\x00\x00\x04null", b"\xff" * 9]
)
def test_what_a_client_sealed_wrongly_does_not_open(plain: bytes) -> None:
    key = bytes(32)
    sealed = SealedText(
        bytes(SecretBox(key).encrypt(plain)), {key_id(AICC.public_key): bytes(SealedBox(AICC.public_key).encrypt(key))}
    )
    with pytest.raises(CannotOpen, match="changed, or was never sealed"):
        unseal(sealed.ciphertext, sealed.wrapped, AICC, ABOUT)


def test_wrapped_keys_are_kept_as_canonical_json() -> None:
    wrapped = seal(CONTENT, [AICC.public_key, OTHER.public_key]).wrapped
    assert unpack(pack(wrapped)) == wrapped
    assert list(json.loads(pack(wrapped))) == sorted(wrapped)
    assert wrapped_hash(wrapped) == hashlib.sha256(pack(wrapped)).hexdigest()


def test_the_digest_is_of_the_ciphertext_alone() -> None:
    sealed = seal(CONTENT, [AICC.public_key])
    assert sealed.sha256 == hashlib.sha256(sealed.ciphertext).hexdigest()


@pytest.mark.parametrize("text", ["YQ", "YR==", "Y Q=", "गु", "=", "YQ==\n"])
def test_base64_has_one_spelling(text: str) -> None:
    assert from_base64("YQ==") == b"a"
    with pytest.raises(ValueError, match=r"^not Base64"):
        from_base64(text)
