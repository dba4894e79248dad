import json
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from space.space_server import SPACE, save_model, save_small

import pokegan
from pokegan import PokeGANError


@pytest.fixture
def index():
    import models_index

    return models_index


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("tiny") / "tiny")


def put(tiny, folder):
    return shutil.copytree(tiny, folder)


def names(models):
    return [model.name for model in models]


def test_released_models_are_all_found(index):
    models, problems = index.find_models(SPACE / "models")
    assert problems == []
    assert names(models) == sorted(p.name for p in (SPACE / "models").glob("*") if p.is_dir())


def test_no_folder_at_all_is_no_problem(index, tmp_path):
    assert index.find_models(tmp_path / "models") == ([], [])


def test_every_kind_of_place_is_found(index, tiny, tmp_path):
    put(tiny, tmp_path / "home" / "one")
    put(tiny, tmp_path / "home" / ".hidden")
    put(tiny, tmp_path / "direct")
    put(tiny, tmp_path / "run" / "model")
    (tmp_path / "run" / "checkpoints").mkdir()
    put(tiny, tmp_path / "runs" / "b" / "model")
    put(tiny, tmp_path / "runs" / "a")
    extra = f"{tmp_path / 'direct'}, {tmp_path / 'run'}{os.pathsep}{tmp_path / 'runs'},,ada/tiny"
    models, problems = index.find_models(tmp_path / "home", extra)
    assert problems == []
    assert names(models) == ["one", "direct", "run", "a", "b", "ada/tiny"]
    for model in models[:-1]:
        assert pokegan.load(model.source).latent_dim == 8


def test_a_model_folder_inside_a_run_has_the_runs_name(index, tiny, tmp_path):
    folder = put(tiny, tmp_path / "dcgan" / "model")
    assert names(index.find_models(tmp_path / "none", str(folder))[0]) == ["dcgan"]


def test_one_folder_is_listed_once_and_names_are_distinct(index, tiny, tmp_path):
    for place in ("home", "x", "y"):
        put(tiny, tmp_path / place / "same")
    extra = ",".join(str(tmp_path / place) for place in ("x", "home", "y"))
    models, problems = index.find_models(tmp_path / "home", extra)
    assert problems == []
    assert names(models) == ["same", "same (2)", "same (3)"]
    assert len({model.source for model in models}) == 3


@pytest.mark.parametrize("lost", ["config.json", "model.safetensors"])
def test_an_incomplete_folder_is_reported_and_the_others_stay(index, tiny, tmp_path, lost):
    put(tiny, tmp_path / "whole")
    (put(tiny, tmp_path / "part") / lost).unlink()
    models, problems = index.find_models(tmp_path)
    assert names(models) == ["whole"]
    assert len(problems) == 1
    assert problems[0].startswith("part: ")
    assert lost in problems[0]


def test_a_run_without_a_model_yet_is_reported_by_its_own_name(index, tmp_path):
    (tmp_path / "fresh" / "checkpoints").mkdir(parents=True)
    models, problems = index.find_models(tmp_path / "none", str(tmp_path / "fresh"))
    assert models == []
    assert [line.split(":")[0] for line in problems] == ["fresh"]


@pytest.mark.parametrize(
    "entry", ["/nowhere/at all", "one/two/three", "just-a-name", "../up", "a/"]
)
def test_what_is_neither_folder_nor_hub_id_is_one_line_without_a_path(index, tmp_path, entry):
    models, problems = index.find_models(tmp_path / "none", entry)
    assert models == []
    assert len(problems) == 1
    assert "no such folder" in problems[0]
    assert "/nowhere" not in problems[0]


def test_a_folder_that_holds_no_models_is_reported(index, tmp_path):
    (tmp_path / "bare").mkdir()
    _, problems = index.find_models(tmp_path / "none", str(tmp_path / "bare"))
    assert problems == ["bare: holds no model folder"]


def test_the_shelf_keeps_only_the_last_used(index, tiny, monkeypatch):
    loads = []
    load = pokegan.load
    monkeypatch.setattr(pokegan, "load", lambda source: loads.append(source) or load(source))
    a, b, c = (index.ModelSource(name, tiny) for name in "abc")
    shelf = index.ModelShelf(capacity=2)
    first = shelf.get(a)
    shelf.get(b)
    assert shelf.get(a) is first
    assert len(loads) == 2
    shelf.get(c)  # b was used least recently, so it goes
    assert len(shelf) == 2
    assert shelf.get(a) is first
    assert len(loads) == 3
    shelf.get(b)
    assert len(loads) == 4
    assert len(shelf) == 2


