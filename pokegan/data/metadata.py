"""Read labels from the ``metadata.csv`` of an image folder.

Columns: ``file_name`` and one of ``species_id`` and ``species``; optional ``form``, ``type1``,
``type2``, ``generation``, ``game``, ``view``, ``shiny``, ``gender``. A monster that is no known
species is welcome when its ``type1`` is given.
"""

import csv
import hashlib
import io
from dataclasses import replace
from pathlib import PurePosixPath

from pokegan.data import species as facts
from pokegan.data.options import VIEWS, check_choice, suggest
from pokegan.data.records import SpriteFile
from pokegan.data.species import Species
from pokegan.data.types import SECOND_TYPES, TYPES
from pokegan.errors import PokeGANError

COLUMNS = (
    "file_name",
    "species_id",
    "species",
    "form",
    "type1",
    "type2",
    "generation",
    "game",
    "view",
    "shiny",
    "gender",
)
FIRST_OWN_NUMBER = 100_000
"""Own monsters without a ``species_id`` have numbers from here on, by a hash of their name."""
OWN_NUMBERS = 2**30

_TRUTH = {"false": False, "no": False, "0": False, "true": True, "yes": True, "1": True}


def parse_metadata(text: str, csv_name: str, file_names: dict[str, int]) -> dict[int, SpriteFile]:
    """Labels by file index, one per row of the CSV ``text``.

    ``csv_name`` is the file's name inside the source; ``file_names`` maps the names inside the
    source to their indices. File names in the CSV count from the CSV's own folder.

    Raises:
        PokeGANError: an unknown column or value, a missing file, contradicting rows; the message
            names row (the line number, the header being 1) and field.
    """
    rows = _rows(text, csv_name)
    own_numbers = _own_numbers(rows)
    folder = PurePosixPath(csv_name).parent
    sprites: dict[int, SpriteFile] = {}
    names: dict[int, str] = {}
    for line, row in rows:
        where = f"{csv_name}, row {line}"
        name = str(folder / row["file_name"].replace("\\", "/"))
        if not row["file_name"] or name not in file_names:
            near = suggest(name, list(file_names)) if row["file_name"] else "give a file's name"
            raise PokeGANError(f"{where}, file_name: no file {row['file_name']!r}; {near}")
        index = file_names[name]
        if index in sprites:
            raise PokeGANError(f"{where}, file_name: {row['file_name']!r} is listed twice")
        try:
            sprite = _sprite(name, row, own_numbers)
        except PokeGANError as error:
            raise PokeGANError(f"{where}, {error}") from None
        known = names.setdefault(sprite.species.number, sprite.species.name)
        if known != sprite.species.name:
            raise PokeGANError(
                f"{where}, species_id: {sprite.species.number} is already {known!r}, "
                f"not {sprite.species.name!r}; give each species its own number"
            )
        sprites[index] = sprite
    return sprites


def _rows(text: str, csv_name: str) -> list[tuple[int, dict[str, str]]]:
    """(line number, row) pairs with every column present and stripped."""
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    header = [name.strip() for name in reader.fieldnames or ()]
    reader.fieldnames = header
    for column in header:
        if column not in COLUMNS:
            hint = suggest(column, COLUMNS)
            raise PokeGANError(f"{csv_name}, row 1: unknown column {column!r}; {hint}")
    if len(set(header)) < len(header):
        raise PokeGANError(f"{csv_name}, row 1: a column is named twice; keep one")
    if "file_name" not in header or not {"species", "species_id"} & set(header):
        raise PokeGANError(
            f"{csv_name}, row 1: needs the columns file_name and species (or species_id)"
        )
    rows = []
    try:
        for row in reader:
            if None in row:
                raise PokeGANError(
                    f"{csv_name}, row {reader.line_num}: more cells than columns; "
                    "quote cells that contain a comma"
                )
            rows.append((reader.line_num, {key: (row.get(key) or "").strip() for key in COLUMNS}))
    except csv.Error as error:
        raise PokeGANError(f"{csv_name}, row {reader.line_num}: {error}") from None
    return rows


