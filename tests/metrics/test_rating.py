import fcntl
import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from pokegan import PokeGANError
from pokegan.metrics import rating
from pokegan.metrics.rating import (
    NAMES,
    REAL,
    UNTYPED_SHEETS,
    Ratings,
    Setup,
    Sheet,
    control_rows,
    overall,
    plan_sheets,
    preferred_to_real,
    summarise,
)

GROUPS = ("fire", "water-ice", "grass")
LABELS = {"plain": (None,), "typed": GROUPS, "other": GROUPS}
AVAILABLE = {None: 300, "fire": 80, "water-ice": 120, "grass": 4}
SETUP = Setup(0, "gen5", "0123", 10, {"plain": "aa", "typed": "bb", "other": "cc"})
FULL = {"colour": 4, "shape": 3, "detail": 5, "diversity": 1}


def plan(labels=LABELS, available=AVAILABLE, per_sheet=10, seed=0):
    return plan_sheets(labels, available, per_sheet, seed)


# ---- the plan -----------------------------------------------------------------------------------


def test_each_model_and_the_controls_get_their_sheets():
    sheets = plan()
    assert Counter(sheet.model for sheet in sheets) == {
        "plain": UNTYPED_SHEETS,
        "typed": 3,
        "other": 3,
        REAL: UNTYPED_SHEETS + 3,
    }
    assert len(set(sheets)) == len(sheets)
    for model in ("typed", "other"):
        assert {sheet.type for sheet in sheets if sheet.model == model} == set(GROUPS)
    assert sorted(s.part for s in sheets if s.model == "plain") == list(range(UNTYPED_SHEETS))


def test_the_number_of_sprites_does_not_give_the_controls_away():
    for sheet in plan():
        assert sheet.count == min(10, AVAILABLE[sheet.type])
    # Of 25 sprites, the third sheet holds five, whoever drew them.
    counts = Counter((s.model, s.part, s.count) for s in plan({"plain": (None,)}, {None: 25}))
    assert {(part, count) for _, part, count in counts} == {(0, 10), (1, 10), (2, 5)}


def test_a_type_without_controls_is_left_out():
    sheets = plan(available=AVAILABLE | {"grass": 0})
    assert {sheet.type for sheet in sheets} == {None, "fire", "water-ice"}


def test_the_order_is_the_seeds_alone():
    assert plan() == plan()
    assert plan(dict(reversed(LABELS.items()))) == plan()
    assert plan(seed=1) != plan()
    assert set(plan(seed=1)) == set(plan())


def test_another_model_leaves_the_others_in_their_order():
    fewer = plan({name: own for name, own in LABELS.items() if name != "other"})
    assert [sheet for sheet in plan() if sheet.model != "other"] == fewer


def test_sheets_are_well_mixed():
    """Over many seeds, each maker's sheets stand in the middle on average."""
    places = {model: [] for model in [*LABELS, REAL]}
    for seed in range(300):
        for place, sheet in enumerate(plan(seed=seed)):
            places[sheet.model].append(place / (len(plan()) - 1))
    for model, own in places.items():
        assert sum(own) / len(own) == pytest.approx(0.5, abs=0.04), model


def test_groups_and_types_of_one_name_share_their_controls():
    sheets = plan({"a": ("fire", "dark-ghost"), "b": ("fire", "dark")}, Counter(fire=20, dark=9))
    assert [s.type for s in sheets if s.model == REAL and s.type == "fire"] == ["fire"]


# ---- controls -----------------------------------------------------------------------------------


def test_controls_prefer_the_first_type_and_new_species():
    labels = [("fire",), ("fire",), ("fire", "dragon"), ("water", "fire"), ("grass",)]
    species = [1, 1, 2, 3, 4]
    for seed in range(20):
        rows = control_rows(labels, species, "fire", seed)
        assert sorted(rows) == [0, 1, 2, 3]
        assert {species[row] for row in rows[:2]} == {1, 2}
        assert rows[-1] == 3  # fire is only its second type


