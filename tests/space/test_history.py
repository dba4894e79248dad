import io
import json

import numpy as np
import pytest
from PIL import Image
from space.histories import sheet, write_log, write_timeline

PLENTY = 2**24


@pytest.fixture
def history():
    import history

    return history


def test_a_whole_folder_is_told(history, tmp_path):
    write_log(tmp_path)
    write_timeline(tmp_path)
    (tmp_path / "recipe.yaml").write_text("title: A recipe\n")
    told = history.read_history(tmp_path, "own", PLENTY)
    assert told.title == "A recipe"
    assert told.kimg == 0.64
    assert told.minutes == 4.0
    assert told.notes == ()
    assert list(told.curves) == ["loss/generator", "D(x)"]
    np.testing.assert_allclose(told.curves["loss/generator"].kimg, [0.16, 0.32, 0.48, 0.64])
    np.testing.assert_allclose(told.curves["loss/generator"].values, [2, 1.5, 1 + 1 / 3, 1.25])
    # Before the log's first line, a step lies on the way from nothing.
    assert [stage.step for stage in told.stages] == [1, 10, 20, 40]
    np.testing.assert_allclose([stage.kimg for stage in told.stages], [0.016, 0.16, 0.32, 0.64])
    np.testing.assert_allclose([stage.minutes for stage in told.stages], [0.1, 1, 2, 4])


def test_pictures_are_exact_and_have_four_sprites_a_row(history, tmp_path):
    write_timeline(tmp_path, steps=(1,))
    (stage,) = history.read_history(tmp_path, "own", PLENTY).stages
    with Image.open(io.BytesIO(stage.content)) as picture:
        shown = np.asarray(picture.convert("RGB"))
    assert stage.size == (42, 42)
    assert (stage.kimg, stage.minutes) == (None, None)
    corners = shown[2::10, 2::10][:4, :4, 0]  # red tells the sprite's number
    np.testing.assert_array_equal(corners, np.arange(16).reshape(4, 4))
    np.testing.assert_array_equal(shown[:12, :42], np.asarray(sheet("#b91c1c"))[:12, :42])


@pytest.mark.parametrize("size", [(100, 30), (7, 7), (82, 23), (3, 500)])
def test_what_is_no_sheet_stays_as_it_is(history, size):
    picture = Image.new("RGB", size, "red")
    assert history.relaid(picture) is picture


def test_the_part_that_changes_comes_first(history, tmp_path):
    assert history.parts_of(tmp_path) == []
    write_log(tmp_path / "before")
    write_timeline(tmp_path / "before")
    assert history.parts_of(tmp_path) == ["before"]
    write_log(tmp_path)
    assert history.parts_of(tmp_path) == ["before", "own"]
    write_timeline(tmp_path)
    assert history.parts_of(tmp_path) == ["own", "before"]
    write_timeline(tmp_path, colours=["#123456"])
    assert history.parts_of(tmp_path) == ["before", "own"]


DAMAGED = [
    "{",
    "[1]",
    "null",
    "[" * 5000,
    '{"kimg": 1}',
    '{"step": 1}',
    '{"step": "1", "kimg": 1}',
    '{"step": true, "kimg": 1}',
    '{"step": -1, "kimg": 1}',
    '{"step": 1, "kimg": NaN}',
    '{"step": 1, "kimg": 1' + "0" * 400 + "}",
    "x" * 50_000,
]


@pytest.mark.parametrize("line", DAMAGED)
def test_damaged_lines_are_left_out_and_counted(history, tmp_path, line):
    write_log(tmp_path)
    path = tmp_path / "training_log.jsonl"
    path.write_text(line + "\n\n" + path.read_text())
    told = history.read_history(tmp_path, "own", PLENTY)
    assert len(told.curves["D(x)"].kimg) == 4
    (note,) = told.notes
    assert "of the log cannot be read" in note


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "-1e300", "1" + "0" * 400, '"2"', "[]", "true"]
)
def test_values_that_are_no_numbers_are_left_out(history, tmp_path, value):
    log = f'{{"step": 1, "kimg": 1, "a": {value}}}\n{{"step": 2, "kimg": 2, "a": 3}}\n'
    (tmp_path / "training_log.jsonl").write_text(log)
    told = history.read_history(tmp_path, "own", PLENTY)
    assert told.curves["a"].values.tolist() == [3]


def test_bytes_that_are_no_text_are_a_damaged_line(history, tmp_path):
    (tmp_path / "training_log.jsonl").write_bytes(
        b"\xff\xfe\n" + b'{"step": 1, "kimg": 1, "a": 2}\n'
    )
    told = history.read_history(tmp_path, "own", PLENTY)
    assert told.notes == ("One line of the log cannot be read and is left out.",)
    assert told.curves["a"].smooth.tolist() == [2]


