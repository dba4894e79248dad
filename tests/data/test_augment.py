import numpy as np
import pytest
import torch
from PIL import Image

from pokegan.data.augment import NUMBERS, SIX, Augmentation, augment, six_fold
from pokegan.errors import PokeGANError


class Numbers:
    """Uniform numbers that are fixed by name, as in a training step."""

    def __init__(self, n: int, seed: int = 0):
        self.n, self.seed, self.rows = n, seed, slice(None)
        self.asked: list[str] = []

    def __call__(self, stream: str, *shape: int) -> torch.Tensor:
        self.asked.append(stream)
        generator = torch.Generator().manual_seed(self.seed + sum(stream.encode()))
        return torch.rand(self.n, *shape, generator=generator)[self.rows]

    def row(self, index: int) -> "Numbers":
        one = Numbers(self.n, self.seed)
        one.rows = slice(index, index + 1)
        return one


def images_of(n=40, channels=3, side=12):
    images = torch.rand(n, channels, side, side) * 2 - 1
    if channels == 4:
        images[(images[:, 3:] < -0.4).expand_as(images)] = -1
    return images


SETTINGS = [
    {"flip": 0.5},
    {"rotate": 10.0},
    {"recolor": 0.5},
    {"six": True},
    {"translate": 0.125},
    {"cutout": 0.4},
    {"jitter": 0.5},
    {"translate": 0.2, "cutout": 0.3, "jitter": 1.0},
    {"flip": 0.3, "rotate": 5.0, "recolor": 0.4, "six": True},
]


def test_by_default_nothing_happens():
    images, numbers = images_of(), Numbers(40)
    assert not Augmentation().active
    assert Augmentation()(images, numbers) is images
    assert numbers.asked == []
    assert not Augmentation(generated=True).active
    assert all(Augmentation(**settings).active for settings in SETTINGS)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"flip": 1.5}, r"augmentation\.flip must lie in \[0, 1\], not 1.5"),
        ({"flip": float("nan")}, r"augmentation\.flip"),
        ({"rotate": -1.0}, r"augmentation\.rotate must lie in \[0, 180\]"),
        ({"recolor": 2.0}, r"augmentation\.recolor"),
        ({"translate": 1.1}, r"augmentation\.translate"),
        ({"cutout": -0.1}, r"augmentation\.cutout"),
        ({"jitter": 2.0}, r"augmentation\.jitter"),
    ],
)
def test_values_out_of_range_are_named(values, message):
    with pytest.raises(PokeGANError, match=message):
        Augmentation(**values)


@pytest.mark.parametrize("settings", [{"recolor": 0.01}, {"six": True}, {"jitter": 0.1}])
def test_grey_images_cannot_be_recoloured_whatever_the_numbers(settings):
    with pytest.raises(PokeGANError, match="grey images"):
        Augmentation(**settings)(images_of(1, channels=1), Numbers(1))
    Augmentation(flip=0.5, rotate=10.0)(images_of(1, channels=1), Numbers(1))


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("channels", [3, 4])
def test_a_row_depends_on_its_own_image_and_numbers_alone(settings, channels):
    images, numbers = images_of(channels=channels), Numbers(40)
    augmentation = Augmentation(**settings)
    whole = augmentation(images, numbers)
    alone = [augmentation(images[i : i + 1], numbers.row(i)) for i in range(40)]
    assert whole.shape == images.shape
    assert not torch.equal(whole, images)
    assert torch.equal(whole, torch.cat(alone))


def test_flips_happen_as_often_as_asked_and_exactly():
    images = images_of(400, side=4)
    changed = Augmentation(flip=0.25)(images, Numbers(400))
    same, mirrored = ((changed == wanted).flatten(1).all(1) for wanted in (images, images.flip(3)))
    assert (mirrored ^ same).all()
    assert 0.18 < mirrored.float().mean() < 0.32
    assert torch.equal(Augmentation(flip=1.0)(images, Numbers(400)), images.flip(3))


def test_rotations_are_up_to_the_angle_either_way():
    """A ray of ink to the right: where it ends tells the angle."""
    images = torch.ones(200, 1, 33, 33)
    images[:, :, 16, 16:] = -1
    ink = 1 - Augmentation(rotate=30.0)(images, Numbers(200))[:, 0]
    column = 30
    rows = (ink[:, :, column] * torch.arange(33)).sum(1) / ink[:, :, column].sum(1)
    degrees = torch.rad2deg(torch.atan2(rows - 16, torch.tensor(column - 16.0)))
    assert degrees.min() < -24
    assert degrees.max() > 24
    assert degrees.abs().max() < 31
    assert abs(degrees.mean()) < 3


