"""PokeGAN: train, share and compare GANs that draw typed monster sprites.

``import pokegan`` loads nothing heavy; what it offers is imported on first use.
"""

from typing import TYPE_CHECKING

from pokegan._version import __version__
from pokegan.errors import PokeGANError

if TYPE_CHECKING:
    from pokegan.hub.load import load

__all__ = ["PokeGANError", "__version__", "load"]


def __getattr__(name: str):
    if name == "load":
        from pokegan.hub.load import load

        return load
    raise AttributeError(f"module 'pokegan' has no attribute {name!r}")
