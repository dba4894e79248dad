"""Two sprites fused: what is drawn, and the API."""

import base64
import io

import numpy as np
import pytest
from drawing import Request, SpriteRef
from fusing import REFINE, fuse, needs_type
from gradio_client import Client
from gradio_client.exceptions import AppError
from PIL import Image
from png import png_uri
from slots import Slot, slot_of_picture, slot_of_ref

import pokegan
from pokegan import PokeGANError


@pytest.fixture(scope="module")
def client(fuse_space):
    return Client(fuse_space.url, verbose=False)


@pytest.fixture
def paints(small_models):
    return pokegan.load(small_models / "paints")


def drawn(studio, seed, model="paints", **request):
    return slot_of_ref(SpriteRef(model, Request(1, seed, **request)), studio)


def picture(seed=0, mode="RGBA"):
    pixels = np.random.default_rng(seed).integers(0, 256, (32, 32, 4)).astype(np.uint8)
    pixels[..., 3] = 255
    pixels[:4] = 0
    return Image.fromarray(pixels).convert(mode)


def equal(one, other):
    np.testing.assert_array_equal(
        np.stack([np.asarray(image) for image in one]),
        np.stack([np.asarray(image) for image in other]),
    )


def read(uri):
    return Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1])))


def test_own_sprites_are_the_ends_of_the_path_pixel_for_pixel(studio, paints):
    first, second = drawn(studio, 1), drawn(studio, 2)
    fusion = fuse(studio, "paints", first, second, 5)
    assert len(fusion.path) == 5
    equal([fusion.path[0], fusion.path[-1]], [first.image, second.image])
    assert len({image.tobytes() for image in fusion.path}) == 5
    images = [first.image, second.image]
    equal(fusion.reconstructions, paints.reconstruct(images, refine=REFINE))


def test_pictures_are_encoded(studio, paints):
    slots = [slot_of_picture(picture(seed), "mine") for seed in (0, 1)]
    fusion = fuse(studio, "paints", *slots, 3)
    ends = paints.encode([slot.image for slot in slots], refine=REFINE)
    equal(fusion.path, paints.interpolate(*ends, 3))
    equal([fusion.path[0], fusion.path[-1]], fusion.reconstructions)


def test_sprites_of_other_models_and_other_palettes_are_encoded(studio, paints):
    other = drawn(studio, 4, "plain")
    ref = SpriteRef("paints", Request(1, 4), recolor=(9, 2))
    fusion = fuse(studio, "paints", other, slot_of_ref(ref, studio), 3)
    equal([fusion.path[0], fusion.path[-1]], fusion.reconstructions)


def test_a_mix_leads_from_the_first_to_the_second(studio, paints):
    first, second = drawn(studio, 1), slot_of_picture(picture(), "mine")
    fusion = fuse(studio, "paints", first, second, 3)
    assert len(fusion.mixed) == paints.parts + 1
    equal(fusion.mixed[:1], [first.image])
    equal(fusion.mixed[-1:], fusion.reconstructions[1:])
    code = paints.codes_of(paints.latents(1, 1), studio.types_of(first.ref))[0]
    equal(fusion.mixed[::-1], paints.mix(code, paints.encode(second.image, refine=REFINE)[0]))


def test_what_was_drawn_is_read_once_and_what_was_uploaded_each_time(studio, monkeypatch):
    """A visitor's picture leaves nothing in the memory that all share."""
    generator, read = studio.load("paints").generator, []
    encode = generator.encode

    def counted(image, *rest, **options):
        read.append(image)
        return encode(image, *rest, **options)

    monkeypatch.setattr(generator, "encode", counted)
    mine, drawn_one = slot_of_picture(picture(), "mine"), drawn(studio, 2)
    fusions = [fuse(studio, "paints", drawn_one, mine, steps) for steps in (3, 4)]
    assert [image is mine.image for image in read].count(True) == 2
    assert len(read) == 3
    equal(fusions[0].reconstructions, fusions[1].reconstructions)


def test_the_memory_of_codes_is_bounded(studio, monkeypatch):
    monkeypatch.setattr("drawing.KEPT_CODES", 2)
    made = [studio.remembered(key, lambda key=key: [key]) for key in "abac"]
    assert made[0] is made[2]
    assert studio.remembered("a", list) is made[0]  # b, asked for before it, is forgotten
    assert studio.remembered("b", list) == []


