import hashlib

import pytest

from pokegan.data import metadata
from pokegan.data.metadata import FIRST_OWN_NUMBER, parse_metadata
from pokegan.errors import PokeGANError

FILES = {"a.png": 0, "b.png": 1, "sub/c.png": 2}


def parse(text: str, name: str = "metadata.csv", files=FILES) -> dict:
    return parse_metadata(text, name, files)


def test_a_known_species_needs_no_more_than_its_name_or_number():
    sprites = parse("file_name,species\na.png,Rotom\nsub/c.png,nidoran-f\n")
    assert sprites[0].species.number == 479
    assert (sprites[0].species.type1, sprites[0].species.type2) == ("electric", "ghost")
    assert sprites[2].species.name == "Nidoran♀"
    assert parse("file_name,species_id\na.png,479\n")[0] == sprites[0]


def test_all_columns():
    header = "file_name,species,form,type1,type2,generation,game,view,shiny,gender"
    sprite = parse(f"{header}\nb.png,Rotom,heat,,,4,platinum,BACK,Yes,female\n")[1]
    assert (sprite.species.type2, sprite.species.form) == ("fire", "heat")
    assert (sprite.game, sprite.view, sprite.shiny, sprite.gender) == (
        "platinum",
        "back",
        True,
        "female",
    )
    assert sprite.species.generation == 4


def test_given_types_win_over_the_table():
    sprite = parse("file_name,species,type1\na.png,Clefairy,Normal\n")[0]
    assert (sprite.species.type1, sprite.species.type2) == ("normal", "none")


def own_numbers(text: str) -> dict[str, int]:
    sprites = parse("file_name,species,type1\n" + text).values()
    return {sprite.species.name: sprite.species.number for sprite in sprites}


def test_own_monsters_are_numbered_by_name_whatever_else_there_is():
    numbers = own_numbers("a.png,Zubber,fire\nb.png,Ablob,ice\nsub/c.png,zubber,fire\n")
    assert set(numbers) == {"Zubber", "Ablob"}
    assert all(FIRST_OWN_NUMBER <= number < 2**31 for number in numbers.values())
    digest = int(hashlib.sha256(b"zubber").hexdigest(), 16)
    assert own_numbers("a.png,Zubber,fire\n") == {"Zubber": numbers["Zubber"]}
    assert numbers["Zubber"] == FIRST_OWN_NUMBER + digest % 2**30


def test_own_monsters_of_one_hash_have_different_numbers(monkeypatch):
    monkeypatch.setattr(metadata, "OWN_NUMBERS", 1)
    numbers = own_numbers("a.png,Zubber,fire\nb.png,Ablob,ice\n")
    assert numbers == {"Ablob": FIRST_OWN_NUMBER, "Zubber": FIRST_OWN_NUMBER + 1}


@pytest.mark.parametrize("form", ["Heat", " HEAT "])
@pytest.mark.parametrize("species", ["species,form\na.png,Rotom", "species_id,form\na.png,479"])
def test_forms_are_known_in_any_case(species, form):
    assert parse(f"file_name,{species},{form}\n")[0].species.type2 == "fire"


@pytest.mark.parametrize(
    "row",
    [
        "Charizard,Mega X,,dragon",
        "Giratina,altered,,dragon",
        "Rotom,winter,electric,none",  # cosmetic: types are given
        "Unown,Q,,none",  # no form of it has types of its own
    ],
)
def test_forms_that_pass(row):
    species = parse(f"file_name,species,form,type1\na.png,{row.rsplit(',', 1)[0]}\n")[0].species
    assert species.type2 == row.rsplit(",", 1)[1]


def test_own_monsters_may_have_numbers_of_their_own():
    sprite = parse("file_name,species_id,species,type1\na.png,7,Ablob,ice\n")[0]
    assert (sprite.species.number, sprite.species.name) == (7, "Ablob")


def test_names_count_from_the_folder_of_the_csv():
    sprites = parse("file_name,species\na.png,Mew\n", "x/metadata.csv", {"a.png": 0, "x/a.png": 1})
    assert list(sprites) == [1]


def test_a_byte_order_mark_and_spaces_do_no_harm():
    assert parse("\ufefffile_name , species\n a.png , Mew \n")[0].species.number == 151


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file_name,speciess\n", r"row 1: unknown column 'speciess'; did you mean species"),
        ("file_name,view\n", "row 1: needs the columns"),
        ("species\nMew\n", "row 1: needs the columns"),
        ("file_name,species,species\n", "row 1: a column is named twice"),
        ("", "row 1: needs the columns"),
        (
            "file_name,species\na.pgn,Mew\n",
            r"row 2, file_name: no file 'a\.pgn'; did you mean a\.png",
        ),
        ("file_name,species\n,Mew\n", "row 2, file_name: no file ''"),
        ("file_name,species\n../a.png,Mew\n", r"row 2, file_name: no file '\.\./a\.png'"),
        ("file_name,species\n/a.png,Mew\n", "row 2, file_name: no file '/a.png'"),
        ("file_name,species\na.png,Mew\na.png,Mew\n", "row 3, file_name: 'a.png' is listed twice"),
        (
            "file_name,species\na.png,Mewto\n",
            "row 2, species: unknown species 'Mewto'; did you mean Mew",
        ),
        ("file_name,species\na.png,\n", "row 2, species: empty"),
        ("file_name,species_id\na.png,0\n", "row 2, species_id: '0'"),
        ("file_name,species_id\na.png,seven\n", "row 2, species_id: 'seven'"),
        ("file_name,species_id\na.png,9999\n", "row 2, species_id: unknown number 9999"),
        ("file_name,species_id,species\na.png,1,Mew\n", "row 2, species: Mew is number 151, not 1"),
        (
            "file_name,species,type1\na.png,Blob,fir\n",
            "row 2, type1: unknown value 'fir'; did you mean fire",
        ),
        (
            "file_name,species,type1,type2\na.png,Blob,fire,wotar\n",
            "row 2, type2: .*did you mean water",
        ),
        ("file_name,species,type1,type2\na.png,Blob,fire,fire\n", "row 2, type2: same as type1"),
        ("file_name,species,type1,type2\na.png,Mew,,fire\n", "row 2, type2: given without type1"),
        ("file_name,species,view\na.png,Mew,fornt\n", "row 2, view: .*did you mean front"),
        (
            "file_name,species,shiny\na.png,Mew,maybe\n",
            "row 2, shiny: unknown value 'maybe'; use one of false",
        ),
        (
            "file_name,species,form\na.png,Rotom,haet\n",
            r"row 2, form: Rotom has no form 'haet'; did you mean heat\? \(or give type1\)",
        ),
        ("file_name,species_id,form\na.png,479,lamp\n", "row 2, form: .*use one of fan, frost"),
        ("file_name,species_id\na.png," + "9" * 5000 + "\n", "row 2, species_id: '999"),
        ("file_name,species,gender\na.png,Mew,male\n", "row 2, gender: unknown value 'male'"),
        ("file_name,species,generation\na.png,Mew,500\n", "row 2, generation: '500'"),
        ("file_name,species\na.png,Mew,x\n", "row 2: more cells than columns"),
        (
            "file_name,species_id,species,type1\na.png,7,Ablob,ice\nb.png,7,Other,ice\n",
            "row 3, species_id: 7 is already 'Ablob', not 'Other'",
        ),
    ],
)
def test_bad_rows_name_row_and_field(text, message):
    with pytest.raises(PokeGANError, match=message) as caught:
        parse(text)
    assert "\n" not in str(caught.value)
