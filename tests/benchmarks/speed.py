"""How fast PokeGAN is, beside other things measured in the same run.

``python tests/benchmarks/speed.py [training recipes sampling startup growth feeding scaling]``
prints the named tables, or all of them; ``--quality OURS DCGAN`` reads two finished runs or models
instead, and ``--learning KIMG`` trains DCGANs on the real sprites and compares what they learnt.
Nothing else should compute meanwhile.
"""

import argparse
import json
import math
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from learning import learning_distances, learning_rows
from plain_loop import plain_loop, write_pictures
from sampling import matrix_peaks, sampling_rows
from scaling import HEAD, scaling_rows

from pokegan.text import align, three_digits
from pokegan.training.logs import LOG_NAME, read_log
from pokegan.training.recipe_files import recipe_names

HERE = Path(__file__).parent
MODELS = HERE.parent.parent / "space/models"
LAZY = 8
"""The longest interval of a lazy penalty in the recipes; means are over whole ones."""
PARTS = (
    "data",
    "augmentation",
    "forward",
    "backward",
    "penalty",
    "optimizer",
    "average",
    "logging",
    "pictures",
    "overhead",
)


def training_ratios(
    pictures: Path, *, width: int, batch: int, steps: int, precisions: Iterable[str] = ("fp32",)
) -> list[float]:
    """How many times as fast as the plain loop ours trains its DCGAN, in each precision."""
    plain, _ = plain_loop(pictures, width, batch, steps)
    return [plain / _our_loop(precision, width, batch, steps) for precision in precisions]


def _our_loop(precision: str, width: int, batch: int, steps: int) -> float:
    """Median seconds from one step of ours to the next, logging included."""
    options = [
        "--recipe=dcgan",
        f"--networks.generator.base_width={width}",
        f"--networks.discriminator.base_width={width}",
        f"--batch-size={batch}",
        f"--mixed-precision={'no' if precision == 'fp32' else precision}",
        "--log-every=1",
    ]
    return profile(options, steps)["seconds"]


def training(quick: bool) -> str:
    """Our loop beside the plain one, at the recipe's own widths unless ``quick``."""
    width, batch, steps, rounds = (8, 16, 4, 1) if quick else (64, 128, 6, 3)
    size = {"width": width, "batch": batch, "steps": steps}
    precisions = ("fp32", "bf16")
    with tempfile.TemporaryDirectory() as folder:
        pictures = write_pictures(Path(folder))
        # Rounds alternate between the loops, so that what else the machine does meets all.
        ratios = [training_ratios(pictures, **size, precisions=precisions) for _ in range(rounds)]
    rows = [
        [name, three_digits(statistics.median(values)), " ".join(map(three_digits, values))]
        for name, values in zip(precisions, zip(*ratios, strict=True), strict=True)
    ]
    return _table(["precision", "times as fast", "rounds"], rows)


def learning(kimg: float, quick: bool) -> str:
    """FD after equal kimg: our loop in fp32 and bf16, and the plain one."""
    if quick:
        distances = learning_distances("synthetic:200", 4, 16, kimg, seeds=1, samples=100)
    else:
        distances = learning_distances("gen5", 64, 128, kimg, seeds=2, samples=1500)
    return _table(["loop", "FD EfficientNet-Lite0", "seeds"], learning_rows(distances))


def recipes(quick: bool, only: Sequence[str] = ()) -> str:
    """Images a second, peak memory and where a step's time goes, for every recipe."""
    names = only or (["dcgan", "sprite"] if quick else recipe_names())
    rows = []
    for name in names:
        print(f"recipes: {name}", file=sys.stderr, flush=True)
        options = [f"--recipe={name}", *_steady(name), *(_small() if quick else [])]
        seen = profile(options, LAZY if quick else 2 * LAZY)
        shares = [f"{100 * seen['shares'].get(part, 0):.1f} %" for part in PARTS]
        rate = seen["batch_size"] / seen["mean_seconds"]
        rows.append([name, three_digits(rate), three_digits(seen["peak_mib"]), *shares])
    return _table(["recipe", "img/s", "peak MiB", *PARTS], rows)


