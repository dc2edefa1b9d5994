"""A stand-in for the Hugging Face hub: the paths, headers and error codes of its API that huggingface_hub uses.

Small files are answered at once; large ones (LFS) by a redirect to a second server, as the hub's storage is one. What
goes wrong is set on the `Hub`; what was asked is in `asked`.
"""

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

LARGE = (".safetensors", "tokenizer.json")
"""What the hub keeps outside git."""


@dataclass(frozen=True)
class Asked:
    """One request: which server it reached, and whether it brought a token."""

    server: str
    method: str
    path: str
    range: str | None
    with_token: bool


@dataclass
class Repository:
    """`files` by name at `commit`, which the branch main and the tags in `refs` name."""

    files: dict[str, bytes]
    commit: str
    refs: dict[str, str] = field(default_factory=dict)


@dataclass
class Hub:
    """`refusals`: repository → (status, X-Error-Code, X-Error-Message). `moved`: old name → new. `cuts`: file → after
    how many bytes each of the next answers breaks off. `altered`: file → bytes in place of its own. `busy`: how many
    answers of the storage are 503. `without_ranges`: the storage answers with whole files. `stalls`: ORG/NAME/FILE →
    after how many bytes the next answer with the whole file stands still until its reader has gone."""

    repositories: dict[str, Repository] = field(default_factory=dict)
    refusals: dict[str, tuple[int, str, str]] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    cuts: dict[str, list[int]] = field(default_factory=dict)
    altered: dict[str, bytes] = field(default_factory=dict)
    stalls: dict[str, int] = field(default_factory=dict)
    busy: int = 0
    without_ranges: bool = False
    asked: list[Asked] = field(default_factory=list)
    url: str = ""
    storage_url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, repo: str, folder: Path, **refs: str) -> str:
        """Puts the folder's files there; returns the commit, which follows from them."""
        files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
        listed = json.dumps({name: hashlib.sha256(data).hexdigest() for name, data in files.items()})
        commit = hashlib.sha1(f"{repo} {listed}".encode()).hexdigest()
        self.repositories[repo] = Repository(files, commit, refs)
        return commit

    def asked_for(self, name: str) -> list[str | None]:
        """The range of each request that reached the storage for a file of that name, None for all of it."""
        return [one.range for one in self.asked if one.server == "storage" and one.path.endswith(f"/{name}")]


@contextlib.contextmanager
def running(hub: Hub) -> Iterator[Hub]:
    """The hub and its storage, listening on two ports of this machine."""
    servers = []
    for name, handler in (("hub", _Api), ("storage", _Storage)):
        kind = type(name, (handler,), {"hub": hub, "server_name": name})
        server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
    hub.url, hub.storage_url = (f"http://127.0.0.1:{server.server_port}" for server in servers)
    try:
        yield hub
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


