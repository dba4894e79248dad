"""`pip install pokegan`, with no extra, is enough to train, load and sample."""

import subprocess
import sys
from importlib.metadata import packages_distributions

from packaging.utils import canonicalize_name
from requirements import closure, package_requirements
from tiny import ROOT, TINY, environment

EXTRAS = ("space", "metrics", "filter", "dev")
SCRIPT = """
import sys
for name in {absent}:
    sys.modules[name] = None  # importing it is an ImportError now
from pokegan.training.main import main
status = main({options})
assert status == 0, status
import pokegan
images = pokegan.load({out!r}).sample(2)
print(len(images), images[0].size)
"""


def test_training_loading_and_sampling_need_no_extra(tmp_path):
    base = closure(package_requirements("dependencies"))
    extra = {name for extra in EXTRAS for name in package_requirements(extra)} - base - {"pokegan"}
    absent = [
        module
        for module, distributions in packages_distributions().items()
        if {canonicalize_name(name) for name in distributions} <= extra
    ]
    assert {"gradio", "torch_fidelity", "xgboost", "hypothesis"} <= set(absent)
    out = str(tmp_path / "run")
    script = SCRIPT.format(absent=absent, options=[*TINY, "--kimg=0.02", f"--out={out}"], out=out)
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment(), cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "2 (16, 16)"
