"""Tables and plots of a run of bench/store.py, as a section of docs/benchmarks.md."""
import math
import os

import plot
import users

BEGIN, END = '<!-- store: begin (./dev bench store writes this) -->', '<!-- store: end -->'
LABELS = plot.NAMES
HERE = os.path.dirname(os.path.abspath(__file__))


def one_line(figures):
    """The few figures worth seeing while it runs."""
    shown = [f'{key} {plot.number(figures[key])}' for key in ('cpu', 'cpu_load') if key in figures]
    if 'rss' in figures:
        shown.append(f'rss {figures["rss"] / 1e6:.0f} MB')
    if 'disk' in figures and 'per_sample' in figures['disk']:
        per = figures['disk']['per_sample']
        shown.append(f'disk {per["data"]:.3f} + {per["index"]:.3f} B/sample')
    if 'restart' in figures:
        shown.append(f'ready {figures["restart"]["ready"]:.2f} s, {figures["restart"]["samples_lost"]} lost')
    if 'values' in figures:
        shown.append(f'{figures["values"]["equal"]} of {figures["values"]["sent"]} values equal')
    if 'stretches' in figures:
        shown.append(', '.join(f'{at["users"]} users p99 {at["p99"]:.0f} ms, {at["failed"]} failed' for at in figures['stretches']))
    if 'queries' in figures:
        shown.append(f'queries {geometric(figures["queries"], "p50"):.2f} ms')
    return ', '.join(shown)


def geometric(queries, key):
    """Geometric mean over the queries that were answered."""
    values = [max(figures[key], 1e-3) for figures in queries.values() if key in figures]
    return math.exp(sum(map(math.log, values)) / len(values)) if values else math.nan


def table(head, rows):
    return '\n'.join(['| ' + ' | '.join(head) + ' |', '| ' + ' | '.join('---' for _ in head) + ' |',
                      *('| ' + ' | '.join(row) + ' |' for row in rows)]) + '\n'


def mega(value):
    return f'{value / 1e6:,.0f}'


def label(name):
    return LABELS.get(name, name)


def ratio(found, key, name):
    """Barograph's figure as a multiple of another's."""
    ours, theirs = found.get('barograph', {}).get(key), found.get(name, {}).get(key)
    return f'{ours / theirs:.2f}×' if ours is not None and theirs else '–'


def ingest_section(found):
    rows = []
    for name, figures in found.items():
        rows.append([label(name), f'{figures["cpu"]:.3f} ({figures["cpu_least"]:.3f}–{figures["cpu_most"]:.3f})',
                     f'{figures["cpu_quiet"]:.3f}', f'{figures["cpu_first_row"]:.1f}', mega(figures['rss']),
                     mega(figures['peak']), f'{figures["samples"] / 1e6 / max(figures["seconds"], 1e-9):.2f}'])
    some = next(iter(found.values()))
    text = (f'### Remote write 1.0: {some["series"]:,} series × {some["rows"]} rows ({some["samples"]:,} samples)\n\n'
            + table(['system', f'server CPU µs / sample, median of {some["n"]} stretches (range)',
                     'the same with what follows in the background',
                     'CPU µs / series, first row of an empty store', 'RSS MB', 'peak MB', 'million samples / s'], rows))
    text += (f'\nBarograph / VictoriaMetrics: CPU {ratio(found, "cpu", "victoria-metrics")} (target 0.25×), RSS '
             f'{ratio(found, "rss", "victoria-metrics")} (target 0.5×).\n')
    return text


