import fc from 'fast-check'
import { parseHTML } from 'linkedom'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type MemoryPlatform, memoryPlatform } from '../../test/memory.ts'
import { platform, setPlatform } from '../base/index.ts'
import { createRun } from '../runs/index.ts'
import type { TrainEvent } from '../train/events.ts'
import { compare, groupByMetric, meanOf } from './evaluation.ts'
import { escapeHtml, html } from './html.ts'
import { type EvalTable, renderReport, writeReport } from './index.ts'
import { bucket, smooth } from './series.ts'

const machine = platform()
let disk: MemoryPlatform
beforeEach(() => {
  disk = memoryPlatform()
  setPlatform(disk)
})
afterEach(() => {
  setPlatform(machine)
})

const stepEvent = (step: number, loss: number, metrics: Record<string, number> = {}): TrainEvent => {
  const figures = { learningRate: 1e-4, gradNorm: 1, tokens: 100, lossTokens: 50, seconds: 0.1, epoch: 0 }
  return { type: 'step', step, loss, ...figures, metrics }
}

async function makeRun(out: string, events: readonly TrainEvent[], kind = 'sft', config: Record<string, unknown> = {}) {
  const run = await createRun<TrainEvent>(out, { kind, config, flushSeconds: 100 })
  for (const event of events) run.append(event)
  await run.close()
  return out
}

const figure = (value: number, metric = 'exact_match') => ({
  metric,
  value,
  low: value - 0.04,
  high: value + 0.04,
  n: 100,
})
const parse = (page: string) => parseHTML(page).document

