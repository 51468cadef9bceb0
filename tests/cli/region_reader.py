#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""region_reader.py [-n N] FILE: the newest N records of a region, as JSON.

A second reader of the file, written from fntrace-region(5) alone: it shows that the page
says all that is needed. It prints what `fntrace recent -n N --json` prints, but for white
space and the digits of numbers. Comments in capitals are the page's headings.
"""
import argparse
import base64
import json
import mmap
import os
import re
import struct
import sys

PAGE, CELL = 4096, 256
RECORD = struct.Struct("<QQQQQQQIIiiIHBBIIIIQQQII")
HEAD_BYTES, MORE_BYTES = CELL - 8 - RECORD.size, CELL - 8
STARTED_MONO = 21  # its place among a record's fields
LAPS, WORDS = 1 << 40, 1 << 64
HEAD, MORE = 1 << 1, 2 << 1
NO_NAME, DEPTH = 0xffffffff, 512
NAMES, RINGS, BLOCK_KEYS, BLOCKS, OPTIONAL = 4, 6, 12, 13, (7, 8)
SECTIONS = [  # HEADER: kinds from 1 on: stride, least and greatest count
    (384, 1, 1), (256, 1, 65000), (384, 1, 65000), (272, 1, 1 << 20),
    (1024, 1, 1 << 17), (1024, 2, 2), (384, 4, 1024), (8, 1, (1 << 20) + 1),
    (20096, 1, 1), (384, 1, 1 << 20), (64, 1, 1 << 20), (8, 1, 1 << 20),
    (256, 1, 1 << 20)]
FN_TYPES = ["query", "mutation", "action"]
OPS = ["get", "list", "paginate", "insert", "update", "delete", "lookup", "query",
       "query_graph", "link", "unlink", "search", "other"]
OUTCOMES = ["in_flight", "ok", "error", "rolled_back", "aborted"]
CUTS = ["value_omitted", "code_cut", "message_cut", "id_cut"]


class Damaged(Exception):
    """What is wrong with the file, or with a payload."""


class TooDeep(Damaged):
    """Nested deeper than is accepted."""


# ---- msgpack ----------------------------------------------------------------------------

class Str(bytes):
    """A str."""


class Bin(bytes):
    """A bin, or an ext, which no event has."""


class Map(list):
    """Pairs."""


FORMS = {0xc4: (Bin, "BHI"), 0xc7: ("ext", "BHI"), 0xca: (float, "fd"),
         0xcc: (int, "BHIQ"), 0xd0: (int, "bhiq"), 0xd9: (Str, "BHI"),
         0xdc: (list, "HI"), 0xde: (Map, "HI")}
FORMAT = {base + i: (kind, struct.Struct(">" + width))
          for base, (kind, widths) in FORMS.items() for i, width in enumerate(widths)}
CONSTANTS = {0xc0: None, 0xc2: False, 0xc3: True}


def head(data, at):
    """What begins at `at`, its number or length, and where it goes on."""
    if at >= len(data):
        raise Damaged("it ends too early")
    first, at = data[at], at + 1
    if first < 0x80 or first >= 0xe0:
        return int, (first + 32) % 256 - 32, at
    if first < 0xc0:
        return ((Map, first & 15, at) if first < 0x90 else
                (list, first & 15, at) if first < 0xa0 else (Str, first & 31, at))
    if first in CONSTANTS:
        return int, CONSTANTS[first], at
    if 0xd4 <= first <= 0xd8:
        return "ext", 1 << (first - 0xd4), at
    kind, form = FORMAT.get(first, (None, None))
    if kind is None or at + form.size > len(data):
        raise Damaged(f"no object begins with {first:#x}")
    return kind, form.unpack_from(data, at)[0], at + form.size


def unpack(data, at, depth=0):
    """The object at `at`, and where the next one begins."""
    kind, value, at = head(data, at)
    if kind in (list, Map):
        items = kind()
        if depth == DEPTH:
            raise TooDeep("nested too deep")
        for _ in range(value * (1 if kind is list else 2)):
            item, at = unpack(data, at, depth + 1)
            items.append(item)
        return Map(zip(items[::2], items[1::2])) if kind is Map else items, at
    if kind in (int, float):
        return value, at
    end = at + value + (kind == "ext")
    if end > len(data):
        raise Damaged("it ends too early")
    return (Bin if kind == "ext" else kind)(data[at:end]), end


def is_int(value):
    return type(value) is int  # a bool is none


CHECKS = {
    "text": lambda v: isinstance(v, (Str, Bin)),
    "text|nil": lambda v: v is None or isinstance(v, (Str, Bin)),
    "name": lambda v: isinstance(v, (Str, Bin)) or is_int(v) and 0 <= v < NO_NAME,
    "uint": lambda v: is_int(v) and v >= 0,
    "op": lambda v: isinstance(v, (Str, Bin)) or is_int(v) and v >= 0,
    "int|nil": lambda v: v is None or is_int(v) and v < 1 << 63,
    "bool": lambda v: isinstance(v, bool)}
EVENTS = [event.split() for event in (  # RECORDS, Payload
    "text text|nil text|nil text|nil", "text", "text",
    "op name text|nil uint uint int|nil bool", "op name text|nil uint",
    "uint uint int|nil bool", "name int|nil int|nil", "text text", "uint text", "uint",
    "op name text|nil uint", "op name text|nil uint uint int|nil bool")]


def events(payload):
    """The events of known types, each a list; Damaged at one that is wrong."""
    at = 0
    while at < len(payload):
        kind, count, at = head(payload, at)
        event = []
        if kind is not list:
            raise Damaged("an event that is no array")
        for _ in range(count):
            item, at = unpack(payload, at)
            event.append(item)
        if not event or not CHECKS["uint"](event[0]):
            raise Damaged("an event without a type")
        if event[0] >= len(EVENTS):
            continue
        want = EVENTS[event[0]]
        if len(event) <= len(want) or \
                not all(CHECKS[kind](v) for kind, v in zip(want, event[1:])):
            raise Damaged(f"event {event[0]}: not its elements")
        yield event[:len(want) + 1]


# ---- the region -------------------------------------------------------------------------

class Region:
    def __init__(self, path):
        self.file = open(path, "rb")
        self.size = os.fstat(self.file.fileno()).st_size
        if self.size < 1128:
            raise Damaged("too short for a region")
        self.map = mmap.mmap(self.file.fileno(), self.size, prot=mmap.PROT_READ)
        self.words = memoryview(self.map)[:self.size // 8 * 8].cast("Q")
        self.check_header()

    def word(self, off):
        return self.words[off // 8]

    def check_header(self):
        """HEADER, WHAT A READER MUST CHECK."""
        (magic, order, version, _, incompat, self.size_bytes, self.region_id, _, _,
         self.capacity, self.max_record, _, section_count, self.kept) = \
            struct.unpack_from("<8sIIQQQQQQQIIII", self.map)
        if magic != b"FNTRACE\n" or order != 0x01020304 or sys.byteorder != "little":
            raise Damaged("not a region that can be read here")
        if version != 4 or incompat:
            raise Damaged(f"version {version}, features {incompat:#x}")
        if self.size_bytes > self.size:
            raise Damaged(f"truncated: {self.size} of {self.size_bytes} bytes")
        if section_count > 16 or not 1024 <= self.max_record <= 1 << 20 or self.kept > 50:
            raise Damaged("a header that makes no sense")
        self.sections, self.fixed = {}, PAGE
        for i in range(section_count):
            self.check_section(*struct.unpack_from("<IIQQ", self.map, 88 + 32 * i))
        self.fixed = -(-self.fixed // PAGE) * PAGE
        places = sorted((off, off + count * SECTIONS[kind - 1][0])
                        for kind, (off, count) in self.sections.items())
        if any(kind not in self.sections and kind not in OPTIONAL
               for kind in range(1, len(SECTIONS) + 1)) or \
                any(a[1] > b[0] for a, b in zip(places, places[1:])) or \
                self.sections[BLOCKS][1] > self.sections[BLOCK_KEYS][1]:
            raise Damaged("sections that are missing or overlap")
        if not self.segments(self.sections[RINGS][0])[1]:
            raise Damaged("no cells of the main ring")

    def check_section(self, kind, stride, off, count):
        end = off + stride * count
        if end <= self.size_bytes:
            self.fixed = max(self.fixed, end)
        if not 1 <= kind <= len(SECTIONS):
            return
        want, least, most = SECTIONS[kind - 1]
        if kind in self.sections or stride != want or not least <= count <= most or \
                off % 128 or off < PAGE or end > self.size_bytes:
            raise Damaged(f"section {kind}: {count} entries of {stride} at {off}")
        self.sections[kind] = off, count

    def check_still(self):
        size = os.fstat(self.file.fileno()).st_size
        if size < self.size or self.word(40) != self.region_id:
            raise Damaged("cut short or written anew while it was read")

    def name(self, number):
        """NAMES: its bytes, or None."""
        off, count = self.sections[NAMES]
        at = off + 272 * number
        if number >= count or self.word(at) & 0xff != 2:
            return None
        return self.map[at + 8:at + 8 + (self.word(at) >> 8 & 0xff)]

    def segments(self, ring):
        """SEGMENTS, Which tickets are there: how many were published, and those held."""
        published, held = self.word(ring + 8), self.word(ring + 136)
        found = []
        for n in range(max(held, published - 4, 0), published):
            slot = ring + 256 + 128 * (n % 4)
            number, first, end, off, cells, lap = (self.word(slot + 8 * i)
                                                   for i in range(6))
            if number == self.word(slot) == n + 1 and cells >= 64 and \
                    off % PAGE == 0 and off >= self.fixed and \
                    off + cells * CELL <= self.size and \
                    (not found or first > found[-1][1]):
                found.append((n, first, end, off, cells, lap))
        return published, found

    def spans(self, ring):
        """Newest first: segment, first ticket, end."""
        while True:
            published, segments = self.segments(ring)
            cursor, spans, next_first = self.word(ring), [], None
            if self.word(ring + 8) == published:
                break
        for segment in reversed(segments):
            number, first, end, _, cells, _ = segment
            if first > cursor:
                continue
            if number < self.word(ring + 128):
                break
            end = cursor if next_first is None else min(max(end, first), next_first)
            spans.append((segment, max(first, end - cells), end))
            if end - first >= cells:
                break
            next_first = first
        return spans

    @staticmethod
    def cell(segment, ticket):
        """RINGS: where a ticket is written, and its lap in a state."""
        _, first, _, off, cells, lap = segment
        turn, index = divmod(ticket - first, cells)
        return off + index * CELL, (lap + turn) % LAPS << 24

    def record(self, segment, ticket):
        """RINGS, Reading a record: its head and payload, or None."""
        at, lap = self.cell(segment, ticket)
        state = self.word(at)
        lane = state & 0xffff << 8
        if state != lap | lane | HEAD:
            return None
        fields = RECORD.unpack_from(self.map, at + 8)
        size = fields[7]
        count = 1 + max(-(-(size - HEAD_BYTES) // MORE_BYTES), 0)
        if size > self.max_record or count > segment[4]:
            return None
        payload = self.map[at + 8 + RECORD.size:at + CELL]
        states = [(at, state)]
        for i in range(1, count):
            at, lap = self.cell(segment, ticket + i)
            if self.word(at) != lap | lane | MORE:
                return None
            payload += self.map[at + 8:at + CELL]
            states.append((at, lap | lane | MORE))
        if any(self.word(at) != state for at, state in states):
            return None
        return fields, payload[:size]

    def ring(self, number):
        """Newest first: time of commit, head, payload."""
        if number and not self.kept:
            return
        for segment, first, end in self.spans(self.sections[RINGS][0] + 1024 * number):
            for ticket in range(end - 1, first - 1, -1):
                found = self.record(segment, ticket)
                if found:
                    yield commit_time(*found), *found

    def newest(self, limit):
        """SEGMENTS, Newest first: heads and payloads of both rings."""
        rings = [self.ring(0), self.ring(1)]
        ready = [next(ring, None) for ring in rings]
        for _ in range(min(limit, self.capacity or limit)):
            if ready == [None, None]:
                break
            kept = ready[0] is None or bool(ready[1]) and ready[1][0] > ready[0][0]
            yield ready[kept][1:]
            ready[kept] = next(rings[kept], None)


def commit_time(fields, payload):
    if fields[15] >> 31:
        try:
            for event in events(payload):
                if event[0] == 9:
                    return event[1]
        except Damaged:
            pass
    return (fields[STARTED_MONO] + fields[5]) % WORDS


# ---- as JSON ----------------------------------------------------------------------------

class Raw(str):
    """JSON, to be printed as it is."""


def dump(value):
    if isinstance(value, Raw):
        return value
    if isinstance(value, dict):
        return "{" + ",".join(f"{dump(k)}:{dump(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list) and not isinstance(value, Map):
        return "[" + ",".join(map(dump, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def from_msgpack(value):
    if isinstance(value, Bin):
        return {"$bin": base64.b64encode(value).decode()}
    if isinstance(value, Str):
        return value.decode(errors="replace")
    if isinstance(value, Map):
        return {from_msgpack(key): from_msgpack(item) for key, item in value}
    return list(map(from_msgpack, value)) if isinstance(value, list) else value


def json_depth(text):
    """How deep it is nested; it is JSON."""
    depth = most = 0
    for mark in re.findall(r'"(?:[^"\\\\]|\\\\.)*"|[][{}]', text):
        depth += (mark in "[{") - (mark in "]}") if len(mark) == 1 else 0
        most = max(most, depth)
    return most


def from_value(kind, raw):
    """The value, and the name of what is wrong with it."""
    try:
        if kind == 1:
            text = raw.decode(errors="replace")
            if json_depth(text) > DEPTH:
                raise TooDeep("nested too deep")
            json.loads(text)
            return Raw(text), None
        value, end = unpack(raw, 0)
        if end == len(raw):
            return from_msgpack(value), None
    except TooDeep:
        return "<nested too deep>", "value_too_deep"
    except (Damaged, ValueError):
        pass
    return "<invalid value>", "value_invalid"


def with_ints(made, **more):
    made.update((k, v) for k, v in more.items() if v is not None and v != -1 << 63)
    return made


class Trace:
    """A record in the shape of `fntrace recent --json`."""

    def __init__(self, region, fields, payload):
        self.region, self.fields, self.marks = region, fields, {}
        self.call = ["", None, None, None]  # id, function, user, tenant
        self.error, self.value, self.committed = ["", ""], {}, 0
        self.ops, self.waits, self.begun, self.schedules = [], [], [], []
        self.fn, self.exe = (self.name(id) if id != NO_NAME else ""
                             for id in (fields[8], fields[11]))
        try:
            for event in events(payload):
                self.take(*event)
        except Damaged:
            self.marks["damaged"] = True

    def text(self, raw):
        """RECORDS, Texts."""
        if raw is None:
            return None
        made = raw.decode(errors="replace").replace("\0", "\ufffd")
        if made.encode() != raw:
            self.marks["invalid_utf8"] = True
        return made

    def name(self, name):
        raw = self.region.name(name) if is_int(name) else name
        if raw is None:
            self.marks["damaged"] = True
        return self.text(raw or b"")

    def begin(self, wait, op, entity, ident, start):
        name = OPS[min(op, 12)] if is_int(op) else self.text(op)
        made = {"op": name, "entity": self.name(entity)}
        return (made if ident is None else {**made, "id": self.text(ident)}), start, wait

    def end(self, begun, duration, rows, ok):
        made, start, wait = begun
        if wait:
            self.waits.append({"name": made["op"], "duration_ms": duration / 1e6, "ok": ok,
                               "start_ms": start / 1e6})
            return
        made = with_ints({**made, "duration_ms": duration / 1e6}, row_count=rows)
        self.ops.append({**made, "ok": ok, "start_ms": start / 1e6})

    def take(self, kind, *rest):
        if kind == 0:
            self.call = list(map(self.text, rest))
        elif kind in (1, 2):
            self.call[kind + 1] = self.text(rest[0])
        elif kind in (3, 11):
            self.end(self.begin(kind == 11, *rest[:4]), *rest[4:])
        elif kind in (4, 10):
            self.begun.append(self.begin(kind == 10, *rest))
        elif kind == 5 and rest[0] < len(self.begun) and self.begun[rest[0]]:
            self.end(self.begun[rest[0]], *rest[1:])
            self.begun[rest[0]] = None
        elif kind == 6:
            self.schedules.append(with_ints({"fn_name": self.name(rest[0])},
                                            delay_ms=rest[1], run_at=rest[2]))
        elif kind == 7:
            self.error = list(map(self.text, rest))
        elif kind == 8 and rest[0] in (1, 2):
            value, wrong = from_value(*rest)
            self.value = {"value": value}
            if wrong:
                self.marks[wrong] = True
        elif kind == 9:
            self.committed = rest[0]
        else:
            self.marks["damaged"] = True

    def json(self):
        (uid, parent, trace_high, trace_low, started, took, _, _, _, pid, tid, _, _,
         fn_type, outcome, flags, _, ops_omitted, schedules_omitted, stream_bytes,
         stream_chunks, mono, pid_ns, origin) = self.fields
        if outcome > 4:
            outcome, self.marks["damaged"] = 4, True
        result = {"status": OUTCOMES[outcome]}
        result.update(self.value if outcome == 1 else
                      zip(("code", "message"), self.error) if outcome in (2, 3) else {})
        cut = {name: True for i, name in enumerate(CUTS) if flags >> i & 1}
        call_id, fn, user, tenant = self.call
        made = {
            "call_id": call_id, "fn_name": self.fn if fn is None else fn,
            "fn_type": FN_TYPES[fn_type] if fn_type < 3 else "unknown",
            "user_id": user, "started_at": started // 1000000,
            "duration_ms": took / 1e6, "outcome": result, "ops": self.ops,
            "stream_bytes": stream_bytes, "stream_chunks": stream_chunks,
            "schedules": self.schedules, "tenant_id": tenant, "uid": f"{uid:016x}",
            "trace_id": f"{trace_high:016x}{trace_low:016x}",
            "parent_uid": f"{parent:016x}" if parent else None,
            "trace_flags": flags >> 10 & 3, "pid": pid, "tid": tid,
            "pid_ns": pid_ns, "exe": self.exe, "started_mono_ms": mono / 1e6, "ops_omitted": ops_omitted,
            "schedules_omitted": schedules_omitted,
            "truncated": bool(ops_omitted or schedules_omitted or cut), **cut,
            **{mark: True for mark in ("invalid_utf8", "damaged", "value_invalid",
                                       "value_too_deep") if mark in self.marks}}
        made.update({name: True for name, bit in (("as_of_copy", flags >> 28),
                                                  ("time_unknown", origin)) if bit & 1})
        if self.waits:
            made["waits"] = self.waits
        if outcome in (0, 4):
            made["elapsed_ms"] = took / 1e6
            if flags >> 29 & 1 and outcome == 4 and self.committed > mono and \
                    self.committed - mono >= took:
                made["seen_dead_ms"] = (self.committed - mono) / 1e6
            made["pending_op"] = next(
                ({**op, "start_ms": start / 1e6, "elapsed_ms": max(took - start, 0) / 1e6}
                 for op, start, _ in filter(None, self.begun)), None)
        return made


def read(path, limit):
    """The newest records, as a JSON array. Damaged, OSError."""
    sys.setrecursionlimit(4 * DEPTH + 1000)
    region = Region(path)
    traces = [Trace(region, *found).json() for found in region.newest(limit)]
    region.check_still()
    return "[" + ",\n".join(map(dump, traces)) + "]"


def main():
    parser = argparse.ArgumentParser(description="the newest records of a region, as JSON")
    parser.add_argument("-n", "--limit", type=int, default=20)
    parser.add_argument("file")
    options = parser.parse_args()
    try:
        text = read(options.file, options.limit)
    except (Damaged, OSError) as error:
        sys.exit(f"region_reader: {options.file}: {error}")
    sys.stdout.reconfigure(encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
