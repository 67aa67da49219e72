"""The edge that all services share: one factory for the app, who may come in, health, metrics, and the access log."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache, partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.events.envelope import format_instant
from libs.runtime.auth import Unauthenticated, Verifier
from libs.runtime.clock import Clock
from libs.runtime.errors import Unavailable
from libs.runtime.health import Health
from libs.runtime.limits import Rate, RateLimits
from libs.runtime.openapi import SYSTEM, describe, problem_response
from libs.runtime.permissions import NO_TOKEN, allowed
from libs.runtime.principal import Principal, contains
from libs.runtime.problems import FieldError, Problem, problem_of, retry_after
from libs.runtime.telemetry import Logger, Metrics

UNWATCHED = "/v1/grievance"
"""Of routes that begin so nothing is kept but a count, shown when the day is over: an hour could expose somebody."""
UNLOGGED_ROUTES = frozenset({"/live", "/ready", "/metrics"})
EXPECTED = (Problem, Unauthenticated, Unavailable, HTTPException, RequestValidationError, ClientDisconnect)
"""Errors that are answered with a problem document."""
METHODS = frozenset({"GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"})
CUT = "rozana.cut"
"""The extension of the ASGI scope by which an answer can break its connection off (libs.runtime.service)."""
_NO_TELEMETRY: Any = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
"""FastAPI's own OpenTelemetry would record addresses and user agents on every route."""


class Stopping(asyncio.Event):
    """Set when draining begins. `tell` is for those who wait without a task of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.tell: set[Callable[[], None]] = set()

    def set(self) -> None:
        super().set()
        for call in tuple(self.tell):
            call()


def create_app(
    title: str,
    routers: Sequence[APIRouter],
    *,
    verifier: Verifier,
    rate: Rate,
    health: Health,
    metrics: Metrics,
    clock: Clock,
    logger: Logger,
    version: str = "1",
) -> FastAPI:
    """An app with these routers and what every service has: problems, /live, /ready, /metrics and /openapi.json.

    `app.state.stopping` is set when draining begins; a long answer must end then.
    """
    app = FastAPI(
        title=title,
        version=version,
        docs_url=None,  # its pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        telemetry=_NO_TELEMETRY,
    )
    app.state.verifier = verifier
    app.state.limits = RateLimits(rate)
    app.state.stopping = Stopping()
    templates: dict[object, str] = {route.endpoint: route.path for route in app.routes if isinstance(route, Route)}
    hot: list[Route] = []
    for router in (*routers, _system_routes(health, metrics, clock)):
        hot += [route for route in router.routes if type(route) is Route]
        app.include_router(router)
        templates |= {route.endpoint: route.path for route in router.routes if isinstance(route, Route)}
    for expected in EXPECTED:
        app.add_exception_handler(expected, _answer)
    app.add_middleware(_Access, templates=templates, metrics=metrics, logger=logger)
    framework = app.build_middleware_stack
    app.build_middleware_stack = lambda: _Hot(  # type: ignore[method-assign]  # nothing outside it sees a hot request
        framework(), hot, partial(_Access, templates=templates, metrics=metrics, logger=logger)
    )
    describe(app)
    return app


def cut(request: Request) -> None:
    """Break the connection off, with all that waits to be sent on it: nobody there takes it."""
    if extension := (request.scope.get("extensions") or {}).get(CUT):
        extension["now"]()


async def _answer(_request: Request, error: Exception) -> Response:
    problem = problem_of(error)
    if problem is None:
        raise error
    return problem.response()


# Who may come in


def principal_of(request: Request) -> Principal:
    """Whose token the request carries, after taking one from that subject's bucket. Raises Problem 401 or 429."""
    given = [value.decode("latin-1") for name, value in request.scope["headers"] if name == b"authorization"]
    scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    if scheme.lower() != "bearer" or not token:
        raise Problem(401, "a bearer token is required", headers={"WWW-Authenticate": "Bearer"})
    principal: Principal = request.app.state.verifier.verify(token.strip())
    _take(request, f"{principal.role} {principal.subject}")
    return principal


async def _authenticated(request: Request) -> Principal:
    return principal_of(request)  # async, because FastAPI would send a plain function to a thread


Authenticated = Annotated[Principal, Depends(_authenticated)]
"""`async def show(principal: Authenticated)`."""


def limit_anonymous(request: Request) -> None:
    """One bucket for all who come without a token: telling them apart would mean knowing them. Raises Problem 429."""
    _take(request, NO_TOKEN)


def _take(request: Request, subject: str) -> None:
    if wait := request.app.state.limits.wait(subject):
        raise Problem(429, "too many requests; slow down", headers=retry_after(wait))