describe('the page', () => {
  test('shows curves, tables, samples, warnings and configuration', async () => {
    const events: TrainEvent[] = [1, 2, 3, 4].map((n) => stepEvent(n, 4 / n, { accuracy: n / 4 }))
    events.push({ type: 'eval', step: 4, loss: 1.25, metrics: { accuracy: 0.75, extra: 3 } })
    events.push({ type: 'sample', step: 4, prompt: 'Why?', text: 'Because.', score: 0.5 })
    events.push({ type: 'warning', code: 'W_TRUNCATED', message: 'rows were cut', count: 17 })
    await makeRun('/runs/one', events, 'sft', { learningRate: 2e-5, adapter: { rank: 8 } })
    const page = await renderReport(['/runs/one'], {
      tables: { base: { tasks: { add: figure(0.1) } }, sft: { tasks: { add: figure(0.9) } } },
      samples: [{ prompt: '1 + 1', answers: { base: '11', sft: '2' }, verdicts: { base: false, sft: true } }],
      notes: ['a note'],
    })
    const document = parse(page)
    const text = document.body.textContent?.replaceAll('\u00a0', ' ') ?? ''
    const captions = [...document.querySelectorAll('figcaption span:first-child')].map((node) => node.textContent)
    expect(captions).toEqual(['Loss', 'Learning rate', 'Gradient norm', 'Tokens per second', 'accuracy', 'extra'])
    expect(document.querySelectorAll('svg.chart')).toHaveLength(7)
    for (const part of [
      '10.0 %',
      '6.0 to 14.0 %',
      '90.0 %',
      'Because.',
      'rows were cut',
      '(17 ×)',
      'adapter.rank',
      '2e-5',
    ]) {
      expect(text).toContain(part)
    }
    for (const part of ['✓ right', '✗ wrong', 'a note', 'interrupted', '1k tokens/s']) expect(text).toContain(part)
    expect(document.querySelector('td.better')?.textContent).toContain('90.0')
  })

  test('a curve passes through its values', async () => {
    await makeRun('/runs/one', [stepEvent(1, 0), stepEvent(2, 10)])
    const chart = parse(await renderReport(['/runs/one'])).querySelector('svg[aria-label^="Loss"]')
    const path = chart?.querySelector('[aria-label="line"] path')?.getAttribute('d') ?? ''
    const [x1, y1, x2, y2] = path.match(/[\d.]+/g)?.map(Number) ?? []
    expect(x2 - x1).toBeGreaterThan(900)
    expect(y1 - y2).toBeGreaterThan(200)
  })

  test('runs of one kind share their charts; the keys that differ are marked', async () => {
    const folders = [
      await makeRun('/runs/a', [stepEvent(1, 3), stepEvent(2, 2)], 'sft', { seed: 1, steps: 2 }),
      await makeRun('/runs/b', [stepEvent(1, 3), stepEvent(2, 1)], 'sft', { seed: 2, steps: 2 }),
      await makeRun('/runs/c', [stepEvent(1, 0.7)], 'dpo', { seed: 1, steps: 2 }),
    ]
    const document = parse(await renderReport(folders))
    expect([...document.querySelectorAll('h2')].map((node) => node.textContent)).toEqual([
      'Training: sft',
      'Training: dpo',
      'Configuration',
    ])
    const loss = document.querySelector('svg[aria-label="Loss over updates, sft"]')
    expect(loss?.querySelectorAll('[stroke="var(--s1)"]').length).toBeGreaterThan(0)
    expect(loss?.querySelectorAll('[stroke="var(--s2)"]').length).toBeGreaterThan(0)
    const differing = [...document.querySelectorAll('tr.differs code')].map((node) => node.textContent)
    expect(differing).toContain('seed')
    expect(differing).not.toContain('steps')
  })

  test('stands with a run that has no event, one that has one, null figures, and no run at all', async () => {
    await makeRun('/runs/empty', [])
    await makeRun('/runs/single', [stepEvent(1, 2)])
    await makeRun('/runs/null', [stepEvent(1, Number.NaN), stepEvent(2, Number.POSITIVE_INFINITY)])
    expect(await renderReport(['/runs/empty'])).toContain('No updates yet.')
    for (const folder of ['/runs/single', '/runs/null'])
      expect(await renderReport([folder])).not.toMatch(/NaN|Infinity/)
    expect(await renderReport([], { tables: { only: { tasks: { t: figure(0.5) } } } })).toContain('Evaluation')
    await expect(renderReport(['/runs/none'])).rejects.toMatchObject({ code: 'E_NOT_FOUND' })
  })

  test('is the same for the same files, and stays small for long runs', async () => {
    const events = Array.from({ length: 30_000 }, (_, i) =>
      stepEvent(i + 1, 1 + Math.sin(i) / 3, { accuracy: Math.cos(i) }),
    )
    await makeRun('/runs/long', events)
    const page = await renderReport(['/runs/long'])
    expect(page.length).toBeLessThan(200_000)
    expect(await renderReport(['/runs/long'])).toBe(page)
  })

  test('is written whole beside the run', async () => {
    await makeRun('/runs/one', [stepEvent(1, 2)])
    expect(await writeReport('/runs/one')).toBe('/runs/one/report.html')
    expect(await platform().readText('/runs/one/report.html')).toBe(await renderReport(['/runs/one']))
  })
})

