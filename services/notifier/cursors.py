"""Where a page of deliveries ends, sealed: the place holds the id of an event, which follows from whom it is about, and
an operator who may not see that could try districts until one fits.

The key is made at first need and kept in the store, so that one member of a service reads the cursors of another.
"""

import base64
import binascii

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox
from nacl.utils import random

from libs.runtime.problems import FieldError, Problem
from libs.runtime.store import Document, DocumentStore
from services.notifier.reading import Place

KEYS = "keys"
NAME = "cursors"


class Cursors:
    """Sealed places. A key that is lost with its store makes old cursors void, and nothing else."""

    def __init__(self, store: DocumentStore) -> None:
        self._store = store
        self._box: SecretBox | None = None

    async def of(self, place: Place) -> str:
        sealed = (await self._opened()).encrypt(" ".join(place).encode())
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    async def read(self, cursor: str) -> Place:
        """Raises Problem 422 for what was not made here."""
        box = await self._opened()
        try:
            sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            raised_at, key = box.decrypt(sealed).decode().split(" ")
        except (binascii.Error, ValueError, CryptoError):
            raise Problem(
                422, "a parameter is not valid", [FieldError("/cursor", "is not a cursor of this list")]
            ) from None
        return raised_at, key

    async def _opened(self) -> SecretBox:
        while self._box is None:
            found = await self._store.get(KEYS, NAME)
            if found is not None:
                self._box = SecretBox(bytes.fromhex(str(found.body["key"])))
            else:  # of two that make one, the first stays
                await self._store.put(KEYS, [Document(NAME, 0, {"key": random(SecretBox.KEY_SIZE).hex()})])
        return self._box
