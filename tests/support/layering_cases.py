# SPDX-License-Identifier: MIT
"""The self-test of tests/layering: a small made-up tree that passes, and one case for each
violation that the checks know."""
import functools
import os
import pathlib
import shlex
import subprocess
import tempfile

CC = shlex.split(os.environ.get("CC", "cc"))

MADE_UP = {
    "lib/ARCHITECTURE.md": """| folder (bottom to top) | one job | may include |
|---|---|---|
| `base/` | words | nothing of ours |
| `format/` | bytes | base |
| `ring/` | cells | format and below |
| `produce/` | writing | ring and below; **never read/** |
| `read/` | reading | ring and below; **never produce/** |
| `log.c` | a log | both sides |
""",
    "include/fntrace/fntrace.h": "int fnt_log_open(void);\n",
    "lib/base/word.h": "#define FNT_WORD 8\nint fnt_base_word(void);\n",
    "lib/base/word.c": '#include "base/word.h"\nint\nfnt_base_word(void)\n{\n\treturn 8;\n}\n',
    "lib/base/hash.h": "int fnt_base_hash(void);\n",
    "lib/base/hash.c": '#include "base/word.h"\nint\nfnt_base_hash(void)\n'
                       "{\n\treturn fnt_base_word();\n}\n",
    "lib/format/bytes.h": '#include "base/word.h"\nstruct fnt_bytes {\n\tchar one;\n};\n',
    "lib/ring/cell.h": '#include "format/bytes.h"\nint fnt_ring_cell(void);\n',
    "lib/ring/cell.c": '#include "base/word.h"\n#include "ring/cell.h"\nint\n'
                       "fnt_ring_cell(void)\n{\n\treturn fnt_base_word();\n}\n",
    "lib/produce/begin.c": '#include "ring/cell.h"\nint fnt_begin(void);\nint\n'
                           "fnt_begin(void)\n{\n\treturn fnt_ring_cell();\n}\n",
    "lib/read/query.c": '#include "ring/cell.h"\nint fnt_query(void);\nint\n'
                        "fnt_query(void)\n{\n\treturn fnt_ring_cell();\n}\n",
    "lib/log.c": "int fnt_begin(void);\nint fnt_query(void);\nint fnt_log_open(void);\n"
                 '__attribute__((visibility("default"))) int\nfnt_log_open(void)\n'
                 "{\n\treturn fnt_begin() + fnt_query();\n}\n",
    "lib/man/page.c": '#include "nowhere.h"\n',
    "tools/main.h": "",
    "tools/main.c": '#include <fntrace/fntrace.h>\n#include "main.h"\n'
                    "int\nmain(void)\n{\n\treturn fnt_log_open();\n}\n",
}


def calls(symbol, name):
    """A function `name` that needs `symbol`."""
    return f"int {symbol}(void);\nint\n{name}(void)\n{{\n\treturn {symbol}();\n}}\n"