def test_a_long_log_is_averaged_down(history, tmp_path):
    write_log(
        tmp_path, steps=20_000, **{"loss/a": lambda step: step % 20 / 10, "b": lambda step: 7}
    )
    curves = history.read_history(tmp_path, "own", PLENTY).curves
    curve = curves["loss/a"]
    assert len(curve.kimg) == len(curve.values) == len(curve.smooth) == history.POINTS
    assert (np.diff(curve.kimg) > 0).all()
    assert curve.values.mean() == pytest.approx(0.5, abs=0.01)
    assert np.ptp(curve.smooth) < np.ptp(curve.values)
    np.testing.assert_allclose(curves["b"].smooth, 7)  # its ends are means as well


def test_a_huge_log_is_read_in_part(history, tmp_path, monkeypatch):
    monkeypatch.setattr(history, "MAX_LOG_BYTES", 500)
    write_log(tmp_path, steps=2000)
    told = history.read_history(tmp_path, "own", PLENTY)
    assert 0 < told.kimg < 1
    assert "only its beginning" in told.notes[-1]


def test_a_log_of_many_names_is_bounded(history, tmp_path):
    line = {"step": 1, "kimg": 1} | {f"name {number}": 1 for number in range(500)}
    (tmp_path / "training_log.jsonl").write_text(json.dumps(line))
    assert len(history.read_history(tmp_path, "own", PLENTY).curves) <= history.MAX_NAMES


def test_a_log_that_goes_back_is_put_in_order(history, tmp_path):
    steps = [30, 10, 20]
    lines = [json.dumps({"step": step, "kimg": step, "a": step}) for step in steps]
    (tmp_path / "training_log.jsonl").write_text("\n".join(lines))
    assert history.read_history(tmp_path, "own", PLENTY).curves["a"].kimg.tolist() == [10, 20, 30]


def test_damaged_pictures_are_left_out_and_counted(history, tmp_path):
    write_timeline(tmp_path)
    timeline = tmp_path / "timeline"
    (timeline / "step-00000010.png").write_bytes(b"no picture")
    whole = (timeline / "step-00000020.png").read_bytes()
    (timeline / "step-00000020.png").write_bytes(whole[: len(whole) // 2])
    (timeline / "step-00000021.png").mkdir()
    Image.new("1", (4000, 4000)).save(timeline / "step-00000022.png")
    Image.new("RGB", (8, 8)).save(timeline / "step-00000023.png", "GIF")
    (timeline / "step-x.png").write_bytes(whole)
    told = history.read_history(tmp_path, "own", PLENTY)
    assert [stage.step for stage in told.stages] == [1, 40]
    assert told.notes == ("5 pictures of the timeline cannot be read.",)


def test_pictures_stay_within_their_room(history, tmp_path):
    write_timeline(tmp_path, steps=range(1, 21))
    everything = history.read_history(tmp_path, "own", PLENTY).stages
    room = sum(len(stage.content) for stage in everything) // 2
    told = history.read_history(tmp_path, "own", room)
    some = told.stages
    assert told.notes[0].startswith(f"{len(some)} of the timeline's 20 pictures are shown")
    assert 5 < len(some) < 20
    assert (some[0].step, some[-1].step) == (1, 20)
    assert sum(len(stage.content) for stage in some) <= room
    (last,) = history.read_history(tmp_path, "own", 1).stages
    assert last.step == 20


def test_a_changed_picture_is_read_again(history, tmp_path):
    write_timeline(tmp_path, steps=(1,))
    first = history.read_history(tmp_path, "own", PLENTY).stages[0].content
    (tmp_path / "timeline" / "step-00000001.png").unlink()
    Image.new("RGB", (99, 30), "blue").save(tmp_path / "timeline" / "step-00000001.png")
    assert history.read_history(tmp_path, "own", PLENTY).stages[0].content != first


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("training_log.jsonl", True),
        ("before/recipe.yaml", True),
        ("before/timeline/step-00000001.png", True),
        ("timeline/step-1.png", True),
        ("before/run.json", True),
        ("timeline/../step-1.png", False),
        ("a/before/training_log.jsonl", False),
        ("model.safetensors", False),
        ("timeline/x.png", False),
    ],
)
def test_only_files_of_a_history_are_fetched(history, name, wanted):
    assert history.is_history_file(name) is wanted


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.01234, "0.0123"), (1.5, "1.5"), (187.2, "187"), (-0.5, "-0.5"), 
     (2e-10, "2.0e-10"), (12345.6, "12,346"), (100, "100")],
)  # fmt: skip
def test_numbers_are_short(history, value, text):
    assert history.told_number(value) == text
