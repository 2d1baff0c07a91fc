"""What every network must do; a test class per network inherits it."""

from __future__ import annotations

from functools import lru_cache

import pytest
import torch

from vstc.models.catalog import MODELS, create_model
from vstc.models.folding import fold_batch_norms
from vstc.models.resize import FullSizeLogits
from vstc.models.segmentation_model import SegmentationModel

NUM_CLASSES = 5


def random_images(count, height=33, width=41, *, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, height, width), generator=generator, dtype=torch.uint8)


def cells(height, width, stride):
    return ((height - 1) // stride + 1, (width - 1) // stride + 1)


@lru_cache(maxsize=1)
def latest_model(name):
    """Build a network once for the tests of its class."""
    return create_model(name, num_classes=NUM_CLASSES, seed=0)


class ModelContract:
    """Attributes are those of PSPNet; a network that differs overrides them.

    `aux_strides` are the output strides of the auxiliary heads, `channels` the RGB channels in the
    order of the network, `mean` and `std` those of its input.
    """

    name: str
    num_features: int
    stride = 8
    heads = frozenset({"ppm", "cls", "aux"})
    aux_strides = (8,)
    channels = (0, 1, 2)
    mean = (123.675, 116.28, 103.53)
    std = (58.395, 57.12, 57.375)

    @pytest.fixture
    def model(self):
        model = latest_model(self.name)
        model.zero_grad(set_to_none=True)
        return model.train()

    def test_declares_its_interface(self, model):
        assert isinstance(model, SegmentationModel)
        assert model.name == self.name in MODELS
        assert model.num_classes == NUM_CLASSES
        assert model.output_stride == self.stride
        assert set(model.head_names) == self.heads
        assert len(model.aux_weights) == len(self.aux_strides)

    def test_training_gives_all_outputs_and_reaches_every_parameter(self, model):
        images = random_images(3)
        output = model(images, num_aux=2)
        grid = cells(33, 41, self.stride)
        assert output.logits.shape == (3, NUM_CLASSES, *grid)
        assert [logits.shape for logits in output.aux_logits] == [
            (2, NUM_CLASSES, *cells(33, 41, stride)) for stride in self.aux_strides
        ]
        assert output.features.shape == (3, self.num_features, *grid)
        sum(logits.square().sum() for logits in (output.logits, *output.aux_logits)).backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.any(), name

    @torch.no_grad()
    def test_the_auxiliary_heads_follow_the_mode_and_num_aux(self, model):
        images = random_images(2)
        assert [len(logits) for logits in model(images).aux_logits] == [2] * len(self.aux_strides)
        assert model(images, num_aux=0).aux_logits == ()
        with pytest.raises(ValueError, match="num_aux is 3"):
            model(images, num_aux=3)
        assert model.eval()(images, num_aux=2).aux_logits == ()

    @torch.no_grad()
    @pytest.mark.parametrize(("height", "width"), [(41, 33), (36, 47), (40, 34)])
    def test_any_size_gives_one_cell_per_stride(self, model, height, width):
        logits = model.eval()(random_images(1, height, width)).logits
        assert logits.shape[-2:] == cells(height, width, self.stride)

    @torch.no_grad()
    def test_evaluation_is_deterministic_and_takes_each_image_alone(self, model):
        model.eval()
        images = random_images(2)
        both = model(images).logits
        assert torch.equal(both, model(images).logits)
        torch.testing.assert_close(both[1:], model(images[1:]).logits, rtol=1e-3, atol=1e-4)

    @torch.no_grad()
    def test_the_head_alone_classifies_the_features(self, model):
        output = model.eval()(random_images(1))
        torch.testing.assert_close(model.classify(output.features), output.logits)

    @torch.no_grad()
    def test_pixels_are_normalized_inside(self, model):
        model.eval()
        images = random_images(1, 33, 65)
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in (self.mean, self.std))
        pixels = (images[:, list(self.channels)].float() - mean) / std
        features = self.features_of(model, pixels)
        torch.testing.assert_close(model(images).features, features, rtol=1e-3, atol=1e-4)
        assert torch.equal(model(images).logits, model(images.float()).logits)

    @torch.no_grad()
    def test_a_state_dict_carries_the_whole_function(self, model):
        other = create_model(self.name, num_classes=NUM_CLASSES, seed=1).eval()
        images = random_images(1)
        assert not torch.equal(other(images).logits, model.eval()(images).logits)
        other.load_state_dict(model.state_dict())
        assert torch.equal(other(images).logits, model(images).logits)

    @torch.no_grad()
    def test_folded_batch_norms_change_nothing_but_their_number(self, model):
        images = random_images(1)
        model(random_images(2, seed=1))  # statistics that are not those of a new network
        folded = fold_batch_norms(model.eval())
        assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
        expected, found = model(images), folded(images)
        scale = float(expected.features.abs().max())
        torch.testing.assert_close(
            found.features, expected.features, rtol=1e-3, atol=1e-5 * max(scale, 1)
        )
        assert torch.equal(found.logits.argmax(1), expected.logits.argmax(1))

    def features_of(self, model, pixels):
        """Return the features of pixels as the network's input wants them."""
        return model.ppm(model.encode(pixels).deep)

    def classifier_of(self, model):
        return model.cls

    def test_heads_and_backbone_share_out_all_parameters(self, model):
        heads = {id(parameter) for parameter in model.head_parameters()}
        backbone = {id(parameter) for parameter in model.backbone_parameters()}
        assert not heads & backbone
        assert heads | backbone == {id(parameter) for parameter in model.parameters()}
        assert {id(parameter) for parameter in self.classifier_of(model).parameters()} <= heads

    @torch.no_grad()
    def test_it_exports_without_the_auxiliary_head(self):
        view = FullSizeLogits(create_model(self.name, num_classes=NUM_CLASSES, seed=0))
        images = random_images(1, 30, 37)
        logits = view(images)
        assert logits.shape == (1, NUM_CLASSES, 30, 37)
        program = torch.export.export(view, (images,))
        assert not any(".aux." in name for name in program.state_dict)
        torch.testing.assert_close(program.module()(images), logits, rtol=1e-3, atol=1e-4)
