import json
import re

import pytest
import torch
import yaml
from torch import nn

from pokegan.cli import main
from pokegan.models import ARCHITECTURES
from pokegan.models.base import SpriteModel
from pokegan.models.conditioning import num_classes
from pokegan.objectives import OBJECTIVES
from pokegan.training import recipe_files as recipes
from pokegan.training.listing import recipe_rows
from pokegan.training.recipe import Recipe


@ARCHITECTURES.register("test-listing-generator")
class Generator(SpriteModel):
    architecture = "test-listing-generator"

    def __init__(self, conditioning: str = "type", channels: int = 3, size: int = 64):
        super().__init__()
        self.latent_dim, self.channels, self.size = 2, channels, size
        self.conditioning = conditioning
        self.embedding = nn.Embedding(num_classes(conditioning), 10)  # 180 or 130


@ARCHITECTURES.register("test-listing-discriminator")
class Discriminator(nn.Module):
    def __init__(self, channels: int = 3, size: int = 64):
        super().__init__()
        self.layer = nn.Linear(99, 10)  # 1,000


@OBJECTIVES.register("test-listing")
class Family:
    """What it publishes comes second, and not under the name "generator"."""

    players = {"one": ("judge",), "two": ("painter",)}  # noqa: RUF012
    publishes = "painter"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two recipes in place of the package's own."""

    def write(name, size, conditioning):
        content = {
            "name": name,
            "title": f"The title of {name}",
            "source": "Ada 1843",
            "networks": {
                "judge": {"architecture": "test-listing-discriminator"},
                "painter": {
                    "architecture": "test-listing-generator",
                    "conditioning": conditioning,
                },
            },
            "objective": {"family": "test-listing"},
            "image": {"size": size, "channels": 4},
            "kimg": 1,
        }
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content))

    write("beta", 32, "type")
    write("alpha", 128, "group")
    (tmp_path / "dcgan.yaml").write_text((recipes.RECIPES / "dcgan.yaml").read_text())
    monkeypatch.setattr(recipes, "RECIPES", tmp_path)


def test_rows_say_what_recipes_hold(folder):
    dcgan, alpha, beta = recipe_rows()  # the family gan, then test-listing; each by name
    assert (dcgan.name, dcgan.family, dcgan.conditioning) == ("dcgan", "gan", None)
    assert (dcgan.size, dcgan.channels) == (64, 3)
    assert (dcgan.parameters, dcgan.all_parameters) == (3_576_704, 3_576_704 + 2_765_568)
    assert (alpha.name, alpha.family, alpha.conditioning) == ("alpha", "test-listing", "group")
    assert (alpha.size, alpha.channels) == (128, 4)
    assert (alpha.parameters, alpha.all_parameters) == (130, 1130)
    assert (beta.conditioning, beta.size, beta.parameters) == ("type", 32, 180)
    assert (beta.source, beta.title) == ("Ada 1843", "The title of beta")


def test_the_table_is_aligned(folder, capsys):
    assert main(["recipes"]) == 0
    head, *rows, empty, hint = capsys.readouterr().out.splitlines()
    assert re.split(r"\s{2,}", head) == [
        "recipe",
        "family",
        "conditioning",
        "size",
        "channels",
        "parameters",
        "in all",
        "source",
    ]
    assert [row.split()[0] for row in rows] == ["dcgan", "alpha", "beta"]
    for row in rows[1:]:
        assert row.index("test-listing") == head.index("family")
        assert row.index("Ada 1843") == head.index("source")
    assert rows[0].index("none") == rows[1].index("group") == head.index("conditioning")
    ends = head.index("size") + len("size")
    assert [row[ends - 3 : ends] for row in rows] == [" 64", "128", " 32"]
    assert "3.58 M  6.34 M" in rows[0]
    assert empty == ""
    assert "train.py --recipe NAME" in hint


def test_machines_get_exact_numbers(folder, capsys):
    assert main(["recipes", "--json"]) == 0
    dcgan, alpha, _ = json.loads(capsys.readouterr().out)
    assert dcgan["parameters"] == 3_576_704
    assert dcgan["conditioning"] is None
    assert alpha["title"] == "The title of alpha"


def test_loops_get_the_names_alone(folder, capsys):
    assert main(["recipes", "--names"]) == 0
    assert capsys.readouterr().out == "dcgan\nalpha\nbeta\n"


def test_a_broken_recipe_is_one_line(folder, capsys):
    (recipes.RECIPES / "alpha.yaml").write_text("name: [")
    assert main(["recipes"]) == 2
    error = capsys.readouterr().err
    assert "alpha.yaml" in error
    assert len(error.splitlines()) == 1


def test_networks_are_no_more_than_shapes(folder, monkeypatch):
    built = []

    def build(self, original=Recipe.build_networks):
        built.append(original(self))
        return built[-1]

    monkeypatch.setattr(Recipe, "build_networks", build)
    state = torch.get_rng_state()
    recipe_rows()
    parameters = [p for networks in built for n in networks.values() for p in n.parameters()]
    assert len(parameters) > 20
    assert all(parameter.is_meta for parameter in parameters)
    assert torch.equal(torch.get_rng_state(), state)


def test_the_packages_own_recipes_fit_into_120_columns(capsys):
    assert main(["recipes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 120
    listed = [line.split()[0] for line in lines[1:-2]]
    assert sorted(listed) == recipes.recipe_names()
