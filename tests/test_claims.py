"""Claims are judged by what was measured."""

import json

import pytest
from claims import CLAIMS, FD, Claim, Judged, claims_table, in_words, judge_all, verdict

BETTER = Claim("b is better", "somebody", ("b", "c"), ("a",), (FD, "sharpness"))
ALIKE = Claim("b is like a", "somebody", ("b",), ("a",), (FD,), by_little=True)


@pytest.mark.parametrize(
    ("claim", "metric", "values", "holds"),
    [
        (BETTER, FD, {"a": 10.0, "b": 9.0, "c": 8.0}, True),
        (BETTER, FD, {"a": 10.0, "b": 9.0, "c": 11.0}, False),  # all must be better
        (BETTER, "sharpness", {"a": 0.1, "b": 0.2, "c": 0.3}, True),
        (BETTER, "sharpness", {"a": 0.2, "b": 0.1, "c": 0.3}, False),
        (ALIKE, FD, {"a": 10.0, "b": 9.1}, True),
        (ALIKE, FD, {"a": 8.9, "b": 10.0}, False),
    ],
)
def test_a_claim_holds_where_the_values_say_so(claim, metric, values, holds):
    assert verdict(claim, metric, values) is holds


def test_the_table_has_the_claims_whose_models_are_there(tmp_path):
    values = {"one/wgan-gp": 120.0, "other/wgan-gp-aug": 100.0, "one/aegan": 90.0}
    for folder, fd in values.items():
        metrics = {FD: {"mean": fd}, "fd_sprite_net@1500": {"mean": 5.0}}
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "metrics.json").write_text(json.dumps({"metrics": metrics}))
    assert claims_table(judge_all([tmp_path / "one", tmp_path / "other"])).splitlines()[2:] == [
        "| Augmentation helps a convolutional WGAN (Zsombor 2021) | FD, EfficientNet-Lite0 |"
        " `wgan-gp-aug` 100, `wgan-gp` 120 | yes |",
        "|  | FD, sprite-net | `wgan-gp-aug` 5, `wgan-gp` 5 | no |",
    ]


def test_a_sentence_says_by_how_many_measures_they_hold():
    found = [
        Judged(BETTER, {}, {FD: True, "sharpness": True}),
        Judged(Claim("c is", "x", (), (), ()), {}, {FD: True, "sharpness": False}),
        Judged(ALIKE, {}, {FD: False}),
    ]
    assert in_words(found) == (
        "They hold by every measure: *b is better*; by some: *c is* (FD, EfficientNet-Lite0);"
        " by none: *b is like a*.\n"
    )
    assert in_words([]) == ""


def test_every_claim_is_about_models_of_the_plan():
    from pokegan.release import PLAN, read_plan

    planned = {model.name for model in read_plan(PLAN)}
    assert all({*claim.better, *claim.others} <= planned for claim in CLAIMS)
