"""What to expect of several processes: a model of a step's time, fed with what was measured.

The model is for a fixed batch, shared by n processes::

    t(n) = shared / n + alone + 2 (n - 1) / n · bytes / bandwidth + messages · latency

``shared`` is the work on the batch (data, augmentation, forward, backward, penalty), ``alone``
what every process does (optimizer, moving average, logging, the loop itself). The bytes are those
of a ring (Patarasuk & Yuan 2009): each process sends and receives nearly twice the gradients.
Nothing is assumed to overlap, as our loop reduces after a backward pass.
"""

from dataclasses import dataclass

GPU_FLOPS = 10e12
"""Operations a second that a GPU is assumed to sustain on networks of our sizes, in float32: a
fraction of what today's reach on large matrix products."""
LAUNCH_SECONDS = 5e-6
"""What launching a kernel is assumed to take the processor; small networks wait for that."""
GOOD = 0.9
"""An efficiency worth having."""


@dataclass(frozen=True)
class Link:
    """A way between processes.

    Attributes:
        name: what it is called.
        bytes_per_second: assumed bandwidth for each process, well below the nominal one.
        latency: assumed seconds for a message to and from all of eight processes.
    """

    name: str
    bytes_per_second: float
    latency: float


GPU_LINKS = (Link("NVLink", 200e9, 30e-6), Link("PCIe", 12e9, 50e-6))
MACHINE_LINKS = (
    Link("10 Gbit/s", 1.0e9, 300e-6),
    Link("25 Gbit/s", 2.5e9, 200e-6),
    Link("100 Gbit/s", 10e9, 100e-6),
)
SHARED_PARTS = ("data", "augmentation", "forward", "backward", "penalty")


@dataclass(frozen=True)
class Step:
    """One process's step.

    Attributes:
        batch_size: images.
        shared: seconds of work on the batch.
        alone: seconds of work that every process does, however small its share.
        reduced_bytes: gradients.
        messages: how often processes wait for one another.
    """

    batch_size: int
    shared: float
    alone: float
    reduced_bytes: float
    messages: float

    def seconds(self, processes: int, link: Link, batches: float = 1.0) -> float:
        """A step's seconds, with a batch so many times as large."""
        if processes == 1:
            return self.shared * batches + self.alone
        ring = 2 * (processes - 1) / processes * self.reduced_bytes / link.bytes_per_second
        return self.shared * batches / processes + self.alone + ring + self.messages * link.latency

    def efficiency(self, processes: int, link: Link, batches: float = 1.0) -> float:
        """One process's time for the same images, over that of all processes together."""
        one, all_ = self.seconds(1, link, batches), self.seconds(processes, link, batches)
        return one / (processes * all_)

    def good_batch(self, processes: int, link: Link) -> int | None:
        """The smallest batch, over all processes and in doublings, whose images come ``GOOD``
        times as fast as from processes that have the recipe's batch each and no others to wait
        for; ``None`` where none up to 1024 times the recipe's does."""
        best = self.batch_size / self.seconds(1, link)
        for doublings in range(11):
            batch = self.batch_size * 2**doublings
            rate = batch / self.seconds(processes, link, 2.0**doublings)
            if rate >= GOOD * processes * best:
                return batch
        return None


def step_as_measured(seen: dict) -> Step:
    """A step on this machine, of what ``steps.profile`` said of one process."""
    share = sum(seen["shares"].get(part, 0.0) for part in SHARED_PARTS)
    return Step(
        seen["batch_size"],
        seen["seconds"] * share,
        seen["seconds"] * (1 - share),
        seen["reduced_bytes"],
        seen["messages"],
    )


def step_on_gpu(seen: dict) -> Step:
    """A step on the GPU that is assumed above: launching does not shrink with the share."""
    return Step(
        seen["batch_size"],
        seen["gflop"] * 1e9 / GPU_FLOPS,
        seen["kernels"] * LAUNCH_SECONDS,
        seen["reduced_bytes"],
        seen["messages"],
    )


def scaling_rows(name: str, alone: dict, pair: dict) -> list[str]:
    """One row of the table.

    Args:
        name: the recipe.
        alone: ``steps.profile`` of one process with one thread.
        pair: that of the main one of two such processes, with the same batch.
    """
    here, gpu = step_as_measured(alone), None
    if alone["gflop"] is not None:
        gpu = step_on_gpu(alone)
    cells = [name, f"{1000 * alone['seconds']:.1f}"]
    cells += [f"{100 * here.shared / (here.shared + here.alone):.0f} %"]
    cells += [f"{alone['reduced_bytes'] / 1e6:.1f}", f"{alone['messages']:.1f}"]
    cells.append(f"{alone['seconds'] / (2 * pair['seconds']):.2f}")
    for step, links in ((gpu, GPU_LINKS), (here, MACHINE_LINKS)):
        for link in links:
            if step is None:
                cells.append("–")
                continue
            good = step.good_batch(8, link)
            cells.append(f"{step.efficiency(8, link):.2f} ({good or 'none'})")
    return cells


HEAD = [
    "recipe",
    "ms a step",
    "shared",
    "MB a step",
    "messages",
    "2 processes, measured",
    *(f"8 GPUs, {link.name}" for link in GPU_LINKS),
    *(f"8 machines, {link.name}" for link in MACHINE_LINKS),
]
