import { expect, test } from 'vitest';

import { type WireOpenFile, readOpenFile } from './openFiles';

const wire: WireOpenFile = {
  fd: 3,
  kind: 'pipe',
  name: '',
  deleted: false,
  access: 'read',
  position: null,
  size_bytes: null,
  inode: 99,
  socket: null,
};

const end = { local_address: '10.0.0.2', local_port: 22, remote_address: '', remote_port: 0 };

test('what has no name is called by its inode', () => {
  expect(readOpenFile(wire).name).toBe('[99]');
  expect(readOpenFile({ ...wire, inode: null }).name).toBe('');
  expect(readOpenFile({ ...wire, name: '/a' }).name).toBe('/a');
});

test('a socket is called by its ends', () => {
  const named = (socket: WireOpenFile['socket']): string => readOpenFile({ ...wire, socket }).name;
  expect(named({ ...end, protocol: 'tcp', state: 'listen' })).toBe('tcp 10.0.0.2:22 listen');
  const remote = { remote_address: '2001:db8::1', remote_port: 443 };
  expect(named({ ...end, ...remote, protocol: 'udp', state: '' })).toBe(
    'udp 10.0.0.2:22 → [2001:db8::1]:443',
  );
  expect(named({ ...end, local_address: '', local_port: 0, protocol: 'unix', state: '' })).toBe('unix');
});
