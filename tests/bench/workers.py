# SPDX-License-Identifier: MIT
"""Workers: a process for each variant, which measures a batch on command (bench.h)."""
import contextlib
import os
import shutil
import subprocess
import tempfile
import time


class Failed(Exception):
    pass


class Worker:
    """One variant: set up, warm, and asleep between its batches."""

    _count = 0

    def __init__(self, variant, context):
        Worker._count += 1
        self.variant = variant
        self.metrics = []  # of each round
        self.setup = {}  # what it printed before its first batch
        args = {"region": f"w{Worker._count}", "batch_ms": context.batch_ms}
        args.update(variant.args)
        words = [str(word) for pair in args.items() for word in pair]
        env = dict(os.environ, FNTRACE_DIR=context.scratch)
        env.update(variant.env)
        if variant.peer == "lttng-ust":
            env.update(context.lttng_env)
        command = [context.program(variant.program), *words]
        if variant.peer == "lttng-ust":
            command = context.lttng_prefix + command
        # Its children end with it (PR_SET_PDEATHSIG). ^C goes to this process alone.
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, env=env,
                                        stderr=subprocess.PIPE, start_new_session=True)

    def _line(self):
        line = self.process.stdout.readline()
        if not line:
            _, said = self.process.communicate()
            raise Failed(said.strip().splitlines()[0] if said.strip() else
                         f"{self.variant.program} ended")
        return line

    def wait_ready(self):
        line = self._line().replace("ready", "")
        self.setup = dict(parse(line))

    def round(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        self.metrics.append(dict(parse(self._line())))

    def close(self):
        with contextlib.suppress(BrokenPipeError, ValueError):
            self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


def parse(line):
    for word in line.split():
        key, _, value = word.partition("=")
        yield key, float(value)


# ---- LTTng's session


def _as_nobody():
    """A command prefix. The session daemon of root is that of the whole machine, so run ours,
    and the programs that it traces, as another user."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


@contextlib.contextmanager
def lttng_session(scratch):
    """A session in overwrite mode without a reader. Yields (prefix, environment) for the
    programs to trace. Raises Failed where there is no LTTng."""
    if not shutil.which("lttng-sessiond"):
        raise Failed("not installed: lttng-tools")
    home = tempfile.mkdtemp(prefix="lttng-", dir=scratch)
    prefix = _as_nobody()
    os.chmod(scratch, 0o711)
    if prefix:
        os.chown(home, 65534, 65534)
    env = {"LTTNG_HOME": home, "HOME": home, "LTTNG_UST_REGISTER_TIMEOUT": "5000"}

    def lttng(*words):
        done = subprocess.run(prefix + ["lttng", "--no-sessiond", *words], text=True,
                              env={**os.environ, **env}, stderr=subprocess.STDOUT,
                              stdout=subprocess.PIPE, timeout=30, check=False)
        if done.returncode:
            raise Failed(f"lttng {words[0]}: {done.stdout.strip()}")

    # In the foreground, so that it can be ended.
    daemon = subprocess.Popen(prefix + ["lttng-sessiond", "--no-kernel"],
                              env={**os.environ, **env}, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        _wait_for(lambda: lttng("list"))
        lttng("create", "--snapshot", "fntbench")
        lttng("enable-channel", "--userspace", "--overwrite", "--subbuf-size=1M",
              "--num-subbuf=4", "all")
        lttng("enable-event", "--userspace", "--channel=all", "fntbench:*")
        lttng("start")
        yield prefix, env
        with contextlib.suppress(Failed, subprocess.TimeoutExpired):
            lttng("destroy", "--all", "--no-wait")
    finally:
        daemon.terminate()
        try:
            daemon.wait(10)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()


def _wait_for(attempt):
    for _ in range(100):
        with contextlib.suppress(Failed):
            attempt()
            return
        time.sleep(0.1)
    attempt()
