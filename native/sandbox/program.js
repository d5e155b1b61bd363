/**
 * What a program finds besides the language: printing, lines of standard input, timers on a clock that only jumps, CommonJS exports.
 * An expression; `write(stream, text)` is the host's.
 */
;(write) => {
  const show = (value) =>
    typeof value === 'string' ? value : value instanceof Error ? String(value) : (json(value) ?? String(value))
  const json = (value) => {
    if (typeof value !== 'object' || value === null) return undefined
    try {
      return JSON.stringify(value)
    } catch {
      return undefined
    }
  }
  const printer =
    (stream) =>
    (...values) =>
      write(stream, `${values.map(show).join(' ')}\n`)
  const [print, complain] = [printer('stdout'), printer('stderr')]
  const { eval: globally } = globalThis
  let rest = ''
  const timers = []
  let [clock, count] = [0, 0]
  const setTimeout = (work, delay = 0, ...args) => {
    timers.push({ id: ++count, at: clock + Math.max(0, Number(delay) || 0), work, args })
    timers.sort((a, b) => a.at - b.at || a.id - b.id)
    return count
  }
  const clearTimeout = (id) => {
    const at = timers.findIndex((timer) => timer.id === id)
    if (at >= 0) timers.splice(at, 1)
  }
  const module = { exports: {} }
  Object.assign(globalThis, {
    print,
    console: { log: print, info: print, debug: print, error: complain, warn: complain },
    readline() {
      if (rest === '') return null
      const [line] = rest.split('\n', 1)
      rest = rest.slice(line.length + 1)
      return line
    },
    require(name) {
      if (!/^(node:)?fs$/.test(name)) throw new Error(`there is no module '${name}' here`)
      return {
        readFileSync(path) {
          if (path !== 0 && path !== '/dev/stdin') throw new Error(`there is no file '${path}' here`)
          const all = rest
          rest = ''
          return all
        },
      }
    },
    setTimeout,
    clearTimeout,
    module,
    exports: module.exports,
  })
  return {
    /** What stands on standard input. */
    feed(input) {
      rest = input
    },
    /** Runs the timer that is due first; false where there is none. */
    tick() {
      const timer = timers.shift()
      if (!timer) return false
      clock = timer.at
      timer.work(...timer.args)
      return true
    },
    /** What the program calls by this name, at its top level or among its exports. */
    find(name) {
      if (!/^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name)) return undefined
      const { exports } = module
      if (exports !== null && /^(object|function)$/.test(typeof exports) && name in exports) return exports[name]
      if (typeof exports === 'function' && exports.name === name) return exports
      return globally(`typeof ${name} === 'undefined' ? undefined : ${name}`)
    },
  }
}
