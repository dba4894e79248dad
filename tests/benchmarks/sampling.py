"""Images a second of released models, and what the machine could do."""

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
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
    folders: Sequence[Path], batches: Sequence[int], peaks: dict[str, float], repeats: int
) -> list[list[str]]:
    """A row for each model, precision and batch; see ``speed.sampling``."""
    rows = []
    for folder in folders:
        for name, dtype in PRECISIONS.items():
            model = pokegan.load(folder).to(dtype)
            whole = (
                f"{1000 * statistics.median(_seconds(lambda m=model: m.sample(16), repeats)):.0f}"
            )
            for batch in batches:
                seconds, flops = _drawing(model, batch, repeats)
                rate, share = batch / seconds, flops / seconds / peaks[name]
                rows.append(
                    [folder.name, name, str(batch), three_digits(rate), f"{share:.2f}", whole]
                )
    return rows


@torch.inference_mode()
def _drawing(model: SpriteModel, batch: int, repeats: int) -> tuple[float, int]:
    """Median seconds of one forward pass, and its FLOPs."""
    dtype = next(model.parameters()).dtype
    inputs = [model.latents(batch).to(dtype)]
    labels = model.labels(batch)
    if labels is not None:
        inputs.append(labels.to(dtype) if labels.is_floating_point() else labels)
    with FlopCounterMode(display=False) as counter:
        model(*inputs)
    return statistics.median(_seconds(lambda: model(*inputs), repeats)), counter.get_total_flops()


def _seconds(function: Callable, repeats: int) -> list[float]:
    """Seconds of each call, after one that does not count."""
    function()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return times
