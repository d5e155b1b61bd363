import { recipeSuite } from '../../test/recipe-suite.ts'

recipeSuite('sharpening')
