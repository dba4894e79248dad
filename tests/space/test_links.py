from urllib.parse import parse_qsl

import pytest


@pytest.fixture
def links():
    import links

    return links


def params(query):
    return dict(parse_qsl(query.removeprefix("?")))


def test_a_link_holds_what_is_not_default(links):
    query = links.query_of(
        "compare", models=["ada/m", "b c"], type="", seed="0", shiny=False, t=0.5
    )
    assert query == "?tab=compare&models=ada/m,b+c&seed=0&t=0.5"
    assert params(query)["models"] == "ada/m,b c"


def test_names_in_a_link_are_known_ones_once(links):
    def names(text):
        return links.names_in({"models": text}, "models", ["a", "b", "c"], ["c"])

    assert names("b,a,b") == ["b", "a"]
    assert names("x,../a,<b>") == ["c"]
    assert names("") == ["c"]
    assert links.names_in({}, "models", ["a"], ["a"]) == ["a"]


@pytest.mark.parametrize(
    ("text", "value"),
    [("7", 7), ("-5", 0), ("99", 64), ("", 3), ("x", 3), ("1e3", 3), ("٣", 3), ("9" * 5000, 3)],
)
def test_whole_numbers_of_a_link_are_brought_into_range(links, text, value):
    assert links.whole_in({"n": text}, "n", 0, 64, 3) == value


@pytest.mark.parametrize(
    ("text", "value"), [("0.5", 0.5), ("-1", 0), ("inf", 2), ("nan", 1), ("", 1), ("<b>", 1)]
)
def test_numbers_of_a_link_are_brought_into_range(links, text, value):
    assert links.number_in({"t": text}, "t", 0, 2, 1) == value


def test_choices_and_flags_of_a_link(links):
    assert links.one_of({"type": "fire"}, "type", ["fire"], "") == "fire"
    assert links.one_of({"type": "light"}, "type", ["fire"], "") == ""
    assert links.flag_in({"shiny": "1"}, "shiny")
    assert not links.flag_in({"shiny": "0"}, "shiny")
    assert not links.flag_in({}, "shiny")
