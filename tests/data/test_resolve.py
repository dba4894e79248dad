from dataclasses import replace

import datasets
import numpy as np
import pyarrow.parquet as pq
import pytest

from pokegan import PokeGANError
from pokegan.data.build import build_dataset
from pokegan.data.feed import SpriteBank, SpriteLoader
from pokegan.data.resolve import open_sprites


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("data") / "typed sprites"
    build_dataset("synthetic:40", out, progress=False)
    return out


def test_synthetic_works_everywhere_a_dataset_does(folder):
    from_folder, drawn = open_sprites(str(folder)), open_sprites("synthetic:40")
    assert from_folder.dataset.features == drawn.dataset.features
    assert from_folder.fingerprint() == drawn.fingerprint()
    assert from_folder.synthetic
    assert drawn.synthetic


def test_splits_and_both_together(folder):
    sizes = {split: len(open_sprites(str(folder), split)) for split in ("train", "validation")}
    assert all(sizes.values())
    assert len(open_sprites(str(folder), "all")) == sum(sizes.values()) == 80


def test_the_summary_counts_types_and_tells_no_path(folder):
    summary = open_sprites(str(folder)).summary()
    dataset = open_sprites(str(folder)).dataset
    fire = sum(9 in (row["type1"], row["type2"]) for row in dataset)
    assert summary["types"]["fire"] == fire > 0
    assert summary["name"] == "typed sprites"
    assert str(folder.parent) not in str(summary)
    assert (summary["split"], summary["sprites"], summary["hub"]) == ("train", len(dataset), None)


def test_fingerprints_tell_labels_and_pictures_apart(folder):
    sprites = open_sprites(str(folder))
    original = sprites.fingerprint()
    dataset = sprites.dataset

    def with_dataset(changed):
        return type(sprites)(changed.cast(dataset.features), "x", "train", True).fingerprint()

    assert with_dataset(dataset) == original
    assert with_dataset(dataset.map(lambda row: {"shiny": not row["shiny"]})) != original
    mirrored = dataset.map(lambda row: {"image": row["image"].rotate(180)})
    assert with_dataset(mirrored) != original
    assert with_dataset(dataset.select(range(len(dataset) - 1))) != original


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("nowhere", "no data 'nowhere': give gen5, synthetic"),
        ("/no/such/folder", "no data '/no/such/folder'"),
        ("./absent", "no data './absent'"),
        ("synthetic:3", "synthetic"),
    ],
)
def test_what_is_not_there_is_told_with_the_choices(spec, message):
    with pytest.raises(PokeGANError, match=message):
        open_sprites(spec)


def test_a_folder_without_a_dataset_is_told_how_to_make_one(tmp_path):
    with pytest.raises(PokeGANError, match="pokegan dataset build"):
        open_sprites(str(tmp_path))


def test_an_unknown_split_and_a_missing_column_are_named(folder, tmp_path):
    import datasets

    with pytest.raises(PokeGANError, match="no split 'test', only train, validation"):
        open_sprites(str(folder), "test")
    (tmp_path / "data").mkdir()
    plain = datasets.load_dataset(str(folder))["train"].remove_columns("type2")
    plain.to_parquet(str(tmp_path / "data/train-00000-of-00001.parquet"))
    with pytest.raises(PokeGANError, match="the column 'type2' is missing"):
        open_sprites(str(tmp_path))


def test_a_dataset_built_before_there_was_augmentation_is_as_good(folder, tmp_path):
    import datasets

    (tmp_path / "data").mkdir()
    older = datasets.load_dataset(str(folder))["train"].remove_columns("augmentation")
    older.to_parquet(str(tmp_path / "data/train-00000-of-00001.parquet"))
    assert open_sprites(str(tmp_path)).fingerprint() == open_sprites(str(folder)).fingerprint()


def test_damaged_parquet_is_one_line(folder, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/train-00000-of-00001.parquet").write_bytes(b"PAR1 damaged PAR1")
    with pytest.raises(PokeGANError, match="cannot be loaded") as caught:
        open_sprites(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_changed_file_is_read_anew_though_the_card_stays(tmp_path):
    build_dataset("synthetic:20", tmp_path / "data", progress=False)
    before = open_sprites(str(tmp_path / "data"))
    (path,) = tmp_path.glob("data/data/train-*.parquet")
    table = pq.read_table(path)
    pq.write_table(table.take(list(range(table.num_rows))[::-1]), path)
    after = open_sprites(str(tmp_path / "data"))
    assert after.dataset["type1"][:] == before.dataset["type1"][:][::-1]


def test_an_unreadable_sprite_is_named(tmp_path):
    sprites = open_sprites("synthetic:20")
    broken = {"bytes": b"\x89PNG broken", "path": None}
    features = sprites.dataset.features
    rows = sprites.dataset.cast_column("image", datasets.Image(decode=False)).to_list()
    rows[3]["image"] = broken
    dataset = datasets.Dataset.from_list(rows, features)
    with pytest.raises(PokeGANError, match=r"^row 3 \(synthetic/.*\): the image cannot be read"):
        replace(sprites, dataset=dataset).fingerprint()
    with pytest.raises(PokeGANError, match=r"^row 3 \(synthetic/.*\): the image cannot be read"):
        SpriteBank(dataset, 16, 3)
    with pytest.raises(PokeGANError, match=r"^row 3 \(synthetic/.*\): the image cannot be read"):
        list(SpriteLoader(dataset, 16, 3).batches([np.array([1, 3])]))
