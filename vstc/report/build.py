"""Make a report artifact: ``report.html`` and its manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from vstc.artifacts.workspace import check_output, open_artifact
from vstc.config import Settings
from vstc.options import ExistingOutput
from vstc.report.charts import require_charts
from vstc.report.page import build_page
from vstc.report.sources import Source, open_sources, source_refs

KIND = "vstc.report"
FILE = "report.html"


class ReportSettings(Settings):
    """How the report is called.

    Attributes:
        title: Title of the page.
        names: Artifact by the name that its run shall have.
    """

    title: str = Field("Video segmentation report", min_length=1)
    names: dict[str, str] = {}


@dataclass(frozen=True)
class Report:
    """What was made, or would be.

    Attributes:
        path: The HTML file.
        size_bytes: Its size.
        headline: The comparison in one sentence; empty where nothing compares.
        sections: Titles of the sections.
        notes: What is missing or needs care.
        sources: The artifacts in it.
    """

    path: Path
    size_bytes: int
    headline: str
    sections: tuple[str, ...]
    notes: tuple[str, ...]
    sources: tuple[Source, ...]

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "report": str(self.path),
            "bytes": self.size_bytes,
            "headline": self.headline,
            "sections": list(self.sections),
            "notes": list(self.notes),
            "artifacts": [
                {"name": source.name, "path": str(source.path), "kind": source.kind}
                for source in self.sources
            ],
        }


def write_report(
    artifacts: Sequence[Path],
    output: Path,
    *,
    settings: ReportSettings,
    existing: ExistingOutput = ExistingOutput.REFUSE,
    dry_run: bool = False,
) -> Report:
    """Report on some artifacts.

    Args:
        artifacts: Folders of artifacts, of any kind, the reference run first.
        output: The folder to write.
        settings: Title and names.
        existing: What to do when the folder is there already.
        dry_run: Build the page and write nothing.

    Raises:
        SetupError: matplotlib is not installed.
        InputError: An artifact is missing, incomplete or unreadable.
        OutputError: The folder cannot be used.
    """
    require_charts()
    names = {Path(path): name for name, path in settings.names.items()}
    sources = open_sources(artifacts, names=names)
    refs, config = source_refs(sources), settings.as_json()
    if dry_run:
        check_output(output, kind=KIND, config=config, inputs=refs, existing=existing)
        page = build_page(sources, title=settings.title)
        return _report(output, len(page.html.encode()), vars(page), sources)
    with open_artifact(
        output, kind=KIND, config=config, inputs=refs, existing=existing
    ) as workspace:
        if workspace.manifest is None:
            page = build_page(sources, title=settings.title)
            workspace.write_bytes(FILE, page.html.encode())
            told = {"headline": page.headline, "sections": list(page.sections)}
            workspace.finish(metrics=told | {"notes": list(page.notes)})
        figures = workspace.manifest["metrics"] if workspace.manifest else {}
    return _report(output, (output / FILE).stat().st_size, figures, sources)


def _report(
    output: Path, size_bytes: int, told: Mapping[str, Any], sources: tuple[Source, ...]
) -> Report:
    return Report(
        path=output / FILE,
        size_bytes=size_bytes,
        headline=told["headline"],
        sections=tuple(told["sections"]),
        notes=tuple(told["notes"]),
        sources=sources,
    )