def disk_section(found):
    measured = {name: figures['disk'] for name, figures in found.items() if 'disk' in figures}
    if not measured:
        return ''
    rows, remarks = [], []
    for name, disk in measured.items():
        per = disk['per_sample']
        rows.append([label(name), f'{per["data"]:.3f}', f'{per["index"]:.3f}', f'{per["data"] + per["index"]:.3f}',
                     f'{disk["index_per_series"]:.0f}', mega(disk['total']), f'{disk["cpu_merge"]:.3f}'])
        if disk['remark']:
            remarks.append(f'{label(name)}: {disk["remark"]}.')
    text = '\n### Disk after everything was written out and merged\n\n'
    if any(disk['repeats'] for disk in measured.values()):
        text += '**The replay is longer than the capture: its data repeats, and the figures flatter every compressor.**\n\n'
    text += table(['system', 'data B / sample', 'index B / sample', 'both', 'index B / series', 'whole folder MB',
                   'CPU µs / sample to get there'], rows)
    ours, theirs = measured.get('barograph'), measured.get('victoria-metrics')
    if ours and theirs:
        both = [disk['data'] + disk['index'] for disk in (ours, theirs)]
        text += (f'\nBarograph / VictoriaMetrics: data {ours["data"] / theirs["data"]:.2f}× (target 0.75×), data and index '
                 f'{both[0] / both[1]:.2f}× (target 0.45×).\n')
    return text + (('\n' + ' '.join(remarks) + '\n') if remarks else '')


def restart_section(found):
    rows = []
    for name, figures in found.items():
        if 'restart' in figures:
            at = figures['restart']
            rows.append([label(name), f'{at["ready"]:.2f}', '–' if at['complete'] is None else f'{at["complete"]:.2f}',
                         f'{at["samples_lost"]:,}', f'{at["rows_lost"]:g}', mega(at['rss'])])
    return '' if not rows else '\n### kill -9 right after the last acknowledgement\n\n' + table(
        ['system', 'ready again after s', 'complete after s', 'acknowledged samples lost', 'rows lost', 'RSS MB after'], rows)


def values_section(found):
    rows = []
    for name, figures in found.items():
        if 'values' in figures:
            at = figures['values']
            same = 'equal' if at['checksum_sent'] == at['checksum_read'] else 'differs'
            rows.append([label(name), f'{at["sent"]:,}', f'{at["equal"]:,}', f'{at["different"]:,}', f'{at["missing"]:,}',
                         f'{at["nan_sent"] - at["nan_equal"]:,}', f'{at["unexpected"]:,}', same])
    return '' if not rows else '\n### Every value read back and compared by its bits\n\n' + table(
        ['system', 'sent', 'equal', 'changed', 'missing', 'NaN among the missing', 'never sent', 'checksum over all'], rows)


def native_section(found):
    rows = [[rows, f'{at["cpu"]:.4f}', f'{at["cpu_quiet"]:.4f}', f'{at["wire_bytes"] / at["samples"]:.2f}', mega(at['rss']),
             mega(at['peak']), f'{at["values"]["equal"]:,} of {at["values"]["sent"]:,}']
            for rows, systems in found.items() for at in systems.values()]
    return '' if not rows else '\n### Native frames through gRPC, the same fleet\n\n' + table(
        ['rows a batch', 'collector CPU µs / sample', 'with what follows in the background', 'wire B / sample', 'RSS MB',
         'peak MB', 'values read back equal'], rows) + '\nTarget: 0.03 µs.\n'


def million_section(found):
    rows = []
    for name, at in (found or {}).items():
        end = at['restart']
        rows.append([label(name), f'{at["cpu"]:.3f}', f'{at["cpu_first_row"]:.1f}', mega(at['rss']), mega(at['peak']),
                     f'{end["ready"]:.2f}', '–' if end['complete'] is None else f'{end["complete"]:.2f}',
                     f'{end["samples_lost"]:,}'])
    if not rows:
        return ''
    some = next(iter(found.values()))
    return f'\n### {some["series"]:,} active series × {some["rows"]} rows\n\n' + table(
        ['system', 'CPU µs / sample', 'CPU µs / new series', 'RSS MB', 'peak MB', 'ready after kill -9, s', 'complete, s',
         'acknowledged samples lost'], rows) + '\nTargets: RSS 350 MB, ready in 1 s.\n'


