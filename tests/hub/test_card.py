import json
import re

import pytest
import yaml
from hub_repos import front_matter_errors
from huggingface_hub import ModelCard, metadata_load
from metric_facts import facts
from model_folder import write_model_folder
from PIL import Image

from pokegan.errors import PokeGANError
from pokegan.hub.card import last_log_entry, model_card, write_card
from pokegan.training.model_folder import write_curves


def metadata_of(card):
    return yaml.safe_load(str(card).split("---\n", 2)[1])


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_front_matter_of_a_model_of_the_games(folder):
    assert metadata_load(folder / "README.md") == {
        "library_name": "pokegan",
        "license": "other",
        "license_name": "the-pokemon-company-sprites",
        "license_link": "https://github.com/PokeAPI/sprites/blob/master/LICENCE.txt",
        "pipeline_tag": "unconditional-image-generation",
        "tags": ["pokegan", "gan", "pixel-art", "sprites", "tiny"],
    }
    assert "copyright The Pokémon Company" in (folder / "README.md").read_text(encoding="utf-8")


def test_our_own_sprites_are_free(tmp_path):
    card = model_card(write_model_folder(tmp_path, spec="synthetic", synthetic=True))
    assert card.data.license == "apache-2.0"
    assert "license_name" not in card.data.to_dict()
    assert "Company" not in card.text


def test_doubt_about_the_origin_is_no_licence(folder):
    data = json.loads((folder / "data.json").read_text())
    del data["synthetic"]
    (folder / "data.json").write_text(json.dumps(data))
    assert model_card(folder).data.license == "other"


@pytest.mark.parametrize(
    ("hub", "expected"),
    [("ada/sprites", ["ada/sprites"]), ("ada/sprites@v2", ["ada/sprites"]), (None, None)],
)
def test_a_dataset_of_the_hub_is_linked(folder, hub, expected):
    edit(folder / "data.json", hub=hub)
    assert model_card(folder).data.to_dict().get("datasets") == expected


def test_the_hub_accepts_the_card_and_nothing_is_lost_in_reading(folder, tmp_path):
    for repo_id in (None, "ada/tiny"):
        card = model_card(folder, repo_id)
        assert front_matter_errors(str(card)) == []
        assert str(card).endswith(".\n")
        path = tmp_path / "card.md"
        card.save(path)
        assert str(ModelCard.load(path)) == str(card) == path.read_text(encoding="utf-8")


def test_the_card_tells_what_the_folder_holds(folder):
    text = model_card(folder, "ada/tiny").text
    assert "# Tiny, for tests\n" in text
    assert "![Sprites drawn by this model](samples.png)" in text
    assert 'pokegan.load("ada/tiny").sample(' in text
    assert "1,368 sprites of `gen5` (train split)" in text
    assert (
        "Sprites by type (one of two types counts for both): bug 180, water 180, fire 70." in text
    )
    assert "12,345 steps (1,580.2 kimg) in 25 min of training." in text
    assert "| objective.real_label | 0.9 |" in text
    assert "| optimizer.betas | 0.5, 0.999 |" in text
    assert "| optimizer.learning_rate | 0.0002 |" in text
    assert "/somewhere/private" not in text
    assert "Not evaluated yet." in text
    assert "{{" not in text
    assert "{%" not in text


def test_blocks_are_separated_by_empty_lines(folder):
    lines = model_card(folder).text.splitlines()
    for number, line in enumerate(lines):
        if line.startswith("#"):
            assert lines[number - 1] == lines[number + 1] == "", line
    table = lines.index("| setting | value |")
    assert lines[table - 1] == ""
    assert all(line.startswith("| ") for line in lines[table + 2 : table + 5])


def test_metrics_come_from_metrics_json_only(folder):
    measured = facts(fd_efficientnet_lite0=(12.3456789, 0.25), colors=(600.0, 1.0))
    (folder / "metrics.json").write_text(json.dumps(measured))
    text = model_card(folder).text
    # Name with N, value ± deviation; what real sprites get; the halves.
    assert "| fd_efficientnet_lite0@1500 | 12.3 ± 0.25 |  | 33.6 |" in text
    assert "| colors | 600 ± 1 | 500 |  |" in text
    assert "1,500 sprites for each of 2 seeds against the 1,424 sprites of the train split" in text
    assert "Feature networks: efficientnet-lite0, sprite-net." in text
    assert "Not evaluated yet." not in text


def test_the_training_sprites_that_samples_look_like_are_named(folder):
    assert "look most like training sprites" not in model_card(folder).text
    like = [
        {"sample": 12, "training_sprite": "Rotom, shiny", "score": 0.0, "novel": False},
        {"sample": 7, "training_sprite": "Mr. Mime", "score": 0.2, "novel": True},
    ]
    (folder / "metrics.json").write_text(json.dumps(facts() | {"least_new": like}))
    assert (
        "Of the 1,500 sprites of the first seed, these look most like training sprites, whose"
        " names stand beside: 12 (Rotom, shiny), 7 (Mr. Mime)."
    ) in model_card(folder).text


