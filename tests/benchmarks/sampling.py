"""Images a second of released models, and what the machine could do."""

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

import pokegan
from pokegan.models.base import SpriteModel
from pokegan.text import three_digits

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


def matrix_peaks(side: int) -> dict[str, float]:
    """The best FLOP/s of products of square matrices, by precision."""
    peaks = {}
    for name, dtype in PRECISIONS.items():
        a, b = torch.randn(2, side, side).to(dtype)
        fastest = min(_seconds(lambda a=a, b=b: a @ b, 5))
        peaks[name] = 2 * side**3 / fastest
    return peaks


def sampling_rows(
    folders: Sequence[Path],
    batches: Sequence[int],
    ways: Sequence[str],
    peaks: dict[str, float],
    repeats: int,
) -> list[list[str]]:
    """A row for each model, precision, way ("eager" or "compiled") and batch; see
    ``speed.sampling``. ``sample(16)`` is always eager."""
    rows = []
    for folder in folders:
        for name, dtype in PRECISIONS.items():
            model = pokegan.load(folder).to(dtype)
            whole = (
                f"{1000 * statistics.median(_seconds(lambda m=model: m.sample(16), repeats)):.0f}"
            )
            for way in ways:
                network = torch.compile(model, dynamic=False) if way == "compiled" else model
                for batch in batches:
                    inputs = _inputs(model, batch)
                    seconds = statistics.median(
                        _seconds(lambda n=network, i=inputs: n(*i), repeats)
                    )
                    share = _flops(model, inputs) / seconds / peaks[name]
                    numbers = [three_digits(batch / seconds), f"{share:.2f}", whole]
                    rows.append([folder.name, name, way, str(batch), *numbers])
    return rows


def _inputs(model: SpriteModel, batch: int) -> list[Tensor]:
    """Latents, and labels where the model takes them, in its precision."""
    dtype, labels = next(model.parameters()).dtype, model.labels(batch)
    inputs = [model.latents(batch), *([] if labels is None else [labels])]
    return [one.to(dtype) if one.is_floating_point() else one for one in inputs]


def _flops(model: SpriteModel, inputs: Sequence[Tensor]) -> int:
    # With gradients: without, the counter fails where a layer's input is a parameter.
    with FlopCounterMode(display=False) as counter:
        model(*inputs)
    return counter.get_total_flops()


@torch.inference_mode()
def _seconds(function: Callable, repeats: int) -> list[float]:
    """Seconds of each call, after one that does not count."""
    function()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return times