def require(principal: Principal | None, action: str, code: str | None = None) -> None:
    """Raise Problem unless the table allows the action: 404 for a `code` outside the scope, else 403.

    Scope comes first, so that a refusal does not tell what exists elsewhere.
    """
    if code is not None and principal is not None and not contains(principal.scope, code):
        raise Problem(404, "there is no such resource here")
    if not allowed(principal, action):
        raise Problem(403, "your role may not do this")


# Health and metrics


class Live(BaseModel):
    """The process answers."""

    status: Literal["live"]
    now: datetime
    """The system's clock, in UTC."""


class Ready(BaseModel):
    """Requests should be sent here."""

    status: Literal["ready"]


class Samples(Response):
    media_type = "text/plain"


def _system_routes(health: Health, metrics: Metrics, clock: Clock) -> APIRouter:
    router = APIRouter(tags=[SYSTEM])

    @router.get("/live", response_model=Live)
    async def live() -> JSONResponse:
        """The process answers; `now` is the system's clock."""
        return JSONResponse({"status": "live", "now": format_instant(clock.now())})

    @router.get("/ready", response_model=Ready, responses={503: problem_response(503)})
    async def ready(request: Request) -> JSONResponse:
        """Whether requests should be sent here."""
        failing = dict(await health.failing())
        if request.app.state.stopping.is_set():
            failing["process"] = "stopping"
        if failing:
            reasons = [FieldError("", f"{name}: {reason}") for name, reason in failing.items()]
            raise Problem(503, f"not ready: {', '.join(failing)}", reasons)
        return JSONResponse({"status": "ready"})

    @router.get("/metrics", response_class=Samples)
    async def samples() -> Response:
        """Prometheus metrics."""
        failing = await health.failing()
        for name in health.names:
            metrics.ready.labels(check=name).set(name not in failing)
        return Samples(metrics.exposition(), media_type=CONTENT_TYPE_LATEST)

    return router


# Routes that are served past the framework


class _Hot:
    """Serves plain routes (`router.add_route`) by their exact path, within the access log and without the framework's
    layers, which took a fifth of a report's time in the app (docs/benchmarks.md). FastAPI still describes them, and
    answers what else is asked of their paths.
    """

    def __init__(self, framework: ASGIApp, routes: Iterable[Route], access: Callable[[ASGIApp], ASGIApp]) -> None:
        self._framework = framework
        self._endpoints = {(method, route.path): route.endpoint for route in routes for method in route.methods or ()}
        self._hot = access(_serve)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        endpoint = self._endpoints.get((scope["method"], scope["path"])) if scope["type"] == "http" else None
        if endpoint is None:
            return self._framework(scope, receive, send)
        scope["endpoint"] = endpoint
        return self._hot(scope, receive, send)


async def _serve(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope, receive, send)
    try:
        response: Response = await scope["endpoint"](request)
    except EXPECTED as error:
        response = await _answer(request, error)
    await response(scope, receive, send)


# The access log


class _Access:
    """Counts, times and logs requests by route template, and answers what nobody foresaw with a bare 500."""

    def __init__(self, app: ASGIApp, templates: Mapping[object, str], metrics: Metrics, logger: Logger) -> None:
        self._app = app
        self._templates = templates
        # Labels are bounded, and looking one up costs more than counting.
        self._metrics = metrics
        self._requests, self._seconds = cache(metrics.http_requests.labels), cache(metrics.http_request_seconds.labels)
        self._logger = logger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status: int | None = None

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            route = self._route(scope)
            if not route.startswith(UNWATCHED):
                self._logger.exception("a request failed", method=_method(scope), route=route, exc_info=error)
            if status is not None:
                # Half an answer is out: the server must cut the connection. Its log gets this text, not the error's.
                status = None
                raise ConnectionAbortedError("an answer broke off") from None
            await Problem(500, "something went wrong here; it has been logged").response()(scope, receive, watched)
        finally:
            self._record(scope, status, time.perf_counter() - started)

    def _record(self, scope: Scope, status: int | None, seconds: float) -> None:
        method, route = _method(scope), self._route(scope)
        answered = "aborted" if status is None else str(status)
        if route.startswith(UNWATCHED):
            self._metrics.later(self._metrics.http_requests, method, route, answered)
        else:
            self._requests(method, route, answered).inc()
            self._seconds(method, route).observe(seconds)
        if route not in UNLOGGED_ROUTES and not route.startswith(UNWATCHED):
            duration = round(seconds * 1000, 3)
            self._logger.info("request", method=method, route=route, status=answered, duration_ms=duration)

    def _route(self, scope: Scope) -> str:
        """The template, never the path; by endpoint, because FastAPI names the route only of some kinds of routes."""
        return self._templates.get(scope.get("endpoint"), "unmatched")


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in METHODS else "other"
