"""A worse machine under a real program: power cuts that tear what was not synced, syncs that fail, a clock that jumps.

The library machine_faults.cc is loaded into the program and notes how much of each file it has synced. After a kill -9 the
kernel still has all that was written; tear() takes from each file what a power cut might have taken: it is cut at a random
byte behind its last sync, or some of that stays with a garbled end. What it did is counted, so that a test can say how
often there was something to tear. BARO_MACHINE_STORY=1 tells of each file.
"""
import os
import struct

LIBRARY = 'libbaro_machine_faults.so'
SETTINGS = struct.Struct('=qq')  # errno of syncs, seconds that the clock is wrong by
SLOT = struct.Struct('=QQ')  # inode number + 1, synced bytes
IGNORED = 'LOG'  # what RocksDB tells about itself is never synced
GARBLED_BYTES_MAX = 512


class Machine:
    """Of one program, which writes into `folder`. A random wait before each sync, as of a slow disk, widens the time in which
    something is written and not synced."""

    def __init__(self, program, bin_dir, record, folder, random, sync_delay_ms=0):
        self.record, self.folder, self.random = record, folder, random
        self.kills_torn = self.files_torn = self.bytes_lost = self.bytes_garbled = 0
        library = os.path.join(bin_dir, LIBRARY)
        assert os.access(library, os.R_OK), f'no {library}: build the target baro_machine_faults'
        program.environment = {
            **os.environ, 'LD_PRELOAD': library, 'BARO_MACHINE': record, 'BARO_SYNC_DELAY_MS': str(sync_delay_ms),
            'ASAN_OPTIONS': os.environ.get('ASAN_OPTIONS', '') + ':verify_asan_link_order=0'}

    def set(self, sync_errno=0, clock_shift_s=0):
        """From now on, in the running program."""
        with open(self.record, 'r+b', buffering=0) as file:
            file.write(SETTINGS.pack(sync_errno, clock_shift_s))

    def tear(self):
        """The program is dead. What is left counts as synced for its next life."""
        with open(self.record, 'rb') as file:
            synced = {key - 1: size for key, size in SLOT.iter_unpack(file.read()[SETTINGS.size:]) if key}
        os.remove(self.record)
        found = 0
        for parent, _, names in os.walk(self.folder):
            found += sum(self._tear_file(os.path.join(parent, name), synced)
                         for name in sorted(names) if not name.startswith(IGNORED))
        self.files_torn += found
        self.kills_torn += found > 0

    def _tear_file(self, path, synced):
        status = os.stat(path)
        safe = synced.get(status.st_ino, status.st_size)
        loose = status.st_size - safe
        if loose <= 0:
            return False
        fate = self.random.choice(('all goes', 'a part stays', 'a part stays, garbled', 'all stays'))
        kept = {'all goes': 0, 'all stays': loose}.get(fate, self.random.randint(0, loose))
        os.truncate(path, safe + kept)
        self.bytes_lost += loose - kept
        if os.environ.get('BARO_MACHINE_STORY'):
            print(f'{path}: {safe} bytes synced of {status.st_size}, {fate}: {safe + kept} left', flush=True)
        if fate == 'a part stays, garbled' and kept:
            garbled = self.random.randint(1, min(kept, GARBLED_BYTES_MAX))
            with open(path, 'r+b') as file:
                file.seek(safe + kept - garbled)
                file.write(self.random.randbytes(garbled))
            self.bytes_garbled += garbled
        return True

    def summary(self):
        return (f'{self.kills_torn} found {self.files_torn} files with bytes not synced: {self.bytes_lost} bytes torn off, '
                f'{self.bytes_garbled} garbled')
