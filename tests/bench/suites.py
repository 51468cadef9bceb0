# SPDX-License-Identifier: MIT
"""What is measured: suites of variants, and the ratios between them."""
import os
from dataclasses import dataclass, field

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
CELL = 256
PRODUCERS = 16  # of the suite oversubscribed

PROGRAMS = {"fntrace": "bench_fntrace", "lttng-ust": "bench_lttng", "dpdk": "bench_dpdk",
            "libqb": "bench_libqb", "mutex-log": "bench_mutex", "floor": "bench_floor"}
PEERS = {"lttng-ust": "liblttng-ust-dev lttng-tools", "dpdk": "libdpdk-dev",
         "libqb": "libqb-dev"}


@dataclass
class Variant:
    peer: str
    name: str
    args: dict = field(default_factory=dict)
    env: dict = field(default_factory=dict)
    program: str = ""
    bars: dict = field(default_factory=dict)  # metric: at most; negative: at least

    def __post_init__(self):
        self.program = self.program or PROGRAMS[self.peer]

    @property
    def threads(self):
        return self.args.get("threads", 1)

    @property
    def processes(self):
        return self.args.get("processes", 1)

    @property
    def key(self):
        return self.peer, self.name, self.threads, self.processes


@dataclass
class Ratio:
    """`of` against `to`, each a variant: a quotient, or a difference divided by `parts`."""
    name: str
    of: Variant
    to: Variant = None  # None: `of` times `times`
    metric: str = "ns"
    bar: float = 0
    parts: float = 0  # 0: a quotient; else (of - to) / parts, in ns
    over: Variant = None  # divides that difference
    times: float = 1  # factor of `to`

    @property
    def variants(self):
        return [v for v in (self.of, self.to, self.over) if v]

    def value(self, of, to=None, over=None):
        if self.to is None:
            return of * self.times
        if self.parts:
            return (of - to) / self.parts / (over if self.over else 1)
        return of / (to * self.times)

    @property
    def unit(self):
        return "ns" if self.to is None or (self.parts and not self.over) else "x"


@dataclass
class Suite:
    name: str
    title: str
    variants: list
    ratios: list = field(default_factory=list)
    rounds: float = 1  # factor of the usual number
    batches: int = 1  # factor of the usual length of a batch


VDSO = {"FNTRACE_CLOCK": "vdso"}


def fnt(name, env=None, bars=None, **args):
    return Variant("fntrace", name, args, env or {}, bars=bars or {})


def reading(name, shape, bars=None, **args):
    return Variant("fntrace", name, {"shape": shape, **args}, {}, "bench_reading",
                   bars or {})


def floor(name, shape, **args):
    return Variant("floor", name, {"shape": shape, **args})


def size_name(size):
    return f"{size // GIB} GiB" if size >= GIB else f"{size // MIB} MiB"


def _cores():
    return len(os.sched_getaffinity(0))


def unmeasured():
    """(name, asked) of the bars that this machine cannot show."""
    if _cores() >= 16:
        return []
    return [(f"16 {how} / 1 (this machine has fewer cores)", 1.5)
            for how in ("threads", "processes")]


