#!/usr/bin/env python3
"""House rules that no compiler knows: sizes, banned calls with their replacement, dead links, module tables.

usage: tools/tidy.py [FOLDER]     (default: the repository this file lies in; a folder for tools/tidy_test.py)

Each finding is one line, path:line: what is wrong and what to do. A line with the comment `tidy: ok (reason)` is let
through for the calls, never for the sizes.
"""
import os
import re
import subprocess
import sys

FILE_LINES_MAX = 600
LINE_COLUMNS_MAX = 132  # clang-format holds C++ at 100; prose in scripts, protos and CMake may use this much
CPP = ('.h', '.cc')
CODE = CPP + ('.py', '.cmake', '.proto', '.sh', '.yaml', '.yml')
GENERATED_DATA = ('testdata/', 'docs/img/', 'golden/', 'fixtures/')

# pattern, where it is allowed, what to do instead
BANNED = [
    (r'\bstd::(recursive_|shared_|timed_)?mutex\b|\bstd::lock_guard\b|\bstd::unique_lock\b|\bstd::condition_variable\b',
     (), 'use base::Mutex, MutexLock, CondVar (baro/base/mutex.h): the thread-safety analysis sees them'),
    (r'\babsl::(Mutex|MutexLock|CondVar)\b', ('lib/base/include/baro/base/mutex.h',),
     'use base::Mutex (baro/base/mutex.h): ThreadSanitizer sees it'),
    (r'\bsystem_clock::now\(|\bgettimeofday\(|\btime\(nullptr\)|\babsl::Now\(', ('lib/base/clock.cc',),
     'take a const base::Clock*'),
    (r'\bstd::j?thread\b', ('lib/base/include/baro/base/task_group.h', 'lib/base/task_group.cc'),
     'start threads through base::TaskGroup'),
    (r'\.detach\(\)', (), 'nothing is detached: base::TaskGroup'),
    (r'\basio::detached\b', (), 'nothing is detached: hand the completion to a handler that counts it'),
    (r'\babsl::Str(Cat|Append)\b', ('lib/base/include/baro/base/strings.h',), 'use base::StrCat (baro/base/strings.h)'),
    (r'\bsleep_for\(|\busleep\(|\bnanosleep\(|\babsl::SleepFor\(', (), 'wait for a condition with a deadline'),
    (r'(?<!\w)s?rand\(|::random\(\)|\bstd::random_device\b', ('lib/base/random.cc',), 'take a seed as an argument'),
    (r'\bstrtok\(|\bgmtime\(|\blocaltime\(|\bstrerror_r\(|\bgets\(|\bsprintf\(', (), 'use the reentrant or bounded form'),
    (r'\busing namespace std\b', (), 'name what you use'),
    (r'\bassert\(', (), 'use BARO_CHECK (always on) or return a Status'),
]
# A test takes its seed from here, prints it, and takes it back from BARO_SEED.
FOR_SEEDS = ('std::random_device',)
TESTS = ('_test.cc', 'random_values.h')
BANNED_FILE_NAMES = re.compile(r'(^|[_/])(utils?|helpers?|manager|misc|common)(\.|_|$)')
BANNED_FILE_NAMES_ALLOWED = ('statfs_helper', 'scrape_manager')
LINK = re.compile(r'\]\(([^)\s]+)\)')


def tracked_files(root):
    listed = subprocess.run(['git', 'ls-files', '--cached', '--others', '--exclude-standard'], cwd=root,
                            capture_output=True, text=True, check=True).stdout.splitlines()
    return [path for path in listed if os.path.isfile(os.path.join(root, path))]


def strip_comment(line):
    return re.sub(r'//.*', '', line)


def check_sizes(path, lines):
    if path.endswith(CODE) and len(lines) > FILE_LINES_MAX:
        yield f'{path}:{FILE_LINES_MAX}: {len(lines)} lines, {FILE_LINES_MAX} at most: split it by subject'
    if not path.endswith(CODE + ('.md', '.txt')) and os.path.basename(path) != 'dev':
        return
    for number, line in enumerate(lines, 1):
        if len(line) > LINE_COLUMNS_MAX and 'http' not in line and not line.startswith('|') and not path.endswith('.md'):
            yield f'{path}:{number}: {len(line)} columns, {LINE_COLUMNS_MAX} at most'