def users_section(found):
    if not found:
        return ''
    at = found['barograph']
    rows = [[str(one['users']) + (', and a greedy query' if 'greedy' in one else ''), f'{one["queries"]:,}', str(one['failed']),
             f'{one["p50"]:.1f} / {one["p99"]:.1f} / {one["most"]:.0f}',
             f'{one["cpu"]:.2f}' if one.get('cpu') and one['users'] else '–',
             f'{one["ingest_p50"]:.1f} / {one["ingest_p99"]:.1f}', f'{one["ingest_rate"]:,.0f}', str(one['ingest_refused'])]
            for one in at['stretches']]
    greedy, wrong = at['stretches'][-1]['greedy'], list(users.is_undisturbed(at))
    return (f'\n### Users: dashboards of {at["panels"]} panels every {at["refresh"]:.0f} s, {at["series"]:,} series, a row every '
            f'{at["pace"]:g} s\n\nThe client is Python on the same machine; its own part of each latency is in the figures.\n\n'
            + table(['users', 'queries', 'failed', 'latency p50 / p99 / most, ms', 'server CPU ms / query', 'write p50 / p99, ms',
                     'samples / s', 'writes refused'], rows)
            + f'\nThe greedy query was refused {greedy["refused"]} of {greedy["asked"]} times: {greedy["reason"]}. RSS MB: '
            f'{mega(at["rss"])}, {mega(at["peak"])} at most. '
            + ('Not as asked for: ' + '; '.join(wrong) if wrong else 'All as asked for') + '.\n')


def new_series_section(found):
    if not found:
        return ''
    some = next(iter(found.values()))
    rows = [[label(name), f'{at["cpu"]:.1f} ({at["cpu_least"]:.1f}–{at["cpu_most"]:.1f})', f'{at["cpu_again"]:.3f}',
             mega(at['rss'])] for name, at in found.items()]
    return (f'\n### New series: {some["series"]:,} at once beside a running fleet, {some["n"]} times\n\n'
            + table(['system', 'CPU µs / new series (range)', 'CPU µs / sample of the same series in the next row', 'RSS MB'], rows)
            + f'\nBarograph / VictoriaMetrics: {ratio(found, "cpu", "victoria-metrics")} (target 0.25×).\n')


def growth_section(found):
    rows = []
    for size, systems in found.items():
        for name, at in systems.items():
            one, all_hosts, values = (at['queries'].get(query, {}).get('p50')
                                      for query in ('one host', 'cpu by mode', 'label values'))
            rows.append([f'{at["series"]:,}', label(name), f'{at["cpu"]:.3f}', f'{at["cpu_first_row"]:.1f}', mega(at['rss']),
                         f'{at["ready"]:.2f}', *('–' if value is None else f'{value:.2f}' for value in (one, all_hosts, values))])
    if not rows:
        return ''
    text = '\n### Growth\n\n' + table(['series', 'system', 'CPU µs / sample', 'CPU µs / new series', 'RSS MB',
                                       'ready after kill -9, s', 'one host, ms',
                                       'cpu by mode of all hosts, ms', 'label values, ms'], rows)
    sizes = [systems['barograph']['cpu'] for systems in found.values() if 'barograph' in systems]
    return text + (f'\nBarograph, largest / smallest: {sizes[-1] / sizes[0]:.2f}× (target 1.3×).\n' if len(sizes) > 1 else '')


def churn_section(found):
    rows = []
    for percent, systems in found.items():
        for name, at in systems.items():
            base = found.get('0', {}).get(name)
            cost = f'{(at["cpu_total"] + at["cpu_merge"]) / (base["cpu_total"] + base["cpu_merge"]):.2f}×' if base else '–'
            rows.append([f'{percent} %', label(name), f'{at["series"]:,}', f'{at["samples"]:,}', f'{at["cpu"]:.3f}',
                         f'{at["cpu_total"] + at["cpu_merge"]:.1f}', cost, mega(at['rss']), f'{at["disk"]["data"] / 1e6:.1f}',
                         f'{at["disk"]["index"] / 1e6:.1f}'])
    return '' if not rows else ('\n### Churn: so many targets replaced every ten minutes, one row a minute\n\n' + table(
        ['replaced', 'system', 'series in all', 'samples', 'CPU µs / sample', 'CPU s, merge included', 'against no churn', 'RSS MB',
         'data MB', 'index MB'], rows))


