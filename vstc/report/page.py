"""The whole page: which sections there are, and one HTML file out of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vstc.report.ancestry import ancestry_section
from vstc.report.blocks import Note, Section
from vstc.report.contests import Contest, read_contests
from vstc.report.datasets import datasets_section
from vstc.report.details import details_sections
from vstc.report.flows import flows_section
from vstc.report.others import others_section
from vstc.report.propagation import propagation_section
from vstc.report.refiners import refiners_section
from vstc.report.results import headline, results_section
from vstc.report.sidebyside import side_by_side_section
from vstc.report.sources import (
    CHECKPOINT,
    DATASET,
    FLOW,
    INSTANCES,
    MERGE,
    METRICS,
    PREDICTIONS,
    RATES,
    REFINER,
    TRIMAPS,
    Source,
)
from vstc.report.tracks import tracks_section
from vstc.report.training import training_section
from vstc.report.trimaps import trimaps_section
from vstc.report.worst import worst_section

_TEMPLATES = Path(__file__).parent / "templates"
_TOLD = {
    CHECKPOINT, DATASET, FLOW, INSTANCES, MERGE, METRICS, PREDICTIONS, RATES, REFINER, TRIMAPS,
}  # fmt: skip


@dataclass(frozen=True)
class Page:
    """The report.

    Attributes:
        html: The file.
        headline: How the last run compares with the first; empty where nothing compares.
        sections: Titles of the sections.
        notes: What is missing or needs care, as the page says it.
    """

    html: str
    headline: str
    sections: tuple[str, ...]
    notes: tuple[str, ...]


def build_page(sources: Sequence[Source], *, title: str) -> Page:
    """Make the report of some artifacts.

    The page needs nothing from outside: styles, charts and pictures are in it. The same
    artifacts give the same bytes.

    Args:
        sources: The artifacts.
        title: Title of the page.

    Raises:
        InputError: A file of an artifact is missing or unreadable.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    by_kind = _by_kind(sources)
    contests = read_contests(by_kind.get(METRICS, []))
    sections = _sections(sources, by_kind, contests)
    html = environment.get_template("report.html.j2").render(
        title=title,
        headline=headline(contests),
        sections=sections,
        style=Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8")),
        markup=Markup,
    )
    titles = tuple(section.title for section in sections)
    blocks = [block for section in sections for block in section.blocks]
    notes = tuple(block.text for block in blocks if isinstance(block, Note))
    return Page(html=html, headline=headline(contests), sections=titles, notes=notes)


def _sections(
    sources: Sequence[Source],
    by_kind: Mapping[str, Sequence[Source]],
    contests: Sequence[Contest],
) -> list[Section]:
    """Results and pictures come first, then curves, details, and the ancestry last."""
    sections: list[Section] = []
    if contests:
        sections.append(results_section(contests))
    if PREDICTIONS in by_kind:
        sections.append(side_by_side_section(by_kind[PREDICTIONS], sources))
    if INSTANCES in by_kind:
        sections.append(tracks_section(by_kind[INSTANCES]))
    if TRIMAPS in by_kind:
        sections.append(trimaps_section(by_kind[TRIMAPS], sources))
    worst = worst_section(contests, sources)
    if worst is not None:
        sections.append(worst)
    sections += details_sections(contests)
    propagation = propagation_section(sources)
    if propagation is not None:
        sections.append(propagation)
    if CHECKPOINT in by_kind:
        sections.append(training_section(by_kind[CHECKPOINT]))
    refiners = [source for source in sources if source.kind in {REFINER, MERGE}]
    if refiners:
        sections.append(refiners_section(refiners))
    if DATASET in by_kind:
        sections.append(datasets_section(by_kind[DATASET]))
    if FLOW in by_kind:
        sections.append(flows_section(by_kind[FLOW]))
    untold = [source for source in sources if source.kind not in _TOLD]
    if untold:
        sections.append(others_section(untold))
    sections.append(ancestry_section(sources))
    return sections


def _by_kind(sources: Sequence[Source]) -> dict[str, list[Source]]:
    groups: dict[str, list[Source]] = {}
    for source in sources:
        groups.setdefault(source.kind, []).append(source)
    return groups