def _own_key(name: str) -> str:
    return facts.fold_name(name) or name


def _own_numbers(rows) -> dict[str, tuple[int, str]]:
    """Number and spelling of each own monster that has none, by folded name.

    A number, and with it the split, does not depend on the other monsters of the table.
    """
    spelling: dict[str, str] = {}
    for _, row in rows:
        name = row["species"]
        if name and not row["species_id"] and facts.by_name(name) is None:
            spelling.setdefault(_own_key(name), name)
    numbers: dict[int, str] = {}
    for key in sorted(spelling):
        number = FIRST_OWN_NUMBER + int(hashlib.sha256(key.encode()).hexdigest(), 16) % OWN_NUMBERS
        while number in numbers:
            number += 1
        numbers[number] = key
    return {key: (number, spelling[key]) for number, key in numbers.items()}


def _sprite(source: str, row: dict[str, str], own_numbers: dict) -> SpriteFile:
    """The labels of one row; errors start with the field's name."""
    species = _with_types(_species(row, own_numbers), row)
    if row["generation"]:
        species = replace(species, generation=_integer("generation", row["generation"], 0, 127))
    view = row["view"].lower() or "front"
    check_choice("view", view, VIEWS)
    shiny = row["shiny"].lower() or "no"
    check_choice("shiny", shiny, _TRUTH)
    gender = row["gender"].lower()
    if gender not in ("", "female"):
        raise PokeGANError(f"gender: unknown value {gender!r}; write female or leave it empty")
    return SpriteFile(source, species, row["game"], view, _TRUTH[shiny], gender)


def _species(row: dict[str, str], own_numbers: dict) -> Species:
    form, name = "-".join(row["form"].lower().split()), row["species"]
    known = facts.by_name(name) if name else None
    if not row["species_id"]:
        if not name:
            raise PokeGANError("species: empty; give a name or a species_id")
        if known:
            return _with_form(known.number, form, row)
        if not row["type1"]:
            near = facts.near_names(name)
            hint = f"did you mean {' or '.join(near)}?" if near else "is it misspelt?"
            raise PokeGANError(
                f"species: unknown species {name!r}; {hint} Own monsters need a type1"
            )
        number, spelling = own_numbers[_own_key(name)]
        return Species(number, spelling, form, row["type1"], "none", 0)
    number = _integer("species_id", row["species_id"], 1, 2**31 - 1)
    numbered = facts.by_number(number)
    if known and known != numbered:
        raise PokeGANError(f"species: {name} is number {known.number}, not {number}")
    if numbered and (known or not name):
        return _with_form(number, form, row)
    if not row["type1"]:
        raise PokeGANError(f"species_id: unknown number {number}; own monsters need a type1")
    return Species(number, name or f"monster {number}", form, row["type1"], "none", 0)


def _with_form(number: int, form: str, row: dict[str, str]) -> Species:
    """The known species in that form; one that the table does not list needs types."""
    species = facts.by_number(number, form)
    forms = facts.forms_of(number)
    if species.form and forms and form not in forms and not row["type1"]:
        raise PokeGANError(
            f"form: {species.name} has no form {form!r}; {suggest(form, forms)} (or give type1)"
        )
    return species


def _with_types(species: Species, row: dict[str, str]) -> Species:
    type1, type2 = row["type1"].lower(), row["type2"].lower()
    if not type1:
        if type2:
            raise PokeGANError("type2: given without type1; give both or neither")
        return species
    check_choice("type1", type1, TYPES)
    check_choice("type2", type2 or "none", SECOND_TYPES)
    if type1 == type2:
        raise PokeGANError(f"type2: same as type1 ({type1}); leave it empty")
    return replace(species, type1=type1, type2=type2 or "none")


def _integer(field: str, text: str, low: int, high: int) -> int:
    # int() refuses very long numbers with another error.
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and low <= int(text) <= high):
        raise PokeGANError(f"{field}: {text[:60]!r} is no whole number from {low} to {high}")
    return int(text)
