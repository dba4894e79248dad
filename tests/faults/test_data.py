"""Datasets that change or decay between and during runs."""

import io
import signal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from faults.runs import assert_same, damaged_files, facts_of, newest_step, train
from PIL import Image

from pokegan.data.build import build_dataset
from pokegan.data.resolve import open_sprites

UNSEEN = 2
"""A row that the fingerprint, which looks at 64 sprites, does not see."""


@pytest.fixture
def folder(tmp_path):
    """A built dataset of more than 64 sprites."""
    build_dataset("synthetic:60", tmp_path / "data", progress=False)
    assert len(open_sprites(str(tmp_path / "data"))) > 2 * 54
    return tmp_path / "data"


def stop_in_the_middle(server, out, *options):
    process = train(server, out, *options)
    process.until_line(12)
    process.kill(signal.SIGTERM)
    assert process.finish()[0] == 128 + signal.SIGTERM


def change_a_pixel(folder):
    (path,) = folder.glob("data/train-*.parquet")
    table = pq.read_table(path)
    images = table["image"].to_pylist()
    image = Image.open(io.BytesIO(images[UNSEEN]["bytes"]))
    image.putpixel((48, 48), (1, 2, 3, 255))
    stream = io.BytesIO()
    image.save(stream, "PNG")
    images[UNSEEN]["bytes"] = stream.getvalue()
    place, field = table.schema.get_field_index("image"), table.schema.field("image")
    pq.write_table(table.set_column(place, field, [pa.array(images, field.type)]), path)


@pytest.mark.parametrize("feed", ["--max-bank-gib=4", "--max-bank-gib=0"], ids=["bank", "loader"])
def test_a_dataset_that_changed_since_the_checkpoint_is_refused_unless_told(
    server, folder, tmp_path, feed
):
    out, options = tmp_path / "run", (f"--data={folder}", feed)
    stop_in_the_middle(server, out, *options)
    fingerprint, before = open_sprites(str(folder)).fingerprint(), newest_step(out)
    change_a_pixel(folder)
    assert open_sprites(str(folder)).fingerprint() == fingerprint
    status, errors = train(server, out, *options).finish()
    assert status == 2
    assert len(errors.splitlines()) == 1
    assert "the data has changed since its checkpoint" in errors
    assert "--data-may-change" in errors
    assert newest_step(out) == before
    process = train(server, out, *options, "--data-may-change")
    assert process.finish() == (0, "")
    assert process.resumed_at() == before
    assert train(server, out, *options).finish() == (0, "")  # the run is one on the new data now


def decay(server, out, options, cached, content):
    """Continue a run, and change what the cached dataset holds when it has taken two steps.

    In place: the run's workers have the file mapped into their memory. Afterwards it is mended.
    """
    before, whole = newest_step(out), cached.read_bytes()
    process = train(server, out, *options)
    process.until_line(before + 2)
    with cached.open("r+b") as file:
        file.truncate(len(content))
        file.write(content)
    status, errors = process.finish()
    with cached.open("r+b") as file:
        file.write(whole)
    assert status == 2, errors
    assert process.resumed_at() == before
    assert damaged_files(out) == []
    return errors.splitlines()


def test_sprites_that_become_unreadable_in_the_middle_of_a_run(server, folder, tmp_path):
    options = (f"--data={folder}", "--max-bank-gib=0")
    assert train(server, tmp_path / "whole", *options).finish() == (0, "")
    (cached,) = (Path(file["filename"]) for file in open_sprites(str(folder)).dataset.cache_files)
    content, out = cached.read_bytes(), tmp_path / "run"
    stop_in_the_middle(server, out, *options)
    errors = decay(server, out, options, cached, content.replace(b"\x89PNG", b"\0\0\0\0"))
    assert len(errors) == 1, errors
    assert "error: row " in errors[0]
    assert "(synthetic/" in errors[0]
    assert "the image cannot be read" in errors[0]
    errors = decay(server, out, options, cached, content[:4096])
    assert "error: a process that reads sprites has died" in errors[-1]
    assert "Traceback" not in errors
    assert train(server, out, *options).finish() == (0, "")
    assert_same(out, facts_of(tmp_path / "whole"))
