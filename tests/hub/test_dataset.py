"""Datasets on the Hub: what is sent, and to whom; then the real clients read it back."""

import json

import pyarrow.parquet as pq
import pytest
import yaml
from datasets import load_dataset
from hub_server import ROOT, run_python

from pokegan.data.build import build_dataset
from pokegan.errors import PokeGANError
from pokegan.hub.dataset import dataset_contents, is_synthetic
from pokegan.hub.repository import publish

READ = """
import hashlib, json, os, sys
from datasets import load_dataset
for token in sys.argv[2:]:
    os.environ["HF_TOKEN"] = token
    try:
        splits = load_dataset(sys.argv[1])
    except Exception as error:
        print(json.dumps({"error": type(error).__name__}))
    else:
        pixels = [row["image"].tobytes() for rows in splits.values() for row in rows]
        told = {name: len(rows) for name, rows in splits.items()}
        told["pixels"] = hashlib.sha256(b"".join(pixels)).hexdigest()
        told["types"] = splits["train"].features["type1"].names[:2]
        print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "creatures"
    build_dataset("synthetic:20", folder, progress=False)
    return folder


@pytest.fixture
def copy(built, tmp_path):
    """The dataset, to be changed."""
    for path in built.rglob("*"):
        if path.is_file():
            target = tmp_path / "copy" / path.relative_to(built)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    return tmp_path / "copy"


def with_game(folder, game):
    """As if the sprites were of a game."""
    for path in folder.glob("data/*.parquet"):
        table = pq.read_table(path)
        place = table.column_names.index("game")
        column = table["game"].to_pylist()
        pq.write_table(table.set_column(place, "game", [[game] * len(column)]), path)


def push(hub, home, *arguments, user="ada"):
    script = str(ROOT / "push_to_hub.py")
    return run_python(
        [script, "dataset", *map(str, arguments)], hub=hub, home=home, token=hub.token(user)
    )


def test_what_is_sent_is_the_dataset_and_nothing_else(copy):
    (copy / "notes.txt").write_text("secret")
    (copy / "data/train.pkl").write_text("secret")
    contents = dataset_contents(copy, "ada/creatures")
    names = {"README.md", "report.json", "rejected.csv"}
    names |= {f"data/{split}-00000-of-00001.parquet" for split in ("train", "validation")}
    assert set(contents.files) == names
    card = contents.files["README.md"].decode()
    assert 'load_dataset("ada/creatures")' in card
    assert "DIR_OR_REPO_ID" in (copy / "README.md").read_text()
    front = yaml.safe_load(card.split("---\n", 2)[1])
    assert front["license"] == "apache-2.0"
    assert [files["split"] for files in front["configs"][0]["data_files"]] == [
        "train",
        "validation",
    ]


def test_where_sprites_come_from_is_asked_of_the_rows(built, copy):
    assert is_synthetic(built)
    with_game(copy, "black-white")
    assert not is_synthetic(copy)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "README.md").unlink(), "README.md is missing"),
        (
            lambda folder: [path.unlink() for path in folder.glob("data/*")],
            "holds no data/*.parquet",
        ),
        (
            lambda folder: (folder / "data/train-00000-of-00001.parquet").write_bytes(b"PAR1no"),
            "not readable as Parquet",
        ),
        (
            lambda folder: pq.write_table(
                pq.read_table(folder / "data/train-00000-of-00001.parquet").drop(["type1"]),
                folder / "data/train-00000-of-00001.parquet",
            ),
            "the column 'type1' is missing",
        ),
    ],
)
def test_what_is_no_dataset_is_refused(copy, damage, message):
    damage(copy)
    with pytest.raises(PokeGANError) as caught:
        dataset_contents(copy, "ada/creatures")
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_dataset_goes_round_and_is_the_owners_alone(hub, built, tmp_path):
    done = push(hub, tmp_path / "a", built, "ada/creatures")
    assert done.returncode == 0, done.stderr
    repo = hub.repos["datasets", "ada/creatures"]
    assert repo.private
    sha = repo.resolve("main").sha
    assert done.stdout == f"{hub.url}/datasets/ada/creatures/commit/{sha}\n"

    tokens = [hub.token("bob"), hub.token("ada")]
    child = run_python(["-c", READ, "ada/creatures", *tokens], hub=hub, home=tmp_path / "b")
    refused, read = map(json.loads, child.stdout.splitlines())
    assert refused == {"error": "DatasetNotFoundError"}
    local = load_dataset(str(built), cache_dir=str(tmp_path / "c"))
    assert read["train"] == len(local["train"])
    assert read["validation"] == len(local["validation"])
    assert read["types"] == ["normal", "fighting"]

    again = push(hub, tmp_path / "a", built, "ada/creatures")
    assert again.stdout == done.stdout  # nothing has changed: no new commit


def test_a_smaller_dataset_leaves_no_shard_of_the_larger_one(hub, built):
    options = {"token": hub.token("ada"), "endpoint": hub.url}
    contents = dataset_contents(built, "ada/creatures")
    contents.files["data/train-00001-of-00002.parquet"] = b"old"
    contents.files["NOTES.md"] = b"mine"
    publish(contents, "ada/creatures", **options)
    publish(dataset_contents(built, "ada/creatures"), "ada/creatures", **options)
    files = hub.repos["datasets", "ada/creatures"].resolve("main").files
    assert "data/train-00001-of-00002.parquet" not in files
    assert "NOTES.md" in files


def test_sprites_of_games_are_not_published_by_accident(hub, copy, tmp_path):
    with_game(copy, "black-white")
    refused = push(hub, tmp_path / "home", copy, "ada/games", "--no-private")
    assert refused.returncode == 2
    (line,) = refused.stderr.splitlines()
    assert "belong to The Pokémon Company" in line
    assert "--i-own-the-images" in line
    assert hub.log == []

    done = push(hub, tmp_path / "home", copy, "ada/own", "--no-private", "--i-own-the-images")
    assert done.returncode == 0, done.stderr
    assert not hub.repos["datasets", "ada/own"].private
    # Nor into a repository that is public already.
    again = push(hub, tmp_path / "home", copy, "ada/own")
    assert again.returncode == 2
    assert "ada/own exists and is public" in again.stderr


def test_our_own_drawings_may_be_public(hub, built, tmp_path):
    done = push(hub, tmp_path / "home", built, "ada/free", "--no-private")
    assert done.returncode == 0, done.stderr
    assert not hub.repos["datasets", "ada/free"].private