def test_a_model_that_takes_long_keeps_nobody_from_the_others(index, tiny, monkeypatch):
    slow, quick = index.ModelSource("ada/slow", "ada/slow"), index.ModelSource("quick", tiny)
    arrived, go_on = threading.Event(), threading.Event()
    load = pokegan.load

    def wait(source):
        if source == "ada/slow":
            arrived.set()
            assert go_on.wait(60)
        return load(tiny)

    monkeypatch.setattr(pokegan, "load", wait)
    shelf = index.ModelShelf(capacity=2)
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(shelf.get, slow) for _ in range(2)]
        assert arrived.wait(60)
        assert shelf.get(quick).generator.latent_dim == 8
        assert not any(each.done() for each in waiting)
        go_on.set()
        assert waiting[0].result() is waiting[1].result()  # loaded once


def test_what_a_hub_model_can_do_is_known_once_it_was_fetched(index, tiny, monkeypatch):
    import huggingface_hub

    cached = [None]
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_: cached[0])
    model = index.ModelSource("ada/tiny", "ada/tiny")
    assert model.config == {}
    cached[0] = str(tiny / "config.json")
    assert model.config["architecture"] == "dcgan-generator"


def test_damaged_weights_are_one_line_without_a_path(index, tiny, tmp_path):
    folder = put(tiny, tmp_path / "torn")
    (folder / "model.safetensors").write_bytes(b"no")
    shelf = index.ModelShelf(capacity=2)
    with pytest.raises(PokeGANError) as caught:
        shelf.get(index.ModelSource("torn", folder))
    message = str(caught.value)
    assert message.startswith("torn")
    assert "model.safetensors" in message
    assert str(tmp_path) not in message
    assert "\n" not in message
    shutil.copy(tiny / "model.safetensors", folder)  # a folder is tried again at once
    assert shelf.get(index.ModelSource("torn", folder)).generator.latent_dim == 8


def test_a_hub_failure_is_remembered_for_five_minutes(index, tiny, monkeypatch):
    calls, now = [], [1000.0]

    def unreachable(source):
        calls.append(source)
        raise PokeGANError(f"{source}: the Hub cannot be reached")

    monkeypatch.setattr(pokegan, "load", unreachable)
    shelf = index.ModelShelf(capacity=2, clock=lambda: now[0])
    model = index.ModelSource("ada/tiny", "ada/tiny")
    for seconds, expected_calls in [(0, 1), (299, 1), (1, 2), (1, 2)]:
        now[0] += seconds
        with pytest.raises(PokeGANError, match=r"^ada/tiny: the Hub cannot be reached$"):
            shelf.get(model)
        assert len(calls) == expected_calls


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"recipe.yaml": "title: Deep  conv\n"}, "Deep conv"),
        ({"recipe.yaml": "title: T", "README.md": "Card"}, "T"),
        (
            {"README.md": "---\ntags: [x]\n---\n# Head\n\n![p](p.png)\n- item\nSee [it](u).\n"},
            "See it.",
        ),
        (
            {"recipe.yaml": "title: T", "data.json": {"name": "gen5", "sprites": 1368}},
            "T · trained on 1,368 sprites of gen5",
        ),
        ({"recipe.yaml": "title: " + "a" * 500}, "a" * 159 + "…"),
        ({"recipe.yaml": "title: [a", "data.json": {"sprites": "many"}, "README.md": ""}, ""),
        ({"recipe.yaml": "- 1", "data.json": [], "README.md": "# Only a heading"}, ""),
        ({"README.md": None}, ""),
    ],
)
def test_a_description_is_one_line_from_the_models_own_files(
    index, tiny, tmp_path, files, expected
):
    folder = put(tiny, tmp_path / "model")
    for name, content in files.items():
        path = folder / name
        if content is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content))
    if "README.md" not in files:
        (folder / "README.md").unlink(missing_ok=True)
    loaded = index.ModelShelf(capacity=1).get(index.ModelSource("m", folder))
    assert loaded.description == expected


def test_the_first_rows_are_one_of_each_kind(index, tiny, tmp_path):
    families = {
        "best": "relativistic", "encoder": "inversion", "gan": "gan", "clipped": "wgan",
        "autoencoding": "aegan", "penalised": "wgan", "odd": ["no", "name"],
    }  # fmt: skip
    models = []
    for name, family in families.items():
        folder = put(tiny, tmp_path / name)
        (folder / "recipe.yaml").write_text(json.dumps({"objective": {"family": family}}))
        models.append(index.ModelSource(name, folder))
    conditional = save_small(tmp_path / "typed", "cdcgan-generator")
    (conditional / "recipe.yaml").write_text("objective: {family: acgan}")
    slow = save_small(tmp_path / "slow", "ddpm")
    models = [index.ModelSource("slow", slow), *models, index.ModelSource("typed", conditional)]
    kinds = ["best", "gan", "clipped", "autoencoding", "odd", "typed"]
    assert names(index.one_of_each(models, 6)) == kinds
    assert names(index.one_of_each(models, 2)) == kinds[:2]
    # What is like others comes after all kinds, and what draws in many steps comes last.
    assert names(index.one_of_each(models, 8)) == [n for n in names(models) if n != "slow"]
    assert names(index.one_of_each(models, 99)) == names(models)
    assert index.one_of_each([], 3) == []
