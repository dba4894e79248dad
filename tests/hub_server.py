"""A local server that speaks the Hub's HTTP protocol, for tests with the real client.

    with HubServer() as hub:
        api = HfApi(endpoint=hub.url, token=hub.token("ada"))

The client freezes HF_ENDPOINT and HF_HUB_DISABLE_XET when it is imported, so whatever uses the
default endpoint (``from_pretrained``, ``datasets``) runs in a child process: ``run_python``.

Faults: ``hub.fault = lambda request: Response(503) if ... else None`` answers in place of the
server; the hook may call ``hub.handle(request)`` first, to lose the answer of work that was done,
or to spoil it (``cut``, ``shortened``, ``damaged``).
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from hub_repos import Commit, HubError, Repo, apply_operation, front_matter_errors, timestamp

ROOT = Path(__file__).resolve().parent.parent
WEB_PREFIX = {"models": "", "datasets": "datasets/", "spaces": "spaces/"}
LFS_SUFFIXES = (".safetensors", ".parquet", ".arrow", ".bin", ".zip", ".tgz", ".gz")
LFS_SIZE = 10 * 2**20


@dataclass(frozen=True)
class Request:
    method: str
    path: str  # still percent-encoded, without the query
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes = b""

    def json(self) -> dict:
        return json.loads(self.body)


@dataclass(frozen=True)
class Response:
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_after: int | None = None  # so many bytes of the body are sent, and then the line is cut

    @classmethod
    def json(cls, value: object, status: int = 200, **headers: str) -> Response:
        return cls(
            status, json.dumps(value).encode(), {"Content-Type": "application/json"} | headers
        )


NO_ANSWER = Response(0)
"""The connection is closed without a word."""


def cut(response: Response) -> Response:
    """The connection breaks off in the middle of the body."""
    return replace(response, cut_after=len(response.body) // 2)


def shortened(response: Response) -> Response:
    """Half a body, sent as if it were all."""
    return replace(response, body=response.body[: len(response.body) // 2])


def damaged(response: Response) -> Response:
    """One bit in the middle of the body is another."""
    body = bytearray(response.body)
    body[len(body) // 2] ^= 1
    return replace(response, body=bytes(body))


def error_response(error: HubError) -> Response:
    headers = {"X-Error-Message": error.message}
    if error.code:
        headers["X-Error-Code"] = error.code
    return Response.json({"error": error.message}, error.status, **headers)


REPO = r"(?P<kind>models|datasets|spaces)/(?P<id>[^/]+/[^/]+)"
WEB_REPO = r"/(?P<kind>datasets/|spaces/)?(?P<id>[^/]+/[^/]+)"
ROUTES: list[tuple[str, re.Pattern[str], str]] = [
    (method, re.compile(pattern + r"\Z"), name)
    for method, pattern, name in [
        ("GET", r"/api/whoami-v2", "whoami"),
        ("POST", r"/api/repos/create", "create_repo"),
        ("DELETE", r"/api/repos/delete", "delete_repo"),
        ("POST", r"/api/validate-yaml", "validate_yaml"),
        ("GET", rf"/api/{REPO}(?:/revision/(?P<revision>[^/]+))?", "info"),
        ("GET", rf"/api/{REPO}/tree/(?P<revision>[^/]+)(?:/(?P<path>.+))?", "tree"),
        ("POST", rf"/api/{REPO}/paths-info/(?P<revision>[^/]+)", "paths_info"),
        ("GET", rf"/api/{REPO}/refs", "refs"),
        ("GET", rf"/api/{REPO}/commits/(?P<revision>[^/]+)", "commits"),
        ("POST", rf"/api/{REPO}/tag/(?P<revision>[^/]+)", "create_tag"),
        ("POST", rf"/api/{REPO}/branch/(?P<branch>[^/]+)", "create_branch"),
        ("POST", rf"/api/{REPO}/preupload/(?P<revision>[^/]+)", "preupload"),
        ("POST", rf"/api/{REPO}/commit/(?P<revision>[^/]+)", "commit"),
        ("POST", rf"{WEB_REPO}\.git/info/lfs/objects/batch", "lfs_batch"),
        ("POST", rf"{WEB_REPO}\.git/info/lfs/objects/verify", "lfs_verify"),
        ("PUT", r"/lfs/(?P<oid>[0-9a-f]{64})", "lfs_put"),
        ("GET", r"/lfs/(?P<oid>[0-9a-f]{64})", "lfs_get"),
        ("GET", rf"{WEB_REPO}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", "download"),
    ]
]


class HubServer:
    """``url``; ``tokens`` {token: user}; ``repos`` {(kind, id): Repo}; ``log`` of all requests."""

    def __init__(self, users: Sequence[str] = ("ada", "bob"), page_size: int = 1000):
        self.tokens = {f"hf_{user}_{secrets.token_hex(8)}": user for user in users}
        self.repos: dict[tuple[str, str], Repo] = {}
        self.lfs: dict[str, bytes] = {}
        self.log: list[Request] = []
        self.fault: Callable[[Request], Response | None] | None = None
        self.page_size = page_size
        self._upload_keys: set[str] = set()
        self._lock = threading.RLock()

    def __enter__(self) -> HubServer:
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True  # idle keep-alive connections must not hold up the end
        self._http.block_on_close = False
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def token(self, user: str) -> str:
        return next(token for token, name in self.tokens.items() if name == user)

    def requests(self, method: str, pattern: str) -> list[Request]:
        """The logged requests of a method whose path matches a regular expression."""
        with self._lock:
            return [r for r in self.log if r.method == method and re.search(pattern, r.path)]

    # -- one request -> one response -------------------------------------------------------------

    def respond(self, request: Request) -> Response:
        with self._lock:
            self.log.append(request)
        answer = self.fault(request) if self.fault else None
        return answer or self.handle(request)

    def handle(self, request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        try:
            for route_method, pattern, name in ROUTES:
                match = pattern.match(request.path) if route_method == method else None
                if match:
                    args = {k: unquote(v) for k, v in match.groupdict().items() if v is not None}
                    with self._lock:
                        return getattr(self, f"_{name}")(request, **args)
            raise HubError(404, "", f"no such page: {request.method} {request.path}")
        except HubError as error:
            return error_response(error)

    def _user(self, request: Request) -> str | None:
        """Who asks; None without a token. A token that nobody has is refused everywhere."""
        header = request.headers.get("authorization", "")
        if not header:
            return None
        user = self.tokens.get(header.removeprefix("Bearer "))
        if user is None:
            raise HubError(401, "", "Invalid credentials in Authorization header")
        return user

    def _repo(self, request: Request, kind: str, id: str, write: bool = False) -> Repo:
        """The repository, if this user may see it. What one may not see does not exist."""
        user = self._user(request)
        repo = self.repos.get((kind.rstrip("/"), id))
        if repo is None or (repo.private and repo.owner != user):
            if user is None:
                raise HubError(401, "RepoNotFound", "Invalid username or password.")
            raise HubError(404, "RepoNotFound", "Repository not found")
        if write and user is None:
            raise HubError(401, "", "Invalid username or password.")
        if write and repo.owner != user:
            raise HubError(403, "", f"You don't have the rights to write to {id}")
        return repo

    # -- accounts and repositories ---------------------------------------------------------------

    def _whoami(self, request: Request) -> Response:
        user = self._user(request)
        if user is None:
            raise HubError(401, "", "Invalid username or password.")
        return Response.json({"type": "user", "name": user, "orgs": [], "auth": {}})

    def _named_repo(self, request: Request) -> tuple[str, str, str]:
        """(user, kind, id) of a create or delete request; only one's own namespace is allowed."""
        user = self._user(request)
        if user is None:
            raise HubError(401, "", "Invalid username or password.")
        asked = request.json()
        namespace = asked.get("organization") or user
        if namespace != user:
            raise HubError(403, "", f"You don't have the rights to use the namespace {namespace}")
        return user, (asked.get("type") or "model") + "s", f"{namespace}/{asked['name']}"

    def _create_repo(self, request: Request) -> Response:
        user, kind, id = self._named_repo(request)
        asked = request.json()
        answer = {"url": f"{self.url}/{WEB_PREFIX[kind]}{id}", "name": id}
        if (kind, id) in self.repos:
            return Response.json(answer | {"error": "You already created this repo"}, 409)
        private = asked.get("visibility") == "private" or bool(asked.get("private"))
        self.repos[kind, id] = Repo(kind, id, user, private, asked.get("sdk"))
        return Response.json(answer)

    def _delete_repo(self, request: Request) -> Response:
        _, kind, id = self._named_repo(request)
        if self.repos.pop((kind, id), None) is None:
            raise HubError(404, "RepoNotFound", "Repository not found")
        return Response()

    def _validate_yaml(self, request: Request) -> Response:
        content = request.json()["content"]
        errors = front_matter_errors(content)
        return Response.json(
            {"errors": [{"message": e} for e in errors], "warnings": []}, 400 if errors else 200
        )

    # -- reading ---------------------------------------------------------------------------------

    def _info(self, request: Request, kind: str, id: str, revision: str = "main") -> Response:
        repo = self._repo(request, kind, id)
        return Response.json(repo.info(revision, blobs="blobs" in request.query))

    def _tree(
        self, request: Request, kind: str, id: str, revision: str, path: str = ""
    ) -> Response:
        recursive = request.query.get("recursive", ["false"])[0].lower() in ("true", "1")
        entries = self._repo(request, kind, id).tree(revision, path, recursive)
        start = int(request.query.get("cursor", ["0"])[0])
        end = start + self.page_size
        headers = {}
        if end < len(entries):
            link = f"{self.url}{request.path}?recursive={str(recursive).lower()}&cursor={end}"
            headers["Link"] = f'<{link}>; rel="next"'
        return Response.json(entries[start:end], **headers)

    def _paths_info(self, request: Request, kind: str, id: str, revision: str) -> Response:
        entries = self._repo(request, kind, id).tree(revision)
        paths = parse_qs(request.body.decode()).get("paths", [])
        return Response.json([entry for entry in entries if entry["path"] in paths])

    def _refs(self, request: Request, kind: str, id: str) -> Response:
        repo = self._repo(request, kind, id)

        def listed(refs: dict[str, str], folder: str) -> list[dict]:
            return [
                {"name": name, "ref": f"refs/{folder}/{name}", "targetCommit": sha}
                for name, sha in refs.items()
            ]

        branches, tags = listed(repo.branches, "heads"), listed(repo.tags, "tags")
        return Response.json(
            {"branches": branches, "tags": tags, "converts": [], "pullRequests": []}
        )

    def _commits(self, request: Request, kind: str, id: str, revision: str) -> Response:
        commits = [
            {
                "id": commit.sha,
                "title": commit.title,
                "message": commit.description,
                "date": timestamp(commit.date),
                "authors": [{"user": commit.author}],
            }
            for commit in self._repo(request, kind, id).history(revision)
        ]
        return Response.json(commits)

    def _download(self, request: Request, id: str, revision: str, path: str, kind: str = "models"):
        repo = self._repo(request, kind, id)
        file = repo.file(revision, path)
        headers = {"X-Repo-Commit": repo.resolve(revision).sha}
        if not file.lfs:
            return ranged(request, file.data, headers | {"ETag": f'"{file.etag}"'})
        # Large files live on another server: redirect there with a signed address.
        headers |= {"X-Linked-ETag": f'"{file.etag}"', "X-Linked-Size": str(len(file.data))}
        headers["Location"] = self._storage_url(file.sha256)
        return Response(302, b"", headers)

    # -- writing ---------------------------------------------------------------------------------

    def _create_tag(self, request: Request, kind: str, id: str, revision: str) -> Response:
        repo = self._repo(request, kind, id, write=True)
        return self._add_ref(repo.tags, request.json()["tag"], repo.resolve(revision))

    def _create_branch(self, request: Request, kind: str, id: str, branch: str) -> Response:
        repo = self._repo(request, kind, id, write=True)
        start = request.json().get("startingPoint", "main")
        return self._add_ref(repo.branches, branch, repo.resolve(start))

    def _add_ref(self, refs: dict[str, str], name: str, commit: Commit) -> Response:
        if name in refs:
            raise HubError(409, "", f"Reference {name} already exists")
        refs[name] = commit.sha
        return Response.json({})

    def _preupload(self, request: Request, kind: str, id: str, revision: str) -> Response:
        stored = self._repo(request, kind, id, write=True).resolve(revision).files
        answers = []
        for file in request.json()["files"]:
            path, sample = file["path"], base64.b64decode(file["sample"])
            large = path.endswith(LFS_SUFFIXES) or file["size"] > LFS_SIZE or b"\0" in sample
            answer = {"path": path, "uploadMode": "lfs" if large else "regular"}
            answer["shouldIgnore"] = False
            if path in stored:
                answer["oid"] = stored[path].etag
            answers.append(answer)
        return Response.json({"files": answers})

    def _storage_url(self, oid: str) -> str:
        key = secrets.token_hex(8)
        self._upload_keys.add(key)
        # Another host name, as on the Hub: the client must not send its token there.
        return f"{self.url.replace('127.0.0.1', 'localhost')}/lfs/{oid}?key={key}"

    def _check_key(self, request: Request) -> None:
        if request.query.get("key", [""])[0] not in self._upload_keys:
            raise HubError(403, "", "Invalid or missing signature")

    def _lfs_batch(self, request: Request, id: str, kind: str = "models") -> Response:
        self._repo(request, kind, id, write=True)
        objects = []
        for wanted in request.json()["objects"]:
            answer = {"oid": wanted["oid"], "size": wanted["size"]}
            if wanted["oid"] not in self.lfs:
                verify = f"{self.url}/{kind if kind != 'models' else ''}{id}.git/info/lfs/objects"
                answer["actions"] = {
                    "upload": {"href": self._storage_url(wanted["oid"])},
                    "verify": {"href": f"{verify}/verify"},
                }
            objects.append(answer)
        return Response.json({"transfer": "basic", "objects": objects})

    def _lfs_put(self, request: Request, oid: str) -> Response:
        self._check_key(request)
        if hashlib.sha256(request.body).hexdigest() != oid:
            raise HubError(400, "", "content does not have the announced sha256")
        self.lfs[oid] = request.body
        return Response()

    def _lfs_verify(self, request: Request, id: str, kind: str = "models") -> Response:
        self._repo(request, kind, id, write=True)
        asked = request.json()
        if len(self.lfs.get(asked["oid"], b"")) != asked["size"]:
            raise HubError(404, "", "object is missing or has another size")
        return Response.json({})

    def _lfs_get(self, request: Request, oid: str) -> Response:
        self._check_key(request)
        if oid not in self.lfs:
            raise HubError(404, "", "no such object")
        return ranged(request, self.lfs[oid], {"ETag": f'"{oid}"'})

    def _commit(self, request: Request, kind: str, id: str, revision: str) -> Response:
        repo = self._repo(request, kind, id, write=True)
        if revision not in repo.branches:
            raise HubError(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        head = repo.resolve(revision)
        lines = [json.loads(line) for line in request.body.splitlines() if line.strip()]
        header = next(line["value"] for line in lines if line["key"] == "header")
        if header.get("parentCommit", head.sha) != head.sha:
            raise HubError(412, "", "A commit has happened since. Please refresh and try again.")
        files = dict(head.files)
        for line in lines:
            apply_operation(files, line["key"], line["value"], self.lfs)
        commit = repo.add_commit(
            revision, files, header["summary"], header.get("description", ""), repo.owner
        )
        url = f"{self.url}/{WEB_PREFIX[kind]}{id}/commit/{commit.sha}"
        return Response.json({"success": True, "commitOid": commit.sha, "commitUrl": url})


def ranged(request: Request, data: bytes, headers: Mapping[str, str]) -> Response:
    """The whole of ``data`` or, if the request has a Range, that part of it."""
    found = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
    if not found:
        return Response(200, data, headers)
    first, last = int(found[1]), min(int(found[2] or len(data) - 1), len(data) - 1)
    if first > last:
        return Response(416, b"", {**headers, "Content-Range": f"bytes */{len(data)}"})
    headers = {**headers, "Content-Range": f"bytes {first}-{last}/{len(data)}"}
    return Response(206, data[first : last + 1], headers)


def _handler(server: HubServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            chunks = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(chunks)

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            query = parse_qs(parts.query, keep_blank_values=True)
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, parts.path, query, headers, self._body())
            response = server.respond(request)
            self.close_connection |= response.cut_after is not None or response is NO_ANSWER
            if response is NO_ANSWER:
                return
            self.send_response(response.status)
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(response.body)))
            self.end_headers()
            if self.command != "HEAD":
                try:
                    self.wfile.write(response.body[: response.cut_after])
                except ConnectionError:  # whoever asked has left
                    self.close_connection = True

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _serve

        def log_message(self, format: str, *args: object) -> None:
            """Tests read ``HubServer.log``; nothing on stderr."""

    return Handler


def run_python(
    args: Sequence[str], *, hub: HubServer, home: Path, token: str | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run ``python ARGS`` with ``hub`` as its Hub and ``home`` as its (initially empty) cache.

    The child sees no other HF_* setting, so neither the developer's token nor cache.
    """
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING"))}
    clean |= {
        "HF_ENDPOINT": hub.url,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HOME": str(home),
        "NO_PROXY": "127.0.0.1,localhost",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
    }
    if token is not None:
        clean["HF_TOKEN"] = token
    return subprocess.run(
        [sys.executable, *args], env=clean | env, capture_output=True, text=True, timeout=300
    )