def git_digest(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    server_name: str
    protocol_version = "HTTP/1.1"

    def log_message(self, *_) -> None:
        """The test's own output stays clean."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        token = "Authorization" in self.headers
        with self.hub.lock:
            self.hub.asked.append(Asked(self.server_name, self.command, path, self.headers.get("Range"), token))
        self.answer(path)

    def answer(self, path: str) -> None:
        raise NotImplementedError

    def send(self, status: int, data: bytes = b"", cut: int | None = None, stall: bool = False, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(data if cut is None else data[:cut])
        if stall:
            self.wfile.flush()
            with contextlib.suppress(OSError):
                self.connection.settimeout(30)
                self.connection.recv(1)
        if cut is not None and cut < len(data):
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(2)

    def send_part(self, name: str, data: bytes, **headers: str) -> None:
        """The range that was asked for, broken off where a cut is set."""
        cuts = self.hub.cuts.get(name)
        with self.hub.lock:
            cut = cuts.pop(0) if cuts and self.command == "GET" else None
            stall = None if self.headers.get("Range") else self.hub.stalls.pop(self.path.strip("/"), None)
        cut = stall or cut
        wanted = self.headers.get("Range")
        if wanted is None or self.hub.without_ranges:
            self.send(200, data, cut, bool(stall), **headers)
            return
        begin, end = (int(text) if text else None for text in wanted.removeprefix("bytes=").split("-"))
        if begin >= len(data):
            self.send(416, Content_Range=f"bytes */{len(data)}")
            return
        part = data[begin : len(data) if end is None else end + 1]
        self.send(206, part, cut, Content_Range=f"bytes {begin}-{begin + len(part) - 1}/{len(data)}", **headers)


class _Api(_Handler):
    def answer(self, path: str) -> None:
        words = path.strip("/").split("/")
        is_api = words[:2] == ["api", "models"]
        repo, rest = ("/".join(words[2:4]), words[4:]) if is_api else ("/".join(words[:2]), words[2:])
        if repo in self.hub.refusals:
            status, code, message = self.hub.refusals[repo]
            self.refuse(status, code, message)
        elif repo in self.hub.moved:
            self.send(307, Location=self.path.replace(repo, self.hub.moved[repo], 1))
        elif repo not in self.hub.repositories:
            # As the hub does it for whoever is not logged in: it does not say whether there is one.
            self.refuse(401, "RepoNotFound", "Repository not found")
        else:
            self.answer_of(repo, self.hub.repositories[repo], is_api, rest)

    def refuse(self, status: int, code: str, message: str) -> None:
        headers = {"X_Error_Code": code, "X_Error_Message": message}
        self.send(status, json.dumps({"error": message}).encode(), Content_Type="application/json", **headers)

    def answer_of(self, repo: str, found: Repository, is_api: bool, rest: list[str]) -> None:
        kind, *rest = rest or ["revision", "main"]
        name = rest.pop() if kind == "resolve" else ""
        revision = "/".join(rest)
        if revision not in {"main": 1, found.commit: 1, **found.refs}:
            self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        elif is_api and kind == "revision":
            # Sizes and digests only to who asks for them, as the hub does it.
            with_blobs = "blobs=" in urlsplit(self.path).query
            siblings = [
                _sibling(name, data) if with_blobs else {"rfilename": name} for name, data in found.files.items()
            ]
            self.send_json({"_id": "0", "id": repo, "modelId": repo, "sha": found.commit, "siblings": siblings})
        elif is_api and kind == "tree":
            self.send_json([_entry(name, data) for name, data in found.files.items()])
        elif kind == "resolve" and name in found.files:
            self.resolve(repo, found, name)
        else:
            self.refuse(404, "EntryNotFound", "Entry not found")

    def resolve(self, repo: str, found: Repository, name: str) -> None:
        data, headers = found.files[name], {"X_Repo_Commit": found.commit}
        if name.endswith(LARGE):
            digest = hashlib.sha256(data).hexdigest()
            headers |= {"X_Linked_Size": str(len(data)), "X_Linked_Etag": f'"{digest}"'}
            self.send(302, Location=f"{self.hub.storage_url}/{repo}/{name}", ETag=f'"{digest}"', **headers)
        else:
            data = self.hub.altered.get(name, data)
            self.send_part(name, data, ETag=f'"{git_digest(found.files[name])}"', **headers)

    def send_json(self, value: object) -> None:
        self.send(200, json.dumps(value).encode(), Content_Type="application/json")


class _Storage(_Handler):
    def answer(self, path: str) -> None:
        repo, _, name = path.strip("/").rpartition("/")
        with self.hub.lock:
            busy, self.hub.busy = self.hub.busy, max(0, self.hub.busy - 1)
        if busy:
            self.send(503)
            return
        data = self.hub.altered.get(name, self.hub.repositories[repo].files[name])
        self.send_part(name, data)


def _sibling(name: str, data: bytes) -> dict:
    entry = {"rfilename": name, "size": len(data), "blobId": git_digest(data)}
    if name.endswith(LARGE):
        entry["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
    return entry


def _entry(name: str, data: bytes) -> dict:
    entry = {"type": "file", "path": name, "size": len(data), "oid": git_digest(data)}
    if name.endswith(LARGE):
        sha256 = hashlib.sha256(data).hexdigest()
        entry["lfs"] = {"oid": sha256, "size": len(data), "pointerSize": 134}
    return entry
