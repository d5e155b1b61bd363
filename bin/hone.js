#!/usr/bin/env node
// Starts the command line on a Node that runs TypeScript directly: this one if it is new enough, else the one shipped
// as an optional dependency of the checkout. Plain JavaScript that any Node ≥ 18 can parse.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import * as nodeModule from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findNode, needsNewerNode } from './node.js'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const source = join(root, 'src', 'cli', 'main.ts')
const entry = existsSync(source) ? source : join(root, 'dist', 'cli', 'main.js')

if (!needsNewerNode()) {
  // Keeps what Node makes of the sources in its cache folder: starting takes a third of the time from the second call on.
  nodeModule.enableCompileCache?.()
  // Started by an older Node (below): when that one is gone, however it went, this one ends as if told to.
  if (process.env.HONE_LAUNCHED && process.channel) {
    process.channel.unref()
    process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'))
  }
  const { main } = await import(entry)
  await main(process.argv.slice(2))
} else {
  const node = findNode(root)
  if (!node) {
    console.error(
      `hone needs Node 24 or newer; this is ${process.version}. Install it, or run \`npm install\` in ${root}.`,
    )
    process.exit(2)
  }
  const child = spawn(
    node,
    ['--disable-warning=ExperimentalWarning', fileURLToPath(import.meta.url), ...process.argv.slice(2)],
    { stdio: ['inherit', 'inherit', 'inherit', 'ipc'], env: { ...process.env, HONE_LAUNCHED: '1' } },
  )
  // The terminal sends Ctrl-C to the whole group: the child checkpoints and ends, and this process only waits for it.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => signal === 'SIGTERM' && child.kill(signal))
  child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)))
}
