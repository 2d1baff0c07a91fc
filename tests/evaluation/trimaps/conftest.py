from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

import numpy as np
import pytest

from tests.evaluation.trimaps.scene import write_scene


@pytest.fixture(scope="session")
def trimap_scene(tmp_path_factory):
    """Folder of ``scene.py``; tests must not change it."""
    return write_scene(tmp_path_factory.mktemp("trimaps"))


@pytest.fixture
def solver(monkeypatch):
    """A stand-in for pymatting; unknown pixels become their red value. Counts its calls."""
    module = ModuleType("pymatting")
    module.__spec__ = ModuleSpec("pymatting", None)
    module.calls = 0

    def estimate_alpha_cf(image, known):
        module.calls += 1
        assert image.dtype == known.dtype == np.float64
        assert set(np.unique(known)) == {0, 0.5, 1}
        return np.where(known == 0.5, image[..., 0], known)

    module.estimate_alpha_cf = estimate_alpha_cf
    monkeypatch.setitem(sys.modules, "pymatting", module)
    return module


@pytest.fixture
def no_solver(monkeypatch):
    monkeypatch.setitem(sys.modules, "pymatting", None)
