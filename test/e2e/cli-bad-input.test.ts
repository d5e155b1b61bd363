import { cpSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { chat, contextLength, type Fixture, hone, makeFixture, tree, turn } from './cli-fixture.ts'

let at: Fixture
beforeAll(async () => {
  at = await makeFixture()
})
afterAll(() => at.clean())

const sft = (...more: string[]) => ['train', 'sft', '--model', 'model', '--out', 'out', ...more]
const onData = (file: string, ...more: string[]) => sft('--data', file, ...more)
const good = chat('red', 'blue')

/** A copy of the model with one file changed. */
function spoiledModel(name: string, spoil: (path: (file: string) => string) => void): string[] {
  cpSync(at.path('model'), at.path(name), { recursive: true })
  spoil((file) => at.path(name, file))
  return ['train', 'sft', '--model', name, '--data', 'chats.jsonl', '--out', 'out']
}

/** Changes the JSON header of a safetensors file, or the length it claims. */
function spoilHeader(path: string, change: (header: Buffer) => { header: Buffer; length?: bigint }): void {
  const bytes = readFileSync(path)
  const end = 8 + Number(bytes.readBigUInt64LE())
  const { header, length } = change(bytes.subarray(8, end))
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(length ?? BigInt(header.length))
  writeFileSync(path, Buffer.concat([size, header, bytes.subarray(end)]))
}

interface Case {
  /** Prepares files and gives the command line. */
  args: () => string[]
  /** What the message names, each of them. */
  says: RegExp[]
  remedy?: RegExp
}

const cases: Record<string, Case> = {
  'a broken JSON line': {
    args: () => onData(at.jsonl('broken.jsonl', [good, '{"messages": [', good])),
    says: [/broken\.jsonl:2/],
  },
  'a row of another format': {
    args: () => onData(at.jsonl('other.jsonl', [good, good, { foo: 1, bar: 2 }])),
    says: [/other\.jsonl:3/, /foo/, /expected|known format/],
  },
  'no assistant turn': {
    args: () => onData(at.jsonl('mute.jsonl', [good, { messages: [turn('user', 'hello?')] }])),
    says: [/mute\.jsonl:2/, /assistant/],
  },
  'a template that renders nothing to learn': {
    args: () => {
      at.write('deaf.jinja', "{% for m in messages if m.role == 'user' %}{{ m.content }}{% endfor %}")
      return onData('chats.jsonl', 'template=deaf.jinja')
    },
    says: [/chats\.jsonl:1/, /template/],
  },
  'a row longer than the context': {
    args: () => onData(at.jsonl('long.jsonl', [good, chat('red', 'blue green '.repeat(60))])),
    says: [/long\.jsonl:2/, new RegExp(`${contextLength}`)],
    remedy: /truncate|drop/,
  },
  'an empty file': { args: () => onData(at.write('empty.jsonl', '')), says: [/empty\.jsonl/, /no rows|empty/] },
  'a token id outside the vocabulary': {
    args: () => onData(at.jsonl('ids.jsonl', [{ tokens: [1, 2, 3] }, { tokens: [1, 99999] }])),
    says: [/ids\.jsonl:2/, /99999/],
  },
  'a model that does not exist': {
    args: () => ['train', 'sft', '--model', './modell', '--data', 'chats.jsonl', '--out', 'out'],
    says: [/\.\/modell/],
  },
  'data that does not exist': { args: () => onData('chat.jsonl'), says: [/chat\.jsonl/], remedy: /chats\.jsonl/ },
  'a negative learning rate': {
    args: () => onData('chats.jsonl', 'learningRate=-1e-4'),
    says: [/learningRate/, /-0\.0001|-1e-4/, /more than 0/],
  },
  'dpo on rows without chosen': {
    args: () => ['train', 'dpo', '--model', 'model', '--data', 'chats.jsonl', '--out', 'out'],
    says: [/chats\.jsonl:1/, /chosen/],
  },
  'truncated weights': {
    args: () => spoiledModel('cut', (path) => truncateSync(path('model.safetensors'), 5000)),
    says: [/cut\/model\.safetensors/],
  },
  'weights whose header lies about its size': {
    args: () =>
      spoiledModel('liar', (path) =>
        spoilHeader(path('model.safetensors'), (header) => ({ header, length: 2n ** 60n })),
      ),
    says: [/liar\/model\.safetensors/],
  },
  'weights whose header is no JSON': {
    args: () =>
      spoiledModel('garbled', (path) =>
        spoilHeader(path('model.safetensors'), (header) => ({ header: Buffer.from(header).fill('x', 0, 9) })),
      ),
    says: [/garbled\/model\.safetensors/, /header/],
  },
  'a tensor of another shape': {
    args: () =>
      spoiledModel('misshapen', (path) => {
        const config = JSON.parse(readFileSync(path('config.json'), 'utf8'))
        writeFileSync(path('config.json'), JSON.stringify({ ...config, intermediate_size: 32 }))
      }),
    says: [/gate_proj/, /24/, /32/],
  },
  'a tokenizer of another model': {
    args: () =>
      spoiledModel('foreign', (path) => {
        const json = JSON.parse(readFileSync(path('tokenizer.json'), 'utf8'))
        for (let id = 300; id < 400; id++) json.model.vocab[`extra${id}`] = id
        writeFileSync(path('tokenizer.json'), JSON.stringify(json))
      }),
    says: [/foreign/, /tokenizer/, /300/, /400/],
  },
  'an unknown key in a config': {
    args: () => onData('chats.jsonl', '--config', at.write('keys.yaml', 'epochs: 2\nlerningRate: 1e-4\n')),
    says: [/keys\.yaml/, /lerningRate/, /learningRate/],
  },
  'a config that is no YAML': {
    args: () => onData('chats.jsonl', '--config', at.write('torn.yaml', 'epochs: 2\nsteps: [1,\n')),
    says: [/torn\.yaml:\d/],
  },
  'an unknown key on the line': { args: () => onData('chats.jsonl', 'epoch=2'), says: [/"epoch"/, /epochs/] },
  'an unknown flag': {
    args: () => onData('chats.jsonl', '--learnin-rate', '1'),
    says: [/--learnin-rate/],
    remedy: /--learning-rate/,
  },
  'an unknown verb': { args: () => ['trane', 'sft'], says: [/trane/], remedy: /train/ },
  'what is missing': { args: () => ['train', 'sft', '--model', 'model'], says: [/--data/, /--out/] },
  'an unknown task': { args: () => ['eval', '--model', 'model', '--task', 'tinny'], says: [/tinny/], remedy: /tiny/ },
  'a prompt longer than the context': {
    args: () => ['sample', '--model', 'model', '--prompt', 'red '.repeat(150)],
    says: [new RegExp(`${contextLength}`)],
  },
  'a row of prompts that asks nothing': {
    args: () => [
      'sample',
      '--model',
      'model',
      '--prompts',
      at.jsonl('asks.jsonl', [{ prompt: 'red' }, { completion: 'x' }]),
    ],
    says: [/asks\.jsonl:2/, /"prompt"/],
  },
  'an export where something is': {
    args: () => ['export', '--model', 'model', '--format', 'hf', '--out', 'model'],
    says: [/model/],
    remedy: /--overwrite/,
  },
  'an adapter that is none': {
    args: () => ['merge-adapter', '--model', 'model', '--out', 'merged'],
    says: [/adapter/],
  },
}

describe('bad input ends with one error, and nothing is left behind', () => {
  test.concurrent.each(Object.entries(cases))('%s', async (_, { args, says, remedy }) => {
    const line = args()
    const { code, stdout, stderr } = await hone(line, { cwd: at.folder })
    for (const pattern of says) expect(stderr).toMatch(pattern)
    expect(stderr).toMatch(/^error: /)
    expect(stderr.match(/^error: /gm)).toHaveLength(1)
    expect(stderr).not.toMatch(/^\s+at .*[:(]/m)
    expect(stderr).toMatch(new RegExp(`^help: .*(${remedy?.source ?? ''})`, 'm'))
    expect([code, stdout]).toEqual([2, ''])
    expect(tree(at.folder).filter((path) => /\/(out|merged)(\/|$)|\.tmp|\.new-/.test(path))).toEqual([])
  })
})

test('with --json the error is a document too, and with --debug it has a stack', async () => {
  const line = onData('nowhere.jsonl')
  const [json, debug] = await Promise.all([
    hone([...line, '--json'], { cwd: at.folder }),
    hone([...line, '--debug'], { cwd: at.folder }),
  ])
  const { error } = JSON.parse(json.stdout)
  expect(error).toMatchObject({ code: 'E_NOT_FOUND', message: expect.stringMatching(/nowhere\.jsonl/) })
  expect(error.help).toBeTypeOf('string')
  expect(debug.stderr).toMatch(/^\s+at /m)
  expect([json.code, debug.code]).toEqual([2, 2])
})

test('a full disk ends the run with what was good before', async () => {
  const entry = fileURLToPath(new URL('cli-full-disk.ts', import.meta.url))
  const line = [
    'train',
    'sft',
    '--model',
    'model',
    '--data',
    'chats.jsonl',
    '--out',
    'full',
    'saveEvery=2',
    'epochs=30',
  ]
  const { code, stderr } = await hone([...line, 'batchSize=4'], {
    cwd: at.folder,
    entry,
    env: { HONE_TEST_FULL_AT: '30' },
  })
  expect(stderr).toMatch(/^error: .*no space left/m)
  expect(stderr).toMatch(/checkpoint/)
  expect(code).toBe(2)
  const left = tree(at.path('full')).map((path) => path.slice(at.path('full').length))
  expect(left.filter((path) => /^\/(config\.json|model)/.test(path))).toEqual([])
  expect(left.filter((path) => /checkpoints\/step-\d+$/.test(path)).length).toBeGreaterThan(0)
  expect(left.filter((path) => /checkpoints\/\.new|\.tmp$/.test(path))).toEqual([])
})

test('a loss that is no number stops the run, keeps the last good checkpoint and names the batch', async () => {
  const line = onData(
    'chats.jsonl',
    'learningRate=1e30',
    'clip=0',
    'warmup=0',
    'epochs=20',
    'batchSize=4',
    'saveEvery=1',
  )
  const { code, stderr } = await hone([...line.map((word) => (word === 'out' ? 'wild' : word))], { cwd: at.folder })
  expect(stderr).toMatch(/^error: .*(NaN|Infinity)/m)
  expect(stderr).toMatch(/batch of rows \d|update \d/)
  expect(stderr).toMatch(/checkpoint of update \d+ is kept|no checkpoint was written/)
  expect(code).toBe(2)
  expect(tree(at.path('wild')).some((path) => path.endsWith('/wild/config.json'))).toBe(false)
})
