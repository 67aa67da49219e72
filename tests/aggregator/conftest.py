"""Property tests here have no deadline: a busy machine must not fail them. The suite has its own time limit."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import settings

from libs.runtime.store import DocumentStore
from libs.runtime.store_sqlite import open_store

settings.register_profile("aggregator", deadline=None, print_blob=True, derandomize=True)
settings.load_profile("aggregator")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[DocumentStore]:
    opened = open_store(tmp_path / "store.sqlite")
    yield opened
    await opened.close()
