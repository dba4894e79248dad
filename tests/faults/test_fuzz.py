"""A thousand hostile images and two hundred hostile models: our own errors come out, nothing else,
within a bounded time and memory."""

import json

import pytest
from faults.hostile import IMAGES, MODELS

GIB = 2**30


def run(server, function, first, last):
    """What a function of :mod:`faults.loaders` counted, in a process of bounded memory."""
    process = server.start(
        f"faults.loaders:{function}", first, last, faults={"limit_more_memory": (GIB,)}
    )
    status, errors = process.finish()
    assert status == 0, errors[-2000:]
    *wrong, counts = process.seen
    assert wrong == []
    return json.loads(counts)


def test_a_thousand_images(server):
    counts = run(server, "read_images", 0, IMAGES)
    assert counts["calls"] == 4 * IMAGES
    # Neither is everything refused, nor nothing.
    assert 0.2 < counts["refused"] / counts["calls"] < 0.8


def test_a_dataset_of_such_images(server):
    """The same decoder in its place: whatever the others are, the good ones come through."""
    counts = run(server, "build_from_images", 0, 200)
    assert 40 < counts["refused"] < 160


def test_two_hundred_models(server):
    counts = run(server, "load_models", 0, MODELS)
    assert counts["calls"] == 2 * MODELS
    assert counts["refused"] > 0.6 * counts["calls"]


@pytest.mark.slow
def test_many_more(server):
    run(server, "read_images", IMAGES, 10 * IMAGES)
    run(server, "load_models", MODELS, 10 * MODELS)
