export * from './statistics';
export * from './load';
export * from './compare';
export * from './report';
export * from './analyze';
export * from './simulate';
export * from './workloads';
export * from './study';
