"""The synthetic creatures: deterministic, well drawn, and telling of their types."""

import csv
import hashlib
from collections import Counter
from importlib import resources

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from pokegan.data import synthetic
from pokegan.data.synthetic import parse_synthetic, synthetic_dataset, synthetic_rows
from pokegan.data.types import GROUP_OF_TYPE, NO_TYPE, SECOND_TYPES, TYPE_GROUPS, TYPES
from pokegan.errors import PokeGANError


def pixels_of(rows):
    return np.stack([np.asarray(row["image"]) for row in rows])


@pytest.fixture(scope="module")
def rows():
    return list(synthetic_rows(240, canvas=32))


@pytest.fixture(scope="module")
def pixels(rows):
    """(480, 32, 32, 4) uint8, one pixel a cell."""
    return pixels_of(rows)


# --- the same everywhere and always


@pytest.mark.parametrize(
    ("index", "digest"),
    [
        (0, "c3b16c6861656004"),
        (1, "8ec36ebe94652ea1"),
        (38, "1bc3bde5d80641db"),
        (479, "e18353800675c569"),
    ],
)
def test_pixels_are_pinned(rows, index, digest):
    assert hashlib.sha256(rows[index]["image"].tobytes()).hexdigest()[:16] == digest


def test_rows_of_a_species_do_not_depend_on_the_number_of_species(rows):
    few = list(synthetic_rows(50, canvas=32))
    assert len(few) == 100
    for short, full in zip(few, rows, strict=False):
        assert {**short, "image": short["image"].tobytes()} == {
            **full,
            "image": full["image"].tobytes(),
        }


@pytest.mark.parametrize("canvas", [32, 33, 64, 95, 96, 100])
def test_any_canvas_shows_the_same_creature_enlarged_and_centred(canvas, pixels):
    image = np.asarray(next(synthetic_rows(20, canvas=canvas))["image"])
    scale, margin = canvas // 32, (canvas % 32) // 2
    expected = np.zeros((canvas, canvas, 4), np.uint8)
    side = 32 * scale
    expected[margin : margin + side, margin : margin + side] = np.kron(
        pixels[0], np.ones((scale, scale, 1), np.uint8)
    )
    assert (image == expected).all()


# --- labels


def test_every_row_has_the_labels_of_the_typed_dataset(rows):
    for index, row in enumerate(rows):
        number, shiny = index // 2 + 1, index % 2 == 1
        assert row["species_id"] == number
        assert row["shiny"] is shiny
        assert row["source"] == f"synthetic/{number:04d}-{'shiny' if shiny else 'normal'}"
        assert row["type_group"] == GROUP_OF_TYPE[row["type1"]]
        assert row["type2"] in range(NO_TYPE + 1)
        assert row["type2"] != row["type1"]
        assert (row["form"], row["gender"], row["game"]) == ("", "", "synthetic")
        assert row["augmentation"] == ""
        assert (row["generation"], row["view"], row["frame"]) == (0, 0, 0)
        assert row["image"].mode == "RGBA"


def test_types_are_balanced_and_half_of_the_species_have_two(rows):
    normal = rows[::2]
    first = Counter(row["type1"] for row in normal)
    assert set(first) == set(range(len(TYPES)))
    assert max(first.values()) - min(first.values()) <= 1
    second = Counter(row["type2"] for row in normal)
    assert set(second) == set(range(len(SECOND_TYPES)))
    assert 0.4 < second[NO_TYPE] / len(normal) < 0.6


def test_names_are_unique_and_not_those_of_the_games():
    names = {synthetic._name(number) for number in range(1, 100_001)}
    assert len(names) == 100_000
    assert all(name.isascii() and name.isalpha() and name.istitle() for name in names)
    with (resources.files("pokegan.data") / "species.csv").open(encoding="utf-8") as file:
        known = {row["species"].lower() for row in csv.DictReader(file)}
    assert len(known) >= 649
    assert not known & {name.lower() for name in names}


# --- drawing


