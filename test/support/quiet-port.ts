// The name under which test/integration/simulator/receiver-thread.test.ts has it; the thing itself is the simulator's.

export { freePort as quietPort } from '../../simulator/system/free-port.ts';
