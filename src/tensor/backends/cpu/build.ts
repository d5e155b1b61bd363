import { createRequire } from 'node:module'
import { HoneError, joinPath, parentPath, platform } from '../../../base/index.ts'
import { type Compiler, findCompiler, nativeMacros } from './compiler.ts'
import { type Isa, targets, worthCompiling } from './isas.ts'
import { withLock } from './lock.ts'

/** Bits depend on these: no contraction, so that only written-out fused operations are fused. */
const kernelFlags = ['-O3', '-ffp-contract=off', '-fno-math-errno', '-Wno-psabi']
const commonFlags = ['-std=c++17', '-fPIC', '-fvisibility=hidden', '-pthread']
const hostFlags = ['-O2']

interface Unit {
  source: string
  object: string
  flags: string[]
}

interface Source {
  path: string
  text: string
}

/**
 * Path of the compiled kernels, compiled now if this machine has not got them yet. They are kept in the cache folder
 * under a key of sources, compiler, flags and processor; processes that come at the same time wait for the first.
 *
 * @throws HoneError E_NO_COMPILER, E_COMPILE.
 */
export async function buildNative(onProgress: (line: string) => void = () => {}): Promise<string> {
  const root = joinPath(platform().packageRoot(), 'native')
  const sources = await readSources(root)
  const compiler = await findCompiler()
  const { arch } = platform()
  const sets = worthCompiling(arch, arch === 'x64' ? await nativeMacros(compiler) : null)
  const folder = joinPath(platform().cacheFolder(), 'native', cacheKey(sources, compiler, sets))
  const library = joinPath(folder, 'hone.node')
  const ready = async () => (await platform().stat(library)) !== null
  if (await ready()) return library
  await platform().makeFolder(parentPath(folder))
  await withLock(`${folder}.lock`, ready, async () => {
    onProgress('Compiling kernels (once) …')
    const begun = platform().elapsed()
    await compile(root, sources, compiler, sets, folder)
    onProgress(`Compiled kernels in ${Math.round(platform().elapsed() - begun)} s`)
  })
  return library
}

async function readSources(root: string): Promise<Source[]> {
  const sources: Source[] = []
  for (const folder of ['', 'kernels/']) {
    for (const name of await platform().list(joinPath(root, folder))) {
      if (!/\.(cpp|h)$/.test(name)) continue
      const path = folder + name
      sources.push({ path, text: await platform().readText(joinPath(root, path)) })
    }
  }
  return sources
}

function cacheKey(sources: Source[], compiler: Compiler, sets: readonly Isa[]): string {
  const flags = [...commonFlags, ...hostFlags, ...kernelFlags, ...sets.flatMap((isa) => [isa, ...flagsOf(isa)])]
  const hash = platform().sha256()
  hash.update(JSON.stringify([platform().name, platform().arch, compiler, flags]))
  for (const { path, text } of sources) hash.update(`${path}\n${text.length}\n${text}`)
  return hash.digest().slice(0, 24)
}

const flagsOf = (isa: Isa): readonly string[] => targets[platform().arch]?.[isa]?.flags ?? []

async function compile(
  root: string,
  sources: Source[],
  compiler: Compiler,
  sets: readonly Isa[],
  folder: string,
): Promise<void> {
  const temporary = `${folder}.${platform().processId()}.tmp`
  await platform().remove(temporary)
  await platform().makeFolder(temporary)
  try {
    const headers = joinPath(parentPath(createRequire(import.meta.url).resolve('node-api-headers')), 'include')
    const units = sources
      .filter(({ path }) => path.endsWith('.cpp'))
      .flatMap(({ path }): Unit[] => {
        const object = (tag: string) => joinPath(temporary, `${path.replace(/\W+/g, '-')}-${tag}.o`)
        if (!path.startsWith('kernels/')) {
          const present = sets.map((isa) => `-DHONE_WITH_${isa.toUpperCase()}`)
          return [{ source: path, object: object('host'), flags: [...hostFlags, ...present, '-I', headers] }]
        }
        return sets.map((isa) => ({
          source: path,
          object: object(isa),
          flags: [...kernelFlags, `-DHONE_ISA=${isa}`, ...flagsOf(isa)],
        }))
      })
    const log = `${folder}.log`
    // The long ones first, so that no processor waits for them at the end.
    const weight = ({ source }: Unit) => sources.find(({ path }) => path === source)!.text.length
    const queue = units.toSorted((a, b) => weight(b) - weight(a))
    const worker = async () => {
      for (let unit = queue.shift(); unit; unit = queue.shift()) {
        const args = [...commonFlags, ...unit.flags, '-c', joinPath(root, unit.source), '-o', unit.object]
        await invoke(compiler, args, unit.source, log).catch((error) => {
          queue.length = 0
          throw error
        })
      }
    }
    // All of them end before the folder goes away under one that still writes.
    const outcomes = await Promise.allSettled(Array.from({ length: Math.max(1, platform().cpuCount) }, worker))
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
    const shared = platform().name === 'darwin' ? ['-shared', '-undefined', 'dynamic_lookup'] : ['-shared']
    const output = joinPath(temporary, 'hone.node')
    const objects = units.map(({ object }) => object)
    await invoke(compiler, [...shared, '-pthread', ...objects, '-o', output], 'the library', log)
    for (const object of objects) await platform().remove(object)
    // Only after a lock was taken over can another have been as quick; then its build is as good.
    if (!(await platform().stat(folder))) await platform().rename(temporary, folder)
  } finally {
    await platform().remove(temporary)
  }
}

async function invoke(compiler: Compiler, args: string[], what: string, log: string): Promise<void> {
  const [program, ...leading] = compiler.command
  const result = await platform().spawn(program, [...leading, ...args], { timeoutMs: 300_000 })
  if (result.code === 0) return
  const output = `${result.stderr}${result.stdout}`
  const state = result.code === null ? `was ended by ${result.signal}` : `ended with code ${result.code}`
  await platform().writeAtomic(log, `${[...compiler.command, ...args].join(' ')}\n${output}\n`)
  const first = output.split('\n').filter(Boolean).slice(0, 8).join('\n')
  throw new HoneError('E_COMPILE', `compiling ${what} with ${compiler.identity} ${state}:\n${first}`, {
    help: `The whole output is in ${log}. A newer compiler (GCC 10 or clang 12 and later), named by CXX, may help.`,
  })
}
