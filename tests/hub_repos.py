"""What the test Hub stores: repositories whose commits are immutable snapshots of path -> file.

No HTTP here (that is hub_server.py), so a test can read and write this state directly.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

import yaml

EPOCH = datetime(2024, 1, 1, tzinfo=timezone.utc)
LICENSES = ("other", "unknown", "apache-2.0", "mit", "cc0-1.0", "cc-by-4.0", "cc-by-nc-4.0")
SPACE_COLOURS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
DEFAULT_GITATTRIBUTES = b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n"


class HubError(Exception):
    """An answer other than success: HTTP status, X-Error-Code (or ""), X-Error-Message."""

    def __init__(self, status: int, code: str, message: str):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def timestamp(date: datetime) -> str:
    return f"{date:%Y-%m-%dT%H:%M:%S.000Z}"


def git_blob_oid(data: bytes) -> str:
    """The id that git gives to a file's bytes."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@dataclass(frozen=True)
class File:
    """One stored file. Git keeps a small pointer in place of an LFS file, hence two ids."""

    data: bytes
    lfs: bool = False

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def pointer(self) -> bytes:
        return (
            "version https://git-lfs.github.com/spec/v1\n"
            f"oid sha256:{self.sha256}\nsize {len(self.data)}\n"
        ).encode()

    @property
    def oid(self) -> str:
        return git_blob_oid(self.pointer if self.lfs else self.data)

    @property
    def etag(self) -> str:
        return self.sha256 if self.lfs else self.oid


@dataclass(frozen=True)
class Commit:
    sha: str
    parent: str | None
    title: str
    description: str
    author: str
    date: datetime
    files: Mapping[str, File]


