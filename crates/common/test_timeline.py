"""What timeline.py promises. Each test runs a script under it, as a learner does."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import unittest
from pathlib import Path

TIMELINE = Path(__file__).with_name("timeline.py")


class Run:
    """A script that ran: its exit code, its output, and its recording, if it made one."""

    def __init__(self, folder, source, *flags, args=()):
        self.script = Path(folder, "script.py")
        self.script.write_text("import asyncio, sys, time\n" + textwrap.dedent(source), "utf-8")
        file = Path(folder, "recording.json")
        file.unlink(missing_ok=True)
        command = [*flags, self.script, *args]
        if flags:
            flags = [f"--timeline={file}" if flag == "--timeline" else flag for flag in flags]
            command = [TIMELINE, *flags, self.script, *args]
        done = subprocess.run(
            [sys.executable, *command], capture_output=True, text=True, encoding="utf-8", timeout=60
        )
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr
        self.bytes = file.read_bytes() if file.exists() else None
        self.recording = self.bytes and json.loads(self.bytes)

    def events(self):
        """The events as lines: when in seconds, which row, what, and by which row."""
        names = self.recording["tasks"]
        for event in self.recording["events"]:
            line = f"{event['at'] / 1e9:g} {event['what']}"
            line += f" {event['name']}" if "name" in event else f" {names[event['task']]}"
            yield line + (f" by {names[event['by']]}" if event.get("by") is not None else "")

    def of(self, row):
        """The events of one row, without its name."""
        return [line.replace(f" {row}", "", 1) for line in self.events() if f" {row}" in line[:40]]


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def run_script(self, source, *flags, args=()):
        return Run(self.folder, source, *flags, args=args)

    def record(self, source, *flags):
        run = self.run_script(source, "--instant", "--timeline", *flags)
        self.assertEqual((run.code, run.err), (0, ""))
        return run

    def assert_events(self, run, expected):
        self.assertEqual(list(run.events()), textwrap.dedent(expected).strip().splitlines())


class Recording(Case):
    def test_the_file_is_what_the_rust_side_reads(self):
        run = self.record(
            """
            async def fetch(n):
                await asyncio.sleep(n)
            async def scene():
                await fetch(1.5)
            async def main():
                await scene()
            asyncio.run(main())
            """,
            "--scene=scene",
        )
        expected = """\
            {"format":"timeline/1","language":"python","clock":"paused","tasks":["fetch(1.5)"],"threads":["MainThread"],"events":[
            {"at":0,"what":"scene","name":"scene"},
            {"at":0,"task":0,"what":"created","by":null},
            {"at":0,"task":0,"what":"poll","thread":0},
            {"at":0,"task":0,"what":"pending"},
            {"at":1500000000,"task":0,"what":"woken","by":null},
            {"at":1500000000,"task":0,"what":"poll","thread":0},
            {"at":1500000000,"task":0,"what":"ready"}
            ],"left_out":0}
            """
        self.assertEqual(run.bytes.decode(), textwrap.dedent(expected))

    def test_gather_polls_each_row_twice_whoever_is_done_first(self):
        run = self.record(
            """
            async def wait(seconds):
                await asyncio.sleep(seconds)
            async def main():
                await asyncio.gather(wait(3), wait(1), wait(2))
            asyncio.run(main())
            """
        )
        self.assert_events(
            run,
            """
            0 created wait(3)
            0 created wait(1)
            0 created wait(2)
            0 poll wait(3)
            0 pending wait(3)
            0 poll wait(1)
            0 pending wait(1)
            0 poll wait(2)
            0 pending wait(2)
            1 woken wait(1)
            1 poll wait(1)
            1 ready wait(1)
            2 woken wait(2)
            2 poll wait(2)
            2 ready wait(2)
            3 woken wait(3)
            3 poll wait(3)
            3 ready wait(3)
            """,
        )

    def test_a_task_starts_after_its_creator_waits_and_a_wake_says_by_whom(self):
        run = self.record(
            """
            async def get(queue):
                return await queue.get()
            async def put(queue):
                task = asyncio.create_task(get(queue))
                await asyncio.sleep(1)
                await queue.put(5)
                await task
            asyncio.run(put(asyncio.Queue()))
            """
        )
        self.assert_events(
            run,
            """
            0 created put(<Queue maxsize=0>)
            0 poll put(<Queue maxsize=0>)
            0 created get(<Queue maxsize=0>) by put(<Queue maxsize=0>)
            0 pending put(<Queue maxsize=0>)
            0 poll get(<Queue maxsize=0>)
            0 pending get(<Queue maxsize=0>)
            1 woken put(<Queue maxsize=0>)
            1 poll put(<Queue maxsize=0>)
            1 woken get(<Queue maxsize=0>) by put(<Queue maxsize=0>)
            1 pending put(<Queue maxsize=0>)
            1 poll get(<Queue maxsize=0>)
            1 ready get(<Queue maxsize=0>)
            1 woken put(<Queue maxsize=0>)
            1 poll put(<Queue maxsize=0>)
            1 ready put(<Queue maxsize=0>)
            """,
        )

    def test_an_awaited_coroutine_is_polled_inside_the_poll_of_its_awaiter(self):
        run = self.record(
            """
            async def inner():
                await asyncio.sleep(1)
            async def outer():
                await inner()
            asyncio.run(outer())
            """
        )
        self.assert_events(
            run,
            """
            0 created outer()
            0 poll outer()
            0 created inner() by outer()
            0 poll inner()
            0 pending inner()
            0 pending outer()
            1 woken inner()
            1 woken outer()
            1 poll outer()
            1 poll inner()
            1 ready inner()
            1 ready outer()
            """,
        )

    def test_task_group_wakes_and_drops_the_siblings_of_a_failure(self):
        run = self.record(
            """
            async def fails():
                await asyncio.sleep(1)
                raise ValueError
            async def sibling(n):
                await asyncio.sleep(n)
            async def main():
                try:
                    async with asyncio.TaskGroup() as group:
                        for n in range(10, 13):
                            group.create_task(sibling(n))
                        group.create_task(fails())
                except* ValueError:
                    print(asyncio.get_running_loop().time())
            asyncio.run(main())
            """
        )
        self.assertEqual(run.out, "1.0\n")
        self.assertEqual(run.of("fails()")[-2:], ["1 poll", "1 panicked"])
        for n in range(10, 13):
            end = ["1 woken", "1 poll", "1 dropped"]
            self.assertEqual(run.of(f"sibling({n})"), ["0 created", "0 poll", "0 pending", *end])

    def test_gather_lets_the_siblings_of_a_failure_go_on(self):
        run = self.record(
            """
            async def fails():
                await asyncio.sleep(1)
                raise ValueError
            async def sibling():
                await asyncio.sleep(2)
            async def main():
                try:
                    await asyncio.gather(fails(), sibling())
                except ValueError:
                    await asyncio.sleep(5)
            asyncio.run(main())
            """
        )
        self.assertEqual(run.of("sibling()")[-1], "2 ready")

    def test_a_cancelled_task_is_woken_by_its_canceller_and_dropped(self):
        run = self.record(
            """
            async def victim():
                await asyncio.sleep(10)
            async def killer():
                task = asyncio.create_task(victim())
                await asyncio.sleep(1)
                task.cancel()
                await asyncio.wait([task])
            asyncio.run(killer())
            """
        )
        end = ["1 woken by killer()", "1 poll", "1 dropped"]
        self.assertEqual(run.of("victim()")[3:], end)

    def test_a_wake_is_told_from_a_call_of_a_method_of_the_task(self):
        run = self.record(
            """
            async def victim():
                await asyncio.sleep(10)
            async def main():
                task = asyncio.create_task(victim())
                await asyncio.sleep(1)
                asyncio.get_running_loop().call_soon(task.cancel)
                await asyncio.wait([task])
            asyncio.run(main())
            """
        )
        self.assertEqual(run.of("victim()")[3:], ["1 woken", "1 poll", "1 dropped"])

    def test_a_cancelled_coroutine_may_refuse(self):
        run = self.record(
            """
            async def stubborn():
                try:
                    await asyncio.sleep(10)
                except asyncio.CancelledError:
                    await asyncio.sleep(1)
            async def main():
                task = asyncio.create_task(stubborn())
                await asyncio.sleep(1)
                task.cancel()
                await task
            asyncio.run(main())
            """
        )
        end = ["1 woken", "1 poll", "1 pending", "2 woken", "2 poll", "2 ready"]
        self.assertEqual(run.of("stubborn()")[3:], end)

    def test_cancelled_before_its_first_poll_nothing_runs(self):
        run = self.record(
            """
            async def victim():
                print("never")
            async def main():
                task = asyncio.create_task(victim())
                task.cancel()
                await asyncio.wait([task])
            asyncio.run(main())
            """
        )
        self.assertEqual(run.out, "")
        self.assertEqual(run.of("victim()"), ["0 created", "0 dropped"])

    def test_wait_for_drops_what_is_late(self):
        run = self.record(
            """
            async def late():
                await asyncio.sleep(10)
            async def client():
                try:
                    await asyncio.wait_for(late(), 1.5)
                except TimeoutError:
                    print(asyncio.get_running_loop().time())
            asyncio.run(client())
            """
        )
        self.assertEqual(run.out, "1.5\n")
        end = [line.split(" by")[0] for line in run.of("late()")][-3:]
        self.assertEqual(end, ["1.5 woken", "1.5 poll", "1.5 dropped"])
        self.assertEqual(run.of("client()")[-1], "1.5 ready")

    def test_a_blocking_sleep_is_one_long_poll_and_nobody_else_runs(self):
        run = self.record(
            """
            async def blocks():
                time.sleep(2)
            async def ticks():
                await asyncio.sleep(1)
            async def main():
                await asyncio.gather(ticks(), blocks())
            asyncio.run(main())
            """
        )
        self.assertEqual(run.of("blocks()"), ["0 created", "0 poll", "2 ready"])
        self.assertEqual(run.of("ticks()")[2:], ["0 pending", "2 woken", "2 poll", "2 ready"])

    def test_a_coroutine_that_nobody_awaits_is_created_and_dropped(self):
        source = """
            async def fetch():
                print("never")
            async def caller():
                fetch()
                await asyncio.sleep(1)
            asyncio.run(caller())
            """
        run = self.run_script(source, "--instant", "--timeline")
        self.assertEqual(run.out, "")
        self.assertEqual(run.of("fetch()"), ["0 created by caller()", "0 dropped by caller()"])
        self.assertIn("RuntimeWarning: coroutine 'fetch' was never awaited", run.err)
        self.assertEqual(run.err, self.run_script(source).err)

    def test_a_suspended_coroutine_that_is_closed_or_collected_is_dropped(self):
        run = self.record(
            """
            async def fetch(n):
                await asyncio.sleep(0)
            def cycle():
                ring = [fetch(3)]
                ring.append(ring)
                ring[0].send(None)
            by_hand = fetch(1), fetch(2)
            for coroutine in by_hand:
                coroutine.send(None)
            by_hand[0].close()
            del coroutine, by_hand
            cycle()
            time.sleep(1)
            """
        )
        for row, end in (("fetch(1)", 0), ("fetch(2)", 0), ("fetch(3)", 1)):
            self.assertEqual(run.of(row), ["0 created", "0 poll", "0 pending", f"{end} dropped"])

    def test_a_coroutine_that_refuses_to_be_closed_goes_on(self):
        run = self.record(
            """
            async def stubborn():
                try:
                    await asyncio.sleep(0)
                except GeneratorExit:
                    await asyncio.sleep(0)
            coroutine = stubborn()
            coroutine.send(None)
            try:
                coroutine.close()
            except RuntimeError as error:
                print(error)
            try:
                coroutine.send(None)
            except StopIteration:
                pass
            """
        )
        self.assertEqual(run.out, "coroutine ignored GeneratorExit\n")
        self.assertEqual(run.of("stubborn()")[-2:], ["0 poll", "0 ready"])

    def test_what_asyncio_run_leaves_behind_is_dropped(self):
        run = self.record(
            """
            async def background():
                await asyncio.sleep(10)
            async def main():
                asyncio.create_task(background())
                await asyncio.sleep(1)
            asyncio.run(main())
            """
        )
        self.assertEqual(run.of("background()")[3:], ["1 woken", "1 poll", "1 dropped"])

    def test_scenes_are_marked_and_neither_they_nor_main_nor_the_skipped_are_rows(self):
        run = self.record(
            """
            async def row():
                pass
            async def helper():
                await row()
            async def first():
                await helper()
            async def second():
                await helper()
            async def main():
                waiting = second()
                await first()
                await waiting
            asyncio.run(main())
            """,
            "--scene=first",
            "--scene=second",
            "--skip=helper",
        )
        row = "0 created row()\n0 poll row()\n0 ready row()\n"
        self.assert_events(run, f"0 scene first\n{row}0 scene second\n{row}")

    def test_rows_are_named_after_the_call(self):
        run = self.record(
            """
            class Client:
                def __repr__(self):
                    return f"<Client at {id(self):#x}>"
                async def get(self, url, retries=0): pass
                @classmethod
                async def make(cls, host): pass
                @staticmethod
                async def ping(host): pass
            async def call(what, *rest): pass
            async def pages(): yield 1
            async def main():
                async def nested(): pass
                client = Client()
                await client.get("http://127.0.0.1:8080/a/long/path", retries=2)
                await client.get(url="/")
                await Client.make("a")
                await Client.ping(client)
                await nested()
                inner = nested()
                await call(inner)
                await inner
                await call(call, Client, print)
                await call(asyncio.create_task(nested(), name="background"))
                await call(list(range(1000)), {"b": 1, "a": 2})
                async for page in pages(): pass
            asyncio.run(main())
            """
        )
        expected = """
            get('http://127.0.0.1:8080/…, retries=2)
            get(url='/')
            make('a')
            ping(<Client>)
            nested()
            nested()
            call(nested())
            call(call, Client, print)
            nested()
            call(background)
            call([0, 1, 2, 3, 4, 5, ...], {'a': 2, 'b': 1})
            """
        self.assertEqual(run.recording["tasks"], textwrap.dedent(expected).strip().splitlines())

    def test_a_thread_with_a_loop_of_its_own_has_a_number_and_a_name(self):
        run = self.run_script(
            """
            import threading
            async def row(n):
                await asyncio.sleep(0.01)
            asyncio.run(row(0))
            thread = threading.Thread(target=lambda: asyncio.run(row(1)), name="second")
            thread.start()
            thread.join()
            """,
            "--timeline",
        )
        self.assertEqual(run.recording["threads"], ["MainThread", "second"])
        polls = [event for event in run.recording["events"] if event["what"] == "poll"]
        self.assertEqual([poll["thread"] for poll in polls], [0, 0, 1, 1])

    def test_the_real_clock_goes_on_by_itself(self):
        run = self.run_script(
            """
            async def row():
                await asyncio.sleep(0.02)
            asyncio.run(row())
            """,
            "--timeline",
        )
        self.assertEqual(run.recording["clock"], "real")
        times = [event["at"] for event in run.recording["events"]]
        self.assertEqual(times, sorted(times))
        self.assertGreater(times[0], 0)
        # Where clocks are coarse, a timer may be that much early.
        self.assertGreaterEqual(times[-1] - times[0], 4_000_000)

    def test_a_full_recording_counts_what_it_leaves_out(self):
        run = self.record(
            """
            async def row(): pass
            for _ in range(100_005):
                row().close()
            """
        )
        self.assertEqual(len(run.recording["events"]), 200_000)
        self.assertEqual(len(run.recording["tasks"]), 100_000)
        self.assertEqual(run.recording["left_out"], 5)

    @unittest.skipIf(sys.version_info < (3, 12), "eager tasks are new in Python 3.12")
    def test_an_eager_task_is_polled_by_its_creator(self):
        run = self.record(
            """
            async def child():
                await asyncio.sleep(1)
            async def parent():
                asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
                await asyncio.create_task(child())
            asyncio.run(parent())
            """
        )
        self.assert_events(
            run,
            """
            0 created parent()
            0 poll parent()
            0 created child() by parent()
            0 poll child()
            0 pending child()
            0 pending parent()
            1 woken child()
            1 poll child()
            1 ready child()
            1 woken parent()
            1 poll parent()
            1 ready parent()
            """,
        )


class Transparency(Case):
    """The script behaves as it does without the recorder."""

    def assert_same(self, source, *flags):
        alone = self.run_script(source)
        traced = self.run_script(source, "--timeline", *flags)
        self.assertEqual((traced.code, traced.out, traced.err), (alone.code, alone.out, alone.err))
        return traced

    def test_a_row_is_a_coroutine_to_whoever_asks(self):
        run = self.assert_same(
            """
            import collections.abc, inspect, types
            async def fetch():
                await asyncio.sleep(0.001)
                return 5
            async def main():
                coroutine = fetch()
                print(type(coroutine), repr(coroutine)[:25], sys.getsizeof(coroutine))
                print(isinstance(coroutine, types.CoroutineType), inspect.iscoroutine(coroutine))
                print(isinstance(coroutine, collections.abc.Coroutine))
                print(asyncio.iscoroutine(coroutine), inspect.isawaitable(coroutine))
                print(asyncio.iscoroutinefunction(fetch), fetch.__name__, coroutine.__qualname__)
                print(inspect.getcoroutinestate(coroutine), coroutine.cr_frame.f_lineno)
                task = asyncio.create_task(coroutine, name="t")
                await asyncio.sleep(0)
                print(repr(task).split(" at ")[0], type(task), isinstance(task, asyncio.Task))
                print(inspect.getcoroutinestate(coroutine))
                task.print_stack(file=sys.stdout)
                print(await task, await asyncio.wait_for(fetch(), 9))
                print(inspect.getcoroutinestate(coroutine))
            asyncio.run(main())
            """
        )
        self.assertEqual(run.code, 0)

    def test_a_coroutine_cannot_be_awaited_twice(self):
        self.assert_same(
            """
            async def fetch():
                await asyncio.sleep(0.001)
            async def main():
                coroutine = fetch()
                await coroutine
                try:
                    await coroutine
                except RuntimeError as error:
                    print(error)
                async def again():
                    await coroutine
                coroutine = fetch()
                print(await asyncio.gather(again(), again(), return_exceptions=True))
            asyncio.run(main())
            """
        )

    def test_tracebacks_show_the_script_and_not_the_recorder(self):
        run = self.assert_same(
            """
            import traceback
            async def leaf(n):
                await asyncio.sleep(0)
                raise ValueError(n)
            async def scene(n):
                await leaf(n)
            async def main():
                for wrong in (lambda: scene(1), lambda: asyncio.create_task(scene(2)), leaf):
                    try:
                        await wrong()
                    except Exception:
                        traceback.print_exc()
                lost = asyncio.create_task(scene(3))
                await asyncio.sleep(0.01)
                del lost
                async with asyncio.TaskGroup() as group:
                    group.create_task(scene(4))
            asyncio.run(main())
            """,
            "--scene=scene",
        )
        self.assertEqual(run.code, 1)
        self.assertIn("Task exception was never retrieved", run.err)
        self.assertNotIn("timeline.py", run.err)

    def test_a_script_that_fails_still_leaves_its_recording(self):
        run = self.assert_same(
            """
            async def fetch():
                1 / 0
            asyncio.run(fetch())
            """
        )
        self.assertEqual(run.code, 1)
        self.assertEqual(run.recording["events"][-1]["what"], "panicked")

    def test_exit_codes_and_syntax_errors_are_the_scripts_own(self):
        for source in ("sys.exit(3)", "sys.exit('no')", "sys.exit()", "async def (:"):
            run = self.assert_same(source)
            self.assertEqual((run.recording["tasks"], run.recording["events"]), ([], []))

    def test_arguments_and_module_are_those_of_a_script(self):
        source = """
            import __main__
            here = __main__.__dict__ is globals() and __doc__ is None
            print(sys.argv[1:], __name__, __file__, sys.path[0], __package__, __spec__, here)
            """
        args = ["--instant", "-x", "--timeline=a.json", "two words"]
        expected = self.run_script(source, args=args)
        for flags in (["--instant"], ["--timeline"], ["--instant", "--timeline"]):
            run = self.run_script(source, *flags, args=args)
            self.assertEqual((run.out, run.err), (expected.out, expected.err))

    def test_postponed_annotations_are_neither_added_nor_lost(self):
        self.assert_same("def f(x: print('evaluated')): pass")
        script = Path(self.folder, "future.py")
        script.write_text("'''Doc.'''\nfrom __future__ import annotations\ndef f(x: no): pass\n")
        file = Path(self.folder, "out.json")
        done = subprocess.run([sys.executable, TIMELINE, f"--timeline={file}", script])
        self.assertEqual(done.returncode, 0)


class VirtualTime(Case):
    def test_durations_are_exact_and_all_clocks_agree(self):
        run = self.run_script(
            """
            def clocks():
                loop = asyncio.get_running_loop()
                seconds = loop.time(), time.monotonic(), time.perf_counter()
                print(*seconds, time.monotonic_ns(), time.perf_counter_ns())
            async def main():
                clocks()
                wall = time.time_ns()
                await asyncio.sleep(0.1)
                await asyncio.sleep(0.2)
                clocks()
                await asyncio.sleep(1.7)
                time.sleep(3)
                clocks()
                await asyncio.sleep(100_000)
                clocks()
                print(time.time_ns() - wall)
            asyncio.run(main())
            """,
            "--instant",
        )
        expected = """
            0.0 0.0 0.0 0 0
            0.3 0.3 0.3 300000000 300000000
            5.0 5.0 5.0 5000000000 5000000000
            100005.0 100005.0 100005.0 100005000000000 100005000000000
            100005000000000
            """
        self.assertEqual(run.out, textwrap.dedent(expected).lstrip())

    def test_timers_for_the_same_time_go_off_in_the_order_in_which_they_were_set(self):
        run = self.run_script(
            """
            async def wait(n, seconds):
                await asyncio.sleep(seconds)
                print(n, end=" ")
            async def later(n):
                await asyncio.sleep(0.1)
                await wait(n, 0.2)  # 0.1 + 0.2 is a little more than 0.3 ...
                await wait(n, 0.7 - 0.2 - 0.1)  # ... and the sum of these a little less than 0.7.
            async def main():
                waits = [wait(n, 2) for n in range(12)]
                await asyncio.gather(*waits, wait("a", 0.3), later("b"), wait("c", 0.7))
            asyncio.run(main())
            """,
            "--instant",
        )
        self.assertEqual(run.out, "a b c b 0 1 2 3 4 5 6 7 8 9 10 11 ")

    def test_two_runs_are_the_same_byte_for_byte(self):
        # asyncio keeps these tasks in sets, whose order would be that of their addresses. Large
        # ones, because in small sets only the end of an address counts, which is often the same.
        source = """
            async def row(n):
                await asyncio.sleep(n % 3)
                return n
            async def fails():
                await asyncio.sleep(2.5)
                raise ValueError
            async def main():
                for done in asyncio.as_completed([row(n) for n in range(400)]):
                    print(await done)
                done, _ = await asyncio.wait([asyncio.create_task(row(n)) for n in range(400)])
                print([task.result() for task in done])
                try:
                    async with asyncio.TaskGroup() as group:
                        group.create_task(fails())
                        for n in range(400):
                            group.create_task(row(3 * n + 2))
                except* ValueError:
                    pass
                left = [asyncio.create_task(row(n)) for n in range(400)]
                await asyncio.sleep(0)
            asyncio.run(main())
            """
        first, second = self.record(source), self.record(source)
        self.assertEqual(first.bytes, second.bytes)
        self.assertEqual(first.out, second.out)

    def test_a_negative_sleep_is_still_an_error(self):
        run = self.run_script("time.sleep(-1)", "--instant")
        self.assertEqual(run.code, 1)
        self.assertIn("ValueError: sleep length must be non-negative", run.err)

    def test_a_timeout_does_not_outrun_a_job_and_the_sleep_of_a_job_is_exact(self):
        run = self.run_script(
            """
            async def main():
                async with asyncio.timeout(600):
                    await asyncio.to_thread(time.sleep, 0.05)
                print(time.monotonic())
                await asyncio.sleep(600)  # The pool is idle now.
                print(time.monotonic())
            asyncio.run(main())
            print(time.monotonic())  # Waiting for the threads of the pool took no time.
            """,
            "--instant",
        )
        self.assertEqual(run.out, "0.05\n600.05\n600.05\n")

    def test_timers_go_off_while_a_job_waits_for_them(self):
        run = self.run_script(
            """
            import threading
            async def main():
                event = threading.Event()
                job = asyncio.create_task(asyncio.to_thread(event.wait))
                for _ in range(3):
                    await asyncio.sleep(0.01)
                    print(time.monotonic())
                event.set()
                print(await job, time.monotonic())
            asyncio.run(main())
            """,
            "--instant",
        )
        self.assertEqual(run.out, "0.01\n0.02\n0.03\nTrue 0.03\n")

    def test_a_cancelled_job_that_still_runs_is_waited_for(self):
        run = self.run_script(
            """
            import threading
            event = threading.Event()
            def job():
                event.wait()
                time.sleep(0.02)
                print("job", time.monotonic())
            async def main():
                try:
                    await asyncio.wait_for(asyncio.to_thread(job), 0.05)
                except TimeoutError:
                    print("late", time.monotonic())
                event.set()
                await asyncio.sleep(600)
                print("main", time.monotonic())
            asyncio.run(main())
            """,
            "--instant",
        )
        self.assertEqual(run.out, "late 0.05\njob 0.07\nmain 600.05\n")

    def test_a_timeout_does_not_outrun_a_socket_or_a_thread(self):
        run = self.run_script(
            """
            import socket, threading
            def answers(peer):
                time.sleep(0.05)
                peer.sendall(b"answer\\n")
                peer.close()
            async def main():
                event, loop = asyncio.Event(), asyncio.get_running_loop()
                threading.Timer(0.05, loop.call_soon_threadsafe, [event.set]).start()
                async with asyncio.timeout(600):
                    await event.wait()
                print("event")
                ours, theirs = socket.socketpair()
                reader, writer = await asyncio.open_connection(sock=ours)
                threading.Thread(target=answers, args=[theirs]).start()
                async with asyncio.timeout(600):
                    print((await reader.readline()).decode(), end="")
                writer.close()
                await writer.wait_closed()
                print(0.05 < time.monotonic() < 600)
            asyncio.run(main())
            """,
            "--instant",
        )
        self.assertEqual((run.out, run.err), ("event\nanswer\nTrue\n", ""))

    def test_a_timeout_does_not_outrun_a_client(self):
        run = self.run_script(
            """
            import subprocess
            client = '''import socket, sys
            with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as server:
                server.sendall(b"hello")
            '''.replace("\\n            ", "\\n")
            async def main():
                greeting = asyncio.get_running_loop().create_future()
                async def answer(reader, writer):
                    greeting.set_result(await reader.read())
                    writer.close()
                server = await asyncio.start_server(answer, "127.0.0.1", 0)
                port = server.sockets[0].getsockname()[1]
                process = subprocess.Popen([sys.executable, "-c", client, str(port)])
                async with asyncio.timeout(600):
                    print(await greeting)
                process.wait()
            asyncio.run(main())
            """,
            "--instant",
        )
        self.assertEqual((run.out, run.err), ("b'hello'\n", ""))

    @unittest.skipIf(os.name == "nt", "Windows sends Ctrl-C to a whole console")
    def test_ctrl_c_ends_a_wait_that_nothing_else_would_end(self):
        script = Path(self.folder, "script.py")
        script.write_text(
            "import asyncio\n"
            "async def forever():\n"
            "    print('waits', flush=True)\n"
            "    await asyncio.Event().wait()\n"
            "asyncio.run(forever())\n"
        )
        file = Path(self.folder, "recording.json")
        command = [sys.executable, TIMELINE, "--instant", f"--timeline={file}", script]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            self.assertEqual(process.stdout.readline(), "waits\n")
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, -signal.SIGINT)
        self.assertTrue(err.rstrip().endswith("KeyboardInterrupt"), err)
        events = json.loads(file.read_text("utf-8"))["events"]
        self.assertEqual(events[-1], {"at": 0, "task": 0, "what": "dropped", "by": None})


class Usage(Case):
    def assert_refused(self, args, *words):
        done = subprocess.run(
            [sys.executable, *args], capture_output=True, text=True, cwd=self.folder
        )
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertTrue(done.stderr.startswith("timeline.py: "), done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_bad_usage_is_one_line_and_exit_code_2(self):
        script = Path(self.folder, "script.py")
        script.write_text("print('runs')\n")
        self.assert_refused([TIMELINE], "SCRIPT")
        self.assert_refused([TIMELINE, "--no-such-flag", script], "--no-such-flag")
        self.assert_refused([TIMELINE, "--scene"], "--scene")
        self.assert_refused([TIMELINE, "--instant=yes", script], "--instant")
        self.assert_refused([TIMELINE, "nowhere.py"], "nowhere.py", "No such file")
        self.assert_refused([TIMELINE, self.folder], self.folder)
        self.assert_refused([TIMELINE, "--timeline=no/a.json", script], "no/a.json", "No such file")
        self.assert_refused([TIMELINE, "--timeline", script, script], "must end in .json")
        self.assertEqual(script.read_text(), "print('runs')\n")

    def test_an_old_python_is_refused(self):
        old = f"""if True:
            import runpy, sys
            sys.version_info, sys.version = (3, 10, 2), "3.10.2 (main)"
            runpy.run_path({str(TIMELINE)!r}, run_name="__main__")
            """
        self.assert_refused(["-c", old], "needs Python 3.11 or newer; this is 3.10.2")

    def test_help_says_what_every_flag_does(self):
        done = subprocess.run([sys.executable, TIMELINE, "--help"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0)
        for flag in ("--instant ", "--timeline=FILE.json ", "--scene NAME ", "--skip NAME "):
            self.assertIn(f"\n{flag}", done.stdout)


if __name__ == "__main__":
    unittest.main()
