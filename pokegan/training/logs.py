"""What a run tells: a JSON-lines log, TensorBoard curves, progress on the screen, plots."""

import io
import json
import os
import sys
import textwrap
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from pokegan.files import write_atomically

LOG_NAME = "training_log.jsonl"
PLOTS = {
    "loss": ("losses.png", "loss"),
    "D(": ("discriminator.png", "mean probability of being real"),
    "diversity": ("diversity.png", "diversity of the samples, as a share of real sprites'"),
    "saturation": ("saturation.png", "D(x) - D(G(z))"),
    "eval/fd": ("fd.png", "Fréchet distance to the training sprites"),
    "eval/kid": ("kid.png", "kernel distance (KID)"),
}
"""Prefix of a logged scalar's name -> file and axis label of the figure that shows it."""


class RunLog:
    """The log of a run, one JSON object a line, and the same scalars in TensorBoard.

    Lines after ``start_step`` come from work that a crash has undone; they are dropped, so that a
    resumed run's log reads like an uninterrupted one's.

    Args:
        folder: the run's ``logs/``.
        start_step: steps done when this process starts.
    """

    def __init__(self, folder: Path, start_step: int):
        from torch.utils.tensorboard import SummaryWriter

        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / LOG_NAME
        kept = [line for line in read_log(self.path) if line["step"] <= start_step]
        write_atomically(self.path, "".join(json.dumps(line) + "\n" for line in kept).encode())
        self._file = self.path.open("a", buffering=1)
        # The thread that writes curves hands its error to the next call; it is not told twice.
        self._tell = threading.excepthook
        threading.excepthook = lambda told: (
            None if issubclass(told.exc_type, OSError) else self._tell(told)
        )
        self._board = SummaryWriter(
            str(folder / "tensorboard"), purge_step=start_step + 1 if start_step else None
        )

    def write(self, step: int, kimg: float, seconds: float, scalars: Mapping[str, float]) -> None:
        """Append one line.

        Args:
            step: steps done.
            kimg: thousand real images seen.
            seconds: time spent training, resumed parts included.
            scalars: values by name.
        """
        line = {"step": step, "kimg": round(kimg, 6), "seconds": round(seconds, 3), **scalars}
        self._file.write(json.dumps(line) + "\n")
        for name, value in scalars.items():
            self._board.add_scalar(name, value, step)

    def picture(self, step: int, sheet: Image.Image) -> None:
        """Show a sheet of samples in TensorBoard.

        Args:
            step: steps done.
            sheet: an RGB image.
        """
        self._board.add_image("samples", np.asarray(sheet), step, dataformats="HWC")

    def close(self) -> None:
        """Flush everything to the disk."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._board.close()
        finally:
            threading.excepthook = self._tell


def read_log(path: Path) -> list[dict]:
    """The lines of a log; a last line that a crash cut short is left out."""
    lines = []
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                lines.append(json.loads(line))
            except json.JSONDecodeError:
                break
    return lines


def plot_log(log: Path, folder: Path) -> list[Path]:
    """Draw what the log holds of ``PLOTS`` against kimg.

    Args:
        log: a ``training_log.jsonl``.
        folder: where the PNG files go.

    Returns:
        The files written; none where the log is empty.
    """
    lines = read_log(log)
    written = []
    for prefix in _logged(lines):
        path = folder / PLOTS[prefix][0]
        write_atomically(path, _draw(lines, [prefix]))
        written.append(path)
    return written


def curves_png(log: Path) -> bytes | None:
    """What the log holds of ``PLOTS``, one panel under the other, as a PNG file.

    Args:
        log: a ``training_log.jsonl``.

    Returns:
        The file's bytes; ``None`` where the log is empty.
    """
    lines = read_log(log)
    prefixes = _logged(lines)
    if not prefixes:
        return None
    return _draw(lines, prefixes)


def _logged(lines: Sequence[Mapping[str, float]]) -> list[str]:
    """Those of ``PLOTS`` that a log has something of."""
    names = {name for line in lines for name in line}
    return [prefix for prefix in PLOTS if any(name.startswith(prefix) for name in names)]


def _draw(lines: Sequence[Mapping[str, float]], prefixes: Sequence[str]) -> bytes:
    """A PNG file with one panel for each of these ``PLOTS``."""
    from matplotlib.figure import Figure

    height = 4.5 if len(prefixes) == 1 else 2.6 * len(prefixes)
    figure = Figure(figsize=(8, height), dpi=110, layout="constrained")
    panels = figure.subplots(len(prefixes), sharex=True, squeeze=False)[:, 0]
    for axes, prefix in zip(panels, prefixes, strict=True):
        for name in sorted({name for line in lines for name in line if name.startswith(prefix)}):
            points = [(line["kimg"], line[name]) for line in lines if name in line]
            axes.plot(*zip(*points, strict=True), linewidth=1, label=name)
        axes.set(ylabel=textwrap.fill(PLOTS[prefix][1], width=28))
        axes.grid(alpha=0.3)
        axes.legend()
    panels[-1].set(xlabel="thousand real images seen (kimg)")
    buffer = io.BytesIO()
    figure.savefig(buffer)
    return buffer.getvalue()


class Progress:
    """A progress bar on a terminal; elsewhere (a log file, a pipe) one line a log interval.

    Args:
        start: images seen already.
        total: images of the whole training, or ``None`` where minutes set its length.
        batch_size: images a step.
        minutes: length of the training, where that is what is given.
    """

    def __init__(self, start: int, total: int | None, batch_size: int, minutes: float | None):
        from tqdm import tqdm

        self._batch_size, self._total, self._minutes = batch_size, total, minutes
        self._start = start
        self._seconds_at_start: float | None = None
        self._bar = tqdm(
            total=total,
            initial=start,
            unit="img",
            unit_scale=True,
            dynamic_ncols=True,
            disable=not sys.stderr.isatty(),
        )

    def step(self) -> None:
        """Count one step."""
        self._bar.update(self._batch_size)

    def report(self, step: int, seconds: float, scalars: Mapping[str, float]) -> None:
        """Show the newest scalars, the speed in images a second and the time left.

        Args:
            step: steps done.
            seconds: time spent training.
            scalars: values by name.
        """
        if self._seconds_at_start is None:  # speed is measured from the first report on
            self._start, self._seconds_at_start = step * self._batch_size, seconds
        images, spent = step * self._batch_size, seconds - self._seconds_at_start
        speed = (images - self._start) / spent if spent > 0 else 0.0
        left = None
        if self._minutes is not None:
            left = self._minutes * 60 - seconds
        elif speed:
            left = (self._total - images) / speed
        values = {name: f"{value:.3f}" for name, value in scalars.items()}
        if self._bar.disable:
            length = f"/{self._total / 1000:.1f}" if self._total else ""
            text = "  ".join(f"{name} {value}" for name, value in values.items())
            remaining = f", {duration(left)} left" if left is not None else ""
            print(
                f"step {step}  kimg {images / 1000:.1f}{length}  {text}"
                f"  ({speed:.0f} img/s{remaining})",
                flush=True,
            )
        else:
            if self._minutes is not None:
                values["left"] = duration(left)
            self._bar.set_postfix(values)

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.close()


def duration(seconds: float) -> str:
    """Write a duration for people: "45 s", "12 min", "3 h 20 min"."""
    seconds = max(0, round(seconds))
    if seconds < 90:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
