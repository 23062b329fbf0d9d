/** Gives every panel the run's actions, without passing them by hand. */
import { createContext, type ReactNode, useContext } from 'react';
import type { RunActions } from './run-actions.ts';

const ActionsContext = createContext<RunActions | null>(null);

export function ActionsProvider({
  actions,
  children,
}: {
  actions: RunActions;
  children: ReactNode;
}) {
  return <ActionsContext value={actions}>{children}</ActionsContext>;
}

/** @throws {Error} Outside `ActionsProvider`. */
export function useRunActions(): RunActions {
  const actions = useContext(ActionsContext);
  if (!actions) throw new Error('Cannot use run actions here: wrap the panel in ActionsProvider');
  return actions;
}
