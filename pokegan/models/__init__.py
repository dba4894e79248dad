"""Architectures: generators, encoders and discriminators. No losses here."""

from pokegan.registry import Registry

ARCHITECTURES = Registry("pokegan.models", "architecture")
"""Every architecture by the name that recipes and ``config.json`` use."""