describe('what users wrote is text', () => {
  const attacks = [
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    '</style><script>alert(1)</script>',
    '</title><iframe src="https://evil.example">',
    '<a href="javascript:alert(1)">x</a>',
    ']]><svg onload=alert(1)>',
  ]

  test.each(attacks)('%s is shown, not run', async (bad) => {
    const events: TrainEvent[] = [
      stepEvent(1, 2, { [bad]: 1 }),
      { type: 'eval', step: 1, loss: 1, metrics: { [bad]: 2 } },
      { type: 'sample', step: 1, prompt: bad, text: bad },
      { type: 'warning', code: bad, message: bad },
    ]
    await makeRun(`/runs/${bad.replaceAll('/', '')}`, events, bad, { [bad]: bad, nested: { [bad]: [bad] } })
    await makeRun('/runs/second', events, bad)
    const table: EvalTable = { tasks: { [bad]: figure(0.5, bad), [`${bad} 2`]: figure(0.5, bad) } }
    const page = await renderReport([`/runs/${bad.replaceAll('/', '')}`, '/runs/second'], {
      title: bad,
      tables: { [bad]: table, other: table },
      samples: [{ prompt: bad, answers: { [bad]: bad } }],
      notes: [bad],
    })
    const document = parse(page)
    expect(document.querySelectorAll('script, img, iframe, a, link, object, embed, form')).toHaveLength(0)
    for (const node of document.querySelectorAll('*')) {
      for (const { name } of node.attributes) expect(name).not.toMatch(/^on|^(src|href|action|xlink:href)$/)
    }
    expect(document.title).toBe(bad)
    expect(document.querySelectorAll('style')).toHaveLength(1)
    expect([...document.querySelectorAll('svg.chart text')].some((node) => node.textContent === bad)).toBe(true)
    expect(/url\(|@import/.test(document.querySelector('style')?.textContent ?? '')).toBe(false)
    for (const node of document.querySelectorAll('[style]')) {
      expect(node.getAttribute('style')).toMatch(/^(color|background|border-color):var\(--s\d\)$/)
    }
  })

  test('any text comes back from the page as it was, but for what HTML cannot hold', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const markup = html`<p title="${text}">${text}</p>`.html
        expect(markup.match(/[<>]/g)).toHaveLength(4)
        const back = escapeHtml(text)
          .replace(/&lt;/g, '<')
          .replace(/&gt;/g, '>')
          .replace(/&quot;/g, '"')
          .replace(/&#39;/g, "'")
          .replace(/&amp;/g, '&')
        const control = (sign: string) => sign < ' ' && !'\t\n\r'.includes(sign)
        expect(back).toBe([...text].map((sign) => (control(sign) || sign === '\x7f' ? '\ufffd' : sign)).join(''))
      }),
    )
  })
})

describe('figures', () => {
  test('buckets keep the extremes and the weighted mean of all values', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ noNaN: true, min: -1000, max: 1000 }), { minLength: 1, maxLength: 900 }),
        (values) => {
          const buckets = bucket({ steps: values.map((_, i) => i + 1), values }, 50)
          expect(buckets.length).toBeLessThanOrEqual(50)
          expect(Math.min(...buckets.map((b) => b.min))).toBe(Math.min(...values))
          expect(Math.max(...buckets.map((b) => b.max))).toBe(Math.max(...values))
          expect(buckets.at(-1)?.step).toBe(values.length)
        },
      ),
    )
  })

  test('smoothing keeps constants and lines in their middle, and does nothing without a width', () => {
    expect(smooth([3, 3, 3, 3], 2)).toEqual([3, 3, 3, 3])
    expect(smooth([1, 5, 2], 0)).toEqual([1, 5, 2])
    const line = smooth(
      Array.from({ length: 101 }, (_, i) => i),
      3,
    )
    expect(line[50]).toBeCloseTo(50, 6)
    expect(smooth([], 3)).toEqual([])
  })

  test('means are taken over tasks that all models have; intervals that meet are no difference', () => {
    const tables = {
      base: { tasks: { a: figure(0.2), b: figure(0.4) } },
      sft: { tasks: { a: figure(0.6), c: figure(0.9) } },
    }
    const [group] = groupByMetric(tables)
    expect(group.tasks).toEqual(['a', 'b', 'c'])
    expect(meanOf(group)).toEqual({ base: 0.2, sft: 0.6 })
    expect(compare(figure(0.6), figure(0.2))).toBe('better')
    expect(compare(figure(0.2), figure(0.6))).toBe('worse')
    expect(compare(figure(0.26), figure(0.2))).toBe('')
    expect(compare(figure(3, 'perplexity'), figure(9, 'perplexity'))).toBe('better')
  })
})
