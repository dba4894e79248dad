"""Checks of architecture arguments, made before any memory is taken."""

import inspect
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

from pokegan.errors import PokeGANError, near_matches, shown


def check_range(name: str, value: int, low: int, high: int) -> None:
    """Refuse an integer argument outside ``[low, high]``.

    Raises:
        PokeGANError: ``value`` is no integer, or out of range.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise PokeGANError(f"{name} must be an integer from {low} to {high}, not {shown(value)}")


def check_number(name: str, value: float, low: float, high: float) -> None:
    """Refuse an argument that is no number in ``[low, high]``.

    Raises:
        PokeGANError: ``value`` is no number, or out of range.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise PokeGANError(f"{name} must be a number from {low:g} to {high:g}, not {shown(value)}")


def check_choice(name: str, value: object, choices: tuple) -> None:
    """Refuse an argument that is none of ``choices``.

    Raises:
        PokeGANError: ``value`` is not among them.
    """
    if isinstance(value, bool) or value not in choices:
        raise PokeGANError(
            f"{name} must be one of {', '.join(map(str, choices))}, not {shown(value)}"
        )


def check_arguments(function: Callable, arguments: Mapping[str, Any], where: str) -> None:
    """Compare ``arguments`` (from a JSON file, say) with a signature's names and types.

    Only what JSON holds without loss is understood: int, float, str, bool, lists of these, and
    ``X | None``.

    Args:
        function: a class or function with annotated parameters.
        arguments: keyword arguments for it.
        where: what to name in an error, such as the file's path.

    Raises:
        PokeGANError: an unknown, missing or wrongly typed argument.
    """
    parameters = inspect.signature(function).parameters
    hints = typing.get_type_hints(
        function.__init__ if isinstance(function, type) else function  # a class has none itself
    )
    for name, value in arguments.items():
        if name not in parameters:
            raise PokeGANError(
                f"{where}: unknown field {shown(name)}{near_matches(name, parameters)}"
            )
        if not _fits(value, hints[name]):
            expected = getattr(hints[name], "__name__", str(hints[name]))
            raise PokeGANError(f"{where}: field {name!r} must be {expected}, not {shown(value)}")
    for name, parameter in parameters.items():
        if parameter.default is inspect.Parameter.empty and name not in arguments:
            raise PokeGANError(f"{where}: field {name!r} is missing")


def _fits(value: Any, hint: Any) -> bool:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, option) for option in typing.get_args(hint))
    if origin is list:
        (item,) = typing.get_args(hint)
        return isinstance(value, list) and all(_fits(element, item) for element in value)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)
