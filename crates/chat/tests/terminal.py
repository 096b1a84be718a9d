"""Runs a program in a pseudo-terminal: our input is its keyboard, its screen is our output."""

import os
import pty
import select
import sys

pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
sources = [0, terminal]
while terminal in sources:
    for source in select.select(sources, [], [])[0]:
        try:
            data = os.read(source, 65536)
        except OSError:  # what Linux says at the end of a terminal
            data = b""
        if not data:
            sources.remove(source)
        os.write(terminal if source == 0 else 1, data)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
