import random
from dataclasses import FrozenInstanceError

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pokegan.training.watch import (
    COLLAPSED_LOOKS,
    LOSS_WINDOW,
    SPIKE_LINES,
    STALLED_KIMG,
    Watch,
    diversity,
    saturation,
)

# ---- measures ----------------------------------------------------------------------------------


def test_equal_images_have_no_diversity():
    assert diversity(torch.rand(1, 3, 32, 32).expand(5, -1, -1, -1)) == 0


def test_diversity_of_two_images_is_their_root_mean_square_difference():
    images = torch.zeros(2, 3, 32, 32)
    images[1, :, :16] = 0.5  # one half differs by 0.5: sqrt(0.25 / 2)
    assert diversity(images) == pytest.approx(0.125**0.5)
    assert diversity(torch.tensor([-1.0, 1.0])[:, None, None, None].expand(2, 1, 16, 16)) == 2


def test_diversity_is_the_mean_over_pairs():
    values = torch.tensor([0.0, 0.0, 0.0, 0.6])
    images = values[:, None, None, None].expand(4, 3, 16, 16)
    assert diversity(images) == pytest.approx(0.6 * 3 / 6)  # 3 of 6 pairs differ


def test_diversity_does_not_depend_on_order_or_on_the_size_of_the_images():
    images = torch.rand(6, 3, 16, 16)
    whole = diversity(images)
    assert diversity(images[torch.randperm(6)]) == pytest.approx(whole)
    larger = images.repeat_interleave(4, 2).repeat_interleave(4, 3)
    assert diversity(larger) == pytest.approx(whole)


