"""Runs an asyncio script and writes down what happened to each of its coroutines.

    python3 timeline.py [--instant] [--timeline=FILE.json] [--scene NAME]... [--skip NAME]...
                        SCRIPT [ARGS...]

The script needs no change. Everything after SCRIPT is for the script.

--timeline=FILE.json  record every coroutine made by an `async def` of the script, a row each, in
                      the format that the Rust lessons write too. A row is named after its call,
                      such as `fetch_data(3)`. No rows: functions called `main` (the top coroutine),
                      asynchronous generators, and coroutines of libraries, asyncio included.
--scene NAME          no row for the async function NAME; its first poll begins a scene, so named.
--skip NAME           no row for the async function NAME.
--instant             virtual time. It starts at 0, stands still while code runs, and jumps to the
                      next timer when everything waits. `loop.time()` and the functions of module
                      `time` follow it, `time.time()` too; `datetime.now()` does not.

A *poll* is one `send()` or `throw()` into a coroutine. A coroutine that another one awaits is
polled inside the poll of that one. A cancelled coroutine is woken (by whoever cancelled it), polled
(CancelledError is thrown into it) and dropped, without a `pending` in between. One that is
cancelled before its first poll is only dropped: nothing of it runs. Of two that await each other,
the inner one is dropped first, in the poll of the outer one.

What --instant really waits for:
- Jobs of an executor (`asyncio.to_thread`). While one runs, the clock reaches a timer only when
  that much real time is over, and a job's `time.sleep()` takes as long as it says. Whatever else a
  job does takes no virtual time, as computing on the loop's thread takes none. Which comes first,
  a timer or the end of a job, is decided in real time.
- Sockets, pipes, subprocesses, and threads that the script starts itself. While the loop waits for
  these, the clock runs as the real one does, and two runs are no longer the same.

Two things that differ from run to run in Python are fixed here: tasks and coroutines in a set come
out in the order of their creation (so does what a TaskGroup cancels), and with --instant garbage in
cycles, such as a task that nothing refers to, is only collected at the end or by `gc.collect()`.

Not seen: wake-ups on loops that do not come from asyncio (uvloop, a loop of your own). Virtual time
is meant for one loop, on the main thread.
"""

import sys

if sys.version_info < (3, 11):
    this = sys.version.split()[0]
    print(f"timeline.py: needs Python 3.11 or newer; this is {this}", file=sys.stderr)
    sys.exit(2)

import argparse
import ast
import asyncio
import collections.abc
import concurrent.futures.thread
import functools
import gc
import inspect
import itertools
import json
import os
import re
import reprlib
import threading
import time
import types

# As many as the Rust recorder keeps. What comes later is only counted.
MOST_EVENTS = 200_000
LONGEST_ARGUMENT = 24


class Unseen:
    """A `with` block whose frame is left out of tracebacks, so that they show the script only."""

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        # An exception that only passes through does not add its frame a second time.
        if error is not None:
            error.__traceback__ = traceback.tb_next


# ---------------------------------------------------------------------------- recording


