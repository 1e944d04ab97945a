import { Alert } from '@mantine/core';
import type { JSX } from 'react';

/** Why something that was asked for was not done; nothing as long as there is no error. */
export function Failure({ error }: { readonly error: Error | null }): JSX.Element | null {
  return (
    error && (
      <Alert color="red" variant="light" p="xs" my="xs" style={{ whiteSpace: 'pre-wrap' }}>
        {error.message}
      </Alert>
    )
  );
}
