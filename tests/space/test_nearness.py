"""What the dialog says of a sprite."""

import json
import re
import subprocess
import sys

import gradio as gr
import numpy as np
import pytest
from metric_facts import facts as metric_facts
from packaging.utils import canonicalize_name
from PIL import Image
from requirements import closure, package_requirements
from space.space_server import copy_space, save_model, space_env
from sprite_shards import write_shards

from pokegan.data.resolve import open_sprites
from pokegan.metrics import neighbours

GEN5 = "659df4bfe319b82e"


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("near") / "creatures"
    return write_shards(folder, species=60, rows_per_shard=100, rows_per_group=50)


@pytest.fixture(scope="session")
def known(dataset, tmp_path_factory):
    """The folder with the neighbours in that dataset."""
    return neighbours.write_neighbours(str(dataset), tmp_path_factory.mktemp("known")).parent


@pytest.fixture
def page_of(tmp_path):
    """A page with the model "alpha", whose folder says that it learned from this data."""
    from drawing import Studio
    from models_index import ModelShelf, ModelSource
    from page import Page

    def make(fingerprint, real=None, **files):
        folder = save_model(tmp_path / "alpha", seed=1)
        (folder / "data.json").write_text(json.dumps({"fingerprint": fingerprint}))
        for name, text in files.items():
            (folder / f"{name}.json").write_text(text)
        models = {"alpha": ModelSource("alpha", folder)}
        return Page(Studio(models, ModelShelf(2), real), gr.Blocks())

    return make


def look(page, image=None):
    model = page.studio.models["alpha"]
    image = image or page.studio.load("alpha").generator.sample(1, seed=0)[0]
    return {fact.name: fact for fact in page.look_up(image, model)}


def dialog(page, name="alpha", index=0):
    from dialog import dialog_html
    from drawing import Request, SpriteRef

    ref = SpriteRef(name, Request(4, 7), index)
    return dialog_html(page, {"sprite": ref.to_dict()})


@pytest.fixture
def real(dataset, known, monkeypatch):
    from real_sprites import RealSprites

    monkeypatch.setattr(neighbours, "FOLDER", known)
    return RealSprites(dataset, "creatures")


def test_a_training_sprite_is_told_and_shown(page_of, dataset, real):
    sprites = open_sprites(str(dataset))
    page = page_of(sprites.fingerprint(), real)
    shown = real.sprites()[5]
    facts = look(page, real.picture_of(5, shown.name))
    nearest = facts["Nearest training sprite"]
    assert nearest.text == shown.name
    np.testing.assert_array_equal(nearest.image, real.picture_of(5, shown.name))
    assert re.fullmatch(
        r"0\.0\d, nearer than 100\s% of sprites of unseen species: close to a copy",
        facts["Distance to it"].text,
    )


def test_a_models_sprite_is_nowhere_near_and_the_dialog_says_so(page_of, dataset, real):
    page = page_of(open_sprites(str(dataset)).fingerprint(), real)
    html = dialog(page)
    figures = re.search(
        r"<dd>([\d.]+), nearer than (\d+)\s% of sprites of unseen species</dd>", html
    )
    assert figures
    assert float(figures[1]) > 0.5
    assert re.search(
        r'<dt>Nearest training sprite</dt><dd><img class="pg-picture" src="data:image/png;base64,'
        r'[^"]+" alt="([^"]+)" width="64" height="64"><span>\1</span></dd>',
        html,
    )
    assert re.search(r"<dt>Looks like</dt><dd>[a-z]+ \d+\s%(, [a-z]+ \d+\s%){0,2}</dd>", html)


def test_where_the_dataset_is_not_only_the_name_is_told(page_of):
    facts = look(page_of(GEN5))
    assert facts["Nearest training sprite"].image is None
    assert facts["Nearest training sprite"].text
    assert "% of sprites of unseen species" in facts["Distance to it"].text


def test_another_dataset_shows_no_wrong_picture(page_of, dataset):
    from real_sprites import RealSprites

    facts = look(page_of(GEN5, RealSprites(dataset, "creatures")))
    assert facts["Nearest training sprite"].image is None


