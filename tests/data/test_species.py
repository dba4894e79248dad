from collections import Counter

import pytest

from pokegan.data.species import all_species, by_name, by_number, by_stem, forms_of, near_names
from pokegan.data.types import SECOND_TYPES, TYPES

FACTS = [
    # number, name, types, generation; current (generation 9) types
    (1, "Bulbasaur", ("grass", "poison"), 1),
    (6, "Charizard", ("fire", "flying"), 1),
    (25, "Pikachu", ("electric", "none"), 1),
    (29, "Nidoran♀", ("poison", "none"), 1),
    (32, "Nidoran♂", ("poison", "none"), 1),
    (35, "Clefairy", ("fairy", "none"), 1),
    (81, "Magnemite", ("electric", "steel"), 1),
    (151, "Mew", ("psychic", "none"), 1),
    (152, "Chikorita", ("grass", "none"), 2),
    (245, "Suicune", ("water", "none"), 2),
    (282, "Gardevoir", ("psychic", "fairy"), 3),
    (386, "Deoxys", ("psychic", "none"), 3),
    (439, "Mime Jr.", ("psychic", "fairy"), 4),
    (448, "Lucario", ("fighting", "steel"), 4),
    (493, "Arceus", ("normal", "none"), 4),
    (494, "Victini", ("psychic", "fire"), 5),
    (649, "Genesect", ("bug", "steel"), 5),
    (1025, "Pecharunt", ("poison", "ghost"), 9),
]


@pytest.mark.parametrize(("number", "name", "types", "generation"), FACTS)
def test_well_known_facts(number, name, types, generation):
    species = by_number(number)
    assert (species.name, (species.type1, species.type2)) == (name, types)
    assert species.generation == generation
    assert species.form == ""


def test_every_species_of_generations_1_to_5_has_one_or_two_types():
    species = {entry.number: entry for entry in all_species() if entry.number <= 649}
    assert sorted(species) == list(range(1, 650))
    for entry in species.values():
        assert entry.type1 in TYPES
        assert entry.type2 in SECOND_TYPES
        assert entry.type1 != entry.type2
    assert {entry.type1 for entry in species.values()} == set(TYPES)


def test_generations_have_their_published_sizes():
    sizes = Counter(entry.generation for entry in all_species())
    assert sizes == {1: 151, 2: 100, 3: 135, 4: 107, 5: 156, 6: 72, 7: 88, 8: 96, 9: 120}


@pytest.mark.parametrize(
    ("stem", "number", "form", "types"),
    [
        ("479-heat", 479, "heat", ("electric", "fire")),
        ("10008", 479, "heat", ("electric", "fire")),
        ("479-wash", 479, "wash", ("electric", "water")),
        ("479", 479, "", ("electric", "ghost")),
        ("493-fairy", 493, "fairy", ("fairy", "none")),
        ("493-normal", 493, "", ("normal", "none")),
        ("201-a", 201, "", ("psychic", "none")),
        ("201-question", 201, "question", ("psychic", "none")),
        ("386-normal", 386, "", ("psychic", "none")),
        ("10001", 386, "attack", ("psychic", "none")),
        ("413-trash", 413, "trash", ("bug", "steel")),
        ("414-plant", 414, "", ("bug", "flying")),
        ("487-altered", 487, "", ("ghost", "dragon")),
        ("10007", 487, "origin", ("ghost", "dragon")),
        ("492-sky", 492, "sky", ("grass", "flying")),
        ("550-red-striped", 550, "", ("water", "none")),
        ("550-blue-striped", 550, "blue-striped", ("water", "none")),
        ("555-standard", 555, "", ("fire", "none")),
        ("10017", 555, "zen", ("fire", "psychic")),
        ("641-incarnate", 641, "", ("flying", "none")),
        ("10018", 648, "pirouette", ("normal", "fighting")),
        ("649-burn", 649, "burn", ("bug", "steel")),
        ("10013", 351, "sunny", ("fire", "none")),
    ],
)
def test_file_stems_name_forms_with_their_own_types(stem, number, form, types):
    species = by_stem(stem)
    assert (species.number, species.form) == (number, form)
    assert (species.type1, species.type2) == types


def test_unlisted_forms_are_cosmetic():
    assert by_stem("25-party-hat") == by_number(25, "party-hat")
    assert by_stem("25-party-hat").type1 == "electric"


def test_unknown_numbers_and_stems_without_a_number():
    assert by_stem("9999") is None
    assert by_stem("10999") is None
    assert by_number(1026) is None
    assert by_number(0) is None
    for stem in ("substitute", "egg-manaphy", "", "0", "²"):
        with pytest.raises(ValueError, match="no species number"):
            by_stem(stem)


@pytest.mark.parametrize(
    ("text", "number"),
    [("nidoran-f", 29), ("Nidoran♂", 32), ("FARFETCHD", 83), ("mr mime", 122), ("Flabebe", 669)],
)
def test_names_are_found_without_case_accents_and_punctuation(text, number):
    assert by_name(text).number == number


def test_unknown_names_have_near_matches():
    assert by_name("Bulbasour") is None
    assert near_names("Bulbasour")[0] == "Bulbasaur"
    assert near_names("qqqqqqqq") == []


def test_forms_with_facts_of_their_own():
    assert forms_of(479) == ["fan", "frost", "heat", "mow", "wash"]
    assert forms_of(487) == ["altered", "origin"]
    assert forms_of(201) == forms_of(1) == []
