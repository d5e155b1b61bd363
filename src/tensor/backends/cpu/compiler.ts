import { HoneError, platform } from '../../../base/index.ts'

export interface Compiler {
  /** Program and leading arguments: `CXX` may hold both, as in 'ccache g++'. */
  command: string[]
  /** First line of `--version` and the target: part of the cache key. */
  identity: string
}

const install = [
  'Debian, Ubuntu: sudo apt install g++',
  'Fedora: sudo dnf install gcc-c++',
  'macOS: xcode-select --install',
  'Windows: use WSL (wsl --install), then as on Ubuntu',
]

/**
 * The system's C++ compiler: `CXX` where it is set, else c++, g++ or clang++.
 *
 * @throws HoneError E_NO_COMPILER with what to install.
 */
export async function findCompiler(): Promise<Compiler> {
  const chosen = platform().env('CXX')?.trim()
  const candidates = chosen ? [chosen.split(/\s+/)] : [['c++'], ['g++'], ['clang++']]
  for (const command of candidates) {
    const version = await ask(command, '--version')
    if (version === null) continue
    const target = (await ask(command, '-dumpmachine')) ?? ''
    return { command, identity: `${version.split('\n')[0]} ${target}`.trim() }
  }
  throw new HoneError(
    'E_NO_COMPILER',
    chosen
      ? `CXX is '${chosen}', which cannot be run; hone compiles its kernels with it once`
      : 'no C++ compiler was found (c++, g++ or clang++); hone compiles its kernels with one once',
    { help: `Install one and try again. ${install.join('. ')}.` },
  )
}

/** What the compiler defines for the processor that it runs on; null where it does not know. */
export async function nativeMacros({ command }: Compiler): Promise<Set<string> | null> {
  const defined = await ask(command, '-march=native', '-dM', '-E', '-x', 'c++', '/dev/null')
  const names = defined?.match(/(?<=#define )\w+/g)
  return names ? new Set(names) : null
}

async function ask(command: string[], ...flags: string[]): Promise<string | null> {
  try {
    const result = await platform().spawn(command[0], [...command.slice(1), ...flags], { timeoutMs: 20_000 })
    return result.code === 0 ? result.stdout.trim() : null
  } catch {
    return null
  }
}
