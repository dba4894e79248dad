import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from pokegan import PokeGANError, load
from pokegan.models.base import CHUNK, to_pil
from pokegan.models.cdcgan import CDCGANGenerator
from pokegan.models.dcgan import DCGANGenerator
from pokegan.models.dense import DenseGenerator


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(1)
    model = DCGANGenerator(latent_dim=8, base_width=4)
    model(torch.randn(64, 8))  # batch-norm statistics that differ from their initial values
    return model.eval()


@pytest.fixture
def folder(model, tmp_path):
    model.save_pretrained(tmp_path)
    return tmp_path


# ---- sampling ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_a_sprite_does_not_depend_on_how_many_are_drawn(model, n):
    many = model.sample(50, seed=5, output="tensor")
    assert torch.equal(model.sample(n, seed=5, output="tensor"), many[:n])


def test_the_same_seed_draws_the_same_and_another_seed_another(model):
    first, again, other = (model.sample(4, seed=seed, output="tensor") for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_sampling_leaves_the_random_state_and_the_mode_alone(model):
    before = torch.get_rng_state()
    model.sample(3)
    assert torch.equal(torch.get_rng_state(), before)
    model.train()
    statistics = model.layers[1].running_mean.clone()
    drawn_while_training = model.sample(3, output="tensor")
    assert model.training
    assert torch.equal(model.layers[1].running_mean, statistics)
    model.eval()
    assert torch.equal(model.sample(3, output="tensor"), drawn_while_training)


def test_latents_are_standard_normal(model):
    latents = model.latents(4000, seed=0)
    assert latents.shape == (4000, 8)
    assert abs(latents.mean()) < 0.02
    assert abs(latents.std() - 1) < 0.02


def test_drawing_latents_is_sampling(model):
    assert torch.equal(model.draw(model.latents(20, 3)), model.sample(20, 3, output="tensor"))


def test_pictures_are_the_tensors_in_eight_bits(model):
    pictures, tensor = model.sample(3, seed=2), model.sample(3, seed=2, output="tensor")
    assert [picture.mode for picture in pictures] == ["RGB"] * 3
    assert pictures[0].size == (64, 64)
    expected = (tensor[1].permute(1, 2, 0) + 1) * 127.5
    assert np.abs(np.asarray(pictures[1]) - expected.numpy()).max() <= 0.5001


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
def test_picture_modes_and_extremes(channels, mode):
    images = torch.ones(2, channels, 5, 7)
    images[1] = -1
    white, black = to_pil(images)
    assert white.mode == mode
    assert white.size == (7, 5)
    assert np.asarray(white).min() == 255
    assert np.asarray(black).max() == 0


@pytest.mark.parametrize("arguments", [{"n": 0}, {"n": -1}, {"n": 1, "output": "numpy"}])
def test_unfit_requests_are_refused(model, arguments):
    with pytest.raises(PokeGANError):
        model.sample(**arguments)


# ---- loading -----------------------------------------------------------------------------------


def edit_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"architecture": "dcgan-generater"}, "did you mean 'dcgan-generator'"),
        ({"architecture": 3}, "unknown architecture"),
        ({"architecture": None}, "'architecture' is missing"),
        ({"latent_dim": "8"}, "'latent_dim' must be int, not '8'"),
        ({"latent_dim": True}, "'latent_dim' must be int"),
        ({"latent_dim": [8]}, "'latent_dim' must be int"),
        ({"latent_dim": 10**15}, "latent_dim must be an integer from 1 to 4096"),
        ({"base_width": -4}, "base_width"),
        ({"latent_dims": 8}, "unknown field 'latent_dims'; did you mean 'latent_dim'"),
    ],
)
def test_hostile_configs_are_one_clear_error(folder, changes, message):
    edit_config(folder, **changes)
    with pytest.raises(PokeGANError, match=message) as caught:
        load(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{", "\x00\x01", "[" * 100_000, '{"a":' * 100_000, '{"size": 1' + "0" * 5000 + "}"],
    ids=["nothing", "list", "half", "bytes", "deep list", "deep object", "long number"],
)
def test_a_broken_config_file_is_named(folder, content):
    (folder / "config.json").write_text(content)
    with pytest.raises(PokeGANError, match=r"config\.json"):
        load(folder)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(PokeGANError, match=f"{name} is missing"):
        load(folder)


def test_weights_that_do_not_fit_are_named(folder):
    path = folder / "model.safetensors"
    weights = load_file(path)
    weights["layers.0.weight"] = torch.zeros(1, 2)
    weights["layers.99.weight"] = weights.pop("layers.1.bias")
    save_file(weights, path)
    with pytest.raises(PokeGANError) as caught:
        load(folder)
    for part in (
        "missing layers.1.bias",
        "unexpected layers.99.weight",
        r"layers.0.weight is (1, 2)",
    ):
        assert part in str(caught.value)


def test_messages_are_short_whatever_a_file_says(folder):
    weights = load_file(folder / "model.safetensors")
    save_file({**weights, "x" * 100_000: torch.zeros(1)}, folder / "model.safetensors")
    with pytest.raises(PokeGANError, match="unexpected xxx") as misfit:
        load(folder)
    with pytest.raises(PokeGANError, match="widths must be") as long_list:
        DenseGenerator(widths=[1] * 10_000)
    edit_config(folder, latent_dim=[1] * 10_000)
    with pytest.raises(PokeGANError, match="'latent_dim' must be int") as long_value:
        load(folder)
    assert all(len(str(caught.value)) < 1000 for caught in (misfit, long_list, long_value))


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_damaged_weights_are_one_clear_error(folder, keep):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(PokeGANError, match="cannot be read as safetensors"):
        load(folder)


def test_a_pickle_beside_missing_safetensors_is_not_read(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(PokeGANError, match=r"model\.safetensors is missing"):
        load(folder)


def test_half_precision_weights_load_as_float32(folder, model):
    path = folder / "model.safetensors"
    save_file(
        {k: v.half() if v.is_floating_point() else v for k, v in load_file(path).items()}, path
    )
    loaded = load(folder)
    assert loaded.layers[0].weight.dtype == torch.float32
    difference = loaded.sample(4, output="tensor") - model.sample(4, output="tensor")
    assert 0 < difference.abs().max() < 0.02


def test_a_run_folder_stands_for_its_model(model, tmp_path):
    model.save_pretrained(tmp_path / "model")
    assert torch.equal(load(tmp_path).sample(2, output="tensor"), model.sample(2, output="tensor"))


def test_what_is_neither_a_folder_nor_a_hub_id_is_told_so():
    with pytest.raises(PokeGANError, match="neither a folder on this machine nor a Hub id"):
        load("no such/folder/any where")


def test_a_conditional_model_draws_the_types_that_it_is_asked_for():
    model = CDCGANGenerator(latent_dim=4, base_width=2, size=16)
    fire = model.sample(3, seed=1, types="fire", output="tensor")
    mixed = model.sample(3, seed=1, types=["fire", "water", "fire"], output="tensor")
    assert torch.equal(fire[0], mixed[0])
    assert torch.equal(fire[2], mixed[2])
    assert not torch.equal(fire[1], mixed[1])
    ice = model.sample(3, seed=1, types="ice", output="tensor")
    assert torch.equal(ice, model.sample(3, seed=1, types="water-ice", output="tensor"))


def test_labels_left_to_chance_depend_on_seed_and_place_alone():
    model = CDCGANGenerator(latent_dim=4, base_width=2, size=16, conditioning="type")
    labels = model.labels(400, seed=2)
    assert torch.equal(model.labels(7, seed=2), labels[:7])
    assert not torch.equal(model.labels(400, seed=3), labels)
    assert set(labels.tolist()) == set(range(18))
    sprites = model.sample(3, seed=2, output="tensor")
    assert torch.equal(sprites, model.draw(model.latents(3, seed=2), labels[:3]))


def test_types_that_a_model_cannot_draw_are_told():
    with pytest.raises(PokeGANError, match="draws without regard to types"):
        DCGANGenerator(latent_dim=4, base_width=2, size=16).sample(1, types="fire")
    conditional = CDCGANGenerator(latent_dim=4, base_width=2, size=16)
    with pytest.raises(PokeGANError, match=r"unknown type 'light'; known: normal"):
        conditional.sample(1, types="light")
    with pytest.raises(PokeGANError, match="2 names for 3 sprites"):
        conditional.sample(3, types=["fire", "water"])


def test_interpolation_goes_from_one_sprite_to_the_other():
    model = DCGANGenerator(latent_dim=4, base_width=2, size=16)
    start, end = model.latents(2, seed=4)
    way = model.interpolate(start, end, 5, output="tensor")
    assert way.shape == (5, 3, 16, 16)
    ends = model.draw(torch.stack([start, end]))
    assert torch.allclose(way[0], ends[0], atol=1e-6)
    assert torch.allclose(way[-1], ends[1], atol=1e-6)
    assert len({sprite.numpy().tobytes() for sprite in way}) == 5
    assert [image.size for image in model.interpolate(start, end, 2)] == [(16, 16)] * 2


def test_a_conditional_model_interpolates_within_a_type():
    model = CDCGANGenerator(latent_dim=4, base_width=2, size=16)
    start, end = model.latents(2)
    fire = model.interpolate(start, end, 3, types="fire", output="tensor")
    assert not torch.equal(fire, model.interpolate(start, end, 3, types="grass", output="tensor"))
    with pytest.raises(PokeGANError, match="type-conditional; say which types"):
        model.interpolate(start, end, 3)


@pytest.mark.parametrize(
    ("start", "steps", "message"),
    [(torch.zeros(3), 3, r"shape \(4,\), not \(3,\)"), (torch.zeros(4), 1, "at least 2")],
)
def test_unfit_ways_are_refused(start, steps, message):
    model = DCGANGenerator(latent_dim=4, base_width=2, size=16)
    with pytest.raises(PokeGANError, match=message):
        model.interpolate(start, torch.ones(4), steps)


def test_truncation_scales_the_latents():
    model = DCGANGenerator(latent_dim=4, base_width=4, size=16).eval()
    drawn = model.sample(3, seed=1, truncation=0.5, output="tensor")
    assert torch.equal(drawn, model.draw(model.latents(3, seed=1) * 0.5))
    alike = model.sample(3, seed=1, truncation=0, output="tensor")
    assert torch.equal(alike[0], alike[2])
