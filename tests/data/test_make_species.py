import json

import pytest

from pokegan.data.make_species import POKEAPI_IDS, find_pokedex, form_slug, main, species_rows
from pokegan.data.species import by_number
from pokegan.errors import PokeGANError


def pokedex_with_all_numbered_forms() -> dict:
    """As poke-env has it: named entries, and forms that point at their base species."""
    dex = {}
    for number, form in POKEAPI_IDS.values():
        base = f"Species {number}"
        dex[base] = {"name": base, "num": number, "types": ["Normal"]}
        dex[f"{base} {form}"] = {
            "name": f"{base}-{form.title()}",
            "baseSpecies": base,
            "forme": form.title(),
            "num": number,
            "types": ["Fire", "Flying"],
        }
    return dex


def test_forms_have_types_and_pokeapi_ids_of_their_own():
    rows = species_rows(pokedex_with_all_numbered_forms())
    heat = next(row for row in rows if (row["species_id"], row["form"]) == (479, "heat"))
    assert (heat["type1"], heat["type2"], heat["pokeapi_id"]) == ("fire", "flying", 10008)
    assert heat["generation"] == 4


def test_cosmetic_forms_take_after_their_species_and_fan_made_ones_are_left_out():
    dex = pokedex_with_all_numbered_forms()
    dex["deerling"] = {"name": "Deerling", "num": 585, "types": ["Normal", "Grass"]}
    dex["deerlingautumn"] = {
        "name": "Deerling-Autumn",
        "baseSpecies": "Deerling",
        "forme": "Autumn",
    }
    dex["syclant"] = {"name": "Syclant", "num": -1, "types": ["Ice", "Bug"]}
    rows = species_rows(dex)
    autumn = next(row for row in rows if row["form"] == "autumn")
    assert (autumn["species_id"], autumn["type2"]) == (585, "grass")
    assert "Syclant" not in {row["species"] for row in rows}


def test_a_missing_form_or_a_strange_type_is_an_error():
    dex = pokedex_with_all_numbered_forms()
    del dex["Species 479 heat"]
    with pytest.raises(PokeGANError, match="479"):
        species_rows(dex)
    dex = pokedex_with_all_numbered_forms()
    dex["Species 479"]["types"] = ["Sound"]
    with pytest.raises(PokeGANError, match="Species 479"):
        species_rows(dex)


def test_form_slugs():
    assert [form_slug(text) for text in ("Icy Snow", "Pa'u", "F", "10%", "Blue-Striped")] == [
        "icy-snow",
        "pau",
        "female",
        "10",
        "blue-striped",
    ]


def test_the_command_writes_the_table(tmp_path, capsys):
    folder = tmp_path / "poke_env/data/static/pokedex"
    folder.mkdir(parents=True)
    path = folder / "gen9pokedex.json"
    path.write_text(json.dumps(pokedex_with_all_numbered_forms()))
    assert find_pokedex(str(tmp_path)) == path
    main([str(tmp_path), "--out", str(tmp_path / "species.csv")])
    lines = (tmp_path / "species.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("species_id,species,form,type1,type2,generation")
    assert len(lines) == 1 + len(pokedex_with_all_numbered_forms())
    assert "rows" in capsys.readouterr().out


def test_a_folder_without_the_json_is_one_clear_line(tmp_path):
    with pytest.raises(SystemExit, match=r"gen9pokedex\.json"):
        main([str(tmp_path)])


def test_committed_table_knows_every_pokeapi_form():
    for number, form in POKEAPI_IDS.values():
        assert by_number(number, form).form == form
