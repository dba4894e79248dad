"""A run's random numbers as pure functions of (seed, step, stream, place in the whole batch).

Nothing here has a state that a checkpoint would have to carry, so a resumed run continues exactly,
and every process of a run draws the rows of the whole batch that are its own.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pokegan.data.augment import Augmentation
from pokegan.seeding import derive_seed


def seed_inside(seed: int, step: int, device: torch.device) -> None:
    """Make what networks draw from torch's global state in a step a function of the step.

    ``torch.manual_seed`` would ask every kind of device that torch knows, at every step, which
    takes longer than some of our optimizers.
    """
    seed = derive_seed(seed, step, "inside")
    torch.default_generator.manual_seed(seed)
    if device.type != "cpu":
        torch.get_device_module(device).manual_seed(seed)


@dataclass(frozen=True)
class StepNoise:
    """The random numbers of one step for one process (a ``pokegan.objectives.Noise``).

    The numbers of the whole batch are drawn and this process's rows are kept: drawing is cheap
    beside a training step, and the rows then cannot depend on the number of processes.

    Attributes:
        seed: the run's seed.
        step: 0 for the first step.
        batch_size: size of the whole batch, over all processes.
        rows: the rows of the whole batch that belong to this process.
        device: where the numbers are wanted.
        augmentation: what images go through.
    """

    seed: int
    step: int
    batch_size: int
    rows: slice
    device: torch.device
    augmentation: Augmentation = field(default_factory=Augmentation)

    @property
    def kimg(self) -> float:
        """Thousand real images seen before this step."""
        return self.step * self.batch_size / 1000

    def normal(self, stream: str, *shape: int) -> Tensor:
        """Standard normal float tensor (rows, *shape)."""
        return self._rows(torch.randn, stream, shape)

    def uniform(self, stream: str, *shape: int) -> Tensor:
        """Float tensor (rows, *shape) evenly distributed in [0, 1)."""
        return self._rows(torch.rand, stream, shape)

    def augment_real(self, images: Tensor) -> Tensor:
        """The batch's images (rows, channels, height, width) as the recipe augments them."""
        return self._augment("real", images)

    def augment(self, stream: str, images: Tensor) -> Tensor:
        """Generated images, augmented likewise where the recipe asks for that."""
        return self._augment(stream, images) if self.augmentation.generated else images

    def _augment(self, stream: str, images: Tensor) -> Tensor:
        def uniform(name: str, *shape: int) -> Tensor:
            return self.uniform(f"augment/{stream}/{name}", *shape)

        return self.augmentation(images, uniform)

    def _rows(self, draw: Callable[..., Tensor], stream: str, shape: tuple[int, ...]) -> Tensor:
        generator = torch.Generator().manual_seed(derive_seed(self.seed, self.step, stream))
        whole = draw(self.batch_size, *shape, generator=generator)
        return whole[self.rows].to(self.device, non_blocking=True)
