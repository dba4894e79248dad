"""The numbers of one model, or of a folder of images, and ``metrics.json``, where they are kept."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pokegan.data.feed import SpriteBank
from pokegan.data.npm import cache_dir
from pokegan.errors import PokeGANError
from pokegan.files import write_atomically
from pokegan.metrics.features import DEFAULT_NETWORKS
from pokegan.metrics.image_set import FEWEST, ImageSet, group_of, model_set, on_white_page
from pokegan.metrics.judge import Judge, Seen
from pokegan.metrics.nearest_sheet import least_new, nearest_sheet
from pokegan.metrics.smoothness import perceptual_path_length
from pokegan.models.autoencoder import AutoencodingModel
from pokegan.models.base import SpriteModel
from pokegan.models.conditioning import CLASSES
from pokegan.sheet import png_bytes

VERSION = 1
"""Of the protocol: numbers of different versions must not be compared."""

PATH_PAIRS = 200
"""Pairs of latents for the perceptual path length."""

SHOWN = 12
"""Samples a row in ``nearest.png``; so many of the least new are named in ``metrics.json``."""


@dataclass(frozen=True)
class Protocol:
    """How a model is judged.

    Attributes:
        data: the dataset, as ``--data`` takes it.
        split: what fidelity and diversity are measured against.
        samples: sprites drawn for each seed.
        seeds: of the samples; a model's value is the mean over them.
        networks: feature networks; the first also judges types and near-duplicates.

    Raises:
        PokeGANError: too few samples, no seed, or no network.
    """

    data: str = "gen5"
    split: str = "train"
    samples: int = 1500
    seeds: tuple[int, ...] = (0, 1, 2)
    networks: tuple[str, ...] = DEFAULT_NETWORKS

    def __post_init__(self):
        if self.samples < FEWEST:
            raise PokeGANError(f"--samples must be at least {FEWEST}, not {self.samples}")
        if not self.seeds:
            raise PokeGANError("--seeds must be at least 1")
        if not self.networks or len(set(self.networks)) < len(self.networks):
            raise PokeGANError("--features needs at least one network, and each only once")


@dataclass(frozen=True)
class Evaluation:
    """What was measured.

    Attributes:
        facts: the content of ``metrics.json``: "protocol"; "metrics", by name the "mean" over
            seeds, their "deviation" and the values of all "seeds"; "real", what real sprites get;
            "floors", fidelity of what is known (:meth:`Judge.floors`); "types", where the sprites
            have labels; "least_new", the samples of the first seed that look most like copies; of
            a model, "weights" (:func:`weights_key`).
        nearest: the picture ``nearest.png``.
    """

    facts: dict[str, Any]
    nearest: Image.Image

    def write(self, folder: Path) -> None:
        """Write ``metrics.json`` and ``nearest.png``, each whole or not at all.

        Raises:
            PokeGANError: the folder cannot be written.
        """
        try:
            write_atomically(folder / "nearest.png", png_bytes(self.nearest))
            text = json.dumps(self.facts, indent=1) + "\n"
            write_atomically(folder / "metrics.json", text.encode())
        except OSError as error:
            raise PokeGANError(
                f"{folder}: cannot be written ({error.strerror or error})"
            ) from error


class Judges:
    """Judges by size, so that several models share what is known of the real sprites.

    Args:
        protocol: how models are judged.
        cache: the folder for what can be kept (default: the user's cache).
    """

    def __init__(self, protocol: Protocol, cache: Path | None = None):
        self.protocol, self._cache = protocol, cache or cache_dir()
        self._judges: dict[int, Judge] = {}

    def of_size(self, size: int) -> Judge:
        """The judge for sprites of ``size`` pixels."""
        if size not in self._judges:
            p = self.protocol
            self._judges[size] = Judge(p.data, p.split, size, p.networks, self._cache)
        return self._judges[size]

    def floors(self, size: int) -> dict[str, dict[str, float]]:
        """:meth:`Judge.floors`, kept in the cache by the content of data and networks."""
        judge, samples = self.of_size(size), self.protocol.samples
        path = self._cache / "floors" / f"{judge.key}-{samples}-{VERSION}.json"
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            floors = judge.floors(samples)
            with suppress(OSError):  # a full disk costs time, not the result
                write_atomically(path, json.dumps(floors).encode())
            return floors


def evaluate_model(model: SpriteModel, judges: Judges) -> Evaluation:
    """Measure a model with every seed of the protocol.

    Raises:
        PokeGANError: as for :class:`Judge`.
    """
    protocol, judge = judges.protocol, judges.of_size(model.size)
    values, first = [], None
    for seed in protocol.seeds:
        seen = judge.look(model_set(model, protocol.samples, seed, judge.real.sprites))
        first = first or seen
        values.append(judge.measure(seen, seed) | of_latents(model, judge, seed))
    evaluation = _evaluation(values, first, judges, protocol.seeds)
    evaluation.facts["weights"] = weights_key(model)
    return evaluation


def weights_key(model: SpriteModel) -> str:
    """A hash of a model's weights, by which it is told from another version of itself."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()[:16]


def evaluate_images(images: ImageSet, judges: Judges) -> Evaluation:
    """Measure images of a folder, of which there is only one set.

    Raises:
        PokeGANError: as for :class:`Judge`.
    """
    seen = judges.of_size(images.size).look(images)
    values = judges.of_size(images.size).measure(seen)
    return _evaluation([values], first=seen, judges=judges, seeds=None)


def of_latents(model: SpriteModel, judge: Judge, seed: int) -> dict[str, float]:
    """What only a model has, not its images: a path length, and how well an encoder reads.

    "reconstruction_error" is the mean of |G(E(x)) - x| over channels in [0, 255], on white, of
    training and of held-out sprites; "latent_error", where codes are latents, the mean of
    (E(G(z)) - z)²: latents that have nothing to do with each other would differ by 2.
    """
    first = judge.first
    length = perceptual_path_length(model, first.name, PATH_PAIRS, seed)
    values = {f"path_length_{first.metric_name}@{PATH_PAIRS}": length}
    if not isinstance(model, AutoencodingModel):
        return values
    for name, real, sprites in (
        ("train", judge.training, judge.training_sprites),
        ("held_out", judge.held_out, judge.held_out_sprites),
    ):
        bank = SpriteBank(sprites.dataset, model.size, model.channels)
        images = next(bank.batches([np.arange(len(sprites))])).image
        types = _encoder_names(model, real.sprites.first_type)
        drawn = model.reconstruct(images, types, output="tensor")
        error = (on_white_page(drawn) - on_white_page(images)).abs().mean().item()
        values[f"reconstruction_error_{name}@{len(sprites)}"] = error
    if model.encoder_conditioning != model.conditioning:
        return values  # what it reads is not what a sprite is drawn from
    count = len(judge.held_out_sprites)
    types = _encoder_names(model, judge.held_out.sprites.first_type)
    latents = model.latents(count, seed)
    labels = None if types is None else model.labels_of(types, count)
    again = model.encode(model.draw(latents, labels).clamp(-1, 1), types)
    values[f"latent_error@{count}"] = (again - latents).square().mean().item()
    return values


def _encoder_names(model: AutoencodingModel, first_type: Tensor) -> list[str] | None:
    """Sprites' types as a model's encoder names them; ``None`` for one that knows none."""
    if model.encoder_conditioning is None:
        return None
    labels = group_of(first_type) if model.encoder_conditioning == "group" else first_type
    return [CLASSES[model.encoder_conditioning][label] for label in labels.tolist()]


def _evaluation(
    values: Sequence[Mapping[str, float]],
    first: Seen,
    judges: Judges,
    seeds: Sequence[int] | None,
) -> Evaluation:
    protocol, judge = judges.protocol, judges.of_size(first.sprites.size)
    nearest, training = judge.nearest(first), judge.training.sprites
    facts: dict[str, Any] = {
        "protocol": {
            "version": VERSION,
            "data": judge.sprites.summary()["name"],
            "fingerprint": judge.sprites.fingerprint(),
            "split": protocol.split,
            "real_sprites": len(judge.real.sprites),
            "training_sprites": len(training),
            "held_out_sprites": len(judge.held_out.sprites),
            "size": first.sprites.size,
            "samples": len(first.sprites),
            "seeds": list(seeds) if seeds is not None else None,
            "networks": {network.name: network.key for network in judge.networks},
        },
        "metrics": {name: _over_seeds([one[name] for one in values]) for name in values[0]},
        "real": judge.real_values(first.sprites.conditioning),
        "floors": judges.floors(first.sprites.size),
    }
    if first.sprites.labels is not None:
        _, held_out = judge.classifier(first.sprites.conditioning)
        facts["types"] = {
            "conditioning": first.sprites.conditioning,
            "labels": list(CLASSES[first.sprites.conditioning]),
            "classifier": f"logistic regressions on {judge.first.name} and on colours",
            "held_out": asdict(held_out),
            "samples": asdict(judge.type_scores(first)),
        }
    facts["least_new"] = [
        {
            "sample": sample,
            "training_sprite": training.names[nearest.index[sample]],
            "score": round(nearest.score[sample].item(), 4),
            "novel": nearest.novel[sample].item(),
        }
        for sample in least_new(nearest, SHOWN).tolist()
    ]
    return Evaluation(facts, nearest_sheet(first.sprites, training, nearest, SHOWN))


def _over_seeds(values: list[float]) -> dict[str, Any]:
    deviation = stdev(values) if len(values) > 1 else None
    return {"mean": fmean(values), "deviation": deviation, "seeds": values}
