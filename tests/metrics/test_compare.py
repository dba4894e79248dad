import copy
import csv
import io
import json

import pytest
import torch
from metric_facts import NET, facts

from pokegan import PokeGANError
from pokegan.cli import main
from pokegan.metrics import evaluate
from pokegan.metrics.collect import expected_protocol
from pokegan.metrics.columns import further_columns, headline_columns
from pokegan.metrics.compare import (
    comparison_table,
    csv_text,
    further_tables,
    headline_table,
    ratings_table,
    read_facts,
)
from pokegan.models.aegan import AEGAN
from pokegan.models.caegan import CAEGAN
from pokegan.models.dcgan import DCGANGenerator

PROTOCOL = ["--features=sprite-net", "--samples=100", "--seeds=1"]
OPTIONS = ["--data=synthetic:30", *PROTOCOL]


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


# ---- evaluating and reusing ----------------------------------------------------------------------


@pytest.fixture
def evaluated(monkeypatch):
    """What is evaluated, without evaluating it: a list of models' class names."""
    seen = []

    def pretend(model, judges):
        own = facts(size=model.size, samples=judges.protocol.samples)
        own["protocol"] |= expected_protocol(judges.protocol)
        seen.append(type(model).__name__)
        return evaluate.Evaluation(own, None)

    monkeypatch.setattr(evaluate, "evaluate_model", pretend)
    return seen


@pytest.fixture
def two(tmp_path):
    """Two model folders."""
    torch.manual_seed(0)
    for name in ("one", "other"):
        DCGANGenerator(latent_dim=4, base_width=2, size=16).save_pretrained(tmp_path / name)
    return [str(tmp_path / name) for name in ("one", "other")]


@pytest.fixture
def compare(monkeypatch, tmp_path, capsys):
    """Run the command without the pictures; returns status and stderr."""
    monkeypatch.setattr("pokegan.metrics.report.write_report", lambda out, *_, **__: out)

    def run(models, *options):
        places = [f"--out={tmp_path / 'out'}", f"--ratings={tmp_path / 'ratings.json'}"]
        status = main(["compare", *models, *OPTIONS, *places, *options])
        return status, capsys.readouterr().err

    return run


def test_what_is_missing_is_evaluated_and_what_is_there_is_reused(two, compare, evaluated):
    status, told = compare(two)
    assert status == 0, told
    assert len(evaluated) == 2
    assert told.count("evaluating (no metrics.json)") == 2
    evaluated.clear()
    status, told = compare(two)
    assert status == 0
    assert evaluated == []
    assert "one: reusing" in told
    assert "other: reusing" in told


def test_refresh_evaluates_all_again(two, compare, evaluated):
    compare(two)
    evaluated.clear()
    compare(two, "--refresh")
    assert len(evaluated) == 2


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (["--samples=101"], "samples"),
        (["--seed=1"], "seeds"),
        (["--seeds=2"], "seeds"),
        (["--split=validation"], "fingerprint"),
        (["--data=synthetic:31"], "fingerprint"),
        (["--features=efficientnet-lite0,sprite-net"], "networks"),
    ],
)
def test_another_protocol_is_evaluated_again(two, compare, evaluated, options, field):
    compare(two)
    evaluated.clear()
    status, told = compare(two, *options)
    assert status == 0, told
    assert len(evaluated) == 2
    assert told.count(f"evaluating (its metrics.json is of another protocol: {field})") == 2


@pytest.mark.parametrize("field", ["version", "size", "networks"])
def test_only_the_model_that_differs_is_evaluated_again(two, compare, evaluated, tmp_path, field):
    compare(two)
    evaluated.clear()
    path = tmp_path / "other" / "metrics.json"
    content = json.loads(path.read_text())
    content["protocol"][field] = {"sprite-net": "old weights"} if field == "networks" else 0
    path.write_text(json.dumps(content))
    _, told = compare(two)
    assert len(evaluated) == 1
    assert "one: reusing" in told
    assert f"other: evaluating (its metrics.json is of another protocol: {field})" in told
    assert json.loads(path.read_text())["protocol"][field] != content["protocol"][field]


def test_a_damaged_file_is_evaluated_again(two, compare, evaluated, tmp_path):
    compare(two)
    evaluated.clear()
    (tmp_path / "one" / "metrics.json").write_text("{")
    _, told = compare(two)
    assert len(evaluated) == 1
    assert "one: evaluating (its metrics.json is damaged)" in told


def test_a_model_of_the_hub_keeps_its_numbers_in_the_report(
    two, compare, evaluated, tmp_path, monkeypatch
):
    import pokegan.hub.load as hub

    original = hub.load
    place = {"ada/remote": two[0]}
    monkeypatch.setattr(hub, "load", lambda source, **_: original(place.get(source, source)))
    for expected in (2, 0):
        evaluated.clear()
        status, told = compare(["ada/remote", two[1]])
        assert status == 0, told
        assert len(evaluated) == expected
    assert (tmp_path / "out" / "metrics" / "remote" / "metrics.json").is_file()
    assert not (tmp_path / "one" / "metrics.json").exists()


def test_each_revision_has_its_own_numbers(compare, evaluated, tmp_path, monkeypatch):
    import pokegan.hub.load as hub

    kinds = {None: DCGANGenerator, "wip/x": AEGAN}
    original = hub.load
    for kind in kinds.values():
        kind(latent_dim=4, base_width=4, size=16).save_pretrained(tmp_path / kind.__name__)
    monkeypatch.setattr(
        hub, "load", lambda _, *, revision: original(tmp_path / kinds[revision].__name__)
    )
    for options, expected in (
        ([], ["DCGANGenerator"]),
        (["--revision=wip/x"], ["AEGAN"]),
        (["--revision=wip/x"], []),
        ([], []),
    ):
        evaluated.clear()
        status, told = compare(["ada/remote"], *options)
        assert status == 0, told
        assert evaluated == expected
    table = ["compare", "ada/remote", f"--out={tmp_path / 'out'}", "--table"]
    assert main([*table, "--revision=wip/x"]) == 0
    assert main([*table, "--revision=other"]) == 2