def test_controls_of_no_type_are_all_sprites_each_species_once_at_first():
    labels, species = [("fire",)] * 30, [row // 3 for row in range(30)]
    rows = control_rows(labels, species, None, seed=0)
    assert sorted(rows) == list(range(30))
    assert {species[row] for row in rows[:10]} == set(range(10))
    assert rows == control_rows(labels, species, None, seed=0)
    assert rows != control_rows(labels, species, None, seed=1)


# ---- means --------------------------------------------------------------------------------------

PAIR = [Sheet("a", None, 0, 10), Sheet("a", None, 1, 10), Sheet(REAL, None, 0, 10)]


def test_means_are_over_the_marks_that_were_given():
    summary = summarise(PAIR, [FULL, {"colour": 1}, {}])
    assert list(summary) == ["a", REAL]
    assert summary["a"]["colour"] == {"mean": 2.5, "n": 2}
    assert summary["a"]["detail"] == {"mean": 5, "n": 1}
    assert summary[REAL]["colour"] == {"mean": None, "n": 0}
    assert overall(summary["a"]) == pytest.approx((2.5 + 3 + 5 + 1) / 4)
    assert overall(summary[REAL]) is None


@pytest.mark.parametrize(
    ("real", "expected"),
    [({}, []), (dict.fromkeys(NAMES, 2), ["a"]), (dict.fromkeys(NAMES, 5), []), (FULL, [])],
)
def test_generated_sprites_above_real_ones_are_named(real, expected):
    assert preferred_to_real(summarise(PAIR, [FULL, {}, real])) == expected


# ---- the file -----------------------------------------------------------------------------------


def begin(path, sheets=None, setup=SETUP):
    return Ratings(path, plan() if sheets is None else sheets, setup)


def test_the_file_says_everything(tmp_path):
    ratings = begin(tmp_path / "new" / "ratings.json")
    ratings.mark(2, FULL)
    ratings.mark(1, {"shape": 2})
    content = json.loads((tmp_path / "new" / "ratings.json").read_text())
    assert content["version"] == 1
    assert content["questions"] == ["colour", "shape", "detail", "diversity"]
    assert (content["seed"], content["data"]) == (0, "gen5")
    assert content["marks"] == [
        {"sheet": k, "model": plan()[k - 1].model, "type": plan()[k - 1].type, "marks": marks}
        for k, marks in [(1, {"shape": 2}), (2, FULL)]
    ]
    assert content["models"] == ratings.summary()
    assert list(content["models"]) == ["other", "plain", "typed", REAL]


def test_every_mark_is_there_after_a_restart(tmp_path):
    path = tmp_path / "ratings.json"
    begin(path).mark(1, FULL)
    begin(path).mark(2, {"colour": 5})
    ratings = begin(path)
    ratings.mark(2, {"colour": 2, "shape": 2})
    again = begin(path)
    assert again.marks_of(1) == FULL
    assert again.marks_of(2) == {"colour": 2, "shape": 2}
    assert (again.first_open(), again.marked()) == (2, 1)
    for number in range(2, len(plan()) + 1):
        again.mark(number, FULL)
    assert (begin(path).first_open(), begin(path).marked()) == (None, len(plan()))


def test_two_that_are_open_at_once_keep_each_others_marks(tmp_path):
    path = tmp_path / "ratings.json"
    one, other = begin(path), begin(path)
    one.mark(1, FULL)
    other.mark(2, {"colour": 5})
    one.mark(2, {"shape": 1})
    other.mark(1, {"colour": 1})
    assert other.marks_of(1) == begin(path).marks_of(1) == FULL | {"colour": 1}
    assert other.marks_of(2) == begin(path).marks_of(2) == {"colour": 5, "shape": 1}
    begin(path)  # opening another takes nothing away
    assert json.loads(path.read_text())["models"] == other.summary()


def test_marks_at_the_same_moment_are_all_kept(tmp_path):
    path, sheets = tmp_path / "ratings.json", range(1, len(plan()) + 1)
    start = threading.Barrier(len(NAMES), timeout=60)

    def rate(question):
        ratings = begin(path)
        start.wait()
        for number in sheets:
            ratings.mark(number, {question: FULL[question]})

    with ThreadPoolExecutor(len(NAMES)) as pool:
        list(pool.map(rate, NAMES))
    assert [begin(path).marks_of(number) for number in sheets] == [FULL] * len(sheets)


def test_a_file_that_was_replaced_meanwhile_is_left_alone(tmp_path):
    path = tmp_path / "ratings.json"
    ratings = begin(path)
    path.unlink()
    begin(path, setup=Setup(**(vars(SETUP) | {"seed": 1}))).mark(1, {"colour": 2})
    before = path.read_bytes()
    with pytest.raises(PokeGANError, match="was begun with --seed 1, not 0"):
        ratings.mark(1, FULL)
    assert path.read_bytes() == before
    path.unlink()
    ratings.mark(2, FULL)
    assert begin(path).marks_of(2) == FULL


def test_a_lock_that_is_never_released_is_one_line(tmp_path, monkeypatch):
    ratings = begin(tmp_path / "ratings.json")
    monkeypatch.setattr(rating, "LOCK_SECONDS", 0.1)
    with (tmp_path / ".ratings.json.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(
            PokeGANError, match=r"ratings\.json: cannot be written \(.* lock "
        ) as it:
            ratings.mark(1, FULL)
        assert "\n" not in str(it.value)
    ratings.mark(1, FULL)
    assert begin(tmp_path / "ratings.json").marks_of(1) == FULL


def test_models_in_another_order_go_on(tmp_path):
    path = tmp_path / "ratings.json"
    begin(path).mark(3, FULL)
    weights = dict(reversed(SETUP.weights.items()))
    setup = Setup(SETUP.seed, SETUP.data, SETUP.fingerprint, SETUP.per_sheet, weights)
    assert begin(path, setup=setup).marks_of(3) == FULL


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"weights": {"plain": "aa"}},
            "was begun with the models other, plain, typed, not plain",
        ),
        ({"seed": 1}, "was begun with --seed 0, not 1"),
        ({"data": "synthetic"}, "was begun with --data gen5, not synthetic"),
        ({"per_sheet": 8}, "was begun with --per-type 10, not 8"),
        ({"fingerprint": "4567"}, "the sprites of gen5 have changed since"),
        ({"weights": SETUP.weights | {"typed": "dd"}}, "the weights of typed have changed since"),
    ],
)
def test_a_file_of_others_is_refused_in_one_line_and_left_alone(tmp_path, change, message):
    path = tmp_path / "ratings.json"
    begin(path).mark(1, FULL)
    before = path.read_bytes()
    with pytest.raises(PokeGANError) as caught:
        begin(path, setup=Setup(**(vars(SETUP) | change)))
    assert str(caught.value) == (
        f"{path}: {message}; go on with what it was begun with, or choose another --out"
    )
    assert path.read_bytes() == before


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"version": 2}', '{"version": 1}', "\0"])
def test_what_is_no_file_of_ratings_is_refused(tmp_path, text):
    path = tmp_path / "ratings.json"
    path.write_text(text)
    with pytest.raises(PokeGANError, match=r"^[^\n]*ratings\.json: (cannot be read|holds no)"):
        begin(path)
    assert path.read_text() == text


