"""Thousands of devices over TCP with asyncio's streams: readings in, commands out."""

import argparse
import asyncio
import collections
import contextlib
import functools
import json
import math
import signal
import sys

import devices
from gateway import EVERY, MAX_LINE, Gateway, Refused
from pipe import pipe


class Demo:
    """A gateway and some devices in one process, and what the gateway finds out.

    They are connected by pipes in memory, so that the demonstration also runs in virtual time.
    """

    def __init__(self, count, faults, seed, seconds):
        self.seconds = seconds
        self.devices = devices.make(count, faults, seed, 1.0, 2.0, self.note)
        self.gateway = Gateway(tell=self.told)
        self.times_online = {}
        self.connections = set()
        self.over = False

    def say(self, who, what):
        if not self.over:
            print(f"{asyncio.get_running_loop().time() - self.start:4.1f} s  {who:<8} {what}")

    def note(self, name, what):
        self.say("device", f"{name} {what}")

    def told(self, event, device, **about):
        match event:
            case "online":
                before = len(self.times_online)
                times = self.times_online[device] = self.times_online.get(device, 0) + 1
                if times > 1:
                    self.say("gateway", f"{device} is online again")
                elif before + 1 == len(self.devices):
                    self.say("gateway", f"all {len(self.devices)} devices are online")
            case "offline":
                self.say("gateway", f"{device} is offline: {about['why']}")
            case "bad line":
                self.say("gateway", f"{device}: {about['error']}")
            case "flooding":
                text = f"sends more than {about['limit']} readings a second: it is slowed down"
                self.say("gateway", f"{device} {text}")
            case "replaced":
                self.say("gateway", f"{device} has a newer connection")

    async def connect(self):
        device, far = pipe(MAX_LINE, MAX_LINE)
        attending = asyncio.create_task(self.gateway.attend(*far))
        self.connections.add(attending)
        attending.add_done_callback(self.connections.discard)
        return device

    async def operate(self):
        """Somebody who sends a few commands."""
        names = [device.name for device in self.devices if device.fault is None][:3]
        names += [device.name for device in self.devices if device.fault == "deaf"]
        orders = [{"do": "set_interval", "seconds": 0.5}, {"do": "reboot"}]
        orders += [{"do": "identify"}] * 3
        await asyncio.sleep(2)
        await asyncio.gather(*map(self.order, [*names, "pump-99"], orders))

    async def order(self, name, order):
        text = " ".join(map(str, order.values()))
        try:
            ack = await self.gateway.command(name, order)
            answer = "done" if ack["ok"] else f"refused: {ack.get('error', '')!r}"
        except Refused as error:
            answer = str(error)
        self.say("command", f"{name} {text}: {answer}")

    async def run(self):
        self.start = asyncio.get_running_loop().time()
        count, faulty = len(self.devices), sum(bool(device.fault) for device in self.devices)
        print(f"{count} devices connect; {faulty} with a fault, and the gateway does not know which.")
        operating = asyncio.create_task(self.operate())
        running = asyncio.create_task(devices.run(self.devices, self.connect, self.seconds))
        await asyncio.sleep(self.seconds)
        self.say("the devices stop;", "what they have sent is still taken")
        self.over = True
        reports = await running
        operating.cancel()
        if self.connections:
            await asyncio.wait(self.connections)
        self.compare(reports)

    def compare(self, reports):
        """What the devices have sent, and what the gateway has counted."""
        print()
        print("                        sent  counted  dropped  bad clock  bad lines  came back")
        counts = {device["id"]: device for device in self.gateway.report()["devices"]}
        healthy, rows = [0] * 6, []
        for report in reports:
            # The gateway does not know a device that has not come to its hello.
            count = counts.get(report["id"], collections.Counter(connections=1))
            row = [report["sent"]]
            row += [count[name] for name in ("readings", "dropped", "bad_clock", "bad_lines")]
            row.append(count["connections"] - 1)
            if report["fault"]:
                rows.append((f"{report['id']}, {report['fault']}", row))
            else:
                healthy = [total + more for total, more in zip(healthy, row)]
        rows.insert(0, (f"{len(reports) - len(rows)} healthy devices", healthy))
        for name, (sent, counted, dropped, bad_clock, bad_lines, back) in rows:
            line = f"{name:<20} {sent:>7} {counted:>8} {dropped:>8} {bad_clock:>10} {bad_lines:>10}"
            print(f"{line} {back:>10}")