def test_nobody_waits_for_sprites_to_be_read_before_the_first_rows_are_drawn(small_models):
    """Unless a link is to this tab, what fills it follows the event that draws the rows."""
    from app import build
    from models_index import find_models

    events = build(find_models(small_models)[0], []).fns

    def outputs(event):
        return [component.elem_id for component in event.outputs]

    (filling,) = (event for event in events.values() if event.name == "at_first")
    assert "fuse-result" in outputs(filling)
    assert outputs(events[filling.trigger_after]) == ["rows"]
    asked = events[events[filling.trigger_after].trigger_after]
    assert [name for _, name in asked.targets] == ["load"]


def test_truncation_types_and_number_are_those_of_the_sprite(studio):
    request = Request(1, 3, (("fire", 0.75), ("ice", 0.25)), truncation=0.5)
    slot = slot_of_ref(SpriteRef("paints", request, 20), studio)
    fusion = fuse(studio, "paints", slot, slot, 3)
    equal(fusion.path[:1], [slot.image])


def test_an_encoder_that_is_told_types_needs_one(studio, small_models):
    assert needs_type(studio, "told")
    assert not needs_type(studio, "paints")
    slots = [slot_of_picture(picture(seed), "mine") for seed in (0, 1)]
    with pytest.raises(PokeGANError, match="type: told needs one of normal, fighting"):
        fuse(studio, "told", *slots, 3)
    fusion = fuse(studio, "told", *slots, 4, "fire")
    model = pokegan.load(small_models / "told")
    images = [slot.image for slot in slots]
    ends = model.encode(images, "fire", refine=REFINE)
    equal(fusion.path, model.interpolate(*ends, 4, "fire"))
    equal(fusion.reconstructions, model.reconstruct(images, "fire", refine=REFINE))
    assert fusion.mixed == ()
    assert fuse(studio, "told", *slots, 4, "ghost").path != fusion.path


@pytest.mark.parametrize(
    ("model", "steps", "line"),
    [
        ("plain", 3, r"model: choose among paints, told\."),
        ("", 3, r"model: choose among paints, told\."),
        ("paints", 2, r"steps must be a whole number from 3 to 12\."),
        ("paints", 13, r"steps must be a whole number from 3 to 12\."),
        ("paints", 3.5, r"steps must be a whole number from 3 to 12\."),
        ("paints", True, r"steps must be a whole number from 3 to 12\."),
    ],
)
def test_what_cannot_be_fused_is_one_line(studio, model, steps, line):
    slot = Slot(picture(), "mine")
    with pytest.raises(PokeGANError, match=f"^{line}$"):
        fuse(studio, model, slot, slot, steps)


def test_the_api_fuses_a_drawn_sprite_and_a_picture(client, studio, paints):
    ref = SpriteRef("paints", Request(1, 7))
    made = client.predict(first=ref.to_dict(), second=png_uri(picture()), steps=4, api_name="/fuse")
    fusion = fuse(studio, "paints", slot_of_ref(ref, studio), slot_of_picture(picture(), "mine"), 4)
    assert made["model"] == "paints"
    equal(map(read, made["path"]), fusion.path)
    equal(map(read, made["reconstructions"]), fusion.reconstructions)
    equal(map(read, made["mixed"]), fusion.mixed)


def test_the_api_asks_for_little(client):
    ref = {"model": "plain", "request": {"seed": 3}}
    made = client.predict(first=ref, second=ref, api_name="/fuse")
    assert len(made["path"]) == 12
    told = client.predict(first=ref, second=ref, model="told", type="water", api_name="/fuse")
    assert (told["model"], told["mixed"]) == ("told", [])


@pytest.mark.parametrize(
    ("request_", "line"),
    [
        ({"first": "/etc/passwd"}, r"Choose a PNG, GIF, JPEG or WebP image\."),
        ({"first": "data:image/png;base64,AAAA"}, r"That is no PNG, GIF, JPEG or WebP image\."),
        ({"first": {}}, r"That is no sprite of this page\."),
        ({"first": {"model": "/etc", "request": {}}}, r"There is no such model here\."),
        ({"model": "<b>"}, r"model: choose among paints, told\."),
        ({"steps": 10**9}, r"steps must be a whole number from 3 to 12\."),
        ({"model": "told", "type": "lava"}, r"type: told needs one of normal, fighting[^\n]*"),
    ],
)
def test_hostile_requests_get_one_clear_line(client, request_, line):
    good = {"model": "paints", "request": {"seed": 3}}
    with pytest.raises(AppError, match=f"^{line}$"):
        client.predict(**{"first": good, "second": good} | request_, api_name="/fuse")
