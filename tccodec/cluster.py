"""Work on the machines of a Ray cluster. No other module knows Ray.

Ray places workers on the nodes, one per GPU or else one per CPU, and says when one dies. A worker
loads the model once and does one item at a time. What a dead worker was doing is done again by
another one.
"""

from __future__ import annotations

import os
import pickle
import platform
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from tccodec import __version__
from tccodec.coding.surroundings import has_torch, set_threads
from tccodec.coding.threads import share_cores
from tccodec.errors import BadOption, TccodecError

if TYPE_CHECKING:
    from ray import ObjectRef
    from ray.actor import ActorHandle

Item = TypeVar("Item")
ItemIn = TypeVar("ItemIn", contravariant=True)

_TRIES = 3  # workers that may die over one item, or one after the other while they start
_GRACE = 5.0  # seconds that workers have to tidy up
_SLOW_START = 30.0  # seconds without a worker, after which the user is told
_DIED = f"{_TRIES} workers that worked on it died (out of memory, or a crash in a library)"


class Work(Protocol[ItemIn]):
    """What is done for each item, such as a file. It can be pickled."""

    @property
    def device(self) -> str:
        """Where the network is to run: `auto`, `cpu`, `cuda`."""

    def load(self, threads: int | None) -> object:
        """Load the model, which then uses so many threads."""

    def __call__(self, item: ItemIn, progress: Callable[[float], None], /) -> Any:
        """Do one item. What it returns, or raises, can be pickled."""


@dataclass(slots=True)
class _Task(Generic[Item]):
    """An item; what a second worker gets in its place; how many workers had it."""

    item: Item
    retry: Item
    tries: int = 0


class Cluster(Generic[Item]):
    """Workers on a Ray cluster; a context manager, like `cli.workers.Workers`.

    address: of the cluster; None: the one that Ray finds, or a new one on this machine.
    count: workers, at most; None: as many as there are GPUs, if there are any, else as many as
        there are CPUs for.
    threads: of each worker; None: one. tasks: the number of items; more workers are not started.
    folder: the working folder of the workers, which their nodes must have; None: any.
    retry: called with an item before it is handed out. Returns what another worker gets in its
        place if the first one dies, perhaps after the work was done.
    say: prints a line for the user.

    Leaving the block ends the workers; files that they were writing are deleted.
    """

    def __init__(
        self,
        work: Work[Item],
        *,
        address: str | None,
        count: int | None,
        threads: int | None,
        tasks: int,
        folder: str | None,
        retry: Callable[[Item], Item],
        say: Callable[[str], None],
    ) -> None:
        self._address, self._folder, self._retry, self._say = address, folder, retry, say
        self._ray = _connected(address)
        try:
            capacity, self._needs = placement(self._ray.cluster_resources(), work.device, threads)
            self.count = min(count or capacity, tasks)
            self.threads = threads or 1
            self._work = self._ray.put(work)
        except BaseException:
            self._ray.shutdown()
            raise
        self._idle: list[ActorHandle] = []
        # What is going on: a worker with its task, or with None while it starts.
        self._calls: dict[ObjectRef, tuple[ActorHandle, _Task[Item] | None]] = {}

    def __enter__(self) -> Cluster[Item]:
        return self

    def __exit__(self, *_: object) -> None:
        busy = [ref for ref, (_, task) in self._calls.items() if task]
        try:
            for ref in busy:
                self._calls[ref][0].stop.remote()
            if busy:
                self._ray.wait(busy, num_returns=len(busy), timeout=_GRACE)
        finally:
            self._ray.shutdown()

    def run(self, items: Iterable[Item]) -> Iterator[tuple[Item, Any]]:
        """Each item with what came of it, a result or an exception, in the order they finish."""
        fresh = (_Task(item, self._retry(item)) for item in items)
        lost: list[_Task[Item]] = []  # of dead workers
        more, failed_starts = True, 0
        for _ in range(self.count - len(self._idle) - len(self._calls)):
            self._start()
        while True:
            while more and self._idle:
                task = lost.pop() if lost else next(fresh, None)
                if task is None:
                    more = False
                else:
                    self._hand_out(self._idle.pop(), task)
            if not more and all(task is None for _, task in self._calls.values()):
                return
            for ref in self._finished():
                worker, task = self._calls.pop(ref)
                try:
                    answer = self._ray.get(ref)
                except self._ray.exceptions.RayError as e:
                    if task is None:
                        failed_starts += 1
                        if failed_starts == _TRIES:
                            raise TccodecError(
                                f"no worker could be started: {_reason(e)}"
                            ) from None
                    elif task.tries == _TRIES:
                        yield task.item, TccodecError(_DIED)
                    else:
                        lost.append(task)
                        more = True
                    if more:
                        self._start()
                    continue
                self._idle.append(worker)
                failed_starts = 0
                if task is None:
                    _check_version(answer)
                else:
                    yield task.item, answer

    def _start(self) -> None:
        """Ask Ray for a worker."""
        actor = self._ray.remote(_Worker).options(
            **self._needs,
            max_concurrency=2,  # `stop` is called while `do` runs
            scheduling_strategy="SPREAD",
        )
        environment = {name: os.environ[name] for name in os.environ if name.startswith("TCCODEC_")}
        if "num_gpus" not in self._needs:  # else all workers of a node would use its first GPU
            environment["CUDA_VISIBLE_DEVICES"] = ""
        worker = actor.remote(
            self._work, self._folder, threads=self.threads, environment=environment
        )
        self._calls[worker.version.remote()] = worker, None

    def _hand_out(self, worker: ActorHandle, task: _Task[Item]) -> None:
        item = task.retry if task.tries else task.item
        task.tries += 1
        self._calls[worker.do.remote(item)] = worker, task

    def _finished(self) -> list[ObjectRef]:
        """Wait until calls have come to their end."""
        started = bool(self._idle) or any(task for _, task in self._calls.values())
        timeout = None if started else _SLOW_START
        calls = list(self._calls)
        if not self._ray.wait(calls, timeout=timeout)[0]:
            needs = ", ".join(f"{name}={value}" for name, value in self._needs.items())
            self._say(f"waiting for room in the cluster: a worker needs {needs}")
        # All that have ended: to ask for one at a time takes long with thousands of workers.
        done: list[ObjectRef] = self._ray.wait(calls, num_returns=len(calls), timeout=0)[0]
        return done


