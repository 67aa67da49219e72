"""Proof of work: what it costs to raise a grievance without a name. Asked of everybody alike, kept nowhere.

A number such that SHA-256 over `rozana work v1`, the grievance's id and the number begins with so many zero bits. It is
bound to the id, which counts once: work done is good for one grievance.
"""

import hashlib
from itertools import count

MOST_DIGITS = 20
_ABOUT = b"rozana work v1 "


def is_done(grievance_id: str, number: str, bits: int) -> bool:
    digest = hashlib.sha256(_ABOUT + f"{grievance_id} {number}".encode()).digest()
    return int.from_bytes(digest, "big") >> (256 - bits) == 0


def do(grievance_id: str, bits: int) -> str:
    """Some 2**bits hashes, a microsecond each."""
    begun = hashlib.sha256(_ABOUT + f"{grievance_id} ".encode())
    for number in count():
        tried = begun.copy()
        tried.update(str(number).encode())
        if int.from_bytes(tried.digest(), "big") >> (256 - bits) == 0:
            return str(number)
    raise AssertionError("count() never ends")
