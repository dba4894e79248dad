import pytest
from sprite_tree import ANIMATED, gen5_tree, gen34_tree, write_folder, write_tgz

from pokegan.data.options import BuildOptions
from pokegan.data.plan import make_plan
from pokegan.data.sources import MAX_FILE_BYTES, Entry, Source, open_source
from pokegan.errors import PokeGANError


def planned(names, options=None, path="/nowhere"):
    """A plan made from names alone: planning reads no images."""
    from pathlib import Path

    entries = tuple(Entry(name, 100) for name in names)
    return make_plan(Source("src", Path(path), "tgz", entries), options or BuildOptions())


def sources(plan) -> set[str]:
    return {sprite.source.removeprefix(ANIMATED + "/") for sprite in plan.sprites.values()}


def test_views_shiny_and_games_filter():
    tree = gen5_tree()
    fronts = planned(tree)
    assert not any("back" in name for name in sources(fronts))
    assert any("shiny" in name for name in sources(fronts))
    both = planned(tree, BuildOptions(views=("front", "back")))
    assert sources(both) - sources(fronts) == {"back/1.gif", "back/shiny/1.gif"}
    assert all("shiny" in name for name in sources(planned(tree, BuildOptions(shiny="only"))))
    assert not any("shiny" in name for name in sources(planned(tree, BuildOptions(shiny="normal"))))


def test_games_of_generations_3_and_4_are_read_and_1_and_2_only_when_transparent():
    plan = planned(gen34_tree(), BuildOptions(views=("front", "back")))
    games = {sprite.game for sprite in plan.sprites.values()}
    assert games == {
        *("emerald", "firered-leafgreen", "ruby-sapphire"),
        *("diamond-pearl", "heartgold-soulsilver", "platinum", "red-blue", "crystal"),
    }
    assert len(plan.sprites) == 13
    assert plan.ignored["opaque background (generations 1 and 2)"] == 2
    assert plan.ignored["unused variant folder: gray"] == 1
    assert plan.ignored["icon"] == 1
    emerald = planned(gen34_tree(), BuildOptions(games=("emerald",)))
    assert len(emerald.sprites) == 2


def test_an_unknown_game_names_near_matches():
    with pytest.raises(PokeGANError, match="no game 'emrald'; did you mean emerald"):
        planned(gen34_tree(), BuildOptions(games=("emrald",)))


def test_two_files_of_one_sprite_count_once_and_the_speaking_name_stays():
    plan = planned(gen5_tree(), BuildOptions(max_forms=None))
    assert {"386-attack.gif", "201.gif", "479-heat.gif", "10009.gif"} <= sources(plan)
    assert not {"10001.gif", "201-a.gif"} & sources(plan)
    assert plan.ignored["duplicate"] == 4  # two pairs in two colours


def test_the_animated_copy_is_preferred():
    base = "sprites/pokemon/versions/generation-v/black-white"
    plan = planned([f"{base}/1.png", f"{base}/animated/1.gif", f"{base}/2.png"])
    assert sources(plan) == {"1.gif", f"{base}/2.png"}
    assert plan.ignored["static copy of an animated sprite"] == 1


def test_forms_are_capped_with_the_default_first():
    plan = planned(gen5_tree(), BuildOptions(shiny="normal", max_forms=4))
    unown = sorted(s.species.form for s in plan.sprites.values() if s.species.number == 201)
    assert unown == ["", "g", "n", "t"]  # every 26/4th of "", b, c ... z
    assert plan.ignored["over the limit of forms"] == 22
    one = planned(gen5_tree(), BuildOptions(shiny="normal", max_forms=1))
    assert all(sprite.variant == ("", "") for sprite in one.sprites.values())
    everything = planned(gen5_tree(), BuildOptions(shiny="normal", max_forms=None))
    assert sum(s.species.number == 201 for s in everything.sprites.values()) == 26


def test_females_count_as_a_variant():
    plan = planned(gen5_tree(), BuildOptions(max_forms=2))
    pikachu = [s.variant for s in plan.sprites.values() if s.species.number == 25]
    assert sorted(pikachu) == [("", "")] * 2 + [("", "female")] * 2