def sampling(quick: bool) -> str:
    """Images a second of the released models, beside the machine's matrix products."""
    peaks = matrix_peaks(512 if quick else 2048)
    folders = sorted(path for path in MODELS.iterdir() if path.is_dir())[: 4 if quick else None]
    # torch.compile needs a C++ compiler.
    ways = ["eager"] if quick or shutil.which("g++") is None else ["eager", "compiled"]
    batches, repeats = ((1, 16), 1) if quick else ((1, 16, 256), 5)
    rows = sampling_rows(folders, batches, ways, peaks, repeats)
    found = ", ".join(f"{name} {peak / 1e9:.0f} GFLOP/s" for name, peak in peaks.items())
    head = ["model", "precision", "way", "batch", "img/s", "share of matrix peak", "sample(16), ms"]
    without = "" if "compiled" in ways or quick else "\nno g++, so nothing is compiled"
    return f"matrix products: {found}{without}\n" + _table(head, rows)


def startup(quick: bool) -> str:
    """Fresh interpreters, in milliseconds and beside importing torch."""
    load = f"import pokegan; model = pokegan.load({str(MODELS / 'dcgan')!r})"
    statements = {
        "import torch": "import torch",
        "import pokegan": "import pokegan",
        "pokegan.load": load,
        "first sample": f"{load}; model.sample(1)",
    }
    rounds = 1 if quick else 5
    times: dict[str, list[float]] = {name: [] for name in statements}
    timed = "import time; began = time.perf_counter(); {}; print(time.perf_counter() - began)"
    for _ in range(rounds):
        for name, statement in statements.items():
            times[name].append(float(_python("-c", timed.format(statement)).split()[-1]))
    medians = {name: statistics.median(values) for name, values in times.items()}
    base = medians["import torch"]
    rows = [[name, f"{1000 * s:.0f}", f"{s / base:.2f}"] for name, s in medians.items()]
    return _table(["up to", "ms", "times import torch"], rows)


def growth(quick: bool) -> str:
    """How a training step's time and memory grow with the size of sprites and of the batch."""
    small = [*_small(), "--image.size=32"] if quick else []
    sweeps = {
        "pixels a side": ("--image.size={}", (32, 64) if quick else (32, 64, 128, 256)),
        "batch": ("--batch-size={}", (16, 32, 64, 128, 256, 512)),
    }
    if quick:  # the one sweep is made like the other
        del sweeps["batch"]
    rows = []
    for what, (option, values) in sweeps.items():
        seen = [
            profile(
                ["--recipe=sprite", *small, *_steady("sprite"), option.format(value)],
                3 if quick else 10,
            )
            for value in values
        ]
        each = ", ".join(
            f"{value}: {1000 * one['seconds']:.0f}" for value, one in zip(values, seen, strict=True)
        )
        keys = ("seconds", "peak_mib", "gflop")
        powers = [exponent(values, [one[key] for one in seen]) for key in keys]
        rows.append([what, each, *(f"{power:.2f}" for power in powers)])
    return _table(["n", "ms a step", "time ~ n^", "memory ~ n^", "work ~ n^"], rows)


def feeding(quick: bool) -> str:
    """How long a batch takes to come, and memory, from a thousand to a million sprites: held in
    memory, or, where they would take more than 4 GiB, decoded anew each time; and streamed."""
    counts = (100, 1000) if quick else (1000, 10_000, 100_000, 1_000_000)
    rows = []
    for count in counts:
        for how in ("4", "stream"):
            seen = json.loads(_python(HERE / "feeding.py", count, 10 if quick else 100, how))
            times = f"{seen['first']:.1f}", f"{1000 * seen['seconds']:.2f}"
            rows.append([f"{count:,}", seen["feed"], *times, three_digits(seen["peak_mib"])])
    head = ["sprites", "feed", "s to the first batch", "ms a batch of 64", "peak MiB"]
    return _table(head, rows)


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """e of the power law ``values ~ sizes**e``, by least squares on logarithms."""
    x, y = [[math.log(value) for value in numbers] for numbers in (sizes, values)]
    return statistics.linear_regression(x, y).slope


