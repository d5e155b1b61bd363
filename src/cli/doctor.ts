import { z } from 'zod'
import { formatCount, joinPath, platform } from '../base/index.ts'
import { resolveModel, shippedModels } from '../engine/index.ts'
import { findPython, openSandbox } from '../rewards/index.ts'
import { type Backend, linear, openBackend, Parameter, Scope } from '../tensor/index.ts'
import type { Terminal } from './terminal.ts'
import { verb } from './verb.ts'

interface Check {
  name: string
  ok: boolean
  /** What stands in the way of everything when it is not ok. */
  essential: boolean
  found: string
  help?: string
}

const note = (name: string, found: string): Check => ({ name, ok: true, essential: false, found })

export default verb({
  summary: 'check this machine and installation: Node, compiler, kernels, folders, sandbox, hub, shipped models',
  options: z.strictObject({}),
  main: [],
  example: ['hone doctor'],
  async run(_options, terminal) {
    const checks: Check[] = [...machine(), await compiler()]
    for (const check of [cache, kernels, sandbox, hub, ...shippedModels.map((name) => () => shipped(name))]) {
      checks.push(...[await check(terminal)].flat())
    }
    const width = Math.max(...checks.map(({ name }) => name.length))
    for (const { name, ok, essential, found, help } of checks) {
      const mark = ok ? 'ok  ' : essential ? 'FAIL' : 'warn'
      terminal.print(`${mark}  ${name.padEnd(width)}  ${found}`)
      if (!ok && help) terminal.print(`${' '.repeat(width + 8)}${help}`)
    }
    const isWell = checks.every(({ ok, essential }) => ok || !essential)
    terminal.print(isWell ? 'All that is needed is there.' : 'Something essential is missing.')
    return { document: { ok: isWell, checks }, exitCode: isWell ? 0 : 1 }
  },
})

function machine(): Check[] {
  const { name, arch, cpuCount } = platform()
  const { total, available } = platform().memory()
  const isNew = Number(process.versions.node.split('.')[0]) >= 24
  const help = 'Install Node 24, or run `npm install` in the checkout, which brings one along.'
  return [
    { name: 'node', ok: isNew, essential: true, found: process.version, help },
    note('platform', `${name} ${arch}, ${cpuCount} cores`),
    note('memory', `${formatCount(available)}B of ${formatCount(total)}B available`),
  ]
}

/** The first C++ compiler that answers. Kernels that were compiled before go on working without one. */
async function compiler(): Promise<Check> {
  const given = platform().env('CXX')
  const candidates = given ? [given] : ['c++', 'g++', 'clang++']
  for (const command of candidates) {
    try {
      const { code, stdout } = await platform().spawn(command, ['--version'], { timeoutMs: 10_000 })
      if (code === 0) return note('compiler', `${command}: ${stdout.split('\n')[0]}`)
    } catch {
      // Not there: the next one may be.
    }
  }
  const help = 'Install one: `apt install g++`, `dnf install gcc-c++`, or `xcode-select --install`; or set CXX.'
  return {
    name: 'compiler',
    ok: false,
    essential: false,
    found: `none of ${candidates.join(', ')} can be started`,
    help,
  }
}

async function cache(): Promise<Check> {
  const folder = platform().cacheFolder()
  const probe = joinPath(folder, `.probe-${platform().processId()}`)
  try {
    await platform().makeFolder(folder)
    await platform().writeAtomic(probe, 'probe')
    await platform().remove(probe)
    return note('cache', `${folder}, writable`)
  } catch (error) {
    const help = 'Set HONE_CACHE to a folder that can be written.'
    return { name: 'cache', ok: false, essential: true, found: `${folder}: ${(error as Error).message}`, help }
  }
}

/** Opens the backend (compiling its kernels at the first time) and lets it compute something that is known. */
async function kernels({ status }: Terminal): Promise<Check[]> {
  const begun = platform().elapsed()
  let backend: Backend
  try {
    backend = await openBackend({ onProgress: status })
  } catch (error) {
    const { message, help } = error as Error & { help?: string }
    return [{ name: 'kernels', ok: false, essential: true, found: message, help }]
  }
  status('')
  const seconds = (platform().elapsed() - begun).toFixed(1)
  const opened = note('kernels', `${backend.isa}, ${backend.threads} threads, ready in ${seconds} s`)
  try {
    const fault = await selfTest(backend)
    const help = 'Delete the cache folder, so that the kernels are compiled anew.'
    return [
      opened,
      { name: 'self-test', ok: fault === null, essential: true, found: fault ?? 'products are right', help },
    ]
  } finally {
    backend.close()
  }
}

/** A product of small whole numbers, which every instruction set must get exactly right. Null when it does. */
async function selfTest(backend: Backend): Promise<string | null> {
  const [rows, inner, columns] = [5, 67, 33]
  const x = Float32Array.from({ length: rows * inner }, (_, i) => (i % 7) - 3)
  const w = Float32Array.from({ length: columns * inner }, (_, i) => (i % 5) - 2)
  const weight = new Parameter('w', backend, [columns, inner])
  weight.write(w)
  using scope = new Scope(backend)
  const got = await linear(scope.from(x, [rows, inner]), weight).read()
  weight.dispose()
  for (let at = 0; at < rows * columns; at++) {
    const [row, column] = [Math.floor(at / columns), at % columns]
    let expected = 0
    for (let k = 0; k < inner; k++) expected += x[row * inner + k] * w[column * inner + k]
    if (got[at] !== expected) return `a product gave ${got[at]}, expected ${expected}`
  }
  return null
}

/** What untrusted programs are run in, by language. Neither is needed by anything else. */
async function sandbox(): Promise<Check[]> {
  const sandbox = openSandbox({ slots: 1 })
  const ask = async (name: string, work: () => Promise<string>): Promise<Check> => {
    try {
      return note(name, await work())
    } catch (error) {
      const { message, help } = error as Error & { help?: string }
      return { name, ok: false, essential: false, found: message, help }
    }
  }
  try {
    return [
      await ask('python3', async () => {
        const { path, version } = await findPython()
        return `${path}, ${version}`
      }),
      await ask('sandbox, Python', async () => (await sandbox.isolation('python')).summary),
      await ask('sandbox, JavaScript', async () => (await sandbox.isolation('javascript')).summary),
    ]
  } finally {
    await sandbox.close()
  }
}

function hub(): Check[] {
  const endpoint = platform().env('HF_ENDPOINT')
  // A name and password may stand in an address; neither is shown.
  const shown = endpoint && URL.canParse(endpoint) ? new URL(endpoint).origin : endpoint
  const token = platform().env('HF_TOKEN') ? 'set' : 'not set'
  return [note('HF_ENDPOINT', shown ?? 'not set: the public hub'), note('HF_TOKEN', token)]
}

async function shipped(name: string): Promise<Check> {
  const folder = await resolveModel(name)
  const wanted = ['config.json', 'model.safetensors', 'tokenizer.json']
  const missing: string[] = []
  for (const file of wanted) if (!(await platform().stat(joinPath(folder, file)))) missing.push(file)
  const found = missing.length === 0 ? folder : `${folder} lacks ${missing.join(', ')}`
  return { name: `model ${name}`, ok: missing.length === 0, essential: true, found, help: 'Install the package again.' }
}
