import io
import itertools
import shutil
import threading
import weakref
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from sprite_shards import write_shards

from pokegan import PokeGANError
from pokegan.data.feed import SpriteBank
from pokegan.data.order import Share
from pokegan.data.resolve import open_sprites
from pokegan.data.shards import Reader
from pokegan.data.stream import stream_sprites

BUFFER = 64  # blocks of 4 rows in 8 lanes
SPRITES = 118


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stream") / "sprites"
    return write_shards(folder, species=60, rows_per_shard=10, rows_per_group=4)


@pytest.fixture(scope="module")
def sprites(folder):
    return stream_sprites(str(folder), "train", BUFFER)


def batches(sprites, steps, batch_size=16, rows=slice(None), seed=0):
    share = Share(seed, batch_size, slice(*rows.indices(batch_size)))
    return list(sprites.feed(16, 4, 1).steps(share, steps))


def rows_of(batch):
    """Each sprite as bytes: image and labels."""
    return [
        b"".join(np.asarray(part).tobytes() for part in row)
        for row in zip(batch.image, batch.types, batch.group, batch.shiny, strict=True)
    ]


@pytest.fixture(scope="module")
def walked(sprites):
    """Some more than two epochs."""
    return [rows_of(batch) for batch in batches(sprites, range(16))]


def test_an_epoch_holds_what_a_bank_holds(folder, walked):
    bank = SpriteBank(open_sprites(str(folder)).dataset, 16, 4)
    everything = Counter(rows_of(next(bank.batches([np.arange(SPRITES)]))))
    # Lanes are equal to a row (118 / 8), so what 14 rows of each hold is all but 6 sprites.
    seen = Counter(row for batch in walked[:7] for row in batch)
    assert not seen - everything
    assert seen.total() == 112
    seen = Counter(row for batch in walked for row in batch)
    assert set(seen) == set(everything)
    assert all(2 * everything[row] <= count <= 3 * everything[row] for row, count in seen.items())


def test_any_step_comes_without_those_before(sprites, walked):
    for step in (0, 3, 7, 15):
        assert rows_of(batches(sprites, [step])[0]) == walked[step]


@pytest.mark.parametrize("processes", [2, 4, 16])
def test_processes_share_the_batches_of_one(sprites, walked, processes):
    share = 16 // processes
    parts = [
        batches(sprites, range(9), rows=slice(first, first + share))
        for first in range(0, 16, share)
    ]
    for step, whole in enumerate(zip(*parts, strict=True)):
        assert [row for part in whole for row in rows_of(part)] == walked[step]


def record_reading(monkeypatch):
    """A list that every span which is read from now on is added to."""
    spans, read = [], Reader.read

    def recorded(self, asked):
        spans.extend(asked)
        return read(self, asked)

    monkeypatch.setattr(Reader, "read", recorded)
    return spans


def test_a_process_reads_its_own_lanes_only(sprites, monkeypatch):
    spans = []
    read = Reader.read
    monkeypatch.setattr(
        Reader, "read", lambda self, asked: (spans.extend(asked), read(self, asked))[1]
    )
    batches(sprites, range(7))
    whole = sum(span.stop - span.first for span in spans)
    spans.clear()
    batches(sprites, range(7), rows=slice(0, 8))
    assert sum(span.stop - span.first for span in spans) <= whole / 2 + BUFFER


def test_seeds_and_epochs_have_orders_of_their_own(sprites, walked):
    assert rows_of(batches(sprites, [0], seed=1)[0]) != walked[0]
    epochs = [[row for batch in walked[first : first + 7] for row in batch] for first in (0, 7)]
    assert epochs[0] != epochs[1]


@pytest.mark.parametrize("buffer", [1, 32, 96, 10_000])
def test_no_more_sprites_than_the_buffer_are_held(folder, buffer, monkeypatch):
    held, most = Counter(), []
    read = Reader.read

    def counted(self, spans):
        table = read(self, spans)
        held["rows"] += len(table)
        most.append(held["rows"])
        weakref.finalize(table, held.subtract, rows=len(table))
        return table

    sprites = stream_sprites(str(folder), "train", buffer)
    monkeypatch.setattr(Reader, "read", counted)
    batches(sprites, range(20))
    # Two blocks of a lane are never less than two sprites, and never more than its whole epoch.
    assert max(most) <= max(buffer, 2 * 8)
    assert max(most) <= 2 * SPRITES
    if buffer in (32, 96):
        assert max(most) > buffer / 2  # the buffer is made use of


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_reference_sprites_are_decoded_as_in_a_bank(folder, sprites, channels):
    reference = sprites.feed(24, channels, 1).reference()
    assert len(reference) == 108  # of 32 of the 36 row groups
    bank = SpriteBank(open_sprites(str(folder)).dataset, 24, channels)
    everything = rows_of(next(bank.batches([np.arange(SPRITES)])))
    assert not Counter(rows_of(reference)) - Counter(everything)


def test_reading_ahead_leaves_the_random_state_alone(sprites):
    before = torch.get_rng_state()
    batches(sprites, range(3))
    assert torch.equal(torch.get_rng_state(), before)


