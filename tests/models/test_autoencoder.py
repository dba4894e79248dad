import io

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from pokegan import PokeGANError
from pokegan.data.images import to_training_batch
from pokegan.data.types import TYPES
from pokegan.models.autoencoder import AutoencodingModel
from pokegan.models.base import CHUNK
from pokegan.models.interpolation import slerp


class Mean(nn.Module):
    """Encodes an image as its mean colour, plus its label."""

    def forward(self, images, labels=0):
        self.trained = self.training
        return images.mean(dim=(2, 3)) + torch.as_tensor(labels).view(-1, 1)


class Flat(AutoencodingModel):
    """Draws a latent as an image of one colour, so that G(E(x)) is x's mean colour."""

    architecture = "flat"

    def __init__(self, channels=3, size=16, conditioning=None):
        super().__init__()
        self.channels, self.size, self.conditioning = channels, size, conditioning
        self.latent_dim = channels
        self.encoder = Mean()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, latents, labels=0):
        colours = (latents - torch.as_tensor(labels).view(-1, 1)) * self.weight
        return colours[:, :, None, None].expand(-1, -1, self.size, self.size)


def flat(colour, size=16):
    return torch.tensor(colour)[:, None, None].expand(-1, size, size)


def sprite(width=20, height=20):
    """Junk under transparency, half-transparent edges, and colours."""
    pixels = torch.randint(0, 256, (height, width, 4), dtype=torch.uint8).numpy()
    pixels[..., 3] = np.where(pixels[..., 3] < 100, 0, pixels[..., 3])
    return Image.fromarray(pixels)


# ---- images in ---------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("side", [10, 16, 96])
def test_pictures_are_brought_to_the_model_as_in_training(channels, side):
    image = sprite(side, side)
    trained = to_training_batch(np.asarray(image)[None], 16, channels)
    expected = torch.from_numpy(trained).float() / 127.5 - 1
    model = Flat(channels)
    torch.testing.assert_close(model.encode(image), expected.mean(dim=(2, 3)))
    assert torch.equal(model.encode(image), model.encode(expected))


@pytest.mark.parametrize(("width", "height"), [(20, 7), (5, 16), (1, 33)])
def test_oblong_pictures_are_centred_never_stretched(width, height):
    image, side = sprite(width, height), max(width, height)
    square = Image.new("RGBA", (side, side))
    square.paste(image, ((side - width) // 2, (side - height) // 2))
    model = Flat(4)
    assert torch.equal(model.encode(image), model.encode(square))


def test_modes_without_alpha_are_opaque():
    red = Image.new("RGB", (8, 8), (255, 0, 51))
    latents = Flat(4).encode([red, red.convert("RGBA"), red.convert("P")])
    torch.testing.assert_close(latents, torch.tensor([[1.0, -1.0, -0.6, 1.0]]).expand(3, 4))
    grey = Flat(3).encode([Image.new(mode, (8, 8), 51) for mode in ("L", "LA")])
    torch.testing.assert_close(grey[0], torch.full((3,), -0.6))
    torch.testing.assert_close(grey[1], torch.ones(3))  # "LA" with alpha 0: white behind


def test_a_palette_may_have_a_transparent_colour():
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.info["transparency"] = 1
    torch.testing.assert_close(Flat(4).encode(image), -torch.ones(1, 4))


def test_one_image_or_many():
    model, images = Flat(), torch.rand(CHUNK + 3, 3, 16, 16)
    latents = model.encode(images)
    assert latents.shape == (CHUNK + 3, 3)
    torch.testing.assert_close(latents, images.mean(dim=(2, 3)))
    assert torch.equal(model.encode(images[2]), latents[2:3])
    pictures = [sprite(), sprite(9, 30)]
    assert torch.equal(model.encode(pictures)[1:], model.encode(pictures[1]))


def truncated():
    file = io.BytesIO()
    sprite().save(file, "PNG")
    return Image.open(io.BytesIO(file.getvalue()[:200]))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(2, 1, 16, 16), r"must be \(n, 3, 16, 16\) for this model, not \(2, 1, 16"),
        (torch.zeros(3, 16, 17), r"not \(3, 16, 17\)"),
        (torch.zeros(0, 3, 16, 16), r"not \(0, 3, 16, 16\)"),
        (torch.zeros(3), r"not \(3,\)"),
        (torch.zeros(1, 3, 16, 16, dtype=torch.uint8), "floats in .* torch.uint8 from 0 to 0"),
        (torch.full((1, 3, 16, 16), 255.0), "from 255 to 255"),
        (torch.full((1, 3, 16, 16), torch.nan), "from nan to nan"),
        ([], "no image was given"),
        ([sprite(), "pikachu.png"], "image 1 is a str; give PIL images"),
        (np.zeros((1, 16, 16, 3)), "image 0 is a ndarray"),
        ([Image.new("RGB", (4, 0))], "image 0 is empty: 4x0"),
        ([truncated()], "image 0 cannot be read"),
        ([Image.new("L", (1, 4097))], "image 0 is 1x4097 pixels; the limit is 4096 a side"),
    ],
)
def test_unfit_images_are_one_clear_error(images, message):
    for method in (Flat().encode, Flat().reconstruct):
        with pytest.raises(PokeGANError, match=message) as caught:
            method(images)
        assert "\n" not in str(caught.value)