def test_unknown_numbers_are_rejected_and_substitutes_are_not():
    plan = planned([*gen5_tree(), f"{ANIMATED}/9999.gif"])
    assert plan.rejected == [(f"{ANIMATED}/9999.gif", "unknown species number 9999")]
    assert plan.ignored["no species"] == 1


def test_unknown_numbers_that_nobody_asked_for_are_not_rejected():
    others = ["generation-vi/x-y/10033.png", f"{ANIMATED}/back/9999.gif", f"{ANIMATED}/9998.gif"]
    plan = planned([*gen5_tree(), *others], BuildOptions(games=("black-white",)))
    assert plan.rejected == [(f"{ANIMATED}/9998.gif", "unknown species number 9998")]


def test_an_oversized_file_is_rejected_unread():
    from pathlib import Path

    entries = (Entry(f"{ANIMATED}/1.gif", 100), Entry(f"{ANIMATED}/4.gif", MAX_FILE_BYTES + 1))
    plan = make_plan(Source("src", Path("/nowhere"), "tgz", entries), BuildOptions())
    assert plan.rejected == [(f"{ANIMATED}/4.gif", "larger than 16 MiB")]
    assert list(plan.sprites) == [0]


def test_an_empty_source_says_what_was_found_and_expected():
    with pytest.raises(PokeGANError, match=r"no sprites found among 0 files; expected"):
        planned([])
    with pytest.raises(PokeGANError, match=r"among 2 files \(2 outside the .* layout\)"):
        planned(["a.png", "b.png"])


def test_filters_that_leave_nothing_say_what_there_is():
    backs = [f"{ANIMATED}/back/1.gif", f"{ANIMATED}/back/4.gif"]
    with pytest.raises(
        PokeGANError, match=r"\(views front, shiny both\); found 2 back of black-white"
    ):
        planned(backs)


@pytest.mark.parametrize("inside", ["", "versions", "versions/generation-v/black-white/animated"])
def test_a_folder_inside_the_layout_works(tmp_path, inside):
    write_folder(tmp_path, gen5_tree())
    folder = tmp_path / "sprites/pokemon" / inside
    plan = make_plan(open_source(str(folder)), BuildOptions())
    assert len(plan.sprites) == len(planned(gen5_tree()).sprites)


def test_metadata_in_an_archive_with_a_prefix(tmp_path):
    files = {
        "top/metadata.csv": b"file_name,species\na.png,Mew\n",
        "top/a.png": b"",
        "top/b.png": b"",
    }
    plan = make_plan(open_source(str(write_tgz(tmp_path / "a.tgz", files))), BuildOptions())
    assert [sprite.species.name for sprite in plan.sprites.values()] == ["Mew"]


def test_bad_metadata_names_the_source(tmp_path):
    write_folder(tmp_path, {"metadata.csv": b"file_name,species\n\xff\xfe,Mew\n"})
    with pytest.raises(PokeGANError, match=rf"{tmp_path}: metadata.csv, row 2: not UTF-8"):
        make_plan(open_source(str(tmp_path)), BuildOptions())
    write_folder(tmp_path, {"metadata.csv": b"file_name,species\n"})
    with pytest.raises(PokeGANError, match="has no rows"):
        make_plan(open_source(str(tmp_path)), BuildOptions())


@pytest.mark.parametrize("name", ["1\udcff.gif", "1-a\nb.gif"])
def test_names_that_are_no_plain_text_are_rejected(name):
    name = f"{ANIMATED}/{name.replace('1', '1-x')}"
    plan = planned([name, f"{ANIMATED}/4.gif"])
    assert plan.rejected == [(name, "the file name is not plain text; rename it")]
    assert sources(plan) == {"4.gif"}


def test_images_that_metadata_does_not_list_are_counted(tmp_path):
    files = {"metadata.csv": b"file_name,species\na.png,Mew\n"}
    files |= dict.fromkeys(["a.png", "b.png", "sub/c.JPG", "notes.txt", "sub/._b.png"], b"")
    plan = make_plan(open_source(str(write_folder(tmp_path, files))), BuildOptions())
    assert plan.ignored == {"not listed in metadata.csv": 2}
