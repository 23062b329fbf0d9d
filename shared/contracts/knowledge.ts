/**
 * What a policy has learned over many runs, and how it is kept. The numbers are sums over seeds
 * whose outcome is known, so what two runs learned at the same time is added, not overwritten.
 *
 * HTTP: `GET /api/v1/knowledge/{name}` answers {@link PolicyKnowledge} with its digest as ETag, 404
 * before the first `PUT`. `PUT` sends the whole document with `If-Match: "<digest>"` of what it was
 * made from, or `If-None-Match: *` for the first; 412 means that another run was faster: read
 * again, add, try again.
 */
import { z } from 'zod';

/** Path of the document of that name. */
export const knowledgePath = (name: string): string =>
  `/api/v1/knowledge/${encodeURIComponent(name)}`;

export const KnowledgeName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
    'must be letters, digits, dots, dashes and underscores, at most 64',
  );

/** Most arms of one document: kinds of slot times blueprints. */
export const MAX_ARMS = 512;
/** Most numbers that describe one look. */
export const MAX_FEATURES = 16;

const finite = z.number().finite();

/** Sufficient statistics of one arm: ridge regression of reward on features, without the ridge. */
export const BanditArm = z.strictObject({
  /** Sum of x x', row-major, features² numbers. */
  gram: z.array(finite).max(MAX_FEATURES ** 2),
  /** Sum of reward · x. */
  moment: z.array(finite).max(MAX_FEATURES),
  /** Seeds whose outcome went in. */
  pulls: z.number().int().nonnegative(),
  rewardSum: finite,
});
export type BanditArm = z.infer<typeof BanditArm>;

export const PolicyKnowledge = z
  .strictObject({
    version: z.literal(1),
    policy: z.literal('bandit'),
    /** What each entry of a feature vector measures, in order. */
    features: z.array(z.string().min(1).max(64)).min(1).max(MAX_FEATURES),
    /** By `<kind of slot>|<blueprint>`, for example `linear-hidden|widen-8`. */
    arms: z.record(z.string().min(1).max(160), BanditArm),
  })
  .superRefine(({ arms, features }, ctx) => {
    const names = Object.keys(arms);
    if (names.length > MAX_ARMS) {
      ctx.addIssue({ code: 'custom', path: ['arms'], message: `has more than ${MAX_ARMS} arms` });
    }
    const d = features.length;
    for (const name of names) {
      const { gram, moment } = arms[name] as BanditArm;
      if (gram.length === d * d && moment.length === d) continue;
      ctx.addIssue({
        code: 'custom',
        path: ['arms', name],
        message: `must have ${d * d} sums in "gram" and ${d} in "moment"`,
      });
    }
  });
export type PolicyKnowledge = z.infer<typeof PolicyKnowledge>;
