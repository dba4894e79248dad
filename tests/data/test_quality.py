import numpy as np
from PIL import Image

from pokegan.data.augment import SIX
from pokegan.data.quality import RUINING, Samples, cross_validate, scores, train, variants


def samples(features, keep, species, by_hand=None) -> Samples:
    names = np.where(keep, "mild", "strong")
    by_hand = np.zeros(len(keep), bool) if by_hand is None else by_hand
    return Samples(np.asarray(features, np.float32), np.asarray(keep), species, names, by_hand)


def test_a_species_is_judged_by_what_was_learnt_from_others():
    """Features that tell nothing but the species are of no use, although they fit perfectly."""
    random = np.random.default_rng(0)
    species = np.repeat(np.arange(40), 20)
    keep = (random.random(40) < 0.5)[species]
    found = samples(random.random((40, 5))[species], keep, species)
    assert ((scores(train(found, 0), found.features) > 0.5) == keep).all()
    assert cross_validate(found, 0.5, 0).balanced_accuracy < 0.75


def test_the_numbers_of_a_validation():
    keep, species = np.arange(300) % 3 > 0, np.repeat([1, 2, 3], 100)
    features = np.stack([keep] * 5, 1)
    by_hand = np.arange(300) % 10 == 0
    wrong = np.where(by_hand, ~keep, keep)  # as if all labels by hand were wrong
    found = cross_validate(samples(features, wrong, species, by_hand), 0.5, 0)
    assert found.samples == 270
    assert found.by_hand == 30
    assert found.species == found.folds == 3
    assert set(found.mild_kept) == {"mild"}
    assert set(found.strong_dropped) == {"strong"}
    clean = cross_validate(samples(features, keep, species), 0.5, 0)
    assert clean.accuracy == clean.balanced_accuracy == 1
    assert clean.mild_kept == {"mild": 1}
    assert clean.strong_dropped == {"strong": 1}
    assert clean.by_hand_found is None
    nothing = cross_validate(samples(features, keep, species), 1.0, 0)
    assert nothing.mild_kept == {"mild": 0}
    assert nothing.accuracy == 1


def test_a_label_by_hand_outweighs_automatic_ones():
    features, keep = np.zeros((6, 5)), np.array([True] * 5 + [False])
    species, by_hand = np.arange(6), np.arange(6) == 5
    alike = scores(train(samples(features, keep, species), 0), features[:1])
    heavy = scores(train(samples(features, keep, species, by_hand), 0), features[:1])
    assert alike > 0.5 > heavy


def test_the_seed_decides():
    random = np.random.default_rng(0)
    keep, features = random.random(200) < 0.5, random.random((200, 20))
    found = samples(features, keep, np.arange(200))
    first = scores(train(found, 0), found.features)
    assert np.array_equal(scores(train(found, 0), found.features), first)
    assert not np.array_equal(scores(train(found, 1), found.features), first)


def test_each_ruining_augmentation_is_there_mildly_and_too_strongly():
    image = Image.new("RGBA", (24, 24))
    image.paste((200, 100, 50, 255), (6, 4, 15, 20))
    made = variants(image, 3)
    assert [name for name, mild, _ in made if mild] == list(SIX)
    assert [name for name, mild, _ in made if not mild] == list(RUINING)
    pictures = {(name, mild): changed.tobytes() for name, mild, changed in made}
    assert len(set(pictures.values())) >= len(made) - 1  # one of the flips may change nothing
    assert pictures == {(n, m): c.tobytes() for n, m, c in variants(image, 3)}
    other = {(name, mild): changed.tobytes() for name, mild, changed in variants(image, 4)}
    assert other["rotate", True] != pictures["rotate", True]


def test_samples_can_be_joined_and_chosen():
    parts = [
        samples(np.full((2, 5), number), [True, False], np.full(2, number)) for number in (1, 2)
    ]
    joined = Samples.joined(parts)
    assert joined.species.tolist() == [1, 1, 2, 2]
    chosen = joined[joined.keep]
    assert chosen.features[:, 0].tolist() == [1, 2]
    assert chosen.species.tolist() == [1, 2]
