"""Releases of a store as folders of DAG files: made whole or not at all, by one process at a time."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from airflow_workflow_provider.bundles.errors import BundleError, OtherStoreError
from airflow_workflow_provider.bundles.facts import FORMAT
from airflow_workflow_provider.bundles.layout import Layout, write_release
from airflow_workflow_provider.bundles.planning import Store, changed_files, nearest, number_of, plan_release
from airflow_workflow_provider.bundles.storage import require_private_folder
from airflow_workflow_provider.bundles.sweeping import sweep, sweep_if_due
from airflow_workflow_provider.bundles.writing import ShardWriter
from airflow_workflow_provider.private_files import (
    NotPrivateError,
    make_folder,
    point,
    read_text,
    remove_tree,
    replace_private,
)
from airflow_workflow_provider.store.errors import StoreSchemaError, StoreUnavailableError


@dataclass(frozen=True, slots=True)
class Followed:
    """What came of following the store: its newest release, and which DAG files are others than before."""

    release: int
    changed: tuple[str, ...] = ()


class Releases:
    """The releases below one folder. ``lock`` lets one process in at a time and is let go when a process dies."""

    def __init__(self, base: str, lock: Callable[[], AbstractContextManager[None]]) -> None:
        self.layout = Layout(base)
        self._lock = lock

    def tracked(self) -> int | None:
        """The number of the release that is in use as the newest; ``None`` if there is none on disk."""
        try:
            return int(os.path.basename(os.readlink(self.layout.tracking)).partition("-")[0])
        except (OSError, ValueError):
            return None

    def holds(self, number: int) -> bool:
        """Whether all of a release is on disk; no store is asked."""
        return self.layout.read(self.layout.version(number)) is not None

    def materialise(self, store: Callable[[], Store], number: int) -> None:
        """Put a release on disk, unless it is there."""
        self._require_private()
        if self.holds(number):
            return
        with self._alone():
            if self.holds(number):  # since somebody else was quicker
                return
            unfinished = self._copy(number) or self._build(store(), number)
            place = self.layout.version(number)
            make_folder(self.layout.versions)
            if os.path.lexists(place):  # half of it is gone: somebody was killed while removing it
                os.rename(place, self._unfinished())
            os.rename(unfinished, place)
            sweep_if_due(self.layout)

    def follow(self, store: Store, anew: Callable[[], Store]) -> Followed:
        """Let ``tracking`` be the newest release; what changed in it gets a fresh modification time.

        ``anew`` opens the store that is asked for the release itself: the one that is looked at every few seconds may
        have been replaced by another since it was opened.
        """
        self._require_private()
        newest = store.newest_release().number
        if self._follows(newest):
            self._require_same(store)  # also of another store the newest release may have that number
            return Followed(newest)
        with self._alone():
            store = anew()
            newest = store.newest_release().number  # again: another process may have gone on meanwhile
            if self._follows(newest):
                return Followed(newest)
            self._forget_later_than(newest)
            unfinished = self._build(store, newest)
            make_folder(self.layout.current)
            folder = os.path.join(self.layout.current, f"{newest}-{secrets.token_hex(4)}")
            os.rename(unfinished, folder)
            changed = self._switch(folder)
            self._forget_later_than(newest)
            return Followed(newest, changed)

    def _require_private(self) -> None:
        """Also of a release that is on disk: what is there is run."""
        with self._told():
            require_private_folder(self.layout.base)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What a disk refuses, in a sentence."""
        try:
            yield
        except NotPrivateError as error:
            message = f"no release of the workflow store is kept in {self.layout.base} or run from there: {error}"
            raise BundleError(message) from None
        except OSError as error:
            said = ": ".join(str(each) for each in (error.filename, error.strerror) if each) or str(error)
            message = f"no release of the workflow store can be written to {self.layout.base}: {said}"
            raise BundleError(message) from error

    def _follows(self, number: int) -> bool:
        tracked = self.layout.tracked()
        return tracked is not None and (tracked.number, tracked.format) == (number, FORMAT)

    def _switch(self, folder: str) -> tuple[str, ...]:
        before, after = self.layout.tracked(), self.layout.read(folder)
        changed = tuple(changed_files(self.layout, before, after)) if after else ()
        # Also before the switch: a process that dies after it would leave files that look old.
        touch(folder, changed)
        point(self.layout.tracking, os.path.join(os.path.basename(self.layout.current), os.path.basename(folder)))
        touch(folder, changed)
        if before:
            os.utime(before.path)  # from now on nobody uses it
        sweep_if_due(self.layout)
        return changed if before else ()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Nobody else changes the folder meanwhile. Whoever waited for one whom the store failed fails with it."""
        began = time.time()
        with self._told(), self._lock():
            self._fail_with_others(began)
            self._clear_unfinished()
            try:
                yield
            except BaseException as error:
                self._clear_unfinished()
                self._after_failure(error)
                raise

    def _clear_unfinished(self) -> None:
        """Leftovers: whoever writes there holds the lock."""
        make_folder(self.layout.unfinished)
        for leftover in os.listdir(self.layout.unfinished):
            remove_tree(os.path.join(self.layout.unfinished, leftover))

    def _after_failure(self, error: BaseException) -> None:
        with contextlib.suppress(OSError):
            if isinstance(error, OSError):
                sweep(self.layout)  # what was written of the release might be what fills the disk
            elif isinstance(error, StoreUnavailableError | StoreSchemaError):
                failure = {"at": time.time(), "said": str(error)}
                replace_private(self.layout.failed, json.dumps(failure).encode())

    def _fail_with_others(self, began: float) -> None:
        """Else twenty tasks that start while the store is down would each wait for it in turn."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            failure = json.loads(read_text(self.layout.failed))
            if failure["at"] >= began:
                raise StoreUnavailableError(failure["said"])

    def _forget_later_than(self, newest: int) -> None:
        """Of a store that is now an older backup: it will give their numbers to other releases."""
        tracked = self.layout.tracked()
        for path in self.layout.release_paths():
            if number_of(path) > newest and (tracked is None or path != tracked.path):
                os.rename(path, self._unfinished())

    def _copy(self, number: int) -> str | None:
        """Make the folder of a release that is on disk as the newest one: no store is needed."""
        same = next((each for each in nearest(self.layout, number) if each.number == number), None)
        if same is None:
            return None
        unfinished = make_folder(self._unfinished())
        write_release(unfinished, same.shards)
        return unfinished

    def _build(self, store: Store, number: int) -> str:
        """Make the folder of a release; nobody sees it yet."""
        self._require_same(store)
        make_folder(self.layout.shards)
        plan = plan_release(self.layout, store, number)
        missing = [shard for shard in plan.shards if not os.path.isdir(self.layout.shard(shard.name))]
        ShardWriter(self.layout, store.sources, plan.older).write(missing)
        unfinished = make_folder(self._unfinished())
        write_release(unfinished, plan.kept | {shard.prefix: shard.name for shard in plan.shards})
        return unfinished

    def _require_same(self, store: Store) -> None:
        try:
            known = json.loads(read_text(self.layout.store))["identity"]
        except FileNotFoundError:
            replace_private(self.layout.store, json.dumps({"identity": store.identity}).encode())
            return
        except (ValueError, KeyError, TypeError):
            known = None
        if known != store.identity:
            raise OtherStoreError(
                f"{self.layout.base} holds releases of another workflow store; "
                "give this bundle a name of its own, or remove the folder if that store is gone"
            )

    def _unfinished(self) -> str:
        return os.path.join(self.layout.unfinished, secrets.token_hex(8))


def touch(folder: str, files: Sequence[str]) -> None:
    """Let files look as if they had just been written: the dag processor takes those first."""
    for file in files:
        with contextlib.suppress(OSError):
            os.utime(os.path.join(folder, file))