# ---- reconstructions and ways ------------------------------------------------------------------


def test_a_reconstruction_is_the_drawing_of_the_code():
    model, images = Flat(), torch.rand(4, 3, 16, 16)
    drawn = model.reconstruct(images, output="tensor")
    torch.testing.assert_close(drawn, images.mean(dim=(2, 3), keepdim=True).expand_as(images))
    assert torch.equal(drawn, model.draw(model.encode(images)))
    picture = model.reconstruct(Image.new("RGB", (5, 5), (10, 20, 30)))
    assert len(picture) == 1
    assert picture[0].mode == "RGB"
    assert picture[0].size == (16, 16)
    assert picture[0].getpixel((3, 3)) == (10, 20, 30)


def test_the_way_between_two_images():
    model, a, b = Flat(), torch.tensor([0.8, 0.0, 0.1]), torch.tensor([0.0, -0.5, 0.3])
    drawn = model.interpolate(flat(a.tolist()), flat(b.tolist()), 5, output="tensor")
    assert drawn.shape == (5, 3, 16, 16)
    torch.testing.assert_close(drawn[:, :, 0, 0], slerp(a, b, 5))
    pictures = model.interpolate(sprite(), sprite(8, 9), 3)
    assert [picture.size for picture in pictures] == [(16, 16)] * 3


def test_refined_codes_are_nearer_and_each_its_images_own():
    """Of one colour, the median is the nearest: channel by channel, and image by image."""
    images = torch.rand(3, 3, 16, 16) ** 3
    model = Flat().train()
    codes = model.encode(images, refine=100)
    medians = images.flatten(2).quantile(0.5, dim=2)
    torch.testing.assert_close(codes, medians, atol=5e-3, rtol=0)
    assert not torch.allclose(model.encode(images), medians, atol=5e-3)
    assert torch.equal(model.encode(images[1:], refine=100), codes[1:])
    drawn = model.reconstruct(images, refine=100, output="tensor")
    assert torch.equal(drawn, model.draw_encoded(codes, output="tensor"))
    assert model.training
    assert model.weight.grad is None


def test_refined_codes_are_of_the_types_asked_for():
    images, types = torch.rand(2, 3, 16, 16), ["fire", "water"]
    model = Flat(conditioning="type")
    codes = model.encode(images, types, refine=100)
    labels = torch.tensor([[float(TYPES.index(name))] for name in types])
    medians = images.flatten(2).quantile(0.5, dim=2)
    torch.testing.assert_close(codes - labels, medians, atol=5e-3, rtol=0)


@pytest.mark.parametrize("steps", [-1, 10_001, 1.5])
def test_steps_out_of_range_are_refused(steps):
    with pytest.raises(PokeGANError, match="refine must be"):
        Flat().reconstruct(sprite(), refine=steps)


