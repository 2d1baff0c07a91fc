from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.report.factory import Made, make_project
from tests.report.reading import Read, read_page
from vstc.report.page import build_page
from vstc.report.sources import open_sources


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make_project(tmp_path_factory.mktemp("project"))


@pytest.fixture
def page() -> Callable[..., Read]:
    """Build the page of some artifacts and read it."""

    def build(*artifacts: Path, title: str = "title", **names: Path) -> Read:
        sources = open_sources(
            artifacts, names={path: name for name, path in names.items()} if names else None
        )
        return read_page(build_page(sources, title=title).html)

    return build
