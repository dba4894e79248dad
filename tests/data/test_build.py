import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tracemalloc

import datasets
import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from sprite_tree import (
    ANIMATED,
    blob,
    gen5_tree,
    gen34_tree,
    gif,
    moving_gif,
    png,
    write_folder,
    write_tgz,
    write_zip,
)

from pokegan.data.augment import SIX
from pokegan.data.build import BuildOptions, build_dataset, features, split_of
from pokegan.data.types import GROUP_OF_TYPE, TYPES
from pokegan.errors import PokeGANError


def build(source, out, **options):
    return build_dataset(str(source), out, BuildOptions(**options), progress=False)


def load(folder, tmp_path):
    return datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "datasets-cache"))


def all_rows(folder, tmp_path) -> list[dict]:
    return [row for split in load(folder, tmp_path).values() for row in split]


def tree_digest(folder) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(params=["folder", "zip", "tgz"])
def gen5_source(request, tmp_path):
    if request.param == "folder":
        return write_folder(tmp_path / "tree", gen5_tree())
    make = {"zip": write_zip, "tgz": write_tgz}[request.param]
    files = {f"package/{name}": data for name, data in gen5_tree().items()}
    return make(tmp_path / f"tree.{request.param}", files)


def test_the_dataset_loads_with_its_features_and_disjoint_splits(gen5_source, tmp_path):
    report = build(gen5_source, tmp_path / "out")
    loaded = load(tmp_path / "out", tmp_path)
    assert set(loaded) == {"train", "validation"}
    species = {}
    for split, rows in loaded.items():
        assert rows.features == features()
        assert len(rows) == report.rows[split]
        species[split] = set(rows["species_id"])
        assert {split_of(number) for number in species[split]} == {split}
    assert species == {"train": {1, 25, 201, 386, 479}, "validation": {18}}
    assert report.species == {"train": 5, "validation": 1}


def test_labels_and_pixels_of_a_row(tmp_path):
    build(write_folder(tmp_path / "tree", gen5_tree()), tmp_path / "out")
    rows = all_rows(tmp_path / "out", tmp_path)
    [row] = [row for row in rows if row["form"] == "heat" and row["shiny"]]
    assert row["source"] == f"{ANIMATED}/shiny/479-heat.gif"
    names = features()
    assert names["type1"].int2str(row["type1"]) == "electric"
    assert names["type2"].int2str(row["type2"]) == "fire"
    assert row["type_group"] == GROUP_OF_TYPE[TYPES.index("electric")]
    assert (row["species"], row["generation"], row["game"]) == ("Rotom", 4, "black-white")
    assert (row["view"], row["gender"], row["frame"]) == (0, "", 0)
    pixels = np.array(row["image"])
    assert row["image"].mode == "RGBA"
    assert pixels.shape == (96, 96, 4)
    opaque = pixels[..., 3] > 0
    assert np.argwhere(opaque).min(axis=0).tolist() == [44, 44]  # an 8x8 box in the middle
    assert opaque.sum() == 64
    assert not pixels[~opaque].any()


def test_frames_are_rows_of_their_own_and_stay_aligned(tmp_path):
    files = {f"{ANIMATED}/1.gif": moving_gif(1, 5), f"{ANIMATED}/18.gif": moving_gif(2, 5)}
    source = write_folder(tmp_path / "tree", files)
    build(source, tmp_path / "three", frames=3)
    rows = [row for row in all_rows(tmp_path / "three", tmp_path) if row["species_id"] == 1]
    assert [row["frame"] for row in rows] == [0, 1, 3]
    lefts = [np.nonzero(np.array(row["image"])[..., 3])[1].min() for row in rows]
    assert np.diff(lefts).tolist() == [2, 4]
    assert build(source, tmp_path / "all", frames=None).rows == {"train": 5, "validation": 5}


def test_static_sprites_of_generations_3_and_4(tmp_path):
    tree = write_folder(tmp_path / "tree", gen34_tree())
    report = build(tree, tmp_path / "out", views=("front", "back"))
    rows = all_rows(tmp_path / "out", tmp_path)
    assert sum(report.rows.values()) == len(rows) == 13
    found = {(row["game"], row["form"], row["view"], row["shiny"], row["gender"]) for row in rows}
    assert {
        ("firered-leafgreen", "attack", 1, True, ""),
        ("ruby-sapphire", "question", 0, False, ""),
        ("diamond-pearl", "", 1, True, "female"),
        ("heartgold-soulsilver", "spiky-eared", 0, False, ""),
        ("platinum", "heat", 0, False, ""),
    } <= found


