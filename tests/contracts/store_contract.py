"""What every `DocumentStore` does: one test for each sentence of the port's docstrings (libs/runtime/store.py)."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

import pytest

from libs.runtime.errors import Unavailable
from libs.runtime.store import INDEXED, Document, DocumentStore, Json


def doc(name: str, version: int = 1, **body: Json) -> Document:
    return Document(name, version, body)


def names(documents: Sequence[Document]) -> list[str]:
    return [document.id for document in documents]


class StoreContract:
    """Subclass it as `Test…` and give the fixture `store`: a new, empty store, closed afterwards."""

    @pytest.fixture
    def store(self) -> AsyncIterator[DocumentStore]:
        raise NotImplementedError

    # get, get_many

    async def test_a_document_comes_back_as_it_was_put(self, store: DocumentStore) -> None:
        body: Mapping[str, Json] = {
            "text": 'गुना "\\\n\x00\x1e',
            "number": -(2**53),
            "flags": [True, False, None, {}],
            "deep": {"a": {"b": [1, [2]]}},
            "": "",
            "in-mp.guna": {"$set": {"$gt": 1}, ".": {"..": 2}, "a.$.b": None, "_id": 3},
            "$where": [{"$ref": "a"}],
        }
        await store.put("days", [Document("in-mp/गुना", 7, body)])
        assert await store.get("days", "in-mp/गुना") == Document("in-mp/गुना", 7, body)

    async def test_a_document_that_is_not_there_is_none(self, store: DocumentStore) -> None:
        assert await store.get("days", "a") is None
        await store.put("days", [doc("a")])
        assert await store.get("days", "b") is None
        assert await store.get("other", "a") is None

    async def test_get_many_gives_those_that_exist_by_id(self, store: DocumentStore) -> None:
        await store.put("days", [doc(f"d{number}", number) for number in range(300)])
        found = await store.get_many("days", [*(f"d{number}" for number in range(0, 600, 2)), "d0"])
        assert found == {f"d{number}": doc(f"d{number}", number) for number in range(0, 300, 2)}
        assert await store.get_many("days", []) == {}
        assert await store.get_many("none", ["d1"]) == {}

    # put

    async def test_only_a_higher_version_is_written(self, store: DocumentStore) -> None:
        assert list(await store.put("days", [doc("a", 5, n=1)])) == [True]
        assert list(await store.put("days", [doc("a", 5, n=2)])) == [False]
        assert list(await store.put("days", [doc("a", 4, n=3)])) == [False]
        assert await store.get("days", "a") == doc("a", 5, n=1)
        assert list(await store.put("days", [doc("a", 6, n=4)])) == [True]
        assert await store.get("days", "a") == doc("a", 6, n=4)

    async def test_put_answers_in_order_and_writes_the_others(self, store: DocumentStore) -> None:
        await store.put("days", [doc("b", 9)])
        assert list(await store.put("days", [doc("c", 1), doc("b", 9), doc("a", -1)])) == [True, False, True]
        assert await store.ids("days") == ["a", "b", "c"]
        assert list(await store.put("days", [])) == []

    async def test_the_sequence_is_written_in_order(self, store: DocumentStore) -> None:
        twice = [doc("a", 1, n=1), doc("a", 3, n=2), doc("a", 2, n=3), doc("a", 3, n=4)]
        assert list(await store.put("days", twice)) == [True, True, False, False]
        assert await store.get("days", "a") == doc("a", 3, n=2)

    async def test_a_put_replaces_the_whole_body(self, store: DocumentStore) -> None:
        await store.put("days", [doc("a", 1, state="in-mp", day="2026-11-23")])
        await store.put("days", [doc("a", 2, state="in-up")])
        assert await store.get("days", "a") == doc("a", 2, state="in-up")
        assert await store.find("days", {"state": "in-mp"}) == []
        assert await store.find("days", {"day": "2026-11-23"}) == []

    async def test_of_two_claimers_one_is_told_false(self, store: DocumentStore) -> None:
        await store.put("outbox", [doc("a", 1)])
        claims = await asyncio.gather(*(store.put("outbox", [doc("a", 2, by=number)]) for number in range(20)))
        assert sorted(claim[0] for claim in claims) == [False] * 19 + [True]
        winner = await store.get("outbox", "a")
        assert winner is not None
        assert claims[int(str(winner.body["by"]))][0]

    async def test_many_puts_at_once_all_arrive(self, store: DocumentStore) -> None:
        await asyncio.gather(*(store.put(f"c{n % 7}", [doc(f"{n:03}", n), doc(f"{n:03}b", n)]) for n in range(200)))
        assert await store.collections() == [f"c{number}" for number in range(7)]
        assert sum([len(await store.ids(name)) for name in await store.collections()]) == 400

    async def test_a_body_that_is_not_json_is_refused_alone(self, store: DocumentStore) -> None:
        good = [store.put("days", [doc(str(number))]) for number in range(5)]
        bad = [store.put("days", [doc("x", text="\ud800")]), store.put("days", [doc("\ud800")])]
        outcomes = await asyncio.gather(*good, *bad, return_exceptions=True)
        assert [isinstance(outcome, ValueError) for outcome in outcomes] == [False] * 5 + [True] * 2
        assert len(await store.ids("days")) == 5

    # find

    async def test_find_gives_the_documents_whose_members_equal_where(self, store: DocumentStore) -> None:
        await store.put("alerts", [
            doc("1", state="in-mp", status="open"),
            doc("2", state="in-mp", status="resolved"),
            doc("3", state="in-up", status="open"),
            doc("4", status="open"),
            doc("5", state=None, status=5),
            doc("6", inner={"state": "in-mp"}),
        ])  # fmt: skip
        await store.put("other", [doc("7", state="in-mp")])
        assert names(await store.find("alerts", {"state": "in-mp"})) == ["1", "2"]
        assert names(await store.find("alerts", {"state": "in-mp", "status": "open"})) == ["1"]
        assert names(await store.find("alerts", {"status": ["resolved", "open"], "state": ["in-mp", "in-up"]})) == [
            "1",
            "2",
            "3",
        ]
        assert names(await store.find("alerts", {"state": "none"})) == []
        assert names(await store.find("alerts", {"state": []})) == []
        assert names(await store.find("alerts", {"state": ""})) == []
        assert names(await store.find("alerts", {"status": "5"})) == []
        assert names(await store.find("alerts", {})) == ["1", "2", "3", "4", "5", "6"]
        assert await store.find("none", {}) == []

    @pytest.mark.parametrize("member", INDEXED)
    async def test_every_indexed_member_can_be_asked_for_and_sorted_by(self, store: DocumentStore, member: str) -> None:
        await store.put(
            "c", [Document(name, 1, {member: value}) for name, value in (("a", "2"), ("b", "1"), ("c", "2"))]
        )
        assert names(await store.find("c", {member: "2"})) == ["a", "c"]
        assert names(await store.find("c", {}, order_by=member)) == ["b", "a", "c"]
        assert names(await store.find("c", {member: ["1", "2"]}, order_by=member, descending=True)) == ["c", "a", "b"]

    async def test_order_is_by_code_point_then_by_id_and_a_missing_member_is_empty(self, store: DocumentStore) -> None:
        days = {"e": "b", "d": "b", "c": "गुना", "b": "Z", "i": None, "f": "", "a": None, "h": "\uffee"}
        await store.put("c", [Document(name, 1, {} if day is None else {"day": day}) for name, day in days.items()])
        ascending = ["a", "f", "i", "b", "d", "e", "c", "h"]
        assert names(await store.find("c", {}, order_by="day")) == ascending
        assert names(await store.find("c", {}, order_by="day", descending=True)) == ascending[::-1]
        assert names(await store.find("c", {})) == sorted(days)
        assert names(await store.find("c", {}, descending=True)) == sorted(days, reverse=True)

    async def test_order_is_by_code_point_beyond_the_first_65536_too(self, store: DocumentStore) -> None:
        await store.put("c", [doc(name, day=name) for name in ("\U0001f600", "\uffee", "z")])
        assert names(await store.find("c", {})) == ["z", "\uffee", "\U0001f600"]
        assert names(await store.find("c", {}, order_by="day")) == ["z", "\uffee", "\U0001f600"]

    @pytest.mark.parametrize("descending", [False, True])
    @pytest.mark.parametrize("order_by", [None, "day", "raised_at"])
    @pytest.mark.parametrize("where", [{}, {"state": "in-mp"}])
    async def test_pages_cut_at_the_last_one_seen_give_each_document_once(
        self, store: DocumentStore, where: dict[str, str], order_by: str | None, descending: bool
    ) -> None:
        await store.put(
            "c",
            [
                doc(f"{n * 7 % 40:02}", state="in-mp", day=f"d{n % 5}" if n % 3 else None, raised_at=f"{n % 9}")
                for n in range(40)
            ],
        )
        whole = await store.find("c", where, order_by=order_by, descending=descending)
        assert len(whole) == 40
        pages: list[Document] = []
        after: tuple[str, str] | None = None
        while page := await store.find("c", where, order_by=order_by, descending=descending, after=after, limit=7):
            assert len(page) <= 7
            pages += page
            after = (str(page[-1].body[order_by] or "") if order_by else "", page[-1].id)
        assert pages == list(whole)

    async def test_limit_is_100_by_default(self, store: DocumentStore) -> None:
        await store.put("c", [doc(f"{number:03}") for number in range(150)])
        assert names(await store.find("c", {})) == [f"{number:03}" for number in range(100)]
        assert len(await store.find("c", {}, limit=150)) == 150
        assert names(await store.find("c", {}, after=("", "147"))) == ["148", "149"]

    async def test_only_indexed_members_may_be_named(self, store: DocumentStore) -> None:
        with pytest.raises(ValueError, match="secret"):
            await store.find("c", {"secret": "x"})
        with pytest.raises(ValueError, match="secret"):
            await store.find("c", {}, order_by="secret")

    # ids, drop, collections

    async def test_ids_are_all_and_in_order(self, store: DocumentStore) -> None:
        await store.put("c", [doc(f"{number * 7 % 500:03}") for number in range(500)])
        assert await store.ids("c") == [f"{number:03}" for number in range(500)]
        assert await store.ids("none") == []

    async def test_drop_removes_a_collection_and_nothing_else(self, store: DocumentStore) -> None:
        await store.put("a", [doc("1", 9, state="in-mp")])
        await store.put("b", [doc("1", 9)])
        await store.drop("a")
        await store.drop("never-there")
        assert await store.collections() == ["b"]
        assert await store.find("a", {"state": "in-mp"}) == []
        assert list(await store.put("a", [doc("1", 1)])) == [True]

    async def test_collections_are_those_that_hold_a_document_in_order(self, store: DocumentStore) -> None:
        assert await store.collections() == []
        for name in ("b", "a.v2", "a"):
            await store.put(name, [doc("1"), doc("2")])
        await store.put("empty", [])
        assert await store.collections() == ["a", "a.v2", "b"]

    async def test_a_collection_may_have_any_name(self, store: DocumentStore) -> None:
        odd = sorted(
            ("$cmd", "system.users", "a\x00b", ".a", "a.", "a..b", "...", "%41", "A", "गुना", "a b/c", "x" * 60)
        )
        for name in odd:
            await store.put(name, [doc(name)])
        assert await store.collections() == odd
        for name in odd:
            assert await store.ids(name) == [name]
            await store.drop(name)
        assert await store.collections() == []

    # close

    async def test_close_finishes_what_was_accepted(self, store: DocumentStore) -> None:
        puts = [asyncio.create_task(store.put("c", [doc(str(number))])) for number in range(20)]
        await asyncio.sleep(0)
        await store.close()
        assert await asyncio.gather(*puts) == [[True]] * 20

    async def test_closing_twice_is_allowed_and_later_calls_are_refused(self, store: DocumentStore) -> None:
        await store.put("c", [doc("1")])
        await store.close()
        await store.close()
        for call in (
            store.get("c", "1"),
            store.get_many("c", ["1"]),
            store.put("c", [doc("1", 2)]),
            store.find("c", {}),
            store.ids("c"),
            store.drop("c"),
            store.collections(),
        ):
            with pytest.raises(Unavailable):
                await call
