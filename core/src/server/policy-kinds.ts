/** What is exchanged while a server runs. */
export const POLICY_KINDS = ['dispatcher', 'scheduler', 'estimator', 'admission'] as const;
export type PolicyKind = (typeof POLICY_KINDS)[number];
