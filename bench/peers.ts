import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
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
  const prepare = () => {
    mkdirSync(home, { recursive: true })
    if (!existsSync(model)) execFileSync(program, [join(here, 'peers/make_gguf.py'), shape, type, model])
  }
  const command = [process.execPath, join(here, 'peers/llama.ts'), what, folder, model, String(batch)]
  return [{ name, command, prepare }]
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

/** What `--peers` noted when it built it, or what the program says of itself. */
function llamaVersion(folder: string): string {
  const note = join(folder, 'version.txt')
  if (existsSync(note)) return readFileSync(note, 'utf8').trim()
  const { stdout, stderr } = spawnSync(join(folder, 'llama-bench'), ['--version'], { encoding: 'utf8' })
  return /version: (.*)/.exec(stdout + stderr)?.[1] ?? 'of unknown version'
}

/**
 * Installs the peers from PyPI: PyTorch in a virtual environment (on Linux x64 its wheel brings CUDA's libraries along,
 * some gigabytes that nothing here uses), and llama.cpp built with all of this machine's instructions from the source
 * that the package llama-cpp-python carries (needs cmake and a C++ compiler). Takes some ten minutes; what is there is
 * kept.
 */
export function installPeers(): void {
  mkdirSync(home, { recursive: true })
  writeFileSync(join(home, '.gitignore'), '*\n')
  // Standard output is for the figures.
  const run = (program: string, args: string[], cwd = home) =>
    execFileSync(program, args, { cwd, stdio: ['ignore', 2, 2] })
  const venv = join(home, 'venv')
  run('python3', ['-m', 'venv', venv])
  const pip = (...args: string[]) => run(join(venv, 'bin/python'), ['-m', 'pip', ...args])
  pip('install', 'torch', 'numpy', 'gguf', 'scikit-build-core')
  const source = join(home, 'llama.cpp')
  if (!existsSync(source)) {
    pip('download', 'llama-cpp-python', '--no-deps', '--no-binary', ':all:', '--no-build-isolation', '-d', home)
    const archive = findArchive()
    run('tar', ['xzf', archive])
    run('mv', [join(archive.replace('.tar.gz', ''), 'vendor/llama.cpp'), source])
  }
  run('cmake', ['-B', 'build', '-DCMAKE_BUILD_TYPE=Release', '-DLLAMA_CURL=OFF', '-DLLAMA_BUILD_TESTS=OFF'], source)
  run('cmake', ['--build', 'build', '-j', '2', '--target', 'llama-bench', 'llama-batched-bench'], source)
  const [version] = /\d+(\.\d+)+/.exec(findArchive()) as RegExpExecArray
  writeFileSync(join(source, 'build/bin/version.txt'), `of llama-cpp-python ${version}\n`)
}

const findArchive = () => readdirSync(home).find((name) => /^llama_cpp_python-.*\.tar\.gz$/.test(name)) as string
