import { describeSandbox } from './sandbox.contract';

describeSandbox('awsm');