async def serve(port, every, report):
    with contextlib.suppress(NotImplementedError):  # on Windows there is no SIGTERM
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, asyncio.current_task().cancel)
    gateway = Gateway(every)
    async with gateway.serving(port) as (host, port):
        print(f"Listening on {host}:{port}", flush=True)
        with contextlib.suppress(asyncio.CancelledError):  # Ctrl-C cancels this task
            await asyncio.sleep(math.inf)
    counts = gateway.report()
    readings, known = counts["totals"]["readings"], len(counts["devices"])
    print(f"Stopped: {readings:,} readings of {known:,} devices counted.")
    save(counts, report)


async def simulate(address, count, faults, seed, seconds, report):
    made = devices.make(count, faults, seed, max(1.0, count * 0.0005), 2.0)
    connect = functools.partial(asyncio.open_connection, *address, limit=MAX_LINE)
    # Later, devices try again by themselves. But a gateway that was never there is a mistake.
    _, writer = await connect()
    writer.close()
    reports = await devices.run(made, connect, seconds)
    print(f"{count:,} devices have sent {sum(one['sent'] for one in reports):,} readings.")
    save(reports, report)


def save(report, path):
    if path:
        with open(path, "w", encoding="utf-8") as file:
            json.dump(report, file)


def faults_of(text):
    """`silence,garbage=3` as a list with one entry for each device; `all` is one of each."""
    faults = []
    for part in text.split(","):
        name, equals, count = part.partition("=")
        named = [fault for fault in devices.FAULTS if name in (fault, "all")]
        if not named or equals and not count.isdecimal():
            known = ", ".join(devices.FAULTS)
            raise argparse.ArgumentTypeError(f"{part!r} is none of {known}, all; nor with =NUMBER")
        for fault in named:
            faults += [fault] * int(count or 1)
    return faults


def address_of(text):
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is no HOST:PORT")
    return host.strip("[]"), int(port)


def between(kind, least, most):
    def read(text):
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is no number from {least:g} to {most:g}")
        return value

    return read


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", nargs="?", choices=("gateway", "simulate"))
    parser.add_argument("--port", type=between(int, 0, 65535), default=8080, metavar="PORT")
    parser.add_argument("--every", type=between(float, 0.1, 3600), default=EVERY, metavar="SECONDS")
    parser.add_argument("--gateway", type=address_of, default="127.0.0.1:8080", metavar="ADDRESS")
    parser.add_argument("--devices", type=between(int, 1, 50_000), default=20, metavar="N")
    parser.add_argument("--faults", type=faults_of, metavar="LIST")
    parser.add_argument("--seed", type=between(int, 0, 2**64 - 1), default=1, metavar="N")
    parser.add_argument("--seconds", type=between(float, 0, 1e6), default=10.0, metavar="SECONDS")
    parser.add_argument("--report", metavar="FILE")
    flags = parser.parse_args()
    if flags.faults is None:
        flags.faults = [] if flags.task else list(devices.FAULTS)
    if len(flags.faults) > flags.devices:
        parser.error("more devices have a fault than there are devices")
    made = flags.devices, flags.faults, flags.seed, flags.seconds
    try:
        match flags.task:
            case "gateway":
                asyncio.run(serve(flags.port, flags.every, flags.report))
            case "simulate":
                asyncio.run(simulate(flags.gateway, *made, flags.report))
            case None:
                asyncio.run(Demo(*made).run())
    except KeyboardInterrupt:
        pass
    except OSError as error:
        sys.exit(f"sensors: {error}")


if __name__ == "__main__":
    main()