@dataclass
class Repo:
    """One model, dataset or space: ``kind`` is the client's word for it, in the plural."""

    kind: str
    id: str
    owner: str
    private: bool
    sdk: str | None = None
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        files = {".gitattributes": File(DEFAULT_GITATTRIBUTES)}
        self.add_commit("main", files, "initial commit", "", self.owner)

    def resolve(self, revision: str) -> Commit:
        """The commit that a branch, a tag or a full sha names."""
        sha = self.branches.get(revision) or self.tags.get(revision) or revision
        if sha not in self.commits:
            raise HubError(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return self.commits[sha]

    def file(self, revision: str, path: str) -> File:
        files = self.resolve(revision).files
        if path not in files:
            raise HubError(404, "EntryNotFound", "Entry not found")
        return files[path]

    def add_commit(
        self, branch: str, files: Mapping[str, File], title: str, description: str, author: str
    ) -> Commit:
        """Move ``branch`` to a new commit that holds exactly ``files``."""
        parent = self.branches.get(branch)
        tree = "".join(f"{path}\0{file.oid}\n" for path, file in sorted(files.items()))
        identity = f"{self.kind}/{self.id}\0{parent}\0{len(self.commits)}\0{title}\0{tree}"
        commit = Commit(
            sha=hashlib.sha1(identity.encode()).hexdigest(),
            parent=parent,
            title=title,
            description=description,
            author=author,
            # One second a commit, so that the history is the same on every run.
            date=EPOCH + timedelta(seconds=len(self.commits)),
            files=dict(files),
        )
        self.commits[commit.sha] = commit
        self.branches[branch] = commit.sha
        return commit

    def history(self, revision: str) -> list[Commit]:
        """Newest first."""
        commits = [self.resolve(revision)]
        while (parent := commits[-1].parent) is not None:
            commits.append(self.commits[parent])
        return commits

    def info(self, revision: str, blobs: bool) -> dict:
        """What the Hub tells about the repository; with ``blobs`` the files' sizes and ids too."""
        commit = self.resolve(revision)
        siblings = []
        for path, file in sorted(commit.files.items()):
            sibling: dict = {"rfilename": path}
            if blobs:
                sibling |= {"size": len(file.data), "blobId": file.oid}
                if file.lfs:  # this call says sha256 where the tree says oid
                    lfs = file_entry(path, file)["lfs"]
                    sibling["lfs"] = {"sha256": lfs.pop("oid"), **lfs}
            siblings.append(sibling)
        info = {"id": self.id, "author": self.owner, "sha": commit.sha, "private": self.private}
        info |= {"gated": False, "disabled": False, "tags": [], "downloads": 0, "likes": 0}
        info |= {"lastModified": timestamp(commit.date), "siblings": siblings}
        return info | ({"sdk": self.sdk} if self.sdk else {})

    def tree(self, revision: str, under: str = "", recursive: bool = True) -> list[dict]:
        """Entries as the Hub's ``tree`` call lists them."""
        commit = self.resolve(revision)
        prefix = f"{under}/" if under else ""
        inside = {path: file for path, file in commit.files.items() if path.startswith(prefix)}
        if under and not inside:
            raise HubError(404, "EntryNotFound", f"{under} does not exist on {revision}")
        folders = sorted(
            {
                path[:cut]
                for path in inside
                for cut in range(len(prefix), len(path))
                if path[cut] == "/" and (recursive or "/" not in path[len(prefix) : cut])
            }
        )
        entries = [
            {"type": "directory", "path": path, "size": 0, "oid": git_blob_oid(path.encode())}
            for path in folders
        ]
        for path, file in sorted(inside.items()):
            if recursive or "/" not in path[len(prefix) :]:
                entries.append(file_entry(path, file))
        return entries


def file_entry(path: str, file: File) -> dict:
    entry = {"type": "file", "path": path, "size": len(file.data), "oid": file.oid}
    if file.lfs:
        size, pointer = len(file.data), len(file.pointer)
        entry["lfs"] = {"oid": file.sha256, "size": size, "pointerSize": pointer}
    return entry


def apply_operation(files: dict[str, File], key: str, value: dict, lfs: dict[str, bytes]) -> None:
    """Apply one NDJSON line of a commit to ``files``, in place."""
    if key == "file":
        try:
            files[value["path"]] = File(base64.b64decode(value["content"], validate=True))
        except binascii.Error:
            raise HubError(400, "", f"{value['path']}: content is no base64") from None
    elif key == "lfsFile":
        if value["oid"] not in lfs:
            raise HubError(400, "", f"{value['path']}: its LFS object was never uploaded")
        files[value["path"]] = File(lfs[value["oid"]], lfs=True)
    elif key == "deletedFile":
        if files.pop(value["path"], None) is None:
            raise HubError(404, "EntryNotFound", "A file with this name doesn't exist")
    elif key == "deletedFolder":
        for path in [path for path in files if path.startswith(value["path"].rstrip("/") + "/")]:
            del files[path]
    elif key != "header":
        raise HubError(400, "", f"unknown operation {key}")


def front_matter_errors(content: str) -> list[str]:
    """What the Hub refuses in a card's front matter, as far as our cards could get it wrong."""
    found = re.match(r"---\n(.*?)\n---\n", content, re.DOTALL)
    if not found:
        return []  # no metadata is a warning only
    try:
        data = yaml.safe_load(found[1])
    except yaml.YAMLError as error:
        return [f"not valid YAML: {error}"]
    if not isinstance(data, dict):
        return ["metadata must be a mapping"]
    errors = []
    if data.get("license", "other") not in LICENSES:
        errors.append(f'"license" must be one of {", ".join(LICENSES)}')
    if "license_name" in data and not re.fullmatch(r"[a-z0-9.-]+", str(data["license_name"])):
        errors.append('"license_name" must be lower case letters, digits, dots and dashes')
    link = str(data.get("license_link", "LICENSE"))
    if link not in ("LICENSE", "LICENSE.md") and not link.startswith("https://"):
        errors.append('"license_link" must be LICENSE, LICENSE.md or an address')
    for name in ("tags", "datasets", "models", "preload_from_hub"):
        values = data.get(name, [])
        if not isinstance(values, list) or not all(isinstance(v, str) for v in values):
            errors.append(f'"{name}" must be a list of strings')
    for model in data.get("model-index", []):
        if not isinstance(model.get("name"), str) or not model["name"]:
            errors.append('"model-index[0].name" must be a string')
        for result in model.get("results", []):
            for part, keys in (("task", ["type"]), ("dataset", ["name", "type"])):
                missing = [key for key in keys if not result.get(part, {}).get(key)]
                errors += [
                    f'"model-index[0].results[0].{part}.{key}" is required' for key in missing
                ]
            if any({"type", "value"} - metric.keys() for metric in result.get("metrics", [{}])):
                errors.append('"model-index[0].results[0].metrics[0]" needs type and value')
    if "sdk" in data:  # a Space
        errors += [f'"{name}" must be a string' for name in ("sdk_version", "python_version")
                   if not isinstance(data.get(name, ""), str)]  # fmt: skip
        if data["sdk"] not in ("gradio", "docker", "static"):
            errors.append('"sdk" must be one of gradio, docker, static')
        for name in ("colorFrom", "colorTo"):
            if data.get(name, "red") not in SPACE_COLOURS:
                errors.append(f'"{name}" must be one of {", ".join(SPACE_COLOURS)}')
        if len(data.get("short_description", "")) > 60:
            errors.append('"short_description" must have at most 60 characters')
    return errors
