/** Takes the token of a server that asks for one. It stays in this tab and is never shown again. */
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { REFUSALS, refusalOf, setServerToken, useServerAccess } from '../../server-access.ts';
import { useStoredRuns } from '../../server-client.ts';
import { Button } from '../../ui/button.tsx';
import { SecretField } from '../../ui/field.tsx';
import { TOKEN_FIELD } from '../../ui/server-away.tsx';
import styles from './services.module.css';

export function ServerToken() {
  const { token, isKept } = useServerAccess();
  // The smallest thing a token allows is to read: who may not, has the wrong one or none.
  const { error, isFetching } = useStoredRuns();
  const queries = useQueryClient();
  const [typed, setTyped] = useState('');
  const refusal = refusalOf(error, token);
  if (token === null && refusal === null) return null;
  const take = (next: string | null) => {
    setServerToken(next);
    setTyped('');
    void queries.invalidateQueries();
  };
  const issue =
    refusal === 'wrong-token' ? `${REFUSALS[refusal].title}. ${REFUSALS[refusal].text}` : null;
  const isTaken = token !== null && !error;
  return (
    <form
      className={styles['token']}
      onSubmit={(event) => {
        event.preventDefault();
        if (typed.trim() !== '') take(typed.trim());
      }}
    >
      <SecretField
        id={TOKEN_FIELD}
        label={isTaken ? 'Another token for the server' : 'Token of the server'}
        value={typed}
        issue={isFetching ? null : issue}
        hint={hintFor(isTaken, isKept)}
        onChange={setTyped}
      />
      <div className={styles['buttons']}>
        <Button small type="submit" disabled={typed.trim() === ''}>
          Use
        </Button>
        {token !== null && (
          <Button small onClick={() => take(null)}>
            Forget the token
          </Button>
        )}
      </div>
    </form>
  );
}

function hintFor(isTaken: boolean, isKept: boolean): string {
  const kept = isKept
    ? 'until this tab is closed'
    : 'until the page is left: the browser keeps nothing';
  return isTaken
    ? `The server takes the token, ${kept}`
    : `Kept ${kept}, and sent to this server alone`;
}