def test_the_hub_shows_what_was_measured(folder):
    measured = facts(
        fd_efficientnet_lite0=(12.3456789, 0.25),
        recall_efficientnet_lite0=(0.5, 0.1),
        colors=(600.0, 1.0),
    )
    (folder / "metrics.json").write_text(json.dumps(measured))
    card = model_card(folder, "ada/tiny")
    assert front_matter_errors(str(card)) == []
    (model,) = metadata_of(card)["model-index"]
    assert model["name"] == "ada/tiny"
    (results,) = model["results"]
    assert results["task"] == {"type": "unconditional-image-generation"}
    assert results["dataset"] == {"name": "gen5", "type": "typed-sprites", "split": "train"}
    values = {metric["type"]: metric["value"] for metric in results["metrics"]}
    # Values to the last digit; no standard deviations of KID, no counts of colours.
    assert values["fd_efficientnet_lite0@1500"] == 12.3456789
    assert values["recall_efficientnet_lite0@1500"] == 0.5
    assert not [name for name in values if name.startswith(("colors", "kid_deviation"))]
    assert [(r.metric_name, r.metric_value) for r in ModelCard(str(card)).data.eval_results] == [
        *values.items()
    ]


def test_nothing_measured_is_nothing_claimed(folder):
    assert "model-index" not in metadata_of(model_card(folder, "ada/tiny"))


@pytest.mark.parametrize(
    ("start", "before", "expected"),
    [
        ("ada/painter", False, "ada/painter"),
        ("ada/painter", True, None),  # a folder of that name, whose recipe was kept
        ("runs/sprite/model", False, None),
        (None, False, None),
    ],
)
def test_the_hub_model_that_a_training_began_with_is_linked(folder, start, before, expected):
    recipe = yaml.safe_load((folder / "recipe.yaml").read_text()) | {"start": start}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    if before:
        (folder / "before").mkdir()
        (folder / "before/recipe.yaml").write_text("name: painter\n")
    assert metadata_of(model_card(folder)).get("base_model") == expected


def test_curves_are_shown_where_there_are_some(folder):
    assert "curves.png" not in model_card(folder).text
    write_curves(folder)
    assert "![Losses and other curves of the training](curves.png)" in (
        folder / "README.md"
    ).read_text(encoding="utf-8")
    with Image.open(folder / "curves.png") as picture:
        picture.verify()


def test_a_single_seed_has_no_deviation(folder):
    measured = facts()
    measured["protocol"]["seeds"] = [0]
    for value in measured["metrics"].values():
        value["deviation"] = None
    (folder / "metrics.json").write_text(json.dumps(measured))
    text = model_card(folder).text
    assert "1,500 sprites for one seed against" in text
    assert "±" not in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"KID": 1}, "field 'protocol' is missing"),
        (facts() | {"floors": 1}, "field 'floors' must be a mapping, not 1"),
        (facts() | {"metrics": {"fd@9": 1}}, "field 'metrics.fd@9' must be a mapping, not 1"),
        (
            facts() | {"metrics": {"fd@9": {"mean": "x"}}},
            "field 'mean' must be a number, not 'x'",
        ),
    ],
)
def test_metrics_of_another_form_are_one_line(folder, change, message):
    (folder / "metrics.json").write_text(json.dumps(change))
    with pytest.raises(PokeGANError, match=r"metrics\.json: " + re.escape(message)):
        model_card(folder)


@pytest.mark.parametrize("name", ["config.json", "data.json", "metrics.json", "recipe.yaml"])
def test_a_file_that_is_nested_too_deep_is_one_line(folder, name):
    (folder / name).write_text("[" * 100_000)
    with pytest.raises(PokeGANError, match=re.escape(name)) as caught:
        model_card(folder)
    assert len(str(caught.value).splitlines()) == 1


def test_no_picture_without_samples(folder):
    (folder / "samples.png").unlink()
    text = model_card(folder).text
    assert "samples.png" not in text
    assert "picture above" not in text