def test_an_image_folder_with_metadata(tmp_path):
    table = (
        "file_name,species,type1,type2,view,shiny\n"
        "a.png,Sparkling,electric,dragon,,yes\n"
        "sub/b.png,Pikachu,,,back,\n"
    )
    files = {"metadata.csv": table.encode(), "a.png": png(blob(1)), "sub/b.png": png(blob(2))}
    build(write_zip(tmp_path / "own.zip", files), tmp_path / "out", views=("front", "back"))
    rows = {row["species"]: row for row in all_rows(tmp_path / "out", tmp_path)}
    assert rows["Sparkling"]["species_id"] >= 100_000
    assert rows["Sparkling"]["shiny"]
    assert rows["Sparkling"]["type2"] == TYPES.index("dragon")
    assert (rows["Pikachu"]["species_id"], rows["Pikachu"]["view"]) == (25, 1)


def test_synthetic_sprites_are_a_source(tmp_path):
    report = build("synthetic:40", tmp_path / "out", shiny="only", canvas=64)
    rows = all_rows(tmp_path / "out", tmp_path)
    assert len(rows) == sum(report.rows.values()) > 0
    assert all(row["shiny"] and row["image"].size == (64, 64) for row in rows)
    with pytest.raises(PokeGANError, match="synthetic:many"):
        build("synthetic:many", tmp_path / "other")
    with pytest.raises(PokeGANError, match="synthetic sprites are views from the front"):
        build("synthetic:20", tmp_path / "other", views=("back",))


def test_six_follow_every_sprite_of_the_train_split_only(tmp_path):
    source = write_folder(tmp_path / "tree", gen5_tree())
    plain = build(source, tmp_path / "plain")
    report = build(source, tmp_path / "six", augment="six")
    assert report.rows == {
        "train": 7 * plain.rows["train"],
        "validation": plain.rows["validation"],
    }
    assert report.species == plain.species
    before, after = load(tmp_path / "plain", tmp_path), load(tmp_path / "six", tmp_path)
    assert set(after["validation"]["augmentation"]) == {""}
    assert after["train"]["augmentation"] == ["", *SIX] * plain.rows["train"]
    for split, rows in before.items():
        assert set(rows["augmentation"]) == {""}
        unchanged = after[split].filter(lambda row: row["augmentation"] == "")
        for old, new in zip(rows, unchanged, strict=True):
            assert np.array_equal(np.array(old.pop("image")), np.array(new.pop("image")))
            assert old == new
    rows = list(after["train"])
    for place in range(0, len(rows), 7):
        first, *others = rows[place : place + 7]
        image = np.array(first.pop("image"))
        for row in others:
            pixels = np.array(row.pop("image"))
            assert pixels.shape == image.shape
            assert not pixels[pixels[..., 3] == 0].any()
            assert row == {**first, "augmentation": row["augmentation"]}


def test_an_augmented_sprite_does_not_depend_on_its_place_in_the_build(tmp_path):
    def augmented(name, **options):
        build(write_folder(tmp_path / "tree", gen5_tree()), tmp_path / name, **options)
        return {
            (row["source"], row["augmentation"]): row["image"].tobytes()
            for row in all_rows(tmp_path / name, tmp_path)
        }

    every = augmented("all", augment="six")
    some = augmented("some", augment="six", shiny="only")
    assert len(some) < len(every)
    assert some == {key: every[key] for key in some}
    rotated = [image for (_, augmentation), image in every.items() if augmentation == "rotate"]
    assert len(set(rotated)) > 1


def test_the_same_source_and_options_give_the_same_bytes(gen5_source, tmp_path):
    build(gen5_source, tmp_path / "a", frames=2, augment="six")
    build(gen5_source, tmp_path / "b", frames=2, augment="six")
    assert tree_digest(tmp_path / "a") == tree_digest(tmp_path / "b")


