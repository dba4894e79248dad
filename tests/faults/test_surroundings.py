"""Clocks that jump, and a network that has gone away."""

from faults.runs import OPTIONS, assert_same, train

from pokegan.training.logs import read_log

YEAR = 365 * 86400.0


def test_a_jumping_wall_clock_changes_nothing(server, whole, tmp_path):
    process = train(server, tmp_path / "run", faults={"jumping_clock": (YEAR,)})
    assert process.finish() == (0, "")
    assert_same(tmp_path / "run", whole)


def test_minutes_of_training_are_no_matter_of_the_wall_clock(server, tmp_path):
    minutes = 0.01
    options = [option for option in OPTIONS if not option.startswith("--kimg=")]
    options += [f"--out={tmp_path}/run", f"--minutes={minutes}"]
    process = server.start("pokegan.training.main:main", options, faults={"jumping_clock": (YEAR,)})
    assert process.finish() == (0, "")
    seconds = [line["seconds"] for line in read_log(tmp_path / "run/logs/training_log.jsonl")]
    assert seconds == sorted(seconds)
    assert minutes * 60 <= seconds[-1] < 600  # the last step may take long on a busy machine


def test_a_run_needs_no_network(server, whole, tmp_path):
    process = train(server, tmp_path / "run", faults={"no_network": ()})
    assert process.finish() == (0, "")
    assert_same(tmp_path / "run", whole)
