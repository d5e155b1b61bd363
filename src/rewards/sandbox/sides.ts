import { readFileSync } from 'node:fs'
import type { QuickJSHandle } from 'quickjs-emscripten-core'
import type { Realm } from './realm.ts'

/** The parts that are written in the language of the programs. */
export interface Sources {
  program: string
  wire: string
  tester: string
}

export function readSources(folder: string): Sources {
  const read = (name: string) => readFileSync(`${folder}/${name}.js`, 'utf8').replace(/^\/\*\*[\s\S]*?\*\/\s*;/, '')
  return { program: read('program'), wire: read('wire'), tester: read('tester') }
}

/** A realm made ready for a program. What the host does in answer is put into `host` before it begins. */
export interface ProgramSide {
  realm: Realm
  host: {
    write(stream: string, text: string): void
    /** Calls a function that the tests have handed over. */
    ask(json: string): string
  }
  feed: QuickJSHandle
  tick: QuickJSHandle
  find: QuickJSHandle
  serve: QuickJSHandle
  poll: QuickJSHandle
}

export function programSide({ program, wire }: Sources): (realm: Realm) => ProgramSide {
  return (realm) => {
    const host: ProgramSide['host'] = { write() {}, ask: () => '' }
    const write = realm.host((stream, text) => {
      host.write(stream, text)
      return ''
    })
    const surroundings = realm.call(realm.evaluate(program, 'hone'), write)
    const ask = realm.host((json) => host.ask(json))
    const end = realm.call(realm.evaluate(wire, 'hone'), ask, realm.evaluate('true', 'hone'))
    const finder = '({ encode }, { find }) => ((stringify) => (name) => stringify(encode(find(name))))(JSON.stringify)'
    return {
      ...{ realm, host },
      feed: realm.get(surroundings, 'feed'),
      tick: realm.get(surroundings, 'tick'),
      find: realm.call(realm.evaluate(finder, 'hone'), end, surroundings),
      serve: realm.get(end, 'serve'),
      poll: realm.get(end, 'poll'),
    }
  }
}

/** A realm made ready for tests. */
export interface TestSide {
  realm: Realm
  host: {
    /** Asks the program. */
    ask(json: string): string
    /** What the program calls by a name, encoded. */
    find(name: string): string
    /** The end of a test, by its number: nothing where it passed, or why not. */
    done(number: string, why: string): void
  }
  serve: QuickJSHandle
  begin: QuickJSHandle
  run: QuickJSHandle
}

export function testSide({ tester, wire }: Sources): (realm: Realm) => TestSide {
  return (realm) => {
    const host: TestSide['host'] = { ask: () => '', find: () => '', done() {} }
    const ask = realm.host((json) => host.ask(json))
    const find = realm.host((name) => host.find(name))
    const done = realm.host((number, why) => {
      host.done(number, why)
      return ''
    })
    const end = realm.call(realm.evaluate(wire, 'hone'), ask, realm.evaluate('false', 'hone'))
    const tests = realm.call(realm.evaluate(tester, 'hone'), end, find, done)
    return {
      ...{ realm, host },
      serve: realm.get(end, 'serve'),
      begin: realm.get(tests, 'begin'),
      run: realm.get(tests, 'run'),
    }
  }
}
