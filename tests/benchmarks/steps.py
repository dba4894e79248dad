"""Where the time of a training step goes. ``python tests/benchmarks/steps.py OPTIONS OF TRAIN.PY``
trains in this process, with clocks around the loop's parts, and prints the result as JSON."""

import itertools
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from pokegan.data.order import Share
from pokegan.data.resolve import Sprites
from pokegan.errors import PokeGANError
from pokegan.training import loop
from pokegan.training.main import main
from pokegan.training.processes import Processes
from pokegan.training.state import TrainState
from pokegan.training.streams import StepNoise

WARM_UP = 6
"""Steps that are not counted: memory is laid out, kernels are chosen."""


class Clock:
    """Seconds spent in named parts. A part inside another is not counted in the outer one."""

    def __init__(self):
        self.seconds: dict[str, float] = defaultdict(float)
        self._stack, self._since = ["rest"], time.perf_counter()

    def _switch(self) -> None:
        now = time.perf_counter()
        self.seconds[self._stack[-1]] += now - self._since
        self._since = now

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count what happens inside as ``name``."""
        self._switch()
        self._stack.append(name)
        try:
            yield
        finally:
            self._switch()
            self._stack.pop()

    def around(self, name: str | Callable[..., str], function: Callable) -> Callable:
        """``function``, counted as ``name`` (or as what ``name`` says of its keywords)."""

        def timed(*arguments, **keywords):
            with self.part(name if isinstance(name, str) else name(**keywords)):
                return function(*arguments, **keywords)

        return timed

    def through(self, name: str, values: Iterable) -> Iterator:
        """The same values; the time that each takes to come is counted as ``name``."""
        iterator = iter(values)
        while True:
            with self.part(name):
                try:
                    value = next(iterator)
                except StopIteration:
                    return
            yield value

    def restart(self) -> None:
        """Forget everything so far."""
        self._switch()
        self.seconds.clear()


class Kernels(TorchDispatchMode):
    """Counts operations; views, which launch nothing on a GPU, apart."""

    count = 0

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        self.count += not function.is_view
        return function(*arguments, **(keywords or {}))


class _TimedFeed:
    def __init__(self, feed: Any, clock: Clock):
        self._feed, self._clock = feed, clock

        self.order, self.reference, self.content = feed.order, feed.reference, feed.content

    def steps(self, share: Share, steps: Iterable[int]) -> Iterator:
        return self._clock.through("data", self._feed.steps(share, steps))


def profile(options: list[str]) -> dict[str, Any]:
    """Train and say where time went.

    Returns:
        "batch_size", "seconds" from one step to the next (median), "mean_seconds" without the
        pictures but with lazy penalties, "shares" of all the time by part, "peak_mib" of the
        process, and "gflop" of the second step, which has no lazy penalty (``None`` where torch
        cannot count second derivatives).
        Parts: data, augmentation, forward, backward, penalty (first derivatives that are
        differentiated again), optimizer, average, logging, pictures (of the timeline, at steps
        8, 16, 32, ..., so that a short run has more of them than a training), and the loop's
        own overhead; with several processes, also reduction (gradients) and agreement (whether to
        stop).
        "reduced_bytes" and "messages", of a step: what a process gives to others, were there any,
        and how often it waits for them. "kernels" that the second step launches.
    """
    clock, ends = Clock(), []
    seen: dict[str, Any] = {"gflop": None, "parts": {}, "bytes": 0, "messages": 0}
    step, play, feed = loop._Run._step, loop._Run._play, Sprites.feed
    average, largest = loop._Run._average_gradients, Processes.largest
    from_main = Processes.number_from_main

    def counted_average(run: Any, gradients: tuple[torch.Tensor, ...]) -> None:
        seen["bytes"] += sum(gradient.nbytes for gradient in gradients)
        seen["messages"] += 1
        with clock.part("reduction"):
            average(run, gradients)

    def counted_largest(processes: Any, code: int) -> int:
        seen["messages"] += 1
        with clock.part("agreement"):
            return largest(processes, code)

    def counted_number(processes: Any, number: float) -> float:
        seen["messages"] += 1
        with clock.part("agreement"):
            return from_main(processes, number)

    def counted_step(run: Any, number: int, batch: Any) -> Any:
        seen["batch_size"] = run.recipe.batch_size
        if len(ends) == 1:
            try:
                with FlopCounterMode(display=False) as counter, Kernels() as kernels:
                    result = step(run, number, batch)
                seen["kernels"] = kernels.count
                seen["gflop"] = counter.get_total_flops() / 1e9
            except RuntimeError:
                result = step(run, number, batch)
        else:
            result = step(run, number, batch)
        ends.append(time.perf_counter())
        if len(ends) == WARM_UP:
            clock.restart()
        elif len(ends) == run.total:  # before the last checkpoint and figures
            clock._switch()
            seen["parts"] = dict(clock.seconds)
        return result

    loop._Run._step, loop._Run._average_gradients = counted_step, counted_average
    Processes.largest, Processes.number_from_main = counted_largest, counted_number
    loop._Run._play = lambda run, turns: play(run, clock.through("forward", turns))
    Sprites.feed = lambda *arguments: _TimedFeed(feed(*arguments), clock)
    loop._Run._report = clock.around("logging", loop._Run._report)
    loop._Run._draw_timeline = clock.around("pictures", loop._Run._draw_timeline)
    TrainState.update = clock.around("optimizer", TrainState.update)
    TrainState.update_average = clock.around("average", TrainState.update_average)
    StepNoise._augment = clock.around("augmentation", StepNoise._augment)
    torch.autograd.grad = clock.around(
        lambda create_graph=False, **_: "penalty" if create_graph else "backward",
        torch.autograd.grad,
    )
    with tempfile.TemporaryDirectory() as folder:
        # The default would write checkpoints and look at samples in the middle of a short run.
        quiet = [f"--out={folder}/run", "--checkpoint-kimg=1000000", "--watch-kimg=1000000"]
        if main([*options, *quiet]) != 0:
            raise PokeGANError(f"training failed: {' '.join(options)}")
    whole = sum(seen["parts"].values())
    shares = {name: value / whole for name, value in seen["parts"].items()}
    shares["overhead"] = shares.pop("rest")
    counted = itertools.pairwise(ends[WARM_UP - 1 :])
    return {
        "batch_size": seen["batch_size"],
        "seconds": statistics.median(after - before for before, after in counted),
        "mean_seconds": (whole - seen["parts"].get("pictures", 0)) / (len(ends) - WARM_UP),
        "shares": shares,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "gflop": seen["gflop"],
        "kernels": seen.get("kernels"),
        "reduced_bytes": seen["bytes"] / len(ends),
        "messages": seen["messages"] / len(ends),
    }


if __name__ == "__main__":
    seen = profile(sys.argv[1:])
    if os.environ.get("RANK", "0") == "0":
        print(json.dumps(seen))
