"""What a training ran on, for the model's card."""

import platform
from typing import Any

import torch

from pokegan.training.processes import Processes


def run_facts(processes: Processes, clock: str) -> dict[str, Any]:
    """What ``run.json`` says of a training.

    Args:
        processes: those of the run.
        clock: what its seconds count, "wall" or "cpu".

    Returns:
        "clock"; "processes", how many; "threads", of each, on CPUs; "machine", the kind of the
        first process's device, such as "x86_64 CPU with AVX512" or a GPU's name.
    """
    facts: dict[str, Any] = {"clock": clock, "processes": processes.count}
    if processes.device.type == "cpu":
        facts["threads"] = torch.get_num_threads()
    return facts | {"machine": machine_kind(processes.device)}


def machine_kind(device: torch.device) -> str:
    """A device's kind in a few words."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type != "cpu":
        return device.type
    capability = torch.backends.cpu.get_cpu_capability()
    instructions = "" if capability in ("DEFAULT", "NO AVX") else f" with {capability}"
    return f"{platform.machine()} CPU{instructions}"
