"""Drawing and publishing by README's commands."""

import numpy as np
from commands.declared import covers, executes, executes_in_turn, side_of_sheet, stored
from huggingface_hub import HfApi
from PIL import Image
from tiny import ROOT

PICTURE = ROOT / "space/pictures/models.png"


@covers('sample(8, types="fire")')
def test_types_can_be_asked_for(shell):
    code = 'import pokegan\nmodel = pokegan.load("space/models/sprite")\n'
    code += 'print(len(model.sample(8, types="fire")))'
    assert shell(f"python -c '{code}'").stdout == "8\n"


@executes("pokegan sample space/models/dcgan --n 64 --seed 0 --out sheet.png")
def test_a_sheet_is_drawn(shell, command):
    shell(command)
    with Image.open(shell.folder / "sheet.png") as sheet:
        assert sheet.size == (side_of_sheet(8, 64), side_of_sheet(8, 64))


@executes("pokegan sample space/models/* --columns 12")
def test_the_picture_of_the_released_models_is_drawn(shell, command):
    shell(command)
    with Image.open(shell.folder / "sheet.png") as sheet, Image.open(PICTURE) as shown:
        drawn, shown = (np.asarray(image.convert("RGB")).astype(int) for image in (sheet, shown))
    models = len(list(ROOT.glob("space/models/*/config.json")))
    side = (len(shown) - 2) // models - 2
    assert len(drawn) == len(shown) == side_of_sheet(models, side)
    sprites = np.s_[:, -side_of_sheet(12, side) :]  # without the names, in whatever font
    # Another machine rounds differently, by a level or two.
    assert np.abs(drawn[sprites] - shown[sprites]).max() <= 8


@covers("--types all", "--types fire+ghost,water --shiny")
def test_a_sheet_is_drawn_for_types(shell):
    for types, rows in (("all", 18), ("fire+ghost,water --shiny", 2)):
        shell(f"pokegan sample space/models/sprite --types {types}")
        with Image.open(shell.folder / "sheet.png") as sheet:
            assert sheet.height == side_of_sheet(rows, 64)


@executes_in_turn(
    "hf auth login",
    "python push_to_hub.py model runs/dcgan user/my-dcgan",
    "python push_to_hub.py dataset data/gen5 user/typed-sprites",
    "python push_to_hub.py space user/sprites --models dcgan runs/aegan user/my-dcgan",
)
@covers("--dry-run", "--private", "--revision", "--no-private", "--i-own-the-images", "--models")
def test_a_run_a_dataset_and_the_page_are_published(shell, commands, runs, data, their_hub):
    login, model, dataset, space = commands
    shell(login, f"--token {their_hub.token('user')}")

    assert "model.safetensors" in shell(model, "--dry-run").stdout
    assert their_hub.repos == {}
    assert shell(model).stdout.startswith(f"{their_hub.url}/user/my-dcgan/commit/")
    weights = (runs / "dcgan/model/model.safetensors").read_bytes()
    assert stored(their_hub, "models", "user/my-dcgan")["model.safetensors"] == weights
    HfApi(endpoint=their_hub.url, token=their_hub.token("user")).create_branch(
        "user/my-dcgan", branch="next"
    )
    shell(model, "--revision next")

    shell(dataset)
    assert their_hub.repos["datasets", "user/typed-sprites"].private
    shards = {path.name: path.read_bytes() for path in data.glob("data/*.parquet")}
    sent = stored(their_hub, "datasets", "user/typed-sprites")
    assert {name: sent[f"data/{name}"] for name in shards} == shards
    public = "user/public-sprites"
    refused = shell(dataset, "--no-private", {"user/typed-sprites": public}, status=2).stderr
    assert "--i-own-the-images" in refused
    shell(dataset, "--no-private --i-own-the-images", {"user/typed-sprites": public})
    assert not their_hub.repos["datasets", public].private

    shell(space, "--private")
    sent = stored(their_hub, "spaces", "user/sprites")
    models = {name.split("/")[1] for name in sent if name.startswith("models/")}
    assert models == {"dcgan", "aegan"}
    assert b"preload_from_hub:\n- user/my-dcgan " in sent["README.md"]
    assert sent["app.py"] == (ROOT / "space/app.py").read_bytes()