FIRST = plan()[0]


@pytest.mark.parametrize(
    "entry",
    [
        None,
        "x",
        {},
        {"sheet": 0, "model": FIRST.model, "type": FIRST.type, "marks": FULL},
        {"sheet": 99, "model": FIRST.model, "type": FIRST.type, "marks": FULL},
        {"sheet": True, "model": FIRST.model, "type": FIRST.type, "marks": FULL},
        {"sheet": 1, "model": "nobody", "type": FIRST.type, "marks": FULL},
        {"sheet": 1, "model": FIRST.model, "type": "light", "marks": FULL},
        {"sheet": 1, "model": FIRST.model, "type": FIRST.type, "marks": {"colour": 6}},
        {"sheet": 1, "model": FIRST.model, "type": FIRST.type, "marks": {"colour": True}},
        {"sheet": 1, "model": FIRST.model, "type": FIRST.type, "marks": {"taste": 1}},
        {"sheet": 1, "model": FIRST.model, "type": FIRST.type, "marks": None},
    ],
)
def test_edited_marks_are_refused(tmp_path, entry):
    path = tmp_path / "ratings.json"
    begin(path).mark(1, FULL)
    content = json.loads(path.read_text())
    content["marks"] = [entry]
    path.write_text(json.dumps(content))
    with pytest.raises(PokeGANError, match=r"the marks of sheet .* do not fit; was the file"):
        begin(path)


@pytest.mark.parametrize(
    ("number", "marks"),
    [(0, FULL), (16, FULL), (1, {"colour": 0}), (1, {"colour": 6}), (1, {"taste": 3})],
)
def test_impossible_marks_are_refused(tmp_path, number, marks):
    ratings = begin(tmp_path / "ratings.json")
    assert len(ratings.sheets) == 15
    with pytest.raises(PokeGANError, match=r"there is no sheet|marks are whole numbers"):
        ratings.mark(number, marks)
    assert ratings.marked() == 0


def test_a_full_disk_is_one_line_and_no_mark_is_pretended(tmp_path, monkeypatch):
    path = tmp_path / "ratings.json"
    ratings = begin(path)
    ratings.mark(1, {"colour": 2})
    before = path.read_bytes()

    def full(path, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(rating, "write_atomically", full)
    with pytest.raises(PokeGANError, match=r"ratings\.json: cannot be written \(No space left"):
        ratings.mark(1, FULL)
    assert ratings.marks_of(1) == {"colour": 2}
    assert path.read_bytes() == before
