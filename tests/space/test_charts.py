import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest


@pytest.fixture
def charts():
    import charts

    return charts


@pytest.fixture
def curve():
    from history import _curve

    return lambda values: _curve(np.column_stack([np.arange(1, len(values) + 1), values]))


def parsed(html):
    return ElementTree.fromstring(html)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0, 187.2, [0, 50, 100, 150]), (-3, 3, [-2, 0, 2]),
     (0.26, 0.27, [0.26, 0.262, 0.264, 0.266, 0.268, 0.27])],
)  # fmt: skip
def test_ticks_are_round(charts, low, high, ticks):
    np.testing.assert_allclose(charts.linear_ticks(low, high), ticks, atol=1e-12)


@pytest.mark.parametrize(
    ("values", "log"),
    [([1, 2, 3] * 10, False), (np.geomspace(1e-3, 10, 50), True), ([0, 1, 1000] * 10, False)],
)
def test_a_scale_is_logarithmic_where_the_values_ask_for_it(charts, curve, values, log):
    scale = charts.scale_of([curve(values)])
    assert scale.log is log
    places = scale.place(np.array(scale.ticks()))
    assert len(places) >= 3
    assert (np.diff(places) > 0).all()
    assert ((places >= -1e-9) & (places <= 1 + 1e-9)).all()


@pytest.mark.parametrize("values", [[5.0], [0.0] * 30, [-2.0] * 3, [1e-12] * 20, [1e29, -1e29] * 9])
def test_odd_curves_are_drawn(charts, curve, values):
    html = charts.line_chart({"a": curve(values)}, "Title", "unit", kimg=len(values))
    assert "nan" not in html
    assert "inf" not in html
    parsed(html)


def test_a_few_peaks_do_not_rule_the_scale(charts, curve):
    values = np.ones(300)
    values[100] = 1e6
    scale = charts.scale_of([curve(values)])
    assert scale.high < 2e5


def test_a_chart_says_what_it_shows(charts, curve):
    curves = {"D(x)": curve(np.linspace(0.2, 0.8, 100)), "<b>": curve([0.5] * 100)}
    figure = parsed(charts.line_chart(curves, "Verdicts", "shares", 100, at=25, bounds=(0, 1)))
    plot = figure.find(".//svg[@role='img']")
    label = plot.get("aria-label")
    assert label.startswith("Verdicts over 100 kimg. D(x): from 0.206 to 0.794")
    assert "<b>: 0.5 throughout" in label
    assert [item.text or "".join(item.itertext()) for item in figure.iter("li")] == ["D(x)", "<b>"]
    mark = next(path for path in plot.iter("path") if path.get("class") == "pg-mark")
    assert mark.get("d") == "M250.0 0V1000"
    kinds = [path.get("class") for path in plot.iter("path")]
    assert kinds.count("pg-line pg-line-0 pg-raw") == kinds.count("pg-line pg-line-0") == 1
    assert [span.text for span in figure.find(".//div[@class='pg-y']")][-1] == "1"


def test_few_points_are_one_line_and_no_mark_is_no_mark(charts, curve):
    html = charts.line_chart({"a": curve([1, 2, 3])}, "Title", "unit", 3)
    assert "pg-raw" not in html
    assert "pg-mark" not in html


def test_more_curves_than_colours_are_left_out(charts, curve):
    html = charts.line_chart({str(n): curve([1, 2]) for n in range(9)}, "Title", "unit", 2)
    assert html.count("<li>") == charts.MAX_LINES


def bars(charts, *values, **lines):
    return [charts.Bar(f"m{n}", v, f"{v}", n == 0, lines) for n, v in enumerate(values)]


def widths(html):
    return [float(width) for width in re.findall(r'width="([\d.]+)" height="14"', html)]


def test_bars_are_as_long_as_their_values(charts):
    html = charts.bar_panel("FD", "net", bars(charts, 10, 20, 40, real=30), str)
    assert widths(html) == [250, 500, 1000]
    assert html.count('d="M750.0 0V20"') == 3
    assert "real sprites 30</li>" in html
    assert html.count(">best</small>") == 1


def test_a_line_far_away_is_told_in_words(charts):
    html = charts.bar_panel("FD", "net", bars(charts, 10, 20, halves=400), str)
    assert widths(html) == [500, 1000]
    assert "real halves (floor) 400, further right" in html
    assert "0V20" not in html


@pytest.mark.parametrize("values", [(0.0, 0.0), (-5.0, 5.0), (-5.0, -10.0)])
def test_bars_without_length_or_below_nothing_are_drawn(charts, values):
    html = charts.bar_panel("<FD>", "net", bars(charts, *values, real=0.0), str)
    assert all(0 <= width <= 1000 for width in widths(html))
    assert "&lt;FD&gt;" in html
