import json

import pytest
import torch
from copies import NETWORK, novelty_index, seen
from PIL import Image
from safetensors import safe_open

from pokegan import PokeGANError
from pokegan.data.resolve import open_sprites
from pokegan.data.transforms import flip_left_right
from pokegan.data.types import TYPES
from pokegan.metrics import neighbours
from pokegan.metrics.image_set import real_set
from pokegan.metrics.neighbours import Neighbours, types_seen, write_neighbours

SYNTHETIC = "synthetic:240"
GEN5 = "659df4bfe319b82e"


@pytest.fixture(scope="module")
def training():
    return real_set(open_sprites(SYNTHETIC, "train"), 64)


@pytest.fixture(scope="module")
def held_out():
    return real_set(open_sprites(SYNTHETIC, "validation"), 64)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_neighbours(SYNTHETIC, tmp_path_factory.mktemp("neighbours"))


@pytest.fixture
def known(written, monkeypatch):
    monkeypatch.setattr(neighbours, "FOLDER", written.parent)
    return Neighbours.of(open_sprites(SYNTHETIC, "train").fingerprint())


def picture(image):
    """A uint8 tensor (3, S, S) as PIL image."""
    return Image.fromarray(image.permute(1, 2, 0).numpy())


def test_figures_agree_with_those_of_novelty(known, training, held_out):
    index = novelty_index(training.images, held_out.images)
    expected = index.look_up({NETWORK: seen(held_out.images)[NETWORK]})
    found = [known.look_up(picture(image)) for image in held_out.images]
    distances = torch.tensor([own.distance for own in found])
    torch.testing.assert_close(distances, expected.distances[NETWORK], rtol=0.01, atol=0.02)
    # The rank counts the sprites that are at most as near, itself among them.
    farther = torch.tensor([own.nearer_than for own in found])
    torch.testing.assert_close(farther, 1 - expected.score, rtol=0, atol=0.05)
    same = [own.row == row for own, row in zip(found, expected.index.tolist(), strict=True)]
    assert sum(same) >= 0.95 * len(same)
    novel = index.is_novel_in(NETWORK, distances)
    agree = [
        (own.nearer_than < 0.95) == new for own, new in zip(found, novel.tolist(), strict=True)
    ]
    assert sum(agree) >= len(agree) - 1


@pytest.mark.parametrize("change", [lambda images: images, flip_left_right])
def test_a_copy_and_its_mirror_image_are_found(known, training, change):
    for row in (0, 7, 100):
        found = known.look_up(picture(change(training.images[row : row + 1])[0]))
        assert (found.row, found.name) == (row, training.names[row])
        assert found.distance < 0.1
        assert found.nearer_than == 1


def test_the_parts_of_a_name_are_told_apart(known, training):
    shiny = next(row for row in range(len(training)) if training.shiny[row])
    found = known.look_up(picture(training.images[shiny]))
    assert found.shiny
    assert found.name == f"{found.species}, shiny"
    assert len(known) == len(training)


def test_what_is_clear_is_white_and_nothing_is_stretched(known, training):
    sprite = picture(training.images[3])
    clear = sprite.convert("RGBA")
    clear.putalpha(sprite.convert("L").point(lambda value: 0 if value == 255 else 255))
    assert known.look_up(clear).distance == pytest.approx(known.look_up(sprite).distance, abs=1e-3)
    wide, square = (Image.new("RGB", size, "white") for size in ((128, 64), (128, 128)))
    wide.paste(sprite, (32, 0))
    square.paste(sprite, (32, 32))
    assert known.look_up(wide) == known.look_up(square)
    assert known.look_up(Image.new("L", (1, 1))).distance > 0


@pytest.mark.parametrize("fingerprint", [None, 7, "", "0" * 16, "../sprite_net", GEN5.upper(), []])
def test_of_unknown_data_nothing_is_known(fingerprint):
    assert Neighbours.of(fingerprint) is None


@pytest.mark.parametrize("damage", ["torn", "short", "no names"])
def test_a_damaged_file_is_one_line(written, tmp_path, monkeypatch, damage):
    from safetensors.torch import load, save

    tensors, names = load(written.read_bytes()), "[]"
    with safe_open(written, "pt") as file:
        names = file.metadata()["names"]
    if damage == "short":
        tensors["features"] = tensors["features"][1:].contiguous()
    content = save(tensors, {} if damage == "no names" else {"names": names})
    content = content[:-9] if damage == "torn" else content
    (tmp_path / f"neighbours-{'a' * 16}.safetensors").write_bytes(content)
    monkeypatch.setattr(neighbours, "FOLDER", tmp_path)
    with pytest.raises(PokeGANError, match=r"^neighbours-a+\.safetensors: cannot be read \(.*\)"):
        Neighbours.of("a" * 16)


def test_the_same_data_write_the_same_file(tmp_path):
    one, two = (write_neighbours("synthetic:30", tmp_path / name) for name in "ab")
    assert one.name == two.name
    assert one.read_bytes() == two.read_bytes()


def test_the_package_knows_gen5_by_features_alone():
    path = neighbours.FOLDER / f"neighbours-{GEN5}.safetensors"
    assert path.stat().st_size < 700_000
    with safe_open(path, "pt") as file:
        assert {*file.keys()} == {"features", "scale", "held_out"}
        assert {*file.metadata()} == {"names"}
        assert len(json.loads(file.metadata()["names"])) == 1424
        held_out = file.get_tensor("held_out")
    assert len(held_out) == 150
    assert torch.equal(held_out, held_out.sort().values)
    assert len(Neighbours.of(GEN5)) == 1424


def test_types_are_shares_the_largest_first(training):
    shares = types_seen(picture(training.images[0]))
    assert {*shares} == {*TYPES}
    assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
    assert [*shares.values()] == sorted(shares.values(), reverse=True)
    assert shares != types_seen(picture(training.images[40]))
