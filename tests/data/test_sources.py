import gzip
import io
import os
import struct
import subprocess
import sys
import tarfile
import tracemalloc
import zipfile

import pytest
from sprite_tree import write_folder, write_tgz, write_zip

from pokegan.data import sources
from pokegan.data.sources import open_source
from pokegan.errors import PokeGANError

FILES = {"a/1.png": b"one", "a/b/2.png": b"two", "3.png": b"three"}
MAKERS = {
    "tree": write_folder,
    "tree.zip": write_zip,
    "tree.tgz": write_tgz,
    "tree.tar.gz": write_tgz,
}


def content(source, wanted=None) -> dict:
    wanted = range(len(source.entries)) if wanted is None else wanted
    return {source.entries[index].name: data for index, data, _ in source.read(wanted)}


@pytest.mark.parametrize("name", MAKERS)
def test_every_kind_of_source_lists_and_reads_the_same(tmp_path, name):
    MAKERS[name](tmp_path / name, FILES)
    source = open_source(str(tmp_path / name))
    assert {entry.name: entry.size for entry in source.entries} == {
        file: len(data) for file, data in FILES.items()
    }
    assert content(source) == FILES
    assert len(content(source, [1])) == 1


def test_a_folder_is_read_in_sorted_order_without_hidden_folders(tmp_path):
    write_folder(tmp_path, FILES | {".git/objects/1.png": b"x"})
    names = [entry.name for entry in open_source(str(tmp_path)).entries]
    assert names == ["3.png", "a/1.png", "a/b/2.png"]


def test_the_digest_is_of_the_archive(tmp_path):
    first = write_zip(tmp_path / "a.zip", FILES)
    second = write_zip(tmp_path / "b.zip", FILES | {"4.png": b"four"})
    assert len({open_source(str(path)).sha256() for path in (first, second)}) == 2
    assert open_source(str(write_folder(tmp_path / "f", FILES))).sha256() == ""


@pytest.mark.parametrize("bad", ["../evil.png", "a/../../evil.png", "/etc/evil.png", "C:/evil.png"])
@pytest.mark.parametrize("name", ["bad.zip", "bad.tgz"])
def test_names_that_leave_the_archive_are_refused(tmp_path, name, bad):
    MAKERS["tree" + name[3:]](tmp_path / name, {"1.png": b"one", bad: b"evil"})
    with pytest.raises(PokeGANError, match=r"evil\.png' points outside"):
        open_source(str(tmp_path / name))


def test_backslashes_count_as_folders(tmp_path):
    with pytest.raises(PokeGANError, match="points outside"):
        open_source(str(write_tgz(tmp_path / "a.tgz", {"a\\..\\..\\evil.png": b"evil"})))


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_in_a_tgz_are_refused(tmp_path, kind):
    member = tarfile.TarInfo("a/link.png")
    member.type, member.linkname = kind, "3.png"
    with pytest.raises(PokeGANError, match=r"'a/link\.png' is (a link|no regular file)"):
        open_source(str(write_tgz(tmp_path / "a.tgz", FILES, [member])))


def test_links_in_a_zip_are_refused(tmp_path):
    info = zipfile.ZipInfo("link.png")
    info.create_system, info.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(PokeGANError, match=r"'link\.png' is a link"):
        open_source(str(tmp_path / "a.zip"))


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("name", ["tree.zip", "tree.tgz"])
def test_a_truncated_archive_is_one_clear_line(tmp_path, name, keep):
    path = MAKERS[name](tmp_path / name, {f"{i}.png": os.urandom(2000) for i in range(20)})
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(PokeGANError, match="damaged archive") as caught:
        open_source(str(path))
    assert "\n" not in str(caught.value)


def test_a_flipped_bit_in_a_tgz_fails_its_checksum(tmp_path):
    path = write_tgz(tmp_path / "a.tgz", {"1.png": os.urandom(5000)})
    data = bytearray(path.read_bytes())
    data[-8] ^= 1  # the first byte of the checksum
    path.write_bytes(data)
    with pytest.raises(PokeGANError, match="damaged archive"):
        open_source(str(path))


def test_no_archive_at_all(tmp_path):
    for name in ("a.zip", "a.tgz"):
        (tmp_path / name).write_bytes(b"<html>not found</html>")
        with pytest.raises(PokeGANError, match="damaged archive"):
            open_source(str(tmp_path / name))
    (tmp_path / "a.rar").write_bytes(b"x")
    with pytest.raises(PokeGANError, match="unknown kind of source"):
        open_source(str(tmp_path / "a.rar"))
    with pytest.raises(PokeGANError, match="no such file or folder"):
        open_source(str(tmp_path / "missing.zip"))


@pytest.mark.parametrize("name", ["tree.zip", "tree.tgz"])
def test_a_huge_member_is_skipped_without_taking_memory(tmp_path, name):
    path = MAKERS[name](tmp_path / name, {"bomb.png": bytes(200 * 2**20), "1.png": b"one"})
    assert path.stat().st_size < 2**20
    tracemalloc.start()
    source = open_source(str(path))
    read = {
        source.entries[index].name: (data, reason) for index, data, reason in source.read([0, 1])
    }
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert read == {"bomb.png": (None, "file too large"), "1.png": (b"one", "")}
    assert peak < 3 * sources.MAX_FILE_BYTES