# What is broken: the check that finds it, a word of its line, the files with what is added.
BROKEN = (
    ("check_forms", "word.h", {"lib/base/hash.c": '#include "word.h"\n'}),
    ("check_forms", "take quotes", {"lib/base/hash.c": "#include <base/word.h>\n"}),
    ("check_rows", "spare has no row", {"lib/spare/x.h": ""}),
    ("check_includes", "base may not use ring",
     {"lib/base/hash.c": '#include "ring/cell.h"\n'}),
    ("check_includes", "format may not use ring",
     {"lib/format/bytes.h": '#include "ring/more.h"\n', "lib/ring/more.h": ""}),
    ("check_includes", "base/hash.h -> ring/cell.h",
     {"lib/base/hash.h": '/* why */ /* or */\n#include "ring/cell.h"\n'}),
    ("check_symbols", "base may not use ring (fnt_ring_cell)",
     {"lib/base/hash.c": calls("fnt_ring_cell", "more")}),
    ("check_room_circles", "circle of 3: base, format, ring",
     {"lib/base/hash.c": calls("fnt_ring_cell", "more")}),
    ("check_include_circles", "circle of 2: base/hash.h, base/word.h",
     {"lib/base/hash.h": '#include "base/word.h"\n',
      "lib/base/word.h": '#include "base/hash.h"\n'}),
    ("check_symbol_circles", "base/word.c -> base/hash.c: fnt_base_hash",
     {"lib/base/word.c": calls("fnt_base_hash", "more")}),
    ("check_sides", "read/query.c reaches", {"lib/read/query.c": calls("fnt_begin", "more")}),
    ("check_sides", "ring/cell.c reaches",
     {"lib/ring/cell.c": calls("fnt_begin", "more") + calls("fnt_query", "most")}),
    ("check_names", "name fnt_ring_cell: base/hash.c, ring/cell.c",
     {"lib/base/hash.c": "__attribute__((weak)) int\nfnt_ring_cell(void)\n"
                         "{\n\treturn 1;\n}\n"}),
    ("check_names", "name helper: base/hash.c, base/word.c",
     {name: "static inline int\nhelper(void)\n{\n\treturn 1;\n}\n"
      for name in ("lib/base/hash.c", "lib/base/word.c")}),
    ("check_names", "name table: base/hash.c, base/word.c",
     {name: "static const int table[] = { 1 };\n"
      for name in ("lib/base/hash.c", "lib/base/word.c")}),
    ("check_names", "name fnt_helper: base/hash.h, ring/cell.c",
     {name: "static inline int\nfnt_helper(void)\n{\n\treturn 1;\n}\n"
      for name in ("lib/base/hash.h", "lib/ring/cell.c")}),
    ("check_names", "name FNT_ONE: ", {"lib/base/hash.c": "enum fnt_a { FNT_ONE };\n",
                                     "lib/base/word.c": "enum fnt_b { FNT_ONE = 2 };\n"}),
    ("check_names", "tag fnt_bytes: ",
     {"lib/base/hash.c": "struct fnt_bytes {\n\tint i;\n};\n"}),
    ("check_names", "name FNT_WORD: ", {"lib/produce/begin.c": "#define FNT_WORD 8\n"}),
    ("check_header_names", "lib/ring/fntrace.h", {"lib/ring/fntrace.h": ""}),
    ("check_tools", 'includes "base/word.h"', {"tools/main.c": '#include "base/word.h"\n'}),
    ("check_tools", "../lib/base/word.h", {"tools/main.c": '#include "../lib/base/word.h"\n'}),
    ("check_tools", "<fntrace/other.h>", {"tools/spare.c": "#include <fntrace/other.h>\n"}),
    ("check_tool_symbols", "fnt_ring_cell", {"tools/main.c": calls("fnt_ring_cell", "more")}),
)


@functools.cache
def compiled(text, name):
    """The object of a source, as bytes; None where it does not compile."""
    with tempfile.TemporaryDirectory() as top:
        for path, other in {**MADE_UP, name: text}.items():
            write(pathlib.Path(top, path), other)
        done = subprocess.run(
            [*CC, "-w", "-c", "-fvisibility=hidden", "-Iinclude", "-Ilib", "-Itools", name,
             "-o", "object"], cwd=top, capture_output=True, check=False)
        return pathlib.Path(top, "object").read_bytes() if done.returncode == 0 else None


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())


def make(top, added):
    """The made-up tree in `top`, with `added` at the end of its files, and its build."""
    files = {**MADE_UP, **{name: MADE_UP.get(name, "") + text for name, text in added.items()}}
    for name, text in files.items():
        write(pathlib.Path(top, name), text)
        folder, _, rest = name.partition("/")
        if name.endswith(".c") and not rest.startswith("man/"):
            # Only code changes an object: what else is broken may not even compile.
            data = compiled(text, name) or compiled(MADE_UP.get(name, ""), name)
            object_name = rest.replace("/", "_") + ".o"
            write(pathlib.Path(top, "build", folder, "x.p", object_name), data)
    subprocess.run([*CC, "-shared", "-o", "build/lib/libfntrace.so",
                    *pathlib.Path(top).glob("build/lib/x.p/*.o"), "-Wl,-z,muldefs"],
                   cwd=top, check=True)


def faults_of(run_checks, added):
    """{name of a check: its faults} of the made-up tree with `added`."""
    with tempfile.TemporaryDirectory() as top:
        make(top, added)
        found = run_checks(top, os.path.join(top, "build"))
        return {check.__name__: faults for check, faults in found}


def cases(run_checks, allowed):
    """(what, faults) of each case; a fault is a violation not found, or found in error."""
    sound = faults_of(run_checks, {})
    yield "a sound tree passes", [line for lines in sound.values() for line in lines]
    for check, word, added in BROKEN:
        lines = faults_of(run_checks, added)[check]
        missed = [] if any(word in line for line in lines) else [f"not found: {word}", *lines]
        yield f"{check} finds '{word}'", missed
    cell = "ring, format and below"
    order = ["base", "json", "format", "settings", "ring", "control"]
    wrong = allowed("control", cell, order) ^ {"base", "json", "format", "ring"}
    yield f"'{cell}' allows what it says", sorted(wrong)
