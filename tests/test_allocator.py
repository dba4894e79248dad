"""Programs keep what they freed."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys, torch
from pokegan.allocator import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
torch.set_num_threads(1)
for i in range(20):
    if i == 10:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(16, 2**20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(how: str) -> int:
    """Of a process that makes and drops the same 64 MiB, from the tenth time to the twentieth."""
    done = subprocess.run(
        [sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")
def test_the_pages_of_a_dropped_tensor_serve_the_next_one():
    assert page_faults("keep") < page_faults("as it is") / 10
