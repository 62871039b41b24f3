/** The library as the server gives it: /console/uplot.js. */
export { default } from 'uplot';
