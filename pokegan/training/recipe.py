"""Recipes: everything that, with the data, determines a training, as validated dataclasses."""

import inspect
import itertools
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import yaml
from torch import nn

from pokegan.data.augment import Augmentation
from pokegan.errors import PokeGANError
from pokegan.models import ARCHITECTURES
from pokegan.objectives import OBJECTIVES, Objective
from pokegan.seeding import derive_seed

DURATIONS = ("kimg", "epochs", "minutes")


@dataclass(frozen=True)
class ImageSettings:
    """What the networks see of a sprite.

    Args:
        size: height and width in pixels.
        channels: 1 (grey) or 3 (RGB), composited on white as the papers did, or 4 (RGBA).
    """

    size: int = 64
    channels: int = 3


@dataclass(frozen=True)
class OptimizerSettings:
    """The optimizer that every player gets a copy of.

    Args:
        name: "adam" (Kingma & Ba 2015), or "rmsprop" (Tieleman & Hinton 2012), which keeps no
            first moment.
        learning_rate: step size, above 0.
        adversary_learning_rate: step size of the players whose networks are not published, by
            default the same (two time scales: Heusel et al. 2017, arXiv 1706.08500).
        betas: decay rates of the first and second moment, in [0, 1); the first is 0 for rmsprop.
        cooldown: share of the training, at its end, during which step sizes fall evenly to 0;
            from 0 to 1. A finished run that is made longer takes up larger steps again.

    Raises:
        PokeGANError: a value out of range.
    """

    name: Literal["adam", "rmsprop"] = "adam"
    learning_rate: float = 2e-4
    adversary_learning_rate: float | None = None
    betas: tuple[float, float] = (0.5, 0.999)
    cooldown: float = 0.0

    def __post_init__(self):
        for name in ("learning_rate", "adversary_learning_rate"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise PokeGANError(f"optimizer.{name} must be above 0")
        if not all(0 <= beta < 1 for beta in self.betas):
            raise PokeGANError(f"optimizer.betas must lie in [0, 1), not {self.betas}")
        if not 0 <= self.cooldown <= 1:
            raise PokeGANError(f"optimizer.cooldown must lie in [0, 1], not {self.cooldown}")
        if self.name == "rmsprop" and self.betas[0] != 0:
            raise PokeGANError("optimizer.betas: rmsprop keeps no first moment; make the first 0")


@dataclass(frozen=True)
class EarlyStoppingSettings:
    """When to stop before the set length, and to publish the best weights instead of the last.

    Args:
        metric: a scalar that the objective's validation gives, lower being better; without it,
            training goes on to the end.
        every_kimg: thousand real images between validations, above 0.
        from_kimg: validations before so many thousand real images are logged but do not count: an
            untrained critic finds no distance at all.
        patience: validations without a new best value before the run stops, at least 1.

    Raises:
        PokeGANError: a value out of range.
    """

    metric: str | None = None
    every_kimg: float = 5.0
    from_kimg: float = 0.0
    patience: int = 10

    def __post_init__(self):
        if not self.every_kimg > 0 or self.from_kimg < 0 or self.patience < 1:
            raise PokeGANError(
                "early_stopping: every_kimg and patience must be above 0, from_kimg not below"
            )


@dataclass(frozen=True)
class GrowthSettings:
    """Training on small images first (progressive growing, Karras et al. 2018, arXiv 1710.10196).

    Args:
        sizes: heights and widths, growing, each a half, a quarter, ... of the full one (larger ones
            count as the full one); for networks that can be grown ("sprite-generator").
        until: the share of the training, growing, at which each of these sizes is left.

    Raises:
        PokeGANError: lists of different lengths, or values that do not grow or are out of range.
    """

    sizes: tuple[int, ...] = ()
    until: tuple[float, ...] = ()

    def __post_init__(self):
        if len(self.sizes) != len(self.until):
            raise PokeGANError("growth: give one share in until for each of sizes")
        for name, values in (("sizes", (0, *self.sizes)), ("until", (0, *self.until, 1))):
            if any(after <= before for before, after in itertools.pairwise(values)):
                raise PokeGANError(f"growth.{name} must grow, within their range")

    def size_at(self, share: float, full: int) -> int:
        """The height and width of images after this share of the training, 0 to 1."""
        stages = zip(self.sizes, self.until, strict=True)
        return min(full, next((size for size, end in stages if share < end), full))


SECTIONS = {
    "optimizer": OptimizerSettings,
    "image": ImageSettings,
    "growth": GrowthSettings,
    "augmentation": Augmentation,
    "early_stopping": EarlyStoppingSettings,
}
"""Parts of a recipe that are mappings of their own, besides networks and objective."""


@dataclass(frozen=True)
class Recipe:
    """Everything that, with the data, determines the weights of a run.

    Args:
        name: the recipe's name, also the default name of the run folder.
        title: one line for people.
        source: the work that the recipe is after.
        networks: for each role, the architecture's name and its arguments.
        objective: the family's name and its arguments.
        optimizer: the players' optimizer.
        image: what the networks see of a sprite.
        growth: smaller images for the beginning of the training.
        shiny: the colours to train on: "both", "normal" or "only" (nothing but shiny ones).
        augmentation: what happens to images before a discriminator sees them.
        early_stopping: whether and when to stop early.
        batch_size: real images a step, over all processes.
        kimg: length of the training in thousand real images seen.
        epochs: length of the training in passes over the data set.
        minutes: length of the training in minutes spent training.
        ema_half_life_kimg: half-life of the exponential moving average of the published weights,
            in thousand real images; without it the raw weights are published.
        mixed_precision: "no" for float32, or "bf16".
        seed: of initial weights, latents, the order of the data and the samples.
        start: a trained model, folder or Hub id, whose weights the published network begins with,
            instead of fresh ones; what it lacks, such as an encoder, begins fresh.
    """

    name: str
    title: str
    networks: Mapping[str, Mapping[str, Any]]
    objective: Mapping[str, Any]
    source: str = ""
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    image: ImageSettings = field(default_factory=ImageSettings)
    growth: GrowthSettings = field(default_factory=GrowthSettings)
    shiny: Literal["both", "normal", "only"] = "both"
    augmentation: Augmentation = field(default_factory=Augmentation)
    early_stopping: EarlyStoppingSettings = field(default_factory=EarlyStoppingSettings)
    batch_size: int = 64
    kimg: float | None = None
    epochs: float | None = None
    minutes: float | None = None
    ema_half_life_kimg: float | None = None
    mixed_precision: Literal["no", "bf16"] = "no"
    seed: int = 0
    start: str | None = None

    def __post_init__(self):
        given = [name for name in DURATIONS if getattr(self, name) is not None]
        if len(given) != 1:
            raise PokeGANError(
                f"recipe {self.name!r}: give exactly one of kimg, epochs and minutes,"
                f" not {' and '.join(given) or 'none'}"
            )
        for name in ("batch_size", *DURATIONS, "ema_half_life_kimg"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise PokeGANError(
                    f"recipe {self.name!r}: {name} must be above 0 and finite, not {value}"
                )
        if self.image.channels == 1 and self.augmentation.needs_color:
            raise PokeGANError(
                f"recipe {self.name!r}: grey images (image.channels 1) cannot be recoloured; leave"
                f" out augmentation.recolor, augmentation.jitter and augmentation.six"
            )

    def build_objective(self) -> Objective:
        """The objective, with its settings checked."""
        settings = dict(self.objective)
        return OBJECTIVES.get(settings.pop("family"))(**settings)

    def build_networks(self) -> dict[str, nn.Module]:
        """Fresh networks by role; initial weights depend on the seed and the role alone.

        The global random state is used and given back as it was.
        """
        import torch

        networks = {}
        for role, settings in self.networks.items():
            arguments = dict(settings)
            network_class = ARCHITECTURES.get(arguments.pop("architecture"))
            known = inspect.signature(
                network_class
            ).parameters  # a latent discriminator has no size
            arguments |= {k: v for k, v in asdict(self.image).items() if k in known}
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(derive_seed(self.seed, "init", role))
                networks[role] = network_class(**arguments)
        return networks

    def total_steps(self, sprites: int) -> int | None:
        """Steps of the whole training on a data set of so many sprites; ``None`` where
        ``minutes`` sets the length."""
        if self.minutes is not None:
            return None
        images = self.kimg * 1000 if self.kimg is not None else self.epochs * sprites
        return max(1, -int(-images // self.batch_size))

    def to_yaml(self) -> str:
        """The recipe as it can be read back."""
        values = {k: v for k, v in asdict(self).items() if v is not None}
        for section in SECTIONS:
            values[section] = {k: v for k, v in values[section].items() if v is not None}
        values["optimizer"]["betas"] = list(values["optimizer"]["betas"])
        values["growth"] = {name: list(value) for name, value in values["growth"].items()}
        if not self.growth.sizes:
            del values["growth"]  # runs from before there was growth can be continued
        return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
