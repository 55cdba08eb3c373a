"""Sends one blob to a registry: in parts, through cuts, stalls and refusals, going on where an earlier attempt stopped.

Rules: 1. after a broken connection the registry is asked how much it has, and only the rest is sent; 2. one that does
not know the upload any more gets a new one, from the start; 3. a registry that sends parts on to another place gets the
address of each in turn, and the bytes go there side by side, with nothing that tells of the user; 4. how far the upload
is, is on disk before the next part begins; 5. an upload that cannot be ended is asked after: the blob may be there.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import anyio
from aiohttp import ClientResponse, hdrs
from anyio import Semaphore, to_thread
from msgspec.structs import replace
from yarl import URL

from tampu.errors import CorruptBlob, RegistryError, RegistryNotFound, RegistryUnreachable, StoreError
from tampu.registry.client import RegistryAnswer, RegistryClient
from tampu.registry.failures import first_failure
from tampu.registry.retries import when_asked_to_wait
from tampu.registry.sending import PartSender, Sent
from tampu.registry.transport import error_text, named_place, redirect_target
from tampu.registry.upload_journal import UploadJournal, UploadState
from tampu.registry.upload_plan import Outlook, bytes_taken, etag, outlook, part_end, part_size, with_query
from tampu.store.faults import store_faults

_log = logging.getLogger(__name__)

Report = Callable[[int, int], None]
"""Told the bytes that are with the registry or on their way, and the bytes in all."""

_SIDE_BY_SIDE: Final = 4
_UPLOAD_LOCATION: Final = "Docker-Upload-Location"
_NO_STATUS: Final = frozenset({405, 501})
_PLACE_IS_OVER: Final = frozenset({400, 401, 403, 404, 410})
"""So signed addresses are answered that have run out; the registry gives a new one."""
_NO_CONTENT: Final[dict[str, str]] = {hdrs.CONTENT_LENGTH: "0", hdrs.ACCEPT_ENCODING: "gzip"}


@dataclass(frozen=True, slots=True)
class LocalBlob:
    """What is to be sent. `mount_from`: another repository of the same registry that may have it, "" for none."""

    path: Path
    digest: str
    size: int
    mount_from: str = ""


async def upload_blob(client: RegistryClient, blob: LocalBlob, journal: UploadJournal, report: Report) -> None:
    """Make the registry have the blob, which it did not have a moment ago.

    Raises RegistryError and what it stands for; StoreError where the blob cannot be read, or CorruptBlob.
    """
    key = f"{client.url('')} {blob.digest}"
    state = await to_thread.run_sync(journal.load, key)
    for attempt in range(client.patience.retries + 1):
        upload = _Upload(client, blob, _JournalLine(journal, key), report)
        try:
            if state is None:
                await when_asked_to_wait(client.patience, upload.begin)
            else:
                upload.resume(state)
            await upload.finish()
        except _LostUploadError as error:
            failure, state = error, None
            await to_thread.run_sync(journal.remove, key)
            if await client.has_blob(blob.digest):
                return
            await anyio.sleep(client.patience.pause_s(attempt + 1))
        else:
            await to_thread.run_sync(journal.remove, key)
            return
    raise RegistryError(f"max retries exceeded: {failure}")


class _LostUploadError(RegistryError):
    """The registry does not know the upload, or has other bytes than were sent; another upload may do."""


class _JournalLine:
    """Keeps the state of one upload on disk. States reach it in the order in which they are true."""

    def __init__(self, journal: UploadJournal, key: str) -> None:
        self._journal, self._key = journal, key
        self._lock = anyio.Lock()

    async def save(self, current: Callable[[], UploadState]) -> None:
        """Without a journal only a push after a restart begins anew, so one that cannot be written stops nothing."""
        async with self._lock:
            try:
                await to_thread.run_sync(self._journal.save, self._key, current())
            except StoreError as error:
                _log.warning("%s", error.message)


@dataclass(slots=True)
class _Part:
    """A part that goes to another place. `address` is where the registry tells which."""

    start: int
    end: int
    address: URL
    target: URL
    md5: str = ""
    is_done: bool = False


class _Upload:
    """One upload: begun or resumed, then finished.

    `_state` speaks of the stretch from the start that has no gap; `_elsewhere` has, in order, the parts behind it that
    the registry sent on to another place.
    """

    def __init__(self, client: RegistryClient, blob: LocalBlob, line: _JournalLine, report: Report) -> None:
        self._client, self._blob, self._line, self._report = client, blob, line, report
        self._sender = PartSender(client, blob.path, self._announce)
        self._state = UploadState(address="")
        self._next = URL()
        self._elsewhere: list[_Part] = []
        self._is_unsure = self._is_mounted = False
        self._failures, self._reached = 0, 0

    async def begin(self) -> None:
        """Ask for an address to send to; the registry may find the blob in another repository instead."""
        address = self._client.url("blobs/uploads/")
        if self._blob.mount_from:
            query = urlencode({"from": self._blob.mount_from, "mount": self._blob.digest})
            address = URL(f"{address}?{query}", encoded=True)
        async with self._client.exchange("POST", address, _NO_CONTENT) as response:
            self._is_mounted = response.status == 201 and bool(self._blob.mount_from)
            if not self._is_mounted:
                self._next = _next_address(response)
                await self._note(UploadState(address=str(self._next)))

    def resume(self, state: UploadState) -> None:
        """Go on with what an earlier attempt, perhaps of a killed process, began."""
        self._state, self._next = state, URL(state.address, encoded=True)
        self._is_unsure = not state.redirects

    async def finish(self) -> None:
        """Send what is missing and give the whole its name; raises _LostUploadError, RegistryError."""
        if not self._is_mounted:
            await self._send_all()
            await self._end()
        self._report(self._blob.size, self._blob.size)

    # --- parts -------------------------------------------------------------------------------------------------------

    async def _send_all(self) -> None:
        slots = Semaphore(_SIDE_BY_SIDE)
        try:
            async with anyio.create_task_group() as group:
                while self._is_unsure or self._offered < self._blob.size:
                    await slots.acquire()  # addresses for parts run out: none is fetched far ahead
                    part = await self._offer_next()
                    if part is None:
                        slots.release()
                    else:
                        group.start_soon(self._send_elsewhere, part, slots)
        except ExceptionGroup as failures:
            raise first_failure(failures) from None

    async def _offer_next(self) -> _Part | None:
        """One try to send the next part; the part, if it is to go elsewhere."""
        try:
            if self._is_unsure:
                await self._ask_how_far()
            if self._offered < self._blob.size:
                return await self._offer(self._offered)
        except RegistryNotFound as error:
            raise _LostUploadError(f"404: {error}") from None
        except (RegistryAnswer, RegistryUnreachable) as error:
            await self._recover(error)
            # An answer says that nothing was taken, at least once; a cut says nothing.
            self._is_unsure = not self._state.redirects and (
                self._failures > 1 or isinstance(error, RegistryUnreachable)
            )
        return None

    async def _ask_how_far(self) -> None:
        """Go to where the registry's bytes end; raises _LostUploadError if it has more than there is."""
        try:
            async with self._client.exchange("GET", self._next, {hdrs.ACCEPT_ENCODING: "gzip"}) as response:
                told = bytes_taken(response.headers)
                if hdrs.LOCATION in response.headers:
                    self._next = _next_address(response)
        except RegistryAnswer as error:
            if error.code not in _NO_STATUS:
                raise
            told = None
        self._is_unsure = False
        sent = self._state.sent if told is None else told
        if sent > self._blob.size:
            raise _LostUploadError(f"the registry has {sent} bytes of {self._blob.size}")
        whole_parts = sent // part_size(self._blob.size)
        await self._note(replace(self._state, sent=sent, md5s=self._state.md5s[:whole_parts], address=str(self._next)))

    async def _offer(self, start: int) -> _Part | None:
        end, address = part_end(start, self._blob.size), self._next
        headers = {hdrs.CONTENT_RANGE: f"{start}-{end - 1}", "X-Redirect-Uploads": "1"}
        async with self._sender.send("PATCH", address, start, end, headers, knows_user=True) as sent:
            target = redirect_target(sent.response)
            if target is None:
                await self._taken(start, end, sent)
                return None
            if _UPLOAD_LOCATION not in sent.response.headers:
                self._next = target  # the registry itself lives elsewhere
                raise RegistryAnswer(sent.response.status, f"redirected to {target.origin()}", None)
            self._next = _next_address(sent.response)
            part = _Part(start, end, address, target)
            self._elsewhere.append(part)
            return part

    async def _taken(self, start: int, end: int, sent: Sent) -> None:
        """Note that the registry has the part, or as much of it as it says."""
        told = bytes_taken(sent.response.headers)
        if not sent.md5:
            raise RegistryUnreachable("the registry answered before it had the whole part")
        if told is not None and not start <= told <= end:
            raise _LostUploadError(f"the registry has {told} bytes where {end} were sent")
        self._next = _next_address(sent.response)
        md5s = self._state.md5s
        if told in {None, end} and start == len(md5s) * part_size(self._blob.size):
            md5s = (*md5s, sent.md5)
        await self._note(UploadState(address=str(self._next), sent=end if told is None else told, md5s=md5s))

    # --- parts that go elsewhere -------------------------------------------------------------------------------------

    async def _send_elsewhere(self, part: _Part, slots: Semaphore) -> None:
        try:
            while not part.is_done:
                try:
                    await self._put(part)
                except (RegistryAnswer, RegistryUnreachable) as error:
                    await self._recover(error)
        finally:
            slots.release()

    async def _put(self, part: _Part) -> None:
        async with self._sender.send("PUT", part.target, part.start, part.end, {}, knows_user=False) as sent:
            status, further = sent.response.status, redirect_target(sent.response)
            if further is not None:
                part.target = further
            elif status < 400:
                part.md5, part.is_done = sent.md5, True
            text = await error_text(sent.response)
        if part.is_done:
            await self._close_gap()
            return
        if status in _PLACE_IS_OVER:
            part.target = await self._target_again(part)
        raise RegistryAnswer(503 if status in _PLACE_IS_OVER else status, text, None)

    async def _target_again(self, part: _Part) -> URL:
        headers = {hdrs.CONTENT_RANGE: f"{part.start}-{part.end - 1}", "X-Redirect-Uploads": "1"}
        sending = self._sender.send("PATCH", part.address, part.start, part.end, headers, knows_user=True)
        async with sending as sent:
            target = redirect_target(sent.response)
        if target is None:
            raise _LostUploadError("the registry took a part that it had sent elsewhere before")
        return target

    async def _close_gap(self) -> None:
        """Move the parts that are done, up to the first that is not, into the state."""
        state = self._state
        while self._elsewhere and self._elsewhere[0].is_done:
            part = self._elsewhere.pop(0)
            state = replace(state, sent=part.end, md5s=(*state.md5s, part.md5))
        address = self._elsewhere[0].address if self._elsewhere else self._next
        await self._note(replace(state, address=str(address), redirects=True))

    # --- the end -----------------------------------------------------------------------------------------------------

    async def _end(self) -> None:
        """Give the whole its digest. The registry may read it all again before it answers."""
        is_whole = len(self._state.md5s) == -(-self._blob.size // part_size(self._blob.size))
        # Only stores that take parts know the word; a resumed upload has other parts than were planned.
        more = {"etag": etag(self._state.md5s)} if is_whole else {}
        address = with_query(self._next, digest=self._blob.digest, **more)
        headers = {**_NO_CONTENT, hdrs.CONTENT_TYPE: "application/octet-stream"}
        self._failures = 0
        while not await self._try_to_end(address, headers):
            pass

    async def _try_to_end(self, address: URL, headers: Mapping[str, str]) -> bool:
        try:
            if self._is_unsure and await self._client.has_blob(self._blob.digest):
                return True
            commit_s = self._client.patience.commit_s
            async with self._client.exchange("PUT", address, headers, answer_s=commit_s) as response:
                _refuse_redirect(response)
                return True
        except RegistryNotFound as error:
            raise _LostUploadError(f"404: {error}") from None
        except RegistryAnswer as error:
            if outlook(error.code) is Outlook.BEGIN_ANEW and self._failures:
                await to_thread.run_sync(_check_content, self._blob, abandon_on_cancel=True)
                raise _LostUploadError(error.message) from None
            await self._recover(error, is_patient=True)
        except RegistryUnreachable as error:
            await self._recover(error)
            self._is_unsure = True
        return False

    # --- what all of it needs ----------------------------------------------------------------------------------------

    @property
    def _offered(self) -> int:
        """Where the next part begins."""
        return self._elsewhere[-1].end if self._elsewhere else self._state.sent

    async def _recover(self, error: RegistryAnswer | RegistryUnreachable, *, is_patient: bool = False) -> None:
        """Wait, if there is hope; else raise. A failure counts only if there was no progress since the last."""
        if isinstance(error, RegistryAnswer):
            if outlook(error.code) is Outlook.REFUSED:
                raise error
            if outlook(error.code) is Outlook.BEGIN_ANEW and not is_patient:
                raise _LostUploadError(error.message)
        done = self._state.sent + sum(part.end - part.start for part in self._elsewhere if part.is_done)
        self._failures = self._failures + 1 if done <= self._reached else 1
        self._reached = max(done, self._reached)
        if self._failures > self._client.patience.retries:
            raise RegistryUnreachable(f"max retries exceeded: {error}")
        wait_s = error.wait_s if isinstance(error, RegistryAnswer) else None
        await anyio.sleep(self._client.patience.pause_s(self._failures, wait_s))

    async def _note(self, state: UploadState) -> None:
        self._state = state
        self._announce()
        await self._line.save(lambda: self._state)

    def _announce(self) -> None:
        done = sum(part.end - part.start for part in self._elsewhere if part.is_done)
        self._report(min(self._state.sent + done + self._sender.under_way, self._blob.size), self._blob.size)


def _next_address(response: ClientResponse) -> URL:
    """Where the upload goes on; raises RegistryError if the registry does not say."""
    location = response.headers.get(_UPLOAD_LOCATION) or response.headers.get(hdrs.LOCATION)
    if not location:
        raise RegistryError("the registry gave no address to upload to")
    return named_place(response, location)


def _refuse_redirect(response: ClientResponse) -> None:
    if response.status >= 300:
        raise RegistryAnswer(response.status, "unexpected redirect", None)


def _check_content(blob: LocalBlob) -> None:
    """A registry may refuse good bytes, or be sent bad ones; raises CorruptBlob for the latter."""
    with store_faults("reading a blob"), blob.path.open("rb") as file:
        got = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    if got != blob.digest:
        raise CorruptBlob(f"blob {blob.digest} is damaged: its content is {got}; pull or create the model again")
