#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fntrace-region(5) says all that a reader needs: region_reader.py, written from that page,
prints the same records as `fntrace recent --json`, for the region and for a copy of it."""
import json
import mmap
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
import region_reader  # noqa: E402
from harness import TIMEOUT_S, case, check, run, wait_until  # noqa: E402

PRODUCE = os.environ.get("PRODUCE", "")
RUNTIME = os.environ.get("RUNTIME", "")
ALL = 1000000


def in_directory(name):
    return os.path.join(os.environ["FNTRACE_DIR"], name)


def produce(steps, region="app", *args, status=0, **environment):
    """Run the steps to their end."""
    if isinstance(steps, str):
        steps = steps.encode()
    done = subprocess.run([PRODUCE, region, *args], input=steps, timeout=TIMEOUT_S,
                          env={**os.environ, **environment}, check=False)
    check(done.returncode == status, f"produce: {done.returncode}")


class Producer:
    """One that goes on living, so that the region stays live."""

    def __init__(self, region="app", **environment):
        self.process = subprocess.Popen([PRODUCE, region], stdin=subprocess.PIPE,
                                        env={**os.environ, **environment})
        self.steps = 0

    def do(self, steps):
        self.steps += 1
        done = in_directory(f"done-{self.process.pid}-{self.steps}")
        self.process.stdin.write(f"{steps}\ntouch {done}\n".encode())
        self.process.stdin.flush()
        wait_until(lambda: os.path.exists(done), "a producer")

    def end(self):
        self.process.stdin.close()
        check(self.process.wait(TIMEOUT_S) == 0, "a producer failed")


def pairs(items):
    """An object whose keys are compared with their order. How a reader puts it that a
    value is invalid is its own business."""
    return [("value", "<invalid>") if key == "value" and isinstance(value, str) and
            value.startswith(("<invalid ", "<nested ", "<JSON nested ", "<msgpack nested "))
            else (key, value) for key, value in items]


def parse(text):
    return json.loads(text, object_pairs_hook=pairs)


def compare(path, limit=ALL):
    """The records of both readers: they must be the same. Returns them, as objects."""
    wanted = run("recent", "-r", path, "-n", str(limit), "--json")
    ours, theirs = parse(region_reader.read(path, limit)), parse(wanted)
    check(len(ours) == len(theirs), f"{path}: {len(ours)} records of {len(theirs)}")
    for a, b in zip(ours, theirs):
        check(a == b, f"{path}: {a}\nis to be {b}")
    return json.loads(wanted)


def compare_both(region="app", limits=(0, 1, 3, ALL)):
    """The region as it is, and a copy of its file."""
    path, copy = in_directory(f"{region}.fnt"), in_directory("copy.fnt")
    for limit in limits:
        records = compare(path, limit)
    shutil.copyfile(path, copy)
    check(compare(copy, limits[-1]) == records, "the copy")
    return records


def ops(call, count, size=8):
    return "".join(f"op {call} insert Bid {'i' * size}{n} {n} {n} ok\n"
                   for n in range(count))


STORY = """\
begin c1 placeBid mutation alice acme
op c1 lookup Lot - 100 1 ok
op c1 insert Bid 17 2500 - ok
op c1 update Lot 17 40 -5 failed
begin c2 notify action - - c1
stream c2 1200
stream c2 1000
schedule c2 sendMail 5000 -
schedule c2 cleanup - 1795447155319
ok c2
ok c1 {"accepted" : true, "amount":6.0e1, "name":"J\\u00fcrgen\\\\\u2028", "n":[1,null]}
begin c3 browse query
error c3 NOT_FOUND no\\ssuch\\slot
begin c4 pay mutation - acme
rollback c4 CONFLICT too\\slate
begin c5 gone action
pend c5 list Lot -
abandon c5
begin c6 m query
msgpack c6 87a16101a162cb3ff8000000000000a163c4026869a164d3ffffffffffffffffa165cf\
ffffffffffffffffa166c0a16793c2c30f
begin c7 m query
msgpack c7 92a161
begin c8 m query
ok c8 {"cut":
begin c9 m query
msgpack c9 """ + "91" * 513 + """c0
begin ca m query
msgpack ca """ + "91" * 500 + "ca4f000000" + """
begin cb m query
ok cb """ + "[" * 600 + "]" * 600 + """
push p1 pushed 00000000000000aa 00000000000000bb cc 1700000000123456789 987654321
"""


@case
def story():
    producer = Producer()
    producer.do(STORY)
    records = compare_both()
    producer.end()
    by_id = {record["call_id"]: record for record in records}
    check(len(records) == 12, f"{len(records)} records")
    check(records[0]["call_id"] == "p1", "what was pushed came last, whatever it says")
    check(by_id["c1"]["outcome"]["value"]["name"] == "Jürgen\\\u2028", "a value")
    check(by_id["c5"]["pending_op"]["op"] == "list", "a pending op")
    check(by_id["c6"]["outcome"]["value"]["e"] == 2**64 - 1, "a msgpack value")
    check("<invalid" in by_id["c7"]["outcome"]["value"], "half a msgpack value")
    check(by_id["c7"]["value_invalid"] and by_id["c8"]["value_invalid"], "known as such")
    check(by_id["c9"]["value_too_deep"] and by_id["cb"]["value_too_deep"], "too deep")
    compare_both()


@case
def processes_that_died():
    produce("begin c1 slow action\nop c1 get Lot 1 5 1 ok\npend c1 list Bid 7\n"
            "pend c1 get Lot -\nas c1 lock key ok\nawait c1 llm failed\n"
            "await c1 mail pend\nstream c1 5\ndie\n", status=-signal.SIGKILL)
    check(compare_both() == [], "it has not been recovered")
    produce("begin c2 next query\nok c2\n")
    records = compare_both()
    check([r["outcome"]["status"] for r in records] == ["ok", "aborted"], "recovered")
    check(records[1]["pending_op"]["entity"] == "Bid", "its pending op")


@case
def names():
    """Interned, too long for that, without room in the table, and no UTF-8."""
    long = "n" * 300
    steps = "".join(f"begin c{i} fn{i} query user{i}\nop c{i} get Entity{i} - 1 1 ok\n"
                    f"schedule c{i} Later{i} 1 -\nok c{i}\n" for i in range(60))
    steps += (f"begin x {long} query\nop x get {long} {long} 1 1 ok\n"
              f"op x get e{'é' * 140} - 1 1 ok\nschedule x {long} 1 -\nok x\n")
    steps = steps.encode() + b"".join((
        b"begin y f\xff\xfen query u\xe2\x82 t\xf0\x9f\x98\xedx\n",
        b"op y get E\xc0\x80 i\xed\xa0\x80 1 1 ok\n", b"error y c\x80 m\xf5\xe2\x82\xac\n"))
    produce(steps, FNTRACE_SIZE="256K")
    records = compare_both()
    check(len(records) == 62, f"{len(records)} records")
    stat = json.loads(run("stat", "-r", "app", "--json"))
    check(stat["names"] < 150, f"all names found room: {stat['names']}")
    check(records[0]["invalid_utf8"], "no mark of what was no UTF-8")


@case
def long_records():
    """Of many cells, also over the end of the ring; and what did not fit."""
    steps = "".join(f"begin c{i} f query\n{ops(f'c{i}', i * 7 % 40, i % 30)}ok c{i}\n"
                    for i in range(400))
    steps += f"begin v f query\nok v \"{'v' * 3000}\"\n"
    steps += f"begin w f query\nok w \"{'w' * 100000}\"\n"
    steps += f"begin x f query\n{ops('x', 3000, 60)}ok x\n"
    steps += f"begin y f query\nerror y {'c' * 5000} {'m' * 9000}\n"
    steps += f"begin z f query {'u' * 100000}\nok z\n"
    produce(steps, FNTRACE_SIZE="512K")
    records = compare_both(limits=(7, ALL))
    marks = {mark for record in records for mark in record
             if mark.endswith(("_cut", "value_omitted"))}
    check(marks == {"value_omitted", "code_cut", "message_cut", "id_cut"}, f"{marks}")
    check(any(record["ops_omitted"] for record in records), "no ops were left out")
    check(100 < len(records) < 405, f"the ring has not wrapped: {len(records)}")


@case
def kept_ring():
    """Errors outlive a flood of others; both rings are merged."""
    steps = "".join(f"begin e{i} pay mutation\nerror e{i} NO e{i}\n" for i in range(20))
    produce(steps + "many 5000 quick\n" + steps.replace("e1", "l1"),
            FNTRACE_SIZE="256K")
    records = compare_both(limits=(5, 30, ALL))
    failed = [r for r in records if r["outcome"]["status"] == "error"]
    check(len(failed) == 40, f"{len(failed)} errors")
    check(len(records) < 2000, "the main ring has not wrapped")


@case
def capacity():
    produce("many 100 f\nbegin e f query\nerror e NO no\n", "app", "10")
    check(len(compare_both()) == 10, "the newest ten")
    produce("many 10 f\n", "none", "none")
    check(compare_both("none") == [], "keeps none")


@case
def resize_and_rotate():
    producer = Producer(FNTRACE_SIZE="1M")
    path, frozen = in_directory("app.fnt"), in_directory("frozen.fnt")
    errors = "".join(f"begin e{i} pay mutation\nerror e{i} NO e{i}\n" for i in range(9))
    producer.do("many 500 early\n" + errors)
    run("ctl", "resize", "2M", "-r", "app")
    check(len(compare_both()) == 509, "resized, nothing written since")
    producer.do("many 700 later\n" + errors)
    check(len(compare_both()) == 1218, "two segments")
    run("ctl", "resize", "1000K", "-r", "app")
    producer.do("many 5000 last\n")
    check(0 < len(compare_both()) < 5018, "the new segments are full")
    before = compare(path)
    run("ctl", "rotate", "-r", "app", "-o", frozen)
    check(compare(frozen) == before, "what was there is in the frozen file")
    check(compare_both() == [], "and in the region no more")
    producer.do("many 10 new\n" + errors)
    check(len(compare_both()) == 19, "the new records")
    for i in range(6):
        run("ctl", "rotate", "-r", "app", "-o", f"{frozen}-{i}.fnt")
        producer.do(f"many {i + 1} turn\n")
        check(len(compare_both()) == i + 1, "a reused area")
        compare(f"{frozen}-{i}.fnt")
    producer.end()
    check(compare(frozen) == before, "a frozen file changes")


def demo_runtime():
    # Of a session of its own, so that all of its processes can be stopped at once.
    runtime = subprocess.Popen([RUNTIME, "-r", "auction", "--hold", "--workers", "2",
                                "--rate", "150"], stdout=subprocess.PIPE,
                               start_new_session=True,
                               env={**os.environ, "FNTRACE_SIZE": "1M"})
    path, seen, rounds = in_directory("auction.fnt"), {}, 0
    wait_until(lambda: os.path.exists(path), "a region")
    while rounds < 3 or len(seen) < 50:
        time.sleep(0.3)
        rounds += 1
        # What is read while it is written to …
        seen.update((record["uid"], record)
                    for record in json.loads(region_reader.read(path, ALL)))
        # … is what is there when all is stopped, in the middle of whatever it does.
        os.killpg(runtime.pid, signal.SIGSTOP)
        for record in compare_both("auction", limits=(ALL,)):
            check(seen.get(record["uid"], record)["ops"] == record["ops"], f"{record}")
        os.killpg(runtime.pid, signal.SIGCONT)
    os.kill(runtime.pid, signal.SIGTERM)
    runtime.communicate(timeout=TIMEOUT_S)
    compare_both("auction", limits=(ALL,))


if os.access(RUNTIME, os.X_OK):  # it is built where there is SQLite
    case(demo_runtime)


def deep(levels):
    return b"\x91" * levels + b"\xc0"


BEGIN = b"\x95\x00\xa2id\xa2fn\xc0\xc0"
PAYLOADS = [
    b"", BEGIN, b"\x96" + BEGIN[1:] + b"\x07", BEGIN[:-1],
    # Of a later version: events and elements that are passed over.
    BEGIN + b"\x92\x2a\x01" + b"\x91\xcd\x01\x00" + b"\x92\x01\xa1u",
    BEGIN + b"\x95\x01\xa1u" + deep(3) + b"\x81\xa1k\xca\0\0\0\0" + b"\xd5\x05xy",
    BEGIN + b"\x92\x2b" + deep(100) + b"\x92\x02\xa1t",
    # Events of a wrong form: what came before stands.
    BEGIN + b"\x07", BEGIN + b"\x90", BEGIN + b"\x91\xc0", BEGIN + b"\x91\xff",
    BEGIN + b"\x92\x01\xa1u" + b"\x92\x02\xc3", BEGIN + b"\x92\x01\xd9\xffu",
    BEGIN + b"\xdd\xff\xff\xff\xff\x01\xa1u", BEGIN + b"\xc1", BEGIN + b"\x92\x01",
    # Numbers and texts in their other forms.
    BEGIN + b"\x98\xcc\x03\xd0\x02\xc4\x01e\xda\0\x01i\xd3" + bytes(6) + b"\1\0" +
    b"\xcf" + bytes(7) + b"\x09\xd1\xff\xfe\xc2",
    BEGIN + b"\x98\x03\x63\xa0\xc0\x01\x02\xd3\x80" + bytes(7) + b"\xc3",
    BEGIN + b"\x98\x03\x00\xce\xff\xff\xff\xff\xc0\x01\x02\xc0\xc3",
    BEGIN + b"\x98\x03\x00\xcd\x0f\xff\xc0\x01\x02\xc0\xc3",
    BEGIN + b"\x98\x03\x00\xa0\xc0\xff\x02\xc0\xc3",
    BEGIN + b"\x98\x03\x00\xa0\xc0\x01\x02\xcf\x80" + bytes(7) + b"\xc3",
    # Operations that begin and end, or end without.
    BEGIN + b"\x95\x04\x00\xa1a\xc0\x01\x95\x04\x01\xa1b\xc0\x02" +
    b"\x95\x05\x01\x05\xc0\xc3\x95\x05\x01\x06\xc0\xc3\x95\x05\x09\x06\xc0\xc3" +
    b"\x95\x05\x00\x07\x08\xc2",
    # A value of another kind; an error; when it was committed, twice.
    BEGIN + b"\x93\x08\x03\xc4\x01x", BEGIN + b"\x93\x08\x01\xa4true",
    BEGIN + b"\x93\x07\xa1c\xa1m", BEGIN + b"\x94\x06\xa1f\xc0\xd0\x80",
    BEGIN + b"\x92\x09\x05\x92\x09\x06", BEGIN + b"\x92\x09\xff",
]


def patch(data, off, form, *values):
    struct.pack_into("<" + form, data, off, *values)


def heads(path):
    """Where each record is, newest first in each ring."""
    region = region_reader.Region(path)
    for ring in range(2):
        spans = region.spans(region.sections[region_reader.RINGS][0] + 1024 * ring)
        for segment, first, end in spans:
            for ticket in range(end - 1, first - 1, -1):
                if region.record(segment, ticket):
                    yield region.cell(segment, ticket)[0]


@case
def payloads():
    """Payloads as no producer of this version writes them, in records of one cell."""
    produce("".join(f"begin c{i} f query\nok c{i}\n" for i in range(len(PAYLOADS))))
    path, copy = in_directory("app.fnt"), in_directory("copy.fnt")
    for flags in (0, 1 << 31, 0x4000000f):
        shutil.copyfile(path, copy)
        with open(copy, "r+b") as file, mmap.mmap(file.fileno(), 0) as data:
            for at, payload in zip(heads(path), PAYLOADS):
                patch(data, at + 8 + 56, "I", len(payload))
                patch(data, at + 8 + 80, "I", flags)
                data[at + 136:at + 136 + len(payload)] = payload
        records = compare(copy)
        check(len(records) == len(PAYLOADS), f"{len(records)} records")
        damaged = sum("damaged" in record for record in records)
        check(8 < damaged < 20, f"{damaged} are damaged")


@case
def order():
    """Records of the same time; a segment that is hidden and still held."""
    path, copy = in_directory("app.fnt"), in_directory("copy.fnt")
    producer = Producer()  # it holds tickets, so that a hidden segment keeps its cells
    producer.do("".join(f"begin e{i} f query\nerror e{i} NO no\nmany 3 f\n"
                        for i in range(5)))
    shutil.copyfile(path, copy)
    with open(copy, "r+b") as file, mmap.mmap(file.fileno(), 0) as data:
        for i, at in enumerate(heads(path)):
            patch(data, at + 8 + 40, "Q", i % 15 // 3 * (i % 2))
            patch(data, at + 8 + 112, "Q", 10**18 - i % 15 // 3)
    check(len(compare(copy)) == 20, "records of the same time")
    run("ctl", "rotate", "-r", "app")
    check(compare(path) == [], "rotated")
    shutil.copyfile(path, copy)
    region = region_reader.Region(path)
    rings = region.sections[region_reader.RINGS][0]
    with open(copy, "r+b") as file, mmap.mmap(file.fileno(), 0) as data:
        patch(data, rings + 136, "Q", 0)
        patch(data, rings + 1024 + 136, "Q", 0)
    check(compare(copy) == [], "hidden, and still held")
    with open(copy, "r+b") as file, mmap.mmap(file.fileno(), 0) as data:
        patch(data, rings + 128, "Q", 0)
        patch(data, rings + 1024 + 128, "Q", 0)
    check(len(compare(copy)) == 20, "shown again")
    producer.end()


def is_refused(path, data):
    """Whether a file of these bytes is refused: by both, or it is read alike by both. That
    a reader stumbles over it is an exception of another kind, and ends the test."""
    with open(path, "wb") as file:
        file.write(data)
    try:
        found, error = region_reader.read(path, ALL), None
    except region_reader.Damaged as damaged:
        found, error = None, damaged
    done = subprocess.run([harness.FNTRACE, "recent", "-r", path, "-n", str(ALL), "--json"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=TIMEOUT_S, check=False)
    check(done.returncode == (error is not None), f"{error}, but {done.stderr.decode()}")
    check(error or parse(found) == parse(done.stdout), "not the same records")
    return error is not None


def as_program(path):
    done = subprocess.run([sys.executable, region_reader.__file__, path],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=TIMEOUT_S, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@case
def cut_files():
    produce(STORY, FNTRACE_SIZE="256K")
    with open(in_directory("app.fnt"), "rb") as file:
        data = file.read()
    for size in (0, 1, 8, 87, 599, 600, 4096, 100001, len(data) - 1):
        check(is_refused(in_directory("cut.fnt"), data[:size]), f"{size} bytes")
        status, out, message = as_program(in_directory("cut.fnt"))
        check((status, out) == (1, "") and message.count("\n") == 1 and
              message.startswith("region_reader: "), message)
    check(not is_refused(in_directory("cut.fnt"), data), "all of it")
    status, out, message = as_program(in_directory("cut.fnt"))
    check((status, message) == (0, "") and len(json.loads(out)) == 12, message)
    check(as_program(in_directory("nosuch.fnt"))[0] == 1, "no such file")


@case
def damaged_files():
    produce(STORY + "many 200 f\n", FNTRACE_SIZE="256K")
    with open(in_directory("app.fnt"), "rb") as file:
        data = file.read()
    rings = next(struct.unpack_from("<Q", data, at + 8)[0] for at in range(88, 600, 32)
                 if data[at] == 6)
    first_cell = struct.unpack_from("<Q", data, rings + 256 + 24)[0]
    places = [(0, 600), (rings, rings + 768), (rings + 1024, rings + 1792),
              (first_cell, first_cell + 256 * 220)]
    generator = random.Random(1)
    refused = 0
    for _ in range(80):
        bad = bytearray(data)
        for _ in range(generator.choice((1, 3, 30))):
            first, end = generator.choice(places)
            bad[generator.randrange(first, end)] = generator.choice(
                (0, 1, 0x7f, 0x80, 0xff, generator.randrange(256)))
        refused += is_refused(in_directory("bad.fnt"), bytes(bad))
    check(10 < refused < 70, f"{refused} of 80 refused")


if __name__ == "__main__":
    harness.main()
