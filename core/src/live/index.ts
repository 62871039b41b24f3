export { LANE_EVENTS, type LaneSource } from './lane-capture';
export type { LaneSlice, Lanes, LiveFunction, LiveReport, LiveSample } from './live-report';
export { LiveView } from './live-view';
