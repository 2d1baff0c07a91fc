"""Programs of others in the place of a network: how they are called, and what comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from torch._decomp import get_decompositions
from torch.export import Dim

from tests.inference.programs.made_programs import ANY_IMAGES, CLASSES, Coarse, save, save_coarse
from vstc.errors import InputError
from vstc.inference.programs.archive import read_archive
from vstc.inference.programs.description import Pixels
from vstc.inference.programs.graph import ProgramGraph
from vstc.inference.programs.model import ProgramModel
from vstc.inference.programs.operators import find_operation
from vstc.models.pixels import IMAGENET_RGB

pytestmark = pytest.mark.usefixtures("one_thread")
MEAN, STD = (torch.tensor(v).view(1, 3, 1, 1) for v in (IMAGENET_RGB.mean, IMAGENET_RGB.std))


@pytest.fixture(scope="module")
def coarse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_coarse(tmp_path_factory.mktemp("coarse") / "net.pt2")


def opened(path: Path, **settings: Any) -> ProgramModel:
    return ProgramModel(read_archive(path), pixels=settings.pop("pixels", Pixels()), **settings)


def frames(*shape: int) -> torch.Tensor:
    return torch.randint(
        0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    ).float()


def enlarged(scores: torch.Tensor, size: tuple[int, int], *, corners: bool = False) -> torch.Tensor:
    return F.interpolate(scores, size, mode="bilinear", align_corners=corners)


@torch.no_grad()
@pytest.mark.parametrize("shape", [(1, 3, 20, 26), (2, 3, 13, 17), (1, 3, 1, 1)])
def test_floats_are_normalised_as_imagenet_and_scores_brought_to_frame_size(
    coarse: Path, shape: tuple[int, ...]
) -> None:
    images = frames(*shape)
    expected = enlarged(Coarse().eval()((images - MEAN) / STD), (shape[2], shape[3]))
    found = opened(coarse)(images)
    torch.testing.assert_close(found.logits, expected)
    assert found.aux_logits == ()
    assert found.features.numel() == 0


@torch.no_grad()
def test_pixels_and_corners_are_as_they_are_described(coarse: Path) -> None:
    images = frames(1, 3, 21, 15)
    pixels = Pixels(order="BGR", mean=(1.0, 2.0, 3.0), std=(4.0, 5.0, 6.0))
    given = (images.flip(1) - torch.tensor(pixels.mean).view(1, 3, 1, 1)) / torch.tensor(
        pixels.std
    ).view(1, 3, 1, 1)
    expected = enlarged(Coarse().eval()(given), (21, 15), corners=True)
    found = opened(coarse, pixels=pixels, align_corners=True)(images).logits
    torch.testing.assert_close(found, expected)


@torch.no_grad()
def test_memory_order_of_the_frames_changes_nothing(coarse: Path) -> None:
    images = frames(2, 3, 20, 18)
    model = opened(coarse)
    plain = model(images).logits
    model.to(memory_format=torch.channels_last)
    torch.testing.assert_close(model(images.to(memory_format=torch.channels_last)).logits, plain)


@torch.no_grad()
def test_one_fixed_size_takes_frames_of_all_sizes_and_returns_them_at_theirs(
    tmp_path: Path,
) -> None:
    path = save(Coarse().eval(), tmp_path / "net.pt2", torch.rand(1, 3, 16, 24))
    model = opened(path)
    assert (str(model.batch), str(model.height), str(model.width)) == ("1", "16", "24")
    images = frames(2, 3, 40, 50)
    inside = F.interpolate(images, (16, 24), mode="bilinear", antialias=True)
    scores = enlarged(Coarse().eval()((inside - MEAN) / STD), (16, 24))
    found = model(images).logits
    torch.testing.assert_close(found, enlarged(scores, (40, 50)), rtol=1e-4, atol=1e-5)
    assert found.shape == (2, CLASSES, 40, 50)


@torch.no_grad()
def test_sizes_on_a_grid_are_reached_by_the_last_row_and_column(tmp_path: Path) -> None:
    height, width = Dim("h"), Dim("w")
    sizes = {2: 8 * height + 1, 3: 8 * width + 1}
    path = save(Coarse().eval(), tmp_path / "net.pt2", torch.rand(1, 3, 25, 33), sizes=sizes)
    model = opened(path)
    assert str(model.height) == "8 k + 1, k from 1 on"
    images = frames(1, 3, 20, 33)
    filled = F.pad(images, (0, 0, 0, 5), mode="replicate")
    expected = enlarged(Coarse().eval()((filled - MEAN) / STD), (25, 33))[:, :, :20]
    torch.testing.assert_close(model(images).logits, expected)


@torch.no_grad()
def test_images_of_bytes_with_channels_last_are_given_raw(tmp_path: Path) -> None:
    class Bytes(Coarse):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return super().forward(images.permute(0, 3, 1, 2).float() / 255)

    sample = torch.zeros(2, 12, 14, 3, dtype=torch.uint8)
    sizes = {0: Dim.DYNAMIC, 1: Dim.DYNAMIC, 2: Dim.DYNAMIC}
    model = opened(save(Bytes().eval(), tmp_path / "net.pt2", sample, sizes=sizes))
    images = frames(1, 3, 11, 13)
    expected = enlarged(Coarse().eval()(images / 255), (11, 13))
    torch.testing.assert_close(model(images).logits, expected)


@torch.no_grad()
def test_of_several_maps_the_first_counts(tmp_path: Path) -> None:
    class WithAuxiliary(Coarse):
        def forward(self, images: torch.Tensor) -> Any:
            scores = super().forward(images)
            return {"out": scores, "aux": scores[:, :, ::2, ::2] * 2}

    path = save(
        WithAuxiliary().eval(), tmp_path / "net.pt2", torch.rand(2, 3, 20, 26), sizes=ANY_IMAGES
    )
    images = frames(1, 3, 20, 26)
    expected = enlarged(Coarse().eval()((images - MEAN) / STD), (20, 26))
    torch.testing.assert_close(opened(path)(images).logits, expected)


class Many(nn.Module):
    """Operators of many kinds: attention, norms, lists of results, infinity, windows."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(5)
            self.enter = nn.Conv2d(3, 8, 4, stride=4)
            self.norm = nn.LayerNorm(8)
            self.layer = nn.TransformerEncoderLayer(
                8, 2, 16, activation="gelu", batch_first=True, norm_first=True
            )
            self.group = nn.GroupNorm(2, 8)
            self.leave = nn.ConvTranspose2d(8, CLASSES, 4, stride=4)
            self.register_buffer("bias", torch.linspace(-1, 1, CLASSES).view(1, -1, 1, 1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = F.hardswish(self.enter(images))
        batch, channels, height, width = maps.shape
        words = self.layer(self.norm(maps.flatten(2).transpose(1, 2)))
        maps = words.transpose(1, 2).reshape(batch, channels, height, width)
        left, right = self.group(maps).chunk(2, dim=1)
        best, _ = torch.max(left, dim=1, keepdim=True)
        maps = torch.cat([F.silu(left), right.masked_fill(right > best, float("-inf"))], dim=1)
        maps = maps.clamp(min=-4.0).roll((1, 2), dims=(2, 3))
        pooled = F.avg_pool2d(F.pad(maps, (1, 1, 1, 1), mode="reflect"), 3, stride=1)
        scale = torch.einsum("bchw,bchw->bhw", maps, pooled).sigmoid().unsqueeze(1)
        mean = maps.mean(dim=(2, 3), keepdim=True) + maps.amax(dim=1, keepdim=True)
        scores: torch.Tensor = self.leave(maps * scale + mean.expand_as(maps))
        return scores + self.bias.repeat(batch, 1, 1, 1) ** 2


@torch.no_grad()
def test_operators_of_many_kinds_compute_what_they_should(tmp_path: Path) -> None:
    network = Many().eval()
    path = save(network, tmp_path / "net.pt2", torch.rand(1, 3, 32, 24))
    images = torch.randn(1, 3, 32, 24, generator=torch.Generator().manual_seed(0))
    found = ProgramGraph(read_archive(path))(images)
    torch.testing.assert_close(found, network(images))


@torch.no_grad()
def test_decomposed_programs_run_and_their_indices_are_checked(tmp_path: Path) -> None:
    class Enlarged(Coarse):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return enlarged(super().forward(images), (21, 19))

    network, images = Enlarged().eval(), torch.rand(1, 3, 20, 18)
    table = get_decompositions([torch.ops.aten.upsample_bilinear2d.vec])
    program = torch.export.export(network, (images,)).run_decompositions(table)
    assert "aten._unsafe_index.Tensor" in {str(node.target) for node in program.graph.nodes}
    torch.export.save(program, tmp_path / "net.pt2")
    found = ProgramGraph(read_archive(tmp_path / "net.pt2"))(images)
    torch.testing.assert_close(found, network(images))
    checked = find_operation("torch.ops.aten._unsafe_index.Tensor")
    assert checked is torch.ops.aten.index.Tensor


def test_a_program_with_parts_without_gradients_is_told_how_to_export(tmp_path: Path) -> None:
    class Partly(Coarse):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            with torch.no_grad():
                images = images - images.mean()
            return super().forward(images)

    images = torch.rand(1, 3, 8, 8)
    torch.export.save(torch.export.export(Partly().eval(), (images,)), tmp_path / "net.pt2")
    with pytest.raises(InputError, match="turns gradients on or off") as caught:
        opened(tmp_path / "net.pt2")
    assert "torch.no_grad()" in str(caught.value.hint)
    assert opened(save(Partly().eval(), tmp_path / "net.pt2", images)).num_classes == CLASSES


class TwoInputs(Coarse):
    def forward(self, images: torch.Tensor, more: torch.Tensor) -> torch.Tensor:
        return super().forward(images + more)


class Labels(Coarse):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return super().forward(images).argmax(dim=1)


class Counting(Coarse):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.count.add_(1)
        return super().forward(images) + self.count


@pytest.mark.parametrize(
    ("module", "images", "says"),
    [
        (TwoInputs(), [torch.rand(1, 3, 8, 8)] * 2, "takes 2 inputs"),
        (Labels(), [torch.rand(1, 3, 8, 8)], "its output is torch.int64 of (1, 4, 4)"),
        (Counting(), [torch.rand(1, 3, 8, 8)], "it changes its own weights"),
        (Coarse(), [torch.rand(4, 3, 8, 8)], "takes 4 images at once"),
        (Coarse(classes=1), [torch.rand(1, 3, 8, 8)], "its output is torch.float32 of (1, 1, 4"),
        (nn.Conv2d(4, 3, 1), [torch.rand(1, 4, 8, 8)], "its input is torch.float32 of (1, 4, 8"),
        (Coarse().double(), [torch.rand(1, 3, 8, 8).double()], "torch.float64"),
        (nn.FeatureAlphaDropout(), [torch.rand(1, 3, 8, 8)], "uses the operator"),
    ],
)
def test_what_cannot_be_called_as_a_network_is_one_clear_error(
    tmp_path: Path, module: nn.Module, images: list[torch.Tensor], says: str
) -> None:
    is_dropout = isinstance(module, nn.FeatureAlphaDropout)
    path = save(module.train(is_dropout), tmp_path / "net.pt2", *images)
    with pytest.raises(InputError) as caught:
        opened(path)
    assert says in caught.value.message
    assert caught.value.hint


def test_frames_beyond_its_bounds_are_refused(tmp_path: Path) -> None:
    sizes = {2: Dim("h", min=8, max=32), 3: Dim.DYNAMIC}
    path = save(Coarse().eval(), tmp_path / "net.pt2", torch.rand(1, 3, 16, 20), sizes=sizes)
    model = opened(path)
    assert model(frames(1, 3, 4, 40)).logits.shape == (1, CLASSES, 4, 40)
    with pytest.raises(InputError, match="40 x 40 are too large .* 40 is more than 32"):
        model(frames(1, 3, 40, 40))


def test_sizes_that_are_tied_together_are_refused(tmp_path: Path) -> None:
    side = Dim("side", min=8, max=4096)
    sizes = {2: side, 3: side}
    path = save(Coarse().eval(), tmp_path / "net.pt2", torch.rand(1, 3, 16, 16), sizes=sizes)
    with pytest.raises(InputError, match="tied to one another"):
        opened(path)


def test_a_program_has_no_head_of_its_own(coarse: Path) -> None:
    with pytest.raises(InputError, match="no separate head"):
        opened(coarse).classify(torch.zeros(1, 1, 1, 1))
