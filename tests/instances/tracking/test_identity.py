"""How lost identities are counted."""

from __future__ import annotations

from tests.instances.tracking.masks import box
from vstc.instances.tracking.identity import IdentityCount, IdentityCounter, NumberedMask


def count(
    frames: list[tuple[dict[int, tuple[int, int]], dict[int, tuple[int, int]]]],
) -> IdentityCount:
    """Count over frames of found and true boxes, by number."""
    counter = IdentityCounter()
    for found, true in frames:
        masks = [
            [NumberedMask(n, box(*place)) for n, place in side.items()] for side in (found, true)
        ]
        counter.step(masks[0], masks[1])
    return counter.result()


def test_kept_numbers_are_links_without_a_switch() -> None:
    frames = [({7: (t, 0), 9: (t, 20)}, {1: (t, 0), 2: (t, 20)}) for t in range(4)]
    assert count(frames) == IdentityCount(objects=2, links=6, switches=0, missed=0)


def test_swapped_numbers_are_two_switches() -> None:
    true = {1: (0, 0), 2: (30, 0)}
    frames = [({7: (0, 0), 9: (30, 0)}, true), ({9: (0, 0), 7: (30, 0)}, true)]
    assert count(frames) == IdentityCount(objects=2, links=2, switches=2, missed=0)


def test_link_reaches_over_the_frames_between_two_appearances() -> None:
    there, gone = ({5: (0, 0)}, {1: (0, 0)}), ({}, {})
    back = ({6: (0, 0)}, {1: (0, 0)})
    assert count([there, gone, gone, back]) == IdentityCount(1, links=1, switches=1, missed=0)


def test_appearance_that_is_not_found_is_missed_and_no_link() -> None:
    frames = [({5: (0, 0)}, {1: (0, 0)}), ({5: (30, 0)}, {1: (0, 0)}), ({5: (0, 0)}, {1: (0, 0)})]
    assert count(frames) == IdentityCount(1, links=1, switches=0, missed=1)


def test_overlap_of_just_a_half_does_not_count() -> None:
    counter = IdentityCounter()
    counter.step([NumberedMask(1, box(0, 0, 4, 8))], [NumberedMask(1, box(0, 0, 8, 8))])
    assert counter.result() == IdentityCount(missed=1)


def test_empty_masks_do_not_count() -> None:
    empty = NumberedMask(1, box(0, 0, 0, 0))
    counter = IdentityCounter()
    counter.step([empty], [empty])
    assert counter.result() == IdentityCount()


def test_counts_of_clips_add_up() -> None:
    assert IdentityCount(1, 2, 3, 4) + IdentityCount(10, 20, 30, 40) == IdentityCount(
        11, 22, 33, 44
    )
