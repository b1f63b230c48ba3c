#!/usr/bin/env python3
"""Packed captures come back as they were: bench/corpus.py on scrapes of every odd kind."""
import os
import tempfile
import unittest

import corpus

FIRST = '''# HELP a_total Help.
# TYPE a_total counter
a_total{path="/x y",quote="\\"q\\" \\\\ {}"} 9.007199254740991e+15
# TYPE size gauge
size 1.983824e+06
size_float 0.1
# TYPE h histogram
h_bucket{le="+Inf"} 3
h_sum 0.30000000000000004
comes_and_goes 5
odd NaN
edge +Inf
tiny 1e-320
'''
NEXT = [FIRST.replace('e+15', 'e+14').replace('comes_and_goes 5\n', '').replace(' 0.1\n', ' -0.25\n'),
        FIRST.replace('odd NaN', 'odd -0').replace('+Inf\n', '-Inf\n'), FIRST, FIRST]
KEPT = 5  # a prime number of scrapes


def samples(text):
    return {series: repr(float(value)) for series, value in corpus.parse_scrape(text, {})}


class CorpusTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = lambda *parts: os.path.join(self.folder.name, *parts)
        os.makedirs(self.path('captured', 'node'))
        self.texts = [FIRST, *NEXT, FIRST]
        for number, text in enumerate(self.texts):
            with open(self.path('captured', 'node', f'{number:05}.txt'), 'w', encoding='utf-8') as file:
                file.write(text)
        corpus.pack(self.path('captured'), self.path('packed'))

    def test_every_value_comes_back_bit_by_bit(self):
        corpus.scrapes(self.path('packed'), self.path('again'))
        self.assertEqual(len(os.listdir(self.path('again', 'node'))), KEPT)
        for number in range(KEPT):
            with open(self.path('again', 'node', f'{number:05}.txt'), encoding='utf-8') as file:
                self.assertEqual(samples(file.read()), samples(self.texts[number]), f'scrape {number}')

    def test_counters_are_told_from_gauges_by_type(self):
        self.assertEqual(corpus.unpack(self.path('packed'), self.path('columns')), KEPT)
        with open(self.path('columns', 'node.columns'), encoding='utf-8') as file:
            kinds = {line.split(' ', 2)[2].split('\t')[0].split('{')[0]: line[0] for line in file.read().split('\n')[1:] if line}
        self.assertEqual({name for name, kind in kinds.items() if kind == 'c'}, {'a_total', 'h_bucket', 'h_sum'})

    def test_what_is_no_decimal_keeps_its_text(self):
        self.assertIsNone(corpus.scaled(['NaN', '1']))
        self.assertIsNone(corpus.scaled(['1e+300']))
        self.assertIsNone(corpus.scaled(['-0', '1']))
        self.assertEqual(corpus.scaled(['0.5', None, '2']), (1, [5, None, 20]))


if __name__ == '__main__':
    unittest.main()
