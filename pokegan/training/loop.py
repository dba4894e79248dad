"""The one training loop: devices, processes, precision, checkpoints, logs. It knows no family."""

import itertools
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor

from pokegan.data.batch import Batch
from pokegan.data.order import Share
from pokegan.data.resolve import Sprites
from pokegan.data.stream import StreamedSprites
from pokegan.data.transforms import shrink
from pokegan.errors import PokeGANError, near_matches
from pokegan.models.base import SpriteModel
from pokegan.models.noise import share_of_batch
from pokegan.objectives import Objective, Turn
from pokegan.seeding import derive_seed
from pokegan.training.early_stopping import EarlyStopping
from pokegan.training.evaluation import Evaluation
from pokegan.training.logs import Progress, read_log
from pokegan.training.machine import run_facts
from pokegan.training.model_folder import TIMELINE_SPRITES, is_timeline_step
from pokegan.training.options import RunOptions
from pokegan.training.processes import LostProcess, Processes
from pokegan.training.recipe import Recipe
from pokegan.training.run_folder import RunFolder
from pokegan.training.state import TrainState
from pokegan.training.stopping import Interrupted, stop_signal
from pokegan.training.streams import StepNoise, seed_inside
from pokegan.training.watch import Collapse, Watch, diversity, saturation

GO, TIME_IS_UP, NO_BETTER, NOT_FINITE, COLLAPSED = range(5)
SIGNALLED = 100
"""Reasons to stop, as numbers that processes can compare; a signal is 100 and its number."""


def train(
    recipe: Recipe,
    options: RunOptions,
    sprites: Sprites | StreamedSprites,
    validation: Sprites | StreamedSprites | None,
    out: Path,
    accelerator: Accelerator,
    model_written: Callable[[float], None] | None = None,
) -> Path:
    """Train a recipe, or continue a run, and return the model folder.

    Args:
        recipe: what to train.
        options: how to run it.
        sprites: the data.
        validation: the data that early stopping looks at, where the recipe has it.
        out: the run folder.
        accelerator: this process's place among the others.
        model_written: called on the main process whenever the model folder was written, with the
            thousand images seen.

    Raises:
        PokeGANError: unfit settings, a folder that holds another run, a NaN or infinite loss, a
            disk that is full, another process that is gone.
        Interrupted: SIGTERM or SIGINT came; a checkpoint was written first.
    """
    objective = recipe.build_objective()
    if validation is not None and not hasattr(objective, "validate"):
        raise PokeGANError(
            f"early_stopping: the family {recipe.objective['family']!r} has nothing to validate"
        )
    state = TrainState(recipe, objective, accelerator.device)
    folder = RunFolder(out, recipe, options)
    run = _Run(recipe, options, sprites, validation, folder, accelerator, objective, state)
    run.model_written = model_written
    try:
        with run.open() as start:
            run.walk(start)
    except LostProcess as error:
        way_on = ""
        if folder.saved:
            way_on = f"; {folder.last_checkpoint()}; continue with --resume auto"
        raise PokeGANError(
            f"{error}, so the run stopped; see its own message, if it left one{way_on}"
        ) from error
    except OSError as error:
        raise PokeGANError(
            f"{error.filename or out}: {error.strerror or error}, so the run stopped;"
            f" {folder.last_checkpoint()}; put it right and continue with --resume auto"
        ) from error
    except RuntimeError as error:  # torch raises it wherever the run is when a worker dies
        if "DataLoader worker" not in str(error):
            raise
        raise PokeGANError(
            f"a process that reads sprites has died ({str(error).splitlines()[0]}), so the run"
            f" stopped; {folder.last_checkpoint()}; a file of the data may be cut off, or memory"
            f" full"
        ) from error
    return folder.model


