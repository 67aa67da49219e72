"""Proof of work: what it costs to raise a grievance without a name. Asked of everybody alike, kept nowhere.

A number such that SHA-256 over `rozana work v1`, the grievance's id and the number begins with so many zero bits. It is
bound to the id, which counts once: work done is good for one grievance.
"""

import hashlib
from itertools import count

MOST_DIGITS = 20
_ABOUT = b"rozana work v1 "


def is_done(grievance_id: str, number: str, bits: int) -> bool:
    return _has_zeros(hashlib.sha256(_begun(grievance_id) + number.encode()).digest(), bits)


def do(grievance_id: str, bits: int) -> str:
    """The smallest such number; some 2**bits hashes."""
    begun = hashlib.sha256(_begun(grievance_id))

    def fits(number: int) -> bool:
        tried = begun.copy()
        tried.update(str(number).encode())
        return _has_zeros(tried.digest(), bits)

    return str(next(filter(fits, count())))


def _begun(grievance_id: str) -> bytes:
    return _ABOUT + f"{grievance_id} ".encode()


def _has_zeros(digest: bytes, bits: int) -> bool:
    return int.from_bytes(digest, "big") >> (256 - bits) == 0
