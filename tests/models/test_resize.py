import torch
from hypothesis import given
from hypothesis import strategies as st

from vstc.models.catalog import create_model
from vstc.models.resize import logits_at_image_size, pad_to_grid, upsample_logits
from vstc.models.segmentation_model import SizeRule

RULE = SizeRule(multiple=8, offset=1)


@given(side=st.integers(1, 5000))
def test_the_next_side_is_the_smallest_that_fits(side):
    found = RULE.next_side(side)
    assert RULE.fits(found)
    assert not any(RULE.fits(other) for other in range(side, found))


def test_the_smallest_grid_has_two_cells():
    assert RULE.next_side(1) == 9
    assert not RULE.fits(1)


@given(height=st.integers(1, 40), width=st.integers(1, 40))
def test_padding_repeats_the_border_and_keeps_the_image(height, width):
    images = torch.randint(0, 256, (1, 3, height, width), dtype=torch.uint8)
    padded = pad_to_grid(images, RULE)
    rows = torch.arange(padded.shape[2]).clamp(max=height - 1)
    columns = torch.arange(padded.shape[3]).clamp(max=width - 1)
    assert RULE.fits(padded.shape[2])
    assert RULE.fits(padded.shape[3])
    assert torch.equal(padded, images[:, :, rows][:, :, :, columns])


def test_an_image_that_fits_is_not_copied():
    images = torch.zeros(1, 3, 17, 25)
    assert pad_to_grid(images, RULE) is images


def test_upsampling_hits_every_grid_cell_and_is_linear_between():
    logits = torch.randn(2, 3, 4, 5)
    full = upsample_logits(logits, (25, 33))
    torch.testing.assert_close(full[:, :, ::8, ::8], logits)
    torch.testing.assert_close(full[:, :, ::8, 4::8], (logits[..., 1:] + logits[..., :-1]) / 2)


def test_logits_of_padded_images_are_cropped_after_exact_upsampling():
    logits = torch.randn(1, 2, 4, 5)
    cropped = logits_at_image_size(logits, size=(20, 30), rule=RULE)
    assert torch.equal(cropped, upsample_logits(logits, (25, 33))[:, :, :20, :30])


@torch.no_grad()
def test_cells_of_an_exact_grid_lie_on_their_pixels():
    """A shift of the image by 8 pixels shifts the backbone's map by one cell."""
    model = create_model("pspnet-tiny", num_classes=2, seed=0).eval()
    images = torch.zeros(1, 3, 257, 265)
    images[:, :, 120:140, 120:140] = 255
    maps = model.encode(model.normalize(images)).deep
    shifted = model.encode(model.normalize(images.roll((8, 16), (2, 3)))).deep
    inner = maps[:, :, 12:18, 12:18]  # borders, seen through zero padding, are out of reach
    torch.testing.assert_close(shifted[:, :, 13:19, 14:20], inner, rtol=1e-3, atol=1e-4)
    assert inner.std() > 1e-3
