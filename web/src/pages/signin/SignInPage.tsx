import { Alert, Button, PasswordInput, TextInput } from '@mantine/core';
import { type FormEvent, type JSX, useEffect, useRef, useState } from 'react';
import { useMutation, useQueryClient } from '@tanstack/react-query';

import { ApiError } from '../../api/client';
import { sessionKey, signIn } from '../../api/session';
import { Logo } from '../../components/icons';
import { text } from '../../text';
import styles from './SignInPage.module.css';

function reason(error: Error): string {
  if (!(error instanceof ApiError)) return error.message;
  if (error.kind === 'unauthorized') return text.signIn.wrong;
  if (error.kind === 'overloaded') return text.signIn.tooMany;
  if (error.kind === 'offline') return text.errors.offline.title;
  return error.message;
}

export function SignInPage(): JSX.Element {
  const [user, setUser] = useState('admin');
  const [password, setPassword] = useState('');
  const passwordInput = useRef<HTMLInputElement>(null);
  useEffect(() => passwordInput.current?.focus(), []);
  const client = useQueryClient();
  const attempt = useMutation({
    mutationFn: () => signIn(user, password),
    onSuccess: (session) => client.setQueryData(sessionKey, session),
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    attempt.mutate();
  };
  return (
    <main className={styles.page}>
      <form className={styles.card} onSubmit={submit} aria-label={text.signIn.heading}>
        <div className={styles.brand}>
          <Logo size={40} />
          <div>
            <h1 className={styles.name}>{text.product}</h1>
            <p className={styles.tagline}>{text.signIn.tagline}</p>
          </div>
        </div>
        <TextInput
          label={text.signIn.user}
          value={user}
          onChange={(event) => setUser(event.currentTarget.value)}
          autoComplete="username"
          required
          withAsterisk={false}
        />
        <PasswordInput
          label={text.signIn.password}
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
          autoComplete="current-password"
          required
          withAsterisk={false}
          ref={passwordInput}
        />
        {attempt.error && (
          <Alert color="red" variant="light" p="xs">
            {reason(attempt.error)}
          </Alert>
        )}
        <Button type="submit" loading={attempt.isPending} fullWidth>
          {text.signIn.submit}
        </Button>
        <p className={styles.hint}>{text.signIn.hint}</p>
      </form>
    </main>
  );
}
