"""Names that recipes and config files use for our classes."""

import importlib
import pkgutil
from collections.abc import Callable
from typing import TypeVar

from pokegan.errors import PokeGANError, near_matches, shown

Class = TypeVar("Class", bound=type)


class Registry:
    """The classes of one package by name; a module that registers a class is all it takes.

    Args:
        package: dotted name of the package whose modules register classes. They are imported at
            the first look-up, so that importing the package itself stays cheap.
        kind: the word that error messages use ("architecture").
    """

    def __init__(self, package: str, kind: str):
        self._package = package
        self._kind = kind
        self._classes: dict[str, type] = {}
        self._complete = False

    def register(self, name: str) -> Callable[[Class], Class]:
        """Class decorator that files a class under ``name``.

        Raises:
            ValueError: the name is taken by another class.
        """

        def file_under_name(cls: Class) -> Class:
            if name in self._classes:
                raise ValueError(f"{self._kind} {name!r} is registered twice")
            self._classes[name] = cls
            return cls

        return file_under_name

    def names(self) -> list[str]:
        """All registered names, sorted."""
        if not self._complete:
            for module in pkgutil.iter_modules(importlib.import_module(self._package).__path__):
                importlib.import_module(f"{self._package}.{module.name}")
            self._complete = True
        return sorted(self._classes)

    def get(self, name: str) -> type:
        """The class filed under ``name``.

        Raises:
            PokeGANError: no such name; the message names near matches.
        """
        names = self.names()
        if not isinstance(name, str) or name not in self._classes:  # a file may say anything
            raise PokeGANError(
                f"unknown {self._kind} {shown(name)}{near_matches(str(name), names)}"
            )
        return self._classes[name]
