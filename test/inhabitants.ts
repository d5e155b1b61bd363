import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

export interface Inhabitant {
  pid: number
  /** Bytes of memory that are its own. */
  resident: number
}

/**
 * Every process in the user namespaces of a process's launchers, wherever it hangs by now: keeper, launcher, zygote, and what programs left
 * behind. A namespace cannot be left, so neither can this list.
 */
export function inhabitants(parent = process.pid): Inhabitant[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const status = readFileSync(`/proc/${name}/status`, 'utf8')
        const number = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0)
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8')
        const space = readlinkSync(`/proc/${name}/ns/user`)
        return [{ pid: Number(name), parent: number('PPid'), resident: number('VmRSS') * 1024, command, space }]
      } catch {
        return []
      }
    })
  const own = readlinkSync('/proc/self/ns/user')
  const spaces = new Set(
    all
      .filter((one) => one.parent === parent && one.command.includes('launcher.py'))
      .map(({ space }) => space)
      .filter((space) => space !== own),
  )
  return all.filter(({ space }) => spaces.has(space)).map(({ pid, resident }) => ({ pid, resident }))
}