class Recorder:
    """The recording that is being made, and the rows that wait in each task."""

    def __init__(self, scenes=(), skip=(), paused=False):
        self.scenes = set(scenes)
        self.skip = {"main", *skip} - self.scenes
        self.paused = paused
        self.tasks, self.threads, self.events, self.left_out = [], [], [], 0
        self.waiting = {}  # hash of a task: the rows that wait in it, the innermost first
        self.local = threading.local()
        self.lock = threading.RLock()
        self.now = time.perf_counter_ns
        self.start = self.now()

    def polled(self):
        """The stack of rows that this thread is polling."""
        try:
            return self.local.polled
        except AttributeError:
            self.local.polled = []
            return self.local.polled

    def by(self):
        """The row in whose poll this thread is. None: the loop, or a coroutine without a row."""
        polled = self.polled()
        return polled[-1] if polled else None

    def add(self, what, task=None, **more):
        # The clock is read under the lock, so that the events of all threads are in order.
        with self.lock:
            if len(self.events) < MOST_EVENTS:
                self.events.append((self.now() - self.start, task, what, more))
            else:
                self.left_out += 1

    def woken(self, task):
        for row in self.waiting.get(hash(task), ()):
            self.add("woken", row, by=self.by())

    def thread(self):
        """The number of this thread."""
        name = threading.current_thread().name
        with self.lock:
            if name not in self.threads:
                self.threads.append(name)
            return self.threads.index(name)

    def write(self, file):
        head = {
            "format": "timeline/1",
            "language": "python",
            "clock": "paused" if self.paused else "real",
            "tasks": self.tasks,
            "threads": self.threads,
        }
        file.write(compact(head)[:-1] + ',"events":[\n')
        separator = ""
        for at, task, what, more in self.events:
            subject = {} if task is None else {"task": task}
            file.write(separator + compact({"at": at, **subject, "what": what, **more}))
            separator = ",\n"
        file.write(f'\n],"left_out":{self.left_out}}}\n')

    def created(self, label):
        """The number of a new row, or None if the recording is full."""
        with self.lock:
            if len(self.events) >= MOST_EVENTS:
                self.left_out += 1
                return None
            self.tasks.append(label)
            self.add("created", len(self.tasks) - 1, by=self.by())
            return len(self.tasks) - 1

    def decorate(self, function):
        """Stands above every `async def` of the script."""
        if function.__name__ in self.skip or not inspect.iscoroutinefunction(function):
            return function

        @functools.wraps(function)
        def call(*args, **kwargs):
            with Unseen():
                coroutine = function(*args, **kwargs)
            name = label(function, args, kwargs)
            if function.__name__ in self.scenes:
                return Row(self, coroutine, name, scene=function.__name__)
            number = self.created(name)
            return coroutine if number is None else Row(self, coroutine, name, number)

        if sys.version_info >= (3, 12):
            return inspect.markcoroutinefunction(call)
        call._is_coroutine = asyncio.coroutines._is_coroutine
        return call

    def install(self):
        """Makes the wake-ups of asyncio's tasks visible."""
        call_soon = asyncio.BaseEventLoop.call_soon

        @functools.wraps(call_soon)
        def noted(loop, callback, *args, **kwargs):
            # A task that may go on hands the loop a method of its own: `__step` or `__wakeup`. In C
            # the one has no name and the other is called `task_wakeup`.
            task = getattr(callback, "__self__", None)
            if isinstance(task, asyncio.Task):
                if getattr(callback, "__name__", "step").endswith(("step", "wakeup")):
                    self.woken(task)
            return call_soon(loop, callback, *args, **kwargs)

        asyncio.BaseEventLoop.call_soon = noted


