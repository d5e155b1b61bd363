import { recipeSuite } from '../../test/recipe-suite.ts'

recipeSuite('multi-turn-dpo')
