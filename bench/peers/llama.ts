/**
 * llama.cpp as a contestant: `node bench/peers/llama.ts decode|prefill FOLDER_OF_BINARIES MODEL.gguf BATCH`. Each line on
 * stdin runs its own benchmark once; the model's load and warm-up are not in the rate.
 */
import { execFileSync } from 'node:child_process'

const [what, folder, model, batchText] = process.argv.slice(2)
const batch = Number(batchText)
const threads = ['-t', '2']

const run = (program: string, args: string[]) =>
  execFileSync(`${folder}/${program}`, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })

function measure(): number {
  if (what === 'decode' && batch > 1) {
    const sizes = ['-c', '8192', '-npp', '16', '-ntg', '128', '-npl', String(batch)]
    const output = run('llama-batched-bench', ['-m', model, ...threads, ...sizes, '--output-format', 'jsonl'])
    // Now and then it ends well and says nothing.
    const [line] = output.match(/\{.*\}/) ?? []
    if (line === undefined) return measure()
    return JSON.parse(line).speed_tg
  }
  const sizes = what === 'prefill' ? ['-p', '512', '-n', '0'] : ['-p', '0', '-n', '128', '-d', '16']
  const [result] = JSON.parse(run('llama-bench', ['-m', model, ...threads, ...sizes, '-r', '1', '-o', 'json']))
  return result.avg_ts
}

measure()
console.log('{}')
for await (const _ of process.stdin) console.log(JSON.stringify({ rate: measure() }))
