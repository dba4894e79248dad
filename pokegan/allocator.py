"""How a program of ours keeps its memory."""

import ctypes
import platform

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # from <malloc.h>
_KEPT, _NEVER = 2**30, 2**31 - 1


def keep_freed_memory() -> bool:
    """Let the C library keep what is freed, for the next tensor, where it is glibc.

    By default it gives every large block back to the system at once, and the system has to find
    and clear the same pages again for the next step's activations, which took EfficientNet-Lite0
    twice as long as its arithmetic. The process keeps the most that it ever needed.

    For programs, at their start; importing the package changes nothing.

    Returns:
        Whether there was a glibc that took the setting.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    return bool(libc.mallopt(_M_MMAP_THRESHOLD, _KEPT) and libc.mallopt(_M_TRIM_THRESHOLD, _NEVER))