def _calls():
    one = fnt("call+2ops")
    two_threads, two_processes = fnt("call+2ops", threads=2), fnt("call+2ops", processes=2)
    vdso = fnt("call+2ops, vdso", VDSO, {"ns": 110})
    mutex, mutex2 = (Variant("mutex-log", "call+2ops", {"threads": n}) for n in (1, 2))
    lttng, lttng2 = (Variant("lttng-ust", "call+2ops", {"threads": n}) for n in (1, 2))
    lttng_p = Variant("lttng-ust", "call+2ops", {"processes": 2})
    dpdk, dpdk2 = (Variant("dpdk", "call+2ops", {"threads": n}) for n in (1, 2))
    qb, qb2 = (Variant("libqb", "call+2ops", {"threads": n}) for n in (1, 2))
    one.bars = {"ns": 60}
    bare = Variant("fntrace", "call+2ops, no settings or metrics", {}, {}, "bench_uncounted")
    loop = fnt("call+2ops, the loop alone", shape="stubs")
    variants = [one, loop, bare, vdso, lttng, mutex, dpdk, qb, two_threads, two_processes,
                lttng2, lttng_p, mutex2, dpdk2, qb2]
    floors = [floor(f"call+2ops, bytes{how}{clock}, by calls", f"{shape}{end}")
              for how, shape in (("", "bytes"), (" by functions", "called"))
              for clock, end in (("", ""), (", vdso", "-vdso"))]
    variants += floors
    ratios = [
        *(Ratio(f"{what} / {peer.peer}, 1 thread", machine, peer)
          for what, machine in (("floor", floors[0]), ("floor by functions", floors[2]))
          for peer in (lttng, mutex)),
        Ratio("call+2ops, less the loop", one, loop, parts=1),
        Ratio("fntrace / lttng-ust, 1 thread", one, lttng, bar=0.11),
        Ratio("fntrace / mutex-log, 1 thread", one, mutex, bar=0.22),
        Ratio("fntrace / dpdk, 1 thread", one, dpdk),
        Ratio("fntrace / libqb, 1 thread", one, qb),
        Ratio("with settings and metrics / without", one, bare, bar=1.15),
        Ratio("vdso / tsc", vdso, one),
        Ratio("2 threads / 1", two_threads, one, bar=1.2),
        Ratio("2 processes / 1", two_processes, one, bar=1.2),
        Ratio("fntrace / lttng-ust, 2 threads", two_threads, lttng2),
        Ratio("fntrace / lttng-ust, 2 processes", two_processes, lttng_p),
        Ratio("fntrace / mutex-log, 2 threads", two_threads, mutex2),
    ]
    if not unmeasured():
        for how in "threads", "processes":
            parallel = fnt("call+2ops", **{how: 16})
            variants.append(parallel)
            ratios.append(Ratio(f"16 {how} / 1", parallel, one, bar=1.5))
    return Suite("calls", "begin + 2 ops + finish, by peer", variants, ratios)


def _oversubscribed():
    """More producers than cores. No producer waits for one that was preempted within a call, so
    a call should take no more CPU time than with one producer. Batches are long enough to be
    preempted. CPU time leaves out the time asleep on a lock, but not the cost of sleeping."""
    variants, ratios = [], []
    for peer, hows in (("fntrace", ("threads", "processes")), ("mutex-log", ("threads",)),
                       ("libqb", ("threads",))):
        one = Variant(peer, "call+2ops, oversubscribed", {"tries": 1})
        variants.append(one)
        for how in hows:
            parallel = Variant(peer, one.name, {how: PRODUCERS, **one.args})
            variants.append(parallel)
            ratios.append(Ratio(f"{peer}: {PRODUCERS} {how} / 1, CPU time", parallel, one,
                                "cpu_ns"))
    return Suite("oversubscribed",
                 f"{PRODUCERS} producers on {_cores()} cores, beside one: see CPU time",
                 variants, ratios, rounds=0.2, batches=20)


