import { entriesFrom } from './filters.ts'
import { type Callable, Namespace, toNumber, toText } from './values.ts'

/** Functions that every template has. */
export const builtins: [string, Callable][] = [
  [
    'range',
    (args) => {
      const [first, second, step = 1] = args.map(toNumber) as [number, number | undefined, number | undefined]
      const [start, stop] = second === undefined ? [0, first] : [first, second]
      if (step === 0) throw new RangeError('range() with a step of zero')
      const length = Math.max(0, Math.ceil((stop - start) / step))
      if (length > 1e5) throw new RangeError('range() of more than 100000 numbers')
      return Array.from({ length }, (_, i) => start + i * step)
    },
  ],
  ['dict', ([source], named) => entriesFrom(source, named)],
  [
    'namespace',
    ([source], named) => {
      const namespace = new Namespace()
      for (const [name, value] of entriesFrom(source, named)) namespace.values.set(toText(name), value)
      return namespace
    },
  ],
  [
    'joiner',
    ([separator = ', ']) => {
      let used = false
      return () => {
        const text = used ? separator : ''
        used = true
        return text
      }
    },
  ],
  [
    'cycler',
    (items) => {
      let at = 0
      const state = new Namespace()
      state.values.set('next', () => items[at++ % items.length])
      state.values.set('reset', () => {
        at = 0
        return null
      })
      return state
    },
  ],
]
