import base64
import io
import struct

import numpy as np
import pytest
from PIL import Image

from pokegan.data.resolve import open_sprites
from pokegan.data.types import TYPE_GROUPS, TYPES
from pokegan.metrics.image_set import real_set
from pokegan.metrics.rate_sheets import (
    Controls,
    common_side,
    draw_sheets,
    labels_of_model,
    png_uri,
    weights_of,
)
from pokegan.metrics.rating import REAL, plan_sheets
from pokegan.models.cdcgan import CDCGANGenerator
from pokegan.models.dcgan import DCGANGenerator

PER_SHEET, SEED, SIDE = 4, 7, 32


@pytest.fixture(scope="module")
def models():
    return {
        "plain": DCGANGenerator(latent_dim=4, base_width=4, size=16),
        "large": DCGANGenerator(latent_dim=4, base_width=4, size=32, channels=4),
        "grey": DCGANGenerator(latent_dim=4, base_width=4, size=16, channels=1),
        "typed": CDCGANGenerator(latent_dim=4, base_width=4, size=16),
    }


@pytest.fixture(scope="module")
def controls():
    return Controls(open_sprites("synthetic:60", "all"), SIDE, SEED)


@pytest.fixture(scope="module")
def drawn(models, controls):
    """The sheets with the pixels and the bytes of their pictures."""
    labels = {name: labels_of_model(model) for name, model in models.items()}
    available = {label: len(controls.rows(label)) for own in labels.values() for label in own}
    sheets = plan_sheets(labels, available, PER_SHEET, SEED)
    pictures = draw_sheets(sheets, models, controls, SIDE, PER_SHEET, SEED)
    assert [len(own) for own in pictures] == [sheet.count for sheet in sheets]
    return {
        sheet: [decode(uri) for uri in own] for sheet, own in zip(sheets, pictures, strict=True)
    }


def decode(uri: str) -> bytes:
    kind, data = uri.split(",")
    assert kind == "data:image/png;base64"
    return base64.b64decode(data)


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


def chunks(png: bytes) -> list[bytes]:
    """The names of a PNG's chunks."""
    names, place = [], 8
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        names.append(png[place + 4 : place + 8])
        place += length + 12
    return names


def enlarged(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.NEAREST))


def test_nothing_about_a_picture_but_its_pixels_tells_who_drew_it(drawn):
    heads = {png[:29] for own in drawn.values() for png in own}  # size, depth and mode
    assert len(heads) == 1
    names = {name for own in drawn.values() for png in own for name in chunks(png)}
    assert names == {b"IHDR", b"IDAT", b"IEND"}


def test_a_plain_models_sheets_are_the_sprites_of_the_seed(drawn, models):
    expected = models["plain"].sample(3 * PER_SHEET, seed=SEED)
    for sheet, own in drawn.items():
        if sheet.model == "plain":
            for index, png in enumerate(own, start=sheet.part * PER_SHEET):
                assert np.array_equal(pixels(png), enlarged(expected[index]))


def test_a_typed_models_sheets_are_of_their_types_with_latents_of_their_own(drawn, models):
    model, seen = models["typed"], 0
    latents = model.latents(len(TYPE_GROUPS) * PER_SHEET, SEED)
    for sheet, own in drawn.items():
        if sheet.model == "typed":
            start = TYPE_GROUPS.index(sheet.type) * PER_SHEET
            rows = latents[start : start + sheet.count]
            images = model.draw(rows, model.labels_of(sheet.type, sheet.count))
            values = ((images + 1) * 127.5).round().permute(0, 2, 3, 1).numpy()
            for value, png in zip(values, own, strict=True):
                assert np.abs(pixels(png)[::2, ::2] - value).max() <= 1
            seen += 1
    assert seen > 5


def test_controls_are_real_sprites_of_the_type(drawn, controls):
    dataset = open_sprites("synthetic:60", "all")
    known = real_set(dataset, SIDE).images.permute(0, 2, 3, 1).numpy()
    by_content = {image.tobytes(): row for row, image in enumerate(known)}
    pairs = zip(dataset.dataset["type1"][:], dataset.dataset["type2"][:], strict=True)
    names = [{TYPES[one] for one in pair if one < len(TYPES)} for pair in pairs]
    for sheet, own in drawn.items():
        if sheet.model == REAL:
            rows = [by_content[pixels(png).tobytes()] for png in own]
            assert len(set(rows)) == sheet.count
            if sheet.type is not None:
                assert all(names[row] & set(sheet.type.split("-")) for row in rows)


def test_untyped_controls_differ_from_sheet_to_sheet(drawn):
    own = [set(p) for sheet, p in drawn.items() if sheet.model == REAL and sheet.type is None]
    assert len(own) == 3
    assert len(set.union(*own)) == 3 * PER_SHEET


def test_alpha_is_on_white_and_grey_is_colour(drawn):
    for sheet, own in drawn.items():
        image = pixels(own[0])
        assert image.shape == (SIDE, SIDE, 3)
        if sheet.model == "grey":
            assert (image == image[..., :1]).all()


@pytest.mark.parametrize(
    ("sizes", "side"),
    [([64], 64), ([16, 64, 64], 64), ([64, 96], 192), ([64, 128], 128), ([100, 64], 100)],
)
def test_all_sprites_fill_one_square_where_whole_factors_allow(sizes, side):
    assert common_side(sizes) == side


def test_a_sprite_that_does_not_fill_the_square_is_centred_on_white():
    sprite = np.zeros((3, 3, 3), np.uint8)
    image = pixels(decode(png_uri(sprite, 8)))
    assert (image[1:7, 1:7] == 0).all()
    assert image.sum() == 255 * 3 * (64 - 36)


def test_weights_have_a_hash_of_their_own():
    one, two = (DCGANGenerator(latent_dim=4, base_width=4, size=16) for _ in range(2))
    assert weights_of(one) != weights_of(two)
    two.load_state_dict(one.state_dict())
    assert weights_of(one) == weights_of(two)
    assert len(weights_of(one)) == 16
