import { trainingSuite } from '../../test/training-suite.ts'
import { type ObjectiveId, objectives } from '../objectives/index.ts'

trainingSuite((Object.keys(objectives) as ObjectiveId[]).filter((id) => objectives[id].form === 'pairs'))
