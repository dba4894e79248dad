import json
import re
import subprocess
import sys

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from metric_facts import facts
from requirements import closure, package_requirements
from space.histories import write_log, write_metrics, write_timeline
from space.space_server import SPACE, copy_space, running_space, save_model, space_env

FD = "fd_efficientnet_lite0"


@pytest.fixture
def scores():
    import scores

    return scores


def rows(html):
    """Names of the models of the first table, and the values that its columns are sorted by."""
    body = re.search(r"<tbody data-models>(.*?)</tbody>", html)[1]
    found = {}
    for row in re.findall("<tr>(.*?)</tr>", body):
        name = re.search('<th scope="row">([^<]+)<', row)[1]
        cells = re.findall("<td([^>]*)>", row)
        ranks = [re.search('data-rank="([^"]+)"', cell) for cell in cells]
        found[name] = [None if rank is None else float(rank[1]) for rank in ranks]
    return found


def keys(html):
    table = html.split("</table>")[0]
    return re.findall('data-key="([^"]+)" data-better="([^"]+)"', table)


def test_the_table_ranks_models_and_marks_the_best_in_words(scores):
    known = {"good": facts(**{FD: (10.0, 0.5)}), "bad": facts(**{FD: 90.0})}
    html = scores.scores_html(known, {})
    assert list(rows(html)) == ["good", "bad"]
    assert keys(html)[:3] == [("model", "names"), ("px", "lower"), (FD, "lower")]
    assert [ranks[1] for ranks in rows(html).values()] == [-10.0, -90.0]
    assert "<strong>10.0 ± 0.5</strong> <small>best</small>" in html
    assert ">90.0 ± 0.0</td>" in html
    assert "EfficientNet-Lite0<br>N = 1500" in html
    assert '<th scope="row">real halves, N = 678</th>' in html


def test_columns_without_a_direction_are_sorted_by_value(scores):
    known = {"a": facts(), "b": facts(**{"path_length_efficientnet_lite0": 3.0})}
    further = scores.scores_html(known, {}).split("<h4>Diversity and novelty</h4>")[1]
    place = [key for key, _ in keys(further)].index("path_length_efficientnet_lite0") - 1
    assert {name: ranks[place] for name, ranks in rows(further).items()} == {"a": -5.0, "b": -3.0}


def test_a_model_without_a_value_has_no_rank(scores):
    known = {"a": facts(), "b": facts()}
    del known["b"]["metrics"]["novelty@1500"]
    html = scores.scores_html(known, {})
    place = [key for key, _ in keys(html)].index("novelty") - 1
    assert {name: ranks[place] for name, ranks in rows(html).items()} == {"a": 0.9, "b": None}


def test_nearest_to_real_sprites_ranks_first(scores):
    known = {
        name: facts(**{"diversity_efficientnet_lite0": value})
        for name, value in {"less": 8.0, "near": 15.0, "more": 20.0}.items()
    }
    html = scores.scores_html(known, {})
    place = [key for key, _ in keys(html)].index("diversity_efficientnet_lite0") - 1
    ranks = {name: ranks[place] for name, ranks in rows(html).items()}
    assert sorted(ranks, key=ranks.get) == ["less", "more", "near"]


def test_every_column_is_explained(scores):
    html = scores.scores_html({"m": facts(conditioning="group")}, {})
    meanings = dict(re.findall("<dt>([^<]+)</dt><dd>([^<]+)</dd>", html))
    assert {"FD", "KID", "CAS", "path length", "colours"} <= meanings.keys()
    assert meanings["FD"].endswith(" Lower is better.")


def test_the_protocol_is_told(scores):
    line = scores.protocol_line({"m": facts()})
    assert line == (
        "Protocol: 1500 sprites of each model for each of seeds 0, 1, seen by EfficientNet-Lite0"
        " and sprite-net, beside 1424 real sprites of gen5, split train."
    )


def test_bars_have_the_floor_as_a_line(scores):
    html = scores.scores_html({"a": facts(**{FD: 20.0}), "b": facts(**{FD: 40.0})}, {})
    panel = html.split('<figure class="pg-bars">')[1]
    assert panel.count("pg-floor pg-floor-halves") == 3  # two rows and the legend
    assert "real halves (floor) 33.6</li>" in panel


def test_models_that_were_measured_differently_are_apart(scores):
    known = {"a": facts(), "b": facts(samples=100), "c": facts()}
    assert [list(group) for group in scores.comparable(known)] == [["a", "c"], ["b"]]
    html = scores.scores_html(known, {})
    assert html.count("pg-scored") == 2
    assert "measured in different ways" in html


def test_models_that_nobody_measured_are_told_how(scores):
    html = scores.scores_html({}, {"<new>": "", "torn": "Its metrics.json is damaged."})
    assert "<strong>&lt;new&gt;</strong>: not measured yet." in html
    assert "Its metrics.json is damaged." in html
    assert "pokegan evaluate MODEL" in html
    assert "<table" not in html


def test_the_order_of_a_link_is_handed_on(scores):
    html = scores.scores_html({"m": facts()}, {}, FD, True)
    assert f'data-query="?tab=scores" data-sort="{FD}" data-reverse>' in html


