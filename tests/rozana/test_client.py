"""The HTTP client: what it sends again, and what it does not."""

from collections.abc import Callable

import httpx
import pytest

from rozana.client import Answer, Client, Refused, Unreachable

Handler = Callable[[httpx.Request], httpx.Response]


def client(handler: Handler) -> Client:
    return Client("http://rozana.test", "a-token", transport=httpx.MockTransport(handler))


def in_turn(*answers: httpx.Response | Exception) -> tuple[list[bytes], Handler]:
    """A server that answers like this, one after the other, and what was sent to it."""
    sent: list[bytes] = []
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.content)
        assert request.headers["authorization"] == "Bearer a-token"
        following = left.pop(0)
        if isinstance(following, Exception):
            raise following
        return following

    return sent, answer


async def test_what_may_be_sent_again_is_sent_again_as_it_was() -> None:
    sent, server = in_turn(
        httpx.ReadError("cut"),
        httpx.Response(503, json={}),
        httpx.Response(429, json={}),
        httpx.Response(202, json={"offset": 7}),
    )
    async with client(server) as rozana:
        assert await rozana.post("/v1/reports", {"summary": "सभा"}) == Answer(202, {"offset": 7})
    assert sent == ['{"summary": "सभा"}'.encode()] * 4


async def test_nobody_there_is_said_at_once() -> None:
    sent, server = in_turn(httpx.ConnectError("refused"))
    async with client(server) as rozana:
        with pytest.raises(Unreachable, match=r"nothing answers at http://rozana\.test"):
            await rozana.get("/v1/states")
    assert len(sent) == 1


async def test_another_server_is_not_taken_for_rozana() -> None:
    _, server = in_turn(httpx.Response(200, text="<html>"))
    async with client(server) as rozana:
        with pytest.raises(Unreachable, match="is not Rozana"):
            await rozana.get("/v1/states")


async def test_a_refusal_tells_its_detail_and_fields() -> None:
    problem = {"detail": "a parameter is not valid", "errors": [{"pointer": "/path/day", "detail": "must be a date"}]}
    _, server = in_turn(httpx.Response(422, json=problem))
    async with client(server) as rozana:
        with pytest.raises(Refused) as caught:
            await rozana.get("/v1/states/in-mp/days/x")
    assert caught.value.status == 422
    assert str(caught.value).endswith("422: a parameter is not valid (/path/day must be a date)")


async def test_a_batch_is_repeated_as_long_as_part_of_it_is_unanswered() -> None:
    _, server = in_turn(
        httpx.Response(200, json={"results": [{"status": 202}, {"status": 503}]}),
        httpx.Response(200, json={"results": [{"status": 200}, {"status": 202}]}),
    )
    async with client(server) as rozana:
        answers = await rozana.post_events([{"id": "1"}, {"id": "2"}])
    assert [answer.status for answer in answers] == [200, 202]


async def test_batches_hold_five_hundred_at_most() -> None:
    sizes: list[int] = []

    def server(request: httpx.Request) -> httpx.Response:
        count = request.content.count(b"{")
        sizes.append(count)
        return httpx.Response(200, json={"results": [{"status": 202}] * count})

    told: list[int] = []
    async with client(server) as rozana:
        answers = await rozana.post_events([{"id": "1"}] * 1001, progress=told.append)
    assert (len(answers), sizes, told) == (1001, [500, 500, 1], [500, 1000, 1001])