def test_alpha_is_hard_and_transparent_pixels_are_black(pixels):
    alpha = pixels[..., 3]
    assert set(np.unique(alpha)) == {0, 255}
    assert not pixels[alpha == 0].any()


def test_creatures_are_mirrored_and_fill_a_fair_part_of_the_canvas(pixels):
    assert (pixels == pixels[:, :, ::-1]).all()
    covered = (pixels[..., 3] > 0).mean((1, 2))
    assert covered.min() > 0.15
    assert covered.max() < 0.85


def test_the_outline_is_closed(rows, pixels):
    for row, image in zip(rows, pixels, strict=True):
        opaque = np.pad(image[..., 3] > 0, 1)
        inner = (
            opaque[:-2, 1:-1] & opaque[2:, 1:-1] & opaque[1:-1, :-2] & opaque[1:-1, 2:]
        )  # opaque neighbours on all four sides; beyond the canvas is transparent
        rim = image[(image[..., 3] > 0) & ~inner]
        assert len(np.unique(rim, axis=0)) == 1, row["source"]
        assert rim[0, :3].max() < 60, row["source"]


def test_few_colours_and_shading(rows, pixels):
    for row, image in zip(rows, pixels, strict=True):
        colours = len(np.unique(image.reshape(-1, 4), axis=0))
        assert 5 <= colours <= 16, row["source"]


def test_shiny_keeps_the_shape_and_changes_the_colours(pixels):
    normal, shiny = pixels[::2].astype(int), pixels[1::2].astype(int)
    assert (normal[..., 3] == shiny[..., 3]).all()
    opaque = normal[..., 3] > 0
    change = (abs(normal - shiny).max(-1) * opaque).sum((1, 2)) / opaque.sum((1, 2))
    assert change.min() > 10  # of 255, averaged over the creature with its unchanged whites
    for one, other in zip(normal, shiny, strict=True):
        pairs = np.unique(np.concatenate([one, other], -1).reshape(-1, 8), axis=0)
        assert len(np.unique(pairs[:, :4], axis=0)) == len(pairs)  # a recolouring, cell by cell


def test_no_two_species_look_alike(pixels):
    normal = pixels[::2]
    flat = normal.reshape(len(normal), -1, 4).astype(np.int16)
    for index in range(len(flat) - 1):
        differ = (abs(flat[index + 1 :] - flat[index]).max(-1) > 16).sum(1)
        nearest = index + 1 + int(differ.argmin())
        assert differ.min() >= 40, (index + 1, nearest + 1)


def test_silhouettes_vary(pixels):
    masks = pixels[::2, ..., 3] > 0
    assert len({mask.tobytes() for mask in masks}) > 0.95 * len(masks)


# --- types can be told from the pixels


