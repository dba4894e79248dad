"""The speed command: its arithmetic, and that every table comes out."""

import json
import time

import pytest
import scaling
import speed
from small_recipes import train_small
from steps import Clock
from tiny import TINY


def test_a_part_inside_another_counts_once():
    now = iter([0.0, 1.0, 3.0, 7.0, 8.0, 10.0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "perf_counter", lambda: next(now))
        clock = Clock()
        with clock.part("outer"), clock.part("inner"):  # from 1, and from 3 to 7
            pass
        clock._switch()  # outer ended at 8
    assert clock.seconds == {"rest": 3.0, "outer": 3.0, "inner": 4.0}


def test_the_time_that_values_take_to_come_is_theirs():
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        now = iter(range(100))
        patch.setattr(time, "perf_counter", lambda: float(next(now)))
        assert list(clock.through("data", "abc")) == ["a", "b", "c"]
    assert clock.seconds["data"] == 4.0  # three values and the end, a tick each


def test_the_exponent_of_a_power_law():
    sizes = [1, 10, 100]
    assert speed.exponent(sizes, [3 * size**1.5 for size in sizes]) == pytest.approx(1.5)
    assert speed.exponent(sizes, [2, 2, 2]) == pytest.approx(0)


def test_the_time_to_quality_is_read_from_what_a_training_logs(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("POKEGAN_CACHE", str(tmp_path / "cache"))
    options = [*TINY, "--data=synthetic:200", "--kimg=0.008", "--eval-kimg=0.008"]
    options += ["--eval-samples=100", "--eval-features=sprite-net"]
    runs = [str(train_small([*options, f"--seed={seed}"], tmp_path / f"{seed}")) for seed in (0, 1)]
    speed.main(["--quality", *runs, "--metric=eval/fd_sprite_net@100"])
    assert "eval/fd_sprite_net@100" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="holds no eval/fd_efficientnet_lite0@1000; was it"):
        speed.main(["--quality", *runs])


def test_minutes_until_a_run_is_better_than_another_ever_was(tmp_path):
    for log, values in (("ours/logs", [90, 59, 40]), ("dcgan", [80, 60, 70])):  # run, model
        log = tmp_path / log / "training_log.jsonl"
        log.parent.mkdir(parents=True)
        lines = [{"step": i, "seconds": 60 * i, "fd": v} for i, v in enumerate(values, 1)]
        log.write_text("".join(json.dumps(line) + "\n" for line in [{"seconds": 1}, *lines]))
    said = speed.quality(tmp_path / "ours", tmp_path / "dcgan", "fd")
    assert "best fd 60.0 after 2.0 min" in said
    assert "passes it after 2.0 min, a share of 1.000" in said
    assert "never passed" in speed.quality(tmp_path / "dcgan", tmp_path / "ours", "fd")


# test_training.py measures the training; tests/commands print what scaling says.
@pytest.mark.parametrize("section", sorted(speed.SECTIONS.keys() - {"training", "scaling"}))
def test_every_table_comes_out(section, capsys):
    speed.main([section, "--quick"])
    head, columns, *rows = capsys.readouterr().out.strip().splitlines()
    assert head == f"## {section}"
    assert len(rows) >= 1, columns


def test_what_is_learnt_is_compared(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("POKEGAN_CACHE", str(tmp_path / "cache"))
    speed.main(["--learning=0.016", "--quick"])
    _, *rows = capsys.readouterr().out.strip().splitlines()
    assert [row.split("  ")[0] for row in rows] == ["ours fp32", "ours bf16", "plain fp32"]
    assert all(float(row.split()[2]) > 0 for row in rows)


def test_the_model_of_several_processes():
    """Four processes share 8 seconds; each takes 1 alone, sends 150 bytes and waits twice."""
    step = scaling.Step(batch_size=8, shared=8.0, alone=1.0, reduced_bytes=100.0, messages=2.0)
    link = scaling.Link("slow", bytes_per_second=50.0, latency=0.5)
    assert step.seconds(1, link) == 9
    assert step.seconds(4, link) == 8 / 4 + 1 + 3 + 1
    assert step.efficiency(4, link) == pytest.approx(9 / (4 * 7))
    # The time per image tends to 1 of four processes of 1 image a second.
    good = step.good_batch(4, link)
    rates = [batch / step.seconds(4, link, batch / 8) for batch in (good // 2, good)]
    assert rates[0] < 0.9 * 4 * 8 / 9 <= rates[1]
    assert scaling.Step(8, 0.0, 1.0, 1e9, 1.0).good_batch(4, link) is None


@pytest.mark.whole_machine
def test_the_loop_itself_costs_little():
    """Checked at small sizes, where it counts most; the limit is generous."""
    seen = speed.profile(["--recipe=dcgan", "--batch-size=16"], 10)
    assert sum(seen["shares"].values()) == pytest.approx(1)
    print(f"the loop's own overhead: {100 * seen['shares']['overhead']:.1f} % of a step")
    assert seen["shares"]["overhead"] < 0.1