def _ops():
    variants, ratios = [], []
    for clock, env, bar in ("tsc", {}, 15), ("vdso", VDSO, 27):
        if clock == "vdso":
            calls = {n: fnt(f"call+{n}ops, vdso, by ops", env, ops=n) for n in (2, 10, 100)}
        else:
            calls = {n: fnt(f"call+{n}ops, by ops" if n == 2 else f"call+{n}ops", ops=n)
                    for n in (0, 2, 10, 100)}
        variants += calls.values()
        # The first frame holds about thirty ops.
        ratios += [Ratio(f"an op, {clock}: the 3rd to 10th", calls[10], calls[2], parts=8, bar=bar),
                   Ratio(f"an op, {clock}: the 11th to 100th", calls[100], calls[10], parts=90,
                         bar=bar)]
    pairs = {n: fnt(f"call+{n} op_begin/op_end", ops=n, shape="pairs") for n in (2, 10, 100)}
    chunks = {n: fnt(f"call+{n} chunks", ops=0, chunks=n) for n in (10, 100)}
    # The floors, in the same suite.
    floors = {(how, clock, n): floor(f"call of {n} ops, bytes{how}, {clock}", f"{shape}{end}",
                                     ops=n)
            for how, shape in (("", "long"), (" by functions", "called-long"))
            for clock, end in (("tsc", ""), ("vdso", "-vdso")) for n in (2, 10, 100)}
    variants += [*pairs.values(), *chunks.values(), *floors.values(),
                 floor("chunk, 2 words, by ops", "chunk"),
                 floor("chunk, 2 words by functions, by ops", "called-chunk")]
    ratios += [Ratio("op_begin + op_end, tsc", pairs[10], pairs[2], parts=8),
               Ratio("a stream chunk", chunks[100], chunks[10], parts=90, bar=3),
               *(Ratio(f"floor{how}: an op, {clock}, the {which}", floors[how, clock, to],
                       floors[how, clock, since], parts=to - since)
                 for how in ("", " by functions") for clock in ("tsc", "vdso")
                 for since, to, which in ((2, 10, "3rd to 10th"), (10, 100, "11th to 100th")))]
    return Suite("ops", "by what a call does", variants, ratios)


def _floors():
    """The peer floor is the machine itself: what the design requires, with nothing around it."""
    call, vdso = fnt("call+2ops, by floors"), fnt("call+2ops, vdso, by floors", VDSO)
    lttng, mutex = (Variant(p, "call+2ops, by floors") for p in ("lttng-ust", "mutex-log"))
    ops = {(n, clock): fnt(f"call+{n}ops, {clock}, by floors", env, ops=n)
           for clock, env in (("tsc", {}), ("vdso", VDSO)) for n in (10, 100)}
    chunks = {n: fnt(f"call+{n} chunks, by floors", ops=0, chunks=n) for n in (10, 100)}
    stores, fenced = floor("60 stores", "stores"), floor("60 stores, cmpxchg", "stores-cmpxchg")
    stamps, stamps_vdso = floor("4 stamps, tsc", "stamps"), floor("4 stamps, vdso", "stamps-vdso")
    whole, whole_vdso = (floor("call+2ops, bytes", "bytes"),
                         floor("call+2ops, bytes, vdso", "bytes-vdso"))
    called = floor("call+2ops, bytes by functions", "called")
    called_vdso = floor("call+2ops, bytes by functions, vdso", "called-vdso")
    sampled = floor("call+2ops, sampled out, bytes", "sampled-out")
    called_sampled = floor("call+2ops, sampled out, bytes by functions", "called-sampled-out")
    op, op_vdso = floor("op, bytes", "op"), floor("op, bytes, vdso", "op-vdso")
    chunk = floor("chunk, 2 words", "chunk")
    copies = [floor(f"248 bytes, ring of {size_name(size)}{how}", shape, size=size)
              for size in (16 * MIB, MIB)
              for shape, how in (("copy", ""), ("copy-no-prefetch", ", no prefetch"))]
    singles = [floor(name, name) for name in ("rdtsc", "vdso", "cmpxchg", "xadd", "rcu")]
    ratios = [
        Ratio("a cmpxchg after 60 stores", fenced, stores, parts=1),
        Ratio("lttng-ust x 0.11", lttng, times=0.11),
        Ratio("mutex-log x 0.22", mutex, times=0.22),
        Ratio("4 stamps / lttng-ust x 0.11", stamps, lttng, times=0.11),
        Ratio("4 stamps / mutex-log x 0.22", stamps, mutex, times=0.22),
        Ratio("floor / lttng-ust", whole, lttng),
        Ratio("floor / mutex-log", whole, mutex),
        Ratio("floor by functions / lttng-ust", called, lttng),
        Ratio("floor by functions / mutex-log", called, mutex),
        Ratio("floor: sampled out / kept", sampled, whole),
        Ratio("floor by functions: sampled out / kept", called_sampled, called),
        Ratio("a call's bytes / lttng-ust x 0.11", whole, lttng, times=0.11),
        Ratio("a call's bytes / mutex-log x 0.22", whole, mutex, times=0.22),
        Ratio("call: fntrace / its bytes", call, whole),
        Ratio("call: fntrace / its bytes by functions", call, called),
        Ratio("call: fntrace / 4 stamps", call, stamps),
        Ratio("call: fntrace - 4 stamps", call, stamps, parts=1),
        Ratio("call, vdso: fntrace / its bytes", vdso, whole_vdso),
        Ratio("call, vdso: fntrace / 4 stamps", vdso, stamps_vdso),
        Ratio("op: fntrace / its bytes", ops[100, "tsc"], ops[10, "tsc"], parts=90, over=op),
        Ratio("op, vdso: fntrace / its bytes", ops[100, "vdso"], ops[10, "vdso"], parts=90,
              over=op_vdso),
        Ratio("chunk: fntrace / its words", chunks[100], chunks[10], parts=90, over=chunk)]
    return Suite("floors", "the machine itself, and the library beside it", [
        call, vdso, lttng, mutex, *singles, stores, fenced, stamps, stamps_vdso, *copies, whole,
        called, called_vdso, sampled, called_sampled,
        floor("call+2ops, bytes, not counted", "bytes-uncounted"), whole_vdso, op,
        floor("op, bytes, counted", "op-counted"), op_vdso, chunk, *ops.values(),
        *chunks.values()], ratios)


