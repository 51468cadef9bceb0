# SPDX-License-Identifier: MIT
"""Medians, ratios, the table and the JSON."""
import os
import platform
import statistics
import subprocess

UNITS = {"ns": "ns", "p50": "ns", "p99": "ns", "p99.9": "ns", "max": "ns",
         "mb_s": "MB/s", "per_s": "/s", "kib": "KiB", "bytes": "B", "cpu_ns": "ns",
         "busy": "ns", "first_lap_ns": "ns", "hop_ns": "ns"}
SHOWN = ["ns", "p50", "busy", "p99", "p99.9", "max", "mb_s", "per_s", "kib", "bytes", "hop_ns"]


def spread(values):
    return {"median": statistics.median(values), "min": min(values), "max": max(values),
            "rounds": len(values)}


def results_of(suite, worker):
    """A result for each metric of the worker."""
    variant = worker.variant
    for metric in [m for m in SHOWN if m in worker.metrics[0]]:
        values = spread([m[metric] for m in worker.metrics])
        unit = UNITS[metric]
        name = variant.name if metric == "ns" else f"{variant.name}: {metric}"
        result = {"suite": suite.name, "peer": variant.peer, "name": name,
                  "of": variant.name,
                  "threads": variant.threads, "processes": variant.processes,
                  "unit": unit, **values}
        if unit == "ns":
            result.update({f"ns_{k}": values[k] for k in ("median", "min", "max")})
        if "disturbed" in worker.metrics[0]:
            result["disturbed"] = sum(m["disturbed"] > 0 for m in worker.metrics)
        if metric == "ns" and "cpu_ns" in worker.metrics[0]:
            result["cpu_median"] = result["cpu_ns_median"] = statistics.median(
                m["cpu_ns"] for m in worker.metrics)
        if metric in variant.bars:
            bar = variant.bars[metric]
            result["bar"] = abs(bar)
            result["met"] = values["median"] >= -bar if bar < 0 else \
                values["median"] <= bar
        result.update(worker.setup)
        yield result


def ratio_of(suite, ratio, workers):
    chosen = [next(w for w in workers if w.variant is v) for v in ratio.variants]
    rounds = list(zip(*(w.metrics for w in chosen)))

    def values(metric):
        return [ratio.value(*(m[metric] for m in metrics)) for metrics in rounds]

    result = {"suite": suite.name, "name": ratio.name, **spread(values(ratio.metric)),
              "unit": ratio.unit, "of": list(ratio.of.key),
              "to": list(ratio.to.key) if ratio.to else None}
    if ratio.metric == "ns" and not ratio.parts and \
            all("cpu_ns" in w.metrics[0] for w in chosen):
        result["cpu_median"] = statistics.median(values("cpu_ns"))
    if ratio.bar:
        result["bar"] = ratio.bar
        result["met"] = result["median"] <= ratio.bar
    return result


def at_least(unit):
    """Whether more is better."""
    return unit in ("MB/s", "/s")


# ---- the table


def _number(value):
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _bar(result, most):
    if "bar" not in result:
        return ""
    sign = "<=" if most else ">="
    return f"  {sign} {_number(result['bar'])}{'' if result['met'] else '  missed'}"


def _line(name, result, most=True):
    numbers = "".join(f"{_number(result[k]) if k in result else '':>12}"
                      for k in ("median", "min", "max", "cpu_median"))
    end = _bar(result, most)
    if "first_lap_ns" in result:
        end += f"  first lap {_number(result['first_lap_ns'])}"
    print(f"  {name:<44}{numbers} {result['unit']:<5}{end}".rstrip())


def _disturbed(results):
    """How parallel batches were disturbed, of those that can tell: oversubscribed ones cannot."""
    of_variant = {tuple(r[k] for k in ("peer", "of", "threads", "processes")): r
                  for r in results if "disturbed" in r}.values()  # percentiles share one
    batches = sum(r["rounds"] for r in of_variant)
    disturbed = sum(r["disturbed"] for r in of_variant)
    return f"; other programs ran in {disturbed} of {batches} batches" if batches else ""


def print_suite(suite, results, ratios, notes):
    rounds = max((r["rounds"] for r in results), default=0)
    print(f"\n{suite.name}: {suite.title} ({rounds} rounds{_disturbed(results)})")
    print(f"  {'':<44}{'median':>12}{'min':>12}{'max':>12}{'CPU time':>12}")
    for r in results:
        who = f"{r['peer']} " if r["peer"] != "none" else ""
        parallel = "".join(f", {r[k]} {k}" for k in ("threads", "processes") if r[k] > 1)
        _line(f"{who}{r['name']}{parallel}", r, not at_least(r["unit"]))
    for r in ratios:
        _line(r["name"], r)
    for note in notes:
        print(f"  {note}")


# ---- the machine


def _first(path, prefix=""):
    try:
        with open(path, encoding="utf-8") as file:
            for line in file:
                if line.startswith(prefix):
                    return line.partition(":")[2].strip() if prefix else line.strip()
    except OSError:
        pass
    return ""


def _said(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False,
                              cwd=os.path.dirname(os.path.abspath(__file__)))
        return done.stdout.partition("\n")[0].strip()
    except OSError:
        return ""


def machine():
    return {"cpu": _first("/proc/cpuinfo", "model name"),
            "mhz": _first("/proc/cpuinfo", "cpu MHz"),
            "cores": len(os.sched_getaffinity(0)),
            "kernel": platform.release(),
            "clocksource": _first("/sys/devices/system/clocksource/clocksource0/"
                                  "current_clocksource"),
            "load": os.getloadavg()[0],
            "compiler": _said("cc", "--version"),
            "commit": _said("git", "rev-parse", "--short", "HEAD")}


def print_machine(about):
    print(f"{about['cpu']}, {about['mhz']} MHz, {about['cores']} cores, "
          f"Linux {about['kernel']}, clock {about['clocksource']}, "
          f"load {about['load']:.1f} at the start")
    if about["load"] > 0.5:
        print("this machine is busy: look at CPU time, and at the batches that were disturbed")