class Row(collections.abc.Coroutine):
    """A coroutine that writes down what happens to it, and otherwise is the one it holds."""

    __slots__ = ("_recorder", "_coroutine", "_name", "_number", "_scene", "_over", "_in", "_hash")
    numbers = itertools.count()

    def __init__(self, recorder, coroutine, name, number=None, scene=None):
        self._recorder, self._coroutine, self._name = recorder, coroutine, name
        self._number = number
        self._scene = scene  # Begins with the first poll. Only what is no row has one.
        self._over = number is None  # Nothing more is recorded.
        self._in = None  # The task that it waits in, as a key of recorder.waiting.
        self._hash = next(Row.numbers)

    def send(self, value=None):
        with Poll(self):
            return self._coroutine.send(value)

    __next__ = send

    def throw(self, *error):
        with Poll(self, runs=inspect.getcoroutinestate(self) != inspect.CORO_CREATED):
            return self._coroutine.throw(*error)

    def close(self):
        try:
            self._coroutine.close()
        finally:
            if inspect.getcoroutinestate(self) == inspect.CORO_CLOSED:  # It may refuse.
                self._ends("dropped", by=self._recorder.by())

    def __await__(self):
        if self.cr_await is not None:
            raise RuntimeError("coroutine is being awaited already")
        return self

    def __iter__(self):
        return self

    def __del__(self):
        self._ends("dropped", by=self._recorder.by())

    # asyncio keeps coroutines and tasks in sets. Hashed by address, as objects usually are, they
    # would come out in another order in each run.
    def __hash__(self):
        return self._hash

    def __repr__(self):
        return repr(self._coroutine)

    def __sizeof__(self):
        return self._coroutine.__sizeof__()

    @property
    def __class__(self):
        return types.CoroutineType  # For `isinstance()`.

    def __getattr__(self, name):
        # cr_frame, cr_await, __name__ and the like.
        return getattr(self._coroutine, name)

    def _waits(self, task):
        self._in = hash(task)
        self._recorder.waiting.setdefault(self._in, []).append(self._number)

    def _goes_on(self):
        if self._in is not None:
            rows = self._recorder.waiting[self._in]
            rows.remove(self._number)
            if not rows:
                del self._recorder.waiting[self._in]
            self._in = None

    def _ends(self, what, **more):
        if not self._over:
            self._over = True
            self._goes_on()
            self._recorder.add(what, self._number, **more)


# A script that prints what kind of thing it has prints the same as ever.
Row.__module__, Row.__name__, Row.__qualname__ = "builtins", "coroutine", "coroutine"


class Poll(Unseen):
    """One `send()` or `throw()` into the coroutine of a row."""

    def __init__(self, row, runs=True):
        self.row, self.recorder = row, row._recorder
        self.runs = runs

    def __enter__(self):
        row, recorder = self.row, self.recorder
        if row._scene:
            recorder.add("scene", name=row._scene)
            row._scene = None
        self.noted = not row._over
        if self.noted:
            row._goes_on()
            if self.runs:
                recorder.add("poll", row._number, thread=recorder.thread())
            recorder.polled().append(row._number)

    def __exit__(self, kind, error, traceback):
        super().__exit__(kind, error, traceback)
        if not self.noted:
            return
        row, recorder = self.row, self.recorder
        recorder.polled().pop()
        if error is None:
            recorder.add("pending", row._number)
            loop = asyncio._get_running_loop()
            task = loop and asyncio.current_task(loop)
            if task:
                row._waits(task)
        elif isinstance(error, StopIteration):
            row._ends("ready")
        elif isinstance(error, (asyncio.CancelledError, GeneratorExit)):
            row._ends("dropped", by=recorder.by())
        else:
            row._ends("panicked")


compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

brief = reprlib.Repr()  # Long enough to be cut below, and no list of a million items.
brief.maxstring = brief.maxother = brief.maxlong = 200


def label(function, args, kwargs):
    """The call as it is written: `fetch_data(3, retries=2)`. A method's `self` is left out."""
    if function.__code__.co_varnames[:1] in (("self",), ("cls",)):
        args = args[1:]
    words = [shown(arg) for arg in args]
    words += [f"{key}={shown(value)}" for key, value in kwargs.items()]
    return f"{function.__name__}({', '.join(words)})"


def shown(value):
    if isinstance(value, Row):
        text = value._name
    elif isinstance(value, asyncio.Task):
        text = value.get_name()  # Its repr says where in which file it is.
    elif inspect.isclass(value) or inspect.isroutine(value):
        text = value.__name__
    else:
        text = brief.repr(value)
    # An address is different in each run and says nothing to a reader.
    text = " ".join(re.sub(r"( object)? at 0x[0-9a-fA-F]+", "", text).split())
    return text if len(text) <= LONGEST_ARGUMENT else text[: LONGEST_ARGUMENT - 1] + "…"


