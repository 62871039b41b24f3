export { chartsOf } from './charts';
export type { Chart } from './charts';
export { changeText, htmlReport } from './page';
