"""What was measured of the models: tables, bars, and what each number means."""

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from html import escape
from pathlib import Path

import gradio as gr
from charts import Bar, bar_panel
from drawing import check_names
from hub_parts import PartFetcher
from links import flag_in, one_of
from models_index import ModelSource
from page import Page, told
from training import READING

from pokegan import PokeGANError
from pokegan.metrics.columns import (
    FLOORS,
    FURTHER,
    LABELS,
    NETWORK_TITLES,
    Column,
    further_columns,
    headline_columns,
)
from pokegan.metrics.compare import Table, difference, notes, ranked, read_facts, table_of

TAB = "scores"
FILE = "metrics.json"
MAX_FACTS_BYTES = 2**20
LARGEST = 1e15
MAX_SIZE = 4096
ASKED_AT_ONCE = 8
"""Models whose files are looked for at the same time, as each may take the Hub some seconds."""

Facts = dict[str, dict]
"""Content of ``metrics.json`` by model."""


def add_scores(page: Page) -> None:
    """Lay out the tab, inside the open ``gr.Tab``, and add its API."""
    fetcher = PartFetcher()
    view = page.html("scores", js="scores lazy", min_height=320)

    def show() -> str:
        return scores_html(*collect(list(page.studio.models.values()), fetcher))

    def opened(request: gr.Request):
        """The order that the link asks for; other links leave the tab empty until it is seen."""
        params = request.query_params
        if params.get("tab") != TAB:
            return gr.skip()
        facts, missing = collect(list(page.studio.models.values()), fetcher)
        known = [c.metric for group in comparable(facts) for c in headline_columns(group)]
        metric = one_of(params, "sort", ["model", "px", *known], "")
        return scores_html(facts, missing, metric, flag_in(params, "reverse"))

    quiet = {"api_visibility": "private", **READING}
    view.focus(told(show), None, view, show_progress="minimal", **quiet)
    page.demo.load(told(opened), None, view, show_progress="hidden", **quiet)

    def scores(models: list[str] | None = None) -> list[dict]:
        chosen = page.names if models is None else check_names(models, page.names)
        facts, _ = collect([page.studio.models[name] for name in chosen], fetcher)
        return scores_json(facts)

    gr.api(
        told(scores),
        api_name="scores",
        api_description=(
            "What was measured of the models. Returns one object for each model and metric: model,"
            " metric (as in metrics.json, with the number of sprites after @), mean, deviation"
            " (over the seeds; null where there was one), n (sprites for each seed), network (that"
            " sees the sprites; null for metrics without, or with all) and seeds. Models that were"
            f" not measured are left out. models: any of {', '.join(page.names)} (default: all)."
        ),
        **READING,
    )


# ---- what the folders hold -----------------------------------------------------------------------


def collect(models: Sequence[ModelSource], fetcher: PartFetcher) -> tuple[Facts, dict[str, str]]:
    """What was measured, by model; of models without, one line that says why (or nothing).

    Args:
        models: of the page.
        fetcher: gets the files of models on the Hub.
    """

    def read(model: ModelSource) -> dict | str:
        try:
            folder = fetcher.folder(model, FILE, lambda name: False)
        except PokeGANError as error:
            return str(error)
        if not (folder / FILE).is_file():
            return ""
        return clean_facts(folder / FILE) or f"Its {FILE} is damaged; measure it again."

    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        found = dict(zip([m.name for m in models], pool.map(read, models), strict=True))
    facts = {name: own for name, own in found.items() if isinstance(own, dict)}
    return facts, {name: line for name, line in found.items() if isinstance(line, str)}