def _sizes(quick):
    sizes = [MIB, 16 * MIB, 64 * MIB, 256 * MIB, GIB]
    if quick:
        sizes = [MIB, 16 * MIB, 256 * MIB, GIB]
    sized = [fnt(f"call+2ops, region of {size_name(size)}", size=size,
                fill=size // CELL + size // CELL // 8) for size in sizes]
    return Suite("sizes", "by size of the region", sized,
                 [Ratio(f"{size_name(size)} / {size_name(sizes[1])}", v, sized[1])
                  for size, v in zip(sizes, sized) if v is not sized[1]])


def _readers():
    """Elsewhere: the readers read another ring of the same size, which has no writers. That shows
    what another busy core costs, without shared lines. Raw: readers that only load a word of
    each line, the scanner at about the speed of the library's; evicting: and flush the lines,
    as the library does."""
    variants, ratios = [], []
    for size, name in (0, ""), (MIB, ", 1 MiB"), (64 * MIB, ", 64 MiB"):
        args = {"size": size} if size else {}
        none = fnt(f"call+2ops{name}, no reader", **args)
        follower = fnt(f"call+2ops{name}, a follower", readers=1, **args)
        scanner = fnt(f"call+2ops{name}, a scanner", readers=1, scans=1, **args)
        both = fnt(f"call+2ops{name}, 2 readers", readers=2, **args)
        away = fnt(f"call+2ops{name}, 2 readers elsewhere", readers=2, elsewhere=1, **args)
        raw = fnt(f"call+2ops{name}, 2 raw readers", readers=2, raw=1, raw_ns=80, **args)
        evicting = fnt(f"call+2ops{name}, 2 raw readers, evicting", readers=2, raw=1,
                       raw_ns=80, raw_evict=1, **args)
        variants += [none, follower, scanner, both, away, raw, evicting]
        ratios += [Ratio(f"2 readers / none{name}", both, none, bar=1.05),
                   Ratio(f"a follower / none{name}", follower, none),
                   Ratio(f"a scanner / none{name}", scanner, none),
                   Ratio(f"2 readers elsewhere / none{name}", away, none),
                   Ratio(f"2 raw readers / none{name}", raw, none),
                   Ratio(f"2 raw readers, evicting / none{name}", evicting, none),
                   Ratio(f"2 readers / raw, evicting{name}", both, evicting)]
    alone, read = (Variant("mutex-log", f"call+2ops, {n or 'no'} reader{'s' * (n > 1)}",
                            {"readers": n}) for n in (0, 2))
    return Suite("readers", "one follower and one reader that scans the ring in a loop",
                 [*variants, alone, read],
                 [*ratios, Ratio("mutex-log: 2 readers / none", read, alone)],
                 rounds=0.5, batches=10)


def _values():
    none = fnt("call+2ops, no value")
    valued = [fnt(f"call+2ops, value of {name}", value=size)
            for name, size in (("16 B", 16), ("1 KiB", KIB), ("16 KiB", 16 * KIB))]
    return Suite("values", "by size of the record", [none, *valued],
                 [Ratio(f"{v.name[11:]} / none", v, none) for v in valued])


def _ids():
    peers = ("fntrace", "lttng-ust", "mutex-log", "libqb")
    alike, vary = ({peer: Variant(peer, f"call+2ops, ids {how}", args) for peer in peers}
                   for how, args in (("alike", {}), ("that differ", {"vary": 1})))
    moved = fnt("call+2ops, names in messages", shape="messages")
    ratios = [Ratio(f"{peer}: ids that differ / alike", vary[peer], alike[peer])
              for peer in peers]
    ratios += [Ratio("fntrace / lttng-ust, ids that differ", vary["fntrace"],
                     vary["lttng-ust"]),
               Ratio("names in messages / at the same address", moved, alike["fntrace"])]
    return Suite("ids", "ids of 4 to 15 or 31 bytes, of random lengths or alike; names",
                 [*alike.values(), *vary.values(), moved], ratios)


def _shapes():
    plain = fnt("call+2ops, by shapes")
    shaped = {shape: fnt(name, shape=shape) for shape, name in (
        ("private", "call+2ops, no free frame"), ("overlap", "call+2ops, 8 open at once"),
        ("error", "call+2ops, finish_error"), ("parent", "call+2ops, with a parent"),
        ("push", "push of a trace with 2 ops"), ("ordered", "call+2ops, FNT_ORDERED"),
        ("count-only", "call+2ops, FNT_KEEP_NONE"), ("closed", "call+2ops, log closed"),
        ("disabled", "call+2ops, disabled"), ("sampled-out", "call+2ops, sampled out"),
        ("settings", "call+2ops, settings not default"))}
    stubs = fnt("call+2ops, functions that do nothing", shape="stubs")
    ratios = [Ratio(f"{v.name.removeprefix('call+2ops, ')} / plain", v, plain)
              for v in shaped.values()]
    ratios += [Ratio("disabled, less the loop", shaped["disabled"], stubs, parts=1, bar=2),
               Ratio("sampled out / kept, both by settings", shaped["sampled-out"],
                     shaped["settings"], bar=0.8)]
    ordered2 = fnt("call+2ops, FNT_ORDERED", shape="ordered", threads=2)
    ratios.append(Ratio("FNT_ORDERED: 2 threads / 1", ordered2, shaped["ordered"]))
    floors = []
    for how, kept, sampled in (("", "bytes", "sampled-out"),
                               (" by functions", "called", "called-sampled-out")):
        floors += [floor(f"call+2ops, bytes{how}, by shapes", kept),
                   floor(f"call+2ops, sampled out, bytes{how}, by shapes", sampled)]
        ratios.append(Ratio(f"floor{how}: sampled out / kept, by shapes", floors[-1], floors[-2]))
    return Suite("shapes", "by kind of call",
                 [plain, *shaped.values(), stubs, ordered2, *floors], ratios)


def _latency():
    def latency(make, name, **args):
        return make(name, latency=1, **args)

    def mutex(name, **args):
        return Variant("mutex-log", name, args)

    clock = Variant("none", "latency, empty", {"shape": "empty", "latency": 1}, {},
                    PROGRAMS["fntrace"])
    call, call_read = latency(fnt, "latency"), latency(fnt, "latency, 2 readers", readers=2)
    push = latency(fnt, "latency of push", shape="push")
    push_read = latency(fnt, "latency of push, 2 readers", shape="push", readers=2)
    old, old_read = latency(mutex, "latency"), latency(mutex, "latency, 2 readers",
                                                       readers=2)
    lttng = Variant("lttng-ust", "latency", {"latency": 1})
    return Suite("latency", "of single calls, by rdtsc around each",
                 [clock, call, call_read, push, push_read, old, old_read, lttng],
                 [Ratio("p99.9: 2 readers / none", call_read, call, "p99.9", 2),
                  Ratio("push, p99.9: 2 readers / none", push_read, push, "p99.9", 2),
                  Ratio("mutex-log, p99.9: 2 readers / none", old_read, old, "p99.9")],
                 rounds=0.5, batches=10)


def _reading(quick):
    sizes = [MIB, 16 * MIB, 256 * MIB] + ([] if quick else [GIB])
    recent = [reading(f"recent(50), {size_name(s)}", "recent", {"ns": 5000}, size=s)
              for s in sizes]
    all_ = reading("10,000 traces decoded", "all", {"ns": 2e6})
    heads = reading("10,000 traces counted", "len", {"ns": 3e5})
    old = Variant("mutex-log", "recent(50)", {"shape": "recent"})
    old_all = Variant("mutex-log", "10,000 traces copied", {"shape": "all"})
    return Suite("reading", "in process, of a ring that has wrapped",
                 [*recent, all_, heads, old, old_all],
                 [Ratio("recent(50), 16 MiB: fntrace / mutex-log", recent[1], old),
                  Ratio("10,000 traces: fntrace / mutex-log", all_, old_all)])


def _attach():
    return Suite("attach", "to an existing region; memory", [
        reading("log open + close, 16 MiB", "open", {"ns": 1e6}),
        reading("log open + close, 256 MiB", "open", {"ns": 1e6}, size=256 * MIB),
        reading("reader open + close, 16 MiB", "reader-open", {"ns": 1e6}),
        reading("a thread's first call", "begin-first"),
        reading("memory of a process", "memory", {"kib": 256}),
        reading("record of call+2ops", "bytes-ordered", {"bytes": 256}),
        reading("ring for a call+2ops", "bytes"),
    ])


def _tap(fntrace):
    def pair(shape, what):
        return (Variant("fntrace", f"tap, {what}", {"shape": shape, "program": fntrace}, {},
                        "bench_tap"),
                Variant("none", f"bare pipe, {what}", {"shape": shape}, {}, "bench_tap"))

    def through(program, what):
        return Variant("fntrace" if program == fntrace else "none", f"{what}, 200 bytes",
                       {"shape": "message", "program": program}, {}, "bench_tap")

    by_tap, by_cat, by_tee, by_none = (
        through(fntrace, "tap"), through("cat", "cat in its place"),
        through("tee", "tee in its place"), through("", "bare pipe"))
    by_tap.bars = {"busy": 10e3}
    one, one_bare = pair("one", "a message at a time")
    window, window_bare = pair("window", "128 calls at a time")
    large, large_bare = pair("large", "results of 1 MiB")
    large.bars = {"mb_s": -100}
    return Suite("tap", "fntrace tap, against the same child on a bare pipe",
                 [by_tap, by_cat, by_tee, by_none, one, one_bare, window, window_bare,
                  large, large_bare],
                 [Ratio("200 bytes: added at the median", by_tap, by_none, "p50", parts=1,
                        bar=10e3),
                  Ratio("200 bytes: added at the median by cat", by_cat, by_none, "p50",
                        parts=1),
                  Ratio("200 bytes: added at the median by tee", by_tee, by_none, "p50",
                        parts=1),
                  Ratio("200 bytes: processor time, tap / cat", by_tap, by_cat, "busy"),
                  Ratio("added to a message", one, one_bare, parts=1, bar=50e3),
                  Ratio("128 at a time: tap / bare", window, window_bare),
                  Ratio("MB/s: tap / bare", large, large_bare, "mb_s")],
                 rounds=0.5, batches=10)


NAMES = ["calls", "oversubscribed", "ops", "floors", "sizes", "readers", "values", "ids", "shapes",
         "latency", "reading", "attach", "tap"]


def suites(quick, fntrace):
    return [_calls(), _oversubscribed(), _ops(), _floors(), _sizes(quick), _readers(), _values(),
            _ids(), _shapes(), _latency(), _reading(quick), _attach(), _tap(fntrace)]
