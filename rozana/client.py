"""Rozana from outside: the HTTP client that `roster import`, `tail` and the demo share."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from libs.runtime.errors import RozanaError

MOST_TRIES = 6
MOST_IN_A_BATCH = 500
BATCH = "application/cloudevents-batch+json"
PATIENCE = httpx.Timeout(10.0, read=30.0)


class Unreachable(RozanaError):
    """Nobody answers at the URL, or not as Rozana does."""


class Refused(RozanaError):
    """The answer was a problem document; the message is its detail."""

    def __init__(self, status: int, what: str, problem: Mapping[str, Any]) -> None:
        self.status = status
        errors = "; ".join(f"{error['pointer']} {error['detail']}".strip() for error in problem.get("errors", ()))
        detail = f"{problem.get('detail', 'no reason given')}{f' ({errors})' if errors else ''}"
        hint = ": is the token still good, and from this ROZANA_DATA?" if status == httpx.codes.UNAUTHORIZED else ""
        super().__init__(f"{what} was refused with {status}: {detail}{hint}")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Any


class Client:
    """One server, one default token. Retries what may be retried: no answer, 429 and 503, with the same body."""

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        connections: int = 20,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.url = url
        # A proxy of the environment is for the world outside, not for this machine.
        outside = urlsplit(url).hostname not in {"127.0.0.1", "::1", "localhost"}
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        self.http = httpx.AsyncClient(
            base_url=url, timeout=PATIENCE, limits=limits, trust_env=outside, transport=transport
        )
        self._token = token

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.http.aclose()

    async def get(self, path: str, token: str | None = None, **params: str) -> Any:
        """The body of a 200. Raises Refused, Unreachable."""
        answer = await self.send("GET", path, token=token, params=params)
        if answer.status != httpx.codes.OK:
            raise Refused(answer.status, f"GET {path}", answer.body)
        return answer.body

    async def post(
        self, path: str, body: object, token: str | None = None, content_type: str = "application/json"
    ) -> Answer:
        """Whatever is answered, problems too. Raises Unreachable."""
        content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        return await self.send("POST", path, token=token, content=content, content_type=content_type)

    async def post_events(
        self,
        events: Sequence[Mapping[str, object]],
        token: str | None = None,
        progress: Callable[[int], None] = lambda _answered: None,
    ) -> list[Answer]:
        """One answer an event, in order; sent in batches, and `progress` hears how many are answered.

        Raises Refused when a batch as a whole is refused.
        """
        answers: list[Answer] = []
        for first in range(0, len(events), MOST_IN_A_BATCH):
            answers += await self._post_batch(events[first : first + MOST_IN_A_BATCH], token)
            progress(len(answers))
        return answers

    async def _post_batch(self, events: Sequence[Mapping[str, object]], token: str | None) -> list[Answer]:
        for attempt in range(1, MOST_TRIES + 1):
            answer = await self.post("/v1/events", list(events), token, BATCH)
            if answer.status != httpx.codes.OK:
                raise Refused(answer.status, "POST /v1/events", answer.body)
            results = [Answer(item["status"], item) for item in answer.body["results"]]
            if attempt == MOST_TRIES or all(result.status != httpx.codes.SERVICE_UNAVAILABLE for result in results):
                return results
            await asyncio.sleep(0.1 * 2**attempt)
        raise AssertionError("unreachable")

    async def send(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
        content_type: str = "application/json",
    ) -> Answer:
        """Send until there is an answer that stands. Raises Unreachable."""
        headers = self.headers(token) | ({"Content-Type": content_type} if content is not None else {})
        for attempt in range(1, MOST_TRIES + 1):
            last = attempt == MOST_TRIES
            try:
                response = await self.http.request(method, path, params=params, content=content, headers=headers)
            except httpx.ConnectError as error:  # nothing was sent: waiting would only hide it
                raise self.unreachable(error) from None
            except httpx.TransportError as error:
                if last:
                    raise self.unreachable(error) from None
            else:
                if last or response.status_code not in {429, 503}:
                    return Answer(response.status_code, self._body(response))
            await asyncio.sleep(0.1 * 2**attempt)
        raise AssertionError("unreachable")

    def headers(self, token: str | None = None) -> dict[str, str]:
        bearer = token or self._token
        return {"Authorization": f"Bearer {bearer}"} if bearer else {}

    def unreachable(self, error: httpx.TransportError) -> Unreachable:
        if isinstance(error, httpx.ConnectError):
            return Unreachable(f"nothing answers at {self.url}: is `rozana up` running? (ROZANA_URL says where)")
        return Unreachable(f"{self.url} broke off ({type(error).__name__}): is `rozana up` well?")

    def _body(self, response: httpx.Response) -> Any:
        if "json" not in response.headers.get("content-type", ""):
            raise Unreachable(f"what answers at {self.url} is not Rozana: see ROZANA_URL")
        return response.json()
