#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Recorded sessions of an MCP server and of two language servers are replayed through
`fntrace tap`. What it records is compared with what a reading of the transcript expects."""
import collections
import glob
import itertools
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402
from harness import FNTRACE, case, check, run  # noqa: E402

sys.path.insert(0, os.path.join(harness.TESTS, "support"))
import replay  # noqa: E402

MCP = sorted(glob.glob(os.path.join(harness.TESTS, "data", "mcp", "*.jsonl")))
LSP = sorted(glob.glob(os.path.join(harness.TESTS, "data", "lsp", "*.jsonl")))


def messages(path):
    """[(by the host?, message)] of a transcript."""
    with open(path, encoding="utf-8") as lines:
        entries = [json.loads(line) for line in lines]
    return [(entry["dir"] == "host", json.loads(entry.get("line", entry.get("body"))))
            for entry in entries]


def named(message):
    method = message["method"]
    if method in ("tools/call", "prompts/get"):
        return f"{method} {message['params']['name']}"
    return method


def outcomes(path):
    """{id of a request by the host: (name, outcome, error code)}"""
    asked, ended = {}, {}
    for by_host, message in messages(path):
        ident = message.get("id")
        if by_host and "method" in message and ident is not None:
            asked[ident] = named(message)
        elif message.get("method") == "notifications/cancelled":
            cancelled = message["params"]["requestId"]
            ended[cancelled] = (asked[cancelled], "error", "CANCELLED")
        elif not by_host and "method" not in message and ident not in ended:
            error = message.get("error")
            failed = not error and path in MCP and message["result"].get("isError")
            ended[ident] = (asked[ident], "error" if error or failed else "ok",
                            str(error["code"]) if error else "isError" if failed else None)
    check(set(asked) == set(ended), f"{path}: a request without an end")
    return ended


def requests_back(path):
    return [message["method"] for by_host, message in messages(path)
            if not by_host and "method" in message and "id" in message]


regions = itertools.count()


def replayed(path, *options):
    region = f"r{next(regions)}"
    host = replay.Host([FNTRACE, "tap", "-r", region, *options, "--"], path)
    error = host.finish()
    check(error is None, error)
    return region, json.loads(run("recent", "-r", region, "-n", "1000", "--json"))


def code_of(trace):
    return trace["outcome"].get("code")


def check_session(path, *options):
    expected = outcomes(path)
    _, traces = replayed(path, *options)
    got = {trace["call_id"]: (trace["fn_name"], trace["outcome"]["status"], code_of(trace))
           for trace in traces}
    check(got == {str(ident): end for ident, end in expected.items()},
          f"{path}: expected {expected}, got {got}")
    return traces


@case
def sessions_are_found_out_without_an_option():
    check(len(MCP) >= 1 and len(LSP) >= 2, "no transcripts")
    for path in MCP + LSP:
        check_session(path)


@case
def sessions_by_name_of_their_protocol():
    for path in MCP:
        check_session(path, "--protocol", "mcp")
    for path in LSP:
        check_session(path, "--protocol", "lsp")


@case
def totals_by_method_equal_those_of_the_transcript():
    for path in MCP + LSP:
        expected = collections.Counter(name for name, _, _ in outcomes(path).values())
        region = replayed(path)[0]
        stat = json.loads(run("stat", "-r", region, "--json"))
        got = {fn["fn_name"]: fn["calls"] for fn in stat["functions"]}
        check(got == dict(expected), f"{path}: expected {expected}, got {got}")


@case
def requests_of_the_server_are_ops_of_the_open_call():
    for path in MCP + LSP:
        back = requests_back(path)
        ops = [op["entity"] for trace in replayed(path)[1] for op in trace["ops"]]
        check(sorted(op for op in ops if op != "resource") == sorted(back),
              f"{path}: expected {back}, got {ops}")


@case
def progress_is_counted_as_chunks():
    for path in MCP:
        sent = sum(message.get("method") == "notifications/progress"
                   for _, message in messages(path))
        chunks = sum(trace["stream_chunks"] for trace in replayed(path)[1])
        check(sent > 0 and chunks == sent, f"{path}: {sent} sent, {chunks} counted")


@case
def values_are_left_out_unless_asked_for():
    for path in MCP:
        for trace in replayed(path)[1]:
            if trace["outcome"]["status"] == "ok":
                check(set(trace["outcome"]["value"]) == {"params_bytes", "result_bytes"},
                      trace["outcome"])
        results = [message["result"] for _, message in messages(path)
                   if "result" in message]
        for trace in replayed(path, "--values")[1]:
            if trace["outcome"]["status"] == "ok":
                check(trace["outcome"]["value"] in results, trace["outcome"])


@case
def plain_json_rpc_by_lines_and_with_batches():
    script = r"""import json, sys
for line in sys.stdin:
    batch = json.loads(line)
    print(json.dumps([{"jsonrpc": "2.0", "id": m["id"], "result": m["params"]}
                      for m in batch if "id" in m]), flush=True)
"""
    batch = [{"jsonrpc": "2.0", "id": i, "method": "echo", "params": [i]} for i in range(3)]
    batch.append({"jsonrpc": "2.0", "method": "notice"})
    done = subprocess.run(
        [FNTRACE, "tap", "-r", "plain", "--protocol", "jsonrpc", "--", sys.executable, "-c",
         script], input=json.dumps(batch).encode() + b"\n", stdout=subprocess.PIPE,
        timeout=harness.TIMEOUT_S, check=True)
    check([m["id"] for m in json.loads(done.stdout)] == [0, 1, 2], done.stdout)
    traces = json.loads(run("recent", "-r", "plain", "--json"))
    check(sorted(trace["call_id"] for trace in traces) == ["0", "1", "2"], traces)
    check({trace["fn_name"] for trace in traces} == {"echo"}, traces)


if __name__ == "__main__":
    harness.main()
