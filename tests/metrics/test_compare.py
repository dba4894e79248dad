"""Models side by side: tables, CSV and the file they are made from."""

import copy
import csv
import io
import json

import pytest
from metric_facts import NET, OTHER, facts

from pokegan import PokeGANError
from pokegan.metrics.columns import FURTHER, further_columns, headline_columns
from pokegan.metrics.compare import (
    comparison_table,
    csv_text,
    further_tables,
    headline_table,
    ratings_table,
    read_facts,
)


def bold(table, title):
    """Names of the models with a bold value in the column that starts with this title."""
    column = next(i for i, head in enumerate(table.heads) if head[0].startswith(title))
    return {row.name for row in table.rows if row.cells[column].best}


def lines_of(markdown):
    """The cells of a Markdown table's lines, head and rule included."""
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


# ---- which value is best -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "title", "values", "best"),
    [
        (f"fd_{NET}", "FD", (90, 80, 100), {"b"}),
        (f"kid_{NET}", "KID", (0.3, 0.2, 0.1), {"c"}),
        (f"precision_{NET}", "precision", (0.9, 0.5, 0.1), {"a"}),
        (f"recall_{NET}", "recall", (0.1, 0.5, 0.9), {"c"}),
        (f"coverage_{NET}", "coverage", (0.1, 0.9, 0.5), {"b"}),
        ("novelty", "novelty", (0.7, 0.98, 0.95), {"b"}),
        (f"collapse_{NET}", "collapse", (0.2, 0.002, 0.0001), {"c"}),
        # Nearest to the real sprites' 16: neither the most nor the least.
        (f"diversity_{NET}", "diversity", (4, 15, 30), {"b"}),
    ],
)
def test_the_best_is_bold_in_the_right_direction(metric, title, values, best):
    models = {n: facts(**{metric: v}) for n, v in zip("abc", values, strict=True)}
    assert bold(headline_table(models), title) == best


def test_craft_is_best_where_it_is_nearest_to_real_sprites_of_the_same_size():
    small, large = facts(colors=620), facts(size=128, colors=700)
    large["real"]["colors"] = 690
    table = further_tables({"small": small, "large": large})["Craft"]
    assert bold(table, "colours") == {"large"}


def test_a_path_length_is_neither_good_nor_bad():
    table = further_tables({"a": facts(), "b": facts(**{f"path_length_{NET}": 1})})
    assert bold(table["Diversity and novelty"], "path length") == set()


def test_what_prints_alike_is_bold_alike():
    models = {
        "a": facts(**{f"fd_{NET}": 80.01}),
        "b": facts(**{f"fd_{NET}": 79.99}),
        "c": facts(**{f"fd_{NET}": 80.2}),
    }
    assert bold(headline_table(models), "FD") == {"a", "b"}


def test_nothing_is_best_where_nothing_is_better():
    for models in ({"a": facts()}, {"a": facts(), "b": facts()}):
        assert not any(cell.best for row in headline_table(models).rows for cell in row.cells)


def test_the_only_model_with_types_is_not_the_best_of_them():
    models = {"a": facts(conditioning="group"), "b": facts()}
    assert bold(headline_table(models), "type accuracy") == set()


def test_a_further_table_holds_only_models_with_a_value_in_it():
    typed = facts(conditioning="group")
    typed["metrics"][f"type_accuracy_top3_{NET}@1500"] = {"mean": 0.6, "deviation": 0.1}
    tables = further_tables({"plain": facts(), "typed": typed})
    assert [row.name for row in tables["Types"].rows if row.is_model] == ["typed"]
    assert [row.name for row in tables["Craft"].rows if row.is_model] == ["plain", "typed"]


def test_naming_13_groups_and_18_types_are_different_columns():
    models = {
        "a": facts(conditioning="group", **{f"type_accuracy_{NET}": 0.40}),
        "b": facts(conditioning="group", **{f"type_accuracy_{NET}": 0.35}),
        "c": facts(conditioning="type", **{f"type_accuracy_{NET}": 0.30}),
        "d": facts(conditioning="type", **{f"type_accuracy_{NET}": 0.31}),
    }
    table = headline_table(models)
    heads = {head[1]: i for i, head in enumerate(table.heads) if head[0].startswith("type acc")}
    assert set(heads) == {"13 groups", "18 types"}
    best = {
        labels: [row.name for row in table.rows if row.cells[column].best]
        for labels, column in heads.items()
    }
    assert best == {"13 groups": ["a"], "18 types": ["d"]}