def test_the_report_and_the_card_tell_what_was_done(tmp_path):
    files = gen5_tree() | {f"{ANIMATED}/9999.gif": b"", f"{ANIMATED}/4.gif": b"no gif"}
    source = write_tgz(tmp_path / "tree.tgz", files)
    report = build(source, tmp_path / "out")
    told = json.loads((tmp_path / "out/report.json").read_text())
    assert told["rows"] == report.rows
    assert told["options"]["max_forms"] == 4
    assert told["rejected"] == 2
    assert len(told["source_sha256"]) == len(told["fingerprint"]) == 64
    assert "seconds" not in told
    assert told["source"] == "tree.tgz"
    assert str(tmp_path) not in (tmp_path / "out/report.json").read_text()
    card = (tmp_path / "out/README.md").read_text()
    assert f"| train | {report.rows['train']} | 5 |" in card
    assert str(tmp_path) not in card
    assert "$" not in card


def bad_sprites() -> dict[str, bytes]:
    return {
        "4.gif": b"no gif at all",
        "5.gif": moving_gif(5, 6)[:-60],
        "6.gif": gif([Image.new("RGBA", (20, 20))]),
        "7.gif": b"",
        "9999.gif": moving_gif(9),
    }


def test_unreadable_sprites_are_counted_and_listed(tmp_path):
    files = gen5_tree() | {f"{ANIMATED}/{name}": data for name, data in bad_sprites().items()}
    report = build(write_tgz(tmp_path / "tree.tgz", files), tmp_path / "out")
    with (tmp_path / "out/rejected.csv").open(newline="") as file:
        listed = {row["file"]: row["reason"] for row in csv.DictReader(file)}
    assert listed == {
        f"{ANIMATED}/4.gif": "no readable image",
        f"{ANIMATED}/5.gif": "truncated GIF",
        f"{ANIMATED}/6.gif": "fully transparent",
        f"{ANIMATED}/7.gif": "no readable image",
        f"{ANIMATED}/9999.gif": "unknown species number 9999",
    }
    assert len(report.rejected) == 5
    sources = {row["source"] for row in all_rows(tmp_path / "out", tmp_path)}
    assert sources.isdisjoint(listed)


def test_names_that_are_no_text_are_listed_with_escapes(tmp_path):
    names = [f"{ANIMATED}/1-\udcff.gif", f"{ANIMATED}/9999-\udcff.gif", f"{ANIMATED}/\udcff/1.gif"]
    files = {f"{ANIMATED}/4.gif": moving_gif()} | dict.fromkeys(names, b"")
    report = build(write_tgz(tmp_path / "tree.tgz", files), tmp_path / "out")
    assert [name.rsplit("/", 1)[1] for name, _ in report.rejected] == [
        r"9999-\udcff.gif",
        r"1-\udcff.gif",
    ]
    assert report.ignored == {r"unused variant folder: \udcff": 1}


@pytest.mark.parametrize("name", bad_sprites())
def test_strict_makes_any_of_them_an_error(tmp_path, name):
    files = gen5_tree() | {f"{ANIMATED}/{name}": bad_sprites()[name]}
    with pytest.raises(PokeGANError, match=rf"animated/{name}: .*--strict"):
        build(write_folder(tmp_path / "tree", files), tmp_path / "out", strict=True)
    assert not (tmp_path / "out").exists()


def test_no_rejections_leave_a_list_with_a_header_only(tmp_path):
    build(write_folder(tmp_path / "tree", gen5_tree()), tmp_path / "out", strict=True)
    assert (tmp_path / "out/rejected.csv").read_text() == "file,reason\n"


def test_a_source_without_one_good_sprite_is_an_error(tmp_path):
    source = write_folder(tmp_path / "tree", {f"{ANIMATED}/4.gif": b"bad"})
    with pytest.raises(PokeGANError, match=r"none of 1 sprites can be used; .*4\.gif: no readable"):
        build(source, tmp_path / "out")
    source = write_folder(tmp_path / "other", {f"{ANIMATED}/9999.gif": b"bad"})
    with pytest.raises(PokeGANError, match="unknown species number 9999"):
        build(source, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "tree"]


def test_an_empty_folder_and_a_refused_archive_leave_nothing(tmp_path):
    (tmp_path / "empty").mkdir()
    write_tgz(tmp_path / "evil.tgz", {"../evil.png": b""})
    for source in ("empty", "evil.tgz"):
        with pytest.raises(PokeGANError, match=source):
            build(tmp_path / source, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "evil.tgz"]


def test_existing_output_is_an_error_before_anything_is_read(tmp_path):
    build(write_folder(tmp_path / "tree", gen5_tree()), tmp_path / "out")
    before = tree_digest(tmp_path / "out")
    with pytest.raises(PokeGANError, match="exists already"):
        build(tmp_path / "missing", tmp_path / "out")
    assert tree_digest(tmp_path / "out") == before


