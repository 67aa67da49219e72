"""What a service hands to the composition: routes to serve and loops to run beside the server."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass

from fastapi import APIRouter

Background = Callable[[], Coroutine[object, object, None]]


@dataclass(frozen=True, slots=True)
class Component:
    """`background` never ends by itself; when one does, the process ends non-zero."""

    name: str
    router: APIRouter
    background: Sequence[Background]