def test_not_a_number_is_never_the_best():
    table = headline_table({"a": facts(**{f"fd_{NET}": float("nan")}), "b": facts(), "c": facts()})
    assert bold(table, "FD") == set()
    assert [row.name for row in table.rows][-1] == "a"


# ---- the table -----------------------------------------------------------------------------------


def test_a_cell_is_mean_and_deviation_and_the_head_tells_network_and_number():
    head, _, *rows = lines_of(comparison_table({"a": facts(**{f"fd_{NET}": (123.456, 1.26)})}))
    assert head[2] == "FD ↓<br>EfficientNet-Lite0<br>N = 1500"
    assert any(cell == "FD ↓<br>sprite-net<br>N = 1500" for cell in head)
    assert rows[-1][:3] == ["`a`", "64", "123.5 ± 1.3"]


def test_one_seed_has_no_deviation():
    own = facts()
    own["protocol"]["seeds"] = [3]
    for metric in own["metrics"].values():
        metric["deviation"] = None
    text = comparison_table({"a": own})
    assert lines_of(text)[-1][2] == "100.0"
    assert "one seed (3)" in text


def test_real_sprites_and_floors_stand_on_top_and_models_by_their_distance():
    models = {
        "far": facts(),
        "near": facts(conditioning="group", **{f"fd_{NET}": 50}),
        "middle": facts(**{f"fd_{NET}": 70}),
    }
    head, _, *rows = lines_of(comparison_table(models))
    assert [row[0] for row in rows] == [
        "*real sprites*",
        "*real halves, N = 678*",
        "*real, augmented, N = 1424*",
        "*real, blurred, N = 1424*",
        "*noise, N = 1500*",
        "`near`",
        "`middle`",
        "`far`",
    ]
    assert [row[2] for row in rows[:5]] == ["–", "33.6", "7.0", "97.0", "337.0"]
    (accuracy,) = (i for i, cell in enumerate(head) if cell.startswith("type accuracy"))
    assert [rows[0][accuracy], rows[5][accuracy], rows[6][accuracy]] == [
        "0.450",
        "0.300 ± 0.000",
        "–",
    ]


def test_each_size_has_its_own_floors_and_a_note():
    text = comparison_table({"a": facts(), "b": facts(size=128)})
    rows = lines_of(text)[2:]
    halves = {row[1]: row[2] for row in rows if row[0].startswith("*real halves")}
    assert halves == {"64": "33.6", "128": "34.3"}
    assert "64 and 128 px, and each is judged at its own size" in text
    assert "judged at its own size" not in comparison_table({"a": facts(), "b": facts()})


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("version", 2),
        ("fingerprint", "abd"),
        ("split", "all"),
        ("samples", 200),
        ("seeds", [0]),
        ("networks", {"sprite-net": "bb", "efficientnet-lite0": "aa"}),  # another first one
        ("networks", {"efficientnet-lite0": "aa", "sprite-net": "cc"}),
    ],
)
def test_different_protocols_are_not_compared(field, other):
    changed = facts()
    changed["protocol"][field] = other
    with pytest.raises(PokeGANError, match=f"b and a were evaluated with different {field}"):
        comparison_table({"a": facts(), "b": changed})


def test_no_model_is_an_error():
    with pytest.raises(PokeGANError, match="no model"):
        comparison_table({})


def test_the_table_is_a_pure_function():
    models = {"a": facts(conditioning="group"), "b": facts(size=32)}
    before = copy.deepcopy(models)
    assert comparison_table(models) == comparison_table(copy.deepcopy(models))
    assert models == before


def test_a_name_cannot_break_the_table():
    head, *rows = lines_of(comparison_table({"a|b": facts()}).replace("\\|", "!"))
    assert {len(row) for row in rows} == {len(head)}
    assert rows[-1][0] == "`a!b`"