class Task(asyncio.Task):
    """A task with a number for its hash: see `Row.__hash__`."""

    __module__ = asyncio.Task.__module__
    numbers = itertools.count()

    def __hash__(self):
        if not hasattr(self, "_number"):
            self._number = next(Task.numbers)
        return self._number


class Decorate(ast.NodeTransformer):
    """Puts the recorder's decorator below all others, where it sees the plain function."""

    def visit_AsyncFunctionDef(self, node):
        self.generic_visit(node)
        name = ast.Name(id="__timeline__", ctx=ast.Load())
        # On the line of the `def`: a function begins, for tracebacks, at its first decorator.
        node.decorator_list.append(ast.copy_location(name, node))
        return node


# ---------------------------------------------------------------------------- virtual time


class Timer(asyncio.TimerHandle):
    """A timer that goes off after those that were set before it for the same time.

    asyncio's own order of equal timers is that of a heap, which is none. In real time no two are
    equal. In virtual time many are, and a nanosecond is the least that can lie between two.
    """

    __slots__ = ("_place",)
    numbers = itertools.count()

    def __init__(self, when, *args, **kwargs):
        super().__init__(when, *args, **kwargs)
        self._place = (round(when * 1e9), next(Timer.numbers))

    def __lt__(self, other):
        return self._place < other._place


class Clock:
    """Virtual time, in nanoseconds since the start."""

    def __init__(self):
        self.now = 0
        self.lock = threading.Lock()
        # What executors are busy with. asyncio learns of the end of a job before it is taken out.
        self.jobs = set()
        self.real_sleep = time.sleep
        self.real_time = time.monotonic_ns

    def move_to(self, now):
        with self.lock:
            self.now = max(self.now, now)

    def busy_threads(self):
        """Whether the script has started threads. Those of executors count by their jobs."""
        pools = concurrent.futures.thread._threads_queues
        ours = (threading.main_thread(), threading.current_thread())
        return any(t not in ours and t not in pools for t in threading.enumerate())

    def sleep(self, seconds):
        """Blocks the thread, as `time.sleep()` does: no task runs meanwhile."""
        end = self.now + round(seconds * 1e9)
        on_main = threading.current_thread() is threading.main_thread()
        runs_tasks = on_main or asyncio._get_running_loop() is not None
        alone = runs_tasks and not self.jobs and not self.busy_threads()
        # Of a negative number, `time.sleep()` says what is wrong with it.
        self.real_sleep(min(seconds, 0) if alone else seconds)
        self.move_to(end)

    def select(self, selector, select, timeout=None):
        """Waits for a loop's sockets, or, where none can become ready, for its next timer."""
        events = select(0)
        if events or (timeout is not None and timeout <= 0):
            return events
        began, real = self.now, self.real_time()
        # A selector has a map, Windows' proactor a cache. One entry is for waking the loop.
        waits_for = selector._cache if hasattr(selector, "_cache") else selector.get_map()
        outside = not self.jobs and (len(waits_for) > 1 or self.busy_threads())
        if outside or self.jobs or timeout is None:  # None: only Ctrl-C will end it.
            events = select(timeout)
        if not events:
            self.move_to(began + round((timeout or 0) * 1e9))
        elif outside:
            self.move_to(began + self.real_time() - real)
        return events

    def install(self):
        epoch = time.time_ns()
        clocks = {"monotonic": 0, "perf_counter": 0, "time": epoch}
        for name, start in clocks.items():
            setattr(time, name, lambda start=start: (start + self.now) / 1e9)
            setattr(time, f"{name}_ns", lambda start=start: start + self.now)
        time.sleep = self.sleep

        run_forever = asyncio.BaseEventLoop.run_forever
        shutdown = asyncio.BaseEventLoop.shutdown_default_executor
        wrap_future = asyncio.wrap_future

        @functools.wraps(run_forever)
        def run(loop):
            selector = loop._selector
            if not isinstance(selector.select, functools.partial):
                selector.select = functools.partial(self.select, selector, selector.select)
                # Windows says 15 ms, and a timer may fire that much too early.
                loop._clock_resolution = 1e-9
            with Unseen():
                return run_forever(loop)

        @functools.wraps(shutdown)
        async def wait_for_jobs(loop, *args, **kwargs):
            # It waits in a thread of its own, which is not one of the script.
            self.jobs.add(loop)
            try:
                await shutdown(loop, *args, **kwargs)
            finally:
                self.jobs.discard(loop)

        @functools.wraps(wrap_future)
        def wrap(future, *, loop=None):
            wrapped = wrap_future(future, loop=loop)
            if wrapped is not future:
                self.jobs.add(future)
                future.add_done_callback(functools.partial(self.job_ends, wrapped.get_loop()))
            return wrapped

        asyncio.events.TimerHandle = Timer
        asyncio.BaseEventLoop.run_forever = run
        asyncio.BaseEventLoop.shutdown_default_executor = wait_for_jobs
        asyncio.wrap_future = asyncio.futures.wrap_future = wrap

    def job_ends(self, loop, job):
        try:
            loop.call_soon_threadsafe(self.jobs.discard, job)
        except RuntimeError:  # The loop is closed: it waits no more.
            self.jobs.discard(job)


