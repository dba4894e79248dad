"""Publishing a run's model on the Hub while it trains: never slower, never ended by it."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pokegan.errors import PokeGANError
from pokegan.hub.publish import publish_model
from pokegan.hub.repository import check_repo_id
from pokegan.hub.retry import PAUSES
from pokegan.hub_errors import client_errors, may_pass, reading_failed, status_of
from pokegan.training.stopping import stop_signal

CHECK_SECONDS = 10.0
"""How long the Hub may take to say, before the training, what it knows of the repository."""
UPLOAD_SECONDS = 900.0
"""An upload that takes longer is ended; the client itself would wait for ever."""
STOP_SECONDS = 5.0
"""How long a stopped run waits for the upload that is under way."""


@contextmanager
def pushing(
    run: Path, repo_id: str, private: bool, every_kimg: float | None
) -> Iterator[Callable[[float], None]]:
    """Publish a run's model folder while the block trains, and once more when it has ended.

    Gives a function to be called whenever the model folder was written, with the thousand images
    seen. It returns at once. What could not be published is told on stderr at the end; the block's
    own outcome stays as it is.

    Args:
        run: the run folder.
        repo_id, private: as for :func:`pokegan.hub.publish.publish_model`.
        every_kimg: thousand real images between pushes, as far as models are written then;
            ``None`` for the last model alone.
    """
    pusher = _Pusher(run, repo_id, private, every_kimg)
    try:
        yield pusher.model_written
    except BaseException:
        pusher.stop()
        raise
    pusher.finish()


class _Pusher:
    """One upload at a time, of a copy of the model folder, in a process of its own: there it cannot
    slow the training, and one that hangs can be ended.

    A model for which there is no time, because an older one is still being sent, is left out.
    """

    def __init__(self, run: Path, repo_id: str, private: bool, every_kimg: float | None):
        self.run, self.repo_id, self.private = run, repo_id, private
        self.every_kimg = every_kimg
        # Thousand images that the models had seen which were written, sent and published last.
        self.written: float | None = None
        self.begun = 0.0
        self.pushed: float | None = None
        self.url = ""
        self.failures: list[str] = []
        self.upload: subprocess.Popen | None = None
        self.folder: Path | None = None  # of the upload: the copy, and what the process says

    def model_written(self, kimg: float) -> None:
        self.written = kimg
        if self.every_kimg is not None:
            parts = [round(1000 * each) // (1000 * self.every_kimg) for each in (self.begun, kimg)]
            if parts[0] < parts[1] and not self._is_busy():
                self._begin()

    def finish(self) -> None:
        """Publish the last model, and say how it went."""
        if self._wait(UPLOAD_SECONDS) and self.pushed != self.written:
            self._begin()
            self._wait(UPLOAD_SECONDS)
        self._end()

    def stop(self) -> None:
        """Let go of an upload that is under way, unless it ends soon."""
        self._wait(STOP_SECONDS)
        self._end()

    def _begin(self) -> None:
        self.begun, self.began = self.written, time.monotonic()
        try:
            self.folder = Path(tempfile.mkdtemp(prefix="pokegan-push-"))
            # Training may change the folder while it is being sent.
            shutil.copytree(self.run / "model", self.folder / "model")
            options = json.dumps({"private": self.private, "pauses": PAUSES})
            arguments = [str(self.folder / "model"), self.repo_id, options]
            paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
            changes = {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
            with open(self.folder / "said", "wb") as said, open(self.folder / "url", "wb") as url:
                self.upload = subprocess.Popen(
                    [sys.executable, "-m", __name__, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=url,
                    stderr=said,
                    env=os.environ | changes | {"HF_HUB_DISABLE_PROGRESS_BARS": "1"},
                    start_new_session=True,  # Ctrl-C in a terminal is meant for the training
                )
        except OSError as error:  # shutil.Error is one as well
            self._ended(f"it cannot be begun ({error})")

    def _is_busy(self) -> bool:
        """Whether an upload is under way; of one that has ended, note how."""
        if self.upload is None:
            return False
        status = self.upload.poll()
        if status is None and time.monotonic() - self.began < UPLOAD_SECONDS:
            return True
        if status is None:
            self._ended(f"it did not end within {UPLOAD_SECONDS:g} s")
        elif status == 0:
            self.pushed = self.begun
            self.url = self._last_line("url")
            self._ended()
        else:
            self._ended(self._last_line("said") or f"exit status {status}")
        return False

    def _last_line(self, name: str) -> str:
        """Of what the process said; nothing, where somebody has cleared the temporary folder."""
        with suppress(OSError):
            lines = (self.folder / name).read_text(encoding="utf-8", errors="replace").splitlines()
            return lines[-1] if lines else ""
        return ""

    def _ended(self, failure: str | None = None) -> None:
        if self.upload is not None:
            self.upload.kill()
            self.upload.wait()
            self.upload = None
        if failure is not None:
            self.failures.append(failure)
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None

    def _wait(self, seconds: float) -> bool:
        """Wait for the upload under way, no longer than that and not beyond a signal; whether
        none is under way any more."""
        end = time.monotonic() + seconds
        with stop_signal() as received:
            while self._is_busy():
                if received or time.monotonic() >= end:
                    return False
                with suppress(subprocess.TimeoutExpired):
                    self.upload.wait(0.1)
        return not received

    def _end(self) -> None:
        """End an upload that is still under way, and say what is on the Hub."""
        if self._is_busy():
            self._ended("an upload was still under way")
        if self.written is None:  # the run ended before its first checkpoint, and says why
            return
        if self.pushed == self.written:
            before = f" (pushes that failed before: {len(self.failures)})" if self.failures else ""
            print(f"pushed: {self.url}{before}", flush=True)
            return
        reason = self.failures[-1] if self.failures else "the run was stopped"
        held = "nothing" if self.pushed is None else f"the one of {self.pushed:g} kimg"
        command = f"python push_to_hub.py model {shlex.quote(str(self.run))} {self.repo_id}"
        print(
            f"warning: the model of {self.written:g} kimg was not pushed: {reason}; this run pushed"
            f" {held}; push by hand with: {command}{' --private' * self.private}",
            file=sys.stderr,
            flush=True,
        )


def check_target(repo_id: str, private: bool) -> None:
    """See before the training whether its model can be published.

    A Hub that cannot be reached, or fails, is only a warning: it may be back when it is needed.

    Args:
        repo_id, private: as for :func:`pokegan.hub.publish.publish_model`.

    Raises:
        PokeGANError: no Hub id; no token, or one that may not write there; a public repository
            although ``private`` is asked for.
    """
    from huggingface_hub import HfApi, get_token
    from huggingface_hub.errors import OfflineModeIsEnabled, RepositoryNotFoundError

    check_repo_id(repo_id)
    if get_token() is None:
        raise PokeGANError(
            f"{repo_id}: to push, the Hub wants a token with write access; run `hf auth login` or"
            f" set HF_TOKEN"
        )
    api = HfApi(library_name="pokegan")
    try:
        try:
            public = not api.model_info(repo_id, timeout=CHECK_SECONDS).private
        except RepositoryNotFoundError:
            public = False
        user = api.whoami()
    except client_errors() as error:
        if status_of(error) == 401:
            raise PokeGANError(
                f"{repo_id}: the Hub does not accept the token; see `hf auth login` and HF_TOKEN"
            ) from error
        if not (may_pass(error) or isinstance(error, OfflineModeIsEnabled)):
            raise PokeGANError(reading_failed(error, repo_id)) from error
        reason = " ".join(str(error).split())
        print(f"warning: {repo_id}: the Hub cannot be asked yet ({reason})", file=sys.stderr)
        return
    names = {user["name"], *(group["name"] for group in user.get("orgs") or [])}
    role = ((user.get("auth") or {}).get("accessToken") or {}).get("role")
    if repo_id.split("/")[0].lower() not in {name.lower() for name in names} or role == "read":
        raise PokeGANError(f"{repo_id}: the token of {user['name']} may not write there")
    if private and public:
        raise PokeGANError(
            f"{repo_id} exists and is public; make it private on its page on the Hub, or choose"
            f" another name"
        )


def _upload(folder: str, repo_id: str, options: str) -> int:
    """What the process of an upload does."""
    if hasattr(os, "nice"):
        os.nice(10)  # the training goes first
    try:
        print(publish_model(folder, repo_id, **json.loads(options)))
    except PokeGANError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(_upload(*sys.argv[1:]))
