"""The Space's modules lie beside app.py and import each other by plain names, as on the Hub."""

import sys

import pytest
from space.histories import write_log, write_metrics, write_timeline
from space.space_server import SPACE, copy_space, running_space, save_model, save_small

sys.path.insert(0, str(SPACE))


@pytest.fixture(scope="session")
def space(tmp_path_factory):
    """A running Space with two models of one latent length, one small RGBA model, and two broken
    folders: ``no-config`` lacks a file, ``torn`` has damaged weights."""
    root = tmp_path_factory.mktemp("space")
    folder = copy_space(root / "space")
    models = folder / "models"
    save_model(models / "alpha", seed=1)
    (models / "alpha" / "recipe.yaml").write_text("name: alpha\ntitle: The first <model>\n")
    write_log(models / "alpha")
    write_timeline(models / "alpha")
    write_metrics(models / "alpha")
    save_model(models / "beta", seed=2, base_width=8)
    save_model(models / "gamma", seed=3, latent_dim=5, channels=4, size=32)
    save_model(models / "torn")
    (models / "torn" / "model.safetensors").write_bytes(b"not safetensors")
    save_model(models / "no-config")
    (models / "no-config" / "config.json").unlink()
    with running_space(folder, root / "log.txt") as server:
        yield server


@pytest.fixture(scope="session")
def small_models(tmp_path_factory):
    """A folder of small models: ``paints`` has palettes, types and an encoder, ``told`` an encoder
    that is told groups, ``groups`` knows groups, ``plain`` knows nothing."""
    folder = tmp_path_factory.mktemp("small")
    save_small(folder / "groups", "cdcgan-generator", seed=1)
    save_small(folder / "paints", "sprite-autoencoder", seed=2)
    save_model(folder / "plain", seed=3, size=32)
    save_small(folder / "told", "caegan", seed=4)
    return folder


@pytest.fixture(scope="session")
def fuse_space(small_models, tmp_path_factory):
    """A running Space with ``small_models``."""
    root = tmp_path_factory.mktemp("fuse")
    folder = copy_space(root / "space")
    log = root / "log.txt"
    with running_space(folder, log, POKEGAN_MODELS=str(small_models)) as server:
        yield server


@pytest.fixture
def studio(small_models):
    """Draws with ``small_models``."""
    from drawing import Studio
    from models_index import ModelShelf, find_models

    models, _ = find_models(small_models)
    return Studio({model.name: model for model in models}, ModelShelf(8))


@pytest.fixture(scope="session")
def empty_space(tmp_path_factory):
    """A running Space without any model."""
    root = tmp_path_factory.mktemp("empty")
    with running_space(copy_space(root / "space"), root / "log.txt") as server:
        yield server
