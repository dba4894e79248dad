"""What every published model shares: strict loading, and sprites as a function of the seed."""

import json
import os
from pathlib import Path
from typing import ClassVar, Literal, overload

import numpy as np
import torch
from huggingface_hub import PyTorchModelHubMixin, hf_hub_download
from huggingface_hub.constants import CONFIG_NAME, SAFETENSORS_SINGLE_FILE
from PIL import Image
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from pokegan.errors import PokeGANError
from pokegan.hub_errors import hub_errors_in_one_line
from pokegan.models import ARCHITECTURES
from pokegan.models.checks import check_arguments
from pokegan.seeding import derive_seed

CHUNK = 16
"""Sprites are drawn in chunks of this many, however many are asked for.

Convolution kernels round differently for different batch sizes; a fixed shape is what makes
sprite *i* of a seed the same pixels whether 1 or 1,000 are drawn.
"""


class SpriteModel(nn.Module, PyTorchModelHubMixin, library_name="pokegan"):
    """A generator of sprites that can be saved, published, loaded and sampled.

    Subclasses take only int, float, str, bool and lists of them at ``__init__`` (the Hub mixin
    stores nothing else faithfully), check them, and are registered in ``ARCHITECTURES``.
    """

    architecture: ClassVar[str]
    latent_dim: int
    size: int
    channels: int

    # ---- saving and loading -------------------------------------------------------------------

    def save_pretrained(self, save_directory: str | Path, **kwargs) -> str | None:
        """Write ``config.json`` (init arguments and the architecture's name) and
        ``model.safetensors``; ``kwargs`` as in ``PyTorchModelHubMixin.save_pretrained``."""
        if kwargs.get("config") is None:  # push_to_hub passes None
            kwargs["config"] = {"architecture": self.architecture, **self._hub_mixin_config}
        return super().save_pretrained(save_directory, **kwargs)

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | Path,
        *,
        revision: str | None = None,
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        force_download: bool = False,
        local_files_only: bool = False,
    ) -> "SpriteModel":
        """Load a model folder or a Hub repository, in evaluation mode.

        Called on ``SpriteModel`` itself, it picks the class that ``config.json`` names. Unlike the
        mixin's, it reads safetensors only, refuses weights that do not fit the architecture, and
        takes config and weights from one commit.

        Args:
            pretrained_model_name_or_path: a folder, or a Hub id ("user/name").
            revision: branch, tag or commit on the Hub (default: the main branch).
            token: as in ``huggingface_hub``; by default the stored token.
            cache_dir: where downloads are kept (default: the Hub cache).
            force_download: fetch again what the cache holds.
            local_files_only: use the cache only.

        Raises:
            PokeGANError: no such folder or repository, a file missing or damaged, an unknown
                architecture, an unfit value, or weights that do not fit.
        """
        source = str(pretrained_model_name_or_path)
        if os.path.isdir(source):
            folder = Path(source)
        else:
            folder = _download(
                source,
                revision=revision,
                token=token,
                cache_dir=cache_dir,
                force_download=force_download,
                local_files_only=local_files_only,
            )
        config_path, weights_path = folder / CONFIG_NAME, folder / SAFETENSORS_SINGLE_FILE
        for path in (config_path, weights_path):
            if not path.is_file():
                raise PokeGANError(f"{source}: {path.name} is missing; is this a model folder?")
        arguments = _read_config(config_path)
        architecture = arguments.pop("architecture", None)
        if architecture is None:
            raise PokeGANError(f"{config_path}: field 'architecture' is missing")
        model_class = ARCHITECTURES.get(architecture)
        if not issubclass(model_class, cls):
            raise PokeGANError(
                f"{source} holds the architecture {architecture!r}, which is no {cls.__name__};"
                f" load it with pokegan.load"
            )
        check_arguments(model_class, arguments, str(config_path))
        # Shapes are compared on the meta device first: a misfit costs no memory.
        with torch.device("meta"):
            expected = model_class(**arguments).state_dict()
        state = _read_weights(weights_path, expected)
        model = model_class(**arguments)
        model.load_state_dict(state, strict=True)
        return model.eval()

    # ---- drawing ------------------------------------------------------------------------------

    def latents(self, n: int, seed: int = 0) -> Tensor:
        """Draw the latents of sprites 0..n-1 of a seed.

        Returns:
            Float tensor (n, latent_dim), standard normal, on the CPU. Row *i* depends on the seed
            and *i* alone.
        """
        if n < 1:
            raise PokeGANError(f"n must be at least 1, not {n}")
        chunks = [
            torch.randn(
                CHUNK,
                self.latent_dim,
                generator=torch.Generator().manual_seed(derive_seed(seed, "sample", chunk)),
            )
            for chunk in range(-(-n // CHUNK))
        ]
        return torch.cat(chunks)[:n]

    @overload
    def sample(
        self, n: int, seed: int = 0, *, output: Literal["pil"] = "pil"
    ) -> list[Image.Image]: ...
    @overload
    def sample(self, n: int, seed: int = 0, *, output: Literal["tensor"]) -> Tensor: ...
    def sample(self, n, seed=0, *, output="pil"):
        """Draw ``n`` sprites, always the same ones for the same seed.

        Sprite *i* of a seed does not depend on ``n``. The model draws in evaluation mode, whatever
        mode it is in, and returns to that mode.

        Args:
            n: how many sprites, at least 1.
            seed: any integer.
            output: "pil" for a list of RGB (or RGBA) images of ``size`` x ``size`` pixels, or
                "tensor" for a float tensor (n, channels, size, size) in [-1, 1] on the CPU.

        Raises:
            PokeGANError: ``n`` is below 1 or ``output`` is unknown.
        """
        if output not in ("pil", "tensor"):
            raise PokeGANError(f"output must be 'pil' or 'tensor', not {output!r}")
        images = self.draw(self.latents(n, seed))
        return images if output == "tensor" else to_pil(images)

    @torch.inference_mode()
    def draw(self, latents: Tensor) -> Tensor:
        """Draw one sprite for each latent, in chunks of one fixed shape.

        Args:
            latents: float tensor (n, latent_dim).

        Returns:
            Float tensor (n, channels, size, size) in [-1, 1], on the CPU.
        """
        parameter = next(self.parameters())
        was_training = self.training
        self.eval()
        try:
            drawn = []
            for start in range(0, len(latents), CHUNK):
                part = latents[start : start + CHUNK]
                chunk = torch.zeros(CHUNK, *part.shape[1:], dtype=part.dtype)
                chunk[: len(part)] = part
                images = self(chunk.to(parameter.device, parameter.dtype))
                drawn.append(images[: len(part)].float().cpu())
        finally:
            self.train(was_training)
        return torch.cat(drawn)


def to_pil(images: Tensor) -> list[Image.Image]:
    """Turn a float tensor (n, channels, height, width) in [-1, 1] into 8-bit PIL images.

    One channel becomes mode "L", three "RGB", four "RGBA".
    """
    pixels = images.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
    pixels = np.ascontiguousarray(pixels.permute(0, 2, 3, 1).cpu().numpy())
    return [
        Image.fromarray(array.squeeze(-1) if array.shape[-1] == 1 else array) for array in pixels
    ]


def _download(
    repo_id: str,
    *,
    revision: str | None,
    token: str | bool | None,
    cache_dir: str | Path | None,
    force_download: bool,
    local_files_only: bool,
) -> Path:
    """Fetch config and weights of one commit; returns the cache folder of that commit."""
    options = {
        "token": token,
        "cache_dir": cache_dir,
        "force_download": force_download,
        "local_files_only": local_files_only,
    }
    with hub_errors_in_one_line(repo_id, revision):
        config = Path(hf_hub_download(repo_id, CONFIG_NAME, revision=revision, **options))
        # The cache lays a commit's files out as snapshots/<commit>/<file>.
        commit = config.parent.name
        hf_hub_download(repo_id, SAFETENSORS_SINGLE_FILE, revision=commit, **options)
    return config.parent


def _read_config(path: Path) -> dict:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise PokeGANError(f"{path}: cannot be read as JSON ({error})") from error
    if not isinstance(config, dict):
        raise PokeGANError(f"{path}: must hold a JSON object, not {type(config).__name__}")
    return config


def _read_weights(path: Path, expected: dict[str, Tensor]) -> dict[str, Tensor]:
    try:
        with safe_open(path, framework="pt") as file:
            shapes = {key: tuple(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118
            problems = [f"missing {key}" for key in expected if key not in shapes]
            problems += [f"unexpected {key}" for key in shapes if key not in expected]
            problems += [
                f"{key} is {shapes[key]} instead of {tuple(tensor.shape)}"
                for key, tensor in expected.items()
                if key in shapes and shapes[key] != tuple(tensor.shape)
            ]
            if problems:
                shown = "; ".join(problems[:5])
                more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
                raise PokeGANError(f"{path}: the weights do not fit config.json: {shown}{more}")
            return {key: file.get_tensor(key) for key in shapes}
    except (SafetensorError, OSError) as error:
        raise PokeGANError(f"{path}: cannot be read as safetensors ({error})") from error