def test_text_cannot_break_the_card(folder):
    recipe = yaml.safe_load((folder / "recipe.yaml").read_text())
    recipe |= {"title": "Two\n# lines", "objective": {"note": "a | b\n---"}}
    recipe["name"] = "x: [y\n---\n# "
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    card = model_card(folder)
    assert card.data.tags[-1] == "x: [y --- #"
    assert ModelCard(str(card)).data.to_dict() == card.data.to_dict()
    assert "\n# Two # lines\n" in card.text
    assert "| objective.note | a \\| b --- |" in card.text


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("", None),
        ('{"step": 1}\n', {"step": 1}),
        ('{"step": 1}\n{"step": 2}\n{"step": 3, "los', {"step": 2}),
        ('{"step": 1}\n\n', {"step": 1}),
        ("x" * 70_000 + '\n{"step": 9}\n', {"step": 9}),
    ],
)
def test_last_log_entry(tmp_path, log, expected):
    path = tmp_path / "training_log.jsonl"
    assert last_log_entry(path) is None
    path.write_text(log)
    assert last_log_entry(path) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"), [(59.6, "60 s"), (1500, "25 min"), (7200, "2.0 h"), (45000, "12.5 h")]
)
def test_durations(folder, seconds, expected):
    line = {"step": 10, "kimg": 1.28, "seconds": seconds}
    (folder / "training_log.jsonl").write_text(json.dumps(line))
    assert f"10 steps (1.3 kimg) in {expected} of training." in model_card(folder).text


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (
            {"clock": "cpu", "processes": 1, "threads": 1, "machine": "abacus"},
            "in 25 min of CPU time, on one thread (abacus).",
        ),
        (
            {"clock": "wall", "processes": 2, "threads": 8, "machine": "abacus"},
            "in 25 min of training, on 2 processes of 8 threads each (abacus).",
        ),
        (
            {"clock": "wall", "processes": 4, "machine": "a | b"},
            "in 25 min of training, on 4 processes (a \\| b).",
        ),
        ({"clock": "wall", "processes": 1, "machine": "GPU"}, "in 25 min of training, on GPU."),
    ],
)
def test_what_the_training_ran_on(folder, facts, expected):
    (folder / "run.json").write_text(json.dumps(facts))
    assert expected in model_card(folder).text


def test_which_weights_were_chosen_and_how_they_are_stored(folder):
    facts = {
        "chosen": {"step": 1200, "metric": "eval/kid@100", "value": 0.12345, "evaluations": 6},
        "half_precision": {"sprites": 64, "mean": 0.0213, "most": 3.0},
    }
    machine = {"clock": "wall", "processes": 1, "machine": "abacus"}
    (folder / "run.json").write_text(json.dumps(facts | machine))
    assert (
        "on abacus. These weights are of step 1,200, which had the lowest `eval/kid@100` (0.123) of"
        " 6 evaluations. They are stored in half precision; 64 sprites drawn from them differ from"
        " those of the full weights by 0.0213 of 255 levels on average, and by 3 at most."
    ) in model_card(folder).text


def test_an_untrained_model_says_so(folder):
    (folder / "training_log.jsonl").unlink()
    assert "No training step is recorded." in model_card(folder).text


def test_write_card_replaces_the_file(folder):
    (folder / "README.md").write_text("old")
    assert write_card(folder) == folder / "README.md"
    assert (folder / "README.md").read_text(encoding="utf-8") == str(model_card(folder))
    assert not list(folder.glob("*README.md?*"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", None, r"config\.json is missing"),
        ("recipe.yaml", None, r"recipe\.yaml is missing"),
        ("data.json", None, r"data\.json is missing"),
        ("recipe.yaml", "a: [", r"recipe\.yaml: not valid YAML"),
        ("recipe.yaml", "title: no name", r"recipe\.yaml: field 'name' is missing"),
        ("data.json", "{", r"data\.json: not valid JSON"),
        ("data.json", "[1]", r"data\.json: must hold a mapping, not list"),
        ("data.json", '{"sprites": "many"}', r"'sprites' must be a number, not 'many'"),
        ("metrics.json", "nonsense", r"metrics\.json: not valid JSON"),
        ("run.json", '{"machine": "abacus"}', r"run\.json: field 'processes' is missing"),
        ("run.json", '{"chosen": 3}', r"run\.json: field 'chosen' must be a mapping"),
        ("training_log.jsonl", '{"step": 1}', r"training_log\.jsonl: field 'kimg' is missing"),
    ],
)
def test_a_bad_file_is_named_in_one_line(folder, name, content, message):
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(content)
    with pytest.raises(PokeGANError, match=message) as caught:
        model_card(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "config", [{"conditioning": "group"}, {"architecture": "sprite-generator"}]
)
def test_a_conditional_models_card_tells_how_to_choose_types(folder, config):
    before = str(model_card(folder))
    assert "types=" not in before
    edit(folder / "config.json", **config)
    card = model_card(folder)
    assert 'sample(8, types="fire")' in card.text
    assert "type-conditional" in card.data.tags


def test_the_work_behind_a_recipe_is_named(folder):
    recipe = yaml.safe_load((folder / "recipe.yaml").read_text())
    (folder / "recipe.yaml").write_text(yaml.safe_dump({**recipe, "source": "Somebody 2021"}))
    assert ", after Somebody 2021." in model_card(folder).text
