"""Connections in memory, for a loop in virtual time: what `tokio::io::duplex` is in Rust."""

import asyncio


class End(asyncio.Transport):
    """One end of a pipe. It takes so many bytes, and then its writer has to wait."""

    def __init__(self, size):
        super().__init__()
        self.size = size
        self.loop = asyncio.get_running_loop()
        self.buffer = bytearray()
        self.reading = True
        self.full = self.eof = self.closed = False
        self.protocol = self.other = None

    def set_write_buffer_limits(self, high=None, low=None):
        self.size = min(self.size, high or self.size)

    def get_write_buffer_size(self):
        return len(self.buffer)

    def write(self, data):
        if self.closed or self.other.closed:
            return
        self.buffer += data
        if len(self.buffer) > self.size and not self.full:
            self.full = True
            self.protocol.pause_writing()
        self.loop.call_soon(self.deliver)

    def deliver(self):
        """Hands over what is there, unless the other side does not read."""
        if not self.other.reading or self.other.closed:
            return
        if self.buffer:
            data = bytes(self.buffer)
            self.buffer.clear()
            self.other.protocol.data_received(data)
        if self.eof:
            self.eof = False
            self.other.protocol.eof_received()
        if self.full:
            self.full = False
            self.protocol.resume_writing()

    def pause_reading(self):
        self.reading = False

    def resume_reading(self):
        self.reading = True
        self.loop.call_soon(self.other.deliver)

    def is_reading(self):
        return self.reading

    def can_write_eof(self):
        return True

    def write_eof(self):
        self.eof = True
        self.loop.call_soon(self.deliver)

    def is_closing(self):
        return self.closed

    def abort(self):
        if not self.closed:
            self.write_eof()
            self.closed = True
            self.loop.call_soon(self.protocol.connection_lost, None)

    close = abort


def pipe(size, limit):
    """Two ends, each a reader and a writer as `open_connection` returns them."""
    loop = asyncio.get_running_loop()
    ends, streams = (End(size), End(size)), []
    for end, other in (ends, ends[::-1]):
        reader = asyncio.StreamReader(limit)
        end.protocol, end.other = asyncio.StreamReaderProtocol(reader), other
        end.protocol.connection_made(end)
        streams.append((reader, asyncio.StreamWriter(end, end.protocol, reader, loop)))
    return streams
