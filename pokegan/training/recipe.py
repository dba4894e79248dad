"""Recipes and the options of a run: YAML files and the command line, validated into dataclasses."""

import inspect
import itertools
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import yaml
from torch import nn

from pokegan.data.augment import Augmentation
from pokegan.errors import PokeGANError, near_matches, shown
from pokegan.models import ARCHITECTURES
from pokegan.objectives import OBJECTIVES, Objective
from pokegan.seeding import derive_seed

RECIPES = Path(__file__).parent.parent / "recipes"
"""The folder of the recipes that come with the package."""

DURATIONS = ("kimg", "epochs", "minutes")
ODD_YAML = (ValueError, AttributeError, RecursionError)
"""What PyYAML raises, beside its own errors, on a 13th month, a number that is none, or deep lists;
and Python on a path or a number that is none."""
FLAGS = {
    "streaming": "read the sprites of a folder or a Hub data set while training, for data larger"
    " than memory or disk",
    "dry_run": "print the resolved recipe, parameter counts and data summary, and stop",
    "data_may_change": "continue a run though its data has changed since the checkpoint",
    "stop_on_collapse": "end the run where it collapses, instead of only warning",
    "cpu": "train on the CPU even where there is a GPU; needed for several CPU processes",
    "push_private": "create the repository that is pushed to private, and refuse a public one",
}


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