def test_names_of_models_and_data_are_escaped(scores):
    evil = '<script>"'
    own = facts()
    own["protocol"]["data"] = evil
    html = scores.scores_html({evil: own, "b": facts(**{FD: 1.0})}, {})
    assert "<script" not in html


def changed(path, value):
    """The facts with another value at a path of keys."""
    own = facts(conditioning="type")
    place = own
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return own


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{" * 9999,
        "\x00",
        json.dumps({"protocol": {}, "metrics": {}}),
        json.dumps(changed(["protocol", "size"], "64")),
        json.dumps(changed(["protocol", "size"], 10**9)),
        json.dumps(changed(["protocol", "seeds"], [None])),
        json.dumps(changed(["protocol", "networks"], {})),
        json.dumps(changed(["protocol", "networks"], ["x"])),
        json.dumps(changed(["protocol", "data"], None)),
        json.dumps(changed(["types", "conditioning"], ["type"])),
        json.dumps(changed(["metrics"], {"fd_x@1": {"mean": "NaN", "deviation": None}})),
        json.dumps({"filler": "x" * 2**20} | facts()),
    ],
)
def test_a_damaged_file_is_no_measurement(scores, tmp_path, content):
    (tmp_path / "metrics.json").write_text(content)
    assert scores.clean_facts(tmp_path / "metrics.json") is None


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["metrics", f"{FD}@1500"], {"mean": float("nan"), "deviation": 0.0}),
        (["metrics", f"{FD}@1500"], {"mean": 1.0, "deviation": "much"}),
        (["metrics", f"{FD}@many"], {"mean": 1.0, "deviation": 0.0}),
        (["metrics", "novelty@1500"], {"mean": 10**400, "deviation": None}),
        (["real", "novelty"], "all"),
        (["floors", "halves"], {f"{FD}@x": 1, f"{FD}@678": None}),
        (["floors", "ceiling"], {f"{FD}@678": 1.0}),
        (["types", "conditioning"], "colour"),
    ],
)
def test_a_damaged_value_is_left_out(scores, tmp_path, path, value):
    (tmp_path / "metrics.json").write_text(json.dumps(changed(path, value)))
    own = scores.clean_facts(tmp_path / "metrics.json")
    assert own is not None
    html = scores.scores_html({"a": own, "b": facts()}, {})
    assert "nan" not in html.replace("names", "")
    json.dumps(scores.scores_json({"a": own}), allow_nan=False)


def test_values_for_programs(scores):
    told = {score["metric"]: score for score in scores.scores_json({"m": facts()})}
    assert told[f"{FD}@1500"] == {
        "model": "m", "metric": f"{FD}@1500", "mean": 100.0, "deviation": 0.0, "n": 1500,
        "network": "efficientnet-lite0", "seeds": [0, 1],
    }  # fmt: skip
    assert told["path_length_efficientnet_lite0@200"]["n"] == 200
    assert (told["colors"]["n"], told["colors"]["network"]) == (1500, None)


# ---- over the API --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    root = tmp_path_factory.mktemp("measured")
    models = copy_space(root / "space") / "models"
    for name in ("good", "bad", "new", "torn"):
        save_model(models / name)
    write_metrics(models / "good", **{FD: 10.0})
    write_metrics(models / "bad")
    (models / "torn" / "metrics.json").write_text('{"protocol": 3}')
    with running_space(root / "space", root / "log.txt") as server:
        yield Client(server.url, verbose=False)


def test_the_api_tells_every_value(client):
    told = client.predict(api_name="/scores")
    assert {score["model"] for score in told} == {"good", "bad"}
    means = {s["model"]: s["mean"] for s in told if s["metric"] == f"{FD}@1500"}
    assert means == {"good": 10.0, "bad": 100.0}


def test_the_api_tells_of_some_models(client):
    told = client.predict(models=["bad", "new"], api_name="/scores")
    assert {score["model"] for score in told} == {"bad"}
    with pytest.raises(AppError, match="models: choose among"):
        client.predict(models=["/etc"], api_name="/scores")


# ---- the Space's own packages --------------------------------------------------------------------


def test_both_tabs_need_the_requirements_alone(tmp_path):
    required = re.findall(r"^([\w-]+)", (SPACE / "requirements.txt").read_text(), re.MULTILINE)
    package = package_requirements("dependencies")
    installed = closure([*required, "gradio"])
    absent = sorted(name.replace("-", "_") for name in package.keys() - installed)
    assert {"matplotlib", "datasets"} <= set(absent)
    write_log(tmp_path)
    write_timeline(tmp_path)
    write_metrics(tmp_path)
    script = f"""
import sys
from pathlib import Path
for name in {[*absent, "sklearn", "torch_fidelity"]}:
    sys.modules[name] = None  # importing it is an ImportError now
sys.path.insert(0, {str(SPACE)!r})
import history, scores, training
folder = Path({str(tmp_path)!r})
shown = training.Shown("m", ["own"], "own", history.read_history(folder, "own", 10**6))
print(len(training.training_html([shown])) > 1000)
print(len(scores.scores_html({{"m": scores.clean_facts(folder / "metrics.json")}}, {{}})) > 1000)
"""
    result = subprocess.run(
        [sys.executable, "-c", script], env=space_env(), capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["True", "True"]
