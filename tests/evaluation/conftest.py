from __future__ import annotations

import pytest

from tests.evaluation.scenes import write_scene


@pytest.fixture(scope="session")
def scene(tmp_path_factory):
    """The data set of ``scenes.py``; tests must not change it."""
    return write_scene(tmp_path_factory.mktemp("scene"))
