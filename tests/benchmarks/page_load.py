"""The Space under load: how soon the first page is there, how long a comparison takes, and what 32
people at once get.

    python tests/benchmarks/page_load.py

Eight one-pass models of the recipes' own sizes, with random weights, are served by a Space in a
process of its own. Clients are real: one ``gradio_client`` for each, over HTTP.
"""

import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

sys.path.insert(0, str(Path(__file__).parents[1]))  # where the tests find each other

import httpx
from gradio_client import Client
from space.space_server import RunningSpace, copy_space, running_space

from pokegan.models.base import SpriteModel
from pokegan.training.command_line import parse_command_line

MODELS = ("sprite", "dcgan", "dense-gan", "wgan-dense", "wgan-gp", "aegan", "cdcgan", "cstylegan")
PEOPLE = 32
CLICKS = 3
COUNT = 16
FIRST_MODELS = 4
"""What a visitor has chosen who chooses nothing."""


@dataclass(frozen=True)
class Load:
    """What many people at once got.

    Attributes:
        seconds: from each click to its sprites.
        errors: what went wrong instead.
        total: seconds until all were served.
    """

    seconds: list[float]
    errors: list[str]
    total: float

    @property
    def p95(self) -> float:
        """What 95 % of the clicks did not exceed."""
        return quantiles(self.seconds, n=20, method="inclusive")[-1]


def save_models(folder: Path, names=MODELS) -> None:
    """Save the generators of recipes, with random weights."""
    for name in names:
        recipe, _ = parse_command_line(["--recipe", name])
        networks = recipe.build_networks().values()
        (model,) = (network for network in networks if isinstance(network, SpriteModel))
        model.save_pretrained(folder / name)


def connect(server: RunningSpace, people: int) -> list[Client]:
    """One client for each of many people."""
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda _: Client(server.url, verbose=False), range(people)))


def compare(client: Client, seed: int, names=None) -> float:
    """Seconds of one comparison.

    Raises:
        AssertionError: a row is missing or incomplete.
    """
    start = time.perf_counter()
    rows = client.predict(models=names, count=COUNT, seed=seed, api_name="/compare")
    seconds = time.perf_counter() - start
    assert rows
    assert all(len(row["sprites"]) == COUNT for row in rows), rows
    return seconds


def at_once(clients: list[Client], clicks: int, names=None, first_seed: int = 1000) -> Load:
    """All click at the same moment, and each again as soon as it has been served; every click asks
    for sprites that nobody has asked for before."""

    def person(place: int):
        seconds, errors = [], []
        for click in range(clicks):
            try:
                seed = first_seed + place * clicks + click
                seconds.append(compare(clients[place], seed, names))
            except Exception as error:  # whatever it is, it counts
                errors.append(f"{type(error).__name__}: {error}")
        return seconds, errors

    start = time.perf_counter()
    with ThreadPoolExecutor(len(clients)) as pool:
        served = list(pool.map(person, range(len(clients))))
    total = time.perf_counter() - start
    return Load(
        [second for seconds, _ in served for second in seconds],
        [error for _, errors in served for error in errors],
        total,
    )


def memory_mib(server: RunningSpace, field: str = "VmRSS") -> float:
    """What the server's process holds now ("VmRSS") or held at most ("VmHWM"), in MiB (Linux)."""
    lines = Path(f"/proc/{server.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as root:
        folder = copy_space(Path(root) / "space")
        save_models(folder / "models")
        start = time.perf_counter()
        with running_space(folder, Path(root) / "log.txt") as server:
            httpx.get(server.url).raise_for_status()
            print(f"first page                          {time.perf_counter() - start:8.2f} s")
            (client,) = connect(server, 1)
            first = compare(client, 0)
            print(f"first sprites after that            {first:8.2f} s")
            compare(client, 0, [*MODELS])
            times = [compare(client, seed, [*MODELS]) for seed in range(1, 12)]
            label = f"{len(MODELS)} models, {COUNT} sprites each, warm"
            print(f"{label:36s}{median(times):8.2f} s (median of 11)")
            before = memory_mib(server)
            clients = connect(server, PEOPLE)
            for label, clicks in (("click once", 1), (f"click {CLICKS} times", CLICKS)):
                load = at_once(clients, clicks, [*MODELS[:FIRST_MODELS]], 1000 * clicks)
                print(
                    f"{PEOPLE} at once {label:15s} p50 {median(load.seconds):5.2f} s"
                    f"  p95 {load.p95:5.2f} s  longest {max(load.seconds):5.2f} s"
                    f"  errors {len(load.errors)}"
                )
                for error in load.errors[:3]:
                    print(f"    {error}")
            print(
                f"memory                              {before:8.0f} MiB before,"
                f" {memory_mib(server):.0f} after, {memory_mib(server, 'VmHWM'):.0f} at most"
            )


if __name__ == "__main__":
    main()
