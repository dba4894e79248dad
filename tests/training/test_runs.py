import json

import pytest
from model_folder import write_model_folder

from pokegan import PokeGANError
from pokegan.cli import main
from pokegan.training.runs import read_run


@pytest.fixture
def run(tmp_path):
    """A run folder of 20 steps whose critic's loss falls from -1 to -20, with two looks."""
    folder = tmp_path / "one"
    write_model_folder(folder / "model")
    lines = [
        {"step": i, "kimg": i * 0.128, "seconds": i * 0.5, "loss/critic": -i, "D(x)": 0.75}
        for i in range(1, 21)
    ]
    lines[4]["loss/generator"] = 7.0
    lines[9]["diversity"], lines[14]["diversity"] = 0.25, 0.5
    (folder / "model/training_log.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))
    return folder


def test_a_run_is_what_its_log_says(run):
    read = read_run(run)
    assert (read.name, read.recipe, read.batch_size, read.steps) == ("one", "tiny", 128, 20)
    assert read.kimg == pytest.approx(2.56)
    assert read.minutes == pytest.approx(10 / 60)
    assert read.images_per_second == pytest.approx(256)
    assert read.diversity == 0.5  # the last look, not a mean
    # The last ten lines that hold it: -11, ..., -20; the generator played once.
    assert read.final == {"loss/critic": -15.5, "D(x)": 0.75, "loss/generator": 7.0}


def test_a_model_folder_reads_like_its_run(run):
    assert read_run(run / "model").final == read_run(run).final


def test_the_table_has_a_line_for_each(run, capsys, tmp_path):
    write_model_folder(tmp_path / "other")
    assert main(["runs", str(run), str(tmp_path / "other")]) == 0
    head, one, other = capsys.readouterr().out.splitlines()
    assert head.split() == [
        "run", "batch", "steps", "kimg", "min", "img/s", "diversity", "D(x)", "D(G(z))", "losses",
    ]  # fmt: skip
    assert one.split()[:8] == ["one", "128", "20", "2.6", "0.2", "256", "0.50", "0.75"]
    assert one[head.index("losses") :] == "critic -15.5, generator 7"
    assert other.split()[0] == "other"
    assert other[head.index("losses") :] == "generator 0.65"


def test_machines_get_every_scalar(run, capsys):
    assert main(["runs", "--json", str(run)]) == 0
    (read,) = json.loads(capsys.readouterr().out)
    assert read["final"]["D(x)"] == 0.75
    assert read["images_per_second"] == pytest.approx(256)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("recipe.yaml", "name: ["),
        ("recipe.yaml", "[]"),
        ("recipe.yaml", "name: a"),
        ("training_log.jsonl", ""),
        ("training_log.jsonl", "[]"),
        ("training_log.jsonl", '{"step": 1}'),
    ],
)
def test_a_folder_without_a_training_is_one_line(run, file, content):
    (run / "model" / file).write_text(content)
    with pytest.raises(PokeGANError, match=file) as caught:
        read_run(run)
    assert len(str(caught.value).splitlines()) == 1


def test_a_missing_folder_is_named(tmp_path, capsys):
    assert main(["runs", str(tmp_path / "none")]) == 2
    assert "none" in capsys.readouterr().err
