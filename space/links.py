"""Links: what a tab shows, as query parameters of the page's address, and back."""

from collections.abc import Mapping
from urllib.parse import urlencode

Params = Mapping[str, str]


def query_of(tab: str, **values: object) -> str:
    """The query of a link to a tab: "?tab=compare&seed=7"; lists are joined by commas, and what
    is empty or false is left out."""
    shown = {
        name: ",".join(value) if isinstance(value, list | tuple) else _text(value)
        for name, value in values.items()
        if value not in (None, "", False, [], ())
    }
    return "?" + urlencode({"tab": tab, **shown}, safe=",/")


def names_in(params: Params, key: str, known: list[str], default: list[str]) -> list[str]:
    """The known names of a list in a link, each once, in its order; the default where none is."""
    asked = dict.fromkeys(params.get(key, "").split(","))
    return [name for name in asked if name in known] or default


def one_of(params: Params, key: str, known: list[str], default: str) -> str:
    """A known name in a link, or the default."""
    value = params.get(key)
    return value if value in known else default


def whole_in(params: Params, key: str, low: int, high: int, default: int) -> int:
    """A whole number in a link, brought into its range; the default where it is none."""
    text = params.get(key, "")
    if not text.isascii() or not text.removeprefix("-").isdigit() or len(text) > 12:
        return default
    return min(max(int(text), low), high)


def number_in(params: Params, key: str, low: float, high: float, default: float) -> float:
    """A number in a link, brought into its range; the default where it is none."""
    try:
        value = float(params.get(key, ""))
    except ValueError:
        return default
    return min(max(value, low), high) if value == value else default


def flag_in(params: Params, key: str) -> bool:
    """Whether something is switched on in a link."""
    return params.get(key) == "1"


def _text(value: object) -> str:
    return "1" if value is True else f"{value:g}" if isinstance(value, float) else str(value)
