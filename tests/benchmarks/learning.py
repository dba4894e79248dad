"""Do our loop and bf16 learn as much as the plain loop from as many images?"""

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from plain_loop import plain_loop, write_pictures

import pokegan
from pokegan.models.dcgan import DCGANGenerator
from pokegan.training.evaluation import Evaluation

NETWORK = "efficientnet-lite0"
TRAIN = Path(__file__).parents[2] / "train.py"


def learning_distances(
    data: str, width: int, batch: int, kimg: float, seeds: int, samples: int
) -> dict[str, list[float]]:
    """FD of DCGANs of equal shape after equal kimg, by loop and precision: one for each seed."""
    evaluation = Evaluation(data, 64, samples, (NETWORK,))
    steps = max(1, round(kimg * 1000 / batch))
    distances: dict[str, list[float]] = {"ours fp32": [], "ours bf16": [], "plain fp32": []}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        pictures = root / "pictures"
        pictures.mkdir()
        write_pictures(pictures, data)
        for seed in range(seeds):
            models = {}
            for name, precision in (("ours fp32", "no"), ("ours bf16", "bf16")):
                models[name] = root / f"{precision}-{seed}"
                _train_ours(models[name], data, width, batch, kimg, precision, seed)
            models["plain fp32"] = root / f"plain-{seed}"
            _, generator = plain_loop(pictures, width, batch, steps, seed)
            # The same layers in the same order, so the model folder is one of our own.
            model = DCGANGenerator(base_width=width)
            model.layers.load_state_dict(generator.state_dict())
            model.save_pretrained(models["plain fp32"])
            for name, path in models.items():
                values = evaluation.measure(pokegan.load(path), seed=0)
                distances[name] += [v for k, v in values.items() if k.startswith("eval/fd_")]
    return distances


def _train_ours(
    out: Path, data: str, width: int, batch: int, kimg: float, precision: str, seed: int
) -> None:
    options = [
        "--recipe=dcgan",
        f"--data={data}",
        f"--out={out}",
        f"--networks.generator.base_width={width}",
        f"--networks.discriminator.base_width={width}",
        f"--batch-size={batch}",
        f"--kimg={kimg}",
        f"--checkpoint-kimg={kimg}",
        f"--mixed-precision={precision}",
        f"--seed={seed}",
        "--cpu",
    ]
    subprocess.run([sys.executable, TRAIN, *options], check=True, capture_output=True)


def learning_rows(distances: dict[str, list[float]]) -> list[list[str]]:
    """Name, mean and the values of all seeds."""
    return [
        [name, f"{statistics.fmean(values):.1f}", " ".join(f"{value:.1f}" for value in values)]
        for name, values in distances.items()
    ]
