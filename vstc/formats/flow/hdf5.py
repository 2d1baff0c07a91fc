"""Flow of a data set: one HDF5 file per clip, int16 fixed point in 1/64 px, gzip + shuffle.

This is the entrance to flow files: ``FlowWriter`` makes the file of a clip, ``FlowReader`` reads
it, ``FlowArchive`` finds the files of a whole ``vstc.flow`` artifact.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

from vstc.artifacts.fingerprint import fingerprint_files
from vstc.artifacts.manifest import MANIFEST, InputRef, input_ref, read_manifest
from vstc.errors import InputError
from vstc.formats.flow.chunks import Compression, EncodedField, encode_field
from vstc.formats.flow.layout import CONVENTION, SCHEMA, FlowDirection, FlowInfo
from vstc.formats.flow.reader import FlowReader, Window
from vstc.formats.flow.writer import FlowWriter

__all__ = [
    "CONVENTION",
    "KIND",
    "Compression",
    "EncodedField",
    "FlowArchive",
    "FlowDirection",
    "FlowInfo",
    "FlowReader",
    "FlowWriter",
    "Window",
    "encode_field",
    "flow_path",
]

KIND = SCHEMA
_KEPT_OPEN = 64


def flow_path(folder: Path, clip_id: str) -> Path:
    """Return where the flow of a clip lies in an artifact."""
    return folder / f"{clip_id}.h5"


class FlowArchive:
    """The flow files of a data set.

    Can be pickled and used from any thread; a file is opened when its clip is first read.

    Args:
        folder: A complete ``vstc.flow`` artifact, or a bare folder of ``<clip>.h5`` files inside
            another artifact (the true flow of synthetic data).

    Raises:
        InputError: There is no such folder, or the artifact is incomplete.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        is_bare = any(folder.glob("*.h5")) and not (folder / "progress.json").is_file()
        has_manifest = (folder / MANIFEST).is_file()
        self._manifest = {} if is_bare and not has_manifest else read_manifest(folder, kind=KIND)
        self._readers: OrderedDict[str, FlowReader] = OrderedDict()
        self._guard = threading.Lock()

    def reference(self) -> InputRef:
        """Refer to the folder as an input; one without a manifest by its names and sizes."""
        if (self.folder / MANIFEST).is_file():
            return input_ref("flow", self.folder, kind=KIND)
        files = [f"{clip_id}.h5" for clip_id in self.clip_ids()]
        return InputRef("flow", str(self.folder), "raw", fingerprint_files(self.folder, files))

    def has(self, clip_id: str) -> bool:
        """Tell whether there is flow for a clip."""
        return flow_path(self.folder, clip_id).is_file()

    def reader(self, clip_id: str) -> FlowReader:
        """Return the reader of a clip; the last 64 clips are kept open.

        Raises:
            InputError: There is no flow for this clip.
        """
        with self._guard:
            if clip_id not in self._readers:
                if not self.has(clip_id):
                    raise InputError(
                        f"flow for clip {clip_id} is missing in {self.folder}", hint=self._repair()
                    )
                self._readers[clip_id] = FlowReader(flow_path(self.folder, clip_id))
            self._readers.move_to_end(clip_id)
            if len(self._readers) > _KEPT_OPEN:
                # Not closed by force: another thread may be reading; the last user closes it.
                self._readers.popitem(last=False)
            return self._readers[clip_id]

    def clip_ids(self) -> list[str]:
        """List the clips that have flow, in alphabetical order."""
        files = self.folder.rglob("*.h5")
        return sorted(path.relative_to(self.folder).as_posix()[:-3] for path in files)

    @property
    def dataset_path(self) -> Path | None:
        """Where the data set lay that the flow was computed from; None when not recorded."""
        for ref in self._manifest.get("inputs", ()):
            if ref["role"] == "dataset":
                return Path(ref["path"])
        return None

    def close(self) -> None:
        """Close all files; the next use opens them again."""
        with self._guard:
            for reader in self._readers.values():
                reader.close()

    def _repair(self) -> str:
        dataset = self.dataset_path or "DATASET"
        config = self._manifest.get("config", {})
        # With fewer clips on purpose, going on with the same settings would not add this one.
        is_part = bool(config.get("split") or config.get("limit"))
        how = "--overwrite" if is_part else "--resume"
        return f"vstc flow precompute {dataset} -o {self.folder} {how}"

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder}

    def __setstate__(self, state: dict[str, Any]) -> None:
        FlowArchive.__init__(self, state["folder"])