# ---------------------------------------------------------------------------- the command


def fail(message):
    print(f"timeline.py: {message}", file=sys.stderr)
    sys.exit(2)


def arguments():
    usage, _, rest = (__doc__ or "").partition("    python3 ")[2].partition("\n\n")
    parser = argparse.ArgumentParser(
        usage=usage,
        epilog=rest,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.error = lambda message: fail(f"{message}; --help says more")
    parser.add_argument("--instant", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--timeline", help=argparse.SUPPRESS)
    parser.add_argument("--scene", action="append", default=[], help=argparse.SUPPRESS)
    parser.add_argument("--skip", action="append", default=[], help=argparse.SUPPRESS)
    parser.add_argument("script", metavar="SCRIPT", help=argparse.SUPPRESS)
    parser.add_argument("args", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser.parse_args()


def show(kind, error, traceback):
    """`sys.excepthook`: the traceback from where the script begins."""
    while traceback and traceback.tb_frame.f_code.co_filename == __file__:
        traceback = traceback.tb_next
    sys.__excepthook__(kind, error.with_traceback(traceback), traceback)


def main():
    options = arguments()
    script = os.path.abspath(options.script)
    try:
        with open(script, "rb") as file:
            source = file.read()
        # Another ending would be a mistake that costs a file: `--timeline lesson.py`.
        if options.timeline and not options.timeline.endswith(".json"):
            fail(f"--timeline={options.timeline}: the name of the file must end in .json")
        # Opened now: a run of minutes should not end in "no such directory".
        output = options.timeline and open(options.timeline, "w", encoding="utf-8", newline="\n")
    except OSError as error:
        fail(f"cannot open {error.filename}: {error.strerror}")

    sys.excepthook = show
    sys.argv = [options.script, *options.args]
    if not sys.flags.safe_path:
        sys.path[0] = os.path.dirname(script)
    module = types.ModuleType("__main__")
    module.__file__ = script
    module.__builtins__ = __builtins__
    sys.modules["__main__"] = module

    if options.instant:
        Clock().install()
        # It runs when enough objects were made, which need not be at the same moment in each run.
        gc.disable()
    recorder = Recorder(options.scene, options.skip, options.instant)
    asyncio.tasks.Task = Task
    try:
        tree = compile(source, script, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
        if output:
            recorder.install()
            module.__timeline__ = recorder.decorate
            tree = Decorate().visit(tree)
        exec(compile(tree, script, "exec", dont_inherit=True), module.__dict__)
    finally:
        if output:
            with output:
                gc.collect()
                recorder.write(output)


if __name__ == "__main__":
    main()
