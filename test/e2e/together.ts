import { Client } from 'undici';

export interface Together {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

/**
 * Requests that come together however slow the machine is: one after another in one connection,
 * none waiting for an answer.
 */
export async function together(
  url: string,
  count: number,
  options: { method?: 'GET' | 'POST'; body?: string } = {},
): Promise<Together[]> {
  const { origin, pathname, search } = new URL(url);
  const client = new Client(origin, { pipelining: count });
  const one = async (): Promise<Together> => {
    const target = { path: pathname + search, method: 'GET' as const, blocking: false };
    const answer = await client.request({ ...target, ...options });
    return {
      status: answer.statusCode,
      headers: answer.headers,
      text: await answer.body.text(),
    };
  };
  try {
    return await Promise.all(Array.from({ length: count }, one));
  } finally {
    await client.close();
  }
}
