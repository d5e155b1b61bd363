/** Instruction sets that kernels are compiled for, the best first: their names are those of the C++ side. */
export const isas = ['amx', 'avx512bf16', 'avx512', 'avx2', 'portable'] as const
export type Isa = (typeof isas)[number]

interface Target {
  flags: readonly string[]
  /** What a compiler defines where the processor has all of it. */
  macros: readonly string[]
}

const avx2: Target = { flags: ['-mavx2', '-mfma', '-mf16c'], macros: ['__AVX2__', '__FMA__', '__F16C__'] }
const avx512: Target = {
  flags: ['-mavx512f', '-mavx512bw', '-mavx512dq', '-mavx512vl', ...avx2.flags],
  macros: ['__AVX512F__', '__AVX512BW__', '__AVX512DQ__', '__AVX512VL__', ...avx2.macros],
}
const avx512bf16: Target = {
  flags: ['-mavx512bf16', ...avx512.flags],
  macros: ['__AVX512BF16__', ...avx512.macros],
}
/** Tiles of bf16. Linux gives them on request, else what is below is used. */
const amx: Target = {
  flags: ['-mamx-tile', '-mamx-bf16', ...avx512bf16.flags],
  macros: ['__AMX_TILE__', '__AMX_BF16__', ...avx512bf16.macros],
}
const portable: Target = { flags: [], macros: [] }

/** By architecture. */
export const targets: Readonly<Record<string, Partial<Record<Isa, Target>>>> = {
  x64: { amx, avx512bf16, avx512, avx2, portable },
  arm64: { portable },
}

/**
 * The sets worth compiling, given all that the compiler defines for this processor (null where it does not say): those it can
 * run, of the two with AVX-512 alone the one that has more.
 */
export function worthCompiling(arch: string, macros: ReadonlySet<string> | null): Isa[] {
  const known = targets[arch] ?? { portable }
  const able = isas.filter((isa) =>
    // Compilers that do not say may not know of tiles.
    macros ? known[isa]?.macros.every((macro) => macros.has(macro)) : known[isa] && isa !== 'amx',
  )
  return macros && able.includes('avx512bf16') ? able.filter((isa) => isa !== 'avx512') : able
}
