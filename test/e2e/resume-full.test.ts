import { killAndResume, lengthen, prepare } from '../resume-suite.ts'

prepare()
killAndResume('supervised, all weights', 'sft', ['steps=50', 'saveEvery=1'])
lengthen()
