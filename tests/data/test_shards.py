import io
import shutil
import threading

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sprite_shards import write_shards

from pokegan import PokeGANError
from pokegan.data import shards as shards_module
from pokegan.data.lanes import Span
from pokegan.data.resolve import COLUMNS
from pokegan.data.shards import Reader, read_footers


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Row groups of 16 rows, three of them in a shard, the last one smaller."""
    folder = tmp_path_factory.mktemp("shards")
    return write_shards(folder, species=60, rows_per_shard=40, rows_per_group=16)


def urls(folder):
    return sorted(map(str, (folder / "data").glob("train-*")))


@pytest.fixture(scope="module")
def shards(folder):
    return read_footers("data", urls(folder))


@pytest.fixture(scope="module")
def table(folder):
    return pa.concat_tables([pq.read_table(url) for url in urls(folder)])


def test_footers_tell_every_row_group(folder, shards, table):
    assert shards.rows.sum() == len(table) == 118
    assert shards.rows.tolist() == [16, 16, 8, 16, 16, 8, 16, 16, 6]
    assert shards.shard.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert shards.index.tolist() == [0, 1, 2] * 3
    assert shards.synthetic


def test_any_rows_are_read_in_the_order_that_is_asked_for(shards, table):
    starts = np.concatenate([[0], np.cumsum(shards.rows)])
    generator, reader = np.random.default_rng(0), Reader(shards)
    for _ in range(40):
        groups = generator.integers(0, len(shards.rows), 3).tolist()
        cuts = [sorted(generator.integers(0, shards.rows[group] + 1, 2)) for group in groups]
        spans = [Span(group, *map(int, cut)) for group, cut in zip(groups, cuts, strict=True)]
        rows = [starts[span.group] + row for span in spans for row in range(span.first, span.stop)]
        if not rows:
            continue
        read, expected = reader.read(spans), table.take(rows)
        assert read["bytes"].to_pylist() == [row["bytes"] for row in expected["image"].to_pylist()]
        for name in ("type1", "type2", "type_group", "shiny"):
            assert read[name].to_pylist() == expected[name].to_pylist()


@pytest.mark.parametrize("shiny", ["normal", "only"])
def test_colours_are_counted_and_read(shards, table, shiny):
    chosen = shards.of_colours(shiny)
    flags = table["shiny"].to_numpy() == (shiny == "only")
    assert chosen.rows.sum() == flags.sum()
    read = Reader(chosen).read(
        [Span(group, 0, int(rows)) for group, rows in enumerate(chosen.rows)]
    )
    assert read["type1"].to_pylist() == table["type1"].to_numpy()[flags].tolist()
    assert set(read["shiny"].to_pylist()) == {shiny == "only"}
    assert chosen.digest != shards.digest


def test_of_a_large_row_group_only_pages_are_fetched(tmp_path, monkeypatch):
    """Whatever the writer chose, no request grows with the row group."""
    generator = np.random.default_rng(0)
    rows = [
        {"image": {"bytes": generator.bytes(4000)}, "shiny": False}
        | dict.fromkeys(("type1", "type2", "type_group"), 1)
        for _ in range(4000)
    ]
    path = tmp_path / "one.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=4000, write_batch_size=100)
    sizes = []

    class Files:
        def open(self, url, mode, **options):
            file = io.FileIO(url)
            read = file.read
            file.read = lambda size=-1: (sizes.append(size), read(size))[1]
            return file

    shards = read_footers("data", [str(path)])
    read = Reader(shards_module.replace(shards, files=Files())).read([Span(0, 2000, 2010)])
    assert len(read) == 10
    assert max(sizes) <= 2 * 2**20 < path.stat().st_size / 4


def test_the_digest_follows_the_content(folder, shards, tmp_path):
    assert read_footers("elsewhere", urls(folder)).digest == shards.digest
    shutil.copytree(folder / "data", tmp_path / "data")
    assert read_footers("copy", urls(tmp_path)).digest == shards.digest
    last = urls(tmp_path)[-1]
    pq.write_table(pq.read_table(last).slice(1), last, row_group_size=16)
    assert read_footers("copy", urls(tmp_path)).digest != shards.digest


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no parquet at all", "cannot be read"),
        (pa.table({"image": [1], "type1": [1]}), "the column 'type2' is missing"),
        (
            pa.table({name: [1] for name in COLUMNS}),
            "the column 'image' does not hold image files",
        ),
    ],
)
def test_what_is_no_typed_sprite_dataset_is_one_line(tmp_path, content, message):
    path = tmp_path / "x.parquet"
    path.write_bytes(content) if isinstance(content, bytes) else pq.write_table(content, path)
    with pytest.raises(PokeGANError, match=f"^{path}: .*{message}") as caught:
        read_footers("data", [str(path)])
    assert "\n" not in str(caught.value)


def test_other_files_are_refused():
    with pytest.raises(PokeGANError, match=r"a\.csv: only Parquet files can be streamed"):
        read_footers("data", ["a.csv"])


class Flaky:
    """A file system whose reads fail a number of times."""

    def __init__(self, files, failures):
        self.files, self.failures, self.opened = files, failures, 0

    def open(self, url, mode, **options):
        self.opened += 1
        file = self.files.open(url.removeprefix("net://"), mode)
        read = file.read

        def perhaps(size=-1):
            if self.failures and file.tell() < 2000:  # rows, not footers
                self.failures -= 1
                raise ConnectionResetError("cut")
            return read(size)

        file.read = perhaps
        return file


def flaky(shards, failures, monkeypatch):
    monkeypatch.setattr(shards_module, "PAUSES", (0.0, 0.0, 0.0))
    return shards_module.replace(
        shards,
        files=Flaky(shards.files, failures),
        urls=tuple(f"net://{url}" for url in shards.urls),
    )


def test_a_cut_connection_is_outlasted_and_nothing_is_read_twice(shards, monkeypatch, caplog):
    spans = [Span(2, 1, 8), Span(0, 0, 16)]
    expected = Reader(shards).read(spans)
    assert Reader(flaky(shards, 3, monkeypatch)).read(spans).equals(expected)
    assert caplog.text.count("trying again") == 3


def test_a_connection_that_stays_cut_is_one_line(shards, monkeypatch):
    broken = flaky(shards, 99, monkeypatch)
    with pytest.raises(PokeGANError, match=r"^net://.*00000-of.*: cannot be read \(cut"):
        Reader(broken).read([Span(0, 0, 16)])
    assert broken.files.opened == 4


def test_pauses_grow(shards, monkeypatch):
    broken = flaky(shards, 99, monkeypatch)
    monkeypatch.setattr(shards_module, "PAUSES", (1.0, 4.0))
    slept = []

    class Closed(threading.Event):
        def wait(self, timeout=None):
            slept.append(timeout)

    with pytest.raises(PokeGANError):
        Reader(broken, Closed()).read([Span(0, 0, 16)])
    assert slept == [1.0, 4.0]
