"""The documents point at what is there."""

import re
from pathlib import Path
from typing import get_args

import pytest

from rozana.doctor.findings import Anchor

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    dead = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert dead == []


def test_the_sections_that_commands_lead_to_are_in_the_runbook() -> None:
    titles = re.findall(r"^## (.+)$", (ROOT / "docs" / "runbook.md").read_text(), re.M)
    anchors = {title.lower().replace(" ", "-") for title in titles}
    sources = [*ROOT.glob("rozana/**/*.py"), *ROOT.glob("deploy/**/*.y*ml"), *PAGES]
    named = {name for each in sources for name in re.findall(r"runbook\.md#([a-z-]+)", each.read_text())}
    assert named
    assert named | set(get_args(Anchor)) <= anchors


def test_the_make_targets_that_the_pages_name_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = {target for page in PAGES for target in re.findall(r"(?:`|^)make ([a-z][a-z-]*)", page.read_text(), re.M)}
    assert named
    assert [target for target in sorted(named) if f"\n{target}:" not in makefile] == []
