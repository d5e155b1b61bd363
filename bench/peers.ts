import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Contestant } from './contest.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
/** Where `--peers` puts what it installs; never committed. */
const home = join(here, '.peers')

/** A Python with PyTorch: HONE_PEER_PYTHON, or what `--peers` installed. */
export const python = (): string | null => found(process.env['HONE_PEER_PYTHON'] ?? join(home, 'venv/bin/python'))
/** The folder of llama-bench and llama-batched-bench: HONE_PEER_LLAMA, or what `--peers` built. */
export const llama = (): string | null => found(process.env['HONE_PEER_LLAMA'] ?? join(home, 'llama.cpp/build/bin'))

const found = (path: string) => (existsSync(path) ? path : null)

/** PyTorch's best allocator setting: freed memory stays, in huge pages. */
const tuned = {
  GLIBC_TUNABLES:
    'glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=17179869184:glibc.malloc.hugetlb=1',
}

export function torch(name: string, args: string[]): Contestant[] {
  const program = python()
  return program ? [{ name, command: [program, join(here, 'peers/torch_bench.py'), ...args], env: tuned }] : []
}

export function llamaCpp(name: string, what: string, shape: string, type: string, batch = 1): Contestant[] {
  const folder = llama()
  const program = python()
  if (!folder || !program) return []
  const model = join(home, `${shape}-${type}.gguf`)
  mkdirSync(home, { recursive: true })
  if (!existsSync(model)) execFileSync(program, [join(here, 'peers/make_gguf.py'), shape, type, model])
  return [{ name, command: [process.execPath, join(here, 'peers/llama.ts'), what, folder, model, String(batch)] }]
}

export function hone(name: string, args: string[]): Contestant {
  const flags = ['--disable-warning=ExperimentalWarning', '--conditions=source']
  return { name, command: [process.execPath, ...flags, join(here, 'hone.ts'), ...args] }
}

/** What is installed, with its version. */
export function peerVersions(): Record<string, string> {
  const program = python()
  const folder = llama()
  const versions: Record<string, string> = {}
  if (program) {
    versions['PyTorch'] = execFileSync(program, ['-c', 'import torch; print(torch.__version__)'], {
      encoding: 'utf8',
    }).trim()
  }
  if (folder) versions['llama.cpp'] = llamaVersion(folder)
  return versions
}

/** The build's number, which the program tells with the result of any benchmark. */
function llamaVersion(folder: string): string {
  const model = readdirSync(home).find((name) => name.endsWith('.gguf'))
  if (!model) return 'unknown'
  const args = ['-m', join(home, model), '-p', '1', '-n', '0', '-r', '1', '-o', 'json']
  const output = execFileSync(join(folder, 'llama-bench'), args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return `${JSON.parse(output)[0].build_number} (${JSON.parse(output)[0].build_commit})`
}

/**
 * Installs the peers from PyPI: PyTorch in a virtual environment, and llama.cpp built from the source that the package
 * llama-cpp-python carries (needs cmake). Takes some ten minutes.
 */
export function installPeers(): void {
  mkdirSync(home, { recursive: true })
  writeFileSync(join(home, '.gitignore'), '*\n')
  const run = (program: string, args: string[], cwd = home) => execFileSync(program, args, { cwd, stdio: 'inherit' })
  const venv = join(home, 'venv')
  if (!existsSync(venv)) run('python3', ['-m', 'venv', venv])
  const pip = (...args: string[]) => run(join(venv, 'bin/python'), ['-m', 'pip', ...args])
  pip('install', 'torch', 'numpy', 'gguf', 'scikit-build-core')
  if (!existsSync(join(home, 'llama.cpp'))) {
    pip('download', 'llama-cpp-python', '--no-deps', '--no-binary', ':all:', '--no-build-isolation', '-d', home)
    const archive = readdirSync(home).find((name) => /^llama_cpp_python-.*\.tar\.gz$/.test(name)) as string
    run('tar', ['xzf', archive])
    run('mv', [join(archive.replace('.tar.gz', ''), 'vendor/llama.cpp'), 'llama.cpp'])
  }
  const source = join(home, 'llama.cpp')
  run('cmake', ['-B', 'build', '-DCMAKE_BUILD_TYPE=Release', '-DLLAMA_CURL=OFF', '-DLLAMA_BUILD_TESTS=OFF'], source)
  run('cmake', ['--build', 'build', '-j', '2', '--target', 'llama-bench', 'llama-batched-bench'], source)
}
