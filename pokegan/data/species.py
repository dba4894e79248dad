"""Species facts: number, English name, form, types and generation introduced.

The table is ``species.csv`` beside this file, made by ``make_species.py`` from the PyPI package
poke-env. Types are the current ones (generation 9), whatever game a sprite comes from.
"""

import csv
import difflib
import unicodedata
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

FIRST_FORM_ID = 10001
"""PokeAPI numbers forms from here on; smaller numbers are National Dex numbers."""


@dataclass(frozen=True)
class Species:
    """One form of one species.

    ``number`` is the National Dex number, ``form`` a slug ("" for the default form), ``type1`` one
    of `TYPES`, ``type2`` one of `SECOND_TYPES`, ``generation`` (1 to 9) the one that introduced the
    species.
    """

    number: int
    name: str
    form: str
    type1: str
    type2: str
    generation: int


@dataclass(frozen=True)
class _Table:
    forms: dict[tuple[int, str], Species]  # (number, form slug)
    default_form: dict[int, str]  # number -> the slug by which sprites call the default form
    by_form_id: dict[int, Species]  # PokeAPI id above 10000
    by_name: dict[str, Species]  # folded English name -> default form


@cache
def _table() -> _Table:
    table = _Table({}, {}, {}, {})
    with Path(__file__).with_name("species.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            species = Species(
                int(row["species_id"]),
                row["species"],
                row["form"],
                row["type1"],
                row["type2"],
                int(row["generation"]),
            )
            table.forms[species.number, species.form] = species
            if row["pokeapi_id"]:
                table.by_form_id[int(row["pokeapi_id"])] = species
            if not species.form:
                table.by_name[fold_name(species.name)] = species
                table.default_form[species.number] = row["default_form"]
    return table


def fold_name(name: str) -> str:
    """A name without case, accents and punctuation: ``"Mr. Mime"`` -> ``"mrmime"``."""
    name = name.replace("♀", "f").replace("♂", "m")
    plain = unicodedata.normalize("NFKD", name).casefold()
    return "".join(letter for letter in plain if letter.isalnum())


def all_species() -> tuple[Species, ...]:
    """The default form of every species, by number."""
    return tuple(species for (_, form), species in _table().forms.items() if not form)


def by_number(number: int, form: str = "") -> Species | None:
    """The species with that National Dex number, in that form; None for an unknown number.

    The default form's own slug ("altered" for Giratina) gives form "". A form that the table does
    not list is a cosmetic one: it takes the types of the species.
    """
    table = _table()
    base = table.forms.get((number, ""))
    if base is None:
        return None
    if form == table.default_form[number]:
        return base
    return table.forms.get((number, form)) or replace(base, form=form)


def forms_of(number: int) -> list[str]:
    """Slugs of a known species' forms that have facts of their own, the default form's included;
    none where all forms are cosmetic."""
    table = _table()
    forms = [form for known, form in table.forms if known == number and form]
    return sorted({*forms, table.default_form[number]} - {""}) if forms else []


def by_name(name: str) -> Species | None:
    """The default form of the species with that English name; None for an unknown name.

    Case, accents and punctuation do not matter: "nidoran-f", "Nidoran♀", "farfetchd" all work.
    """
    return _table().by_name.get(fold_name(name))


def by_stem(stem: str) -> Species | None:
    """The species and form that a PokeAPI file stem names; None for an unknown number.

    ``"479"`` is a number, ``"479-heat"`` a number and a form, ``"10008"`` a form's own number.

    Raises:
        ValueError: the stem does not start with a number ("substitute", "egg").
    """
    digits, _, form = stem.partition("-")
    number = int(digits) if digits.isdecimal() and digits.isascii() else 0
    if number == 0:
        raise ValueError(f"{stem!r} names no species number")
    if number >= FIRST_FORM_ID:
        species = _table().by_form_id.get(number)
        return species and (replace(species, form=f"{species.form}-{form}") if form else species)
    return by_number(number, form.lower())


def near_names(name: str) -> list[str]:
    """Up to three species names that are spelt like ``name``."""
    table = _table().by_name
    return [table[key].name for key in difflib.get_close_matches(fold_name(name), table)]


def sprite_name(species: str, form: str, shiny: bool) -> str:
    """As people call a sprite: "Rotom (heat), shiny"."""
    return species + (f" ({form})" if form else "") + (", shiny" if shiny else "")
