"""What ``train.py`` runs."""

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from pokegan.allocator import keep_freed_memory
from pokegan.cores import usable_cores
from pokegan.errors import PokeGANError
from pokegan.training.command_line import parse_command_line
from pokegan.training.options import RunOptions
from pokegan.training.recipe import Recipe

if TYPE_CHECKING:
    from accelerate import Accelerator

    from pokegan.data.resolve import Sprites
    from pokegan.data.stream import StreamedSprites


def main(argv: Sequence[str] | None = None) -> int:
    """Run one training from a command line; see ``train.py --help``.

    Args:
        argv: the command line without the program's name (default: ``sys.argv``).

    Returns:
        The exit status: 0, 2 for an error that was told in one line, or 128 and the signal's
        number where a signal ended the run.
    """
    from pokegan.training.stopping import Interrupted

    try:
        return _run(*parse_command_line(sys.argv[1:] if argv is None else argv))
    except PokeGANError as error:
        print(f"train.py: error: {error}", file=sys.stderr)
        return 2
    except Interrupted as stop:
        print(f"train.py: {stop}", file=sys.stderr)
        return 128 + stop.signal_number


def _run(recipe: Recipe, options: RunOptions) -> int:
    from pokegan.training.loop import train
    from pokegan.training.processes import Processes, meet
    from pokegan.training.pushing import check_target, pushing

    own, recipe = recipe, with_precision_of_launcher(recipe, os.environ)
    accelerator = meet(options.cpu, recipe.mixed_precision)
    if recipe != own and accelerator.is_main_process:
        print(
            f"warning: accelerate launch asks for mixed precision {recipe.mixed_precision}, which"
            f" replaces {own.mixed_precision!r}",
            file=sys.stderr,
        )
    gpus = torch.cuda.device_count() if accelerator.device.type == "cuda" else None
    check_world(accelerator.num_processes, options.num_processes, os.environ, gpus)
    if accelerator.device.type == "cpu":
        # Launchers set OMP_NUM_THREADS=1, which would leave most of the machine idle.
        here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        torch.set_num_threads(options.threads or max(1, usable_cores() // here))
        keep_freed_memory()
        torch.set_flush_denormal(True)  # vanishing gradients must not slow the arithmetic
    pushes = options.push_to is not None and accelerator.is_main_process
    if pushes:
        check_target(options.push_to, options.push_private)
    with Processes(accelerator).local_main_first():
        sprites = _open(options, options.split).of_colours(recipe.shiny)
        validation = None
        if recipe.early_stopping.metric is not None:
            if options.split == "all":
                raise PokeGANError("early stopping needs sprites to validate: use --split train")
            validation = _open(options, "validation").of_colours(recipe.shiny)
    out = Path(options.out or Path("runs") / recipe.name)
    if accelerator.is_main_process:
        print(_summary(recipe, sprites, out, accelerator), flush=True)
    if options.dry_run:
        return 0
    pusher = nullcontext()
    if pushes:
        pusher = pushing(out, options.push_to, options.push_private, options.push_every)
    with pusher as model_written:
        model_folder = train(recipe, options, sprites, validation, out, accelerator, model_written)
    if accelerator.is_main_process:
        print(f"model folder: {model_folder}")
    accelerator.end_training()
    return 0


def _open(options: RunOptions, split: str) -> "Sprites | StreamedSprites":
    from pokegan.data.resolve import open_sprites
    from pokegan.data.stream import stream_sprites

    if options.streaming:
        return stream_sprites(options.data, split, options.stream_buffer)
    return open_sprites(options.data, split)


def with_precision_of_launcher(recipe: Recipe, environment: Mapping[str, str]) -> Recipe:
    """The recipe, in bf16 where ``accelerate launch`` or its configuration asks for that.

    Its "no" cannot be told from its silence and leaves the recipe's own.

    Raises:
        PokeGANError: a precision is asked for that no recipe can be trained in.
    """
    asked = environment.get("ACCELERATE_MIXED_PRECISION", "no")
    if asked == "no":
        return recipe
    if asked != "bf16":
        raise PokeGANError(
            f"accelerate launch asks for mixed precision {asked}, but losses are not scaled for it;"
            f" give it --mixed_precision bf16 or no"
        )
    return replace(recipe, mixed_precision=asked)


def check_world(
    processes: int,
    wanted: int | None,
    environment: Mapping[str, str],
    gpus: int | None = None,
) -> None:
    """Refuse to train with fewer or more processes than were asked for, or than there are GPUs.

    Args:
        processes: how many take part.
        wanted: ``--num-processes``, if given.
        environment: the environment variables, where launchers leave their traces.
        gpus: GPUs of this machine, where processes use them.

    Raises:
        PokeGANError: the numbers differ.
    """
    here = int(environment.get("LOCAL_WORLD_SIZE", "1"))
    if gpus is not None and here > gpus:
        raise PokeGANError(
            f"the launcher started {here} processes on a machine with {gpus} GPUs; start one for"
            f" each GPU"
        )
    launched = int(environment.get("WORLD_SIZE", "1"))
    if launched != processes:
        raise PokeGANError(
            f"the launcher started {launched} processes, but they do not work together (no GPU for"
            f" each?); to train on the CPU with several processes, add --cpu"
        )
    # `accelerate launch --cpu --num_processes N` starts one process, and leaves only the address
    # of a meeting point that nobody else comes to.
    if "WORLD_SIZE" not in environment and {"MASTER_PORT", "ACCELERATE_USE_CPU"} <= set(
        environment
    ):
        raise PokeGANError(
            "accelerate launch was asked for several CPU processes but starts only one; use"
            " `torchrun --nproc_per_node N train.py ... --cpu`"
        )
    if wanted is not None and wanted != processes:
        raise PokeGANError(
            f"--num-processes asks for {wanted} processes, but {processes} take part; start them"
            f" with `torchrun --nproc_per_node {wanted} train.py ...`"
        )


def _summary(
    recipe: Recipe, sprites: "Sprites | StreamedSprites", out: Path, accelerator: "Accelerator"
) -> str:
    recipe.build_objective()  # its settings are checked before anything is trained
    lines = [recipe.to_yaml().rstrip(), "---"]
    for role, network in recipe.build_networks().items():
        count = sum(parameter.numel() for parameter in network.parameters())
        lines.append(f"{role}: {type(network).__name__}, {count:,} parameters")
    facts = sprites.summary()
    types = ", ".join(f"{name} {count}" for name, count in facts["types"].items())
    steps = recipe.total_steps(len(sprites))
    length = (
        f"{recipe.minutes:g} minutes"
        if steps is None
        else f"{steps} steps = {steps * recipe.batch_size / 1000:.1f} kimg"
    )
    threads = f" x {torch.get_num_threads()} threads" if accelerator.device.type == "cpu" else ""
    lines += [
        f"data: {facts['name']}, split {facts['split']}: {facts['sprites']} sprites,"
        f" fingerprint {facts['fingerprint']}",
        f"types: {types or 'not counted in a stream'}",
        f"length: {length}",
        f"processes: {accelerator.num_processes} on {accelerator.device.type}{threads},"
        f" mixed precision {recipe.mixed_precision}",
        f"run folder: {out}",
    ]
    return "\n".join(lines)
