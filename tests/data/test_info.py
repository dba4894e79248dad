import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from sprite_tree import gen5_tree, moving_gif, write_folder

from pokegan.data.build import BuildOptions, build_dataset
from pokegan.data.info import SHEET_SPRITES, _choose, dataset_info
from pokegan.errors import PokeGANError

LABELS = {"species_id": 1, "form": "", "gender": "", "view": 0, "shiny": False, "frame": 0} | {
    "source": "1.gif"
}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    root = tmp_path_factory.mktemp("info")
    source = write_folder(root / "tree", gen5_tree())
    options = BuildOptions(views=("front", "back"))
    return build_dataset(str(source), root / "out", options, progress=False)


def test_counts_by_split_type_group_game_view_and_shiny(dataset, tmp_path):
    info = dataset_info(dataset.out, tmp_path)
    assert info.rows == dataset.rows
    assert info.species == dataset.species == {"train": 5, "validation": 1}
    total = sum(dataset.rows.values())
    for names in info.counts.values():
        assert sum(sum(counts.values()) for counts in names.values()) == total
    assert info.counts["first type"]["grass"] == {"train": 4, "validation": 0}
    assert info.counts["first type"]["normal"] == {"train": 0, "validation": 2}
    assert info.counts["view"]["back"]["train"] == 2
    assert sum(info.counts["shiny"]["yes"].values()) == total / 2
    assert info.counts["game"] == {"black-white": dataset.rows}
    assert info.counts["gender"]["female"] == {"train": 2, "validation": 0}


def test_the_table_is_aligned(dataset, tmp_path):
    lines = str(dataset_info(dataset.out, tmp_path)).splitlines()
    assert lines[0].split() == ["train", "validation", "total"]
    rows = [line.split() for line in lines if len(line.split()) == 4]
    assert all(int(a) + int(b) == int(total) for _, a, b, total in rows if a.isdigit())
    assert len({len(line) for line in lines if line[-1:].isdigit()}) == 1


def test_the_contact_sheet_shows_the_sprites_pixel_for_pixel_on_white(dataset, tmp_path):
    info = dataset_info(dataset.out, tmp_path)
    sheet = np.array(Image.open(info.contact_sheet))
    assert sheet.shape[2] == 3
    assert (sheet[0] == 255).all()
    shown = {tuple(color) for color in sheet.reshape(-1, 3)} - {(255, 255, 255)}
    drawn = set()
    for path in dataset.out.glob("data/*.parquet"):
        for image in pq.read_table(path)["image"].to_pylist():
            pixels = np.array(Image.open(pa.BufferReader(image["bytes"])))
            drawn |= {tuple(color) for color in pixels[pixels[..., 3] > 0][:, :3]}
    assert shown == drawn


def test_the_pictures_go_into_the_dataset_by_default(dataset, tmp_path):
    copy = shutil.copytree(dataset.out, tmp_path / "copy")
    info = dataset_info(copy)
    assert info.contact_sheet == copy / "contact_sheet.png"
    assert Image.open(info.types_chart).size[0] > 400


def test_a_large_dataset_shows_one_sprite_each_of_spread_species(tmp_path):
    base = "sprites/pokemon/versions/generation-v/black-white/animated"
    frame = moving_gif(0, 1)
    files = {f"{base}/{shiny}{n}.gif": frame for n in range(1, 301) for shiny in ("", "shiny/")}
    source = write_folder(tmp_path / "tree", files)
    build_dataset(str(source), tmp_path / "out", BuildOptions(canvas=16), progress=False)
    info = dataset_info(tmp_path / "out")
    sheet = np.array(Image.open(info.contact_sheet))
    cell = 16 * 3 + 4  # small canvases are enlarged by whole pixels
    assert sheet.shape == (SHEET_SPRITES // 16 * cell, 16 * cell, 3)


def test_originals_come_first_and_augmented_sprites_are_counted(tmp_path):
    source = write_folder(tmp_path / "tree", gen5_tree())
    options = BuildOptions(augment="six", shiny="normal", max_forms=1)
    report = build_dataset(str(source), tmp_path / "out", options, progress=False)
    info = dataset_info(tmp_path / "out")
    train, validation = report.rows.values()
    assert info.counts["augmentation"]["-"] == {"train": train / 7, "validation": validation}
    assert info.counts["augmentation"]["crop"] == {"train": train / 7, "validation": 0}
    labels = {"train": [{**LABELS, "augmentation": name} for name in ("shear", "", "crop")]}
    assert _choose(labels) == [("train", 1), ("train", 0), ("train", 2)]


def test_a_dataset_built_before_there_was_augmentation_is_read(dataset, tmp_path):
    copy = shutil.copytree(dataset.out, tmp_path / "copy")
    for path in copy.glob("data/*.parquet"):
        pq.write_table(pq.read_table(path).drop_columns("augmentation"), path)
    assert dataset_info(copy).counts == dataset_info(dataset.out, tmp_path).counts


def test_what_is_no_dataset_is_one_clear_line(tmp_path):
    with pytest.raises(PokeGANError, match="no dataset"):
        dataset_info(tmp_path)
    (tmp_path / "data").mkdir()
    path = tmp_path / "data/train-00000-of-00001.parquet"
    path.write_bytes(b"not parquet")
    with pytest.raises(PokeGANError, match="cannot be read") as caught:
        dataset_info(tmp_path)
    assert "\n" not in str(caught.value)
    pq.write_table(pa.table({"text": ["a"]}), path)
    with pytest.raises(PokeGANError, match="typed sprite dataset"):
        dataset_info(tmp_path)


def test_a_corrupt_page_is_blamed_on_the_dataset(dataset, tmp_path):
    copy = shutil.copytree(dataset.out, tmp_path / "copy")
    path = copy / "data/train-00000-of-00001.parquet"
    column = pq.ParquetFile(path).metadata.row_group(0).column(0)  # the images
    start = column.dictionary_page_offset or column.data_page_offset
    data = bytearray(path.read_bytes())
    data[start : start + 30] = bytes([255]) * 30
    path.write_bytes(data)
    with pytest.raises(PokeGANError, match=rf"{path}: cannot be read \(.*; build it again"):
        dataset_info(copy)
    assert not list(copy.glob("*.png"))


def test_pictures_that_cannot_be_written_leave_nothing_half_done(dataset, tmp_path):
    (tmp_path / "types.png").mkdir()
    with pytest.raises(PokeGANError, match="cannot be written"):
        dataset_info(dataset.out, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"contact_sheet.png", "types.png"}
