/** Prints how many tests the production suite has, for a report that skips them. */
import { SUITE } from './suite.ts';

console.log(SUITE.length);
