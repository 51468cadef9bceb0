#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`fntrace tap` between a host and a command: neither may notice it, and its traces must
survive its death. Ends of file, exits and signals are in tap_ends.py."""
import json
import os
import random
import re
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
from harness import TIMEOUT_S, case, check, run, wait_until  # noqa: E402
from taps import MIB, PIPE, check_echo, python, tap, through, traces  # noqa: E402

# ---- bytes


@case
def nothing():
    check_echo(b"")


@case
def no_newline_at_the_end():
    check_echo(b"one\ntwo")


@case
def every_byte():
    check_echo(bytes(range(256)) * 300)


@case
def binary_junk():
    check_echo(random.Random(1).randbytes(5 * MIB))


@case
def newlines_only():
    check_echo(b"\n" * 300000)


@case
def a_line_of_50_mb():
    check_echo(b'{"type":"return","call_id":"a","value":"' + b"x" * 50_000_000 + b'"}\n')


@case
def a_line_of_50_mb_of_structure():
    check_echo(b'{"type":"call","args":[' + b'{"a":[1,"b"]},' * 3_600_000 + b"0]}")


# Messages of each protocol, with what breaks them.
BAD = [
    b"Content-Length: 20\r\nContent-Type: x", b"Content-Length: -1\r\n\r\n{}",
    b"Content-Length: 99999999999999999999\r\n\r\n", b"Content-Length: 5\r\n\r\n{}\r\n" * 5,
    b'{"jsonrpc":"2.0","id":1,"method":"m"}\n' * 3, b'{"jsonrpc":"2.0","id":9,"result":1}\n',
    b'{"method":"m","params":{"a":"\xff\xfe"},"id":"\xc3","jsonrpc":"2.0"}\n',
    b'{"call_id":"a","fn_type":"query","fn_name":"\xed\xa0\x80","type":"call"}\n' * 2,
    b'{"type":"result","call_id":"none","op_id":"x"}\n', b'{"type":"return","call_id":"none"}\n',
    b'{"id":[[' * 700 + b"\n", b'{"a":"\\u12"}\n[}\n{]\n', b"\0" * 5000 + b"\n", b"\xef\xbb\xbf{}\n",
    b'{"type":"call","call_id":"big","fn_name":"' + b"n" * 10_000_000 + b'"}\n',
]


@case
def bad_input():
    """It passes unchanged, in both directions, whatever protocol is named."""
    data = b"".join(BAD)
    for protocol in ("pylon", "mcp", "lsp", "jsonrpc", "auto"):
        options = ("-r", "t", "--protocol", protocol)
        out, status = through(["cat"], data, options=options, stderr=subprocess.DEVNULL)
        check(status == 0 and out == data, f"{protocol}: {status}, {len(out)} bytes")
        for one in BAD:
            out, status = through(["cat"], one, options=options, stderr=subprocess.DEVNULL)
            check(status == 0 and out == one, f"{protocol}: {one[:80]!r}")


@case
def at_once():
    """A single byte is passed on at once, without waiting for the rest of a line."""
    process = tap("cat", bufsize=0)
    for byte in (b"a", b"{", b"\n", b"\0"):
        process.stdin.write(byte)
        check(process.stdout.read(1) == byte, "a different byte")
    process.stdin.close()
    check(process.wait(TIMEOUT_S) == 0)


@case
def both_sides_full():
    """CMD and the host both write more than a pipe holds before they read."""
    process = python("import sys\n"
                     "sys.stdout.buffer.write(b'o' * (8 << 20)); sys.stdout.flush()\n"
                     "n = len(sys.stdin.buffer.read())\n"
                     "sys.stdout.write(str(n))")
    writer = threading.Thread(target=lambda: (process.stdin.write(b"i" * 8 * MIB),
                                              process.stdin.close()))
    writer.start()
    time.sleep(0.3)  # for both to fill up
    out = process.stdout.read()
    writer.join()
    check(out == b"o" * 8 * MIB + str(8 * MIB).encode(), f"{len(out)} bytes")
    check(process.wait(TIMEOUT_S) == 0)


WRITES_WHILE_IT_READS = """
import sys, threading
def write():
    sys.stdout.buffer.write(b'o' * (4 << 20)); sys.stdout.flush()
