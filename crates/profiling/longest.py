"""Prints the longest slices of a trace: `longest.py FILE.trace.json`. Perfetto draws the same file."""

import json
import sys


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: longest.py FILE.trace.json")
    try:
        with open(sys.argv[1], encoding="utf-8") as file:
            events = json.load(file)["traceEvents"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.exit(f"longest.py: {sys.argv[1]} is no trace: {error}")
    tracks = {e["tid"]: e["args"]["name"] for e in events if e["name"] == "thread_name"}
    slices = sorted((e for e in events if e["ph"] == "X"), key=lambda e: (-e["dur"], e["ts"]))
    for one in slices[:5]:
        print(f"{one['dur'] / 1000:5.1f} ms from {one['ts'] / 1000:5.1f} ms on {tracks[one['tid']]}")
    print(f"{len(slices)} slices on {len(tracks)} tracks")


main()
