"""What must hold for every recipe that comes with the package."""

import pytest
import torch
from play import batch_of
from safetensors.torch import load_file
from small_recipes import SMALL, small_options, train_small

from pokegan import PokeGANError, load
from pokegan.models import ARCHITECTURES
from pokegan.models.conditioning import CLASSES
from pokegan.training.checkpoint import checkpoint_paths
from pokegan.training.command_line import parse_command_line
from pokegan.training.logs import read_log
from pokegan.training.recipe_files import read_recipe_file, recipe_names
from pokegan.training.state import TrainState
from pokegan.training.streams import StepNoise

PUBLISHED = {
    "dcgan", "dcgan-gray", "dcgan-nyu", "aegan", "dense-gan", "dcgan-recolor", "wgan-dense",
    "wgan-gp", "wgan-dense-aug", "wgan-gp-aug", "cdcgan", "cstylegan", "cunet", "cunet-projection",
    "cunet-multiclass", "caegan", "caegan-multiclass", "ddpm",
}  # fmt: skip
CPU = torch.device("cpu")


@pytest.fixture(params=recipe_names())
def name(request):
    return request.param


def build(name):
    recipe, _ = parse_command_line(small_options(name))
    objective = recipe.build_objective()
    return recipe, objective, TrainState(recipe, objective, CPU)


def random_batch(recipe):
    images = torch.rand(recipe.batch_size, recipe.image.channels, 16, 16) * 2 - 1
    return batch_of(images, torch.arange(recipe.batch_size) % 13)


def weights(state):
    return {
        player: [parameter.detach().clone() for parameter in parameters]
        for player, parameters in state.parameters.items()
    }


def test_every_published_system_has_its_recipe():
    assert not PUBLISHED - set(recipe_names())


def test_two_steps_change_every_weight_of_the_player_and_no_others(name):
    recipe, objective, state = build(name)
    began, moved = weights(state), set()
    for step in range(2):
        noise = StepNoise(0, step, recipe.batch_size, slice(0, recipe.batch_size), CPU)
        before = weights(state)
        for turn in objective.step(state.networks, random_batch(recipe), noise):
            clipped = weights(state)  # a critic's weights are clipped after its turn
            for player in before:
                if player not in moved:
                    assert all(map(torch.equal, clipped[player], before[player])), player
            state.update(turn.player, turn.loss)
            after = weights(state)
            for player in after.keys() - {turn.player}:
                assert all(map(torch.equal, after[player], clipped[player])), player
            moved.add(turn.player)
            before = after
        assert all(torch.isfinite(value).all() for value in state.tensors().values())
    assert moved == set(objective.players)
    for player, parameters in weights(state).items():
        for old, new, (parameter_name, _) in zip(
            began[player], parameters, named_parameters(state, objective, player), strict=True
        ):
            assert not torch.equal(old, new), f"{player}: {parameter_name}"


def named_parameters(state, objective, player):
    for role in objective.players[player]:
        network, _, part = role.partition(".")
        for name, parameter in state.networks[network].get_submodule(part).named_parameters():
            yield f"{role}.{name}", parameter


def test_sprites_have_the_promised_shape_range_and_type(name):
    recipe, _, state = build(name)
    images = state.published.sample(3, output="tensor")
    assert images.shape == (3, recipe.image.channels, 16, 16)
    assert images.dtype == torch.float32
    assert images.abs().max() <= 1
    mode = {1: "L", 3: "RGB", 4: "RGBA"}[recipe.image.channels]
    assert [image.mode for image in state.published.sample(2)] == [mode] * 2


def test_a_resumed_run_equals_an_uninterrupted_one_and_its_model_loads(name, tmp_path):
    # A cooldown depends on the length, which differs here.
    options = [*small_options(name), "--watch-kimg=0.016", "--optimizer.cooldown=0"]
    one = train_small([*options, "--kimg=0.048"], tmp_path / "one")
    other = train_small([*options, "--kimg=0.024"], tmp_path / "other")
    train_small([*options, "--kimg=0.048", "--resume=auto"], other)
    tensors = [load_file(checkpoint_paths(run / "checkpoints")[0]) for run in (one, other)]
    assert tensors[0].keys() == tensors[1].keys()
    assert all(torch.equal(tensors[0][key], tensors[1][key]) for key in tensors[0])
    logs = [
        [
            {k: v for k, v in line.items() if k != "seconds"}
            for line in read_log(run / "model/training_log.jsonl")
        ]
        for run in (one, other)
    ]
    assert logs[0] == logs[1]

    model, again = load(one), load(other / "model")
    assert type(model).__name__ == type(again).__name__
    sprites = model.sample(3, seed=5, output="tensor")
    assert torch.equal(sprites, again.sample(3, seed=5, output="tensor"))
    model.save_pretrained(tmp_path / "saved")
    assert torch.equal(sprites, load(tmp_path / "saved").sample(3, seed=5, output="tensor"))


def test_conditional_models_react_to_the_label(name):
    _, _, state = build(name)
    model = state.published
    if model.conditioning is None:
        with pytest.raises(PokeGANError, match="draws without regard to types"):
            model.sample(2, types="fire")
        return
    sprites = model.sample(2, types=["fire", "water"], output="tensor")
    assert not torch.equal(sprites, model.sample(2, types="grass", output="tensor"))
    names = CLASSES[model.conditioning]
    drawn = model.draw(model.latents(1).expand(len(names), -1), model.labels_of(names, len(names)))
    differences = torch.cdist(drawn.flatten(1), drawn.flatten(1))
    assert (differences + torch.eye(len(names)) > 0).all()


def test_every_architecture_is_used_and_known_here():
    """A network that no recipe trains is dead code."""
    used = {
        settings["architecture"]
        for name in recipe_names()
        for settings in read_recipe_file(name)[1]["networks"].values()
    }
    assert used == set(SMALL)
    own = {
        a for a in ARCHITECTURES.names() if ARCHITECTURES.get(a).__module__.startswith("pokegan")
    }
    assert own == used


@pytest.mark.parametrize("size", [32, 64, 128, 256])
@pytest.mark.parametrize("channels", [3, 4])
def test_every_recipe_takes_these_sizes(name, size, channels):
    if "gray" in name:
        channels = 1
    options = [*small_options(name), f"--image.size={size}", f"--image.channels={channels}"]
    recipe, _ = parse_command_line(options)
    with torch.device("meta"):
        networks = recipe.build_networks()
    model = networks[recipe.build_objective().publishes]
    assert (model.size, model.channels) == (size, channels)


def test_the_file_says_where_it_comes_from(name):
    path, content = read_recipe_file(name)
    text = path.read_text()
    assert content["name"] == name
    assert content["source"]
    assert text.startswith("# ")
    comment = text[: text.index(f"name: {name}")]
    assert "state" in comment or content["source"] == "PokeGAN"
    assert "our choice" in comment


def test_the_small_sprite_recipe_is_small():
    recipe, _ = parse_command_line(["--recipe=sprite-small"])
    generator = recipe.build_networks()["generator"]
    assert sum(parameter.numel() * 4 for parameter in generator.parameters()) < 1.5e6