def test_the_way_starts_and_ends_at_the_reconstructions():
    model, images = Flat(), [sprite(), sprite()]
    drawn = model.interpolate(*images, 4, output="tensor")
    assert torch.equal(drawn[[0, -1]], model.reconstruct(images, output="tensor"))


def test_an_end_may_be_a_latent():
    model, latents = Flat(), torch.rand(2, 3)
    drawn = model.interpolate(*latents, 6, output="tensor")
    assert torch.equal(drawn, model.draw(slerp(*latents, 6)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": 1}, "steps must be an integer of at least 2"),
        ({"steps": 0}, "steps must be"),
        ({"output": "numpy"}, "output must be one of pil, tensor, not 'numpy'"),
        ({"image_a": torch.zeros(2, 3, 16, 16)}, "one image for each end, not 2"),
        ({"image_b": torch.zeros(4)}, r"must be \(n, 3, 16, 16\)"),
        ({"types": "fire"}, "without regard to types"),
    ],
)
def test_unfit_ways_are_refused(arguments, message):
    ends = {"image_a": torch.zeros(3, 16, 16), "image_b": torch.ones(3, 16, 16), "steps": 3}
    with pytest.raises(PokeGANError, match=message):
        Flat().interpolate(**ends | arguments)


def test_an_unknown_output_is_refused():
    with pytest.raises(PokeGANError, match="output must be one of pil, tensor"):
        Flat().reconstruct(sprite(), output="numpy")


# ---- types and modes ---------------------------------------------------------------------------


def test_types_reach_encoder_and_generator():
    model = Flat(conditioning="type")
    images, types = torch.rand(3, 3, 16, 16), ["normal", "fire", "normal"]
    fire = TYPES.index("fire")
    means = images.mean(dim=(2, 3))
    latents = model.encode(images, types)
    torch.testing.assert_close(latents, means + torch.tensor([[0.0], [fire], [0.0]]))
    torch.testing.assert_close(model.encode(images, "fire"), means + fire)
    drawn = model.reconstruct(images, types, output="tensor")
    torch.testing.assert_close(drawn[..., 0, 0], means)


def test_types_of_a_way():
    model, (a, b) = Flat(conditioning="type"), torch.rand(2, 3, 16, 16)
    fire = TYPES.index("fire")
    latents = slerp(a.mean(dim=(1, 2)) + fire, b.mean(dim=(1, 2)) + fire, 3)
    drawn = model.interpolate(a, b, 3, "fire", output="tensor")
    torch.testing.assert_close(drawn[..., 0, 0], latents - fire)
    drawn = model.interpolate(a, b, 3, ["normal", "fire", "fire"], output="tensor")
    torch.testing.assert_close(drawn[0, :, 0, 0], a.mean(dim=(1, 2)))
    torch.testing.assert_close(drawn[-1, :, 0, 0], b.mean(dim=(1, 2)))
    with pytest.raises(PokeGANError, match="2 names for 3 sprites"):
        model.interpolate(a, b, 3, ["fire", "water"])


def test_missing_and_pointless_types_are_refused():
    images = torch.zeros(2, 3, 16, 16)
    for method in ("encode", "reconstruct"):
        with pytest.raises(PokeGANError, match="say which types"):
            getattr(Flat(conditioning="group"), method)(images)
        with pytest.raises(PokeGANError, match="without regard to types"):
            getattr(Flat(), method)(images, types="fire")
    with pytest.raises(PokeGANError, match="say which types"):
        Flat(conditioning="group").interpolate(*images, 3)


@pytest.mark.parametrize("training", [True, False])
def test_encoding_is_done_in_evaluation_mode_and_gives_the_mode_back(training):
    model = Flat().train(training)
    latents = model.encode(torch.rand(2, 3, 16, 16, requires_grad=True))
    assert not latents.requires_grad
    assert not model.encoder.trained
    assert model.training is training
    assert model.encoder.training is training