def columns_of(found):
    """{title: {query: figures}} with VictoriaMetrics past its cache as a column of its own."""
    columns = {}
    for name, figures in found.items():
        columns[name] = figures['queries']
        if 'nocache' in figures:
            columns[name + ', no cache'] = figures['nocache']
    return columns


def cell(figures):
    if not figures or 'error' in figures:
        return 'refused'
    return f'{figures["p50"]:.2f} / {figures["p99"]:.2f} / {figures["cpu"]:.2f}'


def verdict(found, query):
    """Whether the others' answers are ours."""
    words = []
    for name, figures in found.items():
        at = figures.get('compared', {}).get(query)
        if at is None:
            continue
        short = {'victoria-metrics': 'VM', 'prometheus': 'P'}[name]
        if at.get('same'):
            words.append(f'{short} same' if at['named'] else f'{short} same, but keeps __name__')
        elif 'why' in at:
            words.append(f'{short}: {at["why"]}')
        elif at['series'] != at['other_series'] or at['points'] != at['other_points']:
            words.append(f'{short}: {at["other_series"]} series, {at["other_points"]} points, here {at["series"]}, {at["points"]}')
        else:
            words.append(f'{short}: {100 * at["within"]:.1f} % of points within tolerance')
    return '; '.join(words)


def query_section(found, title):
    if not found:
        return ''
    columns = columns_of(found)
    names = list(next(iter(columns.values())))
    rows = [[name, *(cell(column.get(name)) for column in columns.values()), verdict(found, name)] for name in names]
    means = [f'{geometric(column, "p50"):.2f} / {geometric(column, "p99"):.2f} / {geometric(column, "cpu"):.2f}'
             for column in columns.values()]
    some = next(iter(found.values()))
    memory = ', '.join(f'{label(name)} {mega(at["rss"])} before, {mega(at["peak"])} at most' for name, at in found.items())
    text = (f'\n### Dashboards over {title}: {some["series"]:,} series, {some["samples"]:,} samples\n\n'
            'Latency p50 / p99 and server CPU for one query, ms. Each run asks for a window one step older. The last column '
            'compares answers with Barograph\'s: Prometheus within 1e-9, VictoriaMetrics within 10 % of each point, as its '
            '`rate()` and `increase()` do not extrapolate.\n\n'
            + table(['query', *map(label, columns), 'answers'],
                    rows + [['**geometric mean**', *(f'**{mean}**' for mean in means), '']])
            + f'\nRSS MB: {memory}.\n')
    return text + ''.join(f'\n{label(name)}: {at["remark"]}.\n' for name, at in found.items() if at.get('remark'))


