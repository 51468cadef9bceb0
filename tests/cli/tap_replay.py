#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Two recorded runners are replayed at once through `fntrace tap` into one region. The output
of `fntrace recent --json` is compared with that of Pylon's trace endpoint."""
import collections
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
from harness import FNTRACE, case, check, run  # noqa: E402

sys.path.insert(0, os.path.join(harness.TESTS, "support"))
import replay  # noqa: E402

DATA = os.path.join(harness.TESTS, "data", "pylon")
TRANSCRIPTS = [os.path.join(DATA, f"runner-{i}.jsonl") for i in (0, 1)]
KEYS = ["call_id", "fn_name", "fn_type", "user_id", "started_at", "duration_ms",
        "outcome", "ops", "stream_bytes", "stream_chunks", "schedules"]
OP_KEYS = ["op", "entity", "id", "duration_ms", "row_count", "ok"]

with open(os.path.join(DATA, "traces.json"), encoding="utf-8") as file:
    EXPECTED = json.load(file)


def begun(path):
    """The calls in a transcript: (id, function)."""
    messages = [json.loads(line) for by_host, line in replay.read_transcript(path) if by_host]
    return [(message["call_id"], message["fn_name"]) for message in messages
            if message["type"] == "call"]


def replay_both():
    """Traces by transcript, in the order of TRANSCRIPTS."""
    hosts = [replay.Host([FNTRACE, "tap", "-r", "both", "--"], path)
             for path in TRANSCRIPTS]
    for host in hosts:
        error = host.finish()
        check(error is None, error)
    traces = json.loads(run("recent", "-r", "both", "-n", "1000", "--json"))
    by_pid = collections.defaultdict(list)
    for trace in traces:
        by_pid[trace["pid"]].append(trace)
    check(len(by_pid) == len(hosts), "traces of other processes")
    by_calls = {frozenset((trace["call_id"], trace["fn_name"]) for trace in own): own
                for own in by_pid.values()}
    return [by_calls.get(frozenset(begun(path)), []) for path in TRANSCRIPTS]


def timeless(trace):
    """The original's fields, without those that differ from run to run."""
    kept = {key: trace[key] for key in KEYS if key not in ("started_at", "duration_ms")}
    kept["ops"] = [{key: op[key] for key in OP_KEYS if key in op and key != "duration_ms"}
                   for op in trace["ops"]]
    return kept


def canonical(trace):
    return json.dumps(timeless(trace), sort_keys=True)


def check_shape(trace):
    """The original's fields come first and in the same order. Values that differ from run to
    run are plausible."""
    check(list(trace)[:len(KEYS)] == KEYS, f"order of fields: {list(trace)}")
    check(isinstance(trace["started_at"], int) and trace["started_at"] > 1.6e12,
          f"started_at {trace['started_at']}")
    check(0 <= trace["duration_ms"] < 600e3, f"duration_ms {trace['duration_ms']}")
    for op in trace["ops"]:
        own = [key for key in OP_KEYS if key in op]
        check(list(op)[:len(own)] == own, f"order of an op's fields: {list(op)}")
        check(0 <= op["duration_ms"] <= trace["duration_ms"], f"an op's time: {op}")


def nested_calls(path):
    """{call_id of a nested call: call_id of its caller}, from the transcript."""
    waiting, nested = [], {}
    for _, line in replay.read_transcript(path):
        message = json.loads(line)
        if message["type"] == "run_fn":
            waiting.append((message["call_id"], message["fn_name"]))
        elif message["type"] == "call" and "request" not in message:
            for caller, name in waiting:
                if name == message["fn_name"]:
                    nested[message["call_id"]] = caller
                    waiting.remove((caller, name))
                    break
    return nested


@case
def fields_equal_those_of_the_original():
    ours = [trace for traces in replay_both() for trace in traces]
    check(len(EXPECTED) == 68 and len(ours) == 68, f"{len(ours)} traces")
    for trace in ours:
        check_shape(trace)
    expected = collections.Counter(map(canonical, EXPECTED))
    got = collections.Counter(map(canonical, ours))
    missing, extra = expected - got, got - expected
    for word, left in ("missing", missing), ("unexpected", extra):
        for text in left:
            print(f"# {word}: {text[:600]}")
    check(not missing and not extra, f"{len(missing)} missing, {len(extra)} unexpected")


@case
def calls_are_recorded_by_their_runner():
    for path, traces in zip(TRANSCRIPTS, replay_both()):
        check(sorted(begun(path)) == sorted((trace["call_id"], trace["fn_name"])
                                            for trace in traces), path)


@case
def nested_calls_join_their_callers_tree():
    found = 0
    for path, traces in zip(TRANSCRIPTS, replay_both()):
        by_id = {trace["call_id"]: trace for trace in traces}
        nested = nested_calls(path)
        for trace in traces:
            caller = by_id.get(nested.get(trace["call_id"]))
            if not caller:
                check(trace["parent_uid"] is None, f"{trace['call_id']} has a caller")
                continue
            found += 1
            check(caller["fn_name"] == "narrate", caller["fn_name"])
            check(trace["parent_uid"] == caller["uid"], f"caller of {trace['call_id']}")
            check(trace["trace_id"] == caller["trace_id"], "trace_id")
        trees = {trace["trace_id"] for trace in traces}
        check(len(trees) == len(traces) - len(nested), "trees are shared or split")
        check(len({trace["uid"] for trace in traces}) == len(traces), "uid is not unique")
    check(found == 4, f"{found} nested calls")


def shape(node):
    """(call_id, shapes of its children) of a tree in `show --tree --json`."""
    return node["call_id"], [shape(child) for child in node["children"]]


@case
def show_tree_draws_the_calls_of_the_transcript():
    """The tree that `show --tree` draws has the calls and callers of the transcript."""
    drawn = 0
    for path, traces in zip(TRANSCRIPTS, replay_both()):
        called = collections.defaultdict(list)
        for callee, caller in nested_calls(path).items():
            called[caller].append(callee)
        for trace in traces:
            if trace["parent_uid"]:
                continue
            tree = json.loads(run("show", "-r", "both", "--tree", "--json", trace["uid"]))
            own = called[trace["call_id"]]
            check([shape(root) for root in tree["roots"]] ==
                  [(trace["call_id"], [(callee, []) for callee in own])],
                  f"tree of {trace['call_id']}")
            check(tree["calls"] == 1 + len(own) and tree["processes"] == 1, "counts")
            if not own:
                continue
            uid = next(t["uid"] for t in traces if t["call_id"] == own[0])
            lines = run("show", "-r", "both", "--tree", uid,
                        env={**os.environ, "LC_ALL": "C.UTF-8"}).splitlines()
            check([line.split()[0] for line in lines[4:]] ==
                  ["narrate", "├─browse", "└─openLot"], f"drawn: {lines}")
            drawn += 1
    check(drawn == 2, f"{drawn} trees of more than one call")


if __name__ == "__main__":
    harness.main()
