"""A small network trained on nothing but sprites: it names types, and judges beside ImageNet's.

It is a residual network of 0.9 million parameters that
:mod:`pokegan.metrics.train_sprite_net` trained on the typed sprites of generation 5, its training
species only. It knows colours, outlines and limbs as sprites have them, where networks trained on
photographs see cartoons; so one is a check on the other.
"""

from pathlib import Path

from torch import Tensor, nn
from torch.nn.functional import interpolate

from pokegan.data.types import TYPES
from pokegan.errors import PokeGANError

WEIGHTS = Path(__file__).with_name("sprite_net.safetensors")
SIDE = 64
"""Pixels of a side at which the network looks at a sprite."""

DIMENSIONS = 192
WIDTHS = (32, 64, 128, DIMENSIONS)


class SpriteNet(nn.Module):
    """Types of sprites on white, and the features that they are told by.

    A stem that halves the size, then four pairs of residual convolutions (He et al. 2016, arXiv
    1603.05027, with the activation first), the last three of which halve it again; the mean over
    the image is the feature, and one linear layer names the type.
    """

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, WIDTHS[0], 5, stride=2, padding=2)
        before = (WIDTHS[0], *WIDTHS[:-1])
        self.blocks = nn.Sequential(
            *(
                _Block(inputs, outputs, stride=1 if index == 0 else 2)
                for index, (inputs, outputs) in enumerate(zip(before, WIDTHS, strict=True))
            )
        )
        self.norm = nn.BatchNorm2d(DIMENSIONS)
        self.types = nn.Linear(DIMENSIONS, len(TYPES))

    def features(self, images: Tensor) -> Tensor:
        """float (n, 3, 64, 64) in [-1, 1], on white, to float (n, 192), at least 0."""
        x = self.blocks(self.stem(images))  # (n, 192, 4, 4)
        return self.norm(x).relu().mean((2, 3))

    def forward(self, images: Tensor) -> Tensor:
        """Logits of the first type, float (n, 18)."""
        return self.types(self.features(images))


class _Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.skip = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.skip = nn.Sequential(nn.AvgPool2d(stride), nn.Conv2d(inputs, outputs, 1))

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv1(self.norm1(x).relu())
        return self.skip(x) + self.conv2(self.norm2(y).relu())


def as_input(images: Tensor) -> Tensor:
    """uint8 (n, 3, S, S), on white, as the network takes them: float (n, 3, 64, 64)."""
    pixels = images.float()
    if pixels.shape[2:] != (SIDE, SIDE):
        pixels = interpolate(pixels, (SIDE, SIDE), mode="bilinear", antialias=True)
    return pixels / 127.5 - 1


def sprite_net() -> SpriteNet:
    """The trained network, in evaluation mode; its weights come with the package.

    Raises:
        PokeGANError: they cannot be read.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    network = SpriteNet()
    try:
        network.load_state_dict(load_file(WEIGHTS), strict=True)
    except (OSError, SafetensorError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise PokeGANError(
            f"{WEIGHTS.name}: cannot be read ({reason}); reinstall pokegan"
        ) from error
    return network.float().eval().requires_grad_(False)
