"""``pokegan compare`` as it is typed."""

import csv
import json

import pytest
import torch
from metric_facts import NET, facts

from pokegan import PokeGANError
from pokegan.cli import main
from pokegan.metrics import evaluate
from pokegan.metrics.collect import expected_protocol
from pokegan.metrics.columns import further_columns, headline_columns
from pokegan.metrics.compare import comparison_table, read_facts
from pokegan.models.aegan import AEGAN
from pokegan.models.caegan import CAEGAN
from pokegan.models.dcgan import DCGANGenerator

PROTOCOL = ["--features=sprite-net", "--samples=100", "--seeds=1"]
OPTIONS = ["--data=synthetic:30", *PROTOCOL]


# ---- evaluating and reusing ----------------------------------------------------------------------


@pytest.fixture
def evaluated(monkeypatch):
    """What is evaluated, without evaluating it: a list of models' class names."""
    seen = []

    def pretend(model, judges):
        own = facts(size=model.size, samples=judges.protocol.samples)
        own["protocol"] |= expected_protocol(judges.protocol)
        own["weights"] = evaluate.weights_key(model)
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
    place["ada/remote"] = two[1]  # its branch has moved
    evaluated.clear()
    _, told = compare(["ada/remote", two[1]])
    assert len(evaluated) == 1
    assert "remote: evaluating (its metrics.json is of other weights)" in told


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
