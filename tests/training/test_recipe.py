import pytest
import yaml

from pokegan import PokeGANError
from pokegan.training.command_line import parse_command_line
from pokegan.training.recipe import Recipe
from pokegan.training.recipe_files import RECIPES, read_recipe_file, recipe_names

LATENT_100 = {
    "architecture": "dcgan-generator",
    "latent_dim": 100,
    "base_width": 9,
    "norm": "batch",
    "blank_start": False,
}


def parse(*argv):
    return parse_command_line(argv)


def test_every_recipe_of_the_package_is_valid_and_says_where_it_is_from():
    assert "dcgan" in recipe_names()
    for name in recipe_names():
        recipe, _ = parse("--recipe", name)
        assert recipe.name == name
        recipe.build_objective()
        assert (RECIPES / f"{name}.yaml").read_text().startswith("#")


def test_the_published_dcgan():
    recipe, options = parse()
    networks = recipe.build_networks()
    counts = {
        role: sum(parameter.numel() for parameter in network.parameters())
        for role, network in networks.items()
    }
    assert counts == {"generator": 3_576_704, "discriminator": 2_765_568}
    assert (recipe.optimizer.learning_rate, recipe.optimizer.betas) == (2e-4, (0.5, 0.999))
    assert (recipe.batch_size, recipe.epochs, recipe.ema_half_life_kimg) == (128, 130, None)
    assert (recipe.image.size, recipe.image.channels) == (64, 3)
    assert (options.data, options.split) == ("gen5", "train")


@pytest.mark.parametrize(
    ("argument", "read", "value"),
    [
        ("--objective.real_label=0.9", lambda r, o: r.objective["real_label"], 0.9),
        ("--objective.real-label=0.9", lambda r, o: r.objective["real_label"], 0.9),
        ("--networks.generator.base_width=9", lambda r, o: r.networks["generator"], LATENT_100),
        ("--optimizer.betas=[0.0,0.9]", lambda r, o: r.optimizer.betas, (0.0, 0.9)),
        ("--image.channels=4", lambda r, o: r.image.channels, 4),
        ("--batch-size=32", lambda r, o: r.batch_size, 32),
        ("--mixed-precision=bf16", lambda r, o: r.mixed_precision, "bf16"),
        ("--ema-half-life-kimg=10", lambda r, o: r.ema_half_life_kimg, 10),
        ("--seed=7", lambda r, o: r.seed, 7),
        ("--name=mine", lambda r, o: r.name, "mine"),
        ("--checkpoint-kimg=3", lambda r, o: o.checkpoint_kimg, 3),
        ("--dry-run", lambda r, o: o.dry_run, True),
        ("--resume=auto", lambda r, o: o.resume, "auto"),
        ("--split=all", lambda r, o: o.split, "all"),
    ],
)  # fmt: skip
def test_any_field_can_be_overridden(argument, read, value):
    assert read(*parse()) != value
    assert read(*parse(argument)) == value


@pytest.mark.parametrize("given", ["--kimg=5", "--epochs=5", "--minutes=5"])
def test_a_length_on_the_command_line_replaces_the_recipes(given):
    recipe, _ = parse(given)
    lengths = {name: getattr(recipe, name) for name in ("kimg", "epochs", "minutes")}
    assert {name: value for name, value in lengths.items() if value} == {given[2:-2]: 5}


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--recipe=dcgam"], "unknown recipe 'dcgam'; did you mean 'dcgan'"),
        (["--objective.real_lable=1"], "did you mean '--objective.real_label'"),
        (["--minuets=1"], "did you mean '--minutes'"),
        (["--mixed-precision=bf61"], "mixed_precision: unknown value 'bf61'; did you mean 'bf16'"),
        (["--objective.family=gam"], "unknown objective family 'gam'; did you mean 'gan'"),
        (["--networks.generator.architecture=dcgan-generater"], "did you mean 'dcgan-generator'"),
        (["--batch-size=many"], "batch_size: .*int.* many"),
        (["--batch-size=0"], "batch_size must be above 0"),
        (["--optimizer.learning_rate=0"], "learning_rate must be above 0"),
        (["--optimizer.betas=[0.5,1.0]"], "betas must lie in"),
        (["--optimizer.cooldown=1.5"], r"cooldown must lie in \[0, 1\], not 1.5"),
        (["--kimg=1", "--epochs=1"], "exactly one of .*, not kimg and epochs"),
        (["--kimg=-1"], "kimg must be above 0"),
        (["--log-every=0"], "log_every must be above 0"),
        (["--max-bank-gib=-1"], "max_bank_gib must not be negative"),
        (["--recipe=absent.yaml"], "absent.yaml: cannot be read"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line_with_near_matches(argv, message):
    with pytest.raises(PokeGANError, match=message) as caught:
        parse(*argv)
    assert "\n" not in str(caught.value)


def write(tmp_path, **changes):
    _, content = read_recipe_file("dcgan")
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({**content, **changes}))
    return str(path)


def test_a_recipe_of_ones_own_is_a_file(tmp_path):
    recipe, _ = parse("--recipe", write(tmp_path, name="mine", batch_size=3), "--seed=2")
    assert (recipe.name, recipe.batch_size, recipe.seed) == ("mine", 3, 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batchsize": 3}, "mine.yaml: unknown field 'batchsize'; did you mean 'batch_size'"),
        ({"objective": {"family": "gan", "label": 1}}, "unknown field 'objective.label'"),
        ({"objective": {"real_label": 1}}, "unknown objective family None"),
        ({"objective": None}, "section 'objective' is missing"),
        ({"networks": {"generator": 3}}, "networks.generator must be a mapping"),
        ({"batch_size": "x"}, "batch_size: "),
        ({"minutes": 5}, "exactly one of"),
    ],
)
def test_mistakes_in_a_recipe_file_are_named(tmp_path, changes, message):
    with pytest.raises(PokeGANError, match=message):
        parse("--recipe", write(tmp_path, **changes))


def test_what_is_written_reads_back_the_same(tmp_path):
    recipe, _ = parse("--minutes=2", "--ema-half-life-kimg=5", "--networks.generator.latent_dim=9")
    path = tmp_path / "recipe.yaml"
    path.write_text(recipe.to_yaml())
    again, _ = parse("--recipe", str(path))
    assert again == recipe


@pytest.mark.parametrize(
    ("length", "steps"),
    [({"kimg": 1}, 10), ({"epochs": 2}, 6), ({"epochs": 0.001}, 1), ({"minutes": 3}, None)],
)
def test_total_steps(length, steps):
    recipe = Recipe("r", "", {}, {}, batch_size=100, **length)
    assert recipe.total_steps(sprites=256) == steps


def test_building_networks_leaves_the_random_state_alone():
    import torch

    before = torch.get_rng_state()
    recipe, _ = parse("--networks.generator.base_width=2", "--networks.discriminator.base_width=2")
    recipe.build_networks()
    assert torch.equal(torch.get_rng_state(), before)
