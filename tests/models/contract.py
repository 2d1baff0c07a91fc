"""What every network must do; a test class per network inherits it."""

from __future__ import annotations

from functools import lru_cache

import pytest
import torch

from vstc.models.catalog import MODELS, create_model
from vstc.models.resize import FullSizeLogits
from vstc.models.segmentation_model import SegmentationModel

NUM_CLASSES = 5


def random_images(count, height=33, width=41, *, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, height, width), generator=generator, dtype=torch.uint8)


@lru_cache(maxsize=1)
def latest_model(name):
    """Build a network once for the tests of its class."""
    return create_model(name, num_classes=NUM_CLASSES, seed=0)


class ModelContract:
    name: str
    num_features: int

    @pytest.fixture
    def model(self):
        model = latest_model(self.name)
        model.zero_grad(set_to_none=True)
        return model.train()

    def test_declares_its_interface(self, model):
        assert isinstance(model, SegmentationModel)
        assert model.name == self.name in MODELS
        assert model.num_classes == NUM_CLASSES
        assert model.output_stride == 8
        assert set(model.head_names) == {"ppm", "cls", "aux"}

    def test_training_gives_all_outputs_and_reaches_every_parameter(self, model):
        images = random_images(3)
        output = model(images, num_aux=2)
        assert output.logits.shape == (3, NUM_CLASSES, 5, 6)
        assert output.aux_logits.shape == (2, NUM_CLASSES, 5, 6)
        assert output.features.shape == (3, self.num_features, 5, 6)
        (output.logits.square().sum() + output.aux_logits.square().sum()).backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.any(), name

    @torch.no_grad()
    def test_the_auxiliary_head_follows_the_mode_and_num_aux(self, model):
        images = random_images(2)
        assert len(model(images).aux_logits) == 2
        assert model(images, num_aux=0).aux_logits is None
        with pytest.raises(ValueError, match="num_aux is 3"):
            model(images, num_aux=3)
        assert model.eval()(images, num_aux=2).aux_logits is None

    @torch.no_grad()
    @pytest.mark.parametrize(("height", "width"), [(41, 33), (36, 47), (40, 34)])
    def test_any_size_gives_one_cell_per_eight_pixels(self, model, height, width):
        logits = model.eval()(random_images(1, height, width)).logits
        assert logits.shape[-2:] == ((height - 1) // 8 + 1, (width - 1) // 8 + 1)

    @torch.no_grad()
    def test_evaluation_is_deterministic_and_takes_each_image_alone(self, model):
        model.eval()
        images = random_images(2)
        both = model(images).logits
        assert torch.equal(both, model(images).logits)
        torch.testing.assert_close(both[1:], model(images[1:]).logits, rtol=1e-3, atol=1e-4)

    @torch.no_grad()
    def test_pixels_are_normalized_inside(self, model):
        model.eval()
        images = random_images(1)
        mean = torch.tensor([123.675, 116.28, 103.53]).view(3, 1, 1)
        std = torch.tensor([58.395, 57.12, 57.375]).view(3, 1, 1)
        maps = model.encode((images.float() - mean) / std)
        features = model.ppm(maps.deep)
        torch.testing.assert_close(model(images).features, features, rtol=1e-3, atol=1e-4)
        assert torch.equal(model(images).logits, model(images.float()).logits)

    @torch.no_grad()
    def test_a_state_dict_carries_the_whole_function(self, model):
        other = create_model(self.name, num_classes=NUM_CLASSES, seed=1).eval()
        images = random_images(1)
        assert not torch.equal(other(images).logits, model.eval()(images).logits)
        other.load_state_dict(model.state_dict())
        assert torch.equal(other(images).logits, model(images).logits)

    def test_heads_and_backbone_share_out_all_parameters(self, model):
        heads = {id(parameter) for parameter in model.head_parameters()}
        backbone = {id(parameter) for parameter in model.backbone_parameters()}
        assert not heads & backbone
        assert heads | backbone == {id(parameter) for parameter in model.parameters()}
        assert {id(parameter) for parameter in model.cls.parameters()} <= heads

    @torch.no_grad()
    def test_it_exports_without_the_auxiliary_head(self):
        view = FullSizeLogits(create_model(self.name, num_classes=NUM_CLASSES, seed=0))
        images = random_images(1, 30, 37)
        logits = view(images)
        assert logits.shape == (1, NUM_CLASSES, 30, 37)
        program = torch.export.export(view, (images,))
        assert not any(".aux." in name for name in program.state_dict)
        torch.testing.assert_close(program.module()(images), logits, rtol=1e-3, atol=1e-4)