def placement(
    resources: Mapping[str, float], device: str, threads: int | None
) -> tuple[int, dict[str, int]]:
    """`(workers that the cluster has room for, what each of them needs)`.

    resources: of the cluster, as Ray gives them. There are no CPU workers beside GPU workers: what
    they write may differ by some bytes. `BadOption` for the device `cuda` if there is no GPU.
    """
    needs = {"num_cpus": threads or 1}
    gpus = int(resources.get("GPU", 0)) if device in ("auto", "cuda") else 0
    if device == "cuda" and not gpus:
        raise BadOption("no node of the cluster has a GPU")
    if gpus:
        return gpus, needs | {"num_gpus": 1}
    return max(1, int(resources.get("CPU", 0) // needs["num_cpus"])), needs


def _connected(address: str | None) -> Any:
    """The module `ray`, connected to a cluster; `TccodecError` if that is not possible."""
    try:
        import ray
        from ray._private import worker
    except ModuleNotFoundError as e:
        raise TccodecError(
            f"this needs {e.name}, which is not installed: pip install ray"
        ) from None
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # a new cluster sends nothing to anybody
    # Ray prints on stdout that a worker has died, amid --json, and has no other switch for that.
    worker._worker_logs_enabled = False
    handler = signal.getsignal(signal.SIGTERM)
    try:
        _check_listening(address)
        ray.init(address=address, log_to_driver=False, logging_level="CRITICAL")
    except Exception as e:
        where = f"at {address}" if address else "here"
        raise TccodecError(f"there is no Ray cluster {where}: {_reason(e)}") from None
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)
    return ray


def _check_listening(address: str | None) -> None:
    """Raise `OSError` if nobody listens at an address; Ray itself would try for ten minutes."""
    host, colon, port = (address or "").rpartition(":")
    if colon and port.isdecimal() and "://" not in host:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_GRACE).close()


def _reason(error: Exception) -> str:
    """The last line of an exception's text, where Ray puts the cause."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).strip() or type(error).__name__).splitlines()[-1].strip()


def _check_version(version: str) -> None:
    if version != __version__:
        raise TccodecError(f"a node has tccodec {version}, this machine {__version__}")


class _Stopped(BaseException):
    """Raised in a worker while it works."""


class _Worker:
    """What Ray runs on a node."""

    def __init__(
        self, work: Work[Any], folder: str | None, *, threads: int, environment: dict[str, str]
    ) -> None:
        share_cores()
        os.environ.update(environment)
        self._work, self._threads, self._loaded = work, threads, False
        self._stop = threading.Event()
        self._error: TccodecError | None = None
        try:
            if folder is not None:
                os.chdir(folder)
        except OSError:
            self._error = TccodecError(
                f"the node {platform.node()} has no folder {folder}: every node must see the same"
                " files"
            )

    def version(self) -> str:
        """The version of tccodec on the node."""
        return __version__

    def do(self, item: Any) -> Any:
        """Do one item; returns the result or the exception, None if it was stopped."""
        if self._error:
            return self._error
        try:
            if not self._loaded:
                if has_torch():
                    set_threads(self._threads)
                self._work.load(self._threads)
                self._loaded = True
            return self._work(item, self._progress)
        except _Stopped:
            return None
        except Exception as e:
            return sendable(e)

    def stop(self) -> None:
        """Give up what `do` is doing."""
        self._stop.set()

    def _progress(self, _share: float) -> None:
        if self._stop.is_set():
            raise _Stopped


def sendable(error: Exception) -> Exception:
    """The exception, or one of the same text if it does not survive pickling."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        if isinstance(error, TccodecError):
            return TccodecError(str(error))
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
