"""GAN inversion by gradient descent: codes of images that an encoder has read roughly."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from pokegan.data.transforms import on_white_with_alpha

STEP_SIZE, BETAS = 0.1, (0.9, 0.99)
"""Adam's. With twice the step size, ``sprite`` comes as near, but loses more of what is small."""
WARM_UP = 5
"""Steps until the whole step size is taken; Adam's first ones are all of one length."""


def refine(draw: Callable[[Tensor], Tensor], code: Tensor, image: Tensor, steps: int) -> Tensor:
    """Bring a code nearer to an image: the second half of Zhu et al.'s hybrid (2016, arXiv
    1609.03552, section 3.2), which begins where the encoder ends.

    Minimises mean |G(c) - x| over RGB on white, and alpha where there is one, as the encoder of
    ``sprite`` was trained to do. The step size rises over ``WARM_UP`` steps and falls as half a
    cosine.

    Args:
        draw: G, codes (1, d) to images (1, channels, h, w) in [-1, 1].
        code: float tensor (1, d).
        image: float tensor (1, channels, h, w) in [-1, 1].
        steps: how many, each of which draws once.

    Returns:
        Of all codes on the way, the first included, the one whose image is nearest: (1, d).
    """
    with torch.inference_mode(False), torch.enable_grad():
        code = code.detach().clone().requires_grad_()
        image = on_white_with_alpha(image.detach().clone())
        optimizer = torch.optim.Adam([code], lr=STEP_SIZE, betas=BETAS)
        nearest, least = code.detach().clone(), math.inf
        for step in range(steps + 1):
            error = (on_white_with_alpha(draw(code)) - image).abs().mean()
            if error.item() < least:
                nearest, least = code.detach().clone(), error.item()
            if step < steps:
                (code.grad,) = torch.autograd.grad(error, code)
                fall = (1 + math.cos(math.pi * step / steps)) / 2
                optimizer.param_groups[0]["lr"] = STEP_SIZE * fall * min(1, (step + 1) / WARM_UP)
                optimizer.step()
    return nearest
