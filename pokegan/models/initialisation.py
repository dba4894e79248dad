"""Initial weights for networks that no normalisation keeps in range.

He et al. 2015 (arXiv 1502.01852, section 2.2): a layer keeps the mean square of its input, 1 say,
where its weights have the variance ``gain / n``, n being the numbers that each output is a sum of
and ``gain`` making up for what the activation after it takes away.
"""

import math

from torch import nn

LEAKY_SLOPE = 0.2
"""The slope of every LeakyReLU on the negative side (Radford et al. 2016)."""


def init_kaiming(module: nn.Module, inputs: int | None = None) -> None:
    """Initialise a layer before a LeakyReLU of slope 0.2: the gain is 2 / (1 + 0.2²), biases 0.

    Dense, convolutional and transposed convolutional layers are initialised, other modules left
    alone; so it can be given to ``nn.Module.apply``.

    Args:
        module: the layer.
        inputs: n, where the layer's shape does not tell: a transposed convolution of a single
            pixel.
    """
    _initialise(module, 2 / (1 + LEAKY_SLOPE**2), inputs)


def init_linear(module: nn.Module, gain: float = 1.0) -> None:
    """Initialise a layer that no LeakyReLU follows, such as the last one; biases 0.

    Args:
        module: the layer; as for :func:`init_kaiming`.
        gain: mean square of the output where that of the input is 1.
    """
    _initialise(module, gain, None)


def _initialise(module: nn.Module, gain: float, inputs: int | None) -> None:
    if not isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
        return
    weight = module.weight
    if inputs is None and isinstance(module, nn.ConvTranspose2d):
        # (in, out, k, k): each output pixel is reached by 1/stride² of the kernel
        inputs = weight.shape[0] * weight[0, 0].numel() // math.prod(module.stride)
    elif inputs is None:
        inputs = weight[0].numel()  # (out, in) or (out, in, k, k)
    nn.init.normal_(weight, 0.0, math.sqrt(gain / inputs))
    if module.bias is not None:
        nn.init.zeros_(module.bias)
