export { citationsIn, formatStudy, type Citation } from './format-study';
export { runStudy, type StudyFigures, type StudyReport } from './run-study';
export { defineStudy, keyOf, parseStudy, pointsOf } from './study';
export type { Study, StudyInput, StudyPoint } from './study';