def clean_facts(path: Path) -> dict | None:
    """What of a ``metrics.json`` can be shown; ``None`` where nothing can.

    Values that are no numbers are left out; the rest has the types that ``pokegan evaluate``
    writes.
    """
    try:
        if path.stat().st_size > MAX_FACTS_BYTES:
            return None
        facts = read_facts(path)
        protocol = _clean_protocol(facts["protocol"])
        clean = {
            "protocol": protocol,
            "metrics": {
                name: {"mean": value["mean"], "deviation": value["deviation"]}
                for name, value in facts["metrics"].items()
                if _is_name(name) and _is_number(value["mean"])
                and (value["deviation"] is None or _is_number(value["deviation"]))
            },
            "real": {n: v for n, v in facts["real"].items() if _is_name(n) and _is_number(v)},
            "floors": {
                floor: {n: v for n, v in values.items() if _is_name(n) and _is_number(v)}
                for floor, values in facts["floors"].items()
                if floor in FLOORS
            },
        }  # fmt: skip
        types = facts.get("types")
        if types is not None and types["conditioning"] in LABELS:
            clean["types"] = {"conditioning": types["conditioning"]}
        return clean if headline_columns({"": clean}) else None
    except (PokeGANError, OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _clean_protocol(protocol: dict) -> dict:
    numbers = ("real_sprites", "held_out_sprites", "size", "samples")
    seeds, networks = protocol["seeds"], protocol["networks"]
    if not all(_is_whole(protocol[name]) for name in numbers) or protocol["size"] > MAX_SIZE:
        raise ValueError("no number")
    if seeds is not None and not (isinstance(seeds, list) and all(map(_is_whole, seeds))):
        raise ValueError("no seeds")
    texts = [protocol["data"], protocol["split"], *networks.keys(), *networks.values()]
    if not networks or not all(isinstance(text, str) and len(text) <= 80 for text in texts):
        raise ValueError("no text")
    return protocol


def _is_name(name: str) -> bool:
    """Metrics are called "fd_sprite_net@1500", or the same without a number."""
    base, at, number = name.partition("@")
    return 0 < len(base) <= 80 and (not at or (number.isascii() and number.isdigit()))


def _is_number(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and -LARGEST < value < LARGEST  # NaN is not
    )


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and _is_number(value) and value >= 0


def comparable(facts: Facts) -> list[Facts]:
    """The models in groups that were measured in one way, the largest first: values of different
    groups must not be compared."""
    groups: list[Facts] = []
    for name, own in facts.items():
        for group in groups:
            other = next(iter(group.values()))
            if difference(own["protocol"], other["protocol"]) is None:
                group[name] = own
                break
        else:
            groups.append({name: own})
    return sorted(groups, key=len, reverse=True)


def scores_json(facts: Facts) -> list[dict]:
    """Every value for programs."""
    return [
        {
            "model": model,
            "metric": metric,
            "mean": value["mean"],
            "deviation": value["deviation"],
            "n": int(metric.split("@")[1]) if "@" in metric else own["protocol"]["samples"],
            "network": _network_of(metric, own["protocol"]["networks"]),
            "seeds": own["protocol"]["seeds"],
        }
        for model, own in facts.items()
        for metric, value in own["metrics"].items()
    ]


def _network_of(metric: str, networks: Mapping[str, str]) -> str | None:
    base = metric.split("@")[0]
    return next((name for name in networks if base.endswith(name.replace("-", "_"))), None)


# ---- as HTML -------------------------------------------------------------------------------------


def scores_html(
    facts: Facts, missing: Mapping[str, str], sort: str = "", reverse: bool = False
) -> str:
    """Tables, bars, meanings, and the models that nobody measured.

    Args:
        facts: as :func:`collect` finds them.
        missing: the same.
        sort: the metric (or "model", "px") that the tables are sorted by at first.
        reverse: whether the worst stands first.
    """
    groups = comparable(facts)
    several = (
        '<p class="pg-note">These models were measured in different ways. Values of one table must'
        " not be compared with those of another.</p>"
        if len(groups) > 1
        else ""
    )
    sections = "".join(_group_html(group) for group in groups)
    order = f' data-sort="{escape(sort)}"{" data-reverse" if reverse else ""}' if sort else ""
    return (
        f'<div class="pg-measured" data-query="?tab={TAB}"{order}>{several}{sections}'
        f"{_missing_html(missing)}</div>"
    )


def _group_html(facts: Facts) -> str:
    columns = headline_columns(facts)
    further = further_columns(facts)
    more = "".join(
        f"<h4>{escape(title)}</h4><p>{escape(FURTHER[title])}</p>{_table_html(facts, own, title)}"
        f"{_meanings_html(own)}"
        for title, own in further.items()
    )
    expander = (
        f'<details class="pg-more"><summary>Further tables: {escape(", ".join(further))}</summary>'
        f"{more}</details>"
        if further
        else ""
    )
    return (
        f'<section class="pg-row pg-scored"><h2>Scores</h2>'
        f'<p class="pg-protocol">{escape(protocol_line(facts))}</p>'
        f"{_table_html(facts, columns, 'Headline metrics')}"
        f'<p class="pg-note">{escape(" ".join(notes(facts)))}</p>'
        f'<h3>Side by side</h3><div class="pg-bar-charts">{_bars_html(facts, columns)}</div>'
        f"<h3>What the numbers mean</h3>{_meanings_html(columns)}{expander}</section>"
    )


def protocol_line(facts: Facts) -> str:
    """How the models were measured, in a line."""
    protocol = next(iter(facts.values()))["protocol"]
    seeds = protocol["seeds"] or []
    each = ""
    if seeds:
        each = f" for {'each of seeds' if len(seeds) > 1 else 'seed'} {', '.join(map(str, seeds))}"
    networks = " and ".join(NETWORK_TITLES.get(name, name) for name in protocol["networks"])
    split = "both splits" if protocol["split"] == "all" else f"split {protocol['split']}"
    return (
        f"Protocol: {protocol['samples']} sprites of each model{each}, seen by {networks}, beside"
        f" {protocol['real_sprites']} real sprites of {protocol['data']}, {split}."
    )


def _table_html(facts: Facts, columns: Sequence[Column], caption: str) -> str:
    """A table whose heads sort its models; rows of real sprites stay above."""
    table = table_of(facts, columns)
    heads = [_head(["model"], "model", "names"), _head(["px"], "px", "lower")]
    heads += [
        _head(lines, column.metric, column.better)
        for lines, column in zip(table.heads[1:], columns, strict=True)
    ]
    measures = "".join(_measure_row(row) for row in table.rows if not row.is_model)
    models = _model_rows(table, facts, columns)
    return (
        f'<div class="pg-scroll" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f'<table class="pg-table"><caption class="pg-unseen">{escape(caption)}; the heads sort.'
        f"</caption><thead><tr>{''.join(heads)}</tr></thead>"
        f'<tbody class="pg-measures">{measures}</tbody><tbody data-models>{models}</tbody></table>'
        "</div>"
    )


def _head(lines: Sequence[str], key: str, better: str | None) -> str:
    title, *rest = lines
    small = f"<small>{'<br>'.join(map(escape, rest))}</small>" if rest else ""
    return (
        f'<th scope="col" data-key="{escape(key)}" data-better="{better or "none"}"'
        f' aria-sort="none"><button type="button">{escape(title)}<i aria-hidden="true"></i>'
        f"</button>{small}</th>"
    )


def _measure_row(row) -> str:
    cells = "".join(f"<td>{escape(cell.text)}</td>" for cell in row.cells)
    return f'<tr><th scope="row">{escape(row.name)}</th>{cells}</tr>'


def _model_rows(table: Table, facts: Facts, columns: Sequence[Column]) -> str:
    rows = []
    for row in table.rows:
        if not row.is_model:
            continue
        size, *cells = row.cells
        made = [
            f'<th scope="row">{escape(row.name)}</th>',
            f'<td data-rank="{-float(size.text):g}">{size.text}</td>',
        ]
        for cell, column in zip(cells, columns, strict=True):
            rank = _rank(column, facts[row.name])
            told_rank = "" if rank is None else f' data-rank="{rank:.12g}"'
            text = escape(cell.text)
            if cell.best:
                text = f"<strong>{text}</strong> <small>best</small>"
            made.append(f"<td{told_rank}>{text}</td>")
        rows.append(f"<tr>{''.join(made)}</tr>")
    return "".join(rows)


def _rank(column: Column, facts: dict) -> float | None:
    """What a column is sorted by, the highest first; ``None`` for the end of the table."""
    value = column.value(facts)
    if value is None or not math.isfinite(value[0]):
        return None
    good = column.goodness(facts)
    return -value[0] if good is None else good


def _meanings_html(columns: Sequence[Column]) -> str:
    meanings = {column.title: column.meaning for column in columns}
    lines = "".join(
        f"<div><dt>{escape(title)}</dt><dd>{escape(meaning)}</dd></div>"
        for title, meaning in meanings.items()
    )
    return f'<dl class="pg-meanings">{lines}</dl>'


def _bars_html(facts: Facts, columns: Sequence[Column]) -> str:
    panels = []
    for column in columns:
        names = [n for n in ranked(facts, column) if column.value(facts[n]) is not None]
        goods = [column.goodness(facts[name]) for name in names]
        top = goods[0] if len({*goods}) > 1 else None
        bars = [
            Bar(
                name,
                column.value(facts[name])[0],
                column.text(facts[name]),
                top is not None and good == top,
                _lines(column, facts[name]),
            )
            for name, good in zip(names, goods, strict=True)
        ]
        title, *rest = column.head(facts)
        panels.append(bar_panel(title, ", ".join(rest), bars, column.number))
    return "".join(panels)


def _lines(column: Column, facts: dict) -> dict[str, float]:
    """What real sprites get by the same measure, and their floor."""
    lines = {"real": column.real(facts), "halves": column.floor(facts, "halves")}
    return {name: value for name, value in lines.items() if value is not None}


def _missing_html(missing: Mapping[str, str]) -> str:
    if not missing:
        return ""
    lines = "".join(
        f"<li><strong>{escape(name)}</strong>: not measured yet. {escape(line)}</li>"
        for name, line in missing.items()
    )
    return (
        f'<section class="pg-row pg-missing"><h2>Not measured yet</h2><ul>{lines}</ul>'
        "<p>Where the real sprites are at hand, this measures a model and writes its"
        f" <code>{FILE}</code>:</p><pre><code>pokegan evaluate MODEL</code></pre></section>"
    )