class _Run:
    def __init__(
        self,
        recipe: Recipe,
        options: RunOptions,
        sprites: Sprites | StreamedSprites,
        validation: Sprites | StreamedSprites | None,
        folder: RunFolder,
        accelerator: Accelerator,
        objective: Objective,
        state: TrainState,
    ):
        self.recipe, self.options, self.folder = recipe, options, folder
        self.accelerator, self.objective, self.state = accelerator, objective, state
        self.processes = Processes(accelerator)
        self.main = self.processes.is_main
        self.summary = {**sprites.summary(), **asdict(recipe.image)}
        image, max_bank_gib = recipe.image, options.max_bank_gib
        self.feed = sprites.feed(image.size, image.channels, max_bank_gib)
        self.content = self.feed.content()
        together = max(getattr(each, "images_together", 1) for each in state.networks.values())
        self.rows = self.processes.rows(recipe.batch_size, together)
        self.share = (self.rows.stop - self.rows.start) / recipe.batch_size
        self.total = recipe.total_steps(len(sprites))
        self.seconds = 0.0
        self.now = time.process_time if options.clock == "cpu" else time.monotonic
        self.model_written: Callable[[float], None] | None = None
        self.leave_together = False  # whether all know that they stop
        self.watch = Watch(diversity(self.feed.reference().image))
        self.evaluation = None
        if options.evaluates and self.main:
            networks = tuple(name.strip() for name in options.eval_features.split(","))
            self.evaluation = Evaluation(
                options.data, recipe.image.size, options.eval_samples, networks
            )
        self.stopper = None
        if validation is not None:
            self.stopper = EarlyStopping(recipe.early_stopping, state.published)
            feed = validation.feed(image.size, image.channels, max_bank_gib)
            self.validation = feed.reference()

    @property
    def published(self) -> SpriteModel:
        """What goes into the model folder: the best weights where there is a validation."""
        if self.stopper and self.stopper.best_value is not None:
            return self.stopper.best_model
        return self.state.published

    # ---- beginning and end --------------------------------------------------------------------

    @contextmanager
    def open(self) -> Iterator[int]:
        """Take up the run's folder; gives the number of steps that are done already."""
        start = self._begin_alike(self._resume() if self.main else 0)
        self.log = self.progress = None
        if self.main:
            self.log = self.folder.open(start)
            lines = read_log(self.log.path)
            for line in lines:
                self.watch.observe(line)
            if self.evaluation:
                self.evaluation.recall(lines)
                self._keep_best(start)
            self.progress = Progress(
                start * self.recipe.batch_size,
                None if self.total is None else self.total * self.recipe.batch_size,
                self.recipe.batch_size,
                self.recipe.minutes,
            )
        try:
            yield start
        except BaseException:
            with suppress(OSError):  # what ended the run is to be told, not what failed after it
                self._close()
            raise
        else:
            self._close()
        finally:
            # A launcher ends the others as soon as one process has left with an error.
            if self.leave_together:
                with suppress(LostProcess):
                    self.processes.wait()

    def _close(self) -> None:
        if self.main:
            self.progress.close()
            self.folder.close()

    def _resume(self) -> int:
        checkpoint = self.folder.newest_checkpoint(self._facts())
        if checkpoint is None:
            if self.recipe.start is not None:
                self.state.start_from(self.recipe.start)
            return 0
        self.state.load(checkpoint.tensors)
        if self.stopper:
            self.stopper.load(checkpoint.tensors, checkpoint.facts["early_stopping"])
        self.seconds = checkpoint.facts["seconds"]
        print(f"resuming {self.folder.out} at step {checkpoint.step}", flush=True)
        return checkpoint.step

    def _begin_alike(self, start: int) -> int:
        """Give the main process's state to the others, which may be on machines that have neither
        the run folder nor the model that it starts from; the number of steps that are done."""
        tensors = None
        if self.main:  # from the CPU, for others would put a GPU's onto the GPU of that number
            tensors = {name: tensor.cpu() for name, tensor in self.state.tensors().items()}
        given = self.processes.from_main((start, self.seconds, self.folder.saved, tensors))
        start, self.seconds, self.folder.saved, tensors = given
        if not self.main:
            self.state.load(tensors)
        return start

    def _facts(self) -> dict[str, Any]:
        return {
            "recipe": self.recipe.to_yaml(),
            "data": self.summary["fingerprint"],
            "order": self.feed.order,
            "content": self.content,
            "seconds": round(self.seconds, 3),
            **({"early_stopping": self.stopper.facts()} if self.stopper else {}),
        }

    # ---- the steps ----------------------------------------------------------------------------

    def walk(self, start: int) -> None:
        """Take the remaining steps, writing checkpoints and logs on the way."""
        steps = itertools.count(start) if self.total is None else range(start, self.total)
        # Both can only be so in a run that is resumed; the main process has read of it.
        over = self._time_is_up() or (self.stopper is not None and self.stopper.is_over)
        if self.processes.largest(over and self.main):
            steps = range(0)
        share = Share(self.recipe.seed, self.recipe.batch_size, self.rows)
        done = start
        with stop_signal() as received, closing(self.feed.steps(share, steps)) as batches:
            began = self.now()
            for batch in batches:
                share_done = self._share_done(done)
                self.state.cool_down(share_done)
                self.state.grow(share_done)
                scalars = self._step(done, batch)
                done += 1
                passed, self.seconds = self.seconds, self.seconds + self.now() - began
                looks = done % self.options.log_every == 0 or done == self.total
                reason = self._reason_to_stop(received, scalars if looks else {})
                if reason == NOT_FINITE:
                    self._stop_not_finite(done, scalars)
                if looks:
                    self._report(done, scalars)
                elif self.main:
                    self.progress.step()
                if self.stopper and self._is_due(done, self.recipe.early_stopping.every_kimg):
                    reason = max(reason, self._validate(done))
                better = self._evaluate(done, passed)
                ends = reason in (TIME_IS_UP, NO_BETTER) or done == self.total
                if is_timeline_step(done) or ends:
                    self._draw_timeline(done)
                if self._is_due(done, self.options.checkpoint_kimg) or better or reason or ends:
                    # The best model can be made again from its checkpoint, so that comes first.
                    self._write_checkpoint(done)
                    self._write_model(done, self.published)
                    self._keep_best(done)
                    self.processes.wait()
                    self.folder.has_checkpoint_of(done)
                if reason >= SIGNALLED and not ends:
                    self._stop_interrupted(done, reason - SIGNALLED)
                if ends:
                    break
                began = self.now()  # pictures and checkpoints are not training
        if done == start:
            # The run was complete, but it may have been killed before this was written.
            self._draw_timeline(done)
            self._write_model(done, self.published)
        self.leave_together = True

    def _step(self, step: int, batch: Batch) -> dict[str, Tensor]:
        recipe, accelerator = self.recipe, self.accelerator
        seed_inside(recipe.seed, step, accelerator.device)
        noise = StepNoise(
            recipe.seed,
            step,
            recipe.batch_size,
            self.rows,
            accelerator.device,
            recipe.augmentation,
        )
        batch = batch.to(accelerator.device)
        images = shrink(batch.image, self.state.image_size)
        batch = replace(batch, image=noise.augment_real(images))
        with share_of_batch(self.rows, recipe.batch_size):
            return self._play(self.objective.step(self.state.networks, batch, noise))

    def _play(self, turns: Iterator[Turn]) -> dict[str, Tensor]:
        accelerator = self.accelerator
        scalars: dict[str, Tensor] = {}
        while True:
            with accelerator.autocast():
                turn = next(turns, None)
            if turn is None:
                break
            self.state.update(turn.player, turn.loss, self._average_gradients)
            scalars[f"loss/{turn.player}"] = turn.loss.detach()
            scalars |= {name: value.detach() for name, value in turn.scalars.items()}
        self.state.update_average()
        return scalars

    def _average_gradients(self, gradients: tuple[Tensor, ...]) -> None:
        """Replace each gradient by that of the whole batch's loss, in place.

        Losses are means over shares of the batch, so that is the mean of the processes' gradients,
        weighted by their shares, whatever mixture of forward passes and penalties the loss is made
        of. DistributedDataParallel would reduce during a backward pass that follows one forward
        pass: it gives wrong gradients, without a word, or errors for the second derivatives of
        penalties, for networks that are run several times before a backward pass, for players
        that are part of a network, and for layers that do not take part while networks grow.
        """
        if self.processes.count == 1:
            return
        flat = self._over_batch(torch.cat([gradient.flatten() for gradient in gradients]))
        parts = flat.split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def _over_batch(self, means: Tensor) -> Tensor:
        """Means over the whole batch from those over each process's share."""
        return self.processes.sum(means * self.share)

    # ---- between the steps --------------------------------------------------------------------

    def _reason_to_stop(self, received: list[int], scalars: Mapping[str, Tensor]) -> int:
        """The strongest reason that any process has, so that all stop after the same step."""
        reason = TIME_IS_UP if self._time_is_up() else GO
        if received:
            reason = SIGNALLED + received[0]
        if any(not torch.isfinite(value) for value in scalars.values()):
            reason = NOT_FINITE
        return self.processes.largest(reason)

    def _share_done(self, done: int) -> float:
        """How much of the training is over, 0 to 1, in the eyes of the main process: step sizes
        must be the same everywhere."""
        if self.total is not None:
            return done / self.total
        share = min(1.0, self.seconds / (self.recipe.minutes * 60))
        return self.processes.number_from_main(share)

    def _time_is_up(self) -> bool:
        return self.recipe.minutes is not None and self.seconds >= self.recipe.minutes * 60

    def _report(self, done: int, scalars: Mapping[str, Tensor]) -> None:
        values = torch.stack([value.float() for value in scalars.values()])
        values = self._over_batch(values).tolist()
        collapse = None
        if self.main:
            named = dict(zip(scalars, values, strict=True))
            if self._is_due(done, self.options.watch_kimg, steps=self.options.log_every):
                named |= self._look(named)
            self._write_log(done, named)
            self.progress.step()
            self.progress.report(done, self.seconds, named)
            collapse = self.watch.observe({"step": done, "kimg": self._kimg(done), **named})
            if collapse:
                print(f"warning: {self._about(collapse)}", file=sys.stderr, flush=True)
        if self.options.stop_on_collapse and self.processes.largest(COLLAPSED if collapse else GO):
            self.leave_together = True
            raise PokeGANError(
                f"{self._about(collapse)}; stopped (--stop-on-collapse)"
                if collapse
                else f"step {done}: the run collapsed and was stopped (--stop-on-collapse)"
            )

    def _look(self, scalars: Mapping[str, float]) -> dict[str, float]:
        """How diverse the sprites of the timeline's latents are, beside real ones; how sure the
        discriminator is."""
        images = self.state.published.sample(TIMELINE_SPRITES, self.recipe.seed, output="tensor")
        seen = {"diversity": diversity(images) / self.watch.reference}
        if "D(x)" in scalars and "D(G(z))" in scalars:
            seen["saturation"] = saturation(scalars["D(x)"], scalars["D(G(z))"])
        return seen

    def _about(self, collapse: Collapse) -> str:
        before = self.folder.last_checkpoint_before(collapse.onset_step)
        return f"step {collapse.step}: {collapse.reason}; {before}"

    @torch.no_grad()
    def _validate(self, done: int) -> int:
        """Let early stopping see the validation sprites; NO_BETTER where patience has run out."""
        if self.main:
            seed = derive_seed(self.recipe.seed, "validation")
            size, device = len(self.validation), self.accelerator.device
            noise = StepNoise(seed, 0, size, slice(0, size), device)
            networks = self.state.networks
            for network in networks.values():
                network.eval()
            values = self.objective.validate(networks, self.validation.to(device), noise)
            for network in networks.values():
                network.train()
            values = {name: value.item() for name, value in values.items()}
            metric = self.recipe.early_stopping.metric
            if metric not in values:
                raise PokeGANError(
                    f"early_stopping.metric: unknown value {metric!r}{near_matches(metric, values)}"
                )
            self._write_log(done, values)
            if self._kimg(done) >= self.recipe.early_stopping.from_kimg:
                self.stopper.observe(values[metric], self.state.published)
        return self.processes.largest(NO_BETTER if self.main and self.stopper.is_over else GO)

    def _write_log(self, done: int, scalars: Mapping[str, float]) -> None:
        self.log.write(done, self._kimg(done), self.seconds, scalars)

    def _kimg(self, done: int) -> float:
        return done * self.recipe.batch_size / 1000

    def _draw_timeline(self, done: int) -> None:
        if self.main:
            self.log.picture(done, self.folder.draw_timeline(done, self.published))

    def _is_due(self, done: int, every_kimg: float, steps: int = 1) -> bool:
        """Whether the last ``steps`` steps completed another ``every_kimg`` thousand images."""
        every, size = every_kimg * 1000, self.recipe.batch_size
        return done * size // every > max(0, done - steps) * size // every

    def _write_checkpoint(self, done: int) -> None:
        if self.main:
            tensors = self.state.tensors() | (self.stopper.tensors() if self.stopper else {})
            self.folder.write_checkpoint(done, tensors, self._facts())

    def _evaluate(self, done: int, passed: float) -> bool:
        """Measure the model where it is time to, which the last step, begun after ``passed``
        seconds, may have brought; whether it is the best so far."""
        kimg, minutes = self.options.eval_kimg, self.options.eval_minutes
        if minutes is not None:
            every = minutes * 60
            due = self.processes.largest(self.main and self.seconds // every > passed // every)
        else:
            due = kimg is not None and self._is_due(done, kimg)
        if not due:
            return False
        better = False
        if self.main:
            values = self.evaluation.measure(self.state.published, self.recipe.seed)
            self._write_log(done, values)
            better = self.evaluation.observe({"step": done, **values})
        return bool(self.processes.largest(better))

    def _keep_best(self, done: int) -> None:
        """Write ``best/`` where these weights are the best and it does not hold them yet."""
        is_best = self.evaluation is not None and self.evaluation.best_step == done > 0
        if is_best and self.folder.best_step() != done:
            self._write_model(done, self.state.published, best=True)

    def _write_model(self, done: int, model: SpriteModel, best: bool = False) -> None:
        if self.main:
            run = run_facts(self.processes, self.options.clock)
            self.folder.write_model(done, model, self.summary, run, best)
            if self.model_written and not best:
                self.model_written(self._kimg(done))

    def _stop_not_finite(self, done: int, scalars: Mapping[str, Tensor]) -> None:
        names = [name for name, value in scalars.items() if not torch.isfinite(value)]
        self.leave_together = True
        raise PokeGANError(
            f"step {done}: {', '.join(names) or 'a value on another process'} became NaN or"
            f" infinite, so the run stopped; {self.folder.last_checkpoint()}; try a lower"
            f" --optimizer.learning_rate"
        )

    def _stop_interrupted(self, done: int, number: int) -> None:
        self.leave_together = True
        raise Interrupted(
            f"stopped by {signal.Signals(number).name} after step {done}; checkpoint written,"
            f" continue with --resume auto",
            number,
        )
