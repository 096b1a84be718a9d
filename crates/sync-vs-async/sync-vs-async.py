"""Waiting: one after the other, overlapped, and on threads. The Rust twin is src/main.rs."""

import asyncio
import sys
import threading
import time

WAIT = 0.3  # how long an answer takes, in seconds
LIMIT = 100_000  # a piece of work is the search for the primes below this


def fetch_blocking(number):
    print(f"  {number}: asked")
    time.sleep(WAIT)
    print(f"  {number}: answered")


async def fetch(number):
    print(f"  {number}: asked")
    await asyncio.sleep(WAIT)
    print(f"  {number}: answered")


def blocking():
    for number in (1, 2, 3):
        fetch_blocking(number)


async def one_after_the_other():
    for number in (1, 2, 3):
        await fetch(number)


async def overlapped():
    await asyncio.gather(fetch(1), fetch(2), fetch(3))


def on_threads():
    threads = [threading.Thread(target=time.sleep, args=(WAIT,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def is_prime(number):
    divisor = 2
    while divisor * divisor <= number:
        if number % divisor == 0:
            return False
        divisor += 1
    return number > 1


def work():
    return sum(is_prime(number) for number in range(LIMIT))


async def work_in_turns():
    primes = 0
    for number in range(LIMIT):
        primes += is_prime(number)
        if number % 1_000 == 0:
            await asyncio.sleep(0)
    return primes


def on_two_threads():
    other = threading.Thread(target=work)
    other.start()
    work()
    other.join()


async def compare_work():
    start = time.perf_counter()
    primes = work() + work()
    alone = time.perf_counter() - start
    print(f"two pieces of work, {primes} primes")
    print(f"one after the other: {alone:.2f} s")

    start = time.perf_counter()
    await asyncio.gather(work_in_turns(), work_in_turns())
    took = time.perf_counter() - start
    print(f"overlapped: {took:.2f} s, {alone / took:.1f} times as fast")

    start = time.perf_counter()
    on_two_threads()
    took = time.perf_counter() - start
    print(f"on two threads: {took:.2f} s, {alone / took:.1f} times as fast")


async def main():
    start = time.monotonic()
    blocking()
    print(f"blocking, one after the other: {time.monotonic() - start:.1f} s")

    start = time.monotonic()
    await one_after_the_other()
    print(f"awaited, one after the other: {time.monotonic() - start:.1f} s")

    start = time.monotonic()
    await overlapped()
    print(f"awaited, overlapped: {time.monotonic() - start:.1f} s")

    start = time.monotonic()
    on_threads()
    print(f"blocking, on three threads: {time.monotonic() - start:.1f} s")


asyncio.run(compare_work() if "--work" in sys.argv else main())
