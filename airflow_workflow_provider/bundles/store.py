"""Airflow's DAG bundle of the workflow store."""

from __future__ import annotations

import logging
import re
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from airflow.configuration import conf
from airflow.dag_processing.bundles.base import BaseDagBundle, BundleVersionLock

from airflow_workflow_provider.bundles.errors import BundleError
from airflow_workflow_provider.bundles.releases import Releases, touch
from airflow_workflow_provider.bundles.taken_names import dags_of_others, give_way
from airflow_workflow_provider.store.errors import StoreError, StoreSchemaError, StoreUnavailableError
from airflow_workflow_provider.store.policy import own_bundles

if TYPE_CHECKING:
    from airflow_workflow_provider.store.repository import WorkflowStore

log = logging.getLogger(__name__)

_PAUSES: Final = (2.0, 5.0)
"""Seconds between the attempts of a worker that needs a release: a task that cannot start has used up one try."""


class WorkflowStoreDagBundle(BaseDagBundle):
    """The workflows of the store as DAG files, one each. Every release is a version of the bundle.

    ``store_conn_id``: the store's Airflow connection; if none, that of ``[workflows] store_conn_id``. The dag processor
    looks for a new release every ``refresh_interval`` seconds; while the store cannot be reached it stays with the
    newest one that is on disk. A worker asks the store only for a release that is not on its disk.
    """

    supports_versioning = True

    def __init__(self, *, store_conn_id: str | None = None, refresh_interval: int = 5, **kwargs: Any) -> None:
        super().__init__(refresh_interval=refresh_interval, **kwargs)
        self._store_conn_id = store_conn_id
        self._store: WorkflowStore | None = None
        self._releases = Releases(str(self.base_dir), self.lock)
        self._again: list[tuple[float, tuple[str, ...]]] = []
        self._is_failing = False

    @property
    def path(self) -> Path:
        """The folder of the release that this bundle is pinned to; else that of the newest, which stays the same."""
        return self.versions_dir / self.version if self.version else self.base_dir / "tracking"

    def initialize(self) -> None:
        """See to it that the release is on disk; ``StoreError`` if that cannot be."""
        if self.version:
            number = _release_number(self.version, self.name)
            self._materialise(number)
            # It leaves the file by which Airflow's cleanup knows a release. Airflow itself takes it only once it runs
            # something: not for every callback, and not for a task that cannot be built.
            with BundleVersionLock(self.name, self.version):  # type: ignore[no-untyped-call]
                self._materialise(number)  # the cleanup may have removed it just now
        else:
            self.refresh()
            _advise()
        super().initialize()

    def get_current_version(self) -> Any:
        """The number of the release; ``None`` as long as there is none on disk."""
        if self.version:
            return _bundle_version(self.version)
        tracked = self._releases.tracked()
        return None if tracked is None else _bundle_version(str(tracked))

    def refresh(self) -> None:
        """Follow the store to its newest release. If the store cannot be reached, what is on disk stays in use."""
        if self.version:
            raise BundleError(f"bundle '{self.name}' is pinned to release {self.version}; it cannot be refreshed")
        self._touch_again()
        self._follow()
        self._give_way()

    def _follow(self) -> None:
        try:
            followed = self._releases.follow(self._open(), self._open_anew)
        except (StoreUnavailableError, StoreSchemaError) as error:
            self._store = None  # its connection may have been changed
            self._stay(error)
            return
        self._plan_touches(followed.changed)
        if self._is_failing:
            self._is_failing = False
            log.warning("Bundle '%s': the workflow store answers again; release %s", self.name, followed.release)

    def _give_way(self) -> None:
        """To DAGs from elsewhere that have the names of workflows. Only the dag processor has Airflow's database."""
        if self.name not in (each.get("name") for each in own_bundles()):
            return  # loaded by a DAG file
        from airflow.utils.session import create_session
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with create_session() as session:
                others = dags_of_others(session)
            touch(str(self.path), give_way(self._releases.layout, others))
        except (SQLAlchemyError, RuntimeError, OSError) as error:  # a worker that follows the store has none
            log.info("Bundle '%s': not looked at: which names other DAGs have (%s)", self.name, error)

    def _plan_touches(self, changed: tuple[str, ...]) -> None:
        """What changed looks new once more at the next look: a parse that began before the switch may end after it and
        report what was there then. And once Airflow writes the DAG again, which it does no more often than its setting
        says; what it parses in between it forgets.
        """
        if changed:
            now = time.monotonic()
            self._again += [(now, changed), (now + _write_interval() + self.refresh_interval, changed)]

    def _touch_again(self) -> None:
        now = time.monotonic()
        for at, files in self._again:
            if at <= now:
                touch(str(self.path), files)
        self._again = [(at, files) for at, files in self._again if at > now]

    def _stay(self, error: StoreError) -> None:
        """Go on with what is on disk. Without it Airflow must not look: it would take all workflows for removed."""
        tracked = self._releases.tracked()
        if tracked is None:
            raise error.with_traceback(None) from None  # Airflow logs all of it at every attempt
        self._is_failing = True
        log.warning("Bundle '%s': %s; release %s, which is on disk, stays in use", self.name, error, tracked)

    def _materialise(self, number: int) -> None:
        for pause in (*_PAUSES, None):
            try:
                self._releases.materialise(self._open, number)
                return
            except StoreUnavailableError as error:
                if pause is None:
                    raise BundleError(
                        f"release {number} of bundle '{self.name}' is not on this disk, and {error}"
                    ) from error
                log.warning("Bundle '%s': %s; trying again in %s seconds", self.name, error, pause)
                self._store = None
                time.sleep(pause)

    def _open(self) -> WorkflowStore:
        if self._store is None:
            # Not at the top: a worker whose release is on disk needs no database driver.
            from airflow_workflow_provider.store.settings import open_store

            self._store = open_store(self._store_conn_id)
        return self._store

    def _open_anew(self) -> WorkflowStore:
        """The connection may lead elsewhere by now."""
        self._store = None
        return self._open()


@cache
def _advise() -> None:
    """Say it once in a process."""
    seconds = _write_interval()
    if seconds > 0:
        log.warning(
            "A workflow that is published twice within %s seconds may start runs that mix both versions; "
            "set [core] min_serialized_dag_update_interval to 0",
            seconds,
        )


def _write_interval() -> int:
    """Seconds for which Airflow keeps what it wrote of a DAG, whatever it parses."""
    return int(conf.getint("core", "min_serialized_dag_update_interval", fallback=30))


def _release_number(version: str, bundle: str) -> int:
    if re.fullmatch(r"0|[1-9][0-9]{0,17}", version):
        return int(version)
    raise BundleError(f"'{version[:100]}' is no release of the workflow store; bundle '{bundle}' numbers them from 0")


def _bundle_version(number: str) -> Any:
    """As Airflow wants it: from 3.3 on with its own class."""
    try:
        from airflow.dag_processing.bundles.base import BundleVersion
    except ImportError:
        return number
    return BundleVersion(number)
