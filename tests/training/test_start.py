"""Runs that begin with the weights of a trained model."""

import shutil

import pytest
import torch
from safetensors.torch import load_file
from small_recipes import small_options, train_small

from pokegan import PokeGANError, load
from pokegan.hub.publish import model_files
from pokegan.training.checkpoint import checkpoint_paths
from pokegan.training.command_line import parse_command_line
from pokegan.training.state import TrainState


@pytest.fixture(scope="module")
def generator(tmp_path_factory):
    options = [*small_options("sprite"), "--kimg=0.016", "--growth.sizes=[]", "--growth.until=[]"]
    return train_small(options, tmp_path_factory.mktemp("generator"))


def encoder_options(start):
    options = [option for option in small_options("sprite-encoder") if "--start" not in option]
    return [*options, f"--start={start}"]


def test_an_encoder_is_trained_and_the_generator_stays(generator, tmp_path):
    run = train_small([*encoder_options(generator), "--kimg=0.024"], tmp_path / "run")
    model, before = load(run), load(generator)
    for name, tensor in before.state_dict().items():
        assert torch.equal(model.state_dict()[name], tensor), name
    sprites = [one.sample(3, types="fire", output="tensor") for one in (model, before)]
    assert torch.equal(*sprites)
    assert model.reconstruct(before.sample(2), output="tensor").shape == (2, 4, 16, 16)


def test_the_encoder_begins_with_the_mean_code(generator):
    recipe, _ = parse_command_line(encoder_options(generator))
    state = TrainState(recipe, recipe.build_objective(), torch.device("cpu"))
    state.start_from(str(generator))
    model = state.published
    mean = model.code(torch.randn(4000, 8), model.labels(4000, seed=9)).mean(0)
    # The styles' and, last, the palette's numbers, which are standard normal.
    torch.testing.assert_close(model.encoder.code.bias, mean, atol=0.15, rtol=0)
    blank = model.reconstruct(torch.ones(1, 4, 16, 16), output="tensor")
    expected = model.draw_codes(mean[None].detach(), output="tensor")
    assert (blank - expected).abs().mean() < 0.1


def test_an_encoder_that_is_there_goes_on(generator, tmp_path):
    first = train_small([*encoder_options(generator), "--kimg=0.016"], tmp_path / "first")
    recipe, _ = parse_command_line(encoder_options(first))
    state = TrainState(recipe, recipe.build_objective(), torch.device("cpu"))
    state.start_from(str(first))
    ours, theirs = state.published.state_dict(), load(first).state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_how_the_model_was_trained_before_is_kept_and_told(generator, tmp_path):
    run = train_small([*encoder_options(generator), "--kimg=0.008"], tmp_path / "run")
    for name in ("recipe.yaml", "training_log.jsonl", "timeline/step-00000002.png"):
        kept = run / "model/before" / name
        assert kept.read_bytes() == (generator / "model" / name).read_bytes()
        assert f"before/{name}" in model_files(run)  # so it is published
    card = (run / "model/README.md").read_text()
    assert "1 steps (0.0 kimg)" in card
    assert "of the recipe `sprite`: 2 steps (0.0 kimg)" in card
    assert str(generator) not in card
    assert "It began with" not in (generator / "model/README.md").read_text()


def test_of_weights_without_a_history_the_card_tells_the_name(generator, tmp_path):
    load(generator).save_pretrained(tmp_path / "bare")
    run = train_small([*encoder_options(tmp_path / "bare"), "--kimg=0.008"], tmp_path / "run")
    card = (run / "model/README.md").read_text()
    assert "the weights of a model that was there already, `bare`." in card
    assert str(tmp_path) not in card


def test_a_resumed_run_does_not_need_the_model_any_more(generator, tmp_path):
    source = shutil.copytree(generator / "model", tmp_path / "source")
    options = [*encoder_options(source), "--optimizer.cooldown=0"]
    one = train_small([*options, "--kimg=0.032"], tmp_path / "one")
    other = train_small([*options, "--kimg=0.016"], tmp_path / "other")
    shutil.rmtree(source)
    train_small([*options, "--kimg=0.032", "--resume=auto"], other)
    tensors = [load_file(checkpoint_paths(run / "checkpoints")[0]) for run in (one, other)]
    assert all(torch.equal(tensors[0][key], tensors[1][key]) for key in tensors[0])


def test_a_gan_can_start_from_a_model_too(generator, tmp_path):
    options = [*small_options("sprite"), f"--start={generator}", "--kimg=0.008"]
    run = train_small([*options, "--optimizer.learning_rate=1e-12"], tmp_path / "run")
    ours, theirs = load(run).state_dict(), load(generator).state_dict()
    assert all(torch.allclose(ours[name], theirs[name], atol=1e-6) for name in theirs)


@pytest.mark.parametrize("wrong", ["--networks.autoencoder.style_dim=9", "--image.size=32"])
def test_a_model_that_does_not_fit_is_named(wrong, generator, tmp_path):
    with pytest.raises(PokeGANError, match="does not fit 'sprite-autoencoder'"):
        train_small([*encoder_options(generator), "--kimg=0.008", wrong], tmp_path / "run")


def test_a_missing_model_is_named(tmp_path):
    nowhere = tmp_path / "nowhere"
    with pytest.raises(PokeGANError, match="nowhere"):
        train_small([*encoder_options(nowhere), "--kimg=0.008"], tmp_path / "run")
