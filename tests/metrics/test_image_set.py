from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import torch
from PIL import Image

from pokegan import PokeGANError
from pokegan.data.batch import type_weights
from pokegan.data.resolve import open_sprites
from pokegan.data.types import GROUP_OF_TYPE, TYPE_GROUPS, TYPES
from pokegan.metrics.image_set import FEWEST, folder_set, model_set, real_set
from pokegan.models.cdcgan import CDCGANGenerator
from pokegan.models.dcgan import DCGANGenerator
from pokegan.models.sprite import SpriteGenerator


def picture(index: int) -> Image.Image:
    pixels = np.full((16, 16, 4), 0, np.uint8)
    pixels[4:12, 4:12] = (index % 256, 100, 200, 255)
    return Image.fromarray(pixels)


def fill(folder: Path, count: int = FEWEST) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        picture(index).save(folder / f"{index:04}.png")
    return folder


def test_a_folder_is_read_in_order_and_on_white(tmp_path):
    images = folder_set(fill(tmp_path / "a"))
    assert images.images.shape == (FEWEST, 3, 16, 16)
    assert images.images.dtype == torch.uint8
    assert images.labels is None
    assert (images.images[:, :, 0, 0] == 255).all()
    assert images.images[:, 0, 8, 8].tolist() == list(range(FEWEST))


def test_paletted_and_grey_files_are_what_they_look_like(tmp_path):
    folder = fill(tmp_path / "a")
    plain = folder_set(folder).images
    picture(7).convert("P", palette=Image.Palette.ADAPTIVE).save(folder / "0007.png")
    Image.new("L", (16, 16), 99).save(folder / "0008.png")
    Image.new("1", (16, 16), 1).save(folder / "0009.png")
    images = folder_set(folder).images
    assert torch.equal(images[7][:, 8, 8], plain[7][:, 8, 8])
    assert (images[8] == 99).all()
    assert (images[9] == 255).all()


def test_what_evaluate_left_is_no_sample(tmp_path):
    folder = fill(tmp_path / "a")
    Image.new("RGB", (500, 200)).save(folder / "nearest.png")
    (folder / "metrics.json").write_text("{}")
    assert len(folder_set(folder)) == FEWEST


def test_too_few_images_are_refused(tmp_path):
    with pytest.raises(PokeGANError, match="99 images; a judgement needs at least 100"):
        folder_set(fill(tmp_path / "a", FEWEST - 1))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (Image.new("RGB", (16, 20)), "0050.png: 16x20 pixels; sprites are square"),
        (
            Image.new("RGB", (20, 20)),
            "0050.png: 20x20 pixels, but 0000.png has 16x16; all must have one size",
        ),
    ],
)
def test_other_sizes_are_one_line(tmp_path, image, message):
    folder = fill(tmp_path / "a")
    image.save(folder / "0050.png")
    with pytest.raises(PokeGANError, match=message):
        folder_set(folder)


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n cut"])
def test_unreadable_files_are_one_line(tmp_path, content):
    folder = fill(tmp_path / "a")
    (folder / "0050.png").write_bytes(content)
    with pytest.raises(PokeGANError, match=r"0050\.png: cannot be read as an image") as error:
        folder_set(folder)
    assert "\n" not in str(error.value)


def test_truncated_files_are_one_line(tmp_path):
    folder = fill(tmp_path / "a")
    whole = (folder / "0050.png").read_bytes()
    (folder / "0050.png").write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(PokeGANError, match=r"0050\.png: cannot be read as an image"):
        folder_set(folder)


def test_subfolders_are_types(tmp_path):
    for name in ("fire", "water"):
        fill(tmp_path / name, 50)
    images = folder_set(tmp_path)
    assert images.conditioning == "type"
    assert images.labels.tolist() == [TYPES.index("fire")] * 50 + [TYPES.index("water")] * 50