def test_ratings_are_a_table():
    ratings = {
        "a": {"colour": {"mean": 3.25, "n": 10}, "shape": {"mean": 2, "n": 9}},
        "b": {"colour": {"mean": 4.0, "n": 8}},
    }
    table = ratings_table({"real": {"colour": {"mean": 5.0, "n": 3}}, **ratings})
    assert table.rows[0].name == "real sprites"
    assert not any(cell.best for cell in table.rows.pop(0).cells)  # no model to be compared
    assert [head[0] for head in table.heads] == ["colour ↑", "shape ↑"]
    assert [cell.text for cell in table.rows[0].cells] == ["3.2 (n = 10)", "2.0 (n = 9)"]
    assert bold(table, "colour") == {"b"}
    assert bold(table, "shape") == set()  # nobody to compare with
    assert table.rows[1].cells[1].text == "–"


# ---- metrics.csv ---------------------------------------------------------------------------------


def test_the_csv_is_metrics_json_unrounded():
    models = {
        "a,1": facts(conditioning="group", **{f"fd_{NET}": (123.4567890123, 1 / 3)}),
        "b": facts(size=128),
    }
    models["b"]["metrics"]["colors"]["deviation"] = None
    rows = list(csv.DictReader(io.StringIO(csv_text(models))))
    assert [row["model"] for row in rows] == ["a,1", "b"]
    assert [row["size"] for row in rows] == ["64", "128"]
    assert [row["conditioning"] for row in rows] == ["group", ""]
    names = set(models["a,1"]["metrics"])
    assert set(rows[0]) == {"model", "size", "conditioning"} | {
        f"{name} {part}" for name in names for part in ("mean", "deviation")
    }
    for row, own in zip(rows, models.values(), strict=True):
        for name in names:
            for part in ("mean", "deviation"):
                expected = own["metrics"].get(name, {}).get(part)
                got = row[f"{name} {part}"]
                assert (float(got) if got else None) == expected, name


# ---- metrics.json --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read as JSON"),
        ("[]", "not what `pokegan evaluate` writes"),
        ('{"protocol": {}}', "not what `pokegan evaluate` writes"),
        (json.dumps(facts() | {"metrics": {"fd_x@1": 3}}), "not what `pokegan evaluate` writes"),
        (json.dumps(facts() | {"metrics": {}}), "not what `pokegan evaluate` writes"),
        (json.dumps(facts() | {"floors": [1]}), "not what `pokegan evaluate` writes"),
    ],
)
def test_a_file_of_something_else_is_one_line(tmp_path, content, message):
    (tmp_path / "metrics.json").write_text(content)
    with pytest.raises(PokeGANError, match=message):
        read_facts(tmp_path / "metrics.json")


def test_every_column_and_table_says_what_it_means():
    by_network = (
        "fd", "kid", "precision", "recall", "density", "coverage", "diversity",
        "diversity_within_types", "collapse", "type_accuracy", "type_accuracy_top3", "cas",
        "novelty", "path_length",
    )  # fmt: skip
    others = (
        "novelty", "novelty_pixels", "colors", "isolated", "sharpness", "cleanliness", "figure",
        "reconstruction_error_train", "reconstruction_error_held_out", "latent_error",
    )  # fmt: skip
    names = [*others, *(f"{name}_{net}" for name in by_network for net in (NET, OTHER))]
    own = facts(conditioning="group")
    own["metrics"] = {name: {"mean": 1.0, "deviation": None} for name in names}
    own["real"] = dict.fromkeys(names, 1.0)
    further = further_columns({"m": own})
    columns = [*headline_columns({"m": own}), *(c for table in further.values() for c in table)]
    assert further.keys() == FURTHER.keys()
    assert len(columns) > 30
    for column in columns:
        assert column.meaning[0].isupper()
        assert column.meaning.endswith(("better.", "better by itself."))
    meanings = {column.title: column.meaning for column in columns}
    assert meanings["FD"].endswith("Lower is better.")
    assert meanings["recall"].endswith("Higher is better.")
    assert meanings["colours"].endswith("Nearer to real sprites' own value is better.")
