import numpy as np
import pytest
import torch
from PIL import Image

from pokegan.models.cdcgan import CDCGANGenerator
from pokegan.sheet import sprite_sheet, type_model_sheet


def sprites(count, size=(3, 2)):
    return [Image.new("RGB", size, (index, 0, 0)) for index in range(1, count + 1)]


def test_sprites_stand_row_by_row_pixel_for_pixel():
    sheet = np.asarray(sprite_sheet(sprites(5), columns=2, background=(9, 9, 9), padding=1))
    assert sheet.shape == (3 * 3 + 1, 2 * 4 + 1, 3)
    for index in range(5):
        row, column = divmod(index, 2)
        top, left = 1 + row * 3, 1 + column * 4
        assert (sheet[top : top + 2, left : left + 3] == (index + 1, 0, 0)).all()
    assert (sheet[7:, 5:] == 9).all()  # the place of the missing sixth
    assert (sheet[0] == 9).all()


def test_enlarging_repeats_pixels():
    small = np.asarray(sprite_sheet(sprites(4), columns=3))
    large = np.asarray(sprite_sheet(sprites(4), columns=3, scale=3))
    assert np.array_equal(large, small.repeat(3, axis=0).repeat(3, axis=1))


def test_transparency_is_kept_or_laid_on_the_background():
    clear = Image.new("RGBA", (2, 2), (200, 0, 0, 0))
    assert np.asarray(sprite_sheet([clear], 1))[..., 3].max() == 0
    on_white = np.asarray(sprite_sheet([clear], 1, background=(255, 255, 255)))
    assert (on_white == 255).all()


def test_a_short_row_makes_a_narrow_sheet():
    assert sprite_sheet(sprites(2), columns=8, padding=0).size == (6, 2)


def test_nothing_and_mixed_sizes_are_refused():
    for images in ([], [*sprites(1), *sprites(1, (4, 4))]):
        with pytest.raises(ValueError, match="at least one sprite, and all of one size"):
            sprite_sheet(images, 2)


def labelled(scale=1, background=(255, 255, 255), labels=("fire", "water-ice"), size=(16, 20)):
    images = [Image.new("RGB", size, (200, 0, 0))] * 6
    plain = sprite_sheet(images, 3, scale, background)
    sheet = sprite_sheet(images, 3, scale, background, row_labels=labels)
    return np.asarray(plain), np.asarray(sheet)


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("background", [(255, 255, 255), (20, 20, 30), None])
def test_labels_stand_left_of_an_unchanged_sheet(scale, background):
    plain, sheet = labelled(scale, background)
    margin = sheet.shape[1] - plain.shape[1]
    assert np.array_equal(sheet[:, margin:], plain)
    text = (sheet[:, :margin] != sheet[0, 0]).any(axis=2)
    for row in range(2):  # each label within its row of sprites
        top = (2 + row * 22) * scale
        inside = text[top : top + 20 * scale]
        assert inside.any()
        rows = np.nonzero(inside.any(axis=1))[0]
        assert abs((rows[0] + rows[-1]) / 2 - 10 * scale) <= 3 * scale
        text[top : top + 20 * scale] = False
    assert not text.any()


def test_the_widest_label_has_room_at_both_sides():
    plain, sheet = labelled(labels=("x", "a label much wider than any sprite"))
    margin = sheet.shape[1] - plain.shape[1]
    columns = np.nonzero((sheet[:, :margin] != 255).any(axis=(0, 2)))[0]
    assert columns[0] > 0
    assert margin - 8 < columns[-1] < margin - 1


@pytest.mark.parametrize(
    ("background", "shade"), [((250, 250, 240), 0), ((0, 0, 60), 255), ((255, 255, 0), 0)]
)
def test_labels_contrast_with_the_background(background, shade):
    plain, sheet = labelled(4, background)
    text = sheet[:, : sheet.shape[1] - plain.shape[1]]
    assert (text == shade).all(axis=2).any()


def test_labels_on_a_clear_sheet_are_opaque_text():
    plain, sheet = labelled(4, None)
    text = sheet[:, : sheet.shape[1] - plain.shape[1]]
    assert (text == (128, 128, 128, 255)).all(axis=2).any()
    assert (text[..., 3] == 0).any()


def test_labels_grow_with_the_scale():
    widths = [
        sheet.shape[1] - plain.shape[1] for plain, sheet in (labelled(scale) for scale in (1, 3))
    ]
    assert widths[1] == pytest.approx(3 * widths[0], rel=0.1)


def test_small_sprites_keep_their_labels_within_their_rows():
    _, sheet = labelled(size=(4, 4))
    assert sheet.shape[0] == 2 * 6 + 2
    # And nothing but the sprites' red is in the rows' last columns.
    assert (sheet[2:6, -6:-2] == (200, 0, 0)).all()


@pytest.mark.parametrize("labels", [[], ["one"], ["one", "two", "three"]])
def test_every_row_needs_its_label(labels):
    with pytest.raises(ValueError, match=f"{len(labels)} row labels for 2 rows"):
        labelled(labels=labels)


HEADS = ("fire", "psychic-fairy", "bug")


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("row_labels", [None, ("a", "b")])
def test_heads_stand_above_their_columns_of_an_unchanged_sheet(scale, row_labels):
    images = [Image.new("RGB", (40, 30), (200, 0, 0))] * 6
    plain = np.asarray(sprite_sheet(images, 3, scale, (255, 255, 255), row_labels=row_labels))
    sheet = np.asarray(
        sprite_sheet(images, 3, scale, (255, 255, 255), row_labels=row_labels, column_labels=HEADS)
    )
    margin = sheet.shape[0] - plain.shape[0]
    assert np.array_equal(sheet[margin:], plain)
    text = (sheet[:margin] != 255).any(axis=2)
    left = sheet.shape[1] - (3 * 42 + 2) * scale
    for column in range(3):
        start = left + (2 + 42 * column) * scale
        inside = np.nonzero(text[:, start : start + 40 * scale].any(axis=0))[0]
        assert abs((inside[0] + inside[-1]) / 2 - 20 * scale) <= 2 * scale
        text[:, start - 2 : start + 40 * scale + 2] = False
    assert not text.any()


def test_a_wide_head_breaks_at_its_hyphen():
    images = [Image.new("RGB", (40, 30))] * 3

    def height(*heads):
        return sprite_sheet(images, 3, background=(255, 255, 255), column_labels=heads).height

    one_line = height("fire", "ice", "bug")
    assert height(*HEADS) > one_line
    assert height("a-b", "c-d", "e-f") == one_line


def test_more_or_fewer_heads_than_columns_are_refused():
    with pytest.raises(ValueError, match="2 column labels for 3 columns"):
        sprite_sheet(sprites(3), 3, column_labels=("a", "b"))


def test_types_of_several_models_start_from_the_same_latents():
    torch.manual_seed(0)
    models = {
        name: CDCGANGenerator(latent_dim=4, base_width=4, size=size)
        for name, size in (("small", 16), ("large", 32))
    }
    types = ("fire", "water-ice", "bug")
    sheet = np.asarray(type_model_sheet(models, types, 2, seed=7, background=(255, 255, 255)))
    top, left = sheet.shape[0] - 4 * 34, sheet.shape[1] - 3 * 34
    for number, model in enumerate(models.values()):
        factor = 32 // model.size
        for column, name in enumerate(types):
            expected = model.sample(2, seed=7, types=name)
            for row in range(2):
                place = sheet[top + 34 * (2 * number + row) :, left + 34 * column :][:32, :32]
                assert np.array_equal(place[::factor, ::factor], np.asarray(expected[row]))