def fit_and_predict(train, labels, test, classes, decay):
    """Softmax regression on standardised features, full batch; returns logits of ``test``."""
    mean, scale = train.mean(0), train.std(0) + 0.05
    train, test = (train - mean) / scale, (test - mean) / scale
    weight = torch.zeros(train.shape[1], classes, requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    optimizer = torch.optim.Adam([weight, bias], lr=0.01)
    for _ in range(150):
        loss = F.cross_entropy(train @ weight + bias, labels) + decay * weight.square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return (test @ weight + bias).detach()


@pytest.fixture(scope="module")
def learned():
    """(features, type1, type2, is shiny, is held out) of 600 species, held out by species."""
    rows = list(synthetic_rows(600, canvas=32))
    image = torch.from_numpy(pixels_of(rows)).permute(0, 3, 1, 2).float() / 255
    # The right half shrunk to 16x8, and how much of the picture each of 8x8x8 colours covers.
    small = F.avg_pool2d(image[..., 16:], 2).flatten(1)
    cube = (image[:, :3] * 7.99).long()
    code = (cube[:, 0] * 64 + cube[:, 1] * 8 + cube[:, 2]).flatten(1)
    covered = torch.zeros(len(rows), 512).scatter_add_(1, code, image[:, 3].flatten(1) / 1024)
    column = {key: torch.tensor([row[key] for row in rows]) for key in ("type1", "type2", "shiny")}
    held_out = torch.tensor([row["species_id"] % 5 == 0 for row in rows])
    return torch.cat([small, covered.sqrt()], 1), *column.values(), held_out


def test_a_small_classifier_tells_the_first_type(learned):
    features, type1, _, shiny, held_out = learned
    logits = fit_and_predict(features[~held_out], type1[~held_out], features[held_out], 18, 1e-3)
    right = logits.argmax(1) == type1[held_out]
    hidden_shiny = shiny[held_out]
    assert right.float().mean() > 5 / 18
    assert right[~hidden_shiny].float().mean() > 0.6
    assert right[hidden_shiny].float().mean() > 5 / 18  # by shape alone: the hues are turned


def test_a_small_classifier_tells_the_second_type(learned):
    features, _, type2, shiny, held_out = learned
    dual = (type2 != NO_TYPE) & ~shiny
    fit, test = dual & ~held_out, dual & held_out
    logits = fit_and_predict(features[fit], type2[fit], features[test], 18, 1e-3)
    assert (logits.argmax(1) == type2[test]).float().mean() > 3 / 18


# --- as a dataset


def test_dataset_is_drawn_once_and_whoever_has_it_may_change_it(monkeypatch):
    first = synthetic_dataset(21, canvas=32)
    rows = {name: first[name][:] for name in first}
    monkeypatch.setattr(synthetic, "draw", None)
    second = synthetic_dataset(21, canvas=32)
    second["train"].set_format("numpy", ["type1"])
    del second["validation"]
    third = synthetic_dataset(21, canvas=32)
    assert {name: third[name][:] for name in third} == rows


def test_dataset_has_the_features_and_the_splits_of_every_dataset():
    dataset = synthetic_dataset(60, canvas=32)
    assert set(dataset) == {"train", "validation"}
    train, validation = dataset["train"], dataset["validation"]
    assert len(train) + len(validation) == 120
    held_out = {
        number
        for number in range(1, 61)
        if int(hashlib.sha256(str(number).encode()).hexdigest(), 16) % 10 == 0
    }
    assert set(validation["species_id"]) == held_out
    assert set(train["species_id"]) == set(range(1, 61)) - held_out
    assert list(train.features) == [
        "image", "species_id", "species", "form", "type1", "type2", "type_group", "generation",
        "game", "view", "shiny", "gender", "frame", "source", "augmentation",
    ]  # fmt: skip
    assert train.features["type1"].names == list(TYPES)
    assert train.features["type2"].names == list(SECOND_TYPES)
    assert train.features["type_group"].names == list(TYPE_GROUPS)
    assert train.features["view"].names == ["front", "back"]
    first = next(synthetic_rows(20, canvas=32))
    assert train[0]["image"].tobytes() == first.pop("image").tobytes()
    assert {key: value for key, value in train[0].items() if key != "image"} == first


# --- input


@pytest.mark.parametrize(
    ("spec", "species"),
    [
        ("synthetic", 240),
        ("synthetic:20", 20),
        ("synthetic:1000", 1000),
        ("synthetic:100000", 100_000),
        ("gen5", None),
        ("synthetics", None),
        ("./synthetic", None),
        ("", None),
    ],
)
def test_specs(spec, species):
    assert parse_synthetic(spec) == species


@pytest.mark.parametrize(
    "count", ["", "0", "19", "100001", "-50", "1e3", " 50", "5.0", "x", "²", "٣٠", "9" * 6000]
)
def test_bad_species_counts_are_told(count):
    with pytest.raises(PokeGANError, match="20 to 100000") as error:
        parse_synthetic(f"synthetic:{count}")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 200


@pytest.mark.parametrize(("species", "canvas"), [(19, 96), (100_001, 96), (240, 31)])
def test_rows_refuse_what_they_cannot_draw(species, canvas):
    with pytest.raises(PokeGANError, match=r"20 to 100000|at least 32"):
        next(synthetic_rows(species, canvas))