def test_few_steps_are_read_ahead_and_nothing_goes_on_when_the_feed_is_left(sprites, monkeypatch):
    spans, before = record_reading(monkeypatch), set(threading.enumerate())
    endless = sprites.feed(16, 3, 1).steps(Share(0, 16, slice(0, 16)), itertools.count())
    next(endless)
    endless.close()
    for thread in set(threading.enumerate()) - before:
        thread.join(60)
        assert not thread.is_alive()
    # Five steps take 10 rows of a lane: parts of three or four blocks of 4, and the next one.
    assert sum(span.stop - span.first for span in spans) <= 8 * 5 * 4


def test_facts(folder, sprites):
    facts = sprites.summary()
    loaded = open_sprites(str(folder)).summary()
    assert {name: facts[name] for name in ("name", "hub", "split", "sprites", "synthetic")} == {
        name: loaded[name] for name in ("name", "hub", "split", "sprites", "synthetic")
    }
    assert facts["types"] == {}
    assert facts["fingerprint"] == stream_sprites(str(folder), "train", 9).fingerprint()
    both = stream_sprites(str(folder), "all", BUFFER)
    assert len(both) == 120
    assert both.fingerprint() != facts["fingerprint"]


def test_the_fingerprint_follows_labels_pixels_and_colours(folder, sprites, tmp_path):
    path = next((folder / "data").glob("train-00000*"))
    table = pq.read_table(path)
    prints = {sprites.fingerprint(), sprites.of_colours("only").fingerprint()}
    for number, (name, column) in enumerate(
        {
            "type1": pa.array((table["type1"].to_numpy() + 1) % 18),
            "image": pa.concat_arrays(
                table["image"].slice(1).chunks + table["image"].slice(0, 1).chunks
            ),
        }.items()
    ):
        place = table.column_names.index(name)
        changed = table.set_column(place, table.schema.field(name), column)
        other = tmp_path / str(number)
        (other / "data").mkdir(parents=True)
        for shard in sorted((folder / "data").iterdir()):
            (other / "data" / shard.name).write_bytes(shard.read_bytes())
        pq.write_table(changed, other / "data" / path.name, row_group_size=4)
        prints.add(stream_sprites(str(other), "train", BUFFER).fingerprint())
    assert len(prints) == 4


@pytest.mark.parametrize("shiny", ["normal", "only"])
def test_colours_are_filtered_as_in_memory(folder, sprites, shiny):
    chosen = sprites.of_colours(shiny)
    loaded = open_sprites(str(folder)).of_colours(shiny)
    assert len(chosen) == len(loaded) == SPRITES // 2
    seen = Counter(
        row for batch in batches(chosen, range(7), batch_size=8) for row in rows_of(batch)
    )
    everything = rows_of(next(SpriteBank(loaded.dataset, 16, 4).batches([np.arange(59)])))
    assert not seen - Counter(everything)
    assert seen.total() == 56


def test_colours_that_are_not_there_are_one_line(tmp_path, folder):
    (tmp_path / "data").mkdir()
    table = pq.read_table(next((folder / "data").glob("train-00000*")))
    normal = table.filter(pa.compute.invert(table["shiny"]))
    pq.write_table(normal, tmp_path / "data/train-00000-of-00001.parquet")
    sprites = stream_sprites(str(tmp_path), "train", BUFFER)
    assert len(sprites.of_colours("normal")) == len(sprites)
    with pytest.raises(PokeGANError, match="has no shiny sprite"):
        sprites.of_colours("only")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (None, "the image cannot be read"),
        (b"no image", "the image cannot be read"),
        ((20, 10), "the image is 20x10 pixels"),
    ],
)
def test_a_damaged_image_is_named_with_its_place(tmp_path, folder, data, reason):
    if isinstance(data, tuple):
        buffer = io.BytesIO()
        Image.new("RGBA", data).save(buffer, "PNG")
        data = buffer.getvalue()
    shutil.copytree(folder / "data", tmp_path / "data")
    path = next((tmp_path / "data").glob("train-00001*"))
    table = pq.read_table(path)
    images = table["image"].to_pylist()
    images[7]["bytes"] = data
    column = pa.array(images, table.schema.field("image").type)
    pq.write_table(table.set_column(0, table.schema.field("image"), column), path, row_group_size=4)
    sprites = stream_sprites(str(tmp_path), "train", BUFFER)
    with pytest.raises(PokeGANError, match=f"{path.name}: row group 1, row 3: {reason}") as caught:
        batches(sprites, range(15), batch_size=8)
    assert "--resume auto goes on from the last checkpoint" in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "split", "message"),
    [
        ("synthetic:40", "train", "synthetic:40: what is drawn in memory cannot be streamed"),
        ("/nowhere", "train", "no data '/nowhere'"),
        ("FOLDER", "test", "there is no split 'test', only train, validation"),
        ("EMPTY", "train", "holds no data/"),
    ],
)
def test_what_cannot_be_streamed_is_one_line(folder, tmp_path, spec, split, message):
    spec = {"FOLDER": str(folder), "EMPTY": str(tmp_path)}.get(spec, spec)
    with pytest.raises(PokeGANError, match=message):
        stream_sprites(spec, split, BUFFER)