def test_a_group_among_them_makes_all_of_them_groups(tmp_path):
    for name in ("fire", "water-ice"):
        fill(tmp_path / name, 50)
    images = folder_set(tmp_path)
    assert images.conditioning == "group"
    assert set(images.labels.tolist()) == {
        TYPE_GROUPS.index("fire"),
        TYPE_GROUPS.index("water-ice"),
    }


def test_an_unknown_type_is_one_line_that_names_the_known_ones(tmp_path):
    fill(tmp_path / "fire", 50)
    fill(tmp_path / "lava", 50)
    with pytest.raises(PokeGANError, match=r"in the folder 'lava'; .* named by types: normal, fig"):
        folder_set(tmp_path)


def test_images_beside_types_are_refused(tmp_path):
    fill(tmp_path / "fire", 50)
    fill(tmp_path, 50)
    with pytest.raises(PokeGANError, match="an image beside the types' folders"):
        folder_set(tmp_path)


@pytest.fixture(scope="module")
def real():
    return real_set(open_sprites("synthetic:30", "train"), 16)


def test_real_sprites_have_names_species_and_labels(real):
    sprites = open_sprites("synthetic:30", "train").dataset
    assert real.images.shape == (len(sprites), 3, 16, 16)
    assert real.species.tolist() == sprites["species_id"][:]
    assert real.first_type.tolist() == sprites["type1"][:]
    groups = [GROUP_OF_TYPE[label] for label in sprites["type1"][:]]
    assert real.labels_for("group").tolist() == groups
    assert real.labels_for("type").tolist() == sprites["type1"][:]
    assert real.names[0].startswith(sprites["species"][0])
    assert any(name.endswith(", shiny") for name in real.names)


def test_some_of_the_real_sprites_stay_together(real):
    rows = torch.tensor([3, 1])
    some = real[rows]
    assert torch.equal(some.images, real.images[rows])
    assert some.names == (real.names[3], real.names[1])
    assert torch.equal(some.species, real.species[rows])


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sprites_of_a_model_are_those_of_its_seed(real, channels):
    model = DCGANGenerator(latent_dim=4, base_width=4, size=16, channels=channels)
    drawn = model_set(model, 20, 3, real)
    expected = [np.asarray(image.convert("RGB")) for image in model.sample(20, 3)]
    assert drawn.images.shape == (20, 3, 16, 16)
    if channels != 4:
        assert np.array_equal(drawn.images.permute(0, 2, 3, 1).numpy(), np.stack(expected))
    assert drawn.labels is None


def test_conditional_models_draw_types_as_often_as_they_are(real):
    model = CDCGANGenerator(latent_dim=4, base_width=4, size=16)
    count = 2 * len(real) + 5
    drawn = model_set(model, count, 0, real)
    assert drawn.conditioning == "group"
    # Two whole rounds of the real labels, and five more.
    real_counts = real.labels_for("group").bincount(minlength=13)
    extra = drawn.labels.bincount(minlength=13) - 2 * real_counts
    assert extra.min() >= 0
    assert extra.sum() == 5
    assert not torch.equal(drawn.labels, model_set(model, count, 1, real).labels)
    assert torch.equal(drawn.labels, model_set(model, count, 0, real).labels)


def test_models_of_mixtures_draw_both_types_and_are_judged_by_the_first(real):
    model = SpriteGenerator(latent_dim=4, palette_dim=2, style_dim=8, widths=[4], colors=4, size=16)
    drawing = SpriteGenerator.draw
    with patch.object(SpriteGenerator, "draw", autospec=True, side_effect=drawing) as draw:
        drawn = model_set(model, len(real), 0, real)
    labels = draw.call_args.args[2]
    assert drawn.conditioning == "group"
    torch.testing.assert_close(labels.sum(0), type_weights(real.types, real.shiny).sum(0))
    weights = labels[:, :18]
    assert ((weights == 0.5).sum(1) == 2).any()
    groups = torch.tensor(GROUP_OF_TYPE)
    for label, group in zip(weights, drawn.labels, strict=True):
        assert group in groups[label.nonzero().flatten()]
