"""README's commands that measure, compare and list."""

import json

from commands.declared import QUICK, README, assert_installed, covers, executes, executes_in_turn

from pokegan.metrics.features import NETWORKS


@executes_in_turn(
    "pip install -e '.[metrics]'",
    "pokegan evaluate runs/dcgan",
    "pokegan compare runs/dcgan runs/aegan --out report",
)
def test_runs_are_measured_and_compared(shell, commands, runs):
    install, evaluate, compare = commands
    assert_installed(install)
    assert "fd_sprite_net@100" in shell(evaluate, QUICK).stdout
    facts = json.loads((runs / "dcgan/model/metrics.json").read_text())
    assert facts["protocol"]["data"] == "gen5"
    done = shell(compare, QUICK)
    assert "dcgan: reusing" in done.stderr
    assert "aegan" in (shell.folder / "report/report.html").read_text()


@executes("pokegan rate runs/dcgan runs/aegan")
def test_runs_are_rated(shell, command, runs):
    with shell.serving(command, "Rate on ", "--no-browser --per-type 2"):
        pass


@covers("--features inception")
def test_inception_is_known(shell, runs):
    """Its weights would have to be fetched, so the samples are refused first."""
    said = shell("pokegan evaluate runs/dcgan --features inception", "--samples 1", status=2).stderr
    assert "--samples must be at least" in said
    assert "inception" in NETWORKS


@executes("pokegan compare space/models/* --table")
def test_the_table_of_measures_is_printed(shell, command):
    assert shell(command).stdout in README.read_text(encoding="utf-8")


@executes("pokegan release --dry-run")
@covers("pokegan release")
def test_the_plan_of_the_release_is_told(shell, command):
    told = shell(command, "--data synthetic:240").stdout
    assert "\ndcgan: " in f"\n{told}"
    assert "  train.py --recipe=dcgan --minutes=30 --clock=cpu" in told


@executes("python tests/claims.py")
def test_claims_are_judged_by_the_released_metrics(shell, command):
    assert f"<!-- claims -->\n{shell(command).stdout}<!-- end -->" in README.read_text("utf-8")


@executes("pokegan recipes")
def test_recipes_are_listed(shell, command):
    listed, _, _ = shell(command).stdout.partition("\n\n")
    assert f"```\n{listed}\n```" in README.read_text(encoding="utf-8")
