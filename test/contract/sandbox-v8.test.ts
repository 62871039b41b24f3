import { describeSandbox } from './sandbox.contract';

describeSandbox('v8', {
  // V8 does not tell these apart; see the plugin's README.
  'uninitialized element': ['indirect call type mismatch'],
  'table out of bounds': ['undefined element'],
});