def test_moves_are_up_to_the_share_of_the_side_both_ways_and_all_equally_likely():
    """A single dark pixel in the middle: where it goes tells the move."""
    images = torch.ones(2000, 1, 17, 17)
    images[:, :, 8, 8] = -1
    dark = Augmentation(translate=0.125)(images, Numbers(2000))[:, 0] == -1  # 2 pixels at most
    places = dark.nonzero()[:, 1:] - 8
    assert len(places) == 2000
    counts = torch.bincount((places[:, 0] + 2) * 5 + places[:, 1] + 2, minlength=25)
    assert len(counts) == 25
    assert counts.min() > 40  # 80 expected
    assert counts.max() < 130


def test_a_square_is_cut_out_anywhere():
    changed = Augmentation(cutout=0.5)(torch.full((500, 3, 16, 16), -1.0), Numbers(500))
    hidden = (changed == 1).all(1)
    assert hidden.flatten(1).sum(1).max() == 64
    assert hidden.any(0).all()
    assert not hidden.all(0).any()


def test_recolouring_happens_as_often_as_asked():
    images = images_of(300, side=4)
    changed = Augmentation(recolor=0.3)(images, Numbers(300))
    share = (changed != images).flatten(1).any(1).float().mean()
    assert 0.22 < share < 0.38
    torch.testing.assert_close(changed.amax(1), images.amax(1))  # HSV value


def test_six_gives_all_seven_equally_often():
    images = torch.full((1, 3, 12, 12), 1.0)
    images[0, :, 2:9, 3:7] = torch.tensor([0.8, -0.5, 0.1])[:, None, None]
    images[0, :, 4, 3:10] = -0.3
    images = images.expand(2100, -1, -1, -1)
    changed = Augmentation(six=True)(images, Numbers(2100))
    drawn = Numbers(2100)("six", 1 + NUMBERS)
    counts = []
    for index, name in enumerate(("", *SIX)):
        rows = (drawn[:, 0] >= index / 7) & (drawn[:, 0] < (index + 1) / 7)
        mine = augment(images[rows], name, drawn[rows, 1:]) if name else images[rows]
        assert torch.equal(changed[rows], mine), name
        counts.append(int(rows.sum()))
    assert sum(counts) == 2100
    assert max(abs(count - 300) for count in counts) < 60


@pytest.mark.parametrize("channels", [3, 4])
def test_gradients_reach_every_image_through_the_six(channels):
    images = images_of(channels=channels).mul(0.5).add(0.2).requires_grad_()
    Augmentation(six=True, flip=0.5, rotate=5.0)(images, Numbers(40)).square().sum().backward()
    assert images.grad.isfinite().all()
    assert (images.grad.flatten(1).abs().amax(1) > 0).all()


def test_half_precision_is_raised():
    images = images_of()
    augmentation, numbers = Augmentation(rotate=10.0, six=True), Numbers(40)
    low = images.bfloat16()
    assert torch.equal(augmentation(low, numbers), augmentation(low.float(), numbers))


def test_an_unknown_augmentation_is_refused():
    with pytest.raises(ValueError, match="blur"):
        augment(images_of(1), "blur", torch.rand(1, NUMBERS))


# --- ranges and strength


def numbers_at(value: float, sign: float = 0.0) -> torch.Tensor:
    return torch.tensor([[value, sign, sign]])


def test_the_hue_moves_by_at_least_60_degrees():
    red = torch.tensor([1.0, -1.0, -1.0])[None, :, None, None]
    for value, expected in (
        (0.0, [1.0, 1.0, -1.0]),
        (0.5, [-1.0, 1.0, 1.0]),
        (1, [1.0, -1.0, 1.0]),
    ):
        changed = augment(red, "recolor", numbers_at(value)).flatten()
        torch.testing.assert_close(changed, torch.tensor(expected), atol=1e-5, rtol=0)


