import { recipeSuite } from '../../test/recipe-suite.ts'

recipeSuite('alignment-insights')
