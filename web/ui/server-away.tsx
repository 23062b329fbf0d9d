/** What a panel shows while the server does not answer it: away, or a token is wanted. */
import type { ReactNode } from 'react';
import { Button } from './button.tsx';
import { Empty } from './panel.tsx';

/** The field that takes the token; who is refused is led to it. */
export const TOKEN_FIELD = 'server-token';

interface ServerAwayProps {
  /** Why the server refuses; null: it does not answer at all. */
  refusal: { title: string; text: string } | null;
  isFetching: boolean;
  /** Asks once more. */
  ask: () => void;
  /** What a server that is away means for the panel. */
  children: ReactNode;
}

export function ServerAway({ refusal, isFetching, ask, children }: ServerAwayProps) {
  if (refusal) {
    return (
      <Empty title={refusal.title}>
        {refusal.text}{' '}
        <Button small onClick={() => document.getElementById(TOKEN_FIELD)?.focus()}>
          Enter a token
        </Button>
      </Empty>
    );
  }
  return (
    <Empty title="The server is away">
      {children}{' '}
      <Button small disabled={isFetching} onClick={ask}>
        Ask again
      </Button>
    </Empty>
  );
}