def plots(results):
    """{file name: SVG}."""
    made = {}
    ingest = results.get('ingest')
    if ingest:
        made['ingest_cpu.svg'] = plot.bars('Remote write: server CPU', 'µs per sample',
                                           [('', {name: at['cpu'] for name, at in ingest.items()})])
        made['memory.svg'] = plot.bars('Memory after the replay', 'MB', [
            ('RSS', {name: at['rss'] / 1e6 for name, at in ingest.items()}),
            ('peak', {name: at['peak'] / 1e6 for name, at in ingest.items()})])
        disk = {name: at['disk']['per_sample'] for name, at in ingest.items() if 'disk' in at}
        if disk:
            made['disk.svg'] = plot.bars('Disk after a forced merge: data + index', 'bytes per sample', [
                ('', {name: [('data', per['data']), ('index', per['index'])] for name, per in disk.items()})])
    for key, hours in (('query2h', '2 h'), ('query24h', '24 h')):
        if results.get(key):
            columns = columns_of(results[key])
            names = list(next(iter(columns.values())))
            groups = [(name, {system: column[name]['p50'] for system, column in columns.items() if 'p50' in column.get(name, {})})
                      for name in names]
            made[key + '.svg'] = plot.bars(f'Dashboards over {hours}: latency', 'ms, median', groups, logarithmic=True)
    growth = results.get('growth')
    if growth:
        for key, title, unit, scale in (('cpu', 'Growth: server CPU', 'µs per sample', 1),
                                        ('rss', 'Growth: memory', 'RSS MB', 1e-6)):
            line = {}
            for systems in growth.values():
                for name, at in systems.items():
                    line.setdefault(name, []).append((at['series'], at[key] * scale))
            made[f'growth_{key}.svg'] = plot.lines(title, 'active series', unit, line)
    if results.get('newseries'):
        made['new_series.svg'] = plot.bars('New series: server CPU', 'µs per series',
                                           [('', {name: at['cpu'] for name, at in results['newseries'].items()})])
    if results.get('churn'):
        made['churn.svg'] = plot.bars('A stretch with churn: server CPU, merge included', 's', [
            (f'{percent} % per 10 min', {name: at['cpu_total'] + at['cpu_merge'] for name, at in systems.items()})
            for percent, systems in results['churn'].items()])
    return made


def heading(about):
    machine = about['machine']
    versions = ', '.join(f'{label(name)} {version}' for name, version in about['versions'].items())
    text = (f'{about["date"]}, {about["seconds"]} s in all. {versions}. {machine["cpus"]} × {machine["cpu"]}, '
            f'{machine["memory"] / 2**30:.0f} GiB, Linux {machine["kernel"]}, load average at the start {machine["load"]:.1f}. '
            f'`{about["command"]}`\n\nThe capture has {about["scrapes"]} scrapes of {about["series_per_instance"]:,} series.\n')
    if about['quick']:
        text += '\n**A quick run: it shows that everything works; its figures mean little.**\n'
    if about['failures']:
        text += '\nFailed: ' + '; '.join(failure.split('\n')[0][:200] for failure in about['failures']) + '\n'
    return text


def markdown(about, results, images):
    ingest = results.get('ingest', {})
    text = heading(about) + '\n'
    if ingest:
        text += ingest_section(ingest) + disk_section(ingest) + restart_section(ingest) + values_section(ingest)
    text += native_section(results.get('native', {})) + million_section(results.get('million'))
    text += new_series_section(results.get('newseries')) + growth_section(results.get('growth', {}))
    text += churn_section(results.get('churn', {})) + users_section(results.get('users', {}))
    text += query_section(results.get('query2h'), '2 h') + query_section(results.get('query24h'), '24 h')
    return text + ''.join(f'\n![{name}]({images}/{name})\n' for name in plots(results))


def write(about, results, options):
    docs = os.path.join(HERE, '..', 'docs')
    folder = os.path.join(docs, 'benchmarks') if options.write_docs else options.out
    os.makedirs(folder, exist_ok=True)
    for name, svg in plots(results).items():
        with open(os.path.join(folder, name), 'w', encoding='utf-8') as file:
            file.write(svg)
    if not options.write_docs:
        with open(os.path.join(folder, 'store.md'), 'w', encoding='utf-8') as file:
            file.write(markdown(about, results, '.'))
        return
    path = os.path.join(docs, 'benchmarks.md')
    with open(path, encoding='utf-8') as file:
        page = file.read()
    before, rest = page.split(BEGIN, 1)
    with open(path, 'w', encoding='utf-8') as file:
        file.write(before + BEGIN + '\n\n' + markdown(about, results, 'benchmarks') + '\n' + END + rest.split(END, 1)[1])