writer = threading.Thread(target=write); writer.start()
count = len(sys.stdin.buffer.read())
writer.join()
print(count)
"""


@case
def one_side_full():
    """The host does not read CMD's output until it has written everything: a full output must
    not stop the input."""
    process = python(WRITES_WHILE_IT_READS)
    process.stdin.write(b"i" * 4 * MIB)
    process.stdin.close()
    out = process.stdout.read()
    check(out == b"o" * 4 * MIB + b"%d\n" % (4 * MIB), f"{len(out)} bytes")
    check(process.wait(TIMEOUT_S) == 0)


@case
def one_side_full_of_a_socket():
    ours, theirs = socket.socketpair()
    process = python(WRITES_WHILE_IT_READS, stdin=theirs, stdout=theirs)
    theirs.close()
    ours.sendall(b"i" * 4 * MIB)
    ours.shutdown(socket.SHUT_WR)
    out = b"".join(iter(lambda: ours.recv(1 << 16), b""))
    check(out == b"o" * 4 * MIB + b"%d\n" % (4 * MIB), f"{len(out)} bytes")
    check(process.wait(TIMEOUT_S) == 0)


@case
def waiting_costs_nothing():
    """One side is full, the host has closed the other: tap must sleep, not spin."""
    process = python("import sys, time\n"
                     "sys.stdout.buffer.write(b'o' * (1 << 20)); sys.stdout.flush()\n"
                     "sys.stdin.read()")
    process.stdin.write(b"x")
    process.stdin.close()
    time.sleep(1)
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as stat:
        user, system = stat.read().rsplit(")", 1)[1].split()[11:13]
    ticks = (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
    check(process.stdout.read() == b"o" * MIB)
    check(process.wait(TIMEOUT_S) == 0)
    check(ticks < 0.5, f"{ticks} s of processor time")


@case
def slow_readers():
    process = python("import sys, time\n"
                     "while True:\n"
                     "    data = sys.stdin.buffer.read1(70001)\n"
                     "    if not data: break\n"
                     "    time.sleep(0.001)\n"
                     "    sys.stdout.buffer.write(data); sys.stdout.buffer.flush()\n")
    data = random.Random(2).randbytes(4 * MIB)
    writer = threading.Thread(target=lambda: (process.stdin.write(data),
                                              process.stdin.close()))
    writer.start()
    got = b""
    while len(got) < len(data):
        part = os.read(process.stdout.fileno(), 30011)
        check(part, f"the end after {len(got)} bytes")
        got += part
        time.sleep(0.0005)
    writer.join()
    check(got == data, "bytes differ")
    check(process.wait(TIMEOUT_S) == 0)


@case
def sockets():
    """Many hosts hand over sockets, not pipes."""
    ours, theirs = socket.socketpair()
    process = tap("cat", stdin=theirs.fileno(), stdout=theirs.fileno())
    theirs.close()
    data = random.Random(3).randbytes(3 * MIB)
    writer = threading.Thread(target=lambda: (ours.sendall(data),
                                              ours.shutdown(socket.SHUT_WR)))
    writer.start()
    got = b""
    while part := ours.recv(65536):
        got += part
    writer.join()
    check(got == data, f"{len(got)} bytes")
    check(process.wait(TIMEOUT_S) == 0)


@case
def shared_descriptors_stay_as_they_are():
    """tap must not set O_NONBLOCK on an open file that it shares with other processes."""
    import fcntl
    in_read, in_write = os.pipe()
    out_read, out_write = os.pipe()
    process = tap("cat", stdin=in_read, stdout=out_write)
    os.write(in_write, b"x")
    check(os.read(out_read, 1) == b"x")
    for fd in (in_read, out_write):
        check(not fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK, "O_NONBLOCK leaked")
    os.close(in_write)
    os.close(in_read)
    check(process.wait(TIMEOUT_S) == 0)
    os.close(out_write)
    check(os.read(out_read, 1) == b"")
    os.close(out_read)


@case
def files():
    """A file as stdin or stdout is used from its current offset, not from its beginning."""
    path = os.path.join(os.environ["FNTRACE_DIR"], "input")
    with open(path, "wb") as file:
        file.write(b"skip" + b"y" * MIB)
    with open(path, "rb", buffering=0) as source, open(path + ".out", "wb") as sink:
        source.read(4)
        sink.write(b"head")
        sink.flush()
        process = tap("cat", stdin=source, stdout=sink)
        check(process.wait(TIMEOUT_S) == 0)
    with open(path + ".out", "rb") as sink:
        check(sink.read() == b"head" + b"y" * MIB)


@case
def memory_is_bounded():
    process = python("import sys\n"
                     "while sys.stdin.buffer.read(1 << 16): pass\n"
                     "for _ in range(50): sys.stdout.buffer.write(b'x' * 1000000)\n"
                     "sys.stdout.flush(); sys.stdin.close()\n"
                     "print('\"}'); sys.stdout.flush()\n")
    process.stdin.write(b'{"type":"call","call_id":"a","fn_name":"f","args":"')
    for _ in range(50):
        process.stdin.write(b"y" * 1000000)
    process.stdin.close()
    left = 50_000_000
    while left > 1_000_000:
        left -= len(process.stdout.read(100_000))
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        peak = [int(line.split()[1]) for line in status if line.startswith("VmHWM")][0]
    with open(f"/proc/{process.pid}/maps", encoding="utf-8", errors="replace") as maps:
        text = maps.read()
    process.stdout.read()
    check(process.wait(TIMEOUT_S) == 0)
    sanitized = "libasan" in text or "libtsan" in text
    check(sanitized or peak < 16 * 1024, f"{peak} KiB at most")


# ---- the region


def messages(*objects):
    return b"".join(json.dumps(o).encode() + b"\n" for o in objects)


def call(call_id, fn_name="f", **more):
    return {"type": "call", "call_id": call_id, "fn_name": fn_name, "fn_type": "query",
            "args": {}, "auth": {}, **more}


def begin_and_hang(**more):
    """A tap whose CMD has one op done and one begun, and says no more."""
    code = ("import json, sys\n"
            "say = lambda **m: print(json.dumps(m), flush=True)\n"
            "sys.stdin.readline()\n"
            "say(type='db', call_id='a', op_id='1', op='list', entity='Done')\n"
            "sys.stdin.readline()\n"
            "say(type='db', call_id='a', op_id='2', op='get', entity='Pending')\n"
            "sys.stdin.read()\n")
    process = python(code, bufsize=0, **more)
    process.stdin.write(messages(call("a")))
    process.stdout.readline()
    process.stdin.write(messages({"type": "result", "call_id": "a", "op_id": "1",
                                  "data": [1, 2]}))
    process.stdout.readline()
    wait_until(lambda: any(t["pending_op"] for t in traces("ps")), "the pending op in ps")
    return process


@case
def whose_call():
    """Everything names CMD, also where a wrapper becomes it, and says that there is a tap."""
    code = ("import os; print(os.getpid(), flush=True); input()\n"
            "print('{\"type\":\"ready\"}', flush=True); input(); input()")
    process = tap("sh", "-c", 'exec "$0" -c "$1" an-argument', sys.executable, code, bufsize=0)
    pid = int(process.stdout.readline())
    exe = os.path.basename(os.readlink(f"/proc/{pid}/exe"))
    process.stdin.write(b"\n")
    process.stdout.readline()
    process.stdin.write(messages(call("a")))
    shown = wait_until(lambda: traces("ps"), "the call")
    check((shown[0]["pid"], shown[0]["exe"]) == (pid, exe), f"{shown[0]}")
    producer = json.loads(run("stat", "-r", "t", "--json"))["producers"][0]
    check(producer["pid"] == pid and producer["exe"] == exe and producer["via"] == "tap" and
          producer["recorded_by"] == process.pid and producer["alive"], f"{producer}")
    check(producer["command"].startswith(sys.executable + " -c import os; print"),
          f"{producer}")
    check(f"{exe} through tap" in run("ps", "-r", "t"), run("ps", "-r", "t"))
    check(f"{exe} {pid} through tap" in run("list"), run("list"))
    check(f"{exe} through tap" in run("stat", "-r", "t"), run("stat", "-r", "t"))
    shown = json.loads(run("stat", "-p", str(pid), "--json"))["producers"]
    check([one["recorded_by"] for one in shown] == [process.pid], f"{shown}")
    run("ctl", "get", "-p", str(pid))
    process.kill()
    process.wait(TIMEOUT_S)
    check(f"{exe} {pid} through tap (dead)" in run("list"), run("list"))
    check(traces("ps")[0]["outcome"]["status"] == "aborted")


@case
def nothing_is_understood():
    """The tap says so once, with what it saw; so does stat, while it runs and after."""
    process = tap("cat", options=("-r", "t", "--protocol", "pylon"), stderr=PIPE, bufsize=0)
    for i in range(120):
        process.stdin.write(b'{"jsonrpc":"2.0","id":%d,"method":"m\x01"}\n' % i)
        process.stdout.readline()
    shown = run("stat", "-r", "t")
    check(re.search(r"tap of cat \d+ has seen \d+ messages and understood none", shown), shown)
    process.stdin.close()
    err = process.stderr.read().decode()
    check(process.wait(TIMEOUT_S) == 0)
    check(err.count("\n") == 1 and err.startswith("fntrace: tap: understood none of the first 5")
          and '{"jsonrpc":"2.0","id":0,"method":"m' in err and "--protocol" in err and
          "mcp" in err, f"{err!r}")
    check(json.loads(run("stat", "-r", "t", "--json"))["seen_no_json"] == 240)
    _, err = tap("cat", stderr=PIPE).communicate(b"x\n" * 49 + messages(call("a")) +
                                                 b"x\n" * 100, timeout=TIMEOUT_S)
    check(err == b"", f"{err!r}")


@case
def what_can_not_be_traced_is_counted():
    deep = b'{"type":"return","call_id":"a","value":' + b"[" * 600 + b"]" * 600 + b"}\n"
    answers = [b"no json\n", b'{"type":"other"}\n', b'{"type":"return","call_id":"none"}\n',
               messages({"type": "db", "call_id": "a", "op": "get", "op_id": "1"}) * 2, deep]
    path = os.path.join(os.environ["FNTRACE_DIR"], "answers")
    with open(path, "wb") as file:
        file.write(b"".join(answers))
    out, _ = through(["sh", "-c", 'read -r line; cat "$0"', path], messages(call("a")))
    check(out == b"".join(answers))
    stat = json.loads(run("stat", "-r", "t", "--json"))
    seen = {key[5:]: value for key, value in stat.items() if key.startswith("seen_")}
    check(seen == {"messages": 5, "no_json": 1, "no_message": 1, "unmatched": 1, "id_in_use": 1,
                   "over_limit": 0, "too_deep": 1}, f"{seen}")
    check([t["outcome"]["status"] for t in traces()] == ["ok"], f"{traces()}")


@case
def killed_in_a_call():
    process = begin_and_hang()
    shown = traces("ps")
    check(len(shown) == 1 and shown[0]["outcome"]["status"] == "in_flight", f"{shown}")
    process.kill()
    process.wait(TIMEOUT_S)
    shown = traces("ps")
    check(len(shown) == 1, f"{len(shown)} calls")
    check(shown[0]["outcome"]["status"] == "aborted", f"{shown}")
    ops = [(o["op"], o["entity"], o.get("row_count")) for o in shown[0]["ops"]]
    check(ops == [("list", "Done", 2)], f"{ops}")
    check(shown[0]["pending_op"]["entity"] == "Pending", f"{shown[0]['pending_op']}")
    check(traces() == [], "a record before a process opened the region for writing")
    for _ in range(2):
        through(["true"], b"")
        recorded = traces()
        check(len(recorded) == 1, f"{len(recorded)} records")
        check(recorded[0]["outcome"]["status"] == "aborted", f"{recorded}")
        check(recorded[0]["uid"] == shown[0]["uid"], "a different call")
        check([o["entity"] for o in recorded[0]["ops"]] == ["Done"], "ops")
        check(traces("ps") == [], "still in flight")


@case
def cmd_ends_in_a_call():
    process = begin_and_hang()
    process.stdin.close()
    check(process.wait(TIMEOUT_S) == 0)
    recorded = traces()
    check([t["outcome"]["status"] for t in recorded] == ["aborted"], f"{recorded}")
    check(traces("ps") == [], "still in flight")


@case
def an_operation_lasts_as_long_as_the_host_took():
    """Its time begins before the host can see it, and ends after the host has answered, however
    much else comes in the same read."""
    code = ("import json, os, sys\n"
            "junk = b'[' + b'[0],' * 14000 + b'0]\\n'\n"
            "sys.stdin.readline()\n"
            "for i in range(20):\n"
            "    db = {'type': 'db', 'call_id': 'a', 'op_id': str(i), 'op': 'get'}\n"
            "    os.write(1, junk + json.dumps(db).encode() + b'\\n')\n"
            "    sys.stdin.readline()\n"
            "os.write(1, junk + b'{\"type\":\"return\",\"call_id\":\"a\"}\\n')\n")
    process = python(code)
    took = []
    begun = time.monotonic_ns()
    process.stdin.write(messages(call("a")))
    process.stdin.flush()
    for i in range(20):
        process.stdout.readline()
        process.stdout.readline()
        asked = time.monotonic_ns()
        time.sleep(0.001)
        took.append((time.monotonic_ns() - asked) / 1e6)
        process.stdin.write(messages({"type": "result", "call_id": "a", "op_id": str(i)}))
        process.stdin.flush()
    process.stdout.read()
    check(process.wait(TIMEOUT_S) == 0)
    whole = (time.monotonic_ns() - begun) / 1e6
    trace = traces()[0]
    shown = [op["duration_ms"] for op in trace["ops"]]
    short = [(ours, its) for ours, its in zip(shown, took) if ours < its - 0.0001]
    check(len(shown) == 20 and not short, f"shown, of the host: {short}")
    check(sum(took) <= trace["duration_ms"] <= whole, f"{trace['duration_ms']} of {whole}")


@case
def a_value_too_large():
    value = "v" * 3_000_000
    out, _ = through(["sh", "-c", "read -r first; cat"], messages(
        call("a"), {"type": "return", "call_id": "a", "value": value}))
    check(value.encode() in out)
    recorded = traces()
    check(len(recorded) == 1 and recorded[0]["truncated"], f"{recorded}")
    check(recorded[0]["outcome"] == {"status": "ok"}, f"{recorded[0]['outcome']}")


@case
def junk_between_messages():
    junk = random.Random(4).randbytes(100000).replace(b"\n", b"")
    lines = messages(call("a")) + junk + b"\n[1]\n{}\n{\"type\":\"call\"}\n" + \
        b'{"type":"call","call_id":"b","fn_name":"cut"'
    process = tap("sh", "-c", "cat; echo; echo '{\"type\":\"return\",\"call_id\":\"a\"}'",
                  options=("-r", "t", "-v"), stderr=PIPE)
    out, err = process.communicate(lines, timeout=TIMEOUT_S)
    check(out.startswith(lines))
    check([(t["call_id"], t["outcome"]) for t in traces()] == [("a", {"status": "ok"})],
          f"{traces()}")
    counts = dict(part.rsplit(" ", 1) for part in err.decode().split(": ", 2)[2].split(", "))
    check(counts == {"calls": "1", "calls aborted": "0", "operations": "0", "messages": "2",
                     "lines that are not JSON": "4", "lines that are no message": "7",
                     "messages about nothing open": "0", "ids used twice": "0",
                     "over a limit": "0", "nested too deep": "0\n"}, f"{err!r}")


@case
def which_region():
    directory = os.environ["FNTRACE_DIR"]

    def made(command, **more):
        before = set(os.listdir(directory))
        through(command, b"", options=(), **more)
        return set(os.listdir(directory)) - before

    check(made(["/bin/true"]) == {"true.fnt"}, "named after CMD")
    check(made(["/bin/true"], env={**os.environ, "FNTRACE_REGION": "named"}) ==
          {"named.fnt"}, "$FNTRACE_REGION")
    odd = os.path.join(directory, "..", os.path.basename(directory), ".an odd\xe9 name.fnt")
    os.symlink("/bin/true", odd)
    new = made([odd])
    check(len(new) == 1 and new.pop() == "_an_odd___name_fnt.fnt", f"{new}")


@case
def size():
    for text, size in (("300000", 300000), ("1M", MIB), ("2MiB", 2 * MIB)):
        through(["true"], b"", options=("-r", "r" + text, "--size", text))
        there = os.stat(os.path.join(os.environ["FNTRACE_DIR"], f"r{text}.fnt")).st_size
        check(size <= there < size + 8192 or there == size // 4096 * 4096,
              f"{text}: {there}")


def check_untraced(why, region="t", **more):
    """The command runs all the same, after one line that says why there is no trace."""
    command = ["sh", "-c", "cat; echo end; exit 7"]
    process = tap(*command, options=("-r", region), stderr=PIPE, **more)
    out, err = process.communicate(b"bytes\n", timeout=TIMEOUT_S)
    check((out, process.returncode) == (b"bytes\nend\n", 7), f"{out!r} {process.returncode}")
    check(err.startswith(b"fntrace: tap: sh runs without a trace: ") and why in err and
          err.count(b"\n") == 1, f"{err!r}")
    process = tap(*command, options=("-r", region, "--require-trace"), stderr=PIPE, **more)
    out, err = process.communicate(b"bytes\n", timeout=TIMEOUT_S)
    check((out, process.returncode) == (b"", 1), f"{out!r} {process.returncode}")
    check(err.startswith(b"fntrace: ") and why in err and err.count(b"\n") == 1, f"{err!r}")


@case
def no_directory():
    check_untraced(b"/nonexistent: No such file", region="/nonexistent/x.fnt")


@case
def a_file_for_a_directory():
    directory = os.path.join(os.environ["FNTRACE_DIR"], "file")
    with open(directory, "w", encoding="ascii"):
        pass
    check_untraced(b"not a directory", region=directory + "/x.fnt")


@case
def foreign_region():
    path = os.path.join(os.environ["FNTRACE_DIR"], "t.fnt")
    for text in (b"xxxxx", b"not a region", b"not a region" * 10000):
        with open(path, "wb") as file:
            file.write(text)
        check_untraced(b"t.fnt")


@case
def damaged_region():
    """It is set aside, and the command is recorded in a new one."""
    path = os.path.join(os.environ["FNTRACE_DIR"], "t.fnt")
    with open(path, "wb") as file:
        file.write(b"FNTRACE\n" + b"\xff" * 100000)
    process = tap("cat", stderr=PIPE)
    out, err = process.communicate(messages(call("a")), timeout=TIMEOUT_S)
    check((out, process.returncode) == (messages(call("a")), 0), f"{out!r}")
    check(b"t.fnt" in err and err.count(b"\n") == 1, f"{err!r}")
    check([t["call_id"] for t in traces()] == ["a"], f"{traces()}")


@case
def full_file_system():
    """A file system of a mount namespace of its own, too small for a region."""
    path = os.environ["FNTRACE_DIR"]
    alone = ["unshare", "-rm", "sh", "-c", f'mount -t tmpfs -o size=64k x {path} && exec "$@"', "sh"]
    if subprocess.run([*alone, "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        return  # no user namespaces here
    check_untraced(b"t.fnt", prefix=alone)


@case
def the_region_is_truncated():
    """The command goes on, and so do its bytes."""
    path = os.path.join(os.environ["FNTRACE_DIR"], "t.fnt")
    process = tap("cat", bufsize=0)
    for size in (None, 5000, 0):
        if size is not None:
            os.truncate(path, size)
        for i in range(200):
            line = messages(call(f"a{i}"), {"type": "return", "call_id": f"a{i}", "value": [1]})
            process.stdin.write(line)
            got = b""
            while len(got) < len(line):
                part = process.stdout.read(len(line) - len(got))
                check(part, f"the end, {process.poll()}")
                got += part
            check(got == line)
    process.stdin.close()
    check(process.wait(TIMEOUT_S) == 0, f"{process.returncode}")


@case
def no_slot():
    """As many taps as the region has slots; the next one runs untraced."""
    holders = [tap("cat", options=("-r", "t", "--size", "256K"))]
    holders[0].stdin.write(b"x")
    holders[0].stdin.flush()
    check(holders[0].stdout.read(1) == b"x")
    slots = json.loads(run("stat", "-r", "t", "--json"))["producers_max"]
    for _ in range(slots - 1):
        holders.append(tap("cat"))
    for holder in holders[1:]:
        holder.stdin.write(b"x")
        holder.stdin.flush()
        check(holder.stdout.read(1) == b"x")
    check_untraced(b"t.fnt")
    for holder in holders:
        holder.stdin.close()
        check(holder.wait(TIMEOUT_S) == 0)


@case
def wrong_usage():
    for args in ([], ["--nonsense", "true"], ["--size", "big", "true"], ["-r"],
                 ["--protocol", "nonsense", "true"]):
        run("tap", *args, expect=2, stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    harness.main()