def test_a_zip_that_lies_about_its_sizes_is_rejected(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"bomb.png": bytes(40 * 2**20)})
    data = bytearray(path.read_bytes())
    central = data.rindex(b"PK\1\2")
    struct.pack_into("<I", data, central + 24, 100)  # uncompressed size
    path.write_bytes(data)
    source = open_source(str(path))
    [(_, read, reason)] = source.read([0])
    assert read is None
    assert "cannot be unpacked" in reason


def test_an_encrypted_member_is_rejected(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"1.png": b"one"})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\3\4") + 6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)
    [(_, read, reason)] = open_source(str(path)).read([0])
    assert read is None
    assert "encrypted" in reason


def test_a_tar_header_of_gigabytes_ends_early(tmp_path):
    buffer = io.BytesIO()
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 2**31
    buffer.write(header.tobuf(tarfile.USTAR_FORMAT))
    path = tmp_path / "a.tgz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(buffer.getvalue())
        for _ in range(64):
            file.write(bytes(2**20))
    tracemalloc.start()
    with pytest.raises(PokeGANError, match="oversized header"):
        open_source(str(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * sources.MAX_HEADER_BYTES


def test_archives_that_unpack_to_more_than_a_limit_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "MAX_ARCHIVE_BYTES", 10)
    for name in ("tree.zip", "tree.tgz"):
        with pytest.raises(PokeGANError, match="refused, more than"):
            open_source(str(MAKERS[name](tmp_path / name, FILES)))


def test_an_archive_is_never_unpacked_to_disk(tmp_path, monkeypatch):
    path = write_tgz(tmp_path / "a.tgz", FILES)
    source = open_source(str(path))
    before = sorted(tmp_path.rglob("*"))
    opened = []
    sys.addaudithook(lambda event, args: opened.append(args) if event == "open" else None)
    content(source)
    assert not [args for args in opened if args[1] and set("wax+") & set(str(args[1]))]
    assert sorted(tmp_path.rglob("*")) == before


def test_a_file_that_vanishes_is_rejected_with_the_reason(tmp_path):
    source = open_source(str(write_folder(tmp_path, FILES)))
    (tmp_path / "3.png").unlink()
    read = {source.entries[index].name: reason for index, _, reason in source.read(range(3))}
    assert read == {
        "3.png": "cannot be read: No such file or directory",
        "a/1.png": "",
        "a/b/2.png": "",
    }


OPEN = """
import sys
from pokegan.data.sources import open_source
from pokegan.errors import PokeGANError
try:
    open_source(sys.argv[1])
except PokeGANError as error:
    sys.exit(f"error: {error}")
"""


@pytest.mark.parametrize(
    "headers",
    [
        {"size": "9" * 20},
        {"size": "-1"},
        {"GNU.sparse.map": "1,x"},
        {"GNU.sparse.major": "1", "GNU.sparse.minor": "0"},
    ],
)
def test_nonsense_in_the_headers_of_a_tgz_is_damage(tmp_path, headers):
    member = tarfile.TarInfo("1.png")
    member.pax_headers = headers
    path = write_tgz(tmp_path / "a.tgz", {}, [member, tarfile.TarInfo("2.png")])
    # In a process of its own, as some of these can keep tarfile busy for ever.
    command = [sys.executable, "-c", OPEN, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stderr.startswith(f"error: {path}: damaged archive (")
    assert done.stderr.count("\n") == 1


def test_a_zip_entry_without_a_name_is_damage(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"1.png": b"one"})
    path.write_bytes(path.read_bytes().replace(b"1.png", b"\0.png"))  # names end at a zero
    with pytest.raises(PokeGANError, match="damaged archive"):
        open_source(str(path))


def test_a_zip_member_that_a_decompressor_chokes_on_is_rejected(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("1.png", b"one" * 100)
    data = bytearray(path.read_bytes())
    data[30 + len("1.png") + 9] = 255  # the first byte after LZMA's properties is 0
    path.write_bytes(data)
    [(_, read, reason)] = open_source(str(path)).read([0])
    assert read is None
    assert "cannot be unpacked: " in reason


def test_a_fetched_archive_is_to_be_removed_when_damaged(tmp_path):
    (tmp_path / "a.tgz").write_bytes(b"half of a download")
    with pytest.raises(PokeGANError, match=r"a\.tgz: damaged .*; remove it, then run again$"):
        open_source("npm:a@1", tmp_path / "a.tgz")


def test_links_to_folders_are_followed_once_and_odd_files_rejected(tmp_path):
    root = write_folder(tmp_path / "root", FILES)
    write_folder(tmp_path / "else", {"4.png": b"four"})
    (root / "linked").symlink_to(tmp_path / "else")
    (tmp_path / "else/back").symlink_to(root)  # a circle
    (root / "broken.png").symlink_to(tmp_path / "missing")
    os.mkfifo(root / "pipe.png")
    source = open_source(str(root))
    read = {source.entries[i].name: (data, why) for i, data, why in source.read(range(6))}
    odd = (None, "no regular file (a broken link?)")
    assert read == {name: (data, "") for name, data in FILES.items()} | {
        "linked/4.png": (b"four", ""),
        "broken.png": odd,
        "pipe.png": odd,
    }
