"""What all measures of a model cost beside one look at its sprites."""

import time
from pathlib import Path

import pytest

from pokegan.metrics.image_set import model_set
from pokegan.metrics.judge import Judge
from pokegan.models.dcgan import DCGANGenerator

SAMPLES = 200


@pytest.mark.whole_machine
def test_all_measures_cost_little_more_than_looking_once(tmp_path: Path):
    judge = Judge("synthetic:200", "train", 64, ("efficientnet-lite0", "sprite-net"), tmp_path)
    judge.novelty  # noqa: B018 - made once for all models
    sprites = model_set(DCGANGenerator(base_width=4), SAMPLES, 0, judge.real.sprites)

    began = time.perf_counter()
    seen = judge.look(sprites)
    looked = time.perf_counter()
    judge.measure(seen)
    ratio = (time.perf_counter() - looked) / (looked - began)

    print(f"all measures of {SAMPLES} sprites / both networks' features: {ratio:.2f}")
    assert ratio < 2
