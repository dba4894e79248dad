"""The processes that share a run: who they are, and what they tell one another."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch

# Imported when processes have met (optimizers do), this keeps their connections in its default
# arguments for good; their threads then outlive Python, and may abort a run that is complete.
import torch.distributed.nn.functional
from accelerate import Accelerator
from accelerate.utils import InitProcessGroupKwargs, broadcast, broadcast_object_list
from torch import Tensor

from pokegan.errors import PokeGANError

PATIENCE = timedelta(hours=1)
"""How long a process waits for the others: as long as one may build a dataset or evaluate a model.
NCCL's own ten minutes are too short for that. A process that has died is noticed much earlier,
by its closed connection or by the launcher."""


class LostProcess(PokeGANError):
    """Another process of the run has ended, or does not answer."""


def meet(cpu: bool, mixed_precision: str) -> Accelerator:
    """Find the other processes that the launcher started, if any, and this one's device.

    Args:
        cpu: whether to train on the CPU even where there is a GPU.
        mixed_precision: "no" or "bf16".

    Raises:
        LostProcess: not all came.
    """
    handlers = [InitProcessGroupKwargs(timeout=PATIENCE)]
    try:
        return Accelerator(cpu=cpu, mixed_precision=mixed_precision, kwargs_handlers=handlers)
    except torch.distributed.DistError as error:
        raise LostProcess(f"the processes of the run do not meet ({_first_line(error)})") from error


class Processes:
    """One process's place among those of a run. With one process, everything is itself.

    Every method that speaks to the others must be called by all of them, in the same order, and
    raises :class:`LostProcess` where one of them is gone.

    Args:
        accelerator: what the launcher made of them.
    """

    def __init__(self, accelerator: Accelerator):
        self._accelerator = accelerator
        self.index, self.count = accelerator.process_index, accelerator.num_processes
        self.is_main = accelerator.is_main_process
        self.device = accelerator.device

    def rows(self, batch_size: int, together: int = 1) -> slice:
        """This process's rows of a batch: shares are as equal as can be.

        Args:
            batch_size: size of the whole batch.
            together: a network looks at so many rows together, so that none of these groups may be
                parted.

        Raises:
            PokeGANError: there are not enough groups for all processes.
        """
        if self.count == 1:
            return slice(0, batch_size)
        groups, over = divmod(batch_size, together)
        if groups < self.count or over:
            why = f", as a network looks at {together} images together" if together > 1 else ""
            raise PokeGANError(
                f"batch_size {batch_size} cannot be shared by {self.count} processes: take a"
                f" multiple of {together}, at least {together * self.count}{why}"
            )
        first, end = (groups * index // self.count for index in (self.index, self.index + 1))
        return slice(first * together, end * together)

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum of the processes' tensors of one shape, on all of them."""
        if self.count == 1:
            return tensor
        with _told_as_lost():
            return self._accelerator.reduce(tensor, reduction="sum")

    def largest(self, code: int) -> int:
        """The largest of the processes' numbers, on all of them."""
        if self.count == 1:
            return code
        with _told_as_lost():
            codes = self._accelerator.gather(torch.tensor([int(code)], device=self.device))
            return int(codes.max())

    def number_from_main(self, number: float) -> float:
        """The main process's number, as a float32, on all of them."""
        if self.count == 1:
            return number
        with _told_as_lost():
            return broadcast(torch.tensor(number, device=self.device)).item()

    def from_main(self, value: Any) -> Any:
        """The main process's value, which may hold tensors, on all of them."""
        if self.count == 1:
            return value
        with _told_as_lost():
            return broadcast_object_list([value])[0]

    def wait(self) -> None:
        """Go on when all have come here."""
        with _told_as_lost():
            self._accelerator.wait_for_everyone()

    @contextmanager
    def local_main_first(self) -> Iterator[None]:
        """Let one process of each machine through the block before the others, which find what it
        has built or downloaded."""
        if not self._accelerator.is_local_main_process:
            self.wait()
        yield
        if self._accelerator.is_local_main_process:
            self.wait()


@contextmanager
def _told_as_lost() -> Iterator[None]:
    try:
        yield
    # NCCL and the store raise their own subclasses, gloo just this one.
    except RuntimeError as error:
        raise LostProcess(f"another process is gone ({_first_line(error)})") from error


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