def check_calls(path, lines):
    if not path.endswith(CPP):
        return
    for number, line in enumerate(lines, 1):
        code = strip_comment(line)
        if 'tidy: ok (' in line:
            continue
        for pattern, allowed, instead in BANNED:
            match = re.search(pattern, code)
            if match and path not in allowed and not (match.group(0) in FOR_SEEDS and path.endswith(TESTS)):
                yield f'{path}:{number}: {match.group(0)} is banned: {instead}'


def check_header(path, lines):
    if not (path.endswith('.h') and '/include/baro/' in path):
        return
    if not lines or not lines[0].startswith('//'):
        yield f'{path}:1: a public header opens with a comment: what it is, owner, thread, unit, errors'
    if not any(line.strip() == '#pragma once' for line in lines):
        yield f'{path}:1: no #pragma once'


def check_name(path):
    base = os.path.basename(path)
    if path.endswith(CPP) and BANNED_FILE_NAMES.search(base) and not base.startswith(BANNED_FILE_NAMES_ALLOWED):
        yield f'{path}:1: name the file after its subject (no util, helper, manager, misc, common)'


def check_links(root, path, lines):
    if not path.endswith('.md'):
        return
    for number, line in enumerate(lines, 1):
        for target in LINK.findall(line):
            if re.match(r'[a-z]+:', target) or target.startswith('#'):
                continue
            there = os.path.join(root, os.path.dirname(path), target.split('#')[0])
            if not os.path.exists(there):
                yield f'{path}:{number}: dead link {target}'


def check_fuzzers(root, files):
    """Every fuzz target is registered and has a corpus to start from."""
    for path in files:
        if not path.endswith('_fuzz.cc'):
            continue
        folder = os.path.dirname(path)
        cmake = os.path.join(root, folder, 'CMakeLists.txt')
        text = open(cmake, encoding='utf-8').read() if os.path.exists(cmake) else ''
        if os.path.basename(path) not in text:
            yield f'{path}:1: not registered (FUZZERS) in {folder}/CMakeLists.txt'
        if not any(other.startswith(folder + '/testdata/') for other in files):
            yield f'{path}:1: no corpus in {folder}/testdata'


def check_modules(root, files):
    """The folders of lib/, Layers.cmake and docs/architecture.md name the same modules."""
    layers_path = os.path.join(root, 'cmake/Layers.cmake')
    page_path = os.path.join(root, 'docs/architecture.md')
    if not os.path.exists(layers_path) or not os.path.exists(page_path):
        return
    layers = set(re.findall(r'set\(BARO_LAYER_(\w+) ', open(layers_path, encoding='utf-8').read()))
    page = set(re.findall(r'^\| `(\w+)` \|', open(page_path, encoding='utf-8').read(), re.M))
    folders = {path.split('/')[1] for path in files if path.startswith('lib/') and path.count('/') > 1}
    for module in sorted(folders - layers):
        yield f'cmake/Layers.cmake:1: lib/{module} has no layer'
    for module in sorted(folders - page):
        yield f'docs/architecture.md:1: lib/{module} is not in the table of modules'


def check_binaries(root, path):
    with open(os.path.join(root, path), 'rb') as file:
        head = file.read(8)
    if head.startswith((b'\x7fELF', b'!<arch>')):
        yield f'{path}:1: a binary does not belong in git'


def findings(root):
    files = tracked_files(root)
    for path in files:
        yield from check_binaries(root, path)
        if any(part in path for part in GENERATED_DATA):
            continue
        try:
            lines = open(os.path.join(root, path), encoding='utf-8').read().split('\n')
        except UnicodeDecodeError:
            continue
        if lines and not lines[-1]:
            lines.pop()
        yield from check_sizes(path, lines)
        yield from check_calls(path, lines)
        yield from check_header(path, lines)
        yield from check_name(path)
        yield from check_links(root, path, lines)
    yield from check_fuzzers(root, files)
    yield from check_modules(root, files)


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), '..')
    count = 0
    for finding in findings(os.path.normpath(root)):
        print(finding)
        count += 1
    return 1 if count else 0


if __name__ == '__main__':
    sys.exit(main())