@given(scale=st.floats(0.01, 1), shift=st.floats(-0.5, 0.5))
@settings(deadline=None, max_examples=20)
def test_diversity_grows_with_the_spread_alone(scale, shift):
    images = torch.rand(5, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert diversity(scale * images + shift) == pytest.approx(scale * diversity(images), rel=1e-3)


def test_noise_counts_little_beside_shape():
    shapes = torch.zeros(8, 3, 64, 64)
    for index in range(8):
        shapes[index, :, 8 * index : 8 * index + 8] = 0.5
    noise = 0.5 * torch.randn(8, 3, 64, 64)
    assert noise.std() > 2 * shapes.std()
    assert diversity(noise) < diversity(shapes)


def test_what_transparent_pixels_hide_is_no_diversity():
    images = 2 * torch.rand(4, 4, 16, 16) - 1
    images[:, 3] = -1
    assert diversity(images) == 0
    images[0, 3, :8] = 1
    assert diversity(images) > 0


def test_a_dataset_of_one_sprite_still_is_a_reference():
    assert diversity(torch.rand(1, 3, 16, 16)) == 0
    assert Watch(0.0).reference > 0
    assert Watch(0.4).reference == 0.4


@pytest.mark.parametrize(
    ("real", "fake", "expected"), [(1, 0, 1), (0.5, 0.5, 0), (0.8, 0.1, 0.7), (0.2, 0.6, 0)]
)
def test_saturation_is_what_separates_real_from_generated(real, fake, expected):
    assert saturation(real, fake) == pytest.approx(expected)


# ---- the watch ---------------------------------------------------------------------------------


def lines(diversities, saturated=0.6, losses=None, kimg=1.0, every=10):
    """Log lines ``every`` steps and ``kimg`` apart; ``losses`` are lists by the player's name."""
    losses = losses or {}
    number = max([len(diversities), *map(len, losses.values())])
    made = []
    for index in range(number):
        line = {"step": (index + 1) * every, "kimg": (index + 1) * kimg, "seconds": 0.0}
        line |= {f"loss/{name}": values[index] for name, values in losses.items()}
        if index < len(diversities):
            line |= {"diversity": diversities[index]}
            if saturated is not None:
                line |= {"saturation": saturated}
        made.append(line)
    return made


def collapses(log):
    watch = Watch(reference=0.4)
    return [found for found in map(watch.observe, log) if found is not None]


def noisy(values, share=0.15, seed=0):
    draw = random.Random(seed)
    return [value * (1 + draw.uniform(-share, share)) for value in values]


RISING = [min(0.9, 0.02 * step) for step in range(100)]


def healthy_losses(number, seed=0):
    """As a DCGAN's: wild at first, then noisy, with spikes of one line."""
    draw = random.Random(seed)
    losses = {
        "discriminator": [draw.lognormvariate(-1.2, 0.6) for _ in range(number)],
        "generator": [draw.lognormvariate(1.4, 0.3) for _ in range(number)],
    }
    for index in [3, 7, 8, *range(40, number, 23)]:
        losses["generator"][index] = 25.0
        losses["discriminator"][index] = 6.0
    return losses


@pytest.mark.parametrize("seed", range(5))
def test_a_healthy_training_is_left_in_peace(seed):
    log = lines(noisy(RISING, seed=seed), losses=healthy_losses(100, seed))
    assert collapses(log) == []


def test_a_collapse_is_told_once_with_what_and_where():
    log = lines([*RISING[:50], *[0.03] * 30])
    (found,) = collapses(log)
    assert found.step == (50 + COLLAPSED_LOOKS) * 10
    assert found.onset_step == 501  # step 500 was healthy
    assert "nearly equal (diversity 0.03 of the real sprites', 0.90 at its best)" in found.reason
    assert "\n" not in found.reason
    with pytest.raises(FrozenInstanceError):
        found.step = 1


def test_a_gradual_collapse_begins_where_the_decline_does():
    decline = [0.8, 0.7, 0.6, 0.5, 0.4, 0.35, 0.3, 0.25, 0.2, 0.15, 0.1, 0.1, 0.1, 0.1]
    (found,) = collapses(lines([*RISING[:45], *decline]))
    assert found.onset_step == 10 * (45 + 4) + 1  # 0.4 is less than half of 0.88


def test_a_moment_of_equal_samples_is_no_collapse():
    bad = [0.03] * (COLLAPSED_LOOKS - 1)
    assert collapses(lines([*RISING[:50], *bad, 0.8, *bad, 0.7, *bad, 0.9])) == []


def test_lines_between_measurements_change_nothing():
    measured = lines([*RISING[:50], *[0.03] * 30])
    log = []
    for line in measured:
        between = {"step": line["step"] - 5, "kimg": line["kimg"] - 0.5, "seconds": 0.0}
        log += [between, line]
    assert collapses(log) == collapses(measured)


def test_after_a_recovery_a_second_collapse_is_told_as_well():
    log = lines([*RISING[:50], *[0.05] * 10, *[0.8] * 10, *[0.02] * 10])
    first, second = collapses(log)
    assert first.onset_step == 501
    assert second.onset_step == 701


def test_wavering_below_half_of_the_best_is_one_collapse():
    log = lines([*RISING[:50], *([0.05] * 6 + [0.3] * 3) * 5])
    assert len(collapses(log)) == 1


def test_a_slow_start_is_no_collapse():
    slow = [0.001 * step for step in range(40)] + [0.04 + 0.01 * step for step in range(60)]
    assert collapses(lines(slow, saturated=0.7)) == []
    assert collapses(lines(slow, saturated=None)) == []


def test_flickering_before_ever_drawing_different_sprites_is_no_collapse():
    assert collapses(lines([0.2] * 5 + [0.01] * 30 + RISING[10:])) == []


def test_settling_after_drawing_noise_is_no_collapse():
    """Noise is more diverse than any sprites; it must not become the standard."""
    assert collapses(lines([*[4.0] * 10, *noisy([0.6] * 50)])) == []


def test_never_starting_is_told_when_it_has_lasted_long():
    (found,) = collapses(lines([0.01] * 100, saturated=0.99))
    assert found.step == 10 * STALLED_KIMG
    assert found.onset_step == 1
    assert "diversity 0.01" in found.reason
    assert "saturation 0.99" in found.reason
    assert "20 kimg" in found.reason


def test_few_measurements_tell_nothing_of_the_start():
    assert collapses(lines([0.01] * 9, saturated=0.99, kimg=10)) == []


def test_a_generator_that_stalls_later_is_told():
    log = lines([*[0.25] * 30, *[0.1] * 40], saturated=0.95)  # never diverse enough to collapse
    (found,) = collapses(log)
    assert found.onset_step == 301


@pytest.mark.parametrize("direction", [1, -1])
def test_a_loss_that_explodes_is_told_and_named(direction):
    losses = healthy_losses(100)
    losses["generator"][80:] = [direction * 10.0 * 1.5**n for n in range(20)]
    (found,) = collapses(lines(noisy(RISING), losses=losses))
    assert found.reason.startswith("loss/generator is ")
    assert "loss/discriminator" not in found.reason
    # The first of them are only far outside once they have grown.
    assert 801 <= found.onset_step <= 841
    assert found.step == found.onset_step - 1 + 10 * SPIKE_LINES


def test_spikes_shorter_than_the_limit_are_not_told():
    values = noisy([2.0] * 300)
    for start in range(60, 300, 40):
        values[start : start + SPIKE_LINES - 1] = [500.0] * (SPIKE_LINES - 1)
    assert collapses(lines([], losses={"generator": values})) == []


def test_a_loss_that_stays_at_a_new_level_is_told_once():
    values = [*noisy([2.0] * 80), *noisy([80.0] * 200)]
    assert len(collapses(lines([], losses={"generator": values}))) == 1


def test_losses_are_not_judged_before_they_have_a_range():
    early = [1.0] * (LOSS_WINDOW - SPIKE_LINES) + [1000.0] * SPIKE_LINES
    assert collapses(lines([], losses={"generator": early})) == []


def test_a_discriminator_that_meets_a_good_generator_is_no_divergence():
    values = [*noisy([0.05] * 80), *noisy([1.386] * 80)]
    assert collapses(lines([], losses={"discriminator": values})) == []


def test_one_collapse_with_many_signs_is_told_once():
    losses = {"generator": [*noisy([2.0] * 80), *[90.0] * 20]}
    log = lines([*[0.8] * 80, *[0.01] * 20], losses=losses)
    (found,) = collapses(log)
    assert found.onset_step == 801


@pytest.mark.parametrize(("equal_from", "told"), [(101, 1), (102, 2)])
def test_the_next_collapse_may_be_told_where_the_last_sign_of_one_ends(equal_from, told):
    """Half of the window after the loss has changed, the new level is in its range."""
    losses = {"generator": [*[2.0] * 80, *[90.0] * 70]}
    assert 80 + LOSS_WINDOW // 2 == 102 + COLLAPSED_LOOKS - 1
    log = lines([*[0.8] * equal_from, *[0.01] * 30], losses=losses)
    assert len(collapses(log)) == told


@pytest.mark.parametrize("slope", [-0.5, -0.01, 0.02, 1.0])
def test_wasserstein_losses_may_drift(slope):
    draw = random.Random(1)
    critic = [-5 + slope * step + draw.gauss(0, 0.5) for step in range(400)]
    log = lines(noisy(RISING), saturated=None, losses={"critic": critic})
    assert collapses(log) == []


@given(
    values=st.lists(st.floats(0, 100), min_size=60, max_size=90),
    scale=st.floats(0, 1),
)
@settings(deadline=None, max_examples=50)
def test_no_loss_is_far_outside_for_falling_towards_zero(values, scale):
    falling = sorted(values, reverse=True)
    assert collapses(lines([], losses={"generator": [scale * value for value in falling]})) == []


@given(
    st.lists(
        st.fixed_dictionaries(
            {"loss/generator": st.sampled_from([0.1, 1.0, 90.0, -300.0])},
            optional={"diversity": st.floats(0, 2), "saturation": st.floats(0, 1)},
        ),
        max_size=120,
    ),
    st.integers(0, 120),
)
@settings(deadline=None, max_examples=50)
def test_a_watch_that_was_shown_the_old_lines_goes_on_as_if_never_interrupted(entries, cut):
    log = [
        {"step": step, "kimg": 2.0 * step, "seconds": 0.0, **entry}
        for step, entry in enumerate(entries, start=1)
    ]
    whole, resumed = Watch(0.4), Watch(0.4)
    seen = [whole.observe(line) for line in log]
    for line in log[:cut]:
        resumed.observe(line)
    assert [resumed.observe(line) for line in log[cut:]] == seen[cut:]
    for found in filter(None, seen):
        assert 1 <= found.onset_step <= found.step
