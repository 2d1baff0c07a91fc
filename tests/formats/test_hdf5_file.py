"""HDF5 files on a disk that is full: an error, and a process that goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from vstc.formats.hdf5_file import new_hdf5

PROGRAM = """
import sys
import numpy as np
from pathlib import Path
from vstc.formats.hdf5_file import new_hdf5
values = np.random.default_rng(0).integers(0, 255, (20, 4000), np.uint8)
try:
    with new_hdf5(Path(sys.argv[1])) as file:
        shapes = {"shape": (0, 4000), "maxshape": (None, 4000), "chunks": (1, 4000)}
        kept = file.create_dataset("values", dtype=np.uint8, **shapes)
        for row in values:
            kept.resize(len(kept) + 1, axis=0)
            kept[-1] = row
except OSError as error:
    sys.stdout.write("refused")
"""


def can_mount(place: Path) -> bool:
    mount = ["unshare", "-m", "mount", "-t", "tmpfs", "-o", "size=100k", "none", str(place)]
    return os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0


@pytest.mark.parametrize("room", ["4k", "40k", "80k"])
def test_a_full_disk_is_an_error_and_no_crash(tmp_path: Path, room: str) -> None:
    if not can_mount(tmp_path):
        pytest.skip("mounting a small disk needs root")
    program = [sys.executable, "-c", PROGRAM, f"{tmp_path}/x.h5"]
    script = f'mount -t tmpfs -o size={room} none {tmp_path}; "$@"'
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", *program], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "refused"), done.stderr


def test_a_file_whose_body_fails_is_closed(tmp_path: Path) -> None:
    def fail() -> None:
        with new_hdf5(tmp_path / "x.h5") as file:
            file["values"] = np.arange(10)
            raise KeyError("elsewhere")

    with pytest.raises(KeyError, match="elsewhere"):
        fail()
    with h5py.File(tmp_path / "x.h5", "w") as again:  # nobody holds it any more
        assert list(again) == []


def test_a_whole_file_holds_what_was_written(tmp_path: Path) -> None:
    with new_hdf5(tmp_path / "x.h5") as file:
        file["values"] = np.arange(10)
    with h5py.File(tmp_path / "x.h5") as read:
        np.testing.assert_array_equal(read["values"][:], np.arange(10))