def quality(fast: Path, slow: Path, metric: str) -> str:
    """Minutes until one run passes the best FD that another one ever reached.

    Args:
        fast: run folder or model folder, trained with ``--eval-kimg`` or ``--eval-minutes``.
        slow: the same.
        metric: name of the scalar in both logs.
    """
    values = []
    for run in (fast, slow):
        logs = run / "logs" if (run / "logs").is_dir() else run
        lines = [line for line in read_log(logs / LOG_NAME) if metric in line]
        if not lines:
            raise SystemExit(f"{run}: its log holds no {metric}; was it trained with --eval-kimg?")
        values.append([(line["seconds"] / 60, line[metric]) for line in lines])
    ours, theirs = values
    minutes, best = min(theirs, key=lambda pair: pair[1])
    passed = next((at for at, value in ours if value < best), None)
    if passed is None:
        return f"{fast} never passed {metric} {best:.1f}"
    return (
        f"{slow}: best {metric} {best:.1f} after {minutes:.1f} min\n"
        f"{fast}: passes it after {passed:.1f} min, a share of {passed / minutes:.3f}"
    )


def scaling(quick: bool, only: Sequence[str] = ()) -> str:
    """Several processes: measured for two on this machine, expected for eight by a model.

    Both measured trainings have one thread a process and the recipe's batch, so 1 is the best that
    their ratio can be. Efficiencies are for the recipe's batch; in brackets, the batch over all
    eight from which they are good (see ``scaling.py``).
    """
    names = only or (["dcgan"] if quick else recipe_names())
    rows = []
    for name in names:
        options = [f"--recipe={name}", *_steady(name), *(_small() if quick else []), "--threads=1"]
        steps = 4 if quick else 20
        rows.append(scaling_rows(name, profile(options, steps), profile(options, steps, 2)))
    return _table(HEAD, rows)


def profile(options: Iterable[str], steps: int, processes: int = 1) -> dict:
    """What ``steps.py`` says of a training of so many counted steps, in a fresh process or in the
    main one of several."""
    options = list(options)
    if not any(option.startswith("--data") for option in options):
        options.append("--data=synthetic:200")
    batch = [option for option in options if option.startswith("--batch-size=")]
    size = int(batch[-1].split("=")[1]) if batch else _batch_size(options[0].split("=")[1])
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"]
    launcher.append("--")  # it would take --start for one of its own options
    script = [*(launcher if processes > 1 else []), HERE / "steps.py"]
    output = _python(*script, *options, f"--kimg={(steps + 6) * size / 1000}", "--cpu")
    return json.loads(output.splitlines()[-1])


def _batch_size(recipe: str) -> int:
    from pokegan.training.recipe_files import read_recipe_file

    return read_recipe_file(recipe)[1].get("batch_size", 64)


def _steady(recipe: str) -> list[str]:
    """Options by which the first steps are like the later ones: images of the full size, penalties
    at their usual steps, and weights of its own instead of another run's."""
    from pokegan.training.recipe_files import read_recipe_file

    _, content = read_recipe_file(recipe)
    options = ["--growth.sizes=[]", "--growth.until=[]", "--start=null"]
    if "settle_kimg" in content["objective"]:
        options.append("--objective.settle_kimg=0")
    return options


def _small() -> list[str]:
    return ["--image.size=16", "--batch-size=8", "--data=synthetic:20"]


def _python(*arguments: str | int | Path) -> str:
    done = subprocess.run([sys.executable, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, arguments))}\n{done.stderr}")
    return done.stdout


def _table(head: list[str], rows: list[list[str]]) -> str:
    return align([head, *rows], to_the_right=range(1, len(head)))


SECTIONS = {
    "training": training,
    "recipes": recipes,
    "sampling": sampling,
    "startup": startup,
    "growth": growth,
    "feeding": feeding,
    "scaling": scaling,
}


def main(argv: Sequence[str] | None = None) -> None:
    """Print the sections that are named."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sections", nargs="*", choices=[*SECTIONS, []], default=[])
    parser.add_argument("--only", nargs="+", default=[], help="recipes, for recipes and scaling")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that it runs")
    parser.add_argument(
        "--quality", nargs=2, type=Path, metavar=("OURS", "DCGAN"), help="two runs or models"
    )
    parser.add_argument("--learning", type=float, metavar="KIMG", help="compare what is learnt")
    parser.add_argument("--metric", default="eval/fd_efficientnet_lite0@1000", help="for --quality")
    options = parser.parse_args(argv)
    if options.quality:
        print(quality(*options.quality, options.metric))
        return
    if options.learning:
        print(learning(options.learning, options.quick))
        return
    for name in options.sections or SECTIONS:
        more = {"only": options.only} if name in ("recipes", "scaling") else {}
        print(f"## {name}\n{SECTIONS[name](options.quick, **more)}\n", flush=True)


if __name__ == "__main__":
    main()
