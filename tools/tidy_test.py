#!/usr/bin/env python3
"""Every rule of tools/tidy.py finds its sin in a small tree made for it, and lets a clean tree through."""
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))

CLEAN = {'lib/one/include/baro/one/a.h': '// What it is.\n#pragma once\n', 'README.md': '[a](lib/one/include/baro/one/a.h)\n'}
SINS = [
    ({'lib/one/a.cc': 'int x;\n' * 601}, '601 lines'),
    ({'lib/one/a.cc': '// ' + 'x' * 140 + '\n'}, 'columns'),
    ({'lib/one/a.cc': 'std::mutex m;\n'}, 'std::mutex is banned'),
    ({'lib/one/a.cc': 'absl::Mutex m;\n'}, 'absl::Mutex is banned'),
    ({'lib/one/a.cc': 'auto t = std::chrono::system_clock::now();\n'}, 'take a const base::Clock*'),
    ({'lib/one/a.cc': 'std::thread t(f);\n'}, 'base::TaskGroup'),
    ({'lib/one/a_test.cc': 'std::this_thread::sleep_for(1s);\n'}, 'wait for a condition'),
    ({'lib/one/a.cc': 'auto s = absl::StrCat(1);\n'}, 'base::StrCat'),
    ({'lib/one/string_utils.cc': 'int x;\n'}, 'name the file after its subject'),
    ({'lib/one/include/baro/one/a.h': 'int x;\n'}, 'a public header opens with a comment'),
    ({'README.md': '[gone](docs/gone.md)\n'}, 'dead link docs/gone.md'),
    ({'lib/one/a_fuzz.cc': 'int x;\n', 'lib/one/CMakeLists.txt': '\n'}, 'not registered'),
    ({'cmake/Layers.cmake': 'set(BARO_LAYER_one "")\n', 'docs/architecture.md': '| `one` |\n', 'lib/two/a.cc': 'int x;\n'},
     'lib/two has no layer'),
    ({'tool': '\x7fELF\x01\x01'}, 'a binary does not belong in git'),
]


def run(tree):
    with tempfile.TemporaryDirectory() as root:
        subprocess.run(['git', 'init', '-q', root], check=True)
        for path, text in tree.items():
            full = os.path.join(root, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, 'w', encoding='utf-8') as file:
                file.write(text)
        return subprocess.run([sys.executable, os.path.join(HERE, 'tidy.py'), root], capture_output=True, text=True,
                              check=False)


def main():
    failures = []
    clean = run(CLEAN)
    if clean.returncode != 0:
        failures.append(f'a clean tree is refused: {clean.stdout}{clean.stderr}')
    for tree, expected in SINS:
        result = run(tree)
        if result.returncode == 0 or expected not in result.stdout:
            failures.append(f'{sorted(tree)}: expected "{expected}", got: {result.stdout}{result.stderr}')
    for failure in failures:
        print(failure)
    print(f'{len(SINS) + 1 - len(failures)} passed, {len(failures)} failed')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
