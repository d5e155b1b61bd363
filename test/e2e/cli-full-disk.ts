// The command line on a disk that is full from some write on: HONE_TEST_FULL_AT says from which.
import { setPlatform } from '../../src/base/index.ts'
import { nodePlatform } from '../../src/base/platform/node.ts'
import { main } from '../../src/cli/main.ts'
import { faultyPlatform } from '../faults.ts'

setPlatform(faultyPlatform(nodePlatform, { failAt: Number(process.env['HONE_TEST_FULL_AT']), mode: 'full' }))
await main(process.argv.slice(2))
