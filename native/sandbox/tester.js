/**
 * The side of the tests, in a context that the program cannot reach: an expression whose value is `{ begin, run }`. The end of a test is
 * told by `done(number, '')`, or why it failed.
 */
;(wire, find, done) => {
  let entry = []
  let setup = ''
  const known = new Map()
  const named = (name) => {
    if (!known.has(name)) known.set(name, wire.decode(JSON.parse(find(name))))
    return known.get(name)
  }
  const isObject = (value) => typeof value === 'object' && value !== null
  const same = (got, expected, tolerance = 0) => {
    if (typeof got === 'number' && typeof expected === 'number' && tolerance > 0) {
      const scale = Math.max(1, Math.abs(got), Math.abs(expected))
      return Object.is(got, expected) || Math.abs(got - expected) <= tolerance * scale
    }
    if (!isObject(got) || !isObject(expected)) return got === expected || Object.is(got, expected)
    if (Array.isArray(got) !== Array.isArray(expected)) return false
    for (const kind of [Map, Set, Date]) if (got instanceof kind !== expected instanceof kind) return false
    if (got instanceof Date) return got.getTime() === expected.getTime()
    if (got instanceof Map || got instanceof Set) return same([...got], [...expected], tolerance)
    if (got instanceof Error || expected instanceof Error) return String(got) === String(expected)
    const [mine, other] = [Object.keys(got), Object.keys(expected)]
    return (
      mine.length === other.length &&
      other.every((key) => mine.includes(key) && same(got[key], expected[key], tolerance))
    )
  }
  const show = (value) => {
    const text = typeof value === 'bigint' ? `${value}n` : (JSON.stringify(value) ?? String(value))
    return text.length > 200 ? `${text.slice(0, 200)}…` : text
  }
  const fail = (message) => {
    const error = new Error(message)
    error.name = 'AssertionError'
    throw error
  }
  const ok = (value, message = 'a value that is not true') => (value ? undefined : fail(String(message)))
  const compare = (holds, word) => (got, expected, message) =>
    holds(got, expected) ? undefined : fail(message ? String(message) : `got ${show(got)}, ${word} ${show(expected)}`)
  const throws = (work, kind) => {
    try {
      work()
    } catch (error) {
      if (typeof kind === 'function' && kind.prototype instanceof Error && !(error instanceof kind)) throw error
      if (kind instanceof RegExp && !kind.test(String(error))) throw error
      return
    }
    fail('nothing was thrown')
  }
  const equal = compare((a, b) => a === b || Object.is(a, b), 'expected')
  const deepEqual = compare((a, b) => same(a, b), 'expected')
  const assert = Object.assign((value, message) => ok(value, message), {
    ...{ ok, equal, strictEqual: equal, deepEqual, deepStrictEqual: deepEqual, throws },
    notEqual: compare((a, b) => a !== b, 'expected another than'),
    notDeepEqual: compare((a, b) => !same(a, b), 'expected another than'),
  })
  const own = { assert }
  const scope = new Proxy(own, {
    has: (_, name) =>
      typeof name === 'string' &&
      (name in own || entry.includes(name) || (!(name in globalThis) && named(name) !== undefined)),
    get: (_, name) =>
      typeof name === 'symbol' ? undefined : name in own && !entry.includes(name) ? own[name] : named(name),
  })
  const build = Function
  const check = async (test) => {
    if (test.call === undefined) {
      await build('scope', `with (scope) { return (async () => { ${setup}\n${test.code}\n })() }`)(scope)
      return
    }
    const target = named(test.call)
    if (typeof target !== 'function') fail(`the program defines no function '${test.call}'`)
    const got = await target(...test.args)
    if (!same(got, test.returns, test.tolerance)) fail(`returned ${show(got)}, expected ${show(test.returns)}`)
  }
  return {
    begin(names, code) {
      entry = JSON.parse(names)
      setup = code
    },
    run(number, test) {
      check(JSON.parse(test)).then(
        () => done(number, ''),
        (error) => done(number, String(error) || 'an error without words'),
      )
    },
  }
}
