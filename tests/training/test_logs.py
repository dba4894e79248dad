import io
import json

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from pokegan.training.logs import Progress, RunLog, duration, plot_log, read_log


def write(folder, steps, start=0):
    log = RunLog(folder, start)
    for step in steps:
        log.write(step, step / 10, step * 2.0, {"loss/generator": 1 / step, "D(x)": 0.5})
    log.close()
    return log.path


def test_lines_are_read_back(tmp_path):
    assert read_log(write(tmp_path, [1, 2])) == [
        {"step": 1, "kimg": 0.1, "seconds": 2.0, "loss/generator": 1.0, "D(x)": 0.5},
        {"step": 2, "kimg": 0.2, "seconds": 4.0, "loss/generator": 0.5, "D(x)": 0.5},
    ]


def test_a_resumed_log_reads_like_an_uninterrupted_one(tmp_path):
    write(tmp_path / "a", range(1, 8))  # steps 6 and 7 are after the checkpoint of step 5
    resumed = write(tmp_path / "a", range(6, 11), start=5)
    assert read_log(resumed) == read_log(write(tmp_path / "b", range(1, 11)))


def test_a_line_that_a_crash_cut_short_is_left_out(tmp_path):
    path = write(tmp_path, [1, 2])
    path.write_text(path.read_text()[:-20])
    assert [line["step"] for line in read_log(path)] == [1]


def test_tensorboard_shows_the_same_scalars(tmp_path):
    write(tmp_path, range(1, 8))
    write(tmp_path, range(6, 11), start=5)
    board = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    events = [(event.step, event.value) for event in board.Scalars("loss/generator")]
    assert events == [(step, pytest.approx(1 / step)) for step in range(1, 11)]


def test_tensorboard_shows_pictures(tmp_path):
    log = RunLog(tmp_path, 0)
    log.picture(4, Image.new("RGB", (5, 3), (10, 20, 30)))
    log.close()
    board = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    (shown,) = board.Images("samples")
    picture = Image.open(io.BytesIO(shown.encoded_image_string))
    assert (shown.step, picture.size, picture.getpixel((2, 1))) == (4, (5, 3), (10, 20, 30))


def test_plots_are_pictures_of_losses_and_probabilities(tmp_path):
    written = plot_log(write(tmp_path, range(1, 5)), tmp_path)
    assert [path.name for path in written] == ["losses.png", "discriminator.png"]
    assert all(min(Image.open(path).size) > 200 for path in written)


def test_what_is_measured_now_and_then_is_plotted_where_it_was(tmp_path):
    lines = [{"step": step, "kimg": step, "seconds": step} for step in range(1, 9)]
    for line in lines[3::4]:
        line |= {"diversity": 0.8, "saturation": 0.3}
    (tmp_path / "log").write_text("".join(json.dumps(line) + "\n" for line in lines))
    written = plot_log(tmp_path / "log", tmp_path)
    assert [path.name for path in written] == ["diversity.png", "saturation.png"]
    assert all(min(Image.open(path).size) > 200 for path in written)


def test_an_empty_log_has_no_plots(tmp_path):
    assert plot_log(write(tmp_path, []), tmp_path) == []


def test_scalars_of_other_names_do_not_disturb_plots(tmp_path):
    (tmp_path / "log").write_text(json.dumps({"step": 1, "kimg": 1, "seconds": 1, "other": 2}))
    assert plot_log(tmp_path / "log", tmp_path) == []


def test_progress_tells_speed_and_time_left(capsys):
    progress = Progress(start=0, total=1000, batch_size=10, minutes=None)
    progress.report(10, 5.0, {"loss": 0.25})
    progress.report(20, 10.0, {"loss": 0.5})
    progress.close()
    last = capsys.readouterr().out.splitlines()[-1]
    assert "step 20  kimg 0.2/1.0  loss 0.500" in last
    assert "(20 img/s, 40 s left)" in last


def test_progress_by_minutes(capsys):
    progress = Progress(start=0, total=None, batch_size=10, minutes=10)
    progress.report(10, 60.0, {})
    assert "9 min left" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (-3, "0 s"), (89, "89 s"), (90, "2 min"), (5000, "83 min"), (12000, "3 h 20 min")],
)
def test_durations_for_people(seconds, text):
    assert duration(seconds) == text
