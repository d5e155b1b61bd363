/**
 * Values and calls between two contexts that share nothing, one with the program and one with its tests: an expression whose value is
 * `{ encode, decode, serve, poll }`. What arrives is data, rebuilt from this context's own kinds; any other object arrives as a proxy that
 * asks across the wire. `ask(json)` carries a question to the other side and gives its answer.
 */
;(ask, shares) => {
  const { parse, stringify } = JSON
  const { isArray } = Array
  const { getPrototypeOf, keys, prototype: plain } = Object
  const lent = []
  const numbers = new Map()
  const borrowed = new Map()
  const remotes = new WeakMap()
  const odd = { NaN: Number.NaN, Infinity: Number.POSITIVE_INFINITY, '-Infinity': Number.NEGATIVE_INFINITY, '-0': -0 }

  const lend = (value) => {
    if (!numbers.has(value)) numbers.set(value, lent.push(value) - 1)
    return numbers.get(value)
  }
  const encode = (value) => {
    switch (typeof value) {
      case 'undefined':
        return { u: 1 }
      case 'boolean':
      case 'string':
        return value
      case 'number':
        return Number.isFinite(value) && !Object.is(value, -0)
          ? value
          : { n: Object.is(value, -0) ? '-0' : String(value) }
      case 'bigint':
        return { i: String(value) }
      case 'symbol':
        throw new TypeError('a symbol cannot be passed between a program and its tests')
    }
    if (value === null) return null
    if (remotes.has(value)) return { y: remotes.get(value) }
    if (isArray(value)) return { l: Array.from(value, encode) }
    if (value instanceof Map) return { m: Array.from(value, (pair) => pair.map(encode)) }
    if (value instanceof Set) return { s: Array.from(value, encode) }
    if (value instanceof Date) return { t: value.getTime() }
    if (value instanceof Error) return { e: [String(value.name), String(value.message)] }
    const proto = typeof value === 'object' && getPrototypeOf(value)
    if (proto === plain || proto === null) return { d: keys(value).map((key) => [key, encode(value[key])]) }
    if (!shares && typeof value !== 'function')
      throw new TypeError('a test can hand data and functions to the program, no other objects')
    return { h: lend(value), f: typeof value === 'function' }
  }
  const decode = (value) => {
    if (typeof value !== 'object' || value === null) return value
    const [tag] = keys(value)
    const content = value[tag]
    switch (tag) {
      case 'u':
        return undefined
      case 'n':
        return odd[content]
      case 'i':
        return BigInt(content)
      case 'l':
        return content.map(decode)
      case 'm':
        return new Map(content.map((pair) => pair.map(decode)))
      case 's':
        return new Set(content.map(decode))
      case 't':
        return new Date(content)
      case 'e':
        return failure(content)
      case 'd':
        return content.reduce((object, [key, item]) => define(object, key, decode(item)), {})
      case 'y':
        return lent[content]
      case 'h':
        return borrow(content, value.f)
      case 'p':
        return Promise.resolve(decode(content))
      case 'q':
        return Promise.reject(failure(content))
    }
    throw new TypeError('a value of no known kind')
  }
  const define = (object, key, value) =>
    Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true })
  const kinds = { Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError }
  const failure = ([name, message]) => {
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : Error
    const error = new kind(message)
    if (kind === Error) define(error, 'name', String(name))
    return error
  }
  const put = (number, what, args, self) => {
    const answer = parse(ask(stringify({ n: number, w: what, a: args.map(encode), t: encode(self) })))
    const refilled = args.filter((value) => isArray(value))
    if (answer.m) {
      for (let i = 0; i < refilled.length; i++) {
        const after = decode(answer.m[i])
        if (isArray(after)) refilled[i].splice(0, refilled[i].length, ...after)
      }
    }
    if (answer.e) throw failure(answer.e)
    return decode(answer.r)
  }
  const make = Function
  const borrow = (number, callable) => {
    if (borrowed.has(number)) return borrowed.get(number)
    const remote = new Proxy(callable ? make() : {}, {
      apply: (_, self, args) => put(number, 'call', args, remotes.has(self) ? self : undefined),
      construct: (_, args) => put(number, 'new', args),
      get: (_, key) => {
        if (key === Symbol.iterator) return () => put(number, 'items', [])[Symbol.iterator]()
        return typeof key === 'symbol' || key === 'then' ? undefined : put(number, 'get', [key])
      },
      set: (_, key, value) => put(number, 'set', [key, value]) === undefined,
      ownKeys: (target) => (callable ? Reflect.ownKeys(target) : put(number, 'keys', [])),
      getOwnPropertyDescriptor: (target, key) =>
        callable || typeof key === 'symbol'
          ? Reflect.getOwnPropertyDescriptor(target, key)
          : { value: put(number, 'get', [key]), writable: true, enumerable: true, configurable: true },
    })
    borrowed.set(number, remote)
    remotes.set(remote, number)
    return remote
  }

  const asked = {
    call: (target, args, self) => Reflect.apply(target, self, args),
    new: (target, args) => Reflect.construct(target, args),
    get: (target, [key]) => target[key],
    set: (target, [key, value]) => {
      target[key] = value
    },
    keys: (target) => keys(target),
    items: (target) => [...target],
  }
  const errorOf = (error) =>
    error instanceof Error ? [String(error.name), String(error.message)] : ['Error', `${String(error)} was thrown`]
  let settled = null
  /** Answers one question; an empty text while a promise is waited for, which `poll` then gives. */
  const serve = (json) => {
    let args = []
    try {
      const question = parse(json)
      if (!shares && question.w !== 'call') throw new TypeError('only a call may be asked')
      args = question.a.map(decode)
      const value = asked[question.w](lent[question.n], args, decode(question.t))
      const m = args.filter((arg) => isArray(arg)).map(encode)
      if (value instanceof Promise) {
        settled = null
        value.then(
          (result) => {
            settled = stringify({ r: { p: encode(result) }, m })
          },
          (error) => {
            settled = stringify({ r: { q: errorOf(error) }, m })
          },
        )
        return ''
      }
      return stringify({ r: encode(value), m })
    } catch (error) {
      return stringify({ e: errorOf(error) })
    }
  }
  return { encode, decode, serve, lend, poll: () => settled ?? '' }
}
