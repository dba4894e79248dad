"""The run folder: a run's checkpoints, log and model folders. Only the main process writes it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor

from pokegan.errors import PokeGANError
from pokegan.files import clear_litter, write_atomically
from pokegan.hub.card import last_log_entry
from pokegan.models.base import SpriteModel
from pokegan.training.checkpoint import (
    Checkpoint,
    checkpoint_path,
    checkpoint_paths,
    checkpoint_step,
    load_newest_checkpoint,
    refuse_another_run,
    save_checkpoint,
)
from pokegan.training.logs import LOG_NAME, RunLog, plot_log
from pokegan.training.model_folder import (
    clear_timeline,
    keep_history,
    write_curves,
    write_model_folder,
    write_timeline_picture,
)
from pokegan.training.options import RunOptions
from pokegan.training.recipe import Recipe


class RunFolder:
    """What a run leaves on the disk.

    Args:
        out: the folder; made by :meth:`open`.
        recipe: what is trained.
        options: how.

    Attributes:
        model: the model folder as of the last checkpoint.
        best: the model folder of the best evaluation.
        saved: the newest checkpoint of this run.
    """

    def __init__(self, out: Path, recipe: Recipe, options: RunOptions):
        self.out, self._recipe, self._options = out, recipe, options
        self._checkpoints = out / "checkpoints"
        self.model, self.best = out / "model", out / "best"
        self.saved: Path | None = None

    def newest_checkpoint(self, facts: Mapping[str, Any]) -> Checkpoint | None:
        """The checkpoint that the run goes on from, if it is to go on and there is one.

        Args:
            facts: of this run, that those of the checkpoint must fit.

        Raises:
            PokeGANError: a run lies here that is not to be continued, or another one.
        """
        if self._options.resume == "never":
            existing = checkpoint_paths(self._checkpoints)
            if existing:
                raise PokeGANError(
                    f"{self.out} already holds a run ({existing[0].name}): continue it with"
                    f" --resume auto, or choose another folder with --out"
                )
            return None
        checkpoint = load_newest_checkpoint(self._checkpoints)
        if checkpoint is not None:
            refuse_another_run(self.out, checkpoint.facts, facts, self._options.data_may_change)
            self.saved = checkpoint.path
        return checkpoint

    def open(self, start: int) -> RunLog:
        """Clear away what a crash has left, note recipe and options, and begin or continue the log.

        Args:
            start: steps done already.
        """
        self.out.mkdir(parents=True, exist_ok=True)
        for folder in (self.out, self._checkpoints, self.out / "logs"):
            clear_litter(folder)
        for folder in (self.model, self.best):
            clear_litter(folder)
            clear_litter(folder / "timeline")
        write_atomically(self.out / "recipe.yaml", self._recipe.to_yaml().encode())
        options = json.dumps(vars(self._options), indent=2) + "\n"
        write_atomically(self.out / "options.json", options.encode())
        clear_timeline(self.model, start)
        if self._recipe.start is not None and start == 0:
            keep_history(self.model, self._recipe.start)
        self.log = RunLog(self.out / "logs", start)
        return self.log

    def close(self) -> None:
        """Flush the log, and draw its curves."""
        self.log.close()
        plot_log(self.log.path, self.out / "logs")
        write_curves(self.model)

    def write_checkpoint(
        self, done: int, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]
    ) -> None:
        """As :func:`pokegan.training.checkpoint.save_checkpoint`."""
        self.saved = save_checkpoint(self._checkpoints, done, tensors, facts)

    def has_checkpoint_of(self, done: int) -> None:
        """Take note of a checkpoint that the main process has written."""
        self.saved = checkpoint_path(self._checkpoints, done)

    def write_model(
        self,
        done: int,
        model: SpriteModel,
        data: Mapping[str, Any],
        run: Mapping[str, Any],
        best: bool = False,
    ) -> None:
        """Write ``model/``, or ``best/``.

        Args:
            done: steps done.
            model: the network that is published.
            data: ``Sprites.summary()``.
            run: :func:`pokegan.training.machine.run_facts`.
            best: whether it is the best one, which has a folder of its own.

        Raises:
            PokeGANError: the disk is full or fails.
        """
        folder = self.best if best else self.model
        try:
            write_model_folder(
                folder, model, self._recipe.to_yaml(), self._recipe.seed, data, run, self.log.path
            )
        except OSError as error:
            raise PokeGANError(
                f"{folder}: cannot be written ({error.strerror or error}); the checkpoint of step"
                f" {done} is intact; make room and use --resume auto"
            ) from error

    def best_step(self) -> int:
        """The step that ``best/`` is of; 0 where there is none."""
        return (last_log_entry(self.best / LOG_NAME) or {}).get("step", 0)

    def draw_timeline(self, done: int, model: SpriteModel) -> Image.Image:
        """Draw the timeline's latents after so many steps."""
        return write_timeline_picture(self.model, model, done, self._recipe.seed)

    def last_checkpoint(self) -> str:
        """Words about the newest checkpoint."""
        if self.saved is None:
            return "no checkpoint exists yet"
        return f"the last good checkpoint is {self.saved}"

    def last_checkpoint_before(self, step: int) -> str:
        """Words about the newest checkpoint of an earlier step."""
        for path in checkpoint_paths(self._checkpoints):
            if checkpoint_step(path) < step:
                return f"the last checkpoint before it is {path}"
        return "no checkpoint is older"
