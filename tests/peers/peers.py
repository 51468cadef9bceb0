#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Clients and servers that nobody here wrote, with `fntrace tap` between them. README.md."""
import collections
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
import harness  # noqa: E402
from harness import FNTRACE, case, check, run  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
CACHE = os.environ.get("FNTRACE_PEERS") or os.path.expanduser("~/.cache/fntrace-peers")
INSTALL_S = 300
SESSION_S = 120
harness.TIMEOUT_S = 150


def install():
    """Why the packages are not there; None: they are."""
    if not shutil.which("npm") or not shutil.which("node"):
        return "npm or node is missing; install them with tools/install-deps peers"
    with open(os.path.join(HERE, "package-lock.json"), "rb") as lock:
        wanted = lock.read()
    stamp = os.path.join(CACHE, "installed.json")
    if os.path.exists(stamp):
        with open(stamp, "rb") as installed:
            if installed.read() == wanted:
                return None
    os.makedirs(CACHE, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(os.path.join(HERE, name), CACHE)
    try:
        done = subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=CACHE,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=INSTALL_S, check=False)
    except subprocess.TimeoutExpired:
        return "npm ci takes too long"
    if done.returncode:
        return "npm ci fails: " + done.stderr.decode(errors="replace").strip()[-200:]
    with open(stamp, "wb") as installed:
        installed.write(wanted)
    return None


def program(*path):
    return os.path.join(CACHE, "node_modules", *path)


def session(client, kind, region, *server):
    """What the client says, and the traces."""
    environment = {**os.environ,
                   "FNTRACE_PEERS_PACKAGES": os.path.join(CACHE, "package.json"),
                   "TSSERVER": program("typescript", "lib", "tsserver.js")}
    done = subprocess.run(
        ["node", os.path.join(HERE, client), kind, FNTRACE, "tap", "-r", region, "--", *server],
        cwd=os.environ["FNTRACE_DIR"], env=environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, timeout=SESSION_S, check=False)
    check(done.returncode == 0, f"the client's exit status is {done.returncode}")
    traces = json.loads(run("recent", "-r", region, "-n", "1000", "--json"))
    return json.loads(done.stdout), traces


def check_totals(said, traces, region):
    """Totals by method, failures, and requests of the server are as the client counted."""
    counted = collections.Counter(trace["fn_name"] for trace in traces)
    back = collections.Counter(op["entity"] for trace in traces for op in trace["ops"]
                               if op["entity"] != "resource")
    for name in list(counted):  # a request of the server while none or several are open
        if name not in said["sent"]:
            back[name] += counted.pop(name)
    failed = sum(trace["outcome"]["status"] == "error" for trace in traces)
    check(counted == said["sent"], f"sent {said['sent']}, counted {dict(counted)}")
    check(back == said["back"], f"asked back {said['back']}, counted {dict(back)}")
    check(failed == said["failed"], f"{said['failed']} failed, {failed} counted")
    stat = json.loads(run("stat", "-r", region, "--json"))
    totals = {fn["fn_name"]: fn["calls"] for fn in stat["functions"]
              if fn["fn_name"] in said["sent"]}
    check(totals == said["sent"], f"stat says {totals}")


def check_mcp(kind, *server):
    said, traces = session("mcp_client.mjs", kind, kind, "node", *server)
    check_totals(said, traces, kind)
    chunks = sum(trace["stream_chunks"] for trace in traces)
    # The last notice of progress may come after the result, when nobody listens.
    check(chunks >= said["progress"], f"{said['progress']} of progress, {chunks} counted")


def everything():
    check_mcp("everything",
              program("@modelcontextprotocol", "server-everything", "dist", "index.js"))


def filesystem():
    with open(os.path.join(os.environ["FNTRACE_DIR"], "doc.json"), "w", encoding="utf-8") as file:
        file.write("{}\n")
    check_mcp("filesystem",
              program("@modelcontextprotocol", "server-filesystem", "dist", "index.js"),
              os.environ["FNTRACE_DIR"])


def check_lsp(language, server):
    said, traces = session("lsp_client.mjs", language, language, "node",
                           program(".bin", server), "--stdio")
    check(said["code"] == 0, f"the server's exit status is {said['code']}")
    check_totals(said, traces, language)


def typescript():
    check_lsp("typescript", "typescript-language-server")


def python():
    check_lsp("python", "pyright-langserver")


def json_server():
    check_lsp("json", "vscode-json-language-server")


if __name__ == "__main__":
    reason = install()
    if reason:
        print(f"1..0 # SKIP {reason}")
        sys.exit(0)
    for each in (everything, filesystem, typescript, python, json_server):
        case(each)
    harness.main()