def test_what_was_measured_is_kept_where_a_later_model_fails(
    two, compare, evaluated, tmp_path, monkeypatch
):
    pretend = evaluate.evaluate_model

    def fail(model, judges):
        if evaluated:
            raise PokeGANError("it broke")
        return pretend(model, judges)

    monkeypatch.setattr(evaluate, "evaluate_model", fail)
    status, told = compare(two)
    assert status == 2
    assert told.splitlines()[-1] == "pokegan: error: it broke"
    assert (tmp_path / "one" / "metrics.json").is_file()
    assert not (tmp_path / "other" / "metrics.json").exists()


def test_errors_are_one_line_and_come_before_the_work(two, compare, evaluated, tmp_path, capsys):
    (tmp_path / "again").mkdir()
    DCGANGenerator(latent_dim=4, base_width=2, size=16).save_pretrained(tmp_path / "again" / "one")
    (tmp_path / "empty").mkdir()
    for models, message, ratings in (
        ([two[0], str(tmp_path / "again" / "one")], "two models have the same name", None),
        ([two[0], str(tmp_path / "empty")], "config.json is missing", None),
        (two, "ratings.json: must hold questions", '{"models": []}'),
    ):
        if ratings is not None:
            (tmp_path / "ratings.json").write_text(ratings)
        status, told = compare(models)
        assert status == 2
        assert message in told
        assert len(told.splitlines()) == 1
    assert main(["compare", *two]) == 2
    assert "say with --out" in capsys.readouterr().err
    assert evaluated == []


# ---- --table -------------------------------------------------------------------------------------


def test_the_table_alone_is_printed_and_nothing_is_evaluated(two, tmp_path, capsys, evaluated):
    models = {name: facts(**{f"fd_{NET}": fd}) for name, fd in (("one", 90), ("other", 80))}
    for name, own in models.items():
        (tmp_path / name / "metrics.json").write_text(json.dumps(own))
    before = sorted(tmp_path.rglob("*"))
    assert main(["compare", *two, "--table"]) == 0
    assert capsys.readouterr().out == comparison_table(models) + "\n"
    assert evaluated == []
    assert sorted(tmp_path.rglob("*")) == before


def test_a_missing_file_is_one_line(two, tmp_path, capsys):
    (tmp_path / "one" / "metrics.json").write_text(json.dumps(facts()))
    assert main(["compare", *two, "--table"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "other/metrics.json is missing" in told.err
    assert len(told.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["a/b", "--table"], "say with --out which report holds"),
        (["--table", "--refresh"], "exclude each other"),
    ],
)
def test_unfit_options_are_one_line(two, capsys, options, message):
    assert main(["compare", two[0], *options]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert len(told.splitlines()) == 1


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


# ---- with the real judge -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A real comparison of a model folder and a run folder: the command, the report's folder and
    the numbers, as the models' files hold them."""
    place = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    paths = {"plain": place / "plain", "run": place / "run" / "model"}
    AEGAN(latent_dim=4, base_width=4, size=16).save_pretrained(paths["plain"])
    CAEGAN(latent_dim=4, base_width=4, size=16).save_pretrained(paths["run"])
    models, out = [str(place / "plain"), str(place / "run")], place / "report"
    command = ["compare", *models, "--data=synthetic:240", *PROTOCOL, f"--out={out}"]
    assert main(command) == 0
    return command, out, {name: read_facts(path / "metrics.json") for name, path in paths.items()}


def test_every_metric_of_an_evaluation_has_a_column(measured):
    """A metric that ``pokegan evaluate`` learns must not be left out of the report."""
    _, _, models = measured
    further = further_columns(models).values()
    columns = [*headline_columns(models), *(column for table in further for column in table)]
    shown = {column.metric for column in columns}
    known = {name.split("@")[0] for own in models.values() for name in own["metrics"]}
    assert known - shown == {"kid_deviation_sprite_net"}
    assert len(shown) == len(columns)


def test_the_report_holds_the_measured_numbers(measured):
    _, out, models = measured
    rows = {row["model"]: row for row in csv.DictReader((out / "metrics.csv").open())}
    for name, own in models.items():
        assert (
            float(rows[name]["fd_sprite_net@100 mean"])
            == (own["metrics"]["fd_sprite_net@100"]["mean"])
        )
    assert comparison_table(models) in (out / "report.md").read_text()


def test_what_a_real_evaluation_wrote_is_reused(measured, monkeypatch, capsys):
    command, out, models = measured
    before = (out / "metrics.csv").read_bytes()
    monkeypatch.setattr(evaluate, "evaluate_model", lambda *_: pytest.fail("evaluated again"))
    assert main(command) == 0
    assert capsys.readouterr().err.count("reusing") == len(models)
    assert (out / "metrics.csv").read_bytes() == before


def test_nothing_of_the_dataset_is_written(measured):
    _, out, _ = measured
    assert sorted(path.relative_to(out.parent).as_posix() for path in out.parent.rglob("*.*")) == [
        "plain/README.md",
        "plain/config.json",
        "plain/metrics.json",
        "plain/model.safetensors",
        "report/comparison.png",
        "report/metrics.csv",
        "report/report.html",
        "report/report.md",
        "report/samples.png",
        "report/types.png",
        "run/model/README.md",
        "run/model/config.json",
        "run/model/metrics.json",
        "run/model/model.safetensors",
    ]