@dataclass(frozen=True)
class RunOptions:
    """What data a recipe runs on, where, and how.

    Args:
        data: "gen5" (built on first use), "synthetic" or "synthetic:SPECIES", a folder made by
            `pokegan dataset build`, or a Hub data set (user/name[@revision]).
        split: the part of the data to train on; "all" leaves no sprites to judge the model by.
        streaming: read the sprites of a folder or a Hub data set while training, for data larger
            than memory or disk.
        stream_buffer: sprites, as they are stored, that a stream holds to mix them, over all
            processes: the more, the better mixed. Besides, it holds the row groups of Parquet that
            it is reading, or pages of large ones, and a few batches.
        out: the run folder (default: runs/ and the recipe's name).
        resume: "auto" continues the run that the folder holds, if it holds one.
        dry_run: print the resolved recipe, parameter counts and data summary, and stop.
        data_may_change: continue a run though its data has changed since the checkpoint.
        stop_on_collapse: end the run where it collapses, instead of only warning.
        cpu: train on the CPU even where there is a GPU; needed for several CPU processes.
        num_processes: refuse to start unless exactly so many processes take part.
        threads: CPU threads of each process (default: the cores shared evenly).
        clock: what minutes and the log's seconds count: "wall", the time that passes, or "cpu", the
            time that the first process computes, over all its threads, which is fair where other
            work shares the cores.
        checkpoint_kimg: thousand real images between checkpoints.
        log_every: steps between lines of the log.
        watch_kimg: thousand real images between looks at the diversity of fixed latents' sprites.
        eval_kimg: thousand real images between evaluations (FD, KID, diversity and novelty, see
            `pokegan evaluate`); the best model by KID to the validation split is kept in best/
            beside model/. Without it there are none. They take time that --minutes does not count.
        eval_minutes: minutes between evaluations, instead of eval_kimg.
        eval_samples: sprites drawn for an evaluation.
        eval_features: feature networks for evaluations, separated by commas; the first one's KID
            decides which model is best.
        max_bank_gib: a data set that needs more memory than this is read through worker processes
            instead of being held in memory.
        push_to: the Hub id (user/name) that the model is published under when the run is complete.
        push_every: thousand real images after which a checkpoint's model is published there as
            well, in the background.
        push_private: create the repository that is pushed to private, and refuse a public one.
    """

    data: str = "gen5"
    split: Literal["train", "all"] = "train"
    streaming: bool = False
    stream_buffer: int = 8192
    out: str | None = None
    resume: Literal["never", "auto"] = "never"
    dry_run: bool = False
    data_may_change: bool = False
    stop_on_collapse: bool = False
    cpu: bool = False
    num_processes: int | None = None
    threads: int | None = None
    clock: Literal["wall", "cpu"] = "wall"
    checkpoint_kimg: float = 20.0
    log_every: int = 10
    watch_kimg: float = 2.0
    eval_kimg: float | None = None
    eval_minutes: float | None = None
    eval_samples: int = 1000
    eval_features: str = "efficientnet-lite0,sprite-net"
    max_bank_gib: float = 4.0
    push_to: str | None = None
    push_every: float | None = None
    push_private: bool = False

    def __post_init__(self):
        above_0 = ("num_processes", "threads", "checkpoint_kimg", "log_every", "watch_kimg")
        for name in (*above_0, "eval_kimg", "eval_minutes", "stream_buffer", "push_every"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise PokeGANError(f"{name} must be above 0, not {value}")
        if self.eval_kimg is not None and self.eval_minutes is not None:
            raise PokeGANError("give one of eval_kimg and eval_minutes, not both")
        if self.evaluates and self.split == "all":
            raise PokeGANError("evaluations need sprites to validate: use --split train")
        if self.evaluates and self.streaming:
            raise PokeGANError("evaluations need all sprites at hand: leave out --streaming")
        if self.push_to is None and (self.push_every is not None or self.push_private):
            raise PokeGANError("push_every and push_private need push_to: say where to push")
        if self.max_bank_gib < 0:
            raise PokeGANError(f"max_bank_gib must not be negative, not {self.max_bank_gib}")

    @property
    def evaluates(self) -> bool:
        """Whether the model is measured while it is trained."""
        return self.eval_kimg is not None or self.eval_minutes is not None


def recipe_names() -> list[str]:
    """Names of the recipes that come with the package."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def read_recipe_file(name_or_path: str) -> tuple[Path, dict[str, Any]]:
    """Find and read a recipe.

    Args:
        name_or_path: a recipe of the package, or the path of a ``.yaml`` file.

    Returns:
        The file's path and its content.

    Raises:
        PokeGANError: no such recipe, or a file that is no YAML mapping.
    """
    path = RECIPES / f"{name_or_path}.yaml"
    if name_or_path.endswith((".yaml", ".yml")):
        path = Path(name_or_path)
    elif name_or_path not in recipe_names():
        raise PokeGANError(
            f"unknown recipe {name_or_path!r}{near_matches(name_or_path, recipe_names())}"
        )
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, *ODD_YAML) as error:
        raise PokeGANError(f"{path}: cannot be read ({' '.join(str(error).split())})") from error
    if not isinstance(content, dict):
        raise PokeGANError(f"{path}: a recipe must be a YAML mapping")
    for section in ("networks", "objective"):
        if not isinstance(content.get(section), dict):
            raise PokeGANError(f"{path}: the section {section!r} is missing or no mapping")
    return path, content


def parse_command_line(argv: Sequence[str]) -> tuple[Recipe, RunOptions]:
    """Read ``--recipe NAME``, then let every other option override a field.

    Options may be written with dashes or underscores (``--checkpoint-kimg``); a length of the
    training given here (``--kimg``, ``--epochs`` or ``--minutes``) replaces the recipe's.

    Args:
        argv: the command line without the program's name.

    Raises:
        PokeGANError: an unknown field, recipe or value; the message names near matches.
        SystemExit: after ``--help``.
    """
    argv = [_underscores(argument) for argument in argv]
    # Network and objective classes bring their own fields, so their names are looked up first.
    path, content = read_recipe_file(_option(argv, "--recipe") or "dcgan")
    content["objective"]["family"] = _option(argv, "--objective.family") or content[
        "objective"
    ].get("family")
    for role, settings in content["networks"].items():
        if not isinstance(role, str) or not role.isidentifier():
            raise PokeGANError(f"{path}: networks: {shown(role)} is no name of a role")
        if not isinstance(settings, dict):
            raise PokeGANError(f"{path}: networks.{role} must be a mapping")
        settings["architecture"] = _option(argv, f"--networks.{role}.architecture") or settings.get(
            "architecture"
        )

    parser, roles = _parser(content)
    try:
        given = [f"--{name}={value}" for name, value in _flat(content)]
    except (TypeError, ValueError, RecursionError) as error:  # YAML has more than JSON
        raise PokeGANError(f"{path}: a field holds what no recipe has ({error})") from error
    if any(_option(argv, f"--{name}") is not None for name in DURATIONS):
        given = [option for option in given if option.split("=")[0][2:] not in DURATIONS]
    # Both through one door: a field of the file is checked exactly like an option.
    known = {action.dest for action in parser._actions if action.dest != "help"}
    for option in given:
        name = option[2:].split("=")[0]
        if name not in known:
            raise PokeGANError(f"{path}: unknown field {name!r}{near_matches(name, known)}")
    values = parser.parse_args([*given, *argv]).as_dict()

    recipe = Recipe(
        networks={role: values["networks"][role] for role in roles},
        **{section: kind(**values[section]) for section, kind in SECTIONS.items()},
        **{
            f.name: values[f.name]
            for f in fields(Recipe)
            if f.name != "networks" and f.name not in SECTIONS
        },
    )
    options = RunOptions(**{f.name: values[f.name] for f in fields(RunOptions)})
    return recipe, options


def _parser(content: Mapping[str, Any]):
    from jsonargparse import ArgumentParser

    class Parser(ArgumentParser):
        """Tells errors in one line, with near matches."""

        def error(self, message, ex=None):
            raise PokeGANError(_one_line(message, self))

    parser = Parser(
        prog="train.py",
        description="Train a recipe. Every field of the recipe is an option.",
    )
    parser.add_argument(
        "--recipe",
        default="dcgan",
        help=f"one of {', '.join(recipe_names())}, or the path of a .yaml file",
    )
    for name, text in FLAGS.items():
        parser.add_argument(f"--{name}", action="store_true", help=text)
    parser.add_class_arguments(RunOptions, None, skip=set(FLAGS))
    parser.add_class_arguments(Recipe, None, skip={"networks", "objective", *SECTIONS})
    for section, kind in SECTIONS.items():
        parser.add_class_arguments(kind, section)
    parser.add_argument("--objective.family", type=str, help="the objective family")
    parser.add_class_arguments(OBJECTIVES.get(content["objective"]["family"]), "objective")
    for role, settings in content["networks"].items():
        architecture = ARCHITECTURES.get(settings["architecture"])
        parser.add_argument(
            f"--networks.{role}.architecture", type=str, help="the architecture's name"
        )
        # Size and channels of the image come from the section "image".
        parser.add_class_arguments(architecture, f"networks.{role}", skip={"size", "channels"})
    return parser, list(content["networks"])


def _one_line(message: str, parser) -> str:
    message = " ".join(message.split())
    options = [option for action in parser._actions for option in action.option_strings]
    unknown = re.search(r"unrecognized arguments: (\S+)", message, re.IGNORECASE)
    if unknown:
        name = unknown.group(1).split("=")[0]
        return f"unknown option {name!r}{near_matches(name, options)}"
    choices = re.search(r'key "(\S+)": .*Literal\[(.*?)\]\.? Got value: (.*)', message)
    if choices:
        known = [choice.strip(" '\"") for choice in choices.group(2).split(",")]
        value = choices.group(3)
        return f"{choices.group(1)}: unknown value {value!r}{near_matches(value, known)}"
    wrong = re.fullmatch(r'Parser key "(\S+)": (.*)', message)
    return f"{wrong.group(1)}: {wrong.group(2)}" if wrong else message


def _underscores(argument: str) -> str:
    if not argument.startswith("--"):
        return argument
    name, equals, value = argument[2:].partition("=")
    return f"--{name.replace('-', '_')}{equals}{value}"


def _option(argv: Sequence[str], name: str) -> str | None:
    for index, argument in enumerate(argv):
        if argument.startswith(f"{name}="):
            return argument.partition("=")[2]
        if argument == name and index + 1 < len(argv):
            return argv[index + 1]
    return None


def _flat(content: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    flat = []
    for name, value in content.items():
        if isinstance(value, Mapping):
            flat += _flat(value, f"{prefix}{name}.")
        elif value is not None:
            flat.append((f"{prefix}{name}", value if isinstance(value, str) else json.dumps(value)))
    return flat
