import type { KernelTime } from '../tensor/index.ts'
import { escapeHtml } from './html.ts'

/** A stretch of a step, and what it is made of. */
interface Span {
  label: string
  begin: number
  end: number
}

const updates = new Set(['sumSquares', 'clipFactor', 'adamw', 'sgd', 'lion'])

/** The parts of an update, told apart by their kernels: up to the vocabulary, back from it, and the optimizer. */
export function phasesOf(times: readonly KernelTime[]): Span[] {
  const isHead = ({ kernel }: KernelTime) => kernel.startsWith('logprobs')
  const head = times.findIndex(isHead)
  const lastHead = times.findLastIndex(isHead)
  const firstUpdate = times.findIndex(({ kernel }) => updates.has(kernel))
  const update = firstUpdate < 0 ? times.length : firstUpdate
  const parts: [string, number, number][] = [
    ['forward', 0, head],
    ['vocabulary', head, lastHead + 1],
    ['backward', lastHead + 1, update],
    ['update', update, times.length],
  ]
  return parts
    .filter(([, from, to]) => head >= 0 && to > from)
    .map(([label, from, to]) => ({ label, begin: times[from].begin, end: times[to - 1].begin + times[to - 1].seconds }))
}

/** A colour for each kernel, the same in every chart. */
const hueOf = (kernel: string) => [...kernel].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 360, 7)

/**
 * One update as an SVG that stands by itself: time runs to the right; the step, its phases, and every kernel, each with
 * its numbers as a tooltip.
 */
export function flameSvg(times: readonly KernelTime[], title: string): string {
  if (times.length === 0) return ''
  const [width, row, top] = [1200, 26, 34]
  const start = times[0].begin
  const end = times[times.length - 1].begin + times[times.length - 1].seconds
  const x = (seconds: number) => ((seconds - start) / (end - start)) * width
  const box = ({ label, begin, end: until }: Span, level: number, fill: string, more: string) => {
    const [left, right] = [x(begin), x(until)]
    const room = Math.floor((right - left - 6) / 7)
    const text = room >= 3 ? label.slice(0, room) : ''
    const at = top + level * row
    return (
      `<g><title>${escapeHtml(`${label}: ${((until - begin) * 1000).toFixed(2)} ms${more}`)}</title>` +
      `<rect x="${left.toFixed(2)}" y="${at}" width="${Math.max(0.3, right - left - 0.3).toFixed(2)}" height="${row - 2}" fill="${fill}"/>` +
      (text ? `<text x="${(left + 3).toFixed(2)}" y="${at + 17}">${escapeHtml(text)}</text>` : '') +
      '</g>'
    )
  }
  const numbers = (args: KernelTime['args']) =>
    Object.entries(args)
      .filter(([name, value]) => ['m', 'n', 'k', 'rows', 'width', 'vocab', 'heads'].includes(name) && value !== null)
      .map(([name, value]) => `${name} ${value}`)
      .join(', ')
  const boxes = [
    box({ label: 'update', begin: start, end }, 0, '#d8dee9', ''),
    ...phasesOf(times).map((phase) => box(phase, 1, '#c3cfe2', '')),
    ...times.map(({ kernel, args, begin, seconds }) =>
      box({ label: kernel, begin, end: begin + seconds }, 2, `hsl(${hueOf(kernel)} 55% 78%)`, ` (${numbers(args)})`),
    ),
  ]
  const height = top + 3 * row + 6
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12">` +
    `<rect width="${width}" height="${height}" fill="white"/>` +
    `<text x="3" y="20" font-size="14">${escapeHtml(`${title}: ${((end - start) * 1000).toFixed(1)} ms, ${times.length} kernels`)}</text>` +
    `${boxes.join('\n')}</svg>\n`
  )
}
