import colorsys

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from pokegan.data.transforms import (
    OUTLINE,
    crop,
    cutout,
    flip_left_right,
    flip_top_bottom,
    jitter,
    recolor,
    rotate,
    shear,
    shrink,
    translate,
)
from pokegan.errors import PokeGANError


def random_images(n=3, channels=3, side=16, dtype=torch.float32):
    """Valid images: RGB is 0 where alpha is 0."""
    images = torch.rand(n, channels, side, side, dtype=dtype) * 2 - 1
    if channels == 4:
        images[(images[:, 3:] < -0.4).expand_as(images)] = -1
    return images


def smooth_images(n=2, channels=3, side=32):
    """Blobs on white that touch no border, so that little is lost in resampling."""
    line = torch.linspace(-1, 1, side)
    bump = torch.exp(-8 * (line[:, None] ** 2 + 2 * (line[None] - 0.1) ** 2))
    colors = torch.rand(n, channels, 1, 1)
    return 1 - 2 * bump * colors


def angles(*degrees):
    return torch.tensor(degrees)


RESAMPLED = {
    "shear": lambda images: shear(images, angles(15.0, -18.0, 40.0)[: len(images)]),
    "rotate": lambda images: rotate(images, angles(12.0, -20.0, 45.0)[: len(images)]),
    "crop": lambda images: crop(
        images,
        torch.tensor([0.8, 0.5, 0.95])[: len(images)],
        torch.tensor([[0.0, 1.0], [0.3, 0.6], [1.0, 0.5]])[: len(images)],
    ),
}


@pytest.mark.parametrize("flip", [flip_left_right, flip_top_bottom])
def test_a_flip_undoes_itself(flip):
    images = random_images()
    assert not torch.equal(flip(images), images)
    assert torch.equal(flip(flip(images)), images)


def test_flips_are_of_the_right_axis():
    images = random_images()
    assert torch.equal(flip_left_right(images)[..., 0], images[..., -1])
    assert torch.equal(flip_top_bottom(images)[..., 0, :], images[..., -1, :])


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_nothing_to_do_is_the_identity(channels):
    images = random_images(channels=channels)
    zero = torch.zeros(3)
    for same in (
        shear(images, zero),
        rotate(images, zero),
        crop(images, zero + 1, torch.rand(3, 2)),
    ):
        torch.testing.assert_close(same, images, atol=1e-4, rtol=0)


def test_a_rotation_by_a_quarter_is_exact_and_clockwise():
    images = random_images(2)
    turned = rotate(images, angles(90.0, -90.0))
    torch.testing.assert_close(turned[0], images[0].rot90(-1, (1, 2)), atol=1e-4, rtol=0)
    torch.testing.assert_close(turned[1], images[1].rot90(1, (1, 2)), atol=1e-4, rtol=0)


@pytest.mark.parametrize("channels", [1, 3])
def test_rotating_there_and_back_is_nearly_the_identity(channels):
    images = smooth_images(channels=channels)
    back = rotate(rotate(images, angles(20.0, -33.0)), angles(-20.0, 33.0))
    torch.testing.assert_close(back, images, atol=0.1, rtol=0)


def test_a_shear_moves_each_line_by_its_height_times_the_tangent():
    images = torch.ones(1, 1, 33, 33)
    images[..., 16] = -1  # a vertical line of ink in the middle
    leaning = shear(images, angles(30.0))[0, 0]
    tangent = torch.tan(torch.deg2rad(angles(30.0)))
    for row in (4, 16, 28):
        ink = 1 - leaning[row]
        centre = (ink * torch.arange(33)).sum() / ink.sum()
        torch.testing.assert_close(centre, 16 + (16 - row) * tangent[0], atol=0.02, rtol=0)