@pytest.mark.parametrize(
    "text", ['{"fingerprint": "0000000000000000"}', "{}", "[]", "no JSON", '{"fingerprint": []}']
)
def test_other_data_are_not_known(page_of, text):
    facts = look(page_of(None, data=text))
    assert facts["Nearest training sprite"].text == "not known for this data"
    assert "Distance to it" not in facts
    assert "%" in facts["Looks like"].text


def test_the_models_own_scores_are_told(page_of):
    page = page_of(GEN5, metrics=json.dumps(metric_facts(conditioning="type")))
    told = look(page)["Model's scores"].text
    assert re.fullmatch(
        r"FD \d+\.\d in EfficientNet-Lite0, novelty \d\.\d{3}, type accuracy \d\.\d{3}", told
    )


@pytest.mark.parametrize("text", ["[]", "{}", "no JSON", '{"protocol": {}}'])
def test_broken_scores_are_left_out(page_of, text):
    page = page_of(GEN5, metrics=text)
    assert look(page)["Model's scores"].text == ""
    assert "scores" not in dialog(page)


def test_a_damaged_file_of_the_package_leaves_the_rest(page_of, tmp_path, monkeypatch):
    (tmp_path / f"neighbours-{GEN5}.safetensors").write_bytes(b"torn")
    page = page_of(GEN5)
    monkeypatch.setattr(neighbours, "FOLDER", tmp_path)
    html = dialog(page)
    assert "Nearest" not in html
    assert "<dt>Seed</dt>" in html


def test_of_an_image_that_nobody_knows_only_the_types_are_told(page_of):
    page = page_of(GEN5)
    (fact,) = page.look_up(Image.new("RGBA", (10, 30)), None)
    assert fact.name == "Looks like"


def test_of_a_real_sprite_its_species_is_told_and_no_distance(page_of, dataset, real):
    page = page_of(open_sprites(str(dataset)).fingerprint(), real)
    html = dialog(page, "real sprites", 1)
    assert (
        f'id="pg-dialog-title">{page.studio.draw("real sprites", _request()).species[1]}<' in html
    )
    assert "Nearest" not in html
    assert "Copy as Python" not in html
    assert "<dt>Types</dt>" in html


def _request():
    from drawing import Request

    return Request(4, 7)


def test_names_are_escaped(page_of, monkeypatch):
    import nearness

    page = page_of(GEN5)
    known = neighbours.Neighbours.of(GEN5)
    evil = neighbours.Neighbour(0, '<b>"', "", False, 1.0, 0.5)
    monkeypatch.setattr(type(known), "look_up", lambda self, image: evil)
    assert nearness.Neighbours is type(known)
    html = dialog(page)
    assert "<b>" not in html
    assert "&lt;b&gt;&quot;" in html


def test_it_needs_no_more_packages_than_the_page(tmp_path):
    from packaging.requirements import Requirement

    folder = copy_space(tmp_path / "space")
    save_model(folder / "models" / "tiny")
    (folder / "models" / "tiny" / "data.json").write_text(json.dumps({"fingerprint": GEN5}))
    lines = (folder / "requirements.txt").read_text().splitlines()
    names = [Requirement(line).name for line in lines if line and not line.startswith("#")]
    package = package_requirements("dependencies") | package_requirements("metrics")
    installed = closure([*names, "gradio"])
    # The modules of scikit-learn and of torch-fidelity are not called like their distributions.
    absent = [name.replace("-", "_") for name in package.keys() - installed] + ["sklearn"]
    assert {"datasets", "matplotlib", "torch_fidelity"} <= {*absent}
    assert canonicalize_name("scikit-learn") not in installed
    script = f"""
import sys
for name in {absent}:
    sys.modules[name] = None  # importing it is an ImportError now
sys.path.insert(0, {str(folder)!r})
import app
from drawing import Request, SpriteRef, Studio
from models_index import ModelShelf
from nearness import facts_about
(model,) = app.MODELS
image, _ = Studio({{"tiny": model}}, ModelShelf(1)).sprite(SpriteRef("tiny", Request(1)))
print([fact.name for fact in facts_about(image, model, None)])
"""
    result = subprocess.run(
        [sys.executable, "-c", script], env=space_env(), capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert "'Nearest training sprite', 'Distance to it', 'Looks like'" in result.stdout
