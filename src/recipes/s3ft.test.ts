import { recipeSuite } from '../../test/recipe-suite.ts'

recipeSuite('s3ft')
