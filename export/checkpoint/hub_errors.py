"""The hub client's errors in this program's form: the hub's own words, and what to do. Imported when one is raised."""

import re

import httpx2
from huggingface_hub import constants, errors

from export.checkpoint.files import printable
from export.errors import CheckpointError, OutputError, SlipstreamError

LOG_IN = "log in with `hf auth login` (or set HF_TOKEN)"
BY_HAND = "or download it where there is a network (hf download), copy the folder, and name that instead"
# The client begins with its status line and a request's id, which help nobody here.
NOISE = re.compile(r"\(Request ID: [^)]*\)|\b\d{3} Client Error\.|\n\s*")
BUSY = (408, 429, 500, 502, 503, 504)


def hub_error(error: Exception, repo: str, what: str, nearby: str = "") -> SlipstreamError:
    """`what` was asked of the hub: the repository, ORG/NAME@REVISION, or a file of it. `nearby` says what folders of a
    similar name are here."""
    page = f"{constants.ENDPOINT}/{repo}"
    title, expected, action = _said_of(error, repo, page)
    if isinstance(error, OSError) and not isinstance(error, errors.HfHubHTTPError | ConnectionError):
        return OutputError(
            f"Download can't be written: {what}",
            expected="a cache folder that can be written to, with room",
            found=printable(error.strerror or error),
            where=printable(error.filename or constants.HF_HUB_CACHE),
            action="Free some space, mend its permissions, or set HF_HOME to another folder, and run this again.",
        )
    if nearby:
        action = f"Is a folder meant, check its spelling: {nearby}. {action}"
    return CheckpointError(title, expected=expected, found=_words(error), where=printable(what), action=action)


def is_passing(error: Exception) -> bool:
    """Whether asking again may help: the connection broke, or the hub is busy."""
    if isinstance(error, errors.HfHubHTTPError):
        return error.response.status_code in BUSY
    return isinstance(error, httpx2.TransportError)


def is_unreachable(error: Exception) -> bool:
    """Whether the hub gave no answer at all, so that what is cached counts."""
    return isinstance(error, httpx2.TransportError | errors.OfflineModeIsEnabled)


def _said_of(error: Exception, repo: str, page: str) -> tuple[str, str, str]:
    """(title, expected, action)."""
    status = error.response.status_code if isinstance(error, errors.HfHubHTTPError) else None
    readable = "a repository that you may read"
    if isinstance(error, errors.GatedRepoError):
        action = f"Accept its licence at {page}, {LOG_IN} as the account that did, and run this again."
        return f"Repository is gated: {repo}", readable, action
    if isinstance(error, errors.RepositoryNotFoundError):
        expected = "a folder of that name here, or a repository on the hub that you may read"
        action = f"Check the spelling ({page}). Is it private, {LOG_IN} as an account that may read it."
        return f"Repository not found on the hub: {repo}", expected, action
    if isinstance(error, errors.RevisionNotFoundError):
        action = f"Name a branch, a tag or a whole commit hash of it: {page}/commits/main lists them."
        return f"Revision not found on the hub: {repo}", "a revision of that repository", action
    if isinstance(error, errors.DisabledRepoError):
        return f"Repository is disabled on the hub: {repo}", readable, f"Ask its owners, {page}/discussions."
    if isinstance(error, errors.HFValidationError):
        return f"Not a hub id: {repo}", "a folder, or ORG/NAME on the hub", "Check the spelling."
    if status in (401, 403):
        action = f"Make sure that your token is valid and may read it: {LOG_IN} anew."
        return f"The hub refuses access: {repo}", readable, action
    if status is not None:
        action = f"Try again later: a download goes on where it ended. See {page} for the repository itself."
        return f"The hub answers with an error: {repo}", "an answer", action
    if isinstance(error, errors.OfflineModeIsEnabled):
        action = f"Unset HF_HUB_OFFLINE to let it be downloaded, {BY_HAND}."
        return f"Not in the hub's cache: {repo}", f"a whole snapshot in {printable(constants.HF_HUB_CACHE)}", action
    if not isinstance(error, httpx2.TransportError):
        action = f"Check proxy and HF_ENDPOINT: is it a hub that answers at {constants.ENDPOINT}?"
        return f"The hub's answer is not understood: {repo}", "an answer in the form of the hub's API", action
    action = f"Check network, proxy and HF_ENDPOINT, and run this again: a download goes on where it ended; {BY_HAND}."
    return f"The hub can't be reached: {repo}", f"an answer of {constants.ENDPOINT}", action


def _words(error: Exception) -> str:
    """What the hub itself said, else what its client did."""
    said = getattr(error, "server_message", None) or str(error) or type(error).__name__
    if isinstance(error, errors.OfflineModeIsEnabled):
        said = "it is not there, and HF_HUB_OFFLINE is set"
    elif not isinstance(error, errors.HfHubHTTPError | errors.HFValidationError):
        said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return printable(NOISE.sub(" ", said).strip())[:500]
