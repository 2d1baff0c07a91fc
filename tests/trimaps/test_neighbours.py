import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.trimaps.pictures import disc, square
from vstc.trimaps.merging import merge_trimaps
from vstc.trimaps.neighbours import respect_neighbours
from vstc.trimaps.object_trimap import object_trimap
from vstc.trimaps.patch import patch_of_image
from vstc.trimaps.rules import RuleName, band_rule, draw_rule

SIZE = (40, 60)


def objects_of(*images, rule=None):
    """The objects alone in the frame, and settled with each other."""
    size = images[0].shape
    alone = []
    for track, image in enumerate(images, start=1):
        patch = patch_of_image(image)
        if patch is not None:
            alone.append(object_trimap(patch, rule or band_rule(3), track=track, size=size))
    return alone, respect_neighbours(alone, size=size)


def settled(*images, rule=None):
    _, objects = objects_of(*images, rule=rule)
    return [one.trimap.image(images[0].shape) for one in objects]


def around(mask):
    grown = np.pad(mask, 1)
    shifts = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    return np.any([np.roll(grown, shift, (0, 1)) for shift in shifts], axis=0)[1:-1, 1:-1]


def test_contact_line_is_unknown_in_both():
    left, right = settled(square(SIZE, 5, 10, 30, 20), square(SIZE, 5, 30, 30, 20))
    assert np.all(left[10:30, 27:33] == 128)
    assert np.all(right[10:30, 27:33] == 128)
    assert np.all(left[10:30, 34:50] == 0)
    assert np.all(right[10:30, 10:26] == 0)


def test_core_of_the_other_is_background():
    """A thin object beside a large one keeps a core that lies inside the other's band."""
    body, stick = square(SIZE, 5, 10, 30, 20), square(SIZE, 5, 31, 30, 3)
    body_trimap, stick_trimap = settled(body, stick)
    core = stick_trimap == 255
    assert core.any()
    assert np.all(body_trimap[core] == 0)
    alone, _ = objects_of(body, stick)
    assert np.all(alone[0].trimap.image(SIZE)[core] == 128)


def test_foreground_that_a_rule_does_not_erode_is_opened_where_objects_touch():
    rule = draw_rule(RuleName.DIM, np.random.default_rng(0))
    left, right = settled(square(SIZE, 5, 10, 30, 20), square(SIZE, 5, 30, 30, 20), rule=rule)
    for trimap in (left, right):
        assert np.all(trimap[6:34, 29:31] == 128)
    assert np.all(left[10:30, 32:50] == 0)
    assert np.all(right[10:30, 11:28] == 0)


def test_object_of_the_width_of_the_contact_line_keeps_its_core():
    body, thread = square(SIZE, 5, 10, 30, 20), square(SIZE, 5, 30, 30, 1)
    body_trimap, thread_trimap = settled(body, thread)
    assert np.any(thread_trimap == 255)
    assert np.all(body_trimap[6:34, 29:31] == 128)


def test_part_of_an_object_leaves_the_whole_as_it_is():
    person, shirt = square(SIZE, 2, 5, 36, 40), square(SIZE, 12, 15, 15, 20)
    alone, both = objects_of(person, shirt)
    assert np.array_equal(both[0].trimap.values, alone[0].trimap.values)
    shirt_trimap = both[1].trimap.image(SIZE)
    assert np.all(shirt_trimap[16:23, 19:31] == 255)
    assert np.all(shirt_trimap[12, 15:35] == 128)


def test_objects_far_apart_are_the_same_objects_as_before():
    alone, both = objects_of(square(SIZE, 5, 5, 10, 10), square(SIZE, 5, 40, 10, 10))
    assert all(before is after for before, after in zip(alone, both, strict=True))


crowds = arrays(np.uint8, (18, 22), elements=st.integers(0, 4))


@given(crowds, st.permutations(range(4)), st.sampled_from([1, 2, 4]))
def test_order_of_the_objects_does_not_matter(ids, order, radius):
    ids = np.kron(ids[::3, ::3], np.ones((3, 3), np.uint8))
    images = [np.where(ids == k + 1, np.uint8(255), np.uint8(0)) for k in range(4)]
    images = [image for image in images if image.any()]
    order = [k for k in order if k < len(images)]
    plain = settled(*images, rule=band_rule(radius)) if images else []
    mixed = settled(*(images[k] for k in order), rule=band_rule(radius)) if images else []
    for place, k in enumerate(order):
        assert np.array_equal(mixed[place], plain[k])


@given(crowds, st.sampled_from([1, 2, 4]))
def test_no_pixel_is_foreground_of_two_and_what_is_foreground_is_not_unknown_elsewhere(ids, radius):
    ids = np.kron(ids[::3, ::3], np.ones((3, 3), np.uint8))
    images = [np.where(ids == k + 1, np.uint8(255), np.uint8(0)) for k in range(4)]
    images = [image for image in images if image.any()]
    if len(images) < 2:
        return
    trimaps = settled(*images, rule=band_rule(radius))
    cores = np.sum([trimap == 255 for trimap in trimaps], axis=0)
    assert cores.max() <= 1
    for image, trimap in zip(images, trimaps, strict=True):
        mask = image == 255
        others = np.any([other == 255 for other in images if other is not image], axis=0)
        contact = (around(mask) & others) | (mask & around(others))
        foreign = (cores - (trimap == 255) > 0) & ~contact
        assert np.all(trimap[foreign] == 0)
        assert np.all(trimap[contact & ~mask] == 128)
        if (trimap[mask] == 255).any() and not (trimap[contact] == 255).any():
            assert np.all(trimap[contact] == 128)


def test_three_hundred_objects_are_settled():
    ids = np.zeros((300, 400), np.int64)
    for k in range(300):
        ids[(k // 20) * 20 : (k // 20) * 20 + 20, (k % 20) * 20 : (k % 20) * 20 + 20] = k + 1
    images = [np.where(ids == k + 1, np.uint8(255), np.uint8(0)) for k in range(300)]
    trimaps = settled(*images)
    assert all(np.count_nonzero(trimap == 255) >= 14 * 14 for trimap in trimaps)


def test_merged_trimap_takes_foreground_then_unknown_then_background():
    alone, _ = objects_of(disc(SIZE, (20, 20), 10), disc(SIZE, (20, 34), 10))
    images = [one.trimap.image(SIZE) for one in alone]
    merged = merge_trimaps([one.trimap for one in alone], size=SIZE)
    is_foreground = (images[0] == 255) | (images[1] == 255)
    is_unknown = ~is_foreground & ((images[0] == 128) | (images[1] == 128))
    assert np.array_equal(merged == 255, is_foreground)
    assert np.array_equal(merged == 128, is_unknown)
    assert not merge_trimaps([], size=SIZE).any()
