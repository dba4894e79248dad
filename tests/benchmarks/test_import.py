"""Importing the package must cost little beside importing torch."""

import subprocess
import sys
import time

import pytest

HEAVY = ("gradio", "datasets", "diffusers", "accelerate", "matplotlib", "pyarrow")


def seconds(statement: str) -> float:
    """The best of five fresh interpreters."""
    times = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", statement], check=True)
        times.append(time.perf_counter() - start)
    return min(times)


@pytest.mark.whole_machine
def test_importing_pokegan_costs_less_than_half_as_much_again_as_torch():
    ratio = seconds("import pokegan") / seconds("import torch")
    with_models = seconds("import pokegan.models.dcgan") / seconds("import torch")
    print(f"import pokegan / import torch: {ratio:.2f}; with a model class: {with_models:.2f}")
    assert ratio < 1.5


def test_nothing_heavy_is_imported_until_it_is_needed():
    statement = (
        "import sys, pokegan, pokegan.models.dcgan, pokegan.cli;"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", statement], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"