def test_a_crop_enlarges_the_part_that_it_keeps():
    images = random_images(4, side=16)
    places = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    enlarged = crop(images, torch.full((4,), 0.5), places)
    parts = [(0, 0), (0, 8), (8, 0), (4, 4)]  # top, left
    for row, (top, left) in enumerate(parts):
        part = images[row, :, top : top + 8, left : left + 8]
        # Every kept pixel lies between four of the result, 3/4 x 3/4 of which it makes up.
        middle = torch.nn.functional.avg_pool2d(enlarged[row], 2)[:, 1:-1, 1:-1]
        weights = torch.tensor([1.0, 6.0, 1.0]) / 8
        kernel = (weights[:, None] * weights).expand(3, 1, 3, 3)
        blurred = torch.nn.functional.conv2d(part[None], kernel, groups=3)[0]
        torch.testing.assert_close(middle, blurred, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", RESAMPLED)
@pytest.mark.parametrize("channels", [1, 3])
def test_white_stays_exactly_white(name, channels):
    images = torch.ones(3, channels, 16, 16)
    assert torch.equal(RESAMPLED[name](images), images)


@pytest.mark.parametrize("name", RESAMPLED)
def test_transparent_stays_exactly_transparent(name):
    images = -torch.ones(3, 4, 16, 16)
    assert torch.equal(RESAMPLED[name](images), images)


@pytest.mark.parametrize("name", ["shear", "rotate"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_what_moves_in_is_background(name, channels):
    """A black image: no corner may show anything but black, background, or what is between."""
    images = -torch.ones(3, channels, 16, 16)
    images[:, 3:] = 1
    changed = RESAMPLED[name](images)
    corner = changed[2, :, 0, 0 if name == "shear" else -1]
    assert torch.equal(corner, torch.full((channels,), -1.0 if channels == 4 else 1.0))


def test_edges_do_not_darken_and_hidden_colours_never_show():
    images = -torch.ones(2, 4, 16, 16)
    images[:, :3, 4:12, 4:12] = torch.tensor([1.0, 0.5, -0.2])[:, None, None]
    images[:, 3, 4:12, 4:12] = 1
    garbage = images.clone()
    garbage[:, :3][(images[:, 3:] == -1).expand(-1, 3, -1, -1)] = 0.77
    for name, change in RESAMPLED.items():
        changed = change(images)
        assert torch.equal(change(garbage), changed), name
        seen = (changed[:, 3:] > -1 + 2 / 255).expand(-1, 3, -1, -1)
        color = torch.tensor([1.0, 0.5, -0.2])[:, None, None].expand_as(changed[:, :3])
        torch.testing.assert_close(changed[:, :3][seen], color[seen])
        assert (changed[:, :3][changed[:, 3:].expand(-1, 3, -1, -1) == -1] == -1).all()


def test_resampling_is_as_fine_under_autocast():
    images, degrees = random_images(), angles(10.0, 20.0, 30.0)
    fine = rotate(images, degrees)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(rotate(images, degrees), fine)


# --- recolouring


def test_hues_are_rotated_as_in_the_standard_library():
    images = random_images(2, side=8)
    changed = recolor(images, torch.tensor([0.3, 0.8]))
    for row, turns in enumerate((0.3, 0.8)):
        before = ((images[row] + 1) / 2).flatten(1).T.tolist()
        after = ((changed[row] + 1) / 2).flatten(1).T.tolist()
        for old, new in zip(before, after, strict=True):
            hue, saturation, value = colorsys.rgb_to_hsv(*old)
            expected = colorsys.hsv_to_rgb((hue + turns) % 1, saturation, value)
            assert new == pytest.approx(old if value < OUTLINE else expected, abs=1e-4)


def test_pure_colours_go_round_the_circle():
    red, yellow, green = (
        torch.tensor(color)[None, :, None, None]
        for color in ([1.0, -1.0, -1.0], [1.0, 1.0, -1.0], [-1.0, 1.0, -1.0])
    )
    torch.testing.assert_close(recolor(red, torch.tensor([1 / 6])), yellow)
    torch.testing.assert_close(recolor(red, torch.tensor([1 / 3])), green)
    torch.testing.assert_close(recolor(green, torch.tensor([-1 / 3])), red)


def test_the_whole_circle_is_the_identity():
    images = random_images()
    for turns in (0.0, 1.0, -1.0):
        whole = recolor(images, torch.full((3,), turns))
        torch.testing.assert_close(whole, images, atol=1e-5, rtol=0)


def test_outlines_greys_and_alpha_stay_exactly():
    images = random_images(channels=4, side=32)
    images[:, :3, :8] = images[:, :1, :8]  # grey
    images[:, :3, 8:16] = images[:, :3, 8:16] / 8 - 0.8  # dark
    images[0, :, 16] = 1  # white
    hidden = (images[:, 3:] == -1).expand_as(images)
    images[hidden] = -1
    changed = recolor(images, torch.tensor([0.2, 0.5, 0.7]))
    assert torch.equal(changed[:, :, :16], images[:, :, :16])
    assert torch.equal(changed[0, :, 16], images[0, :, 16])
    assert torch.equal(changed[:, 3], images[:, 3])
    assert (changed[hidden] == -1).all()
    bright = ((images[:, :3].amax(1) + 1) / 2 >= OUTLINE) & (images[:, :3].std(1) > 0.1)
    moved = (changed - images)[:, :3].abs().amax(1)
    assert (moved[bright] > 0.05).all()


def test_grey_images_cannot_be_recoloured():
    with pytest.raises(PokeGANError, match="grey images cannot be recoloured"):
        recolor(torch.zeros(2, 1, 8, 8), torch.rand(2))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_move_is_exact_and_background_moves_in(channels):
    images = random_images(3, channels, 8)
    moved = translate(images, torch.tensor([[2, 0], [0, -3], [0, 0]]))
    background = -1.0 if channels == 4 else 1.0
    assert torch.equal(moved[0, :, 2:], images[0, :, :-2])  # down
    assert (moved[0, :, :2] == background).all()
    assert torch.equal(moved[1, :, :, :-3], images[1, :, :, 3:])  # to the left
    assert (moved[1, :, :, -3:] == background).all()
    assert torch.equal(moved[2], images[2])


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_square_is_cut_out_where_its_middle_is(channels):
    images = random_images(3, channels, 8) * 0.5
    cut = cutout(images, 0.5, torch.tensor([[0.5, 0.5], [0.0, 0.5], [1.0, 1.0]]))
    background = -1.0 if channels == 4 else 1.0
    squares = [(slice(2, 6), slice(2, 6)), (slice(0, 2), slice(2, 6)), (slice(6, 8), slice(6, 8))]
    for row, (height, width) in enumerate(squares):
        expected = images[row].clone()
        expected[:, height, width] = background
        assert torch.equal(cut[row], expected)


def test_jitter_moves_brightness_saturation_and_contrast_each_by_itself():
    images = random_images(3, 4, 8)
    color = images[:, :3]
    middle = torch.full((3, 3), 0.5)
    torch.testing.assert_close(jitter(images, middle, 1.0), images)
    ends = middle.clone()
    ends[0, 0] = ends[1, 1] = ends[2, 2] = 0.0
    changed = jitter(images, ends, 1.0)
    torch.testing.assert_close(changed[0, :3], color[0] - 0.5)
    torch.testing.assert_close(changed[1, :3], color[1].mean(0).expand(3, 8, 8))  # grey
    torch.testing.assert_close(changed[2, :3], color[2] / 2)
    torch.testing.assert_close(jitter(images, ends, 0.5)[0, :3], color[0] - 0.25)
    assert torch.equal(changed[:, 3], images[:, 3])
    with pytest.raises(PokeGANError, match="grey images"):
        jitter(torch.zeros(2, 1, 8, 8), torch.rand(2, 3), 1.0)


# --- gradients


@pytest.mark.parametrize(
    "change",
    [
        lambda x: translate(x, torch.tensor([[1, -1], [0, 2]])),
        lambda x: cutout(x, 0.5, torch.tensor([[0.5, 0.5], [0.1, 0.9]])),
        lambda x: jitter(x, torch.tensor([[0.1, 0.7, 0.3], [0.9, 0.2, 0.8]]).double(), 1.0),
    ],
)
def test_first_and_second_gradients_flow_through_diffaugment(change):
    images = torch.rand(2, 4, 4, 4, dtype=torch.float64) * 1.6 - 0.8
    assert gradcheck(change, images.requires_grad_())
    assert gradgradcheck(lambda x: change(x) ** 2, images)


@pytest.mark.parametrize("name", RESAMPLED)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_gradients_flow_through_resampling(name, channels):
    images = torch.rand(2, channels, 4, 4, dtype=torch.float64) * 1.6 - 0.8
    assert gradcheck(RESAMPLED[name], images.requires_grad_())


@pytest.mark.parametrize("channels", [3, 4])
def test_gradients_flow_through_recolouring(channels):
    images = torch.rand(2, channels, 3, 3, dtype=torch.float64) * 1.6 - 0.6
    turns = torch.tensor([0.3, 0.7], dtype=torch.float64)
    assert gradcheck(lambda x: recolor(x, turns), images.requires_grad_())


@pytest.mark.parametrize("flip", [flip_left_right, flip_top_bottom])
def test_gradients_flow_through_flips(flip):
    images = torch.rand(2, 3, 3, 3, dtype=torch.float64)
    assert gradcheck(flip, images.requires_grad_())


@pytest.mark.parametrize("value", [-1.0, 0.0, 1.0])
def test_gradients_are_finite_where_there_is_no_hue(value):
    images = torch.full((1, 3, 4, 4), value)
    images[0, 0, 0, 0] += 1e-9
    images.requires_grad_()
    recolor(images, torch.tensor([0.4])).sum().backward()
    assert torch.equal(images.grad, torch.ones_like(images))


def test_gradients_are_finite_where_nothing_is_visible():
    images = -torch.ones(1, 4, 8, 8)
    images[0, 3] = -1 + 1e-6
    images.requires_grad_()
    rotate(images, angles(10.0)).sum().backward()
    assert images.grad.isfinite().all()
    assert (images.grad[:, 3] > 0).any()  # alpha can still grow


def test_a_shrunken_pixel_is_the_mean_of_a_square():
    images = random_images(2, 3, 16)
    small = shrink(images, 4)
    assert small.shape == (2, 3, 4, 4)
    torch.testing.assert_close(small[:, :, 1, 2], images[:, :, 4:8, 8:12].mean((2, 3)))
    assert torch.equal(shrink(images, 16), images)


def test_shrinking_mixes_colours_by_their_alpha():
    """On white, the smaller image is the mean of the larger one; what is transparent has no say."""
    images = random_images(2, 4, 16)
    small = shrink(images, 8)

    def on_white(rgba):
        alpha = (rgba[:, 3:] + 1) / 2
        return 1 + alpha * (rgba[:, :3] - 1)

    torch.testing.assert_close(on_white(small), shrink(on_white(images), 8))
    torch.testing.assert_close(small[:, 3:], shrink(images[:, 3:], 8))
    nothing = torch.full((1, 4, 4, 4), -1.0)
    assert torch.equal(shrink(nothing, 2), torch.full((1, 4, 2, 2), -1.0))
