"""What every published model shares: strict loading, and sprites as a function of the seed."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Literal, overload

import numpy as np
import torch
from huggingface_hub import PyTorchModelHubMixin
from huggingface_hub.constants import CONFIG_NAME, SAFETENSORS_SINGLE_FILE
from PIL import Image
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from pokegan.errors import PokeGANError
from pokegan.hub_files import fetch_files
from pokegan.models import ARCHITECTURES
from pokegan.models.checks import check_arguments, check_choice, check_number
from pokegan.models.conditioning import (
    CLASSES,
    Types,
    check_knows_shiny,
    labels_of,
    labels_of_classes,
)
from pokegan.models.interpolation import slerp
from pokegan.models.shapes import shapes_only
from pokegan.seeding import derive_seed

CHUNK = 16
"""Sprites are drawn in chunks of this many, however many are asked for.

Convolution kernels round differently for different batch sizes; a fixed shape is what makes
sprite *i* of a seed the same pixels whether 1 or 1,000 are drawn.
"""


class SpriteModel(nn.Module, PyTorchModelHubMixin, library_name="pokegan"):
    """A generator of sprites that can be saved, published, loaded and sampled.

    Subclasses take only int, float, str, bool and lists of them at ``__init__`` (the Hub mixin
    stores nothing else faithfully), check them, and are registered in ``ARCHITECTURES``. Their
    ``forward`` maps latents (n, latent_dim) to images (n, channels, size, size) in [-1, 1]; that
    of a type-conditional model takes labels (:data:`pokegan.models.conditioning.CLASSES`) as well.

    Attributes:
        architecture: the registered name.
        conditioning: what the labels are ("group", "type", "types"), or ``None`` for a model
            without.
        latent_dim: length of a latent.
        size: height and width of a sprite in pixels.
        channels: 1 (grey), 3 (RGB) or 4 (RGBA).
        many_steps: whether ``forward`` passes through its network many times, as diffusion does.
        steps: how many times.
        on_step: called after each of them, to tell how far the drawing is.
    """

    architecture: ClassVar[str]
    many_steps: ClassVar[bool] = False
    steps: int = 1
    on_step: Callable[[], None] | None = None
    conditioning: str | None = None
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
        takes config and weights, whole and undamaged, from one commit
        (:func:`pokegan.hub_files.fetch_files` says when the cache serves).

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
            folder = fetch_files(
                source,
                lambda _: [SAFETENSORS_SINGLE_FILE],
                CONFIG_NAME,
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
        # Shapes are compared first: a misfit costs no memory.
        with shapes_only():
            expected = model_class(**arguments).state_dict()
        state = _read_weights(weights_path, expected)
        model = model_class(**arguments)
        model.load_state_dict(state, strict=True)
        return model.to(memory_format=torch.channels_last).eval()

    def begin_fresh_parts(self) -> None:
        """Called where a training begins with the weights of a model that lacks parts of this one:
        a model may fit these parts to the others. By default they stay as they are."""

    # ---- drawing ------------------------------------------------------------------------------

    def latents(self, n: int, seed: int = 0) -> Tensor:
        """Draw the latents of sprites 0..n-1 of a seed.

        Returns:
            Float tensor (n, latent_dim), standard normal, on the CPU. Row *i* depends on the seed
            and *i* alone.
        """

        def draw(generator: torch.Generator) -> Tensor:
            return torch.randn(CHUNK, self.latent_dim, generator=generator)

        return _by_chunks(n, seed, "sample", draw)

    def labels(self, n: int, seed: int = 0, shiny: bool = False) -> Tensor | None:
        """Draw the labels of sprites 0..n-1 of a seed: one type or type group each, all being
        equally likely.

        Returns:
            int64 tensor (n,), or float tensor (n, 19) for "types"; label *i* depends on the seed
            and *i* alone. ``None`` for a model without conditioning.

        Raises:
            PokeGANError: shiny colours of a model that does not know them.
        """
        check_knows_shiny(shiny, self.conditioning)
        if self.conditioning is None:
            return None
        classes = len(CLASSES[self.conditioning])

        def draw(generator: torch.Generator) -> Tensor:
            return torch.randint(classes, (CHUNK,), generator=generator)

        labels = _by_chunks(n, seed, "labels", draw)
        return labels_of_classes(labels, self.conditioning, shiny)

    @overload
    def sample(
        self,
        n: int,
        seed: int = 0,
        types: Types | None = None,
        *,
        shiny: bool = False,
        truncation: float = 1.0,
        output: Literal["pil"] = "pil",
    ) -> list[Image.Image]: ...
    @overload
    def sample(
        self,
        n: int,
        seed: int = 0,
        types: Types | None = None,
        *,
        shiny: bool = False,
        truncation: float = 1.0,
        output: Literal["tensor"],
    ) -> Tensor: ...
    def sample(self, n, seed=0, types=None, *, shiny=False, truncation=1.0, output="pil"):
        """Draw ``n`` sprites, always the same ones for the same seed.

        Sprite *i* of a seed does not depend on ``n``. The model draws in evaluation mode, whatever
        mode it is in, and returns to that mode.

        Args:
            n: how many sprites, at least 1.
            seed: any integer.
            types: for type-conditional models, a type or type group for all sprites ("fire",
                "water-ice"), or a list with one for each; by default the seed chooses among all
                labels. Names are mapped to what the model knows, and some know mixtures
                (:func:`pokegan.models.conditioning.labels_of`).
            shiny: ask for shiny colours, of models that know which sprites are shiny.
            truncation: factor on the latents, from 0 to 2. Below 1, sprites are more typical and
                less diverse; 0 draws one sprite alone. The scaling is simpler than BigGAN's
                truncation trick (Brock et al. 2019, arXiv 1809.11096, section 3.1), which draws
                large latents again; it lets a sprite change smoothly.
            output: "pil" for a list of RGB (or RGBA) images of ``size`` x ``size`` pixels, or
                "tensor" for a float tensor (n, channels, size, size) in [-1, 1] on the CPU.

        Raises:
            PokeGANError: ``n`` is below 1, ``output`` or a type is unknown, ``truncation`` is out
                of range, or the model knows no types or no shiny colours.
        """
        check_choice("output", output, ("pil", "tensor"))
        check_number("truncation", truncation, 0, 2)
        labels = self.labels(n, seed, shiny) if types is None else self.labels_of(types, n, shiny)
        images = self.draw(self.latents(n, seed) * truncation, labels)
        return images if output == "tensor" else to_pil(images)

    def labels_of(self, types: Types, n: int, shiny: bool = False) -> Tensor:
        """The labels that ``types`` mean to this model; see :meth:`sample`.

        Raises:
            PokeGANError: an unknown type, a list of another length, or a model without
                conditioning.
        """
        if self.conditioning is None:
            raise PokeGANError(
                f"{self.architecture!r} draws without regard to types; leave out types, or choose"
                f" a type-conditional model (see `pokegan recipes`)"
            )
        return labels_of(types, n, self.conditioning, shiny)

    def interpolate(
        self,
        start: Tensor,
        end: Tensor,
        /,
        steps: int,
        types: Types | None = None,
        *,
        output: Literal["pil", "tensor"] = "pil",
    ) -> list[Image.Image] | Tensor:
        """Draw the sprites on the way from one latent to another.

        The way is a great circle (:func:`pokegan.models.interpolation.slerp`): standard normal
        latents of many dimensions lie near a sphere, and the straight line leaves it.

        Args:
            start: float tensor (latent_dim,), such as a row of :meth:`latents`.
            end: the same.
            steps: sprites to draw, both ends included; at least 2.
            types: a type or type group; required of type-conditional models.
            output: as for :meth:`sample`.

        Raises:
            PokeGANError: latents of another shape, fewer than 2 steps, types that are missing,
                unknown, or given to a model that knows none.
        """
        check_choice("output", output, ("pil", "tensor"))
        for latent in (start, end):
            if tuple(latent.shape) != (self.latent_dim,):
                raise PokeGANError(
                    f"interpolate needs latents of shape ({self.latent_dim},), not"
                    f" {tuple(latent.shape)}"
                )
        latents = slerp(start, end, steps)
        images = self.draw(latents, self.required_labels(types, steps))
        return images if output == "tensor" else to_pil(images)

    def required_labels(self, types: Types | None, n: int) -> Tensor | None:
        """Labels from ``types``, where leaving them to chance would make no sense.

        Raises:
            PokeGANError: a type-conditional model is given none, or :meth:`labels_of` refuses.
        """
        if types is not None:
            return self.labels_of(types, n)
        if self.conditioning is not None:
            raise PokeGANError(
                f"{self.architecture!r} is type-conditional; say which types, such as types='fire'"
            )
        return None

    def draw(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Draw one sprite for each latent, in chunks of one fixed shape.

        Args:
            latents: float tensor (n, latent_dim).
            labels: int64 tensor (n,), or float tensor (n, 19), for type-conditional models.

        Returns:
            Float tensor (n, channels, size, size) in [-1, 1], on the CPU.
        """
        return self._in_chunks(self, latents, *(() if labels is None else (labels,)))

    def _in_chunks(self, network: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        """Run ``network``, a part of this model, in evaluation mode in chunks of one fixed shape.

        Args:
            network: this model, a part of it or one of its methods.
            inputs: tensors (n, ...), rows of which belong together; floating ones are brought to
                the model's precision.

        Returns:
            Float tensor (n, ...) on the CPU.
        """
        with self._in_evaluation() as parameter, torch.inference_mode():
            results = []
            for start in range(0, len(inputs[0]), CHUNK):
                parts = [tensor[start : start + CHUNK] for tensor in inputs]
                chunk = network(*(_filled_up(part, parameter) for part in parts))
                results.append(chunk[: len(parts[0])].float().cpu())
        return torch.cat(results)

    @contextmanager
    def _in_evaluation(self) -> Iterator[nn.Parameter]:
        """In evaluation mode, and laid out as for drawing; gives a parameter, which tells device
        and precision. Afterwards, the model is in the mode that it was in."""
        # As in training: convolutions are faster so, and other layouts round differently.
        self.to(memory_format=torch.channels_last)
        was_training = self.training
        self.eval()
        try:
            yield next(self.parameters())
        finally:
            self.train(was_training)


def _by_chunks(n: int, seed: int, stream: str, draw: Callable[[torch.Generator], Tensor]) -> Tensor:
    if n < 1:
        raise PokeGANError(f"n must be at least 1, not {n}")
    chunks = [
        draw(torch.Generator().manual_seed(derive_seed(seed, stream, chunk)))
        for chunk in range(-(-n // CHUNK))
    ]
    return torch.cat(chunks)[:n]


def _filled_up(part: Tensor, parameter: Tensor) -> Tensor:
    """``part`` (m, ...) with zero rows up to CHUNK, where and how the parameter is kept."""
    chunk = torch.zeros(CHUNK, *part.shape[1:], dtype=part.dtype)
    chunk[: len(part)] = part
    dtype = parameter.dtype if part.is_floating_point() else part.dtype
    return chunk.to(parameter.device, dtype)


def to_pil(images: Tensor) -> list[Image.Image]:
    """Turn a float tensor (n, channels, height, width) in [-1, 1] into 8-bit PIL images.

    One channel becomes mode "L", three "RGB", four "RGBA".
    """
    pixels = images.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
    pixels = np.ascontiguousarray(pixels.permute(0, 2, 3, 1).cpu().numpy())
    return [
        Image.fromarray(array.squeeze(-1) if array.shape[-1] == 1 else array) for array in pixels
    ]


def _read_config(path: Path) -> dict:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # nested too deep, numbers too long
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
                shown = "; ".join(problem[:300] for problem in problems[:5])
                more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
                raise PokeGANError(f"{path}: the weights do not fit config.json: {shown}{more}")
            return {key: file.get_tensor(key) for key in shapes}
    except (SafetensorError, OSError) as error:
        reason = " ".join(str(error)[:300].split())
        raise PokeGANError(f"{path}: cannot be read as safetensors ({reason})") from error
