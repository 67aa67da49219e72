"""How many messages a person has had today: counted before each is sent, so that no crash lets one more through."""

from datetime import date

from libs.runtime.projection import Body
from libs.runtime.store import Document, DocumentStore

ALLOWANCES = "allowances"
"""One document a person: the day, and the keys of its messages. It holds no hours."""


async def take(store: DocumentStore, person: str, day: date, key: str, cap: int) -> bool:
    """Whether this message is still within the person's cap for the day. The same key is counted once."""
    while True:
        known = await store.get(ALLOWANCES, person)
        keys: list[str] = []
        if known is not None and known.body["day"] == day.isoformat():
            keys = [str(each) for each in known.body["keys"]]  # type: ignore[union-attr]
        if key in keys or len(keys) >= cap:
            return key in keys
        body: Body = {"day": day.isoformat(), "keys": [*keys, key]}
        version = 0 if known is None else known.version + 1
        if all(await store.put(ALLOWANCES, [Document(person, version, body)])):
            return True
