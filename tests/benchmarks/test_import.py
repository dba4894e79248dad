"""Importing the package must cost little beside importing torch."""

import subprocess
import sys
import time

import pytest

HEAVY = ("gradio", "datasets", "diffusers", "accelerate", "matplotlib", "pyarrow")


def seconds(statement: str) -> float:
    """Of a fresh interpreter."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - start


@pytest.mark.whole_machine
def test_importing_a_model_costs_less_than_half_as_much_again_as_torch():
    statements = ("import pokegan", "import pokegan.models.dcgan", "import torch")
    rounds = [[seconds(statement) for statement in statements] for _ in range(2)]
    package, model, torch = map(min, zip(*rounds, strict=True))
    print(f"beside import torch: the package {package / torch:.2f}, a model {model / torch:.2f}")
    assert package < model < 1.5 * torch


def test_nothing_heavy_is_imported_until_it_is_needed():
    statement = (
        "import sys, pokegan, pokegan.models.dcgan, pokegan.cli;"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", statement], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"