def test_a_set_of_one_species_loads_with_one_split(tmp_path):
    source = write_folder(tmp_path / "tree", {f"{ANIMATED}/1.gif": moving_gif(1)})
    assert build(source, tmp_path / "out").rows == {"train": 1, "validation": 0}
    assert set(load(tmp_path / "out", tmp_path)) == {"train"}


def test_memory_does_not_grow_with_the_number_of_frames(tmp_path):
    def peak(files: int) -> int:
        names = [f"{ANIMATED}/{number}.gif" for number in range(1, files + 1)]
        noise = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), dtype=np.uint8)
        data = gif([Image.fromarray(frame) for frame in noise])
        source = write_folder(tmp_path / f"tree{files}", dict.fromkeys(names, data))
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        tracemalloc.start()
        build(source, tmp_path / "out", frames=None)
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    peak(2)  # imports
    limit = 1.3 * peak(50)
    # Python may enlarge a table of its own, such as that of interned strings, in one build: not in
    # two.
    assert any(peak(150) < limit for _ in range(2))


# A build of 300 sprites that says when 290 are done, two row groups on the disk, and then waits.
WAITING_BUILD = """
import signal, sys
from pathlib import Path
from pokegan.data import build
done = 0
place = build.place
def place_and_wait(frames, canvas):
    global done
    done += 1
    if done == 290:
        print("ready", flush=True)
        while True:
            signal.pause()
    return place(frames, canvas)
build.place = place_and_wait
build.build_dataset(sys.argv[1], Path(sys.argv[2]), progress=False)
"""


def _usual_signals():
    """Tests may themselves run where a signal is ignored (nohup, a job in the background)."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_an_interrupted_build_leaves_nothing_that_loads(tmp_path, number):
    files = {f"{ANIMATED}/{species}.gif": moving_gif(species, 1) for species in range(1, 301)}
    source = write_folder(tmp_path / "tree", files)
    work = tmp_path / "work"
    command = [sys.executable, "-c", WAITING_BUILD, str(source), str(work / "out")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=_usual_signals
    ) as process:
        assert process.stdout.readline() == b"ready\n"
        left = [path for path in work.rglob("*") if path.is_file()]
        process.send_signal(number)
        try:
            errors = process.communicate(timeout=60)[1].decode()
        finally:
            process.kill()
    assert process.returncode != 0
    assert [path.suffix for path in left] == [".part"] * len(left) != []
    assert not (work / "out").exists()
    if number == signal.SIGKILL:
        [rest] = work.iterdir()
        with pytest.raises(
            Exception, match=r"(?i)no \(supported\) data files|doesn't contain any data files"
        ):
            load(rest, tmp_path)
        shutil.rmtree(rest)
    assert list(work.iterdir()) == []
    assert "Exception ignored" not in errors
    assert build(source, work / "out").files == 300


LIMITED_BUILD = """
import resource, sys
from pathlib import Path
from pokegan.data.build import build_dataset
from pokegan.errors import PokeGANError
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    build_dataset(sys.argv[1], Path(sys.argv[2]), progress=False)
except PokeGANError as error:
    sys.exit(f"error: {error}")
"""


def test_a_full_disk_is_one_clear_line_and_leaves_nothing(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (300, 40, 40, 3), dtype=np.uint8)
    base = "sprites/pokemon/versions/generation-iv/platinum"
    files = {f"{base}/{n}.png": png(Image.fromarray(noise[n - 1])) for n in range(1, 301)}
    source = write_folder(tmp_path / "tree", files)
    work = tmp_path / "work"
    command = [sys.executable, "-c", LIMITED_BUILD, str(source), str(work / "out")]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ.copy())
    assert done.returncode == 1
    assert done.stderr == f"error: {work / 'out'}: no space left on the disk; " + (
        "free some or choose another --out\n"
    )
    assert list(work.iterdir()) == []


def test_row_groups_are_small(tmp_path):
    files = {f"{ANIMATED}/{species}.gif": moving_gif(species, 1) for species in range(1, 400)}
    build(write_folder(tmp_path / "tree", files), tmp_path / "out")
    metadata = pq.ParquetFile(tmp_path / "out/data/train-00000-of-00001.parquet").metadata
    assert metadata.num_row_groups == 2
    assert metadata.row_group(0).num_rows == 256