def lean(strength: float, value: float) -> float:
    """By how many degrees a vertical line of ink leans to the right."""
    images = torch.ones(1, 1, 65, 65)
    images[..., 32] = -1
    leaning = 1 - augment(images, "shear", numbers_at(value, 0.9), strength)[0, 0]
    centre = (leaning[28] * torch.arange(65)).sum() / leaning[28].sum()
    return float(torch.rad2deg(torch.atan2(centre - 32, torch.tensor(4.0))))


def test_strength_multiplies_the_angles_up_to_a_limit():
    assert lean(1.0, 0.0) == pytest.approx(10, abs=0.5)
    assert lean(1.0, 1.0) == pytest.approx(20, abs=0.5)
    assert lean(4.0, 0.0) == pytest.approx(40, abs=0.5)
    assert lean(4.0, 1.0) == pytest.approx(75, abs=0.5)
    assert lean(40.0, 1.0) == pytest.approx(75, abs=0.5)


@pytest.mark.parametrize(("strength", "value", "keep"), [(1, 0.0, 0.9), (1, 1.0, 0.8), (4, 1, 0.2)])
def test_a_crop_keeps_so_much_of_the_side(strength, value, keep):
    """A ramp of grey becomes less steep by the share that is kept."""
    ramp = torch.linspace(-0.9, 0.9, 50).expand(1, 1, 50, 50)
    cut = augment(ramp, "crop", numbers_at(value, 0.5), strength)[0, 0, 25]
    slope = (cut[40] - cut[10]) / (ramp[0, 0, 0, 40] - ramp[0, 0, 0, 10])
    assert float(slope) == pytest.approx(keep, abs=1e-3)


def test_flips_and_recolouring_know_no_strength():
    images, numbers = images_of(), torch.rand(40, NUMBERS)
    for name in ("flip-top-bottom", "flip-left-right", "recolor"):
        mild, strong = (augment(images, name, numbers, strength) for strength in (1.0, 4.0))
        assert torch.equal(mild, strong)


# --- whole sprites


def sprite() -> Image.Image:
    pixels = np.zeros((24, 24, 4), np.uint8)
    pixels[6:18, 8:15] = [0, 0, 0, 255]
    pixels[7:17, 9:14] = [230, 120, 40, 255]
    pixels[8:10, 9:11] = [255, 255, 255, 255]
    return Image.fromarray(pixels)


def test_six_fold_gives_the_six_on_the_same_canvas():
    before = np.array(sprite())
    six = {name: np.array(image) for name, image in six_fold(sprite(), 1).items()}
    assert tuple(six) == SIX
    for name, pixels in six.items():
        assert pixels.shape == before.shape
        assert not pixels[pixels[..., 3] == 0].any(), name
        assert not np.array_equal(pixels, before)
    assert np.array_equal(six["flip-left-right"], before[:, ::-1])
    assert np.array_equal(six["flip-top-bottom"], before[::-1])


def test_six_fold_keeps_outlines_whites_and_transparency_of_a_recoloured_sprite():
    before = np.array(sprite())
    after = np.array(six_fold(sprite(), 2)["recolor"])
    assert np.array_equal(after[..., 3], before[..., 3])
    colored = (before == [230, 120, 40, 255]).all(-1)
    assert np.array_equal(after[~colored], before[~colored])
    assert (after[colored] != before[colored]).any(-1).all()
    assert len(np.unique(after[colored], axis=0)) == 1


def test_six_fold_depends_on_the_seed_alone():
    def digest(seed, **options):
        return [image.tobytes() for image in six_fold(sprite(), seed, **options).values()]

    threads = torch.get_num_threads()
    first = digest(3)
    torch.rand(7)
    assert digest(3) == first
    assert torch.get_num_threads() == threads
    for index, name in enumerate(SIX):
        assert (digest(4)[index] == first[index]) == name.startswith("flip")
        assert (digest(3, strength=4.0)[index] == first[index]) == (
            name.startswith("flip") or name == "recolor"
        )


def test_a_mild_sprite_shows_as_much_as_before_and_a_ruined_one_less():
    def visible(strength):
        shares = []
        for seed in range(20):
            six = six_fold(sprite(), seed, strength)
            before = np.array(sprite())[..., 3].sum()
            shares.append([np.array(six[name])[..., 3].sum() / before for name in SIX[:2]])
        return np.array(shares)

    assert np.abs(visible(1.0) - 1).max() < 0.05
    assert visible(4.0)[:, 0].min() < 0.8
