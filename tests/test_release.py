"""``pokegan release``: what it trains, what it chooses, and that nothing is done twice."""

import json
import re
import shutil
import signal
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file
from tiny import TINY, start_process

from pokegan import PokeGANError, release
from pokegan.cli import main
from pokegan.data import resolve
from pokegan.hub.card import model_card
from pokegan.hub.publish import REQUIRED_FILES
from pokegan.metrics.image_set import FEWEST
from pokegan.release import PLAN, choose, read_plan
from pokegan.training.checkpoint import checkpoint_paths
from pokegan.training.command_line import parse_command_line
from pokegan.training.logs import read_log
from pokegan.training.recipe_files import recipe_names

TRAIN = release._train
DECIDES = "eval/kid_validation_sprite_net@100"
OPTIONS = [option[2:].split("=") for option in TINY if "data" not in option and "=" in option]
PLANNED = "\n".join(
    [
        "options:",
        *(f"  {name}: {value}" for name, value in OPTIONS),
        "  cpu: true",
        "  threads: 1",
        "  eval_samples: 100",
        "  eval_features: sprite-net",
        "models:",
        "  first: {recipe: dcgan, kimg: 0.048, eval_kimg: 0.016,",
        "    then: {recipe: dcgan, kimg: 0.016, seed: 1}}",
        "  dcgan: {kimg: 0.048, eval_kimg: 0.016}",
    ]
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder in which the plan was carried out once; a cache of its own."""
    folder = tmp_path_factory.mktemp("release")
    (folder / "plan.yaml").write_text(PLANNED)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POKEGAN_CACHE", str(folder / "cache"))
        assert main(command(folder)) == 0
    return folder


def command(folder: Path, *more: str) -> list[str]:
    return [
        "release",
        f"--plan={folder}/plan.yaml",
        f"--out={folder}/runs",
        f"--models={folder}/models",
        "--data=synthetic:240",
        f"--samples={FEWEST}",
        "--seeds=2",
        "--features=sprite-net",
        *more,
    ]


@pytest.fixture
def copy(place, tmp_path, monkeypatch):
    """The same as an own folder, in which no training may be started."""
    monkeypatch.setenv("POKEGAN_CACHE", str(place / "cache"))
    shutil.copytree(place, tmp_path / "copy", ignore=shutil.ignore_patterns("cache"))

    def refuse(argv):
        raise AssertionError(f"trained again: {argv}")

    monkeypatch.setattr(release, "_train", refuse)
    return tmp_path / "copy"


@pytest.mark.parametrize("name", ["first", "dcgan"])
def test_the_released_folder_is_complete_measured_and_half_as_large(place, name):
    folder = place / "models" / name
    for file in (*REQUIRED_FILES, "run.json", "metrics.json", "curves.png"):
        assert (folder / file).is_file(), file
    assert not (folder / "nearest.png").exists()
    assert (folder / "README.md").read_text() == str(model_card(folder))
    weights = load_file(folder / "model.safetensors").values()
    assert {w.dtype for w in weights if w.is_floating_point()} == {torch.float16}
    protocol = json.loads((folder / "metrics.json").read_text())["protocol"]
    assert (protocol["samples"], protocol["seeds"]) == (FEWEST, [0, 1])


def test_the_weights_are_those_with_the_lowest_distance_and_the_log_is_whole(place):
    folder, run = place / "models/dcgan", place / "runs/dcgan"
    lines = read_log(folder / "training_log.jsonl")
    assert lines == read_log(run / "logs/training_log.jsonl")
    values = {line["step"]: line[DECIDES] for line in lines if DECIDES in line}
    best = min(values, key=values.get)
    chosen = json.loads((folder / "run.json").read_text())["chosen"]
    assert chosen == {"step": best, "metric": DECIDES, "value": values[best], "evaluations": 3}
    assert f"These weights are of step {best}, which had the lowest" in str(model_card(folder))
    whole = load_file(run / "best/model.safetensors")
    for name, tensor in load_file(folder / "model.safetensors").items():
        assert torch.equal(tensor, whole[name].to(tensor.dtype)), name


def test_a_later_stage_begins_with_the_weights_that_were_chosen(place):
    folder, run = place / "models/first", place / "runs/first"
    assert (folder / "before/training_log.jsonl").is_file()
    assert (folder / "before/run.json").read_text() == (run / "chosen/run.json").read_text()
    recipe = (folder / "recipe.yaml").read_text()
    assert f"start: {run / 'chosen'}" in recipe
    assert "seed: 1" in recipe
    assert "that was there already, of the recipe `dcgan`: 6 steps" in str(model_card(folder))


def test_what_is_done_is_left_as_it_is(copy, capsys):
    # The same places: a stage's recipe tells where its start lay.
    files = {path: path.stat().st_mtime_ns for path in (copy / "models/dcgan").rglob("*")}
    assert main(command(copy, "dcgan")) == 0
    assert capsys.readouterr().out == "dcgan: released already\n"
    assert {p: p.stat().st_mtime_ns for p in (copy / "models/dcgan").rglob("*")} == files


def test_numbers_that_are_missing_are_measured_without_training(copy):
    numbers = copy / "models/dcgan/metrics.json"
    before = json.loads(numbers.read_text())
    numbers.unlink()
    assert main(command(copy, "dcgan")) == 0
    assert json.loads(numbers.read_text())["metrics"] == before["metrics"]


def test_a_changed_plan_is_carried_out(copy):
    plan = copy / "plan.yaml"
    plan.write_text(plan.read_text().replace("dcgan: {kimg: 0.048", "dcgan: {kimg: 0.064"))
    with pytest.raises(AssertionError, match=r"trained again: .*--kimg=0\.064"):
        main(command(copy, "dcgan"))


@pytest.mark.parametrize(
    ("older", "told"),
    [("", "released"), ("blank_start: true", "to be released"), ("unheard: 1", "to be released")],
    ids=["without the option", "another value of it", "an unknown option"],
)
def test_an_option_that_came_later_had_its_default(copy, capsys, older, told):
    recipe = copy / "models/dcgan/recipe.yaml"
    assert recipe.read_text().count("blank_start: false") == 1
    recipe.write_text(recipe.read_text().replace("    blank_start: false\n", f"    {older}\n"))
    assert main(command(copy, "--dry-run", "dcgan")) == 0
    assert capsys.readouterr().out.startswith(f"dcgan: {told}\n")


def test_a_dry_run_tells_what_is_left(copy, capsys):
    shutil.rmtree(copy / "models/dcgan")
    assert main(command(copy, "--dry-run", "dcgan")) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "dcgan: to be released"
    assert told[1].startswith("  train.py --recipe=dcgan --image.size=16")
    assert not (copy / "models/dcgan").exists()


def test_the_data_is_opened_once_for_all_models(copy, monkeypatch, capsys):
    release._expected.cache_clear()
    opened = []
    open_sprites = resolve.open_sprites
    monkeypatch.setattr(
        resolve, "open_sprites", lambda *asked: opened.append(asked) or open_sprites(*asked)
    )
    plan = copy / "plan.yaml"
    plan.write_text(plan.read_text() + "\n  again: {recipe: dcgan, kimg: 0.048, eval_kimg: 0.016}")
    shutil.copytree(copy / "models/dcgan", copy / "models/again")
    assert main(command(copy, "--dry-run", "dcgan", "again")) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line for line in told if line[0] != " "] == ["dcgan: released", "again: released"]
    assert opened == [("synthetic:240", "train")]


def test_what_is_not_shipped_is_measured_beside_the_run_folders(copy, capsys):
    plan = copy / "plan.yaml"
    plan.write_text(plan.read_text().replace("  dcgan: {", "  dcgan: {shipped: false, "))
    shutil.rmtree(copy / "models/dcgan")
    assert main(command(copy, "--dry-run", "dcgan")) == 0
    assert capsys.readouterr().out.startswith("dcgan: to be released\n")
    released = copy / "runs/released/dcgan"
    shutil.copytree(copy / "runs/dcgan/chosen", released)
    assert main(command(copy, "dcgan")) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[-1] == f"dcgan: released: {released}"
    assert (released / "metrics.json").is_file()
    assert not (copy / "models/dcgan").exists()
    assert main(command(copy, "dcgan")) == 0
    assert capsys.readouterr().out == "dcgan: released already\n"


def test_two_at_once_share_the_work(copy, capsys):
    shutil.rmtree(copy / "models")
    with release._alone(copy / "runs/.dcgan.lock") as mine:
        assert mine
        assert main(command(copy, "dcgan")) == 0
    assert capsys.readouterr().out == "dcgan: another process is at it\n"
    with release._alone(copy / "runs/.dcgan.lock") as mine:
        assert mine


def test_a_run_without_evaluations_is_released_as_it_ended(copy):
    shutil.rmtree(copy / "runs/dcgan/best")
    chosen = choose(copy / "runs/dcgan")
    last = (copy / "runs/dcgan/model/model.safetensors").read_bytes()
    assert (chosen / "model.safetensors").read_bytes() == last
    assert "chosen" not in json.loads((chosen / "run.json").read_text())


def test_a_failed_training_is_one_line(copy, monkeypatch, capsys):
    monkeypatch.setattr(release, "_train", TRAIN)
    plan = copy / "plan.yaml"
    plan.write_text(plan.read_text().replace("eval_samples: 100", "eval_samples: 99"))
    shutil.rmtree(copy / "models/dcgan")
    assert main(command(copy, "dcgan")) == 2
    assert "ended with 2; see its message above" in capsys.readouterr().err


def test_sigterm_stops_the_training_with_a_checkpoint(tmp_path):
    (tmp_path / "plan.yaml").write_text(
        PLANNED.replace("kimg: 0.048, eval_kimg: 0.016", "kimg: 1000")
    )
    process = start_process("-m", "pokegan.cli", *command(tmp_path, "dcgan"))
    for line in process.stdout:
        if line.startswith("step 2 "):
            break
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 128 + signal.SIGTERM
    assert "checkpoint written, continue with --resume auto" in errors
    assert checkpoint_paths(tmp_path / "runs/dcgan/checkpoints")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("models: {}", "a plan has a mapping 'models'"),
        ("models: {dcgan: 3}", "models.dcgan: 3 is no mapping of options"),
        ("models: {dcgan: {shipped: 1}}", "models.dcgan: shipped: 1 is no boolean"),
        ("model: {dcgan: {}}\nmodels: {dcgan: {}}", "unknown field 'model'"),
        ("options: 3\nmodels: {dcgan: {}}", "a plan has a mapping 'models'"),
    ],
)
def test_unfit_plans_are_one_line(text, message, tmp_path):
    (tmp_path / "plan.yaml").write_text(text)
    with pytest.raises(PokeGANError, match=re.escape(message)):
        read_plan(tmp_path / "plan.yaml")


def test_an_unknown_model_is_one_line(copy, capsys):
    assert main(command(copy, "dcgam")) == 2
    assert "no model 'dcgam'; did you mean 'dcgan'" in capsys.readouterr().err


def test_the_plan_of_the_package_is_fit_and_has_every_recipe():
    plan = {model.name: model for model in read_plan(PLAN)}
    planned = set()
    for model in plan.values():
        for stage in model.stages:
            recipe, options = parse_command_line(stage)
            planned.add(recipe.name)
            assert options.clock == "cpu"
            generator = next(iter(recipe.build_networks().values()))
            floats = sum(tensor.numel() for tensor in generator.state_dict().values())
            assert 2 * floats < 8e6 - 1e5, model.name
    assert planned == set(recipe_names())


@pytest.mark.parametrize("name", ["wgan-gp", "wgan-dense"])
def test_two_wgans_of_the_plan_differ_in_augmentation_alone(name):
    plan = {model.name: model for model in read_plan(PLAN)}
    recipes = [parse_command_line(plan[n].stages[0])[0] for n in (name, f"{name}-aug")]
    plain, augmented = (yaml.safe_load(recipe.to_yaml()) for recipe in recipes)
    different = {field for field in plain | augmented if plain.get(field) != augmented.get(field)}
    assert different == {"name", "title", "augmentation"}
