import json

import pytest
import torch

from pokegan import PokeGANError
from pokegan.metrics.craft import Craft
from pokegan.metrics.evaluate import (
    PATH_PAIRS,
    Judges,
    Protocol,
    evaluate_images,
    evaluate_model,
    of_latents,
)
from pokegan.metrics.image_set import ImageSet
from pokegan.models.aegan import AEGAN
from pokegan.models.caegan import CAEGAN
from pokegan.models.cdcgan import CDCGANGenerator
from pokegan.models.dcgan import DCGANGenerator

NET = "sprite_net"
PROTOCOL = Protocol(data="synthetic:240", samples=110, seeds=(0, 1), networks=("sprite-net",))


@pytest.fixture(scope="module")
def judges(tmp_path_factory) -> Judges:
    return Judges(PROTOCOL, tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def judge(judges):
    return judges.of_size(16)


@pytest.fixture(scope="module")
def unconditional(judges):
    return evaluate_model(DCGANGenerator(latent_dim=4, base_width=4, size=16), judges)


@pytest.fixture(scope="module")
def conditional(judges):
    return evaluate_model(CDCGANGenerator(latent_dim=4, base_width=4, size=16), judges)


FIDELITY = ("fd", "kid", "kid_deviation", "precision", "recall", "density", "coverage")


def test_names_state_network_and_number(unconditional):
    names = set(unconditional.facts["metrics"])
    assert {f"{name}_{NET}@110" for name in FIDELITY} <= names
    assert {"novelty@110", f"novelty_{NET}@110", "novelty_pixels@110"} <= names
    assert {f"diversity_{NET}", f"collapse_{NET}", f"path_length_{NET}@{PATH_PAIRS}"} <= names
    assert set(Craft.__dataclass_fields__) <= names
    assert not any("type" in name or "cas" in name for name in names)


def test_a_model_of_types_is_asked_for_types(conditional, judge):
    names = set(conditional.facts["metrics"])
    assert {f"type_accuracy_{NET}@110", f"type_accuracy_top3_{NET}@110", f"cas_{NET}@110"} <= names
    types = conditional.facts["types"]
    assert types["conditioning"] == "group"
    assert len(types["labels"]) == 13
    confusion = torch.tensor(types["samples"]["confusion"])
    assert confusion.shape == (13, 13)
    assert confusion.sum() == 110
    share = confusion.diagonal().sum() / confusion.sum()
    assert types["samples"]["top1"] == pytest.approx(share.item())
    first = conditional.facts["metrics"][f"type_accuracy_{NET}@110"]["seeds"][0]
    assert types["samples"]["top1"] == first
    # Its own accuracy on held-out species stands beside.
    assert types["held_out"]["top1"] == conditional.facts["real"][f"type_accuracy_{NET}"]
    assert sum(map(sum, types["held_out"]["confusion"])) == len(judge.held_out.sprites)


def test_values_are_means_over_seeds(unconditional):
    for value in unconditional.facts["metrics"].values():
        a, b = value["seeds"]
        assert value["mean"] == pytest.approx((a + b) / 2)
        assert value["deviation"] == pytest.approx(abs(a - b) / 2**0.5)
    fd = unconditional.facts["metrics"][f"fd_{NET}@110"]["seeds"]
    assert fd[0] != fd[1]


def test_the_protocol_is_told(unconditional, judge):
    protocol = unconditional.facts["protocol"]
    assert protocol["split"] == "train"
    assert protocol["data"] == "synthetic:240"
    assert protocol["samples"] == 110
    assert protocol["seeds"] == [0, 1]
    assert protocol["size"] == 16
    assert protocol["real_sprites"] == len(judge.training_sprites)
    assert protocol["held_out_sprites"] == len(judge.held_out_sprites)
    assert protocol["networks"] == {"sprite-net": judge.first.key}


def test_the_same_model_gets_the_same_numbers(judges, unconditional, tmp_path):
    torch.manual_seed(0)
    model = DCGANGenerator(latent_dim=4, base_width=4, size=16)
    one = evaluate_model(model, judges).facts
    other = evaluate_model(model, Judges(PROTOCOL, tmp_path)).facts  # an empty cache
    assert json.dumps(one) == json.dumps(other)


def test_floors_are_in_order(unconditional):
    floors = unconditional.facts["floors"]
    assert set(floors) == {"halves", "augmented", "blurred", "noise"}
    of = {
        name: next(v for key, v in values.items() if key.startswith("fd_"))
        for name, values in floors.items()
    }
    assert 0 < of["augmented"] < of["noise"]
    assert 0 < of["blurred"] < of["noise"]
    assert of["halves"] < of["noise"] / 5
    assert f"fd_{NET}@110" in floors["noise"]


def test_halves_share_no_species(judge, monkeypatch):
    met = []
    original = judge.fidelity
    monkeypatch.setattr(
        judge, "fidelity", lambda a, b, seed=0: met.append((a, b)) or original(a, b, seed)
    )
    judge.floors(100)
    one, other = met[0]
    assert len(one.sprites) + len(other.sprites) == len(judge.real.sprites)
    assert not set(one.sprites.species.tolist()) & set(other.sprites.species.tolist())


def test_floors_are_kept(tmp_path, monkeypatch):
    first = Judges(PROTOCOL, tmp_path).floors(16)
    again = Judges(PROTOCOL, tmp_path)
    monkeypatch.setattr(again.of_size(16), "floors", lambda samples: pytest.fail("made anew"))
    assert again.floors(16) == first
    (path,) = (tmp_path / "floors").iterdir()
    path.write_text("{")
    assert Judges(PROTOCOL, tmp_path).floors(16) == first


def test_floors_that_cannot_be_kept_cost_no_result(tmp_path):
    (tmp_path / "floors").write_text("a file where a folder should be")
    assert set(Judges(PROTOCOL, tmp_path).floors(16)) == {"halves", "augmented", "blurred", "noise"}


def test_copies_of_the_training_set_are_perfect_and_old(judges, judge):
    real = judge.training.sprites
    facts = evaluate_images(ImageSet(real.images), judges).facts
    count, of = len(real), {k: v["mean"] for k, v in facts["metrics"].items()}
    assert of[f"fd_{NET}@{count}"] == pytest.approx(0, abs=1e-3)
    assert of[f"precision_{NET}@{count}"] == of[f"recall_{NET}@{count}"] == 1
    assert of[f"coverage_{NET}@{count}"] == 1
    assert of[f"diversity_{NET}"] == pytest.approx(facts["real"][f"diversity_{NET}"])
    assert of[f"novelty@{count}"] == 0
    for name in Craft.__dataclass_fields__:
        assert of[name] == pytest.approx(facts["real"][name])
    least = facts["least_new"][0]
    assert least["training_sprite"] == real.names[least["sample"]]
    assert least["score"] == 0


def test_held_out_species_are_new_and_rightly_named(judges, judge):
    real = judge.held_out.sprites
    images = ImageSet(real.images.repeat(3, 1, 1, 1), real.labels_for("group").repeat(3), "group")
    facts = evaluate_images(images, judges).facts
    count = len(images)
    assert facts["metrics"][f"novelty@{count}"]["mean"] >= 0.93
    accuracy = facts["metrics"][f"type_accuracy_{NET}@{count}"]["mean"]
    assert accuracy == facts["types"]["held_out"]["top1"]
    # The synthetic creatures' colours follow their types: what is not learned is not measured.
    assert accuracy > 0.5
    assert facts["metrics"][f"collapse_{NET}"]["mean"] > facts["real"][f"collapse_{NET}"]


def test_fewer_samples_than_dimensions_give_finite_numbers(judges, judge):
    assert 110 < 192
    seen = judge.look(ImageSet(judge.training.sprites.images[:110]))
    assert all(abs(value) < 1e6 for value in judge.fidelity(seen, judge.real).values())


def test_encoders_are_read(judge):
    values = of_latents(AEGAN(latent_dim=4, base_width=4, size=16), judge, 0)
    training, held_out = len(judge.training_sprites), len(judge.held_out_sprites)
    for name in (f"train@{training}", f"held_out@{held_out}"):
        assert 0 < values[f"reconstruction_error_{name}"] < 255
    assert values[f"latent_error@{held_out}"] > 0


def test_conditional_encoders_are_given_the_types(judge):
    values = of_latents(CAEGAN(latent_dim=4, base_width=4, size=16, channels=4), judge, 0)
    assert 0 < values[f"reconstruction_error_train@{len(judge.training_sprites)}"] < 255


class Perfect(AEGAN):
    """Reads what it draws: latents are the first pixels, and images pass as they are."""

    def reconstruct(self, images, types=None, *, output="pil"):
        return images

    def encode(self, images, types=None):
        return self.latents(len(images), 5)


def test_a_perfect_autoencoder_has_no_error(judge):
    values = of_latents(Perfect(latent_dim=4, base_width=4, size=16), judge, 5)
    errors = {name.split("@")[0]: value for name, value in values.items() if "error" in name}
    assert errors == {
        "reconstruction_error_train": 0,
        "reconstruction_error_held_out": 0,
        "latent_error": 0,
    }


def test_both_files_are_written(unconditional, tmp_path):
    unconditional.write(tmp_path / "new")
    assert json.loads((tmp_path / "new" / "metrics.json").read_text()) == unconditional.facts
    assert (tmp_path / "new" / "nearest.png").read_bytes().startswith(b"\x89PNG")


def test_a_place_that_cannot_be_written_is_one_line(unconditional, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PokeGANError, match="file: cannot be written"):
        unconditional.write(tmp_path / "file")


def test_sprites_of_another_size_need_another_judge(judge):
    with pytest.raises(ValueError, match="sprites of 32 px, judge of 16 px"):
        judge.look(ImageSet(torch.zeros(1, 3, 32, 32, dtype=torch.uint8)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"samples": 99}, "--samples must be at least 100, not 99"),
        ({"seeds": ()}, "--seeds must be at least 1"),
        ({"networks": ()}, "--features needs at least one network"),
        ({"networks": ("sprite-net", "sprite-net")}, "each only once"),
    ],
)
def test_unfit_protocols_are_refused(changes, message):
    with pytest.raises(PokeGANError, match=message):
        Protocol(**changes)


def test_data_without_a_validation_split_is_one_line(tmp_path):
    from pokegan.data.synthetic import synthetic_dataset

    (tmp_path / "data").mkdir()
    synthetic_dataset(20)["train"].to_parquet(tmp_path / "data" / "train-00000.parquet")
    protocol = Protocol(data=str(tmp_path), networks=("sprite-net",))
    with pytest.raises(PokeGANError, match="there is no split 'validation', only train"):
        Judges(protocol, tmp_path / "cache").of_size(16)
